//! Hands out leases on cameras, starts and ends the task that pulls each, and follows the catalogue.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::{Notify, broadcast, watch};
use tokio::time::{Instant, timeout};

use super::entry::{Entry, Leases, Target};
use super::gate::Gate;
use super::logins::{Logins, Refusal};
use super::resolve::Resolver;
use super::shared::{Shared, Times, out_of_service};
use super::status::{Change, Status};
use super::{prober, pull};
use crate::bus::Stream;
use crate::catalog::{Camera, CameraId, Catalog, Spot};
use crate::clock::wall_clock;
use crate::descriptors::Descriptors;
use crate::ledger::{Cause, State, StateCause};
use crate::metrics::Metrics;
use crate::task::{Shard, Tasks};

/// What holds for all cameras.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Settings {
    /// How long a camera is pulled on after its last viewer left.
    pub linger: Duration,
    /// How long a running camera may go without a key frame.
    pub key_frame_within: Duration,
}

/// What sources begin with.
#[derive(Debug)]
pub struct Beginning {
    /// What holds for all cameras.
    pub settings: Settings,
    /// The cameras; it is followed.
    pub catalog: watch::Receiver<Arc<Catalog>>,
    /// Where no camera may be: listeners of the gateway and of platforms.
    pub forbidden: Vec<SocketAddr>,
    /// Cameras that operators took out of service.
    pub maintained: BTreeSet<CameraId>,
    /// Passwords that were refused before the start.
    pub refusals: Vec<Refusal>,
    /// Descriptors for connections.
    pub descriptors: Descriptors,
    /// Metrics.
    pub metrics: Metrics,
    /// The cameras' tasks end with these.
    pub tasks: Tasks,
}

/// All cameras that were leased or probed since the start. Cloning shares them.
#[derive(Clone, Debug)]
pub struct Sources(pub(super) Arc<Shared>);

impl Sources {
    /// Starts: cameras that are always pulled are pulled, the others are probed.
    pub fn start(beginning: Beginning) -> Self {
        let sources = Self::new(beginning);
        sources.start_always();
        sources
            .0
            .tasks
            .spawn("prober", prober::run(sources.clone()));
        sources
    }

    /// Does nothing until it is asked.
    pub fn new(beginning: Beginning) -> Self {
        let Beginning {
            settings,
            catalog,
            forbidden,
            maintained,
            refusals,
            descriptors,
            metrics,
            tasks,
        } = beginning;
        Self(Arc::new(Shared {
            settings: Times::new(settings),
            catalog,
            forbidden: Mutex::new(Arc::new(forbidden)),
            maintained: Mutex::new(maintained),
            metrics,
            descriptors,
            tasks,
            gate: Gate::default(),
            resolver: Resolver::default(),
            entries: Mutex::default(),
            board: Arc::default(),
            quotas: Mutex::default(),
            recorders: Mutex::default(),
            logins: Mutex::new(Logins::new(refusals, clocks())),
            refusals: watch::Sender::new(0),
            refusals_stored: watch::Sender::new(0),
            places: Mutex::default(),
            hurried: Mutex::default(),
            changed: Mutex::default(),
            prober: Notify::new(),
            changes: broadcast::Sender::new(CHANGES),
        }))
    }

    /// Leases a camera: it is pulled while leases exist, and a little longer.
    ///
    /// # Errors
    ///
    /// It is out of service: how; or its department is not known any more.
    pub fn lease(&self, camera: &Arc<Camera>) -> Result<Lease, StateCause> {
        self.lease_for(camera, |leases| &mut leases.viewers)
    }

    /// Tries a camera now, where it does not give media anyway, and returns what came of it.
    ///
    /// # Errors
    ///
    /// As [`Self::lease`].
    pub async fn probe(&self, camera: &Arc<Camera>) -> Result<Status, StateCause> {
        let before = self.status(camera.id);
        let is_locked = |status: &Status| status.state.cause() == Cause::AuthLocked;
        if let Some(status) = before.clone().filter(is_locked)
            && self.is_locked(camera)
        {
            return Ok(status); // it would not be tried
        }
        // What a try finds that had begun before is not what is now.
        let tries = before.map_or(0, |status| status.tries);
        let lease = self.lease_for(camera, |leases| &mut leases.probes)?;
        let mut status = lease.status();
        // The first key frame is noted a moment before the state that it brings.
        let is_live = |status: &Status| {
            status.is_live && matches!(status.state.state(), State::Online | State::Degraded)
        };
        let is_done = |status: &Status| status.judged > tries || is_live(status);
        // Whoever waits in the gate for so long is told what is known so far.
        let known = timeout(PROBE_TIME, status.wait_for(is_done)).await;
        drop(known);
        let known = status.borrow().clone();
        Ok(known)
    }

