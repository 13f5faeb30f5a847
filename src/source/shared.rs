//! What all cameras share: the gate, the accounts, the recorders, the entries.

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, broadcast, watch};
use tokio::time::timeout;

use super::board::Board;
use super::entry::{Entry, Target};
use super::gate::Gate;
use super::logins::Logins;
use super::places::{Place, Places};
use super::quota::Quota;
use super::recorder::Recorders;
use super::resolve::Resolver;
use super::sources::Settings;
use super::status::{Change, Status};
use crate::catalog::{Camera, CameraId, Catalog, Department, Upkeep};
use crate::clock::wall_clock;
use crate::descriptors::Descriptors;
use crate::ledger::{State, StateCause};
use crate::metrics::Metrics;
use crate::task::Tasks;

/// What all cameras share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) settings: Times,
    pub(super) catalog: watch::Receiver<Arc<Catalog>>,
    pub(super) forbidden: Mutex<Arc<Vec<SocketAddr>>>,
    pub(super) maintained: Mutex<BTreeSet<CameraId>>,
    pub(super) metrics: Metrics,
    pub(super) descriptors: Descriptors,
    pub(super) tasks: Tasks,
    pub(super) gate: Gate,
    pub(super) resolver: Resolver,
    pub(super) entries: Mutex<HashMap<CameraId, Arc<Entry>>>,
    pub(super) board: Arc<Board>,
    pub(super) quotas: Mutex<HashMap<String, Arc<Quota>>>,
    pub(super) recorders: Mutex<Recorders>,
    pub(super) logins: Mutex<Logins>,
    /// Counts changes of what was refused.
    pub(super) refusals: watch::Sender<u64>,
    /// Up to which of them the store has them.
    pub(super) refusals_stored: watch::Sender<u64>,
    pub(super) places: Mutex<Places>,
    /// Idle cameras to probe before their time.
    pub(super) hurried: Mutex<BTreeSet<CameraId>>,
    /// What the prober has to take over of the catalogue.
    pub(super) changed: Mutex<Changed>,
    pub(super) prober: Notify,
    pub(super) changes: broadcast::Sender<Change>,
}

/// Cameras that may have become others.
#[derive(Debug, Default)]
pub(super) struct Changed {
    pub(super) all: bool,
    pub(super) cameras: BTreeSet<CameraId>,
}

impl Shared {
    pub(super) fn entries(&self) -> MutexGuard<'_, HashMap<CameraId, Arc<Entry>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The passwords that cameras refused.
    pub(super) fn logins(&self) -> MutexGuard<'_, Logins> {
        self.logins.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has what was refused stored, where somebody does that, and waits for it: a refusal that was told
    /// is not forgotten by a kill.
    pub(super) async fn store_refusals(&self) {
        self.refusals.send_modify(|version| *version += 1);
        if self.refusals.receiver_count() == 0 {
            return;
        }
        let wanted = *self.refusals.borrow();
        let mut stored = self.refusals_stored.subscribe();
        let is_stored = stored.wait_for(|stored| *stored >= wanted);
        // A store that cannot be written holds no camera up.
        drop(timeout(STORE_TIME, is_stored).await);
    }

