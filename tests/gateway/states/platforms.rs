//! What platforms are told of a camera that dies, returns and flaps.

use std::time::Duration;

use huiju_sim::clips::ClipKind;
use huiju_sim::farm::CameraSettings;
use huiju_sim::platform::{Keep, Media, Notices, Options, Session, Subscribe};
use serde_json::json;
use tokio::time::Instant;

use crate::readers::is_unbroken;
use crate::world::{World, clip};

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_that_flaps_is_told_off_once_and_on_once_and_the_others_lose_nothing() {
    let video = clip(ClipKind::H264Small).await;
    let push = json!({"catalogue": {"push_changes": true}});
    let world = World::new("flapping")
        .camera("东门", CameraSettings::new(&video))
        .camera("西门", CameraSettings::new(&video))
        .platform_with("district", |_| {}, push.clone())
        .platform_with(
            "city",
            |settings| settings.domain = "4302000000".into(),
            push,
        )
        .departments(json!({"pull": "always"}))
        .start()
        .await;
    let (subscriber, pushed_to) = (world.platform("district"), world.platform("city"));
    let east = world.channel("district", "东门").await;
    world.channel("city", "东门").await;
    let subscription = subscriber
        .subscribe_catalogue(Subscribe::default())
        .await
        .unwrap();
    let session = look_at(&world, "西门").await;
    world.is_in("东门", "online").await;

    let camera = world.camera("东门");
    camera.kill().await;
    let is_off = |notices: &Notices| notices.events_of(&east).contains(&"OFF");
    subscription.wait_for(is_off, STEADY).await.unwrap();
    pushed_to.wait_pushed(is_off, STEADY).await.unwrap();
    // Within the 30 s it comes, goes, and comes to stay.
    for _ in 0..2 {
        camera.revive().await.unwrap();
        let probed = world.order("probe", "东门").await;
        assert_eq!(probed, "online", "{}", world.log());
        camera.kill().await;
        world.is_in("东门", "offline/refused").await;
    }
    camera.revive().await.unwrap();
    assert_eq!(world.order("probe", "东门").await, "online");
    let is_on_again = |notices: &Notices| notices.events_of(&east).ends_with(&["OFF", "ON"]);
    subscription
        .wait_for(is_on_again, 2 * STEADY)
        .await
        .unwrap();
    pushed_to
        .wait_pushed(is_on_again, 2 * STEADY)
        .await
        .unwrap();

    for notices in [subscription.notices(), pushed_to.pushed().borrow().clone()] {
        let changes = changes_of(&notices, &east);
        let told: Vec<&str> = changes.iter().map(|(_, event)| event.as_str()).collect();
        let from = told.iter().position(|event| *event == "OFF").unwrap();
        assert_eq!(told[from..], ["OFF", "ON"], "{told:?}");
        let apart = changes[from + 1].0 - changes[from].0;
        assert!(apart >= STEADY - Duration::from_millis(500), "{apart:?}");
    }
    for platform in [subscriber, pushed_to] {
        assert_eq!(platform.violations(), Vec::<String>::new());
    }
    session.bye().await.unwrap();
    let recording = session.finish().await.unwrap();
    is_unbroken(&recording, &video);
}

/// When a platform was told what of a channel.
fn changes_of(notices: &Notices, id: &str) -> Vec<(Instant, String)> {
    let of_notice = |notice: &huiju_sim::platform::Notice| {
        let items = notice.items.iter().filter(|item| item.id == id);
        let at = notice.at;
        items
            .map(|item| (at, item.event().to_owned()))
            .collect::<Vec<_>>()
    };
    notices.all.iter().flat_map(of_notice).collect()
}

async fn look_at(world: &World, camera: &str) -> Session {
    let channel = world.channel("district", camera).await;
    let options = Options {
        keep: Keep::Hash,
        ..Options::default()
    };
    let platform = world.platform("district");
    platform
        .invite(&channel, Media::Udp, options)
        .await
        .unwrap()
}

/// A channel changes once in that time at most.
const STEADY: Duration = Duration::from_secs(30);
