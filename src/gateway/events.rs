//! Tells the feed of events what happens to cameras.

use std::sync::Arc;

use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;

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

/// What became other from one catalogue to the next.
fn difference(before: &Catalog, after: &Catalog) -> Vec<Happened> {
    let removed = before.cameras().iter();
    let removed = removed.filter(|camera| after.by_id(camera.id).is_none());
    let mut happened: Vec<_> = removed.map(|camera| Happened::Removed(camera.id)).collect();
    for camera in after.cameras() {
        match before.by_id(camera.id) {
            None => happened.push(Happened::Added(camera.id)),
            Some(old) if Arc::ptr_eq(old, camera) || super::reload::is_same_record(old, camera) => {
            }
            Some(_) => happened.push(Happened::Changed(camera.id)),
        }
    }
    happened
}
