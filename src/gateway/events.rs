//! Tells the feed of events what happens to cameras.

use std::cmp::Ordering;
use std::sync::Arc;

use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;

use super::reload::is_same_record;
use crate::api::{Feed, Happened};
use crate::catalog::Catalog;
use crate::clock::wall_clock;
use crate::source::Sources;
use crate::task::blocking;

/// Runs until the gateway stops.
pub(super) async fn tell(
    feed: Feed,
    mut catalog: watch::Receiver<Arc<Catalog>>,
    sources: Sources,
    cancelled: CancellationToken,
) {
    let mut changes = sources.changes();
    let mut known = catalog.borrow_and_update().clone();
    loop {
        tokio::select! {
            () = cancelled.cancelled() => return,
            changed = catalog.changed() => {
                if changed.is_err() {
                    return;
                }
                let new = catalog.borrow_and_update().clone();
                let (before, after) = (known, new.clone());
                known = new;
                let happened = blocking(move || difference(&before, &after)).await;
                feed.tell(wall_clock(), happened);
            }
            change = changes.recv() => match change {
                Ok(change) => feed.tell(change.at, [Happened::Entered(change.camera, change.state)]),
                Err(broadcast::error::RecvError::Lagged(_)) => {
                    feed.tell(wall_clock(), [Happened::Reset]);
                }
                Err(broadcast::error::RecvError::Closed) => return,
            },
        }
    }
}

/// What became other from one catalogue to the next. Both are by code, which a camera has for good.
fn difference(before: &Catalog, after: &Catalog) -> Vec<Happened> {
    let mut happened = Vec::new();
    let (mut old, mut new) = (before.cameras().iter().peekable(), after.cameras().iter());
    let mut next = new.next();
    loop {
        let order = match (old.peek(), next) {
            (None, None) => return happened,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(before), Some(after)) => before.code.cmp(&after.code),
        };
        match (order, old.peek().copied(), next) {
            (Ordering::Less, Some(before), _) => happened.push(Happened::Removed(before.id)),
            (Ordering::Greater, _, Some(after)) => happened.push(Happened::Added(after.id)),
            (Ordering::Equal, Some(before), Some(after)) => {
                if !Arc::ptr_eq(before, after) && !is_same_record(before, after) {
                    happened.push(Happened::Changed(after.id));
                }
            }
            _ => return happened,
        }
        if order != Ordering::Greater {
            old.next();
        }
        if order != Ordering::Less {
            next = new.next();
        }
    }
}
