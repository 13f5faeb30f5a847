//! The ways of platforms: challenges, questions, charsets, pages, strangers.

use std::collections::BTreeSet;
use std::time::Duration;

use huiju_sim::clips::ClipKind;
use huiju_sim::farm::CameraSettings;
use huiju_sim::platform::manscdp::Charset;
use huiju_sim::platform::sip::digest::Algorithm;
use huiju_sim::platform::{Item, Keep, Media, Options, Platform, Transport, What};
use serde_json::json;

use crate::raw::Speaker;
use crate::world::{SOON, World, clip};

#[tokio::test(flavor = "multi_thread")]
async fn every_challenge_is_answered() {
    let mut builder = World::new("challenges").row("education", "东门", "rtsp://127.50.0.1:8554/a");
    let challenges = [
        ("md5", Algorithm::Md5, false),
        ("md5qop", Algorithm::Md5, true),
        ("sha256", Algorithm::Sha256, false),
        ("sha256qop", Algorithm::Sha256, true),
    ];
    for (id, algorithm, qop) in challenges {
        let change = |settings: &mut huiju_sim::platform::Settings| {
            settings.algorithm = algorithm;
            settings.qop = qop;
        };
        builder = builder.platform_with(id, change, json!({}));
    }
    let world = builder.start().await;
    for (id, ..) in challenges {
        let registers = registers(world.platform(id));
        assert_eq!(registers, [(3600, false), (3600, true)], "{id}");
        world.channel(id, "东门").await;
        assert_eq!(world.platform(id).violations(), Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_not_tried_again_soon() {
    let keepalive = json!({"keepalive": {"interval": "5s"}});
    let mut world = World::new("wrong-password")
        .row("education", "东门", "rtsp://127.50.0.1:8554/a")
        .platform_with("district", |_| {}, keepalive)
        .platform_with(
            "city",
            |settings| settings.password = "another".into(),
            json!({}),
        )
        .without_gateway()
        .await;
    world.start_gateway().await;
    let line = world.logged("not registered").await;
    assert!(line.contains("city") && line.contains("403"), "{line}");
    // The other platform's heartbeat is the clock: three beats are some ten seconds.
    let clock = world.platform("district");
    for _ in 0..3 {
        let mark = clock.mark();
        let beat = |what: &What| matches!(what, What::Keepalive { .. });
        clock.wait_after(mark, beat, SOON).await.unwrap();
    }
    let registers = registers(world.platform("city"));
    assert_eq!(registers, [(3600, false), (3600, false)], "one try");
    let listed = world.command(&["platform", "list"]).await;
    let listed = String::from_utf8(listed.stdout).unwrap();
    let city = listed
        .lines()
        .find(|line| line.starts_with("city"))
        .unwrap();
    assert!(city.contains(" no ") && city.contains("403"), "{city}");
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_are_answered_for_the_gateway_a_channel_and_a_node() {
    let keepalive = json!({"keepalive": {"interval": "77s", "missed_max": 4}});
    let world = World::new("questions")
        .row("education", "东门", "rtsp://127.50.0.1:8554/a")
        .row("health", "急诊", "rtsp://127.50.0.2:8554/a")
        .platform_with("district", |_| {}, keepalive)
        .start()
        .await;
    let platform = world.platform("district");
    let us = "43021100002000000101";
    let channel = world.channel("district", "东门").await;
    let ask = async |command: &str, device: &str, extra: &[(&str, &str)]| {
        let answer = platform.query(command, device, extra, SOON).await;
        answer.unwrap_or_else(|error| panic!("{command} of {device}: {error:#}"))
    };

    let info = ask("DeviceInfo", us, &[]).await;
    assert_eq!(info.text_of("DeviceName"), "天元区视频汇聚网关");
    assert_eq!(
        (info.text_of("Result"), info.text_of("Channel")),
        ("OK", "2")
    );
    let info = ask("DeviceInfo", &channel, &[]).await;
    assert_eq!(
        (info.text_of("DeviceName"), info.text_of("Result")),
        ("东门", "OK")
    );
    for device in [us, channel.as_str()] {
        let status = ask("DeviceStatus", device, &[]).await;
        let told = ["Result", "Online", "Status", "Record"].map(|name| status.text_of(name));
        assert_eq!(told, ["OK", "ONLINE", "OK", "OFF"], "{device}");
        assert_eq!(status.text_of("DeviceTime").len(), 19, "{device}");
    }
    let config = ask("ConfigDownload", us, &[("ConfigType", "BasicParam")]).await;
    let basic = config.child("BasicParam").unwrap();
    let told = ["Name", "Expiration", "HeartBeatInterval", "HeartBeatCount"];
    let told = told.map(|name| basic.text_of(name));
    assert_eq!(told, ["天元区视频汇聚网关", "3600", "77", "4"]);
    let records = [
        ("StartTime", "2026-11-24T00:00:00"),
        ("EndTime", "2026-11-24T01:00:00"),
    ];
    assert_eq!(
        ask("RecordInfo", &channel, &records)
            .await
            .text_of("SumNum"),
        "0"
    );
    for (command, device) in [
        ("PresetQuery", channel.as_str()),
        ("NeverHeardOf", us),
        ("DeviceInfo", "43021100111320999999"),
        ("DeviceStatus", "43021100111320999999"),
    ] {
        let answer = ask(command, device, &[]).await;
        assert_eq!(answer.text_of("Result"), "ERROR", "{command} of {device}");
    }
    assert_eq!(platform.violations(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_catalogue_of_a_node_is_its_subtree() {
    let world = World::new("subtrees")
        .row("education", "东门", "rtsp://127.50.0.1:8554/a")
        .row("education", "西门", "rtsp://127.50.0.2:8554/a")
        .row("health", "急诊", "rtsp://127.50.0.3:8554/a")
        .platform("district")
        .start()
        .await;
    let platform = world.platform("district");
    let all = world.catalogue("district").await;
    let id = |name: &str| {
        let found = all.iter().find(|item| item.name() == name);
        found
            .unwrap_or_else(|| panic!("{name} in {all:?}"))
            .id
            .clone()
    };
    let below = async |device: &str| {
        let items = platform.catalogue_of(device, SOON).await;
        let items = items.unwrap_or_else(|error| panic!("catalogue of {device}: {error:#}"));
        items
            .into_iter()
            .map(|item| item.name().to_owned())
            .collect::<BTreeSet<String>>()
    };
    let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    let of_cameras = |names: BTreeSet<String>| {
        let cameras = ["东门", "西门", "急诊"];
        names
            .into_iter()
            .filter(|name| cameras.contains(&name.as_str()))
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(below(&id("急诊")).await, names(&["急诊"]));
    assert_eq!(
        of_cameras(below(&id("区教育局")).await),
        names(&["东门", "西门"])
    );
    assert_eq!(
        of_cameras(below("430211").await),
        names(&["东门", "西门", "急诊"])
    );
    let group = all.iter().find(|item| item.kind() == "215").unwrap();
    assert_eq!(
        of_cameras(below(&group.id).await),
        names(&["东门", "西门", "急诊"])
    );
    for unknown in ["43021100111320999999", "43021100002160999999", "11"] {
        assert_eq!(below(unknown).await, BTreeSet::new(), "{unknown}");
    }
    assert_eq!(platform.violations(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_malformed_or_from_a_stranger_is_refused_counted_and_has_no_effect() {
    let video = clip(ClipKind::H264Small).await;
    let world = World::new("strangers")
        .camera("东门", CameraSettings::new(&video))
        .platform("district")
        .start()
        .await;
    let platform = world.platform("district");
    let channel = world.channel("district", "东门").await;
    let malformed = [
        "",
        "<Query><CmdType>Catalog</CmdType>",
        "no XML",
        "<Query/>",
    ];
    for (times, body) in (1..).zip(malformed) {
        let answer = platform.send_message(&channel, body.into(), SOON).await;
        assert_eq!(answer.unwrap(), 400, "{body:?}");
        assert_refused(&world, "manscdp_malformed", f64::from(times)).await;
    }

    let (here, gb_id) = (platform.address().ip(), "43021100002000000001");
    let elsewhere = [127, 99, 0, 7].into();
    let query = "<?xml version=\"1.0\"?><Query><CmdType>Catalog</CmdType><SN>1</SN>\
                 <DeviceID>43021100002000000101</DeviceID></Query>";
    let strangers = [(elsewhere, gb_id), (here, "43021100002000000099")];
    let mut times = 0.0;
    for (address, user) in strangers {
        let mut stranger = Speaker::new(&world, address, user).await;
        for method in ["MESSAGE", "INVITE", "SUBSCRIBE", "BYE"] {
            let kind = "Application/MANSCDP+xml";
            let answer = stranger.ask(method, &channel, kind, query).await;
            assert_eq!(answer.code, 403, "{method}: {}", answer.text);
            times += 1.0;
            assert_refused(&world, "sip_stranger", times).await;
        }
    }
    // The rules hold for the platform itself too, and its port does not matter.
    let mut known = Speaker::new(&world, here, gb_id).await;
    let kind = "Application/MANSCDP+xml";
    let answer = known.ask("MESSAGE", &channel, kind, query).await;
    assert_eq!(answer.code, 200, "{}", answer.text);
    let stranger = Speaker::new(&world, elsewhere, gb_id).await;
    stranger.send(b"\xff\xfe nothing like SIP\r\n\r\n").await;
    world.logged("SIP message not read").await;
    assert_refused(&world, "sip_malformed", 1.0).await;
    assert_eq!(world.camera("东门").stats().connections_total, 0);
    world.channel("district", "东门").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_arrive_whole_in_either_charset() {
    let names = [
        "A & B <一号> 门",
        "𠮷野家㐂门䶮巷",
        "镕基路€·—…",
        "ÄÖ ñ 한국 кириллица",
    ];
    let mut builder = World::new("charsets")
        .platform_with("district", |_| {}, json!({"charset": "gb2312"}))
        .platform_with(
            "city",
            |settings| settings.charset = Charset::Utf8,
            json!({"charset": "utf-8"}),
        );
    for (number, name) in names.iter().enumerate() {
        builder = builder.row(
            "education",
            name,
            &format!("rtsp://127.50.0.{number}:8554/a"),
        );
    }
    let world = builder.start().await;
    for platform in ["district", "city"] {
        let found: BTreeSet<String> = cameras(&world.catalogue(platform).await);
        assert_eq!(found, names.iter().map(|&name| name.to_owned()).collect());
        assert_eq!(world.platform(platform).violations(), Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_catalogue_arrives_whole_in_pages_of_any_size() {
    let paged = |items: usize| json!({"catalogue": {"items_per_message": items}});
    let mut by_tcp = paged(8);
    by_tcp["transport"] = "tcp".into();
    let mut builder = World::new("pages")
        .platform_with("one", |_| {}, paged(1))
        .platform_with("four", |_| {}, paged(4))
        .platform_with("eight", |_| {}, paged(8))
        .platform_with("tcp", |_| {}, by_tcp);
    let names: BTreeSet<String> = (0..130).map(|n| format!("摄像机 {n:03}")).collect();
    for (n, name) in names.iter().enumerate() {
        let department = ["education", "health", "park"][n % 3];
        builder = builder.row(department, name, &format!("rtsp://127.50.1.{n}:8554/a"));
    }
    let world = builder.start().await;
    for (platform, most) in [("one", 1), ("four", 4), ("eight", 8), ("tcp", 8)] {
        let platform = world.platform(platform);
        let mark = platform.mark();
        let items = platform.catalogue(SOON).await.unwrap();
        assert_eq!(cameras(&items), names);
        let parents: BTreeSet<&str> = items.iter().map(|item| item.id.as_str()).collect();
        let has_parent = |item: &Item| parents.contains(item.parent_id());
        assert!(
            items
                .iter()
                .filter(|item| item.kind() == "132")
                .all(has_parent)
        );
        let sizes = page_sizes(platform, mark);
        assert!(
            sizes.iter().all(|size| (1..=most).contains(size)),
            "{sizes:?}"
        );
        if most == 8 {
            assert!(sizes.iter().any(|size| *size > 1), "{sizes:?}");
        }
        assert_eq!(platform.violations(), Vec::<String>::new());
    }
    let tcp = world.platform("tcp");
    assert!(page_sizes(tcp, 0).contains(&8), "on TCP a page is full");
}

#[tokio::test(flavor = "multi_thread")]
async fn sip_over_tcp_carries_everything() {
    let video = clip(ClipKind::H264Small).await;
    let by_tcp = json!({"transport": "tcp", "keepalive": {"interval": "5s"}});
    let world = World::new("sip-tcp")
        .camera("东门", CameraSettings::new(&video))
        .platform_with("district", |_| {}, by_tcp)
        .start()
        .await;
    let platform = world.platform("district");
    let channel = world.channel("district", "东门").await;
    for media in [Media::Udp, Media::TcpPassive, Media::TcpActive] {
        let options = Options {
            keep: Keep::Hash,
            is_doubled: true,
            ..Options::default()
        };
        let session = platform.invite(&channel, media, options).await.unwrap();
        session
            .wait_for(|stats| stats.frames >= 25, SOON)
            .await
            .unwrap();
        session.bye().await.unwrap();
        let recording = session.finish().await.unwrap();
        assert_eq!(recording.violations, Vec::<String>::new(), "{media:?}");
    }
    let keepalive = |what: &What| matches!(what, What::Keepalive { .. });
    platform
        .wait_for(keepalive, Duration::from_secs(10))
        .await
        .unwrap();
    let by_udp = |what: &What| {
        matches!(
            what,
            What::Register {
                transport: Transport::Udp,
                ..
            }
        )
    };
    assert!(!platform.events().iter().any(|event| by_udp(&event.what)));
    assert_eq!(platform.violations(), Vec::<String>::new());
}

/// Expires and whether it was authorised, of every REGISTER.
fn registers(platform: &Platform) -> Vec<(u32, bool)> {
    let register = |what| match what {
        What::Register {
            expires,
            authorised,
            ..
        } => Some((expires, authorised)),
        _ => None,
    };
    let events = platform.events().into_iter();
    events.filter_map(|event| register(event.what)).collect()
}

fn cameras(items: &[Item]) -> BTreeSet<String> {
    let cameras = items.iter().filter(|item| item.kind() == "132");
    cameras.map(|item| item.name().to_owned()).collect()
}

/// How many items each page had that came behind `mark`.
fn page_sizes(platform: &Platform, mark: usize) -> Vec<usize> {
    let size = |what| match what {
        What::Message { cmd_type, body, .. } if cmd_type == "Catalog" => {
            Some(body.matches("<Item>").count())
        }
        _ => None,
    };
    let events = platform.events().into_iter().skip(mark);
    events.filter_map(|event| size(event.what)).collect()
}

async fn assert_refused(world: &World, reason: &str, expected: f64) {
    let series = format!("huiju_refused_total{{reason=\"{reason}\"}}");
    let value = world.metric(&series).await;
    assert!((value - expected).abs() < 0.5, "{series} is {value}");
}
