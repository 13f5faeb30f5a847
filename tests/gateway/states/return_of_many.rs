//! Two thousand cameras of six departments that vanish and return at the same moment, beside a seventh
//! department that is watched all the while.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use huiju_sim::clips::{Clip, ClipKind};
use huiju_sim::farm::{Camera, CameraHandle, CameraSettings, Group};
use huiju_sim::platform::{Keep, Media, Options, Session};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{LATE, are_within_rate};
use crate::observe::Cameras;
use crate::readers::is_unbroken;
use crate::world::{SOON, World, WorldBuilder, clip};

#[tokio::test(flavor = "multi_thread")]
async fn cameras_of_six_departments_that_return_at_once_come_evenly_and_disturb_no_other() {
    let hard = getrlimit(Resource::RLIMIT_NOFILE).unwrap().1;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
    let video = clip(ClipKind::H264Small).await;
    let (world, departments) = camp(&video).await;
    let world = world.start().await;
    let started_at = Instant::now();
    are_up(&world, &departments, started_at).await;
    let sessions = join_all((0..WATCHED.len()).map(|number| invite(&world, number))).await;

    vanish(&world, &departments, &sessions[0]).await;
    let returned_at = Instant::now();
    let revived = join_all(all(&departments).map(CameraHandle::revive)).await;
    revived.into_iter().for_each(|revived| revived.unwrap());
    are_up(&world, &departments, returned_at).await;

    let mut returns = Vec::new();
    for Department {
        id, rate, group, ..
    } in &departments
    {
        let times = group.connection_times();
        let returned = times.iter().copied().filter(|at| *at > returned_at);
        returns.extend(returned.clone());
        let unevenness = unevenness(returned_at, returned.collect());
        assert!(unevenness <= 3.0, "{id}: {unevenness}");
        assert!(are_within_rate(times, *rate), "{id}");
    }
    let unevenness = unevenness(returned_at, returns);
    assert!(unevenness <= 3.0, "all departments: {unevenness}");

    assert_eq!(world.metric("huiju_source_packets_lost_total").await, 0.0);
    for (number, session) in sessions.into_iter().enumerate() {
        is_undisturbed(&world, number, session, &video).await;
    }
    let violations = world.platform("district").violations();
    assert_eq!(violations, Vec::<String>::new());
    assert_eq!(world.panics(), Vec::<String>::new());
}

#[test]
fn a_wave_of_connections_is_told_from_an_even_return() {
    let begin = Instant::now();
    let spread = |count: u32, ms: u32| {
        (0..count).map(move |n| begin + Duration::from_millis(ms.into()) * n / count)
    };
    let even = unevenness(begin, spread(300, 15_000).collect());
    assert!((0.9..1.2).contains(&even), "{even}");
    let wave = unevenness(
        begin,
        spread(150, 1_000).chain(spread(150, 15_000)).collect(),
    );
    assert!(wave > 3.0, "{wave}");
}

/// A department whose cameras vanish and return.
struct Department {
    id: &'static str,
    /// Connections a second that it allows.
    rate: usize,
    cameras: Vec<CameraHandle>,
    group: Group,
}

impl Department {
    /// Its cameras have addresses of their own in two subnets, and send a frame a second each.
    async fn new(number: usize, world: &WorldBuilder, video: &Arc<Clip>) -> Self {
        let (id, rate, count) = DEPARTMENTS[number];
        let group = Group::new();
        let mut cameras = Vec::new();
        for camera in 0..count {
            let subnet = FIRST_SUBNET + 2 * number + camera / IN_SUBNET;
            let net = world.net().replace("127.40.", &format!("127.{subnet}."));
            let address = format!("{net}.{}:8554", 1 + camera % IN_SUBNET);
            let address: SocketAddr = address.parse().unwrap();
            let settings = CameraSettings::new(video).slow_motion(25).group(&group);
            cameras.push(Camera::start(address, settings).await.unwrap());
        }
        Self {
            id,
            rate,
            cameras,
            group,
        }
    }

    /// Waits until all its cameras play, and are on line for the gateway: for a minute, the longest wait
    /// between two tries, and as long as its rate takes for all of them.
    async fn is_up(&self, world: &World, since: Instant) {
        let count = self.cameras.len();
        let limit = since
            + Duration::from_secs(60)
            + Duration::from_secs_f64(count as f64 / self.rate as f64);
        let left = || limit.saturating_duration_since(Instant::now());
        let are_playing = self
            .group
            .wait_for(|stats| stats.playing == count as u64, left());
        are_playing
            .await
            .unwrap_or_else(|error| panic!("{}: {error}", self.id));
        let is_on_line =
            |cameras: &Cameras, number| cameras.state(&name(self.id, number)) == "online";
        let are_on_line = |cameras: &Cameras| (0..count).all(|number| is_on_line(cameras, number));
        world.cameras_are(left(), are_on_line).await;
    }

    /// How many of its connections were refused so far.
    async fn refused(&self, world: &World) -> f64 {
        let labels = format!("department=\"{}\",result=\"refused\"", self.id);
        world
            .metric(&format!("huiju_source_connects_total{{{labels}}}"))
            .await
    }
}

