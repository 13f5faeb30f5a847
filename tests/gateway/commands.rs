//! What the commands show of the running gateway, and what nothing shows.

use huiju_sim::clips::ClipKind;
use huiju_sim::farm::CameraSettings;
use huiju_sim::platform::{Media, Options, Session};
use serde_json::{Value, json};

use crate::world::{PASSWORD, SOON, World, clip};

#[tokio::test(flavor = "multi_thread")]
async fn status_shows_the_gateway_in_a_few_lines_and_as_json() {
    let (world, _, session) = looked_at("command-status").await;
    let status = plain(&world, &["status"]).await;
    let lines: Vec<&str> = status.lines().collect();
    let version = env!("CARGO_PKG_VERSION");
    let first = format!("huiju {version}, running since 20");
    assert!(lines[0].starts_with(&first), "{status}");
    let others = [
        "platforms: 1 of 1 registered, 1 sessions",
        "cameras: 1 online, 1 unknown",
    ];
    assert_eq!(lines[1..], others);
    let status = json(&world, &["status", "--json"]).await;
    assert_eq!(status["cameras"], json!({"online": 1, "unknown": 1}));
    let told = ["ready", "sessions", "platforms", "platforms_registered"];
    let told = told.map(|key| status[key].clone());
    assert_eq!(json!(told), json!([true, 1, 1, 1]));
    session.bye().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn camera_list_shows_every_camera_with_its_state() {
    let (world, code, session) = looked_at("command-cameras").await;
    let list = plain(&world, &["camera", "list"]).await;
    let lines = words(&list);
    assert_eq!(lines.len(), 3, "{list}");
    let header = ["ID", "GB", "CODE", "DEPARTMENT", "STATE", "NAME"];
    assert_eq!(lines[0], header);
    let east = lines
        .iter()
        .find(|line| line.contains(&code.as_str()))
        .unwrap();
    assert_eq!(east[2..], ["education", "online", "东门"]);
    let other = ["health", "unknown/never_tried", "急诊"];
    assert!(lines.iter().any(|line| line[2..] == other), "{list}");

    let cameras = json(&world, &["camera", "list", "--json"]).await;
    assert_eq!(cameras["next"], Value::Null);
    let cameras = cameras["items"].as_array().unwrap();
    assert_eq!(cameras.len(), 2);
    let is_east = |camera: &&Value| camera["gb_code"] == code.as_str();
    let east = cameras.iter().find(is_east).unwrap();
    let told = [
        "name",
        "department",
        "state",
        "cause",
        "codec",
        "viewers",
        "width",
        "height",
    ];
    let told = told.map(|key| east[key].clone());
    let expected = json!(["东门", "education", "online", "none", "h264", 1, 352, 288]);
    assert_eq!(json!(told), expected);
    for filter in [["--department", "health"], ["--state", "unknown"]] {
        let arguments = [&["camera", "list", "--json"][..], &filter].concat();
        let found = json(&world, &arguments).await;
        let found = found["items"].as_array().unwrap();
        assert_eq!((found.len(), &found[0]["name"]), (1, &json!("急诊")));
    }
    session.bye().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_that_nothing_can_have_is_wrong_usage_and_no_empty_list() {
    let world = World::new("command-filters")
        .row("health", "急诊", "rtsp://127.50.0.1:8554/a")
        .start()
        .await;
    let states = "unknown, connecting, online, degraded, offline, disabled";
    let departments = "education, health, urban_management, housing, park, social";
    for (filter, known) in [
        (["--state", "asleep"], states),
        (["--department", "helth"], departments),
    ] {
        for json in [&[][..], &["--json"]] {
            let arguments = [&["camera", "list"][..], &filter, json].concat();
            let output = world.command(&arguments).await;
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(2), "{said}");
            assert!(said.contains(filter[1]) && said.contains(known), "{said}");
            assert_eq!(output.stdout, b"", "{arguments:?}");
        }
    }
    // A department without a camera is one all the same.
    let none = json(
        &world,
        &["camera", "list", "--department", "park", "--json"],
    )
    .await;
    assert_eq!(none["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn platform_list_shows_registrations_and_nothing_without_a_gateway() {
    let (mut world, _, session) = looked_at("command-platforms").await;
    let list = plain(&world, &["platform", "list"]).await;
    let address = world.platform("district").address().to_string();
    assert_eq!(words(&list)[1], ["district", &address, "yes", "2", "1"]);
    let platforms = json(&world, &["platform", "list", "--json"]).await;
    let told = ["id", "registered", "cameras", "sessions", "reason"];
    let told = told.map(|key| platforms["items"][0][key].clone());
    assert_eq!(json!(told), json!(["district", true, 2, 1, null]));
    session.bye().await.unwrap();

    assert_eq!(world.stop().await, Some(0));
    for arguments in [&["status"][..], &["camera", "list"], &["platform", "list"]] {
        let output = world.command(arguments).await;
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.ends_with("is the gateway running?\n"), "{said}");
    }
    assert_eq!(world.command(&["nonsense"]).await.status.code(), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_appears_in_logs_metrics_or_commands() {
    let video = clip(ClipKind::H264Small).await;
    let settings = |password: &str| {
        let path = "/live/main?token=secret-in-query";
        CameraSettings::new(&video)
            .path(path)
            .digest("viewer", password)
    };
    let mut world = World::new("secrets")
        .camera("网址", settings("secret-in-url"))
        .camera("列", settings("secret-in-column"))
        .camera("错", settings("another-secret"))
        .platform("district")
        .without_gateway()
        .await;
    write_secrets(&world);
    world.start_gateway().await;
    world.registered().await;
    let platform = world.platform("district");
    for name in ["网址", "列"] {
        let channel = world.channel("district", name).await;
        let session = platform.invite(&channel, Media::Udp, Options::default());
        let session = session.await.unwrap();
        let is_up = session.wait_for(|stats| stats.frames >= 10, SOON).await;
        is_up.unwrap();
        session.bye().await.unwrap();
    }
    let channel = world.channel("district", "错").await;
    let refused = platform.invite(&channel, Media::Udp, Options::default());
    assert_eq!(refused.await.unwrap_err().code(), Some(480));
    world.logged("auth_failed").await;
    assert!(world.log().contains(" DEBUG "), "the log is at debug");

    let mut said = vec![world.log(), world.metrics().await];
    for arguments in [
        &["status", "--json"][..],
        &["camera", "list"],
        &["camera", "list", "--json"],
        &["platform", "list", "--json"],
        &["check"],
    ] {
        let output = world.command(arguments).await;
        let text = [output.stdout, output.stderr].concat();
        said.push(String::from_utf8(text).unwrap());
    }
    for secret in SECRETS {
        let mut lines = said.iter().flat_map(|text| text.lines());
        assert_eq!(lines.find(|line| line.contains(secret)), None);
    }
}

/// Passwords in a URL, in a column, a wrong one, and a token in the query of each URL.
fn write_secrets(world: &World) {
    let url = |name: &str| world.camera(name).url();
    let in_url = url("网址").replace("rtsp://", "rtsp://viewer:secret-in-url@");
    let rows = format!(
        "name,department,url,username,password\n网址,education,{in_url},,\n\
         列,education,{},viewer,secret-in-column\n错,education,{},viewer,secret-that-is-wrong\n",
        url("列"),
        url("错"),
    );
    let file = world.folder.join("cameras.csv");
    std::fs::write(&file, rows).unwrap();
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// A gateway with two cameras, one of which is looked at: its code and its session.
async fn looked_at(name: &str) -> (World, String, Session) {
    let video = clip(ClipKind::H264Small).await;
    let world = World::new(name)
        .camera("东门", CameraSettings::new(&video))
        .row("health", "急诊", "rtsp://127.50.0.1:8554/a")
        .platform("district")
        .start()
        .await;
    let code = world.channel("district", "东门").await;
    let platform = world.platform("district");
    let session = platform.invite(&code, Media::Udp, Options::default()).await;
    let session = session.unwrap();
    let is_up = session.wait_for(|stats| stats.frames >= 25, SOON).await;
    is_up.unwrap();
    (world, code, session)
}

fn words(text: &str) -> Vec<Vec<&str>> {
    let lines = text.lines();
    lines
        .map(|line| line.split_whitespace().collect())
        .collect()
}

async fn plain(world: &World, arguments: &[&str]) -> String {
    let output = world.command(arguments).await;
    assert_eq!(output.status.code(), Some(0), "{arguments:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

async fn json(world: &World, arguments: &[&str]) -> Value {
    serde_json::from_str(&plain(world, arguments).await).unwrap()
}

const SECRETS: [&str; 5] = [
    PASSWORD,
    "secret-in-url",
    "secret-in-column",
    "secret-in-query",
    "secret-that-is-wrong",
];
