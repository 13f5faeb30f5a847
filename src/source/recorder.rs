//! Recorders: what shares handshakes and abandoned sessions.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio_util::sync::CancellationToken;

use super::gate::Slots;
use crate::catalog::Record;

/// A recorder, or the address and port of a camera that has none.
pub(super) struct Recorder {
    pub(super) name: String,
    pub(super) leaving: Arc<Leaving>,
    pub(super) slots: Slots,
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// The sessions whose TEARDOWN is under way.
#[derive(Debug, Default)]
pub(super) struct Leaving(Mutex<Vec<CancellationToken>>);

/// One of them; ends with its drop.
#[derive(Debug)]
pub(super) struct LeavingOne {
    all: Arc<Leaving>,
    ended: CancellationToken,
}

impl Leaving {
    /// Begins to end a session.
    pub(super) fn enter(self: &Arc<Self>) -> LeavingOne {
        let ended = CancellationToken::new();
        self.lock().push(ended.clone());
        LeavingOne {
            all: self.clone(),
            ended,
        }
    }

    /// Waits until the sessions have ended that are about to now; those that begin to meanwhile are others'
    /// affair.
    pub(super) async fn those_of_now(&self) {
        let ended = self.lock().clone();
        for one in ended {
            one.cancelled().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<CancellationToken>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for LeavingOne {
    fn drop(&mut self) {
        self.ended.cancel();
        self.all.lock().retain(|one| !one.is_cancelled());
    }
}

/// Those in use.
#[derive(Debug, Default)]
pub(super) struct Recorders(HashMap<String, Weak<Recorder>>);

impl Recorders {
    /// The recorder of a camera that was found at `address`.
    pub(super) fn of(&mut self, record: &Record, address: IpAddr) -> Arc<Recorder> {
        let place = || SocketAddr::new(address, record.location.port).to_string();
        let named = record
            .nvr
            .as_ref()
            .map(|nvr| format!("{}/{nvr}", record.department));
        let name = named.unwrap_or_else(place);
        if let Some(recorder) = self.0.get(&name).and_then(Weak::upgrade) {
            return recorder;
        }
        if self.0.len()
            >= 2 * self
                .0
                .values()
                .filter(|weak| weak.strong_count() > 0)
                .count()
        {
            self.0.retain(|_, weak| weak.strong_count() > 0);
        }
        let recorder = Arc::new(Recorder {
            name: name.clone(),
            leaving: Arc::default(),
            slots: Slots::default(),
        });
        self.0.insert(name, Arc::downgrade(&recorder));
        recorder
    }
}
