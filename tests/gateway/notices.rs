//! What platforms are told of changes: in a subscription, else pushed.

use std::time::Duration;

use huiju_sim::clips::ClipKind;
use huiju_sim::farm::CameraSettings;
use huiju_sim::platform::{Answer, Item, Refresh, Step, Subscribe, When};
use serde_json::json;

use crate::world::{SOON, World, WorldBuilder, clip};

#[tokio::test(flavor = "multi_thread")]
async fn a_subscriber_is_told_the_state_of_all_cameras_and_then_what_changes() {
    let world = two_always(World::new("subscribed"))
        .await
        .platform("district")
        .start()
        .await;
    let platform = world.platform("district");
    let (east, west) = (
        world.channel("district", "东门").await,
        world.channel("district", "西门").await,
    );
    let subscription = platform
        .subscribe_catalogue(Subscribe::default())
        .await
        .unwrap();
    // What changed before it was pushed, and rightly so.
    let pushed = platform.pushed().borrow().all.len();
    let is_told = |id: &str, event: &str| {
        let (id, event) = (id.to_owned(), event.to_owned());
        move |notices: &huiju_sim::platform::Notices| {
            notices.events_of(&id).contains(&event.as_str())
        }
    };
    for id in [&east, &west] {
        subscription
            .wait_for(is_told(id, "ON"), SOON)
            .await
            .unwrap();
    }
    world.camera("东门").kill().await;
    subscription
        .wait_for(is_told(&east, "OFF"), SOON)
        .await
        .unwrap();
    assert_eq!(subscription.notices().events_of(&west), ["ON"]);

    let other_event = Refresh {
        event: Some("Catalog;id=831".into()),
        ..Refresh::default()
    };
    assert_eq!(subscription.refresh(other_event).await.unwrap().code, 200);
    world.camera("西门").kill().await;
    subscription
        .wait_for(is_told(&west, "OFF"), SOON)
        .await
        .unwrap();
    assert_eq!(subscription.cancel().await.unwrap().expires, Some(0));
    subscription
        .wait_for(|notices| notices.is_terminated(), SOON)
        .await
        .unwrap();
    assert_eq!(
        platform.pushed().borrow().all.len(),
        pushed,
        "never both ways at once"
    );
    assert_eq!(platform.violations(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_that_is_not_refreshed_ends_and_a_late_refresh_is_forgiven() {
    let world = two_always(World::new("expiry"))
        .await
        .platform("district")
        .start()
        .await;
    let platform = world.platform("district");
    world.catalogue("district").await;
    let short = || Subscribe {
        expires: 2,
        ..Subscribe::default()
    };
    let late = platform.subscribe_catalogue(short()).await.unwrap();
    let refresh = Refresh {
        when: When::AfterExpiry(Duration::from_millis(500)),
        ..Refresh::default()
    };
    assert_eq!(late.refresh(refresh).await.unwrap().code, 200);
    late.wait_for(|notices| notices.is_terminated(), SOON)
        .await
        .unwrap();
    world
        .logged("the subscription of the catalogue has ended")
        .await;
    let after = late.refresh(Refresh::default()).await.unwrap();
    assert_eq!(after.code, 481, "what has ended cannot be refreshed");
    let event = Subscribe {
        cmd_type: "Alarm".into(),
        event: "presence;id=3".into(),
        ..Subscribe::default()
    };
    let refused = platform.subscribe_catalogue(event).await.unwrap_err();
    assert!(refused.to_string().contains("489"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_pushed_without_a_subscription_and_no_more_once_they_are_refused() {
    let soon = json!({"keepalive": {"interval": "5s"}});
    let world = two_always(World::new("pushed"))
        .await
        .platform_with("district", |_| {}, soon)
        .start()
        .await;
    let platform = world.platform("district");
    let (east, west) = (
        world.channel("district", "东门").await,
        world.channel("district", "西门").await,
    );
    world.logged("stream is up").await;
    world.camera("东门").kill().await;
    platform
        .wait_pushed(|notices| notices.events_of(&east).contains(&"OFF"), SOON)
        .await
        .unwrap();

    // Its answer has gone out when a later question was answered.
    world.catalogue("district").await;
    platform.answer_next(Step::Notify, Answer::Status(403), 1);
    world.camera("西门").kill().await;
    world.logged("no more till the next registration").await;
    // The platform forgets us and is registered at anew: it is told then.
    platform.answer_next(Step::Keepalive, Answer::Status(403), 1);
    platform
        .wait_pushed(|notices| notices.events_of(&west).len() == 2, SOON)
        .await
        .unwrap();
    assert_eq!(platform.violations(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_that_wants_nothing_pushed_is_told_nothing() {
    let quiet = json!({"catalogue": {"push_changes": false}});
    let world = two_always(World::new("not-pushed"))
        .await
        .platform_with("district", |_| {}, quiet);
    let world = world.platform("city").start().await;
    let east = world.channel("city", "东门").await;
    world.camera("东门").kill().await;
    let city = world.platform("city");
    city.wait_pushed(|notices| notices.events_of(&east).contains(&"OFF"), SOON)
        .await
        .unwrap();
    assert!(world.platform("district").pushed().borrow().all.is_empty());
    let off: Vec<_> = world.catalogue("district").await;
    let east = off.iter().find(|item| item.name() == "东门").unwrap();
    assert_eq!(
        east.field("Status"),
        "OFF",
        "whoever asks is told the truth"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_by_region_stands_on_divisions_with_their_names() {
    let region = json!({"catalogue": {"tree": "region"}});
    let world = World::new("by-region")
        .row("education", "东门", "rtsp://127.50.0.2:8554/a")
        .platform_with("district", |_| {}, region)
        .config(json!({"gateway": {"regions": "regions.geojson"}}));
    let mut world = world.without_gateway().await;
    let divisions = json!({"type": "FeatureCollection", "features": [
        {"type": "Feature", "properties": {"code": "430211", "name": "天元区", "level": "district"}, "geometry": null},
        {"type": "Feature", "properties": {"code": "43021102", "name": "嵩山路街道", "level": "town"}, "geometry": null},
    ]});
    std::fs::write(world.folder.join("regions.geojson"), divisions.to_string()).unwrap();
    let inventory =
        "name,department,url,civil_code\n东门,education,rtsp://127.50.0.2:8554/a,43021102\n";
    std::fs::write(world.folder.join("cameras.csv"), inventory).unwrap();
    world.start_gateway().await;
    world.registered().await;
    let catalogue = world.catalogue("district").await;
    let above = |item: &Item| match item.field("ParentID") {
        "" => item.field("CivilCode").to_owned(),
        parent => parent.to_owned(),
    };
    let lines: Vec<_> = catalogue
        .iter()
        .map(|item| (item.name().to_owned(), above(item)))
        .collect();
    let line = |name: &str, above: &str| (name.to_owned(), above.to_owned());
    assert_eq!(
        lines[1..],
        [
            line("天元区", ""),
            line("嵩山路街道", "430211"),
            line("东门", "43021102")
        ]
    );
}

/// Two cameras that are always pulled.
async fn two_always(world: WorldBuilder) -> WorldBuilder {
    let video = clip(ClipKind::H264Small).await;
    world
        .camera("东门", CameraSettings::new(&video))
        .camera("西门", CameraSettings::new(&video))
        .departments(json!({"pull": "always"}))
}
