//! Recorders: what shares handshakes and abandoned sessions.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Weak};

use tokio::sync::watch;

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
pub(super) struct Leaving(watch::Sender<usize>);

/// One of them; ends with its drop.
#[derive(Debug)]
pub(super) struct LeavingOne(Arc<Leaving>);

impl Leaving {
    /// Begins to end a session.
    pub(super) fn enter(self: &Arc<Self>) -> LeavingOne {
        self.0.send_modify(|count| *count += 1);
        LeavingOne(self.clone())
    }

    /// Waits until no session is about to end.
    pub(super) async fn none(&self) {
        let mut count = self.0.subscribe();
        // The sender is here: the wait cannot fail.
        let _none = count.wait_for(|count| *count == 0).await;
    }
}

impl Drop for LeavingOne {
    fn drop(&mut self) {
        self.0.0.send_modify(|count| *count -= 1);
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
