//! Probes cameras that nobody looks at, on the budget of their departments.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};

use super::schedule::Schedule;
use super::sources::Sources;
use crate::catalog::{Camera, CameraId, Catalog};

/// The probes of one department.
struct Department {
    schedule: Schedule,
    /// Probes that may run or wait in the gate at once.
    room: Arc<Semaphore>,
    /// Those of each recorder: one that does not answer must not take all the room.
    of_recorder: HashMap<String, Arc<Semaphore>>,
}

/// Runs until the gateway stops.
pub(super) async fn run(sources: Sources) {
    let cancelled = sources.0.tasks.cancelled();
    let mut departments = HashMap::new();
    follow(&mut departments, &sources.0.catalog.borrow().clone());
    loop {
        let changed = sources.0.take_changed();
        let catalog = sources.0.catalog.borrow().clone();
        if changed.all {
            follow(&mut departments, &catalog);
        } else {
            follow_cameras(&mut departments, &catalog, &changed.cameras);
        }
        let next = probe_all(&sources, &mut departments);
        tokio::select! {
            () = cancelled.cancelled() => return,
            () = sleep_until(next) => {}
            () = sources.0.prober.notified() => {}
        }
    }
}

/// Takes over the departments and cameras of the catalogue.
fn follow(departments: &mut HashMap<String, Department>, catalog: &Catalog) {
    let now = Instant::now().into_std();
    departments.retain(|id, _| {
        catalog
            .department(id)
            .is_some_and(|d| d.probe_interval.is_some())
    });
    let mut cameras: HashMap<&str, Vec<CameraId>> = HashMap::new();
    let in_service = catalog
        .cameras()
        .iter()
        .filter(|camera| camera.is_in_service());
    for camera in in_service {
        let department = camera.record.department.as_str();
        cameras.entry(department).or_default().push(camera.id);
    }
    for department in catalog.departments() {
        let Some(interval) = department.probe_interval else {
            continue;
        };
        let rate = department.limits.connects_per_second;
        let known = departments
            .entry(department.id.clone())
            .or_insert_with(|| Department {
                schedule: Schedule::new(interval, rate),
                room: Arc::new(Semaphore::new(PROBES_MAX)),
                of_recorder: HashMap::new(),
            });
        known.schedule.set(interval, rate);
        let cameras = cameras.get(department.id.as_str());
        let cameras = cameras.map(Vec::as_slice).unwrap_or_default();
        known.schedule.follow(cameras, now);
    }
}

/// Takes over these cameras; the others are as they were.
fn follow_cameras(
    departments: &mut HashMap<String, Department>,
    catalog: &Catalog,
    changed: &BTreeSet<CameraId>,
) {
    let now = Instant::now().into_std();
    for id in changed {
        let camera = catalog.by_id(*id).filter(|camera| camera.is_in_service());
        for (name, department) in departments.iter_mut() {
            let schedule = &mut department.schedule;
            if camera.is_some_and(|camera| camera.record.department == *name) {
                schedule.add(*id, now);
            } else {
                schedule.remove(*id);
            }
        }
    }
}

/// Starts all probes that are due; returns when to look again.
fn probe_all(sources: &Sources, departments: &mut HashMap<String, Department>) -> Instant {
    let now = Instant::now().into_std();
    for id in sources.0.take_hurried() {
        departments
            .values_mut()
            .for_each(|department| department.schedule.hurry(id, now));
    }
    let mut next = now + LOOK_AGAIN;
    let mut lag = Duration::ZERO;
    for department in departments.values_mut() {
        while let Ok(room) = department.room.clone().try_acquire_owned() {
            let Some(id) = department.schedule.poll(now) else {
                next = next.min(department.schedule.poll_timeout(now).unwrap_or(next));
                break;
            };
            let Some(camera) = idle(sources, id) else {
                department.schedule.skip(now);
                continue;
            };
            let Some(recorder_room) = department.room_at(&camera) else {
                department.schedule.put_off(id, now + PUT_OFF);
                department.schedule.skip(now);
                continue;
            };
            let probing = sources.clone();
            sources.0.tasks.spawn("probe", async move {
                let cancelled = probing.0.tasks.cancelled();
                tokio::select! {
                    () = cancelled.cancelled() => {}
                    // What came of it is in the camera's status.
                    _ = probing.probe(&camera) => {}
                }
                drop((room, recorder_room));
                probing.0.prober.notify_one();
            });
        }
        lag = lag.max(department.schedule.lag(now));
    }
    sources.0.metrics.probe_lag.set(lag.as_secs_f64());
    next.into()
}

impl Department {
    /// Room for one more probe at the camera's recorder.
    fn room_at(&mut self, camera: &Camera) -> Option<OwnedSemaphorePermit> {
        if self.of_recorder.len() >= RECORDERS_MAX {
            self.of_recorder
                .retain(|_, room| room.available_permits() < PER_RECORDER_MAX);
        }
        let location = &camera.record.location;
        let place = || format!("{}:{}", location.host, location.port);
        let recorder = camera.record.nvr.clone().unwrap_or_else(place);
        let room = self.of_recorder.entry(recorder);
        let room = room.or_insert_with(|| Arc::new(Semaphore::new(PER_RECORDER_MAX)));
        room.clone().try_acquire_owned().ok()
    }
}

/// The camera, where nobody pulls it anyway.
fn idle(sources: &Sources, id: CameraId) -> Option<Arc<Camera>> {
    let camera = sources.0.catalog.borrow().by_id(id).cloned()?;
    let entry = sources.0.entries().get(&id).cloned();
    let is_busy = entry.is_some_and(|entry| entry.is_wanted() || entry.is_live());
    (!is_busy).then_some(camera)
}

const PROBES_MAX: usize = 64;
const PER_RECORDER_MAX: usize = 4;
const RECORDERS_MAX: usize = 1000;
/// A camera whose recorder is busy is looked at again after so long.
const PUT_OFF: Duration = Duration::from_secs(2);
const LOOK_AGAIN: Duration = Duration::from_secs(5);
