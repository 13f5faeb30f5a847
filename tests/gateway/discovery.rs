//! Addresses are asked by ONVIF what they are; what devices say is proposed, and leads nowhere else.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use huiju_sim::onvif::{Login, Misdeed, OnvifDevice, OnvifSettings};
use serde_json::{Value, json};

use crate::world::{World, WorldBuilder};

/// How long a discovery of a few devices may take: one that is silent takes its whole time.
const ENOUGH: Duration = Duration::from_secs(60);

const ONVIF: u16 = 8000;
const OTHER: u16 = 8001;

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_is_found_with_all_that_a_record_needs() {
    let builder = asked("discover-camera");
    let settings = OnvifSettings {
        ptz: true,
        replay: true,
        ..OnvifSettings::default()
    };
    let camera = device(&builder, 1, settings).await;
    let world = builder.platform("district").start().await;
    let found = world.discover(&[&camera]).await;
    let host = camera.address().ip();
    let expected = json!({
        "address": host.to_string(), "state": "found", "name": "校门", "manufacturer": "模拟 & Söhne", "model": "SIM-1",
        "firmware": "V5.7", "serial": "SN-0042", "onvif_url": format!("http://{host}:8000/onvif/device_service"),
        "warnings": [],
        "proposals": [{
            "name": "校门", "channel": null, "serial": "SN-0042", "url": format!("rtsp://{host}:554/live/1-main?transport=tcp&x=1"),
            "encoding": "H264", "width": 1920, "height": 1080,
            "sub_url": format!("rtsp://{host}:554/live/1-sub?transport=tcp&x=1"), "sub_encoding": "H264", "sub_width": 640,
            "sub_height": 360, "snapshot_url": format!("http://{host}:8000/snapshot/1-main"),
            "onvif_url": format!("http://{host}:8000/onvif/device_service"), "ptz": true, "replay": true,
        }],
    });
    assert_eq!(found["found"], json!([expected]));
    let told = ["state", "asked", "of", "department"].map(|key| found[key].clone());
    assert_eq!(json!(told), json!(["done", 1, 1, "education"]));
    let asked = camera.asked();
    let wrong: Vec<_> = asked
        .iter()
        .filter(|one| one.wrong.is_some() || one.has_login)
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    assert!(
        asked.iter().all(|one| one.operation.starts_with("Get")),
        "{asked:?}"
    );
    let by = format!("by={}", found["by"].as_str().unwrap());
    assert!(by.starts_with("by=local:"), "{by}");
    let begin = [
        "discovery begins",
        "department=education",
        &by,
        "addresses=1",
    ];
    world.logged_with(&begin).await;
    let end = [
        "discovery is done",
        "department=education",
        &by,
        "addresses=1",
        "found=1",
    ];
    world.logged_with(&end).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorder_is_a_record_a_channel_and_its_rows_can_be_imported() {
    let builder = asked("discover-recorder");
    let settings = OnvifSettings {
        channels: 3,
        media2: true,
        ..OnvifSettings::default()
    };
    let recorder = device(&builder, 1, settings).await;
    let world = builder.platform("district").start().await;
    let found = world.discover(&[&recorder]).await;
    let channels = found["found"][0]["proposals"].as_array().unwrap().iter();
    let told =
        channels.map(|one| json!([one["name"], one["channel"], one["encoding"], one["ptz"]]));
    let expected = (1..=3).map(|n| json!([format!("校门 {n}"), n, "H265", false]));
    assert!(told.eq(expected), "{found}");

    let host = recorder.address().ip().to_string();
    let command = ["discover", "--department", "education", "--csv", &host];
    let rows = world.plain(&command).await;
    let mut reader = csv::Reader::from_reader(rows.trim_start_matches('\u{feff}').as_bytes());
    let header: Vec<_> = reader.headers().unwrap().iter().collect();
    let expected = "name,department,url,manufacturer,model,serial,ip,nvr,channel,sub_url,snapshot_url,onvif_url";
    assert_eq!(header.join(","), expected);
    assert_eq!(reader.records().count(), 3, "{rows}");
    world.write("found.csv", &rows);
    let file = world.folder.join("found.csv");
    let import = ["import", file.to_str().unwrap(), "--json"];
    let import = world.json(&import).await;
    assert_eq!(import["summary"]["add"], 3, "{import}");
}

#[tokio::test(flavor = "multi_thread")]
async fn older_devices_are_understood_and_those_that_want_a_login_tell_what_they_may() {
    let builder = asked("discover-older");
    let older = OnvifSettings {
        knows_services: false,
        is_gbk: true,
        ..OnvifSettings::default()
    };
    let older = device(&builder, 1, older).await;
    let locked = OnvifSettings {
        login: Login::Fault,
        ..OnvifSettings::default()
    };
    let locked = device(&builder, 2, locked).await;
    let world = builder.platform("district").start().await;
    let found = world.discover(&[&older, &locked]).await;
    let made = ["state", "manufacturer"].map(|key| item(&found, &older)[key].clone());
    // GBK has no ö; what it has instead is the simulator's.
    assert_eq!(made[0], "found");
    assert!(made[1].as_str().unwrap().starts_with("模拟 & S"), "{found}");
    let told = ["state", "name", "model", "manufacturer"];
    let told = told.map(|key| item(&found, &locked)[key].clone());
    assert_eq!(json!(told), json!(["needs_login", "校门", "SIM-1", null]));
    let rows = world.csv(&found["id"]).await;
    assert_eq!(rows.lines().count(), 3, "a row each: {rows}");
    let host = locked.address().ip();
    let service = format!("http://{host}:8000/onvif/device_service");
    let row = format!("校门,education,,,SIM-1,,{host},,,,,{service}");
    assert!(rows.lines().any(|line| line == row), "{rows}");
    assert!(locked.asked().iter().all(|one| !one.has_login));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_device_names_leads_nowhere_else() {
    let builder = asked("discover-elsewhere");
    let trap = device(&builder, 9, OnvifSettings::default()).await;
    let table = lies(trap.address());
    let mut devices = Vec::new();
    for (number, (settings, ..)) in (1..).zip(&table) {
        devices.push(device(&builder, number, settings.clone()).await);
    }
    let world = builder.platform("district").start().await;
    let found = world.discover(&devices.iter().collect::<Vec<_>>()).await;
    assert_eq!(trap.connections(), 0, "nothing followed: {found}");
    assert!(!found.to_string().contains("hush"), "{found}");
    for (device, (_, state, proposed, warning)) in devices.iter().zip(table) {
        let item = item(&found, device);
        let proposal = &item["proposals"][0];
        let told = ["url", "snapshot_url"].map(|key| proposal[key].is_string());
        assert_eq!((&item["state"], told), (&json!(state), proposed), "{item}");
        assert!(
            item["warnings"].to_string().contains(&warning),
            "{warning} in {item}"
        );
        let own = format!("://{}:", device.address().ip());
        let urls = ["url", "sub_url", "snapshot_url"].map(|key| &proposal[key]);
        let is_own = |url: &&Value| url.as_str().is_none_or(|url| url.contains(&own));
        assert!(urls.iter().all(is_own), "{item}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_answers_beyond_all_limits_costs_its_own_verdict_and_no_more() {
    let builder = asked("discover-liars");
    let mut devices = Vec::new();
    let table = [
        (Misdeed::Silent, "timeout", "no answer in time"),
        (Misdeed::HugeBody, "bad_answer", "more than 1 MiB"),
        (Misdeed::EndlessBody, "bad_answer", "more than 1 MiB"),
        (Misdeed::Drip, "timeout", "no answer in time"),
        (Misdeed::EndlessHead, "no_onvif", "no HTTP"),
        (Misdeed::BrokenXml, "bad_answer", "malformed XML"),
        (Misdeed::LaughingXml, "bad_answer", "a document type"),
        (Misdeed::DeepXml, "bad_answer", "more than 24 levels"),
        (Misdeed::Page, "no_onvif", "no SOAP"),
        (Misdeed::Rtsp, "no_onvif", "no HTTP"),
        (Misdeed::Close, "no_onvif", "no HTTP"),
    ];
    for (number, (misdeed, ..)) in (1..).zip(&table) {
        let settings = OnvifSettings {
            misdeed: Some(("", misdeed.clone())),
            ..OnvifSettings::default()
        };
        devices.push(device(&builder, number, settings).await);
    }
    let by_http = OnvifSettings {
        login: Login::Http,
        ..OnvifSettings::default()
    };
    devices.push(device(&builder, 20, by_http).await);
    let late = OnvifSettings {
        misdeed: Some(("GetStreamUri", Misdeed::DeepXml)),
        ..OnvifSettings::default()
    };
    devices.push(device(&builder, 21, late).await);
    let honest = device(&builder, 22, OnvifSettings::default()).await;
    let world = builder.platform("district").start().await;
    let mut all: Vec<_> = devices.iter().collect();
    all.push(&honest);
    let found = world.discover(&all).await;
    for (device, (misdeed, state, warning)) in devices.iter().zip(&table) {
        let item = item(&found, device);
        assert_eq!(item["state"], *state, "{misdeed:?}: {item}");
        let warnings = item["warnings"].to_string();
        assert!(warnings.contains(warning), "{misdeed:?}: {warnings}");
    }
    let by_http = item(&found, &devices[table.len()]);
    assert_eq!(by_http["state"], "needs_login", "{by_http}");
    let late = item(&found, &devices[table.len() + 1]);
    assert_eq!(
        (&late["state"], &late["serial"]),
        (&json!("found"), &json!("SN-0042")),
        "{late}"
    );
    assert!(late["proposals"][0]["url"].is_null(), "{late}");
    assert!(item(&found, &honest)["proposals"][0]["url"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_departments_addresses_and_ports_are_asked() {
    let builder = asked("discover-refused");
    let own_net = builder.net();
    let builder = builder.department(
        "education",
        json!({"networks": [format!("{own_net}.0/24"), "127.42.0.0/16"]}),
    );
    let outside = OnvifDevice::start(
        SocketAddr::new(Ipv4Addr::new(127, 43, 240, 1).into(), 0),
        OnvifSettings::default(),
    );
    let outside = outside.await.unwrap();
    let inside = device(&builder, 1, OnvifSettings::default()).await;
    let world = builder
        .department(
            "education",
            json!({"ports": [554, ONVIF, outside.address().port(), 8080]}),
        )
        .platform("district")
        .start()
        .await;
    // The gateway's own health listener has one of the department's ports.
    let gateway = world.gateway_ip().to_string();
    let outside_ip = outside.address().ip().to_string();
    let list = json!([
        outside_ip,
        gateway,
        inside.address().ip().to_string(),
        format!("{own_net}.2")
    ]);
    let found = world.discover_list("education", list).await;
    let told = |address: &str| {
        let all = found["found"].as_array().unwrap();
        let item = all.iter().find(|item| item["address"] == address).unwrap();
        (
            item["state"].as_str().unwrap(),
            item["warnings"][0].as_str().unwrap_or_default(),
        )
    };
    let (state, why) = told(&outside_ip);
    assert_eq!(state, "refused_address");
    assert!(why.contains("outside the networks of education"), "{why}");
    assert_eq!(outside.connections(), 0);
    assert_eq!(told(&inside.address().ip().to_string()).0, "found");
    assert_eq!(told(&format!("{own_net}.2")).0, "unreachable");
    assert_eq!(told(&gateway).0, "unreachable", "at its other ports");
    let requests = r#"method="POST",route="none""#;
    assert!(
        !world.metrics().await.contains(requests),
        "the gateway asked itself"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_cannot_be_asked_is_refused_with_what_to_do() {
    let world = asked("discover-lists")
        .department("health", json!({"ports": [554]}))
        .platform("district")
        .start()
        .await;
    for (asked, status, said) in [
        (
            json!({"department": "education", "addresses": []}),
            400,
            "no address is named",
        ),
        (
            json!({"department": "education", "addresses": ["10.0.0.0/8"]}),
            400,
            "more than 4096",
        ),
        (
            json!({"department": "educaton", "addresses": ["10.0.0.1"]}),
            400,
            "none of education",
        ),
        (
            json!({"department": "health", "addresses": ["10.0.0.1"]}),
            422,
            "add that of ONVIF",
        ),
        (json!({"department": "health"}), 400, "addresses"),
        (
            json!({"department": "health", "addresses": ["10.0.0.1"], "password": "x"}),
            400,
            "password",
        ),
    ] {
        let (answered, body) = world
            .ask_with("POST", "/api/v1/discoveries", &asked.to_string())
            .await;
        assert_eq!(answered, status, "{body}");
        assert!(body.contains(said), "{body}");
    }
    assert_eq!(world.api("/api/v1/discoveries/77").await.0, 404);
    let id = world.begin("education", json!(["10.0.0.1"])).await;
    let found = world.ended(&id).await;
    assert_eq!(found["found"][0]["state"], "refused_address", "{found}");
    let wrong = format!("/api/v1/discoveries/{id}?format=xml");
    assert_eq!(world.api(&wrong).await.0, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_department_has_one_discovery_at_a_time_and_four_are_kept() {
    let builder = asked("discover-kept");
    let silent = OnvifSettings {
        misdeed: Some(("", Misdeed::Silent)),
        ..OnvifSettings::default()
    };
    let silent = device(&builder, 1, silent).await;
    let honest = device(&builder, 2, OnvifSettings::default()).await;
    let world = builder.platform("district").start().await;
    let list = |device: &OnvifDevice| json!([device.address().ip().to_string()]);
    let first = world.begin("education", list(&silent)).await;
    let second = json!({"department": "education", "addresses": list(&honest)});
    let (status, body) = world
        .ask_with("POST", "/api/v1/discoveries", &second.to_string())
        .await;
    assert_eq!(status, 409, "{body}");
    assert!(
        body.contains(&format!("discovery {first} of this department still runs")),
        "{body}"
    );
    let other = world.begin("health", list(&honest)).await;
    world.ended(&other).await;
    world.ended(&first).await;
    for _ in 0..3 {
        let id = world.begin("education", list(&honest)).await;
        world.ended(&id).await;
    }
    let path = |id: &str| format!("/api/v1/discoveries/{id}");
    assert_eq!(world.api(&path(&first)).await.0, 404, "the oldest is gone");
    assert_eq!(world.api(&path(&other)).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_prints_a_line_a_device_as_it_is_found() {
    let builder = asked("discover-command");
    let nobody = format!("{}.7", builder.net());
    let camera = device(&builder, 1, OnvifSettings::default()).await;
    let world = builder.platform("district").start().await;
    let host = camera.address().ip().to_string();
    let range = format!("{host}-{host}");
    let printed = world
        .plain(&["discover", "--department", "education", &range, &nobody])
        .await;
    let lines: Vec<_> = printed
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .collect();
    let url = format!("rtsp://{host}:554/live/1-main?transport=tcp&x=1");
    for expected in [
        &[&*host, "found", "模拟", "&", "Söhne", "SIM-1", "SN-0042"][..],
        &["+", "校门", &url],
    ] {
        assert!(
            lines.iter().any(|line| line == expected),
            "{expected:?} in {printed}"
        );
    }
    let output = world
        .command(&["discover", "--department", "education", "camera.example"])
        .await;
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("`camera.example` is no address"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_web_server_that_wants_a_login_hides_no_device_at_another_port() {
    let builder = asked("discover-ports");
    let by_http = OnvifSettings {
        login: Login::Http,
        ..OnvifSettings::default()
    };
    let web = device(&builder, 1, by_http).await;
    let other = SocketAddr::new(web.address().ip(), OTHER);
    let camera = OnvifDevice::start(other, OnvifSettings::default()).await;
    let camera = camera.unwrap();
    let world = builder.platform("district").start().await;
    let found = world.discover(&[&camera]).await;
    let item = item(&found, &camera);
    let url = json!(format!("http://{other}/onvif/device_service"));
    let told = (&item["state"], &item["onvif_url"], &item["warnings"]);
    assert_eq!(told, (&json!("found"), &url, &json!([])));
}

/// A world whose departments have ports for ONVIF.
fn asked(name: &str) -> WorldBuilder {
    let ports = json!({"ports": [554, 8554, ONVIF, OTHER]});
    World::new(name).undeclared().departments(ports)
}

async fn device(builder: &WorldBuilder, number: u8, settings: OnvifSettings) -> OnvifDevice {
    let address: Ipv4Addr = format!("{}.{number}", builder.net()).parse().unwrap();
    let started = OnvifDevice::start(SocketAddr::new(address.into(), ONVIF), settings).await;
    started.expect("a device starts")
}

/// How a device lies; its state, whether its stream and its snapshot are proposed, and what is told of it.
fn lies(trap: SocketAddr) -> Vec<(OnvifSettings, &'static str, [bool; 2], String)> {
    let (there, other) = (trap.to_string(), trap.ip());
    let to = format!("http://{there}/onvif/device_service");
    let settings = |change: &dyn Fn(&mut OnvifSettings)| {
        let mut settings = OnvifSettings::default();
        change(&mut settings);
        settings
    };
    let redirect = |operation| Some((operation, Misdeed::Redirect(to.clone())));
    let streams = |at: &str| settings(&|s| s.streams_at = Some(at.to_owned()));
    vec![
        (
            settings(&|s| s.services_at = Some(there.clone())),
            "found",
            [false, false],
            format!("media service: it names http://{there}/onvif/Media, which is another host"),
        ),
        (
            streams(&format!("admin:hush@{other}:554")),
            "found",
            [false, true],
            format!("stream: it names rtsp://{other}:554/live/1-main"),
        ),
        (
            settings(&|s| s.snapshots_at = Some(there.clone())),
            "found",
            [true, false],
            format!("snapshot: it names http://{there}/snapshot/1-main, which is another host"),
        ),
        (
            streams("0.0.0.0:554"),
            "found",
            [true, true],
            "stream: it names rtsp://0.0.0.0:554/live/1-main".to_owned(),
        ),
        (
            streams("0.0.0.0:5540"),
            "found",
            [false, true],
            "add 5540 to `ports` of education".to_owned(),
        ),
        (
            settings(&|s| s.misdeed = redirect("")),
            "no_onvif",
            [false, false],
            format!("it redirects to {to}: not followed"),
        ),
        (
            settings(&|s| s.misdeed = redirect("GetProfiles")),
            "found",
            [false, false],
            format!("media profiles: it redirects to {to}: not followed"),
        ),
    ]
}

fn item<'a>(found: &'a Value, device: &OnvifDevice) -> &'a Value {
    let address = device.address().ip().to_string();
    let mut items = found["found"].as_array().unwrap().iter();
    let item = items.find(|item| item["address"] == address);
    item.unwrap_or_else(|| panic!("{address} is not in {found}"))
}

impl World {
    /// Begins a discovery, and returns its id.
    async fn begin(&self, department: &str, addresses: Value) -> String {
        let asked = json!({"department": department, "addresses": addresses});
        let (status, body) = self
            .ask_with("POST", "/api/v1/discoveries", &asked.to_string())
            .await;
        assert_eq!(status, 202, "{body}");
        let begun: Value = serde_json::from_str(&body).unwrap();
        begun["id"].as_str().unwrap().to_owned()
    }

    /// Waits for the end of a discovery, and returns what it found.
    async fn ended(&self, id: &str) -> Value {
        let path = format!("/api/v1/discoveries/{id}");
        self.admin_within(ENOUGH, &path, |answer| answer["state"] == "done")
            .await
    }

    /// What a discovery of these addresses finds.
    pub(crate) async fn discover_list(&self, department: &str, addresses: Value) -> Value {
        let id = self.begin(department, addresses).await;
        self.ended(&id).await
    }

    async fn discover(&self, devices: &[&OnvifDevice]) -> Value {
        let addresses = devices
            .iter()
            .map(|device| device.address().ip().to_string());
        self.discover_list("education", addresses.collect()).await
    }

    /// The rows of a discovery.
    async fn csv(&self, id: &Value) -> String {
        let path = format!("/api/v1/discoveries/{}?format=csv", id.as_str().unwrap());
        let (status, rows) = self.api(&path).await;
        assert_eq!(status, 200, "{rows}");
        rows
    }
}
