//! Asks listed addresses of a department by ONVIF what they are, and proposes records; nothing is applied.
//!
//! `addresses`, `xml`, `named`, `soap` and `proposal` are pure; `http` asks one question, `visit` one device, and
//! [`Discoveries`] keeps the pace over all of them. A device is an untrusted server: it is asked without a login, at the
//! address and ports that were checked, and no address that it names leads anywhere else.

mod addresses;
mod http;
mod named;
mod proposal;
mod run;
mod soap;
mod text;
mod visit;
mod xml;

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, watch};

pub use addresses::{ADDRESSES_MAX, parse};
pub use proposal::{Device, Proposal, State};
pub use run::Discovery;
pub use soap::{Information, Picture};

/// What reads the bytes of devices, for whoever feeds it with more than devices send.
pub mod readers {
    pub use super::named::{Namer, Place, Scheme};
    pub use super::soap::{
        Ask, Media, Profile, Refusal, Services, name_and_hardware, profiles, uri,
    };
    pub use super::xml::{Element, XmlError};
}

use self::run::Pace;
use crate::catalog::{Catalog, Department};
use crate::descriptors::Descriptors;
use crate::task::Tasks;

/// All discoveries: those that run, and the newest of those that are done. Cloning shares them.
#[derive(Clone, Debug)]
pub struct Discoveries(Arc<Shared>);

/// What all discoveries share.
#[derive(Debug)]
struct Shared {
    catalog: watch::Receiver<Arc<Catalog>>,
    forbidden: Mutex<Arc<[SocketAddr]>>,
    descriptors: Descriptors,
    tasks: Tasks,
    pace: Pace,
    /// Devices that are asked at once.
    room: Semaphore,
    kept: Mutex<Kept>,
}

/// The oldest first; at most [`KEPT_MAX`].
#[derive(Debug, Default)]
struct Kept {
    last: u64,
    discoveries: VecDeque<Arc<Discovery>>,
}

/// Why none begins.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NotBegun {
    /// The department has one that runs.
    #[error("discovery {0} of this department still runs: wait for its end")]
    Runs(u64),
    /// As many run as are kept.
    #[error("{KEPT_MAX} discoveries run: wait for the end of one")]
    TooMany,
    /// There is nothing to ask at.
    #[error("{0}")]
    NoPort(String),
}

impl Discoveries {
    /// None yet. Their tasks are among `tasks`.
    pub fn new(
        catalog: watch::Receiver<Arc<Catalog>>,
        forbidden: Vec<SocketAddr>,
        descriptors: Descriptors,
        tasks: Tasks,
    ) -> Self {
        Self(Arc::new(Shared {
            catalog,
            forbidden: Mutex::new(forbidden.into()),
            descriptors,
            tasks,
            pace: Pace::default(),
            room: Semaphore::new(AT_ONCE),
            kept: Mutex::default(),
        }))
    }

    /// Changes where no camera may be.
    pub fn forbid(&self, forbidden: Vec<SocketAddr>) {
        *lock(&self.0.forbidden) = forbidden.into();
    }

    /// Begins one: asks these addresses for that department; `by` says who wants to know.
    ///
    /// # Errors
    ///
    /// It must wait for another one, or the department has no port to ask at.
    pub fn begin(
        &self,
        department: &Department,
        addresses: Vec<IpAddr>,
        by: String,
    ) -> Result<Arc<Discovery>, NotBegun> {
        addresses::require_port(department).map_err(NotBegun::NoPort)?;
        let mut kept = lock(&self.0.kept);
        let running = |one: &&Arc<Discovery>| !one.is_done();
        let own = |one: &&Arc<Discovery>| running(one) && one.department == department.id;
        if let Some(discovery) = kept.discoveries.iter().find(own) {
            return Err(NotBegun::Runs(discovery.id));
        }
        if kept.discoveries.len() >= KEPT_MAX {
            let oldest = kept.discoveries.iter().position(|one| one.is_done());
            kept.discoveries.remove(oldest.ok_or(NotBegun::TooMany)?);
        }
        kept.last += 1;
        let discovery = Discovery::new(kept.last, department.id.clone(), by, addresses.len());
        let discovery = Arc::new(discovery);
        kept.discoveries.push_back(discovery.clone());
        drop(kept);
        let run = run::run(self.0.clone(), discovery.clone(), addresses);
        self.0.tasks.spawn("discovery", run);
        Ok(discovery)
    }

    /// One that is kept.
    pub fn find(&self, id: u64) -> Option<Arc<Discovery>> {
        let kept = lock(&self.0.kept);
        kept.discoveries.iter().find(|one| one.id == id).cloned()
    }
}

impl Shared {
    fn forbidden(&self) -> Arc<[SocketAddr]> {
        lock(&self.forbidden).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Discoveries that are kept; one more drops the oldest that is done.
const KEPT_MAX: usize = 4;
/// Over all discoveries. A device has one connection at a time.
const AT_ONCE: usize = 32;
