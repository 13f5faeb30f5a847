//! Thousands of cameras that go away and return at once.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use huiju_sim::clips::ClipKind;
use huiju_sim::farm::{CameraSettings, Group, GroupStats, Nvr, NvrHandle};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde_json::json;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::are_within_rate;
use crate::world::{World, WorldBuilder, clip, spawn};

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_cameras_that_return_at_once_are_back_in_time_and_within_all_limits() {
    let hard = getrlimit(Resource::RLIMIT_NOFILE).unwrap().1;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
    let (world, farm) = Farm::new(World::new("storm")).await;
    let most = farm.watch_handshakes();
    let world = world.start().await;
    farm.are_playing(CAMERAS, Duration::from_secs(120)).await;

    for recorder in farm.listeners() {
        recorder.kill().await;
    }
    let is_down =
        |cameras: &crate::observe::Cameras| cameras.count("offline/refused") >= CAMERAS * 99 / 100;
    world.cameras_are(Duration::from_secs(60), is_down).await;
    let returned_at = Instant::now();
    for recorder in farm.listeners() {
        recorder.revive().await.unwrap();
    }
    // The slowest department has a fifth of the cameras at a fifth of the rate: it takes no longer.
    let limit = Duration::from_secs(120 + CAMERAS as u64 / 250);
    farm.are_playing(CAMERAS * 99 / 100, limit).await;
    world
        .cameras_are(limit, |cameras| {
            cameras.count("online") >= CAMERAS * 99 / 100
        })
        .await;

    let times = |recorders: &[NvrHandle]| -> Vec<Instant> {
        let all = recorders
            .iter()
            .flat_map(|recorder| recorder.group().connection_times());
        all.collect()
    };
    let all = [
        times(&farm.recorders),
        times(&farm.subnet),
        times(&farm.department),
    ]
    .concat();
    let returned: Vec<_> = all.iter().filter(|at| **at > returned_at).collect();
    assert!(returned.len() >= CAMERAS * 99 / 100);
    assert!(are_within_rate(all, 250));
    assert!(are_within_rate(times(&farm.department), SLOW_RATE));
    let most = *most.borrow();
    // Listeners tell one after another what they have: two hundred may look like a few more.
    assert!(most <= 210, "{most} handshakes at once");
    for recorder in &farm.recorders {
        let stats = recorder.group().stats();
        assert!(stats.handshakes_max <= 4, "{stats:?}");
    }
    assert_eq!(world.panics(), Vec::<String>::new());
}

/// Cameras of recorders, of a subnet, and of a department with a rate of its own.
struct Farm {
    /// Forty listeners of twenty-five channels each: each a recorder.
    recorders: Vec<NvrHandle>,
    /// One listener; each camera says that it is a recorder of its own.
    subnet: Vec<NvrHandle>,
    department: Vec<NvrHandle>,
}

impl Farm {
    async fn new(mut world: WorldBuilder) -> (WorldBuilder, Self) {
        let mut recorders = Vec::new();
        for number in 0..40 {
            let recorder = listener(&world, 100 + number, 25, 1500).await;
            world = rows(world, "education", &recorder, false);
            recorders.push(recorder);
        }
        let subnet = listener(&world, 200, 600, 0).await;
        world = rows(world, "health", &subnet, true);
        let department = listener(&world, 201, 400, 3000).await;
        world = rows(world, "park", &department, true);
        let limits = |rate: usize| json!({"pull": "always", "limits": {"streams": 3000, "connects_per_second": rate}});
        let world = world
            .platform("district")
            .departments(limits(250))
            .department("park", limits(SLOW_RATE))
            .config(json!({"streams": {"key_frame_within": "300s"}}));
        let farm = Self {
            recorders,
            subnet: vec![subnet],
            department: vec![department],
        };
        (world, farm)
    }

    fn listeners(&self) -> impl Iterator<Item = &NvrHandle> {
        self.recorders
            .iter()
            .chain(&self.subnet)
            .chain(&self.department)
    }

    /// Waits until so many cameras play.
    async fn are_playing(&self, count: usize, limit: Duration) {
        let mut tick = tokio::time::interval(Duration::from_millis(200));
        let playing = || {
            let all = self
                .listeners()
                .map(|listener| listener.group().stats().playing);
            all.sum::<u64>() as usize
        };
        let wait = async {
            while playing() < count {
                tick.tick().await;
            }
        };
        let reached = timeout(limit, wait).await;
        assert!(reached.is_ok(), "{} play after {limit:?}", playing());
    }

    /// Counts handshakes over all cameras, whenever they change; tells the most that there were.
    fn watch_handshakes(&self) -> watch::Receiver<u64> {
        let (most, told) = watch::channel(0);
        let (change, mut changed) = watch::channel(BTreeMap::new());
        for (number, listener) in self.listeners().enumerate() {
            let (mut stats, change) = (listener.group().watch(), change.clone());
            spawn(async move {
                while stats.changed().await.is_ok() {
                    let handshakes = |stats: &GroupStats| stats.handshakes;
                    let now = handshakes(&stats.borrow_and_update());
                    change.send_modify(|all| {
                        all.insert(number, now);
                    });
                }
            });
        }
        spawn(async move {
            while changed.changed().await.is_ok() {
                let now = changed.borrow_and_update().values().sum();
                most.send_modify(|most| *most = (*most).max(now));
            }
        });
        told
    }
}

/// A listener with so many cameras behind it, which think so long before they answer, and send a frame in
/// two seconds. Without limits there would be more than 200 handshakes at once, and more than 250 a second.
async fn listener(world: &WorldBuilder, host: u8, cameras: usize, thinks_ms: u64) -> NvrHandle {
    let video = clip(ClipKind::H264Small).await;
    let camera = |number| {
        let settings = CameraSettings::new(&video).slow_motion(50);
        let settings = settings.describe_delay(Duration::from_millis(thinks_ms));
        settings.path(&format!("/channel/{number}"))
    };
    let address: SocketAddr = format!("{}.{host}:8554", world.net()).parse().unwrap();
    Nvr::start(address, &Group::new(), (0..cameras).map(camera).collect()).unwrap()
}

fn rows(
    mut world: WorldBuilder,
    department: &str,
    listener: &NvrHandle,
    are_alone: bool,
) -> WorldBuilder {
    for (number, camera) in listener.cameras().iter().enumerate() {
        let name = format!("{department}-{}-{number}", listener.address().ip());
        world = world.row(department, &name, &camera.url());
        if are_alone {
            world = world.columns(&name, &[("nvr", &name)]);
        }
    }
    world
}

const CAMERAS: usize = 2000;
const SLOW_RATE: usize = 50;
