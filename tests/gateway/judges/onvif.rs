//! An ONVIF device that nobody here wrote: the mock server of the library oxvif, which is strict about namespaces, actions
//! and envelopes.

use std::path::Path;

use serde_json::{Value, json};
use tokio::process::Command;

use super::tools::Tool;
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_nobody_here_wrote_is_found() {
    let (found, port) = discover("judge-onvif", &[]).await;
    let told = ["state", "manufacturer", "serial", "warnings"].map(|key| found[key].clone());
    assert_eq!(json!(told), json!(["found", "oxvif-mock", "MOCK-0001", []]));
    let told = found["proposals"].as_array().unwrap().iter().map(|one| {
        let keys = [
            "name",
            "channel",
            "encoding",
            "width",
            "ptz",
            "replay",
            "url",
            "snapshot_url",
        ];
        json!(keys.map(|key| one[key].clone()))
    });
    let url = "rtsp://127.0.0.1:554/mock/h265";
    let snapshot = format!("http://127.0.0.1:{port}/mock/snapshot.jpg");
    let expected = [(1, 1920), (2, 1280)].map(|(channel, width)| {
        let name = format!("MockCamera {channel}");
        json!([name, channel, "H264", width, true, true, url, snapshot])
    });
    assert!(told.eq(expected), "{found:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_nobody_here_wrote_wants_a_login_and_says_so() {
    let (found, port) = discover("judge-onvif-login", &["--login"]).await;
    let told = ["state", "onvif_url", "serial", "proposals"].map(|key| found[key].clone());
    let url = format!("http://127.0.0.1:{port}/onvif/device_service");
    assert_eq!(
        json!(told),
        json!(["needs_login", url, null, []]),
        "{found:#}"
    );
}

/// What a discovery finds of the judge, and its port.
async fn discover(name: &str, options: &[&str]) -> (Value, u16) {
    let binary = Path::new(env!("CARGO_MANIFEST_DIR")).join(JUDGE);
    assert!(
        binary.is_file(),
        "no {JUDGE}: tests/judges/onvif/build makes it (tests/run does)"
    );
    let judge = Tool::start("oxvif", Command::new(binary).args(options));
    let url = judge.prints("http://127.0.0.1:").await;
    let port: u16 = url
        .split(['/', ':'])
        .find_map(|part| part.parse().ok())
        .expect("a port");
    let world = World::new(name)
        .undeclared()
        .department("education", json!({"ports": [554, port]}))
        .platform("district")
        .start()
        .await;
    let found = world.discover_list("education", json!(["127.0.0.1"])).await;
    (found["found"][0].clone(), port)
}

const JUDGE: &str = "target/judges/debug/huiju-judge-onvif";
