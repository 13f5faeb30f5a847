//! Cameras and platforms that go away and come back.

use std::time::Duration;

use huiju_sim::clips::ClipKind;
use huiju_sim::farm::CameraSettings;
use huiju_sim::platform::{Answer, Keep, Media, Options, Session, Transport, What};
use serde_json::json;
use tokio::time::Instant;

use crate::readers::{lost_nothing, places};
use crate::world::{SOON, World, clip};

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_that_dies_ends_its_session_after_the_grace_and_can_be_invited_again() {
    let video = clip(ClipKind::H264Small).await;
    let world = World::new("camera-dies")
        .camera("东门", CameraSettings::new(&video))
        .platform_with("district", |_| {}, json!({"media": {"lost_grace": "2s"}}))
        .start()
        .await;
    let channel = world.channel("district", "东门").await;
    let session = invite(&world, "district", &channel).await;
    session
        .wait_for(|stats| stats.frames >= 25, SOON)
        .await
        .unwrap();
    world.camera("东门").kill().await;
    let died_at = Instant::now();

    let ended_at = session.ended_by_peer(SOON).await.unwrap();
    let last = session.stats().last_packet.unwrap();
    assert!(
        last < died_at + Duration::from_millis(500),
        "media of a dead camera"
    );
    let grace = ended_at.duration_since(last);
    assert!(grace >= Duration::from_millis(1900), "BYE after {grace:?}");
    assert!(grace <= Duration::from_millis(3500), "BYE after {grace:?}");
    assert!(session.finish().await.unwrap().violations.is_empty());

    world.camera("东门").revive().await.unwrap();
    let session = invite(&world, "district", &channel).await;
    session
        .wait_for(|stats| stats.frames >= 25, SOON)
        .await
        .unwrap();
    session.bye().await.unwrap();
    assert!(session.finish().await.unwrap().violations.is_empty());
    assert!(world.platform("district").violations().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_that_restarts_within_the_grace_keeps_its_session() {
    let video = clip(ClipKind::H264BFrames).await;
    // Both times its stream begins within a group.
    let settings = CameraSettings::new(&video).first_frame(5);
    let world = World::new("camera-restarts")
        .camera("东门", settings)
        .platform_with("district", |_| {}, json!({"media": {"lost_grace": "30s"}}))
        .start()
        .await;
    let channel = world.channel("district", "东门").await;
    let session = invite(&world, "district", &channel).await;
    session
        .wait_for(|stats| stats.frames >= 30, SOON)
        .await
        .unwrap();
    let camera = world.camera("东门");
    camera.kill().await;
    let before = session.stats().frames;
    camera.revive().await.unwrap();
    session
        .wait_for(|stats| stats.frames >= before + 50, SOON)
        .await
        .unwrap();
    session.bye().await.unwrap();
    let recording = session.finish().await.unwrap();

    lost_nothing(&recording);
    assert_eq!(camera.stats().sessions_total, 2, "it was asked again");
    let places = places(&recording, &video);
    let resumed =
        (1..places.len()).find(|n| places[*n] != (places[n - 1] + 1) % video.units().len());
    assert!(
        resumed.is_none_or(|n| recording.units[n].is_key),
        "media goes on with a key frame"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_is_pulled_on_for_the_linger_and_then_released_by_teardown() {
    let video = clip(ClipKind::H264Small).await;
    let world = World::new("linger")
        .camera("东门", CameraSettings::new(&video))
        .platform("district")
        .config(json!({"streams": {"linger": "3s"}}))
        .start()
        .await;
    let channel = world.channel("district", "东门").await;
    let camera = world.camera("东门");
    for _ in 0..2 {
        let session = invite(&world, "district", &channel).await;
        let is_up = session.wait_for(|stats| stats.frames >= 25, SOON).await;
        is_up.unwrap();
        session.bye().await.unwrap();
    }
    let left_at = Instant::now();
    let ended = camera.wait_for(|stats| stats.teardowns == 1, SOON).await;
    let lingered = left_at.elapsed();
    assert_eq!(ended.unwrap().sessions_total, 1, "one pull for both");
    assert!(lingered >= Duration::from_millis(2800), "{lingered:?}");
    assert!(lingered <= Duration::from_secs(5), "{lingered:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_that_dies_keeps_its_media_for_a_while_and_is_served_again_when_it_is_back() {
    let video = clip(ClipKind::H264Small).await;
    let settings = json!({
        "keepalive": {"interval": "5s", "missed_max": 1},
        "media": {"media_after_loss": "4s"},
    });
    let world = World::new("platform-dies")
        .camera("东门", CameraSettings::new(&video))
        .platform_with("district", |_| {}, settings)
        .start()
        .await;
    let platform = world.platform("district");
    let channel = world.channel("district", "东门").await;
    let session = invite(&world, "district", &channel).await;
    session
        .wait_for(|stats| stats.frames >= 25, SOON)
        .await
        .unwrap();
    platform.set_faults(|faults| faults.silent = true);

    world.logged("platform lost").await;
    let (lost_at, frames) = (Instant::now(), session.stats().frames);
    let series = "huiju_platform_registered{platform=\"district\"}";
    assert!(world.metric(series).await < 0.5, "not registered");
    world.logged("the platform stays lost: media ends").await;
    let after = lost_at.elapsed();
    let went_on = session.stats().frames - frames;
    assert!(
        went_on >= 75,
        "{went_on} frames in the {after:?} after the loss"
    );
    assert!(
        after >= Duration::from_millis(3500),
        "media ended after {after:?}"
    );
    assert!(
        after <= Duration::from_secs(6),
        "media ended after {after:?}"
    );
    let camera = world.camera("东门");
    camera
        .wait_for(|stats| stats.playing == 0, SOON)
        .await
        .unwrap();
    assert!(session.finish().await.unwrap().violations.is_empty());

    platform.forget_registration();
    platform.set_faults(|faults| faults.silent = false);
    platform.registered(LONG).await.unwrap();
    assert_eq!(world.channel("district", "东门").await, channel);
    let session = invite(&world, "district", &channel).await;
    session
        .wait_for(|stats| stats.frames >= 25, SOON)
        .await
        .unwrap();
    session.bye().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_that_does_not_know_us_any_more_gets_a_new_registration_and_keeps_its_media() {
    let video = clip(ClipKind::H264Small).await;
    let world = World::new("platform-forgets")
        .camera("东门", CameraSettings::new(&video))
        .platform_with("district", |_| {}, json!({"keepalive": {"interval": "5s"}}))
        .start()
        .await;
    let platform = world.platform("district");
    let channel = world.channel("district", "东门").await;
    let session = invite(&world, "district", &channel).await;
    session
        .wait_for(|stats| stats.frames >= 25, SOON)
        .await
        .unwrap();
    let is_keepalive = |what: &What| matches!(what, What::Keepalive { .. });
    for code in [401, 403, 404, 481] {
        platform.set_faults(|faults| faults.keepalive = Answer::Status(code));
        let mark = platform.mark();
        platform.forget_registration();
        let refused = platform.wait_after(mark, is_keepalive, SOON).await;
        let registered = platform.wait_after(mark, is_register, SOON).await;
        let registered = registered.unwrap_or_else(|error| panic!("after {code}: {error}"));
        // 5 s of jitter; a keepalive that counted as missed would take 15 s.
        let took = registered.at.duration_since(refused.unwrap().at);
        assert!(took <= Duration::from_secs(7), "{code}: after {took:?}");
        platform.set_faults(|faults| faults.keepalive = Answer::Usual);
        let mark = platform.mark();
        let beats = platform.wait_after(mark, is_keepalive, SOON).await;
        beats.unwrap();
    }
    let frames = session.stats().frames;
    session
        .wait_for(|stats| stats.frames >= frames + 25, SOON)
        .await
        .unwrap();
    let ended = |what: &What| matches!(what, What::Bye { .. });
    assert!(!platform.events().iter().any(|event| ended(&event.what)));
    session.bye().await.unwrap();
    assert!(session.finish().await.unwrap().violations.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_platforms_with_settings_of_their_own_see_one_camera_that_is_pulled_once() {
    let video = clip(ClipKind::H264Small).await;
    let share = |departments: &[&str]| json!({"share": {"departments": departments}});
    let city = json!({"charset": "utf-8", "transport": "tcp", "catalogue": share(&["education", "health"])});
    let world = World::new("two-platforms")
        .camera("东门", CameraSettings::new(&video))
        .camera_of("health", "急诊", CameraSettings::new(&video))
        .platform_with(
            "district",
            |_| {},
            json!({"catalogue": share(&["education"])}),
        )
        .platform_with(
            "city",
            |settings| settings.domain = "4302000000".into(),
            city,
        )
        .start()
        .await;
    let channel = world.channel("district", "东门").await;
    assert_eq!(
        world.channel("city", "东门").await,
        channel,
        "one code at both"
    );
    let names = |items: Vec<huiju_sim::platform::Item>| {
        let cameras = items.into_iter().filter(|item| item.kind() == "132");
        let mut names: Vec<String> = cameras.map(|item| item.name().to_owned()).collect();
        names.sort();
        names
    };
    assert_eq!(names(world.catalogue("district").await), ["东门"]);
    assert_eq!(names(world.catalogue("city").await), ["东门", "急诊"]);
    speaks(&world, "district", Transport::Udp, "encoding=\"GB2312\"");
    speaks(&world, "city", Transport::Tcp, "encoding=\"UTF-8\"");

    let sessions = [
        invite(&world, "district", &channel).await,
        invite(&world, "city", &channel).await,
    ];
    let mut units = Vec::new();
    for session in &sessions {
        session
            .wait_for(|stats| stats.frames >= 50, SOON)
            .await
            .unwrap();
    }
    for session in sessions {
        session.bye().await.unwrap();
        let recording = session.finish().await.unwrap();
        assert_eq!(recording.violations, Vec::<String>::new());
        units.push(recording.units);
    }
    let common = units[0]
        .iter()
        .filter(|unit| units[1].contains(unit))
        .count();
    assert!(common >= 40, "{common} units of one stream at both");
    assert_eq!(
        world.camera("东门").stats().sessions_total,
        1,
        "pulled once"
    );
    assert_eq!(
        world.camera("急诊").stats().connections_total,
        0,
        "not pulled"
    );
    for platform in ["district", "city"] {
        assert_eq!(world.platform(platform).violations(), Vec::<String>::new());
    }
}

/// Everything that a platform was sent came by that transport and in that charset.
fn speaks(world: &World, platform: &str, by: Transport, prolog: &str) {
    let mut bodies = 0;
    for event in world.platform(platform).events() {
        match event.what {
            What::Register { transport, .. } => assert_eq!(transport, by, "{platform}"),
            What::Message { body, .. } => {
                assert!(body.contains(prolog), "{platform}: {body}");
                bodies += 1;
            }
            _ => {}
        }
    }
    assert!(bodies > 0);
}

fn is_register(what: &What) -> bool {
    matches!(
        what,
        What::Register {
            expires: 1..,
            authorised: true,
            ..
        }
    )
}

async fn invite(world: &World, platform: &str, channel: &str) -> Session {
    let options = Options {
        keep: Keep::Hash,
        ..Options::default()
    };
    let invited = world
        .platform(platform)
        .invite(channel, Media::Udp, options);
    invited
        .await
        .unwrap_or_else(|error| panic!("{error}\n{}", world.log()))
}

/// A registration that was lost is tried again in growing steps.
const LONG: Duration = Duration::from_secs(90);
