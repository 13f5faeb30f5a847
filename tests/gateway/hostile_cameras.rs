//! What hostile cameras send: none of it costs the others anything, and nobody is led elsewhere.

use std::time::Duration;

use huiju_sim::clips::ClipKind;
use huiju_sim::farm::{CameraSettings, Fault, Misdeed, OddSdp, Step, Target};
use huiju_sim::platform::{Keep, Media, Options};
use serde_json::{Value, json};
use tokio::net::{TcpListener, UdpSocket};
use tokio::time::timeout;

use crate::readers::lost_nothing;
use crate::world::{SOON, World, clip};

#[tokio::test(flavor = "multi_thread")]
async fn hostile_cameras_lead_nowhere_and_cost_a_session_nothing() {
    // Two strangers that nothing may reach, whatever a camera says.
    let stranger = TcpListener::bind("127.99.0.11:8554").await.unwrap();
    let beside = UdpSocket::bind("127.99.0.11:8554").await.unwrap();
    let video = clip(ClipKind::H264Small).await;
    let hostile = |step, misdeed| CameraSettings::new(&video).fault(Fault::At(step, misdeed));
    let redirect = |step, code| {
        let target = Target::Url("rtsp://127.99.0.11:8554/live".to_owned());
        hostile(step, Misdeed::Redirect(code, target))
    };
    let cameras = [
        ("正常", CameraSettings::new(&video)),
        ("无尽正文", hostile(Step::Describe, Misdeed::EndlessBody)),
        (
            "百万首部",
            hostile(Step::Describe, Misdeed::Headers(1_000_000)),
        ),
        ("长行", hostile(Step::Describe, Misdeed::LongLine(1 << 20))),
        ("转向二", redirect(Step::Describe, 301)),
        ("转向三", redirect(Step::Setup, 302)),
        ("转向四", redirect(Step::Play, 302)),
        (
            "别处",
            CameraSettings::new(&video)
                .odd_sdp(OddSdp::named("content_base_of_another_host").unwrap()),
        ),
    ];
    let count = cameras.len();
    let mut builder = World::new("hostile-cameras").platform("district");
    for (name, settings) in cameras {
        builder = builder.camera(name, settings);
    }
    let mut world = builder
        .departments(json!({"pull": "always"}))
        .without_gateway()
        .await;
    world.start_gateway().await;
    world.registered().await;
    let channel = world.channel("district", "正常").await;
    let options = Options {
        keep: Keep::Hash,
        ..Options::default()
    };
    let platform = world.platform("district");
    let session = platform
        .invite(&channel, Media::Udp, options)
        .await
        .unwrap();
    assert_refused(&world, count).await;
    let frames = session.stats().frames;
    session
        .wait_for(|stats| stats.frames >= frames + 25, SOON)
        .await
        .unwrap();
    session.bye().await.unwrap();
    let recording = session.finish().await.unwrap();
    lost_nothing(&recording);
    assert_eq!(
        world.camera("正常").stats().sessions_total,
        1,
        "it was asked once"
    );
    let connected = timeout(Duration::from_millis(100), stranger.accept()).await;
    assert!(connected.is_err(), "a camera led the gateway to a stranger");
    assert!(
        beside.try_recv(&mut [0; 64]).is_err(),
        "a camera led packets to a stranger"
    );
    let used = kilobytes(&world);
    // A million headers are read whole and take some 100 MB; a body of 1 GB must not be.
    assert!(used < 256 * 1024, "the gateway held {used} kB");
}

/// Waits until no camera is on its way any more; none was followed elsewhere.
async fn assert_refused(world: &World, count: usize) {
    let is_settled = |page: &Value| {
        let cameras = page["items"].as_array().unwrap();
        let is_open =
            |camera: &Value| ["unknown", "connecting"].contains(&camera["state"].as_str().unwrap());
        cameras.len() == count && !cameras.iter().any(is_open)
    };
    let page = world.admin("/api/v1/cameras", is_settled).await;
    for camera in page["items"].as_array().unwrap() {
        let name = camera["name"].as_str().unwrap();
        if name.starts_with("转向") {
            assert_eq!(camera["cause"], "redirect_refused", "{name}");
        }
    }
}

/// How much memory the gateway ever held.
fn kilobytes(world: &World) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", world.gateway_pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok())
        .unwrap()
}
