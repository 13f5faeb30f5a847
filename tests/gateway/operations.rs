//! What those who run the gateway see of it.

use std::process::Stdio;
use std::time::Duration;

use huiju_sim::clips::ClipKind;
use huiju_sim::farm::CameraSettings;
use huiju_sim::platform::{Keep, Media, Options, Session, What};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::time::Instant;

use crate::world::{SOON, World, clip, get, signal};

#[tokio::test(flavor = "multi_thread")]
async fn health_is_served_on_both_listeners_whatever_cameras_and_platforms_do() {
    let mut world = World::new("health")
        .row("education", "东门", "rtsp://127.50.0.1:8554/a")
        .platform("district")
        .without_gateway()
        .await;
    world
        .platform("district")
        .set_faults(|faults| faults.silent = true);
    world.start_gateway().await;
    let http = world.http();
    for address in [http.clone(), http.replace(":8080", ":9180")] {
        for (path, body) in [("/livez", "ok\n"), ("/readyz", "ready\n")] {
            let answer = get(&address, path).await.unwrap();
            assert_eq!(answer, (200, body.to_owned()), "{address}{path}");
        }
        let (status, body) = get(&address, "/nowhere").await.unwrap();
        let problem: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status, &problem["code"]), (404, &json!("not_found")));
    }
    // The API needs a token that this version does not give out yet: it is on the admin socket alone.
    assert_eq!(get(&http, "/api/v1/cameras").await.unwrap().0, 404);
    assert_eq!(get(&http, "/metrics").await.unwrap().0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn promtool_has_nothing_to_say_about_the_metrics_of_a_gateway_at_work() {
    let video = clip(ClipKind::H264Small).await;
    let world = World::new("promtool")
        .camera("东门", CameraSettings::new(&video))
        .row("health", "不在", "rtsp://127.50.0.1:8554/a")
        .platform("district")
        .start()
        .await;
    let gone = world.channel("district", "不在").await;
    let platform = world.platform("district");
    let refused = platform.invite(&gone, Media::Udp, Options::default()).await;
    assert_eq!(refused.unwrap_err().code(), Some(480));
    let session = invite(&world, Media::Udp).await;
    let metrics = world.metrics().await;
    let path = "/metrics/cameras?department=education";
    let cameras = world.get(&world.metrics_address(), path).await;
    assert!(
        cameras.contains("huiju_camera_media_info{"),
        "not seen: {cameras}"
    );
    session.bye().await.unwrap();
    for metrics in [metrics, cameras] {
        assert_eq!(promtool_says(&metrics).await, "");
    }
}

/// What promtool has to say about an exposition.
async fn promtool_says(metrics: &str) -> String {
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is installed");
    let mut stdin = promtool.stdin.take().unwrap();
    stdin.write_all(metrics.as_bytes()).await.unwrap();
    drop(stdin);
    let output = promtool.wait_with_output().await.unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "{said}");
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metrics_of_cameras_are_those_of_one_department_and_tell_their_states() {
    let video = clip(ClipKind::H264Small).await;
    let world = World::new("camera-metrics")
        .camera("东门", CameraSettings::new(&video))
        .columns("东门", &[("civil_code", "43021103")])
        .row("education", "不在", "rtsp://127.50.0.1:8554/a")
        .row("health", "门诊", "rtsp://127.50.0.1:8554/b")
        .platform("district")
        .start()
        .await;
    let session = invite(&world, Media::Udp).await;
    world.order("probe", "不在").await;
    let cameras = world.cameras().await;
    let id = |name: &str| cameras.of(name)["id"].as_str().unwrap().to_owned();
    let address = world.metrics_address();
    let path = "/metrics/cameras?department=education";
    let text = world.get(&address, path).await;
    let (east, gone) = (id("东门"), id("不在"));
    for line in [
        format!(
            "huiju_camera_info{{camera=\"{east}\",department=\"education\",town=\"43021103\"}} 1"
        ),
        format!("huiju_camera_info{{camera=\"{gone}\",department=\"education\",town=\"\"}} 1"),
        format!("huiju_camera_state{{camera=\"{east}\",cause=\"none\",state=\"online\"}} 1"),
        format!("huiju_camera_state{{camera=\"{gone}\",cause=\"refused\",state=\"offline\"}} 1"),
        format!("huiju_camera_online{{camera=\"{east}\"}} 1"),
        format!("huiju_camera_online{{camera=\"{gone}\"}} 0"),
        format!("huiju_camera_viewers{{camera=\"{east}\"}} 1"),
        format!("huiju_camera_failures_total{{camera=\"{gone}\"}} 1"),
    ] {
        assert!(text.lines().any(|other| other == line), "{line} in {text}");
    }
    assert!(!text.contains(&id("门诊")), "of another department: {text}");
    let of_east = text.lines().filter(|line| line.contains(&east)).count();
    assert!(of_east <= 12, "{of_east} series a camera");
    session.bye().await.unwrap();

    let status = async |path: &str| get(&address, path).await.unwrap().0;
    assert_eq!(status("/metrics/cameras").await, 400);
    assert_eq!(status("/metrics/cameras?department=nobody").await, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_says_goodbye_to_platforms_and_cameras_within_ten_seconds() {
    let video = clip(ClipKind::H264Small).await;
    let mut world = World::new("stop")
        .camera("东门", CameraSettings::new(&video))
        .platform("district")
        .platform_with("city", |_| {}, json!({"transport": "tcp"}))
        .start()
        .await;
    let mut sessions = Vec::new();
    for media in [Media::Udp, Media::TcpPassive, Media::TcpActive] {
        sessions.push(invite(&world, media).await);
    }
    let asked_at = Instant::now();
    assert_eq!(world.stop().await, Some(0));
    let took = asked_at.elapsed();
    assert!(took <= Duration::from_secs(10), "stopped after {took:?}");
    for session in sessions {
        session.ended_by_peer(SOON).await.unwrap();
        let recording = session.finish().await.unwrap();
        assert_eq!(recording.violations, Vec::<String>::new());
    }
    for id in ["district", "city"] {
        let platform = world.platform(id);
        let unregistered = platform.unregistered(SOON).await;
        unregistered.unwrap_or_else(|error| panic!("{id}: {error}: {:#?}", platform.events()));
        let goodbye = |what: &What| {
            matches!(
                what,
                What::Register {
                    expires: 0,
                    authorised: true,
                    ..
                }
            )
        };
        platform.wait_for(goodbye, SOON).await.unwrap();
        assert_eq!(platform.violations(), Vec::<String>::new(), "{id}");
    }
    let ended = world
        .camera("东门")
        .wait_for(|stats| stats.teardowns == 1, SOON)
        .await;
    let ended = ended.unwrap();
    assert_eq!((ended.sessions_total, ended.sessions_abandoned), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_stops_it_as_well() {
    let world = World::new("ctrl-c").platform("district");
    let world = world.row("education", "东门", "rtsp://127.50.0.1:8554/a");
    let world = world.start().await;
    world.logged("registering: registered").await;
    signal(world.gateway_pid(), nix::sys::signal::Signal::SIGINT);
    world.logged("huiju::gateway: stopped").await;
    world.platform("district").unregistered(SOON).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_that_comes_while_it_starts_is_heard() {
    let world = World::new("stop-early").platform("district");
    let world = world.row("education", "东门", "rtsp://127.50.0.1:8554/a");
    let mut world = world.without_gateway().await;
    world.launch();
    world.logged("huiju::gateway: catalogue is loaded").await;
    assert_eq!(world.stop().await, Some(0));
}

async fn invite(world: &World, media: Media) -> Session {
    let channel = world.channel("district", "东门").await;
    let options = Options {
        keep: Keep::Hash,
        ..Options::default()
    };
    let session = world
        .platform("district")
        .invite(&channel, media, options)
        .await;
    let session = session.unwrap();
    session
        .wait_for(|stats| stats.frames >= 25, SOON)
        .await
        .unwrap();
    session
}
