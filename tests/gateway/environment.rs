//! What is around the daemon: its environment, its data, and the check before it starts.

use huiju_sim::clips::ClipKind;
use huiju_sim::farm::{CameraSettings, CameraStats};
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::time::timeout;

use crate::edits::text;
use crate::reload::{nothing, two_gates};
use crate::world::{SOON, World, clip, command, get};

#[tokio::test(flavor = "multi_thread")]
async fn check_connects_to_some_cameras_of_each_department_and_says_how_they_are() {
    let video = clip(ClipKind::H264Small).await;
    let wrong = CameraSettings::new(&video).digest("viewer", "the-right-one");
    let world = World::new("check-connect")
        .camera("一号", CameraSettings::new(&video))
        .camera("二号", wrong)
        .camera_of("health", "急诊", CameraSettings::new(&video))
        .without_gateway()
        .await;
    let all_well = world.command(&["check", "--connect", "2"]).await;
    let said = world.said(&all_well.stdout);
    assert_eq!(all_well.status.code(), Some(0), "{said}");
    let lines = said.lines().map(|line| line.split_whitespace().collect());
    let lines: Vec<Vec<&str>> = lines.collect();
    assert_eq!(lines[0], ["online", "health", "急诊"]);
    assert_eq!(lines[1], ["online", "education", "一号"]);
    let summary = "3 cameras, 0 rows refused, 6 departments, 0 platforms";
    assert_eq!(said.lines().nth(2), Some(summary));
    let left_out = world.camera("二号").stats().connections_total;
    assert_eq!(left_out, 0, "two were asked for");
    let has_left = |stats: &CameraStats| stats.connections == 0 && stats.teardowns == 1;
    world.camera("一号").wait_for(has_left, SOON).await.unwrap();

    let output = world.command(&["check", "--connect", "9", "--json"]).await;
    assert_eq!(output.status.code(), Some(1), "one gives no picture");
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    let connected = summary["connected"].as_array().unwrap();
    let told = connected
        .iter()
        .map(|one| [text(one, "name"), text(one, "state")]);
    let told: Vec<_> = told.collect();
    let expected = [
        ["急诊", "online"],
        ["一号", "online"],
        ["二号", "offline/auth_failed"],
    ];
    assert_eq!(told, expected);
    assert!(text(&connected[2], "detail").contains("401"), "{summary}");
    assert!(
        !world.folder.join("data").exists(),
        "a check leaves nothing behind"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_environment_sets_single_values_of_the_daemon() {
    let video = clip(ClipKind::H264Small).await;
    let mut world = two_gates("operators-environment", &video)
        .without_gateway()
        .await;
    let http = world.http().replace(":8080", ":18080");
    world.set_environment(&[
        ("HUIJU_SET_LISTEN__HTTP", &http),
        ("HUIJU_SET_PLATFORMS__district__NAME", "环境里的名字"),
        ("HUIJU_SET_DEPARTMENTS__education__PULL", "always"),
        (
            "HUIJU_SET_PLATFORMS__district__CATALOGUE__SHARE__POINT_CLASSES",
            "[1, 2]",
        ),
    ]);
    world.start_gateway().await;
    world.registered().await;
    assert_eq!(
        get(&http, "/livez").await.unwrap(),
        (200, "ok\n".to_owned())
    );
    assert!(
        get(&world.http(), "/livez").await.is_err(),
        "the file's address is not listened at"
    );
    assert_eq!(
        world
            .json(&["platform", "show", "district", "--json"])
            .await["name"],
        "环境里的名字"
    );
    for name in ["东门", "西门"] {
        world
            .camera(name)
            .wait_for(|stats| stats.playing == 1, SOON)
            .await
            .unwrap();
    }
    // It holds over a reload, whatever the file says.
    world.edit_platform("district", json!({"name": "文件里的名字"}));
    assert_eq!(world.reload().await, nothing());
    assert_eq!(
        world
            .json(&["platform", "show", "district", "--json"])
            .await["name"],
        "环境里的名字"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_value_of_the_environment_is_named_by_its_variable() {
    let world = World::new("operators-wrong-environment").platform("district");
    let world = world
        .row("education", "东门", "rtsp://127.50.0.1:8554/a")
        .without_gateway()
        .await;
    let run = Command::new(env!("CARGO_BIN_EXE_huiju"))
        .args(["run", "--config"])
        .arg(&world.config_path)
        .env("HUIJU_SET_LISTEN__HTTP", "10.0.0.1:8080")
        .env("HUIJU_SET_PLATFORMS__city__NAME", "x")
        .env("HUIJU_SET_PLATFORMS__district__PASSWORD", "a-plain-one")
        .env("HUIJU_SET_STREAMS__LINGRE", "10s")
        .kill_on_drop(true)
        .output();
    let output = timeout(SOON, run).await.expect("it ends").unwrap();
    assert_eq!(output.status.code(), Some(78));
    let mut said: Vec<_> = world
        .said(&output.stderr)
        .lines()
        .map(str::to_owned)
        .collect();
    said.sort();
    let expected = [
        "environment HUIJU_SET_LISTEN__HTTP: listen.http: `10.0.0.1:8080` is not loopback: this version serves it without TLS",
        "environment HUIJU_SET_PLATFORMS__city__NAME: the list has no member with the id `city`",
        "environment HUIJU_SET_PLATFORMS__district__PASSWORD: a secret is never set from here: write {env: NAME} into the file",
        "environment HUIJU_SET_STREAMS__LINGRE: unknown key streams.lingre: did you mean `linger`?",
    ];
    assert_eq!(said, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_daemon_with_other_listeners_and_the_same_data_refuses_to_start() {
    let world = World::new("operators-second")
        .row("education", "东门", "rtsp://127.50.0.1:8554/a")
        .platform("district")
        .start()
        .await;
    let mut config: Value =
        serde_json::from_str(&std::fs::read_to_string(&world.config_path).unwrap()).unwrap();
    for (key, port) in [("http", 18080), ("metrics", 19180), ("sip", 15060)] {
        config["listen"][key] = json!(format!("127.0.0.1:{port}"));
    }
    config["listen"]["admin"] = json!("other.sock");
    let other = world.folder.join("other.yaml");
    std::fs::write(&other, config.to_string()).unwrap();
    let output = command(&other, &["run"]).await;
    assert_eq!(output.status.code(), Some(1));
    let said = world.said(&output.stderr);
    assert!(said.contains("is in use by another huiju"), "{said}");
    assert!(
        !world.folder.join("other.sock").exists(),
        "it has bound nothing"
    );
    assert_eq!(world.plain(&["reload"]).await, "nothing has changed\n");
}
