//! Writes down what was: intervals of states, refused passwords.
//!
//! States are written once a second, all or none; a refused password at once, so that a restart does not
//! try it again before its time.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::broadcast;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::catalog::CameraId;
use crate::clock::wall_clock;
use crate::ledger::{State, StateCause};
use crate::source::{Account, Change, Refusal, Sources};
use crate::store::{self, RefusedLogin, Store};
use crate::task::blocking;

/// The store, shared by those who write it.
pub(super) type SharedStore = Arc<Mutex<Store>>;

/// Runs `work` on the store where it may block.
pub(super) async fn on_store<T: Send + 'static>(
    store: &SharedStore,
    work: impl FnOnce(&mut Store) -> T + Send + 'static,
) -> T {
    let store = store.clone();
    blocking(move || work(&mut store.lock().unwrap_or_else(PoisonError::into_inner))).await
}

/// What is to be written.
struct Keeper {
    store: SharedStore,
    sources: Sources,
    unwritten: Unwritten,
    /// Refused passwords are to be written.
    refusals_due: bool,
    /// The store failed: said once until it works again.
    has_failed: bool,
}

/// States that cameras entered, in their order, and that are to be written.
#[derive(Default)]
struct Unwritten {
    entered: Vec<(CameraId, StateCause, SystemTime)>,
    /// The state of each camera that was noted last.
    noted: HashMap<CameraId, StateCause>,
    /// There was no room for a state: once these are written, all cameras are looked at.
    has_missed: bool,
}

impl Unwritten {
    /// A try is no state of its own: an interval goes on till its verdict.
    fn note(&mut self, change: Change) {
        let Change { camera, state, at } = change;
        if state.state() == State::Connecting || self.noted.get(&camera) == Some(&state) {
            return;
        }
        if self.entered.len() >= ENTERED_MAX {
            self.has_missed = true;
            return;
        }
        self.noted.insert(camera, state);
        self.entered.push((camera, state, at));
    }
}

/// Runs until the gateway stops; then writes what is left.
pub(super) async fn run(store: SharedStore, sources: Sources, cancelled: CancellationToken) {
    let mut changes = sources.changes();
    let mut refusals = sources.refusals_changed();
    let mut keeper = Keeper {
        store,
        sources,
        unwritten: Unwritten::default(),
        refusals_due: true,
        has_failed: false,
    };
    // What happened before we listened.
    keeper.note_all();
    keeper.keep_refusals().await;
    let (mut flush_at, mut prune_at) = (Instant::now() + FLUSH, Instant::now());
    loop {
        tokio::select! {
            () = cancelled.cancelled() => break,
            change = changes.recv() => match change {
                Ok(change) => {
                    keeper.unwritten.note(change);
                    flush_at = flush_at.min(Instant::now() + FLUSH);
                }
                Err(broadcast::error::RecvError::Lagged(_)) => keeper.note_all(),
                Err(broadcast::error::RecvError::Closed) => break,
            },
            Ok(()) = refusals.changed() => {
                keeper.refusals_due = true;
                keeper.keep_refusals().await;
            }
            () = sleep_until(flush_at) => {
                keeper.keep_refusals().await;
                keeper.flush().await;
                flush_at = Instant::now() + ALIVE;
            }
            () = sleep_until(prune_at) => {
                keeper.prune().await;
                prune_at = Instant::now() + PRUNE;
            }
        }
    }
    while let Ok(change) = changes.try_recv() {
        keeper.unwritten.note(change);
    }
    keeper.refusals_due = true;
    keeper.keep_refusals().await;
    keeper.flush().await;
}

impl Keeper {
    /// Changes were missed: where each camera is now is what can be said.
    fn note_all(&mut self) {
        for change in self.sources.states() {
            self.unwritten.note(change);
        }
    }

    async fn flush(&mut self) {
        loop {
            let entered = std::mem::take(&mut self.unwritten.entered);
            let (written, now) = (entered.clone(), wall_clock());
            let result =
                on_store(&self.store, move |store| store.enter_states(&written, now)).await;
            if !self.check(result) {
                self.unwritten.entered = entered;
                return;
            }
            if !std::mem::take(&mut self.unwritten.has_missed) {
                return;
            }
            self.note_all();
        }
    }