/// The world of all departments before its start.
async fn camp(video: &Arc<Clip>) -> (WorldBuilder, Vec<Department>) {
    let mut world = World::new("return");
    for number in 0..WATCHED.len() {
        let settings = CameraSettings::new(video);
        world = world.camera_of("traffic", &name("traffic", number), settings);
    }
    let mut departments = Vec::new();
    for number in 0..DEPARTMENTS.len() {
        let department = Department::new(number, &world, video).await;
        for (number, camera) in department.cameras.iter().enumerate() {
            let name = name(department.id, number);
            world = world.row(department.id, &name, &camera.url());
        }
        departments.push(department);
    }
    let written = |id: &str, pull: &str, rate: usize| {
        json!({
            "id": id, "name": id, "industry": "11", "networks": ["127.0.0.0/8"], "ports": [8554],
            "pull": pull, "probe": {"interval": "none"}, "limits": {"connects_per_second": rate},
        })
    };
    let vanishing = departments
        .iter()
        .map(|one| written(one.id, "always", one.rate));
    let written: Vec<Value> = vanishing
        .chain([written("traffic", "on_demand", 50)])
        .collect();
    let ids: Vec<_> = written.iter().map(|one| one["id"].clone()).collect();
    let shared = json!({"catalogue": {"share": {"departments": ids}}});
    let world = world
        .platform_with("district", |_| {}, shared)
        // At a frame a second a key frame comes every 25 s.
        .config(json!({"departments": written, "streams": {"key_frame_within": "300s"}}));
    (world, departments)
}

fn all(departments: &[Department]) -> impl Iterator<Item = &CameraHandle> {
    departments
        .iter()
        .flat_map(|department| &department.cameras)
}

fn name(department: &str, number: usize) -> String {
    format!("{department}-{number:03}")
}

/// Watches a camera of the seventh department.
async fn invite(world: &World, number: usize) -> Session {
    let channel = world.channel("district", &name("traffic", number)).await;
    let options = Options {
        keep: Keep::Hash,
        ..Options::default()
    };
    let platform = world.platform("district");
    let invited = platform.invite(&channel, WATCHED[number], options);
    invited.await.unwrap()
}

async fn are_up(world: &World, departments: &[Department], since: Instant) {
    join_all(departments.iter().map(|one| one.is_up(world, since))).await;
}

/// Has all cameras vanish for some twenty seconds, until all are known to be off line; the pictures of the
/// seventh department are the clock. Limits hold meanwhile too.
async fn vanish(world: &World, departments: &[Department], watched: &Session) {
    let refused = || join_all(departments.iter().map(|one| one.refused(world)));
    let before = refused().await;
    let vanished_at = Instant::now();
    let frames = watched.stats().frames + OUTAGE_FRAMES;
    join_all(all(departments).map(CameraHandle::kill)).await;
    let are_down = |cameras: &Cameras| {
        let count: usize = DEPARTMENTS.iter().map(|(.., count)| count).sum();
        cameras.count("offline/refused") == count
    };
    world.cameras_are(2 * SOON, are_down).await;
    let passed = watched.wait_for(|stats| stats.frames >= frames, SOON);
    passed.await.unwrap();
    for ((one, before), after) in departments.iter().zip(before).zip(refused().await) {
        let (tries, time) = (after - before, vanished_at.elapsed() + LATE);
        let most = 1.0 + one.rate as f64 * time.as_secs_f64();
        assert!(tries <= most, "{}: {tries} tries in {time:?}", one.id);
    }
}

/// The most connections of a second, as a multiple of the mean from `begin` to the last of them.
fn unevenness(begin: Instant, mut moments: Vec<Instant>) -> f64 {
    moments.sort();
    let last = *moments.last().expect("connections");
    let mean = moments.len() as f64 / (last - begin).as_secs_f64();
    let in_second = |from: usize| {
        let end = moments[from] + Duration::from_secs(1);
        moments[from..].iter().take_while(|at| **at < end).count()
    };
    let most = (0..moments.len()).map(in_second).max().unwrap_or_default();
    most as f64 / mean
}

/// Ends a session of the seventh department: one pull gave every frame of the whole time, bit for bit.
async fn is_undisturbed(world: &World, number: usize, session: Session, video: &Clip) {
    let camera = world.camera(&name("traffic", number));
    assert_eq!(camera.stats().connections_total, 1);
    let sent = camera.stats().video.frames;
    // What was on its way when the session began, and is now, is less than a second.
    let came = session.wait_for(|stats| stats.frames + 25 >= sent, SOON);
    came.await.unwrap();
    session.bye().await.unwrap();
    let recording = session.finish().await.unwrap();
    is_unbroken(&recording, video);
}

/// Connections a second that they allow, less than the gateway's 250 together, and how many cameras they
/// have: two thousand in all.
const DEPARTMENTS: [(&str, usize, usize); 6] = [
    ("education", 50, 400),
    ("health", 40, 400),
    ("urban_management", 30, 350),
    ("housing", 25, 300),
    ("park", 20, 300),
    ("social", 15, 250),
];
/// How the three cameras of the seventh are watched.
const WATCHED: [Media; 3] = [Media::Udp, Media::TcpPassive, Media::TcpActive];
/// The second byte of the first department's addresses; worlds differ in the third.
const FIRST_SUBNET: usize = 61;
const IN_SUBNET: usize = 200;
/// In twenty seconds.
const OUTAGE_FRAMES: u64 = 500;
