//! A picture from a camera to a platform, and what stands around it.

use huiju_sim::clips::ClipKind;
use huiju_sim::farm::CameraSettings;
use huiju_sim::platform::{Keep, Media, Options};

use crate::world::{SOON, World, clip};

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_is_seen_at_the_platform_by_all_three_transports() {
    let video = clip(ClipKind::H264Small).await;
    let world = World::new("three-transports")
        .camera("东门", CameraSettings::new(&video))
        .platform("district")
        .start()
        .await;
    let channel = world.channel("district", "东门").await;
    for media in [Media::Udp, Media::TcpPassive, Media::TcpActive] {
        let options = Options {
            keep: Keep::Hash,
            ..Options::default()
        };
        let session = world
            .platform("district")
            .invite(&channel, media, options)
            .await
            .unwrap();
        session
            .wait_for(|stats| stats.frames >= 30, SOON)
            .await
            .unwrap();
        session.bye().await.unwrap();
        let recording = session.finish().await.unwrap();
        assert!(
            recording.violations.is_empty(),
            "{media:?}: {:?}",
            recording.violations
        );
    }
    assert!(world.platform("district").violations().is_empty());
    // Of three times thirty frames those that came while somebody watched.
    let forwarded = world.metric("huiju_forward_seconds_count").await;
    assert!(forwarded >= 10.0, "{forwarded}");
    let camera = world
        .camera("东门")
        .wait_for(|camera| camera.playing == 0, SOON)
        .await
        .unwrap();
    assert_eq!(
        camera.sessions_abandoned, 0,
        "every session ends with TEARDOWN"
    );
}
