//! What a department, a recorder and the process itself may use.

use std::net::SocketAddr;
use std::time::Duration;

use huiju_sim::clips::ClipKind;
use huiju_sim::farm::{CameraSettings, Fault, Group, Misdeed, Nvr, NvrHandle, Step};
use huiju_sim::platform::{Media, Options};
use serde_json::json;

use crate::world::{SOON, World, WorldBuilder, clip, get};

#[tokio::test(flavor = "multi_thread")]
async fn a_department_has_no_more_streams_than_its_limit() {
    let video = clip(ClipKind::H264Small).await;
    let mut world = World::new("streams-limit").platform("district");
    let names = ["一", "二", "三", "四", "五"];
    for name in names {
        world = world.camera(name, CameraSettings::new(&video));
    }
    // Another department has streams of its own.
    let world = world.camera_of("health", "别家", CameraSettings::new(&video));
    let world = world
        .departments(json!({"pull": "always"}))
        .department("education", json!({"limits": {"streams": 3}}))
        .start()
        .await;
    let full = |cameras: &crate::observe::Cameras| {
        cameras.count("online") == 4 && cameras.count("offline/session_limit") == 2
    };
    let cameras = world.cameras_are(SOON, full).await;
    assert_eq!(cameras.state("别家"), "online");
    let refused: Vec<_> = names
        .iter()
        .filter(|name| cameras.state(name) != "online")
        .collect();
    let untouched = |name: &&&str| world.camera(name).stats().connections_total == 0;
    assert!(
        refused.iter().all(untouched),
        "a limit of ours is no load of theirs"
    );
    // Where one leaves, another takes its place.
    let leaver = names
        .iter()
        .find(|name| cameras.state(name) == "online")
        .unwrap();
    world.order("disable", leaver).await;
    world
        .cameras_are(SOON, |cameras| cameras.count("online") == 4)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_department_whose_bandwidth_is_used_up_gives_no_more_streams() {
    let (large, small) = (
        clip(ClipKind::H264Load2m).await,
        clip(ClipKind::H264Small).await,
    );
    let world = World::new("bandwidth-limit")
        .camera("高清", CameraSettings::new(&large))
        .camera("标清", CameraSettings::new(&small))
        .columns("高清", &[("pull", "always")])
        .platform("district")
        .department("education", json!({"limits": {"bandwidth": "1Mbps"}}))
        .start()
        .await;
    world.is_in("高清", "online").await;
    let camera = world.camera("高清");
    camera
        .wait_for(|stats| stats.video.frames >= 75, SOON)
        .await
        .unwrap();
    let channel = world.channel("district", "标清").await;
    let platform = world.platform("district");
    let invited = platform
        .invite(&channel, Media::Udp, Options::default())
        .await;
    assert_eq!(invited.unwrap_err().code(), Some(480));
    assert_eq!(world.camera("标清").stats().connections_total, 0);
    world.is_in("标清", "degraded/bandwidth_limit").await;
    assert_eq!(
        world.cameras().await.state("高清"),
        "online",
        "what runs goes on"
    );

    world.order("disable", "高清").await;
    camera
        .wait_for(|stats| stats.playing == 0, SOON)
        .await
        .unwrap();
    wait_for_probe(&world, "标清", "online").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorder_has_four_handshakes_at_once_and_a_stalled_one_delays_nobody() {
    let mut world = World::new("recorders").platform("district");
    let slow = recorder(
        &world,
        201,
        Fault::At(Step::Describe, Misdeed::Delay(SECOND)),
    )
    .await;
    let stalled = recorder(&world, 202, Fault::At(Step::Describe, Misdeed::Silence)).await;
    let sound = recorder(&world, 203, Fault::NoReports).await;
    let all = [("慢", &slow), ("停", &stalled), ("好", &sound)];
    for (name, recorder) in all {
        world = rows(world, name, recorder);
    }
    let limits = json!({"pull": "always", "limits": {"connects_per_second": 250}});
    let world = world.department("education", limits).start().await;
    let sound_are_up = sound
        .group()
        .wait_for(|stats| stats.playing == CHANNELS, 3 * SECOND);
    sound_are_up.await.unwrap();
    // Four at a time, a second each.
    let slow_are_up = slow
        .group()
        .wait_for(|stats| stats.playing == CHANNELS, SOON);
    slow_are_up.await.unwrap();
    let third_round = |stats: &huiju_sim::farm::GroupStats| stats.connections_total >= 9;
    stalled.group().wait_for(third_round, SOON).await.unwrap();
    // One of the four is kept for viewers; the farm may see the end of one after the begin of the next.
    for (name, recorder) in [("慢", &slow), ("停", &stalled)] {
        let most = recorder.group().stats().handshakes_max;
        assert!((3..=4).contains(&most), "{name}: {most}");
    }
    assert_eq!(world.cameras().await.counts()["online"], 24);
    let channel = world.channel("district", "停0").await;
    let platform = world.platform("district");
    let invited = platform
        .invite(&channel, Media::Udp, Options::default())
        .await;
    assert_eq!(invited.unwrap_err().code(), Some(480));
    for (name, recorder) in all {
        let stats = recorder.group().stats();
        assert!(stats.handshakes_max <= 4, "{name}: {stats:?}");
    }
    let served = stalled.group().stats().handshakes_max;
    assert_eq!(served, 4, "a viewer waits for no stalled handshake");
}

#[tokio::test(flavor = "multi_thread")]
async fn when_descriptors_run_out_new_cameras_wait_and_all_that_runs_goes_on() {
    let video = clip(ClipKind::H264Small).await;
    let mut world = World::new("descriptors").platform("district");
    let names: Vec<String> = (1..=40).map(|number| format!("第{number}号")).collect();
    for name in &names {
        world = world.camera(name, CameraSettings::new(&video));
    }
    let world = world.camera_of("health", "在看", CameraSettings::new(&video));
    // All but about twenty are held back for what is no camera.
    let mut world = world.descriptors(440).without_gateway().await;
    world.start_gateway().await;
    world.registered().await;
    let channel = world.channel("district", "在看").await;
    let platform = world.platform("district");
    let session = platform
        .invite(&channel, Media::Udp, Options::default())
        .await
        .unwrap();
    // Now the others are wanted too.
    world.replace(
        "huiju.yaml",
        "\"id\": \"education\",",
        "\"id\": \"education\", \"pull\": \"always\",",
    );
    world.reload_whatever_goes().await;
    let is_full = |cameras: &crate::observe::Cameras| {
        cameras.count("online") > 10
            && cameras.count("offline/gateway") > 10
            && cameras.count("online") + cameras.count("offline/gateway") == 41
    };
    let full = world.cameras_are(SOON, is_full).await;
    assert!(world.usage().descriptors < 440);
    let http = world.http();
    for address in [http.clone(), http.replace(":8080", ":9180")] {
        assert_eq!(get(&address, "/livez").await.unwrap().0, 200);
        assert_eq!(get(&address, "/readyz").await.unwrap().0, 200);
    }
    assert!(world.metric("process_open_fds").await > 0.0);
    // What runs goes on, and signalling with it.
    let frames = session.stats().frames;
    session
        .wait_for(|stats| stats.frames >= frames + 50, SOON)
        .await
        .unwrap();
    session.bye().await.unwrap();
    let recording = session.finish().await.unwrap();
    assert_eq!(recording.violations, Vec::<String>::new());
    // Where some leave, others come.
    for name in names
        .iter()
        .filter(|name| full.state(name) == "online")
        .take(5)
    {
        world.order("disable", name).await;
    }
    let before = full.count("offline/gateway");
    world
        .cameras_are(SOON, |cameras| {
            cameras.count("offline/gateway") + 5 <= before
        })
        .await;
}

/// Probes a camera until it is in a state: what is measured over a second must have passed.
async fn wait_for_probe(world: &World, name: &str, state: &str) {
    let mut tick = tokio::time::interval(Duration::from_millis(500));
    let probed = async {
        while world.order("probe", name).await != state {
            tick.tick().await;
        }
    };
    let reached = tokio::time::timeout(SOON, probed).await;
    reached.unwrap_or_else(|_| panic!("{name} is never {state}\n{}", world.log()));
}

/// A recorder of the world's network, all of whose channels have a fault.
async fn recorder(world: &WorldBuilder, host: u8, fault: Fault) -> NvrHandle {
    let video = clip(ClipKind::H264Small).await;
    let channel = |number| {
        let settings = CameraSettings::new(&video).fault(fault.clone());
        settings.path(&format!("/channel/{number}"))
    };
    let address: SocketAddr = format!("{}.{host}:8554", world.net()).parse().unwrap();
    Nvr::start(address, &Group::new(), (0..CHANNELS).map(channel).collect()).unwrap()
}

fn rows(mut world: WorldBuilder, name: &str, recorder: &NvrHandle) -> WorldBuilder {
    for (number, camera) in recorder.cameras().iter().enumerate() {
        world = world.row("education", &format!("{name}{number}"), &camera.url());
    }
    world
}

const CHANNELS: u64 = 12;
const SECOND: Duration = Duration::from_secs(1);