    pub(super) fn recorders(&self) -> MutexGuard<'_, Recorders> {
        self.recorders
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn forbidden(&self) -> Arc<Vec<SocketAddr>> {
        self.forbidden
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The idle cameras that were woken since the last call.
    pub(super) fn take_hurried(&self) -> BTreeSet<CameraId> {
        std::mem::take(&mut *self.hurried.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What has changed since the last call.
    pub(super) fn take_changed(&self) -> Changed {
        std::mem::take(&mut *self.changed())
    }

    /// Has the prober take over what has changed.
    pub(super) fn change(&self, note: impl FnOnce(&mut Changed)) {
        note(&mut self.changed());
        self.prober.notify_one();
    }

    fn changed(&self) -> MutexGuard<'_, Changed> {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells whoever follows the cameras' states.
    pub(super) fn tell(&self, change: Change) {
        // Nobody may listen.
        let _listened = self.changes.send(change);
    }

    /// A camera of that place has come back: the others there are tried at once.
    pub(super) fn wake(&self, place: &Place, but: CameraId) {
        let others: Vec<_> = self
            .entries()
            .values()
            .filter(|entry| entry.id != but)
            .cloned()
            .collect();
        let mut hurried = BTreeSet::new();
        for entry in others
            .iter()
            .filter(|entry| entry.inner().places.contains(place))
        {
            entry.woken.send_modify(|times| *times += 1);
            if entry.status().state.state() == State::Offline {
                hurried.insert(entry.id);
            }
        }
        self.hurry(hurried);
    }

    /// Has idle cameras probed before their time.
    pub(super) fn hurry(&self, mut cameras: BTreeSet<CameraId>) {
        let mut hurried = self.hurried.lock().unwrap_or_else(PoisonError::into_inner);
        hurried.append(&mut cameras);
        self.prober.notify_one();
    }

    /// What is known of a camera. Of one that is new it is what the catalogue says now, whatever `camera` says: who found it
    /// may have waited, and a change that finds no entry is not told again. One that is gone is kept nowhere.
    pub(super) fn entry(&self, camera: &Camera) -> Arc<Entry> {
        let mut entries = self.entries();
        if let Some(entry) = entries.get(&camera.id) {
            return entry.clone();
        }
        let catalog = self.catalog.borrow().clone();
        let current = catalog.by_id(camera.id);
        let target = current.and_then(|camera| self.target(camera));
        let out = current.and_then(|camera| self.out_of_service(camera));
        let status = Status::new(out.unwrap_or(StateCause::UNKNOWN), wall_clock());
        let entry = Arc::new(Entry::new(camera.id, target, status, self.board.clone()));
        entry.follow_lamp(catalog.lamp(camera.id));
        if current.is_some() {
            entries.insert(camera.id, entry.clone());
        }
        entry
    }

    /// Out of service and back into it: what was known before says nothing any more.
    pub(super) fn follow_service(&self, entry: &Entry, camera: Option<&Arc<Camera>>) {
        let out = camera.and_then(|camera| self.out_of_service(camera));
        let at = wall_clock();
        let mut entered = None;
        entry.know(|status| {
            let was_out = status.state.state() == State::Disabled;
            let state = match out {
                Some(state) => state,
                None if was_out => StateCause::UNKNOWN,
                None => return false,
            };
            if status.state == state {
                return false;
            }
            *status = Status::new(state, at);
            entered = Some(state);
            true
        });
        if let Some(state) = entered {
            self.tell(Change {
                camera: entry.id,
                state,
                at,
            });
        }
    }

    /// What is to be pulled; `None` for a camera that is out of service.
    pub(super) fn target(&self, camera: &Arc<Camera>) -> Option<Arc<Target>> {
        if self.out_of_service(camera).is_some() {
            return None;
        }
        let catalog = self.catalog.borrow().clone();
        let department = catalog.department(&camera.record.department)?.clone();
        let quota = self.quota(&department);
        Some(Arc::new(Target {
            camera: camera.clone(),
            department,
            quota,
        }))
    }

    pub(super) fn out_of_service(&self, camera: &Camera) -> Option<StateCause> {
        out_of_service(camera.id, camera.record.upkeep, &self.maintained())
    }

    pub(super) fn maintained(&self) -> MutexGuard<'_, BTreeSet<CameraId>> {
        self.maintained
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn quota(&self, department: &Department) -> Arc<Quota> {
        let mut quotas = self.quotas.lock().unwrap_or_else(PoisonError::into_inner);
        let quota = quotas.entry(department.id.clone());
        quota
            .or_insert_with(|| Arc::new(Quota::new(department.limits)))
            .clone()
    }

    /// Rates of departments that changed, and departments that are gone.
    pub(super) fn follow_limits(&self, catalog: &Catalog) {
        let mut quotas = self.quotas.lock().unwrap_or_else(PoisonError::into_inner);
        quotas.retain(|id, _| catalog.department(id).is_some());
        for department in catalog.departments() {
            if let Some(quota) = quotas.get(&department.id) {
                quota.lane.set(department.limits.connects_per_second);
            }
        }
    }
}

/// The settings, read for every packet: without a lock.
#[derive(Debug)]
pub(super) struct Times {
    linger_ms: AtomicU64,
    key_frame_within_ms: AtomicU64,
}

impl Times {
    pub(super) fn new(settings: Settings) -> Self {
        let times = Self {
            linger_ms: AtomicU64::new(0),
            key_frame_within_ms: AtomicU64::new(0),
        };
        times.set(settings);
        times
    }

    pub(super) fn set(&self, settings: Settings) {
        let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        self.linger_ms.store(ms(settings.linger), Ordering::Relaxed);
        self.key_frame_within_ms
            .store(ms(settings.key_frame_within), Ordering::Relaxed);
    }

    pub(super) fn linger(&self) -> Duration {
        Duration::from_millis(self.linger_ms.load(Ordering::Relaxed))
    }

    pub(super) fn key_frame_within(&self) -> Duration {
        Duration::from_millis(self.key_frame_within_ms.load(Ordering::Relaxed))
    }
}

/// The state of a camera that its owner, the law or an operator has taken out of service.
pub(super) fn out_of_service(
    id: CameraId,
    upkeep: Upkeep,
    maintained: &BTreeSet<CameraId>,
) -> Option<StateCause> {
    match upkeep {
        Upkeep::Disabled => Some(StateCause::DISABLED),
        Upkeep::NotAllowed => Some(StateCause::NOT_ALLOWED),
        Upkeep::InService => maintained.contains(&id).then_some(StateCause::MAINTENANCE),
    }
}

const STORE_TIME: Duration = Duration::from_secs(2);
