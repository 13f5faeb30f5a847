//! INVITEs that are refused, each with its code and without a trace.

use std::time::Duration;

use huiju_sim::clips::ClipKind;
use huiju_sim::farm::CameraSettings;
use huiju_sim::platform::{Body, Description, InviteError, Keep, Media, Options, Refusal, Session};
use serde_json::json;
use tokio::io::AsyncReadExt as _;
use tokio::time::{Instant, timeout};

use crate::raw::{Speaker, connect};
use crate::world::{SOON, World, clip};

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_shown_is_refused_with_its_code_and_costs_no_camera() {
    let (h264, h265) = (
        clip(ClipKind::H264Small).await,
        clip(ClipKind::H265720p).await,
    );
    let share = |departments: &[&str]| json!({"share": {"departments": departments}});
    let district = json!({"catalogue": share(&["education"]), "media": {"codecs": ["h264"]}});
    let world = World::new("refusals")
        .camera("东门", CameraSettings::new(&h264))
        .camera("新机", CameraSettings::new(&h265))
        .camera_of("health", "急诊", CameraSettings::new(&h264))
        .platform_with("district", |_| {}, district)
        .platform_with("city", |_| {}, json!({"catalogue": share(&["health"])}))
        .start()
        .await;
    let ours = world.channel("district", "东门").await;
    let theirs = world.channel("city", "急诊").await;
    let h265 = world.channel("district", "新机").await;

    let unknown = refused(&world, "43021100111320999999", Options::default()).await;
    assert_eq!(unknown.code, 404);
    let unshared = refused(&world, &theirs, Options::default()).await;
    assert_eq!(unshared.code, 404, "a channel that is not shared");
    for body in [Body::Absent, Body::Talk] {
        let options = Options {
            body,
            ..Options::default()
        };
        let refusal = refused(&world, &ours, options).await;
        assert_eq!(refusal.code, 488, "{body:?}");
        assert!(refusal.warning.is_some(), "{body:?} without Warning");
    }
    let options = Options {
        media_address: Some([127, 99, 0, 1].into()),
        ..Options::default()
    };
    let refusal = refused(&world, &ours, options).await;
    assert_eq!(refusal.code, 403, "media for a stranger");
    let series = "huiju_refused_total{reason=\"media_network\"}";
    assert_near(&world, series, 1.0).await;
    for camera in ["东门", "急诊"] {
        assert_eq!(world.camera(camera).stats().connections_total, 0);
    }

    let refusal = refused(&world, &h265, Options::default()).await;
    assert_eq!(refusal.code, 488, "a codec that the platform does not know");
    let warning = refusal.warning.unwrap_or_default();
    assert!(warning.contains("h265"), "{warning}");
    let camera = world.camera("新机");
    let released = camera.wait_for(|stats| stats.sessions == 0, SOON).await;
    assert_eq!(released.unwrap().sessions_abandoned, 0);
    for (result, times) in [
        ("not_found", 2.0),
        ("not_acceptable", 3.0),
        ("forbidden", 1.0),
    ] {
        let series = format!("huiju_invites_total{{platform=\"district\",result=\"{result}\"}}");
        assert_near(&world, &series, times).await;
    }
    assert!(world.platform("district").violations().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_without_ps_is_refused() {
    let video = clip(ClipKind::H264Small).await;
    let world = World::new("no-ps")
        .camera("东门", CameraSettings::new(&video))
        .platform("district")
        .start()
        .await;
    let channel = world.channel("district", "东门").await;
    let address = world.platform("district").address().ip();
    let mut platform = Speaker::new(&world, address, PLATFORM).await;
    let offer = |types: &str| {
        format!(
            "v=0\r\no={PLATFORM} 0 0 IN IP4 {address}\r\ns=Play\r\nc=IN IP4 {address}\r\nt=0 0\r\n\
             m=video 40002 RTP/AVP {types}\r\na=recvonly\r\na=rtpmap:97 MPEG4/90000\r\n\
             a=rtpmap:98 H264/90000\r\ny=0211000001\r\n"
        )
    };
    let kind = "APPLICATION/SDP";
    let answer = platform
        .ask("INVITE", &channel, kind, &offer("98 97"))
        .await;
    assert_eq!(answer.code, 488, "{}", answer.text);
    assert!(answer.text.contains("\r\nWarning: "), "{}", answer.text);
    let nonsense = platform.ask("INVITE", &channel, kind, "s=Play").await;
    assert_eq!(nonsense.code, 488, "{}", nonsense.text);
    assert_eq!(world.camera("东门").stats().connections_total, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_session_more_than_the_limit_is_busy_till_another_ends() {
    let video = clip(ClipKind::H264Small).await;
    let world = World::new("limit")
        .camera("东门", CameraSettings::new(&video))
        .platform_with("district", |_| {}, json!({"limits": {"sessions": 2}}))
        .start()
        .await;
    let channel = world.channel("district", "东门").await;
    let first = invite(&world, &channel, Options::default()).await.unwrap();
    let second = invite(&world, &channel, Options::default()).await.unwrap();
    let refusal = refused(&world, &channel, Options::default()).await;
    assert_eq!(refusal.code, 486);
    first.bye().await.unwrap();
    let third = invite(&world, &channel, Options::default()).await.unwrap();
    for session in [second, third] {
        session
            .wait_for(|stats| stats.frames >= 25, SOON)
            .await
            .unwrap();
        session.bye().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_that_gives_nothing_is_unavailable_after_one_try() {
    let video = clip(ClipKind::H264Small).await;
    let world = World::new("unavailable")
        .camera("东门", CameraSettings::new(&video))
        .camera("西门", CameraSettings::new(&video))
        .platform("district")
        .start()
        .await;
    // One that was never seen, and one that was and whose last pictures are known.
    let (never, seen) = (
        world.channel("district", "东门").await,
        world.channel("district", "西门").await,
    );
    let session = invite(&world, &seen, Options::default()).await.unwrap();
    session
        .wait_for(|stats| stats.frames >= 60, SOON)
        .await
        .unwrap();
    session.bye().await.unwrap();
    let camera = world.camera("西门");
    camera
        .wait_for(|stats| stats.playing == 0, SOON)
        .await
        .unwrap();
    world.logged("nobody looks: released").await;
    for name in ["东门", "西门"] {
        world.camera(name).kill().await;
    }
    for channel in [&never, &seen] {
        let asked_at = Instant::now();
        let refusal = refused(&world, channel, Options::default()).await;
        assert_eq!(refusal.code, 480, "{channel}");
        let reason = refusal.reason.unwrap_or_default();
        assert!(reason.contains("refused"), "the reason is {reason:?}");
        let took = asked_at.elapsed();
        assert!(took < Duration::from_secs(4), "refused after {took:?}");
    }
    // A channel that is OFF by now is tried all the same.
    let items = world.catalogue("district").await;
    let status = |id: &str| {
        let item = items.iter().find(|item| item.id == id);
        item.map(|item| item.status().to_owned())
    };
    assert_eq!(status(&never).as_deref(), Some("OFF"));
    for name in ["东门", "西门"] {
        world.camera(name).revive().await.unwrap();
    }
    let session = invite(&world, &never, Options::default()).await.unwrap();
    session
        .wait_for(|stats| stats.frames >= 25, SOON)
        .await
        .unwrap();
    session.bye().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_without_a_key_frame_in_time_is_unavailable() {
    let video = clip(ClipKind::H264Small).await;
    let silent = CameraSettings::new(&video).stall_after(Duration::ZERO);
    let world = World::new("no-key-frame")
        .camera("东门", silent)
        .platform_with(
            "district",
            |_| {},
            json!({"media": {"first_frame_within": "2s"}}),
        )
        .start()
        .await;
    let channel = world.channel("district", "东门").await;
    let asked_at = Instant::now();
    let refusal = refused(&world, &channel, Options::default()).await;
    let took = asked_at.elapsed();
    assert_eq!(refusal.code, 480);
    let reason = refusal.reason.unwrap_or_default();
    assert!(reason.contains("key frame"), "the reason is {reason:?}");
    assert!(
        took >= Duration::from_millis(1900),
        "refused after {took:?}"
    );
    assert!(took <= Duration::from_secs(4), "refused after {took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_who_connects_for_media_is_closed_and_does_not_use_up_the_listener() {
    let video = clip(ClipKind::H264Small).await;
    let world = World::new("rtp-stranger")
        .camera("东门", CameraSettings::new(&video))
        .platform("district")
        .start()
        .await;
    let channel = world.channel("district", "东门").await;
    let address = world.platform("district").address().ip();
    let mut platform = Speaker::new(&world, address, PLATFORM).await;
    let offer = format!(
        "v=0\r\no={PLATFORM} 0 0 IN IP4 {address}\r\ns=Play\r\nc=IN IP4 {address}\r\nt=0 0\r\n\
         m=video 40002 TCP/RTP/AVP 96\r\na=recvonly\r\na=rtpmap:96 PS/90000\r\na=setup:active\r\n\
         a=connection:new\r\ny=0211000001\r\n"
    );
    let kind = "APPLICATION/SDP";
    let answer = platform.ask("INVITE", &channel, kind, &offer).await;
    assert_eq!(answer.code, 200, "{}", answer.text);
    let (_, body) = answer.text.split_once("\r\n\r\n").unwrap();
    let media = Description::parse(body).unwrap().address;
    let mut stranger = connect([127, 99, 0, 7].into(), media).await;
    platform.acknowledge(&answer, &channel).await;
    let mut buffer = [0; 4];
    let read = timeout(SOON, stranger.read(&mut buffer)).await.unwrap();
    assert!(matches!(read, Ok(0) | Err(_)), "a stranger got {read:?}");

    let mut welcome = connect(address, media).await;
    let read = timeout(SOON, welcome.read_exact(&mut buffer)).await;
    read.unwrap().unwrap();
    assert_eq!(buffer[2..], [0x80, 96], "RTP behind its length");
    let series = "huiju_refused_total{reason=\"rtp_stranger\"}";
    assert_near(&world, series, 1.0).await;
}

async fn invite(world: &World, channel: &str, options: Options) -> Result<Session, InviteError> {
    let options = Options {
        keep: Keep::Hash,
        ..options
    };
    let platform = world.platform("district");
    platform.invite(channel, Media::Udp, options).await
}

async fn refused(world: &World, channel: &str, options: Options) -> Refusal {
    match invite(world, channel, options).await {
        Err(InviteError::Refused(refusal)) => refusal,
        Err(InviteError::Failed(error)) => unreachable!("no answer: {error:#}"),
        Ok(_) => unreachable!("{channel} was not refused"),
    }
}

async fn assert_near(world: &World, series: &str, expected: f64) {
    let value = world.metric(series).await;
    assert!((value - expected).abs() < 0.5, "{series} is {value}");
}

/// The code of the first platform of a world.
const PLATFORM: &str = "43021100002000000001";
