//! Hands out leases on cameras, and starts and ends the task that pulls each.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use retina::client::SessionGroup;
use tokio::sync::{Notify, Semaphore, watch};

use super::backoff::Backoff;
use super::logins::Logins;
use super::pull;
use super::status::Status;
use crate::bus::Stream;
use crate::catalog::{Camera, CameraId, Catalog, Department, Pull};
use crate::ledger::StateCause;
use crate::metrics::Metrics;
use crate::task::Tasks;

/// What holds for all cameras.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How long a camera is pulled on after its last viewer left.
    pub linger: Duration,
    /// How long a running camera may go without a key frame.
    pub key_frame_within: Duration,
}

/// All cameras that were leased or probed since the start. Cloning shares them.
#[derive(Clone, Debug)]
pub struct Sources(Arc<Shared>);

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) settings: Settings,
    pub(super) catalog: watch::Receiver<Arc<Catalog>>,
    pub(super) metrics: Metrics,
    pub(super) tasks: Tasks,
    /// Handshakes that may run at once.
    pub(super) handshakes: Semaphore,
    entries: Mutex<HashMap<CameraId, Arc<Entry>>>,
    nvrs: Mutex<HashMap<String, Arc<Nvr>>>,
    logins: Mutex<Logins>,
}

/// A recorder, or the host and port of a camera that has none: what shares connection limits.
pub(super) struct Nvr {
    pub(super) group: Arc<SessionGroup>,
    pub(super) handshakes: Semaphore,
}

impl std::fmt::Debug for Nvr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Nvr")
            .field("handshakes", &self.handshakes)
            .finish_non_exhaustive()
    }
}

/// One camera.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) camera: Arc<Camera>,
    pub(super) department: Department,
    pub(super) nvr: Arc<Nvr>,
    pub(super) stream: Stream,
    pub(super) status: watch::Sender<Status>,
    pub(super) leases: watch::Sender<usize>,
    /// Ends the wait before the next try: somebody wants the camera now.
    pub(super) wanted: Notify,
    pub(super) backoff: Mutex<Backoff>,
    is_running: Mutex<bool>,
}

impl Sources {
    /// Starts without any camera.
    pub fn new(
        settings: Settings,
        catalog: watch::Receiver<Arc<Catalog>>,
        metrics: Metrics,
        tasks: Tasks,
    ) -> Self {
        Self(Arc::new(Shared {
            settings,
            catalog,
            metrics,
            tasks,
            handshakes: Semaphore::new(HANDSHAKES_MAX),
            entries: Mutex::default(),
            nvrs: Mutex::default(),
            logins: Mutex::default(),
        }))
    }

    /// Pulls the cameras that are always pulled.
    pub fn start_always(&self) {
        let catalog = self.0.catalog.borrow().clone();
        for camera in catalog.cameras() {
            if camera.pull == Pull::Always
                && camera.is_in_service()
                && let Some(entry) = self.entry(camera)
            {
                self.run(&entry);
            }
        }
    }

    /// Leases a camera: it is pulled while leases exist, and a little longer.
    ///
    /// `None` when its department is not known any more.
    pub fn lease(&self, camera: &Arc<Camera>) -> Option<Lease> {
        let entry = self.entry(camera)?;
        entry.leases.send_modify(|leases| *leases += 1);
        entry.wanted.notify_one();
        self.run(&entry);
        Some(Lease(entry))
    }

    /// A camera's status; `None` where it was never tried.
    pub fn status(&self, id: CameraId) -> Option<Status> {
        let entry = self.0.entries().get(&id).cloned();
        entry.map(|entry| entry.status.borrow().clone())
    }

    /// The state of a camera, tried or not.
    pub fn state(&self, camera: &Camera) -> StateCause {
        use crate::catalog::Upkeep;
        match camera.record.upkeep {
            Upkeep::InService => self
                .status(camera.id)
                .map_or(StateCause::UNKNOWN, |status| status.state),
            Upkeep::Disabled => StateCause::DISABLED,
            Upkeep::NotAllowed => StateCause::NOT_ALLOWED,
        }
    }

    /// How many viewers look at a camera.
    pub fn viewers(&self, id: CameraId) -> usize {
        let entry = self.0.entries().get(&id).cloned();
        entry.map_or(0, |entry| entry.stream.subscribers())
    }

    fn entry(&self, camera: &Arc<Camera>) -> Option<Arc<Entry>> {
        let mut entries = self.0.entries();
        if let Some(entry) = entries.get(&camera.id) {
            return Some(entry.clone());
        }
        let department = self
            .0
            .catalog
            .borrow()
            .department(&camera.record.department)?
            .clone();
        let entry = Arc::new(Entry {
            camera: camera.clone(),
            department,
            nvr: self.0.nvr(camera),
            stream: Stream::default(),
            status: watch::Sender::new(Status::new(StateCause::UNKNOWN, wall_clock())),
            leases: watch::Sender::new(0),
            wanted: Notify::new(),
            backoff: Mutex::default(),
            is_running: Mutex::new(false),
        });
        entries.insert(camera.id, entry.clone());
        Some(entry)
    }

    /// Starts the camera's task unless it runs.
    fn run(&self, entry: &Arc<Entry>) {
        let mut is_running = entry.is_running();
        if !*is_running {
            *is_running = true;
            self.0
                .tasks
                .spawn("source", pull::run(self.0.clone(), entry.clone()));
        }
    }
}

impl Shared {
    fn entries(&self) -> MutexGuard<'_, HashMap<CameraId, Arc<Entry>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The passwords that cameras refused.
    pub(super) fn logins(&self) -> MutexGuard<'_, Logins> {
        self.logins.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn nvr(&self, camera: &Camera) -> Arc<Nvr> {
        let record = &camera.record;
        let place = || format!("{}:{}", record.location.host, record.location.port);
        let name = record.nvr.clone().unwrap_or_else(place);
        let mut nvrs = self.nvrs.lock().unwrap_or_else(PoisonError::into_inner);
        let nvr = nvrs.entry(name).or_insert_with(|| {
            Arc::new(Nvr {
                group: Arc::new(SessionGroup::default()),
                handshakes: Semaphore::new(HANDSHAKES_PER_NVR_MAX),
            })
        });
        nvr.clone()
    }
}

impl Entry {
    fn is_running(&self) -> MutexGuard<'_, bool> {
        self.is_running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the camera is to be pulled now.
    pub(super) fn is_wanted(&self) -> bool {
        self.camera.pull == Pull::Always || *self.leases.borrow() > 0
    }

    /// Notes that the task is gone, however it went: the next lease starts another.
    pub(super) fn end(&self) {
        *self.is_running() = false;
    }

    /// Ends the task unless a lease came in between.
    pub(super) fn try_end(&self) -> bool {
        let mut is_running = self.is_running();
        let ends = !self.is_wanted();
        *is_running = !ends;
        ends
    }
}

/// The right to a camera's stream; the camera is pulled while it exists.
#[derive(Debug)]
pub struct Lease(Arc<Entry>);

impl Lease {
    /// The camera's live frames.
    pub fn stream(&self) -> &Stream {
        &self.0.stream
    }

    /// The camera's status, and its changes.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.0.status.subscribe()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.0.leases.send_modify(|leases| *leases -= 1);
    }
}

#[expect(clippy::disallowed_methods, reason = "a shell reads the clock")]
pub(super) fn wall_clock() -> SystemTime {
    SystemTime::now()
}

const HANDSHAKES_MAX: usize = 200;
const HANDSHAKES_PER_NVR_MAX: usize = 4;
