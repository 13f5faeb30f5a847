//! What an INVITE brings: how soon, and when it goes another way than usual.

use std::time::Duration;

use huiju_sim::clips::ClipKind;
use huiju_sim::farm::CameraSettings;
use huiju_sim::platform::{
    Ack, InviteError, Keep, Media, Options, Reinvite, Session, Stats, What, Y,
};
use tokio::time::Instant;

use crate::world::{SOON, World, clip};

#[tokio::test(flavor = "multi_thread")]
async fn the_first_key_frame_of_a_running_stream_leaves_within_300_ms_of_the_ack() {
    let video = clip(ClipKind::H264Main1080p).await;
    let world = World::new("first-frame-running")
        .camera("东门", CameraSettings::new(&video))
        .platform("district")
        .start()
        .await;
    let channel = world.channel("district", "东门").await;
    let running = invite(&world, &channel, Media::Udp, hashed())
        .await
        .unwrap();
    running
        .wait_for(|stats| stats.frames >= 30, SOON)
        .await
        .unwrap();
    for media in [Media::Udp, Media::TcpPassive, Media::TcpActive] {
        let mut times = Vec::new();
        for _ in 0..3 {
            let session = invite(&world, &channel, media, hashed()).await.unwrap();
            session
                .wait_for(|stats| stats.key_frames >= 1, SOON)
                .await
                .unwrap();
            times.push(session.first_frame_after_ack().unwrap());
            session.bye().await.unwrap();
            assert!(session.finish().await.unwrap().violations.is_empty());
        }
        // The middle one of three: a machine that stood still once is no fault of the gateway.
        times.sort();
        assert!(
            times[1] <= Duration::from_millis(300),
            "{media:?}: {times:?}"
        );
    }
    assert_eq!(world.camera("东门").stats().sessions_total, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_that_must_be_pulled_first_is_seen_within_a_group_and_500_ms_of_the_invite() {
    let video = clip(ClipKind::H264Main1080p).await;
    // Their streams begin right behind a key frame: nearly a whole group must be waited for.
    let settings = || CameraSettings::new(&video).first_frame(1);
    let names = ["一号", "二号", "三号"];
    let mut builder = World::new("first-frame-pulled").platform("district");
    for name in names {
        builder = builder.camera(name, settings());
    }
    let world = builder.start().await;
    let mut times = Vec::new();
    for name in names {
        let channel = world.channel("district", name).await;
        assert_eq!(world.camera(name).stats().connections_total, 0);
        let session = invite(&world, &channel, Media::Udp, hashed())
            .await
            .unwrap();
        session
            .wait_for(|stats| stats.key_frames >= 1, SOON)
            .await
            .unwrap();
        times.push(session.first_frame_after_invite().unwrap());
        session.bye().await.unwrap();
        assert!(session.finish().await.unwrap().violations.is_empty());
    }
    times.sort();
    let group = Duration::from_secs(1);
    assert!(times[1] <= group + Duration::from_millis(500), "{times:?}");
    assert!(times[0] >= group / 2, "no group was waited for: {times:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_that_is_looked_at_again_later_shows_the_present_and_not_the_past() {
    let video = clip(ClipKind::H264Small).await;
    let opening = Duration::from_secs(1);
    let settings = CameraSettings::new(&video).describe_delay(opening);
    let world = World::new("present")
        .camera("东门", settings)
        .platform("district")
        .start()
        .await;
    let channel = world.channel("district", "东门").await;
    for _ in 0..2 {
        let session = invite(&world, &channel, Media::Udp, hashed())
            .await
            .unwrap();
        session
            .wait_for(|stats| stats.frames >= 60, SOON)
            .await
            .unwrap();
        // A camera that is still opening has nothing to show but what it showed long ago.
        let took = session.first_frame_after_invite().unwrap();
        assert!(took >= opening, "a picture from the past after {took:?}");
        session.bye().await.unwrap();
        let recording = session.finish().await.unwrap();
        assert_eq!(recording.violations, Vec::<String>::new());
        let camera = world.camera("东门");
        camera
            .wait_for(|stats| stats.playing == 0, SOON)
            .await
            .unwrap();
    }
    assert_eq!(world.camera("东门").stats().sessions_total, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invite_sent_twice_while_the_camera_opens_is_one_session() {
    let video = clip(ClipKind::H264Small).await;
    let slow = CameraSettings::new(&video).describe_delay(Duration::from_secs(1));
    let world = World::new("invite-twice")
        .camera("东门", slow)
        .platform("district")
        .start()
        .await;
    let channel = world.channel("district", "东门").await;
    let options = Options {
        is_doubled: true,
        ..hashed()
    };
    let session = invite(&world, &channel, Media::Udp, options).await.unwrap();
    session
        .wait_for(|stats| stats.frames >= 25, SOON)
        .await
        .unwrap();
    assert_near(&world, "huiju_sink_sessions{sink=\"gb28181\"}", 1.0).await;
    let answered = "huiju_invites_total{platform=\"district\",result=\"answered\"}";
    assert_near(&world, answered, 1.0).await;
    session.bye().await.unwrap();
    assert!(session.finish().await.unwrap().violations.is_empty());
    let camera = world.camera("东门");
    camera
        .wait_for(|stats| stats.playing == 0, SOON)
        .await
        .unwrap();
    assert_eq!(camera.stats().sessions_total, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn cancel_ends_an_invite_whose_camera_opens_and_releases_the_camera() {
    let video = clip(ClipKind::H264Small).await;
    let slow = CameraSettings::new(&video).describe_delay(Duration::from_secs(3));
    let world = World::new("cancel")
        .camera("东门", slow)
        .platform("district")
        .start()
        .await;
    let channel = world.channel("district", "东门").await;
    let options = Options {
        cancel_after: Some(Duration::from_millis(300)),
        ..Options::default()
    };
    let refused = invite(&world, &channel, Media::Udp, options)
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Some(487), "{refused}");
    let camera = world.camera("东门");
    let released = camera.wait_for(
        |stats| stats.connections_total > 0 && stats.connections == 0,
        SOON,
    );
    released.await.unwrap();
    assert_eq!(camera.stats().sessions_abandoned, 0);
    let cancelled = "huiju_invites_total{platform=\"district\",result=\"cancelled\"}";
    assert_near(&world, cancelled, 1.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn media_waits_for_an_ack_that_was_lost_and_the_answer_is_repeated_till_it_comes() {
    let video = clip(ClipKind::H264Small).await;
    let world = World::new("ack-late")
        .camera("东门", CameraSettings::new(&video))
        .platform("district")
        .start()
        .await;
    let channel = world.channel("district", "东门").await;
    let session = invite(&world, &channel, Media::Udp, without_ack())
        .await
        .unwrap();
    repeated(&session, 2).await;
    assert_eq!(session.stats().packets, 0, "media before the ACK");
    session.acknowledge().await;
    session
        .wait_for(|stats| stats.frames >= 25, SOON)
        .await
        .unwrap();
    session.bye().await.unwrap();
    assert!(session.finish().await.unwrap().violations.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_whose_ack_never_comes_ends_by_bye_at_64_t1() {
    let video = clip(ClipKind::H264Small).await;
    let world = World::new("ack-never")
        .camera("东门", CameraSettings::new(&video))
        .platform("district")
        .start()
        .await;
    let channel = world.channel("district", "东门").await;
    let session = invite(&world, &channel, Media::Udp, without_ack())
        .await
        .unwrap();
    let ended_at = session
        .ended_by_peer(Duration::from_secs(40))
        .await
        .unwrap();
    let waited = ended_at.duration_since(session.times.answered_at);
    assert!(
        waited >= Duration::from_millis(31_900),
        "BYE after {waited:?}"
    );
    assert!(waited <= Duration::from_secs(34), "BYE after {waited:?}");
    // 0.5 s, 1.5 s, 3.5 s, then each 4 s; the tenth, half a second before the end, may come too late.
    repeated(&session, 9).await;
    assert_eq!(session.stats().packets, 0, "media without an ACK");
    let camera = world.camera("东门");
    camera
        .wait_for(|stats| stats.playing == 0, SOON)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reinvite_is_answered_as_before_or_refused_and_the_session_goes_on() {
    let video = clip(ClipKind::H264Small).await;
    let world = World::new("reinvite")
        .camera("东门", CameraSettings::new(&video))
        .platform("district")
        .start()
        .await;
    let channel = world.channel("district", "东门").await;
    for media in [Media::Udp, Media::TcpPassive, Media::TcpActive] {
        let session = invite(&world, &channel, media, hashed()).await.unwrap();
        session
            .wait_for(|stats| stats.frames >= 25, SOON)
            .await
            .unwrap();
        let (code, answer) = session.reinvite(Reinvite::Same).await.unwrap();
        assert_eq!(
            (code, answer.as_ref()),
            (200, Some(&session.answer)),
            "{media:?}"
        );
        let (code, _) = session.reinvite(Reinvite::Changed).await.unwrap();
        assert_eq!(code, 488, "{media:?}");
        let frames = session.stats().frames;
        let goes_on = |stats: &Stats| stats.frames >= frames + 25;
        session.wait_for(goes_on, SOON).await.unwrap();
        session.bye().await.unwrap();
        let recording = session.finish().await.unwrap();
        assert_eq!(recording.violations, Vec::<String>::new(), "{media:?}");
        assert_eq!(recording.stats.lost, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ssrc_that_cannot_be_used_is_replaced_and_any_other_is_taken() {
    let video = clip(ClipKind::H264Small).await;
    let world = World::new("ssrc")
        .camera("东门", CameraSettings::new(&video))
        .platform("district")
        .start()
        .await;
    let channel = world.channel("district", "东门").await;
    let text = |text: &str| Y::Text(text.to_owned());
    let cases = [
        (Y::Absent, None),
        (text(""), None),
        (text("null"), None),
        (text("4294967296"), None),
        (text("99999999999999999999"), None),
        (text("a2110000b2"), None),
        (text("-211000042"), None),
        (text("021100042"), Some(21_100_042)),
        (text("4294967295"), Some(u32::MAX)),
        (text("2147483648"), Some(1 << 31)),
        (text("0211000042"), Some(211_000_042)),
    ];
    for (y, expected) in cases {
        let options = Options {
            y: y.clone(),
            extra_types: vec![(125, "H264/90000".into()), (126, "H264/90000".into())],
            ..hashed()
        };
        let session = invite(&world, &channel, Media::Udp, options).await.unwrap();
        session
            .wait_for(|stats| stats.frames >= 10, SOON)
            .await
            .unwrap();
        let ssrc = session.answer.ssrc().unwrap();
        match expected {
            Some(expected) => assert_eq!(ssrc, expected, "{y:?}"),
            // 0 for live, then the middle of the domain.
            None => assert_eq!(ssrc / 10_000, 21_100, "{y:?} became {ssrc}"),
        }
        assert_eq!(session.answer.payload_types, [96]);
        session.bye().await.unwrap();
        // The receiver holds every packet against the SSRC of the answer.
        let recording = session.finish().await.unwrap();
        assert_eq!(recording.violations, Vec::<String>::new(), "{y:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_vanishes_without_a_word_ends_its_session_by_bye() {
    let video = clip(ClipKind::H264Small).await;
    let world = World::new("vanish")
        .camera("东门", CameraSettings::new(&video))
        .platform("district")
        .start()
        .await;
    let channel = world.channel("district", "东门").await;
    for media in [Media::Udp, Media::TcpPassive, Media::TcpActive] {
        let session = invite(&world, &channel, media, hashed()).await.unwrap();
        session
            .wait_for(|stats| stats.frames >= 25, SOON)
            .await
            .unwrap();
        let (dialog, recording) = session.vanish().await.unwrap();
        let vanished_at = Instant::now();
        dialog.ended_by_peer(SOON).await.unwrap();
        let took = vanished_at.elapsed();
        assert!(
            took <= Duration::from_secs(15),
            "{media:?}: BYE after {took:?}"
        );
        assert_eq!(recording.violations, Vec::<String>::new());
    }
    let camera = world.camera("东门");
    camera
        .wait_for(|stats| stats.playing == 0, SOON)
        .await
        .unwrap();
    let byes = |what: &What| matches!(what, What::Bye { .. });
    let events = world.platform("district").events();
    assert_eq!(events.iter().filter(|event| byes(&event.what)).count(), 3);
}

async fn invite(
    world: &World,
    channel: &str,
    media: Media,
    options: Options,
) -> Result<Session, InviteError> {
    world
        .platform("district")
        .invite(channel, media, options)
        .await
}

fn hashed() -> Options {
    Options {
        keep: Keep::Hash,
        ..Options::default()
    }
}

fn without_ack() -> Options {
    Options {
        ack: Ack::Never,
        ..hashed()
    }
}

/// Waits until the 200 came so many times more.
async fn repeated(session: &Session, times: u64) {
    let mut repeated = session.answers_repeated();
    let enough = repeated.wait_for(|count| *count >= times);
    tokio::time::timeout(SOON, enough).await.unwrap().unwrap();
}

async fn assert_near(world: &World, series: &str, expected: f64) {
    let value = world.metric(series).await;
    assert!((value - expected).abs() < 0.5, "{series} is {value}");
}