    fn lease_for(
        &self,
        camera: &Arc<Camera>,
        count: fn(&mut Leases) -> &mut usize,
    ) -> Result<Lease, StateCause> {
        let entry = self.0.entry(camera);
        if entry.target.borrow().is_none() {
            return Err(self.state(camera));
        }
        entry.leases.send_modify(|leases| *count(leases) += 1);
        entry.wanted.notify_one();
        self.run(&entry);
        Ok(Lease { entry, count })
    }

    /// A camera's status; `None` where it was never tried.
    pub fn status(&self, id: CameraId) -> Option<Status> {
        let entry = self.0.entries().get(&id).cloned();
        entry.map(|entry| entry.status().clone())
    }

    /// The state of a camera, tried or not.
    pub fn state(&self, camera: &Camera) -> StateCause {
        match self.0.out_of_service(camera) {
            Some(state) => state,
            None => {
                let entry = self.0.entries().get(&camera.id).cloned();
                entry.map_or(StateCause::UNKNOWN, |entry| entry.state())
            }
        }
    }

    /// The states of very many cameras, in their order.
    pub fn states_of<'a>(&self, spots: impl Iterator<Item = &'a Spot> + Clone) -> Vec<State> {
        let mut states = self.0.board.states(spots.clone().map(|spot| spot.lamp));
        let maintained = self.0.maintained();
        for (state, spot) in states.iter_mut().zip(spots) {
            if let Some(out) = out_of_service(spot.id, spot.upkeep, &maintained) {
                *state = out.state();
            }
        }
        states
    }

    /// Whether platforms see the camera as ON; `None` where nothing is known since the start.
    pub fn is_on(&self, camera: &Camera) -> Option<bool> {
        let state = self.state(camera).state();
        match state {
            State::Online | State::Degraded => Some(true),
            State::Offline | State::Disabled => Some(false),
            State::Unknown | State::Connecting => self.status(camera.id)?.verified,
        }
    }

    /// How many viewers look at a camera.
    pub fn viewers(&self, id: CameraId) -> usize {
        let entry = self.0.entries().get(&id).cloned();
        entry.map_or(0, |entry| entry.stream.subscribers())
    }

    /// States that cameras enter from now on.
    pub fn changes(&self) -> broadcast::Receiver<Change> {
        self.0.changes.subscribe()
    }

    /// All cameras with their states: for whoever missed changes.
    pub fn states(&self) -> Vec<Change> {
        let catalog = self.0.catalog.borrow().clone();
        let now = wall_clock();
        let change = |camera: &Arc<Camera>| Change {
            camera: camera.id,
            state: self.state(camera),
            at: self.status(camera.id).map_or(now, |status| status.since),
        };
        catalog.cameras().iter().map(change).collect()
    }

    /// Whether the camera's account is left alone now, because it refused its password too often.
    pub fn is_locked(&self, camera: &Camera) -> bool {
        let entry = self.0.entries().get(&camera.id).cloned();
        let Some(entry) = entry else {
            return false;
        };
        let address = entry.inner().address;
        let target = entry.target.borrow().clone();
        let account = target
            .zip(address)
            .and_then(|(target, address)| target.account(address));
        account.is_some_and(|(account, mark)| {
            let now = Instant::now().into_std();
            self.0.logins().locked_until(&account, mark, now).is_some()
        })
    }

    /// Tells whenever what cameras refused has changed.
    pub fn refusals_changed(&self) -> watch::Receiver<u64> {
        self.0.refusals.subscribe()
    }

    /// The passwords that cameras refused and did not accept since; how many changes they hold.
    pub fn refusals(&self) -> (u64, Vec<Refusal>) {
        let version = *self.0.refusals.borrow();
        (version, self.0.logins().refusals(clocks()))
    }

    /// Tells that refusals are stored up to that change.
    pub fn set_refusals_stored(&self, version: u64) {
        self.0.refusals_stored.send_replace(version);
    }

    /// Takes a camera out of service, or back into it.
    pub fn set_maintained(&self, id: CameraId, is_maintained: bool) {
        {
            let mut maintained = self.0.maintained();
            if is_maintained {
                maintained.insert(id);
            } else {
                maintained.remove(&id);
            }
        }
        // A camera that was never tried has a state from now on.
        let catalog = self.0.catalog.borrow().clone();
        if let Some(camera) = catalog.by_id(id) {
            self.0.entry(camera);
        }
        self.follow_cameras(&[id]);
    }

    /// Changes what holds for all cameras.
    pub fn set(&self, settings: Settings, forbidden: Vec<SocketAddr>) {
        self.0.settings.set(settings);
        *self
            .0
            .forbidden
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Arc::new(forbidden);
    }

    /// Takes over what has changed in the catalogue; what has not goes on untouched.
    pub fn follow(&self) {
        let catalog = self.0.catalog.borrow().clone();
        self.0.follow_limits(&catalog);
        let known: Vec<_> = self.0.entries().values().cloned().collect();
        for entry in known {
            self.follow_entry(&entry, &catalog);
        }
        self.start_always();
        self.0.change(|changed| changed.all = true);
    }

    /// Takes over what has changed in the catalogue, which is nothing but these cameras: the others are not looked at.
    pub fn follow_cameras(&self, changed: &[CameraId]) {
        let catalog = self.0.catalog.borrow().clone();
        for id in changed {
            let entry = self.0.entries().get(id).cloned();
            if let Some(entry) = entry {
                self.follow_entry(&entry, &catalog);
            }
            if let Some(camera) = catalog.by_id(*id) {
                self.start_if_always(camera);
            }
        }
        self.0.change(|known| known.cameras.extend(changed));
    }

    fn follow_entry(&self, entry: &Entry, catalog: &Catalog) {
        let camera = catalog.by_id(entry.id);
        let target = camera.and_then(|camera| self.0.target(camera));
        let is_gone = camera.is_none();
        self.0.follow_service(entry, camera);
        entry.follow_lamp(catalog.lamp(entry.id));
        let old = entry.target.send_replace(target.clone());
        let address = entry.inner().address;
        let is_same = |new: &Target| old.is_some_and(|old| old.serves(new, address));
        if target.is_some_and(|new| !is_same(&new)) {
            // Nobody may look at it now: what is new is tried all the same.
            self.0.hurry([entry.id].into());
        }
        // Whoever waits for the number of leases looks again at who wants the camera.
        entry.leases.send_modify(|_| {});
        if is_gone {
            let (camera, at) = (entry.id, wall_clock());
            self.0.tell(Change {
                camera,
                state: StateCause::UNKNOWN,
                at,
            });
            self.0.entries().remove(&entry.id);
        }
    }

    /// Pulls the cameras that are always pulled.
    fn start_always(&self) {
        let catalog = self.0.catalog.borrow().clone();
        for camera in catalog.cameras() {
            self.start_if_always(camera);
        }
    }

    fn start_if_always(&self, camera: &Arc<Camera>) {
        if camera.pull == crate::catalog::Pull::Always {
            let entry = self.0.entry(camera);
            if entry.is_wanted() {
                self.run(&entry);
            }
        }
    }

    /// Starts the camera's task unless it runs.
    fn run(&self, entry: &Arc<Entry>) {
        if entry.begin() {
            let shards = self.0.tasks.shards();
            let shard = {
                let mut inner = entry.inner();
                // Viewers are on the shard that was chosen for them.
                if entry.leases.borrow().viewers == 0 {
                    inner.shard = shards.choose();
                }
                inner.shard
            };
            let (shared, on_shard) = (self.0.clone(), shards.enter(shard));
            let entry = entry.clone();
            self.0.tasks.spawn_on(shard, "source", async move {
                let _on_shard = on_shard;
                pull::run(shared, entry).await;
            });
        }
    }

    /// The shard for a viewer of the camera.
    pub fn shard(&self, camera: &Arc<Camera>) -> Shard {
        let entry = self.0.entry(camera);
        let mut inner = entry.inner();
        if !entry.is_pulled() {
            inner.shard = self.0.tasks.shards().choose();
        }
        inner.shard
    }
}

