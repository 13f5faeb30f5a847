//! Settings of a platform that do not begin it anew: each is taken over while its session goes on.

use std::time::Duration;

use huiju_sim::clips::{Clip, ClipKind};
use huiju_sim::farm::CameraSettings;
use huiju_sim::platform::manscdp::Element;
use huiju_sim::platform::{Media, Session, What};
use serde_json::{Value, json};

use crate::readers::is_unbroken;
use crate::reload::{nothing, pulls, registrations};
use crate::world::{SOON, World, clip};

#[tokio::test(flavor = "multi_thread")]
async fn what_a_platform_is_told_changes_while_its_session_goes_on() {
    let (world, video, sessions) = looked_at_twice("settings-told").await;

    change(&world, json!({"name": "另一个名字"})).await;
    assert_eq!(
        world
            .json(&["platform", "show", "district", "--json"])
            .await["name"],
        "另一个名字"
    );

    change(&world, json!({"charset": "utf-8"})).await;
    let mark = world.platform("district").mark();
    ask(&world, "DeviceInfo").await;
    let is_utf8 = |what: &What| matches!(what, What::Message { cmd_type, body, .. } if cmd_type == "DeviceInfo" && body.contains("UTF-8"));
    world
        .platform("district")
        .wait_after(mark, is_utf8, SOON)
        .await
        .unwrap();

    change(
        &world,
        json!({"register": {"expires": "30m"}, "keepalive": {"interval": "5s", "missed_max": 2}}),
    )
    .await;
    let mark = world.platform("district").mark();
    let config = ask(&world, "ConfigDownload").await;
    let param = config.child("BasicParam").expect("BasicParam");
    let told =
        ["Expiration", "HeartBeatInterval", "HeartBeatCount"].map(|name| param.text_of(name));
    assert_eq!(told, ["1800", "5", "2"]);
    let is_keepalive = |what: &What| matches!(what, What::Keepalive { .. });
    let beats = world
        .platform("district")
        .wait_after(mark, is_keepalive, Duration::from_secs(8))
        .await;
    beats.expect("a heartbeat in the new interval");

    change(&world, json!({"catalogue": {"items_per_message": 2}})).await;
    let mark = world.platform("district").mark();
    world.catalogue("district").await;
    let is_pair = |what: &What| matches!(what, What::Message { cmd_type, body, .. } if cmd_type == "Catalog" && body.contains("Num=\"2\""));
    world
        .platform("district")
        .wait_after(mark, is_pair, SOON)
        .await
        .unwrap();

    change(&world, json!({"catalogue": {"items_per_message": 1}})).await;

    assert_eq!(status_of(&world, "西门").await, "ON");
    change(&world, json!({"catalogue": {"unknown_online": false}})).await;
    assert_eq!(status_of(&world, "西门").await, "OFF", "it was never tried");

    let groups = |items: &[huiju_sim::platform::Item]| {
        items.iter().filter(|item| item.kind() == "216").count()
    };
    assert!(groups(&world.catalogue("district").await) > 0);
    change(&world, json!({"catalogue": {"tree": "region"}})).await;
    assert_eq!(
        groups(&world.catalogue("district").await),
        0,
        "a tree by region has no groups"
    );

    world.edit_config(|config| config["gateway"]["name"] = json!("改名的网关"));
    let report = world.reload().await;
    assert_eq!(report["settings_changed"], json!(true), "{report}");
    assert_eq!(
        ask(&world, "DeviceInfo").await.text_of("DeviceName"),
        "改名的网关"
    );
    unnoticed(&world, &video, sessions).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_platform_may_do_changes_while_its_session_goes_on() {
    let (world, video, sessions) = looked_at_twice("settings-may").await;
    let right = std::fs::read_to_string(&world.config_path).unwrap();
    let table = [
        (json!({"media": {"codecs": ["h265"]}}), 488),
        (json!({"limits": {"sessions": 1}}), 486),
        (json!({"limits": {"bandwidth": "1bps"}}), 486),
    ];
    for (settings, code) in table {
        change(&world, settings.clone()).await;
        assert_eq!(invited(&world).await.err(), Some(code), "{settings}");
        std::fs::write(&world.config_path, &right).unwrap();
        world.reload().await;
        let session = invited(&world)
            .await
            .unwrap_or_else(|code| panic!("{code} after {settings}"));
        session.bye().await.unwrap();
    }
    change(
        &world,
        json!({"authority": {"document": "天综治〔2026〕1号"}}),
    )
    .await;
    invited(&world).await.unwrap().bye().await.unwrap();
    world
        .logged_with(&["invited", "document=\"天综治〔2026〕1号\""])
        .await;
    unnoticed(&world, &video, sessions).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn media_goes_nowhere_outside_the_networks_from_the_reload_on() {
    let (world, video, [at_district, at_city]) = looked_at_twice("settings-networks").await;
    change(&world, json!({"media": {"networks": ["10.1.0.0/16"]}})).await;
    at_district.ended_by_peer(SOON).await.unwrap();
    is_unbroken(&at_district.finish().await.unwrap(), &video);
    assert_eq!(invited(&world).await.err(), Some(403));
    let networks = ["10.1.0.0/16", "127.41.0.0/16"];
    change(&world, json!({"media": {"networks": networks}})).await;
    invited(&world).await.unwrap().bye().await.unwrap();
    at_city.bye().await.unwrap();
    is_unbroken(&at_city.finish().await.unwrap(), &video);
    assert_eq!(pulls(&world.camera("东门").stats()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_that_is_shared_no_more_leaves_that_platform_and_no_other() {
    let (world, video, [at_district, at_city]) = looked_at_twice("settings-share").await;
    let channel = world.channel("district", "东门").await;
    change(
        &world,
        json!({"catalogue": {"share": {"point_classes": [1]}}}),
    )
    .await;
    at_district.ended_by_peer(SOON).await.unwrap();
    is_unbroken(&at_district.finish().await.unwrap(), &video);
    let district = world.platform("district");
    district
        .wait_pushed(|notices| notices.events_of(&channel).contains(&"DEL"), SOON)
        .await
        .unwrap();
    assert_eq!(invited_at(&world, &channel).await.err(), Some(404));
    let why = world.json(&["camera", "why", &channel, "--json"]).await;
    let seen: Vec<_> = why["platforms"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (&one["platform"], &one["sees_it"]))
        .collect();
    assert_eq!(
        seen,
        [
            (&json!("district"), &json!(false)),
            (&json!("city"), &json!(true))
        ]
    );

    // The department has a say too.
    change(
        &world,
        json!({"catalogue": {"share": {"point_classes": [2]}}}),
    )
    .await;
    invited_at(&world, &channel)
        .await
        .unwrap()
        .bye()
        .await
        .unwrap();
    world.edit_department("education", json!({"sharing": {"platforms": ["city"]}}));
    let report = world.reload().await;
    assert_eq!(
        (&report["platforms_changed"], &report["settings_changed"]),
        (&json!(["district"]), &json!(true))
    );
    assert_eq!(invited_at(&world, &channel).await.err(), Some(404));
    at_city.bye().await.unwrap();
    is_unbroken(&at_city.finish().await.unwrap(), &video);
    assert_eq!(pulls(&world.camera("东门").stats()), (1, 1));
    assert_eq!(
        (
            registrations(district),
            registrations(world.platform("city"))
        ),
        (1, 1)
    );
    assert_eq!(district.violations(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_pushed_only_while_the_settings_say_so() {
    let (world, video, sessions) = looked_at_twice("settings-push").await;
    let (district, channel) = (
        world.platform("district"),
        world.channel("district", "东门").await,
    );
    let rename = async |name: &str| {
        world.edit_inventory(|rows| {
            let row = rows
                .iter_mut()
                .find(|row| row["url"] == world.camera("东门").url())
                .unwrap();
            row.insert("name".to_owned(), name.to_owned());
        });
        world.reload().await;
        let city = world.platform("city");
        let is_told = |notices: &huiju_sim::platform::Notices| {
            notices.items().any(|item| item.name() == name)
        };
        city.wait_pushed(is_told, SOON).await.unwrap();
    };
    change(&world, json!({"catalogue": {"push_changes": false}})).await;
    rename("东大门").await;
    change(&world, json!({"catalogue": {"push_changes": true}})).await;
    rename("正门").await;
    district
        .wait_pushed(|notices| !notices.all.is_empty(), SOON)
        .await
        .unwrap();
    let pushed = district.pushed().borrow().clone();
    let names: Vec<_> = pushed
        .items()
        .map(|item| (item.id.as_str(), item.name()))
        .collect();
    assert_eq!(
        names,
        [(channel.as_str(), "正门")],
        "the first was not for it"
    );
    unnoticed(&world, &video, sessions).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_that_is_elsewhere_is_registered_at_anew_and_the_other_goes_on() {
    let (world, video, [at_district, at_city]) = looked_at_twice("settings-anew").await;
    let district = world.platform("district");
    for change in [json!({"transport": "tcp"}), json!({"transport": "udp"})] {
        let mark = district.mark();
        world.edit_platform("district", change.clone());
        let mut expected = nothing();
        expected["platforms_restarted"] = json!(["district"]);
        assert_eq!(world.reload().await, expected, "{change}");
        let is_again = |what: &What| {
            matches!(
                what,
                What::Register {
                    authorised: true,
                    expires: 1..,
                    ..
                }
            )
        };
        district.wait_after(mark, is_again, SOON).await.unwrap();
    }
    at_district.ended_by_peer(SOON).await.unwrap();
    is_unbroken(&at_district.finish().await.unwrap(), &video);
    district.registered(SOON).await.unwrap();
    world.look("district", "东门").await.bye().await.unwrap();
    at_city.bye().await.unwrap();
    is_unbroken(&at_city.finish().await.unwrap(), &video);
    assert_eq!(
        pulls(&world.camera("东门").stats()),
        (1, 1),
        "the camera goes on for the other"
    );
    assert_eq!(registrations(world.platform("city")), 1);
    assert_eq!(district.violations(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn notices_of_several_items_keep_to_what_a_datagram_may_hold() {
    let settings = json!({"catalogue": {"items_per_message": 8}});
    let mut builder = World::new("settings-notices").platform_with("district", |_| {}, settings);
    for number in 0..8 {
        let url = format!("rtsp://127.50.0.{number}:8554/a");
        builder = builder.row("education", &format!("路口{number}"), &url);
    }
    let world = builder.start().await;
    world.edit_inventory(|rows| {
        for row in rows {
            row.insert("address".to_owned(), "嵩山路街道一号院".to_owned());
        }
    });
    world.reload().await;
    let platform = world.platform("district");
    let are_told = |notices: &huiju_sim::platform::Notices| notices.items().count() == 8;
    platform.wait_pushed(are_told, SOON).await.unwrap();
    assert_eq!(platform.violations(), Vec::<String>::new());
}

/// Two platforms look at one camera; another was never tried.
async fn looked_at_twice(name: &str) -> (World, std::sync::Arc<Clip>, [Session; 2]) {
    let video = clip(ClipKind::H264Small).await;
    let world = World::new(name)
        .camera("东门", CameraSettings::new(&video))
        .row("education", "西门", "rtsp://127.50.0.1:8554/a")
        .platform("district")
        .platform("city")
        .start()
        .await;
    let sessions = [
        world.look("district", "东门").await,
        world.look("city", "东门").await,
    ];
    (world, video, sessions)
}

/// Changes settings of the platform `district`: the reload says so, and nothing else.
async fn change(world: &World, settings: Value) {
    world.edit_platform("district", settings.clone());
    let mut expected = nothing();
    expected["platforms_changed"] = json!(["district"]);
    assert_eq!(world.reload().await, expected, "{settings}");
}

async fn unnoticed(world: &World, video: &Clip, sessions: [Session; 2]) {
    for session in sessions {
        let seen = session.stats().frames;
        session
            .wait_for(|stats| stats.frames >= seen + 25, SOON)
            .await
            .unwrap();
        session.bye().await.unwrap();
        is_unbroken(&session.finish().await.unwrap(), video);
    }
    assert_eq!(pulls(&world.camera("东门").stats()), (1, 1));
    for id in ["district", "city"] {
        assert_eq!(registrations(world.platform(id)), 1, "{id}");
        assert_eq!(
            world.platform(id).violations(),
            Vec::<String>::new(),
            "{id}"
        );
    }
}

/// What the gateway answers a question about itself.
async fn ask(world: &World, command: &str) -> Element {
    let extra: &[(&str, &str)] = if command == "ConfigDownload" {
        &[("ConfigType", "BasicParam")]
    } else {
        &[]
    };
    world
        .platform("district")
        .query(command, LOCAL, extra, SOON)
        .await
        .unwrap()
}

async fn status_of(world: &World, camera: &str) -> String {
    let items = world.catalogue("district").await;
    items
        .iter()
        .find(|item| item.name() == camera)
        .unwrap()
        .status()
        .to_owned()
}

/// Another session of the camera, or the code with which it is refused.
async fn invited(world: &World) -> Result<Session, u16> {
    let channel = world.channel("district", "东门").await;
    invited_at(world, &channel).await
}

async fn invited_at(world: &World, channel: &str) -> Result<Session, u16> {
    let invited = world
        .platform("district")
        .invite(channel, Media::Udp, Default::default());
    invited
        .await
        .map_err(|error| error.code().expect("an answer"))
}

/// Our code at the first platform.
const LOCAL: &str = "43021100002000000101";
