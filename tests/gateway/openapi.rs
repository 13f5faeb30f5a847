//! The OpenAPI document: it is the one that is checked in, it has what is served and nothing else, and what it says
//! holds, as schemathesis judges.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use huiju_sim::clips::ClipKind;
use huiju_sim::farm::CameraSettings;
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::time::timeout;

use crate::world::{World, clip};

#[tokio::test(flavor = "multi_thread")]
async fn the_documents_are_those_that_are_checked_in() {
    let world = world("openapi-fixture").start().await;
    for (served, name) in [
        (by_http(&world).await, "openapi.json"),
        (by_socket(&world).await, "openapi-admin.json"),
    ] {
        let path = fixture(name);
        if std::env::var_os("HUIJU_RENEW").is_some() {
            std::fs::write(&path, served.clone() + "\n").unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        // The whole of both is too long to read.
        let differs = kept
            .lines()
            .zip(served.lines())
            .find(|(one, other)| one != other);
        assert!(
            kept.trim_end() == served,
            "{name} is not what is served, from {differs:?} on. If the API was meant to change: \
             HUIJU_RENEW=1 cargo test --test gateway -- openapi:: and read what git diff says"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_document_has_is_served_and_nothing_else() {
    let world = world("openapi-served").start().await;
    let documents = [
        (parsed(&by_http(&world).await), true),
        (parsed(&by_socket(&world).await), false),
    ];
    for (document, is_http) in &documents {
        for (path, operations) in document["paths"].as_object().unwrap() {
            let place = path.replace("{id}", "nothing");
            for method in METHODS {
                let answer = ask(&world, *is_http, method, &place).await;
                let problem = answer.json().unwrap_or_default();
                let is_served = problem["code"] != "method_not_allowed"
                    && problem["detail"] != "nothing is served at this path";
                let is_documented = operations.get(method.to_lowercase()).is_some();
                assert_eq!(is_served, is_documented, "{method} {path}: {problem}");
            }
        }
    }
    // What the socket has besides is what is done on this machine.
    let paths = |document: &Value| -> BTreeSet<String> {
        document["paths"]
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect()
    };
    let [http, socket] = documents.map(|(document, _)| paths(&document));
    let more: Vec<_> = socket.difference(&http).map(String::as_str).collect();
    assert_eq!(
        more,
        [
            "/api/v1/cameras/{id}/disable",
            "/api/v1/cameras/{id}/enable",
            "/api/v1/cameras/{id}/probe",
            "/api/v1/discoveries",
            "/api/v1/discoveries/{id}",
            "/api/v1/reload",
        ]
    );
}

/// A route that is added beside the list would be served and not documented.
#[test]
fn routes_are_served_from_the_list_only() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/api");
    let mut routed = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for line in code.lines().filter(|line| line.contains(".route(")) {
            routed.insert(line.trim().to_owned());
        }
    }
    // They are of the other listener, and of Prometheus's format.
    let metrics = [
        ".route(\"/metrics\", get(health::metrics))",
        ".route(\"/metrics/cameras\", get(camera_metrics::show));",
    ];
    assert_eq!(routed, metrics.map(str::to_owned).into());
}

#[test]
fn every_operation_has_an_id_of_its_own_and_says_what_its_answers_are() {
    for name in ["openapi.json", "openapi-admin.json"] {
        let document = parsed(&std::fs::read_to_string(fixture(name)).unwrap());
        assert_eq!(document["openapi"], "3.1.0");
        let mut ids = BTreeSet::new();
        for (path, operations) in document["paths"].as_object().unwrap() {
            for (method, operation) in operations.as_object().unwrap() {
                let place = format!("{name}: {method} {path}");
                let id = operation["operationId"].as_str().unwrap();
                assert!(ids.insert(id.to_owned()), "{place}: {id} stands twice");
                assert!(operation["summary"].is_string(), "{place}");
                let is_open = operation["tags"][0] == "health";
                let is_guarded = name == "openapi.json" && !is_open;
                assert_eq!(operation["security"].is_array(), is_guarded, "{place}");
                for (status, response) in operation["responses"].as_object().unwrap() {
                    assert!(response["description"].is_string(), "{place} {status}");
                    if status.starts_with(['4', '5']) {
                        let problem = &response["content"]["application/problem+json"];
                        let schema = &problem["schema"]["$ref"];
                        assert_eq!(schema, "#/components/schemas/Problem", "{place} {status}");
                    }
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_nothing_that_is_not_as_documented() {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/python/bin/schemathesis");
    let video = clip(ClipKind::H264Small).await;
    let world = world("openapi-schemathesis")
        .camera("西门", CameraSettings::new(&video))
        // The document's example of a camera is in it.
        .department(
            "education",
            json!({"networks": ["127.0.0.0/8", "10.11.0.0/16"]}),
        )
        .platform("district")
        .start()
        .await;
    let report = world.folder.join("schemathesis");
    std::fs::create_dir_all(&report).unwrap();
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/judges/schemathesis.toml");
    let running = Command::new(&python)
        .arg("--config-file")
        .arg(config)
        .args(["run", &format!("http://{}/api/openapi.json", world.http())])
        .env("HUIJU_TOKEN", TOKEN)
        .env("NO_COLOR", "1")
        .current_dir(&report)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = timeout(JUDGED_WITHIN, running)
        .await
        .expect("a verdict in time");
    let output = output
        .unwrap_or_else(|error| panic!("{}: {error}: tests/run installs it", python.display()));
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success(), "{said}");
    // A judge that could ask nothing finds nothing. It asks for the document itself before, and not again.
    let document = parsed(&by_http(&world).await);
    let count: usize = document["paths"]
        .as_object()
        .unwrap()
        .values()
        .map(|operations| operations.as_object().unwrap().len())
        .sum();
    let selected = format!("{} selected", count - 1);
    assert!(said.contains(&selected), "{selected}: {said}");
    for (route, method, code) in [
        ("/api/v1/cameras", "GET", 200),
        ("/api/v1/cameras", "POST", 201),
        ("/api/v1/cameras/search", "POST", 200),
    ] {
        let series = format!(
            "huiju_api_requests_total{{code=\"{code}\",method=\"{method}\",route=\"{route}\"}}"
        );
        assert!(world.metric(&series).await >= 1.0, "{series}");
    }
}

fn world(name: &str) -> crate::world::WorldBuilder {
    World::new(name)
        .row("education", "东门", "rtsp://127.50.0.1:8554/a")
        .token(TOKEN)
}

async fn by_http(world: &World) -> String {
    ask(world, true, "GET", "/api/openapi.json").await.text
}

async fn by_socket(world: &World) -> String {
    ask(world, false, "GET", "/api/openapi.json").await.text
}

struct Said {
    text: String,
}

impl Said {
    fn json(&self) -> Option<Value> {
        serde_json::from_str(&self.text).ok()
    }
}

async fn ask(world: &World, is_http: bool, method: &str, path: &str) -> Said {
    let bearer = format!("Bearer {TOKEN}");
    // Events are asked for as a page: else the answer has no end.
    let path = if path.ends_with("/events") {
        format!("{path}?since=")
    } else {
        path.to_owned()
    };
    let answer = if is_http {
        let headers = [("authorization", bearer.as_str())];
        world.request_http(method, &path, &headers).await
    } else {
        world.request(method, &path, &[], b"").await
    };
    Said {
        text: answer.text(),
    }
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

const TOKEN: &str = "a-token-of-tests-that-is-long-enough=";
const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];
/// It stops by itself after 60 s.
const JUDGED_WITHIN: Duration = Duration::from_secs(150);