/// The right to a camera's stream; the camera is pulled while it exists.
#[derive(Debug)]
pub struct Lease {
    entry: Arc<Entry>,
    count: fn(&mut Leases) -> &mut usize,
}

impl Lease {
    /// The camera's live frames.
    pub fn stream(&self) -> &Stream {
        &self.entry.stream
    }

    /// The camera's status, and its changes.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.entry.follow_status()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.entry
            .leases
            .send_modify(|leases| *(self.count)(leases) -= 1);
    }
}

fn clocks() -> (std::time::Instant, SystemTime) {
    (Instant::now().into_std(), wall_clock())
}

/// Changes of states that a follower may be behind; one that is further behind looks at all states.
const CHANGES: usize = 8192;
const PROBE_TIME: Duration = Duration::from_secs(120);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::geo::{Datum, Point};
    use crate::catalog::{Department, Places, Position, Record, Registry, Upkeep};

    #[tokio::test]
    async fn who_waited_leases_a_camera_as_it_is_by_then() {
        let (catalog, sources) = sources(&[camera(1, Upkeep::InService)]);
        let found = camera(1, Upkeep::InService);
        change(&catalog, &sources, vec![camera(1, Upkeep::Disabled)], &[]);
        assert_eq!(sources.lease(&found).err(), Some(StateCause::DISABLED));
        change(&catalog, &sources, Vec::new(), &[found.id]);
        assert_eq!(sources.lease(&found).err(), Some(StateCause::UNKNOWN));
        assert!(sources.status(found.id).is_none(), "nothing is kept of it");
    }

    #[tokio::test]
    async fn the_board_shows_the_state_of_every_camera_whatever_becomes_of_them() {
        let all: Vec<_> = (0..COUNT).map(|n| camera(n, Upkeep::InService)).collect();
        let (catalog, sources) = sources(&all);
        let mut seed = 7_u64;
        let mut random = |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % below
        };
        let states = [
            StateCause::UNKNOWN,
            StateCause::CONNECTING,
            StateCause::ONLINE,
            StateCause::degraded(Cause::Stalled),
        ];
        for round in 0..2000 {
            let n = random(COUNT);
            let id = camera(n, Upkeep::InService).id;
            let known = catalog.borrow().by_id(id).cloned();
            match (random(9), known) {
                (0, _) => change(&catalog, &sources, Vec::new(), &[id]),
                (1, _) => change(&catalog, &sources, vec![camera(n, Upkeep::Disabled)], &[]),
                (2, _) => change(&catalog, &sources, vec![camera(n, Upkeep::InService)], &[]),
                (3, _) => sources.set_maintained(id, random(2) == 0),
                (4, _) => {
                    // It goes and comes back before anybody looks.
                    let registry = Registry::default();
                    let new = catalog.borrow().changed(Vec::new(), &[id], &registry);
                    let back = vec![camera(n, Upkeep::InService)];
                    catalog.send_replace(Arc::new(new.changed(back, &[], &registry)));
                    sources.follow_cameras(&[id]);
                }
                (5, _) => {
                    let now = catalog.borrow().clone();
                    let cameras = now.cameras().to_vec();
                    catalog.send_replace(Arc::new(made(cameras, Some(&now))));
                    sources.follow();
                }
                (_, Some(camera)) => {
                    let state = states[random(4) as usize];
                    sources.0.entry(&camera).know(|status| {
                        let may = status.state.state() != State::Disabled;
                        status.state = if may { state } else { status.state };
                        may
                    });
                }
                (_, None) => {}
            }
            let now = catalog.borrow().clone();
            let found = now.index().near(at(0), 1_000_000.0);
            let spots: Vec<_> = found.into_iter().map(|(spot, _)| spot).collect();
            assert_eq!(spots.len(), now.cameras().len());
            let shown = sources.states_of(spots.iter().copied());
            for (spot, shown) in spots.iter().zip(shown) {
                let state = sources.state(&spot.camera).state();
                assert_eq!(shown, state, "{} in round {round}", spot.id);
            }
        }
    }

    fn sources(cameras: &[Arc<Camera>]) -> (watch::Sender<Arc<Catalog>>, Sources) {
        let (catalog, following) = watch::channel(Arc::new(made(cameras.to_vec(), None)));
        let sources = Sources::new(Beginning {
            settings: Settings {
                linger: Duration::from_secs(1),
                key_frame_within: Duration::from_secs(1),
            },
            catalog: following,
            forbidden: Vec::new(),
            maintained: BTreeSet::new(),
            refusals: Vec::new(),
            descriptors: Descriptors::new(10),
            metrics: Metrics::new(&["education".to_owned()], &[]).unwrap(),
            tasks: Tasks::default(),
        });
        (catalog, sources)
    }

    fn made(cameras: Vec<Arc<Camera>>, old: Option<&Catalog>) -> Catalog {
        let departments = vec![Department::sample()];
        let registry = Registry::default();
        Catalog::new(cameras, departments, &registry, Places::default(), old)
    }

    /// As an edit does.
    fn change(
        catalog: &watch::Sender<Arc<Catalog>>,
        sources: &Sources,
        put: Vec<Arc<Camera>>,
        removed: &[CameraId],
    ) {
        let ids = put.iter().map(|camera| camera.id);
        let ids: Vec<_> = ids.chain(removed.iter().copied()).collect();
        let new = catalog.borrow().changed(put, removed, &Registry::default());
        catalog.send_replace(Arc::new(new));
        sources.follow_cameras(&ids);
    }

    fn camera(n: u64, upkeep: Upkeep) -> Arc<Camera> {
        Arc::new(Camera {
            id: CameraId::derive("education", &n.to_string(), 0),
            code: format!("43021100111326{n:06}").parse().unwrap(),
            record: Record {
                position: Some(Position::declared(at(n), Datum::Wgs84)),
                upkeep,
                ..Record::sample()
            },
            pull: Default::default(),
        })
    }

    fn at(n: u64) -> Point {
        Point {
            longitude: 113.0 + n as f64 * 0.001,
            latitude: 27.8,
        }
    }

    const COUNT: u64 = 12;
}
