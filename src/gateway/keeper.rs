//! Writes down what was: intervals of states, refused passwords.
//!
//! States are written once a second, all or none; a refused password at once, so that a restart does not
//! try it again before its time.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::broadcast;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

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
    /// The state of each camera that was written last.
    written: HashMap<CameraId, StateCause>,
    pending: Vec<(CameraId, StateCause, std::time::SystemTime)>,
    /// Refused passwords are to be written.
    refusals_due: bool,
    /// The store failed: said once until it works again.
    has_failed: bool,
}

/// Runs until the gateway stops; then writes what is left.
pub(super) async fn run(store: SharedStore, sources: Sources, cancelled: CancellationToken) {
    let mut changes = sources.changes();
    let mut refusals = sources.refusals_changed();
    let mut keeper = Keeper {
        store,
        sources,
        written: HashMap::new(),
        pending: Vec::new(),
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
                    keeper.note(change);
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
        keeper.note(change);
    }
    keeper.refusals_due = true;
    keeper.keep_refusals().await;
    keeper.flush().await;
}

impl Keeper {
    /// A try is no state of its own: an interval goes on till its verdict.
    fn note(&mut self, change: Change) {
        let Change { camera, state, at } = change;
        if state.state() == State::Connecting || self.written.get(&camera) == Some(&state) {
            return;
        }
        if self.pending.len() >= PENDING_MAX {
            warn!("the store does not keep up: a state is not written");
            return;
        }
        self.written.insert(camera, state);
        self.pending.push((camera, state, at));
    }

    /// Changes were missed: where each camera is now is what can be said.
    fn note_all(&mut self) {
        for change in self.sources.states() {
            self.note(change);
        }
    }

    async fn flush(&mut self) {
        let entered = std::mem::take(&mut self.pending);
        let (written, now) = (entered.clone(), wall_clock());
        let result = on_store(&self.store, move |store| store.enter_states(&written, now)).await;
        if !self.check(result) {
            self.pending = entered;
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
const PENDING_MAX: usize = 50_000;