    async fn keep_refusals(&mut self) {
        if !self.refusals_due {
            return;
        }
        let (version, refusals) = self.sources.refusals();
        let logins: Vec<_> = refusals.into_iter().map(to_stored).collect();
        let result = on_store(&self.store, move |store| store.keep_refused_logins(&logins)).await;
        self.refusals_due = !self.check(result);
        if !self.refusals_due {
            self.sources.set_refusals_stored(version);
        }
    }

    async fn prune(&mut self) {
        let before = wall_clock() - KEPT;
        let result = on_store(&self.store, move |store| store.prune(before)).await;
        self.check(result.map(|_| ()));
    }

    fn check(&mut self, result: Result<(), store::Error>) -> bool {
        match result {
            Ok(()) => self.has_failed = false,
            Err(error) if !self.has_failed => {
                error!(%error, "the store cannot be written: tried again every minute");
                self.has_failed = true;
            }
            Err(_) => {}
        }
        !self.has_failed
    }
}

fn to_stored(refusal: Refusal) -> RefusedLogin {
    let Refusal {
        account,
        times,
        locked_until,
        marks,
    } = refusal;
    let Account { host, port, user } = account;
    RefusedLogin {
        host,
        port,
        user,
        times,
        locked_until,
        marks,
    }
}

/// The passwords that the daemon with that folder knows to be refused.
///
/// # Errors
///
/// Its store cannot be read.
pub fn known_refusals(data_dir: &Path) -> Result<Vec<Refusal>, store::Error> {
    let logins = store::refused_logins_of(data_dir)?;
    Ok(logins.into_iter().map(from_stored).collect())
}

pub(super) fn from_stored(login: RefusedLogin) -> Refusal {
    let RefusedLogin {
        host,
        port,
        user,
        times,
        locked_until,
        marks,
    } = login;
    Refusal {
        account: Account { host, port, user },
        times,
        locked_until,
        marks,
    }
}

const FLUSH: Duration = Duration::from_secs(1);
/// The last moment that we are known to have lived is so old at most.
const ALIVE: Duration = Duration::from_secs(60);
const PRUNE: Duration = Duration::from_secs(86_400);
/// Three years, as the audit.
const KEPT: Duration = Duration::from_secs(1095 * 86_400);
/// What is written at once, and kept while the store fails.
const ENTERED_MAX: usize = 50_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Cause;

    #[test]
    fn a_state_for_which_there_was_no_room_is_found_when_all_are_looked_at() {
        let mut unwritten = Unwritten::default();
        let cameras: Vec<_> = (0..=ENTERED_MAX).map(camera).collect();
        let look = |unwritten: &mut Unwritten| {
            for camera in &cameras {
                unwritten.note(entered(*camera, StateCause::ONLINE));
            }
        };
        look(&mut unwritten);
        assert_eq!(unwritten.entered.len(), ENTERED_MAX);
        assert!(unwritten.has_missed);
        unwritten.entered.clear();
        look(&mut unwritten);
        let left: Vec<_> = unwritten
            .entered
            .iter()
            .map(|(camera, ..)| camera)
            .collect();
        assert_eq!(left, [cameras.last().unwrap()]);
    }

    #[test]
    fn a_state_is_noted_once_and_a_try_is_none() {
        let mut unwritten = Unwritten::default();
        let states = [
            StateCause::ONLINE,
            StateCause::CONNECTING,
            StateCause::ONLINE,
            StateCause::offline(Cause::Timeout),
        ];
        for state in states {
            unwritten.note(entered(camera(1), state));
        }
        let noted: Vec<_> = unwritten
            .entered
            .iter()
            .map(|(_, state, _)| *state)
            .collect();
        assert_eq!(noted, [states[0], states[3]]);
        assert!(!unwritten.has_missed);
    }

    fn entered(camera: CameraId, state: StateCause) -> Change {
        Change {
            camera,
            state,
            at: wall_clock(),
        }
    }

    fn camera(number: usize) -> CameraId {
        CameraId::derive("education", &number.to_string(), 0)
    }
}
