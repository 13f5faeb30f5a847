//! The API on TCP: it is there for who has the token, and for nobody else.

use std::process::Output;
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::process::Command;
use tokio::time::timeout;

use crate::edits::Answer;
use crate::world::{SOON, World, WorldBuilder};

#[tokio::test(flavor = "multi_thread")]
async fn the_api_is_for_who_shows_the_token_and_for_nobody_else() {
    let world = builder("http-token").token(TOKEN).start().await;
    for path in ["/livez", "/readyz"] {
        assert_eq!(world.request_http("GET", path, &[]).await.status, 200);
    }
    let basic = format!("Basic {TOKEN}");
    let shorter = bearer(&TOKEN[1..]);
    let strangers: [&[(&str, &str)]; 5] = [
        &[],
        &[("authorization", TOKEN)],
        &[("authorization", &basic)],
        &[("authorization", &shorter)],
        &[
            ("authorization", &bearer(TOKEN)),
            ("authorization", &shorter),
        ],
    ];
    let paths = ["/api/v1/status", "/api/v1/nothing", "/metrics", "/"];
    for headers in strangers {
        for path in paths {
            let answer = world.request_http("GET", path, headers).await;
            assert_problem(&answer, 401, "unauthorized");
            assert_eq!(
                answer.header("www-authenticate"),
                Some("Bearer realm=\"huiju\"")
            );
        }
    }
    let refused = "huiju_refused_total{reason=\"api_unauthorized\"}";
    assert_eq!(world.metric(refused).await, 20.0);
    let answer = with_token(&world, "GET", "/api/v1/status").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(
        answer.json()["version"],
        world.json(&["status", "--json"]).await["version"]
    );
    let answer = with_token(&world, "GET", "/api/v1/nothing").await;
    assert_problem(&answer, 404, "not_found");
    assert_eq!(world.metric(refused).await, 20.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_there_is_health_only() {
    let world = builder("http-plain").start().await;
    assert_eq!(world.request_http("GET", "/livez", &[]).await.status, 200);
    for path in ["/api/v1/status", "/api/openapi.json"] {
        let answer = with_token(&world, "GET", path).await;
        assert_problem(&answer, 404, "not_found");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_done_on_this_machine_is_not_served_on_tcp() {
    let world = builder("http-local").token(TOKEN).start().await;
    let id = world.id_of("东门").await;
    for path in [
        "/api/v1/reload".to_owned(),
        format!("/api/v1/cameras/{id}/probe"),
        format!("/api/v1/cameras/{id}/enable"),
        format!("/api/v1/cameras/{id}/disable"),
    ] {
        let answer = with_token(&world, "POST", &path).await;
        assert_problem(&answer, 404, "not_found");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_framework_refuses_is_a_problem_too() {
    let world = builder("http-problems").token(TOKEN).start().await;
    let answer = with_token(&world, "PUT", "/api/v1/status").await;
    assert_problem(&answer, 405, "method_not_allowed");
    assert_eq!(answer.header("allow"), Some("GET,HEAD"));
    let answer = with_token(&world, "GET", "/api/v1/cameras/%FF").await;
    assert_problem(&answer, 400, "bad_request");
    let answer = with_token(&world, "POST", "/api/v1/cameras/search").await;
    assert_problem(&answer, 415, "unsupported_media_type");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_is_read_again_on_reload() {
    let world = builder("http-reload").token(TOKEN).start().await;
    let status = async |token: &str| {
        let bearer = bearer(token);
        let headers = [("authorization", bearer.as_str())];
        world
            .request_http("GET", "/api/v1/status", &headers)
            .await
            .status
    };
    assert_eq!([status(TOKEN).await, status(OTHER).await], [200, 401]);
    world.write("api.token", OTHER);
    assert_eq!(world.plain(&["reload"]).await, SETTINGS_CHANGED);
    assert_eq!([status(TOKEN).await, status(OTHER).await], [401, 200]);
    // A token that is none is refused, and the one before stays.
    world.write("api.token", "too-short");
    let output = world.command(&["reload"]).await;
    assert_eq!(output.status.code(), Some(78));
    assert!(world.said(&output.stderr).contains("openssl rand"));
    assert_eq!(status(OTHER).await, 200);
    // Without one the API is gone, and comes back with one.
    let text = std::fs::read_to_string(&world.config_path).unwrap();
    let mut config: Value = serde_json::from_str(&text).unwrap();
    config["listen"]["http"] = config["listen"]["http"]["address"].take();
    world.write("huiju.yaml", &config.to_string());
    assert_eq!(world.plain(&["reload"]).await, SETTINGS_CHANGED);
    assert_eq!(status(OTHER).await, 404);
    world.write("api.token", TOKEN);
    world.write("huiju.yaml", &text);
    assert_eq!(world.plain(&["reload"]).await, SETTINGS_CHANGED);
    assert_eq!(status(TOKEN).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_ask_over_http_with_the_token() {
    let world = builder("http-commands").token(TOKEN).start().await;
    let url = format!("http://{}", world.http());
    let ask = async |arguments: &[&str], token: Option<&str>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_huiju"));
        command.args(arguments).stdin(Stdio::null());
        // Nothing of the configuration is needed.
        command.args(["--config", "/nowhere/huiju.yaml"]);
        match token {
            Some(token) => command.env("HUIJU_TOKEN", token),
            None => command.env_remove("HUIJU_TOKEN"),
        };
        let output = timeout(SOON, command.kill_on_drop(true).output());
        shown(&output.await.unwrap().unwrap())
    };
    let (code, said) = ask(&["camera", "list", "--json", "--url", &url], Some(TOKEN)).await;
    assert_eq!(code, Some(0), "{said}");
    let listed: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(listed["items"][0]["name"], "东门");
    let refused = [
        (
            &["status", "--url", &url][..],
            Some(OTHER),
            1,
            "the API needs its token",
        ),
        (
            &["status", "--url", &url],
            None,
            2,
            "HUIJU_TOKEN is not set",
        ),
        (
            &["status", "--url", "https://127.0.0.1"],
            Some(TOKEN),
            2,
            "https is not supported",
        ),
        (
            &["status", "--url", "http://10.0.0.1:8080"],
            Some(TOKEN),
            2,
            "must be loopback",
        ),
        (
            &["reload", "--url", &url],
            Some(TOKEN),
            1,
            "at the admin socket only",
        ),
        (
            &["status", "--url", "http://127.0.0.1:1"],
            Some(TOKEN),
            1,
            "is the gateway running?",
        ),
    ];
    for (arguments, token, code, text) in refused {
        let (exit, said) = ask(arguments, token).await;
        assert_eq!(exit, Some(code), "{said}");
        assert!(said.contains(text), "{text} in {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_are_logged_with_who_gave_them() {
    let world = builder("http-orders").token(TOKEN).start().await;
    let me = nix::unistd::User::from_uid(nix::unistd::getuid()).unwrap();
    let by = format!("by=\"local:{}\"", me.unwrap().name);
    let id = world.id_of("东门").await;
    world.plain(&["reload"]).await;
    world.logged_with(&["reloaded", &by]).await;
    for order in ["disable", "enable"] {
        world.plain(&["camera", order, &id]).await;
        let is_maintained = format!("is_maintained={}", order == "disable");
        world
            .logged_with(&["maintenance", &id, &is_maintained, &by])
            .await;
    }
    world.write("api.token", "too-short");
    assert_eq!(world.command(&["reload"]).await.status.code(), Some(78));
    world.logged_with(&["reload refused", &by]).await;
}

/// Asks with the token.
async fn with_token(world: &World, method: &str, path: &str) -> Answer {
    let bearer = bearer(TOKEN);
    let headers = [("authorization", bearer.as_str())];
    world.request_http(method, path, &headers).await
}

fn assert_problem(answer: &Answer, status: u16, code: &str) {
    let text = answer.text();
    assert_eq!(answer.status, status, "{text}");
    assert_eq!(
        answer.header("content-type"),
        Some("application/problem+json"),
        "{text}"
    );
    let problem = answer.json();
    assert_eq!(problem["status"], json!(status));
    assert_eq!(problem["code"], code, "{text}");
    let detail = problem["detail"].as_str();
    assert!(detail.is_some_and(|detail| !detail.is_empty()), "{text}");
}

fn builder(name: &str) -> WorldBuilder {
    World::new(name).row("education", "东门", "rtsp://127.50.0.1:8554/a")
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// Exit code, and all that was printed.
fn shown(output: &Output) -> (Option<i32>, String) {
    let said = [&output.stdout[..], &output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

const TOKEN: &str = "a-token-of-tests-that-is-long-enough=";
const OTHER: &str = "another-token-that-is-long-enough-too";
const SETTINGS_CHANGED: &str = "~ settings of the gateway or of departments\n";
