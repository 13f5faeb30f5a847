//! What happened, in its order, for whoever wants to follow it: kept for a while, so that one who was away can go on.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::catalog::CameraId;
use crate::ledger::StateCause;

/// Something that happened.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Happened {
    /// A camera is there that was not.
    Added(CameraId),
    /// What is known of a camera is other.
    Changed(CameraId),
    /// A camera is gone.
    Removed(CameraId),
    /// A camera entered a state.
    Entered(CameraId, StateCause),
    /// Something was missed: all must be read anew.
    Reset,
}

/// An event: its number and what happened when.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Event {
    pub(super) number: u64,
    pub(super) at: SystemTime,
    pub(super) happened: Happened,
}

/// The events of this run of the gateway. Cloning shares them.
#[derive(Clone, Debug)]
pub struct Feed(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Tells this run from others.
    run: u64,
    kept: Mutex<Kept>,
    /// The number of the newest event.
    newest: watch::Sender<u64>,
    /// Turns for those who follow.
    turns: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct Kept {
    events: VecDeque<Event>,
    /// The number of the newest event.
    newest: u64,
}

/// What followed a place in the feed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Followed {
    pub(super) events: Vec<Event>,
    /// The place behind them.
    pub(super) next: u64,
    /// What followed the place is not kept any more: all must be read anew.
    pub(super) is_lost: bool,
}

impl Feed {
    /// The feed of a run that began then.
    pub fn new(began: SystemTime) -> Self {
        let since = began.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(Arc::new(Shared {
            run: u64::try_from(since.as_millis()).unwrap_or_default(),
            kept: Mutex::default(),
            newest: watch::Sender::new(0),
            turns: Arc::new(Semaphore::new(FOLLOWERS_MAX)),
        }))
    }

    /// Tells what happened. The oldest events go when there are many.
    pub fn tell(&self, at: SystemTime, happened: impl IntoIterator<Item = Happened>) {
        let mut kept = self.kept();
        for happened in happened {
            kept.newest += 1;
            let event = Event {
                number: kept.newest,
                at,
                happened,
            };
            if kept.events.len() == EVENTS_MAX {
                kept.events.pop_front();
            }
            kept.events.push_back(event);
        }
        let newest = kept.newest;
        drop(kept);
        self.0.newest.send_replace(newest);
    }

    /// At most `limit` events behind a place.
    pub(super) fn behind(&self, place: u64, limit: usize) -> Followed {
        let kept = self.kept();
        let oldest = kept.newest - kept.events.len() as u64;
        if place < oldest || place > kept.newest {
            return Followed {
                events: Vec::new(),
                next: kept.newest,
                is_lost: true,
            };
        }
        let first = usize::try_from(place - oldest).unwrap_or(usize::MAX);
        let events: Vec<_> = kept
            .events
            .iter()
            .skip(first)
            .take(limit)
            .copied()
            .collect();
        Followed {
            next: events.last().map_or(place, |event| event.number),
            events,
            is_lost: false,
        }
    }

    /// The place behind all events.
    pub(super) fn end(&self) -> u64 {
        self.kept().newest
    }

    /// A turn for somebody who follows; `None` while too many do.
    pub(super) fn turn(&self) -> Option<OwnedSemaphorePermit> {
        self.0.turns.clone().try_acquire_owned().ok()
    }

    /// Tells of new events.
    pub(super) fn newest(&self) -> watch::Receiver<u64> {
        self.0.newest.subscribe()
    }

    /// A place as clients keep it.
    pub(super) fn id(&self, place: u64) -> String {
        format!("{}-{place}", self.0.run)
    }

    /// The place of an id; `None` where it is none of this run.
    pub(super) fn place(&self, id: &str) -> Option<u64> {
        let (run, place) = id.split_once('-')?;
        let run: u64 = run.parse().ok()?;
        place.parse().ok().filter(|_| run == self.0.run)
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// So many events are kept: 2,000 cameras that come and go some ten times.
const EVENTS_MAX: usize = 20_000;
/// So many may follow at once; each has a connection for itself.
const FOLLOWERS_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_was_away_goes_on_where_they_were_or_is_told_that_they_cannot() {
        let began = UNIX_EPOCH + std::time::Duration::from_millis(7);
        let feed = Feed::new(began);
        let camera = CameraId::derive("education", "a", 0);
        feed.tell(began, [Happened::Added(camera), Happened::Changed(camera)]);
        let id = feed.id(1);
        let followed = feed.behind(feed.place(&id).unwrap(), 10);
        let happened: Vec<_> = followed.events.iter().map(|event| event.happened).collect();
        assert_eq!(happened, [Happened::Changed(camera)]);
        assert_eq!((followed.next, followed.is_lost), (2, false));
        assert_eq!(feed.behind(2, 10).events, []);
        assert!(feed.behind(3, 10).is_lost, "never told");
        for foreign in ["8-1", "7", "x-1", "7-x", ""] {
            assert_eq!(feed.place(foreign), None, "{foreign}");
        }
        feed.tell(began, (0..EVENTS_MAX).map(|_| Happened::Changed(camera)));
        assert!(feed.behind(1, 10).is_lost);
        let rest = feed.behind(2, usize::MAX);
        assert_eq!((rest.events.len(), rest.is_lost), (EVENTS_MAX, false));
        assert_eq!(feed.behind(2, 10).next, 12);
    }
}
