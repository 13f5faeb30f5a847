//! What operators do with a running gateway: look, take out of service, cut.

use std::sync::Arc;
use std::time::Duration;

use huiju_sim::clips::{Clip, ClipKind};
use huiju_sim::farm::{CameraSettings, CameraStats};
use huiju_sim::platform::{Media, Notices};
use serde_json::{Value, json};

use crate::edits::{state, text};
use crate::readers::is_unbroken;
use crate::reload::{nothing, pulls, two_gates};
use crate::world::{SOON, World, clip};

#[tokio::test(flavor = "multi_thread")]
async fn what_json_prints_is_what_the_admin_socket_answers() {
    let video = clip(ClipKind::H264Small).await;
    let world = two_gates("operators-json", &video).start().await;
    let session = world.look("district", "东门").await;
    let east = world.camera_item("东门").await;
    let (id, code) = (text(&east, "id"), text(&east, "gb_code"));
    let camera = format!("/api/v1/cameras/{id}");
    let table: [(&[&str], &str); 9] = [
        (&["status"], "/api/v1/status"),
        (&["camera", "list"], "/api/v1/cameras"),
        (&["camera", "show", &id], &camera),
        (&["camera", "show", &code], &camera),
        (&["camera", "why", &code], &format!("{camera}/why")),
        (&["platform", "list"], "/api/v1/platforms"),
        (
            &["platform", "show", "district"],
            "/api/v1/platforms/district",
        ),
        (
            &["platform", "why", "district"],
            "/api/v1/platforms/district/why",
        ),
        (&["session", "list"], "/api/v1/sessions"),
    ];
    for (arguments, path) in table {
        let printed = steady(world.json(&[arguments, &["--json"]].concat()).await);
        let (status, body) = world.api(path).await;
        assert_eq!(status, 200, "{path}");
        let answered: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(printed, steady(answered), "{arguments:?}");
        let shown = world.plain(arguments).await;
        assert!(
            !shown.trim().is_empty() && !shown.starts_with('{'),
            "{arguments:?}: {shown}"
        );
    }
    let shown = world.plain(&["camera", "show", &id]).await;
    for line in ["name: 东门", "state: online", "codec: h264", "viewers: 1"] {
        assert!(
            shown.lines().any(|shown| shown == line),
            "{line} in {shown}"
        );
    }
    session.bye().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_codes_say_what_became_of_a_command() {
    let world = World::new("operators-exit")
        .row("education", "东门", "rtsp://127.50.0.1:8554/a")
        .platform("district")
        .start()
        .await;
    let nobody = "caaaaaaaaaa";
    let refused: [(&[&str], &str); 8] = [
        (
            &["camera", "show", nobody],
            "there is no camera `caaaaaaaaaa`",
        ),
        (
            &["camera", "why", "43021100111326999999"],
            "there is no camera `43021100111326999999`",
        ),
        (&["camera", "probe", "东门"], "there is no camera `东门`"),
        (
            &["camera", "enable", nobody],
            "there is no camera `caaaaaaaaaa`",
        ),
        (
            &["camera", "disable", nobody],
            "there is no camera `caaaaaaaaaa`",
        ),
        (&["platform", "show", "city"], "there is no platform `city`"),
        (&["platform", "why", "city"], "there is no platform `city`"),
        (
            &["session", "stop", "nobody"],
            "there is no session `nobody`",
        ),
    ];
    for (arguments, expected) in refused {
        let output = world.command(arguments).await;
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert_eq!(world.said(&output.stdout), "", "{arguments:?}");
        assert_eq!(
            world.said(&output.stderr),
            format!("huiju: {expected}\n"),
            "{arguments:?}"
        );
    }
    let wrong: [&[&str]; 6] = [
        &["camera"],
        &["camera", "show"],
        &["camera", "sleep", "x"],
        &["reload", "now"],
        &["reload", "--allow-removals", "some"],
        &["check", "--connect"],
    ];
    for arguments in wrong {
        assert_eq!(
            world.command(arguments).await.status.code(),
            Some(2),
            "{arguments:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_request_is_answered_as_a_problem_with_its_code() {
    let world = World::new("operators-problems")
        .row("education", "东门", "rtsp://127.50.0.1:8554/a")
        .platform("district")
        .start()
        .await;
    let table = [
        ("GET", "/api/v1/cameras/caaaaaaaaaa", 404, "not_found"),
        ("DELETE", "/api/v1/sessions/nobody", 404, "not_found"),
        ("GET", "/api/v1/nowhere", 404, "not_found"),
        ("GET", "/api/v1/cameras?limit=0", 400, "bad_request"),
        ("GET", "/api/v1/cameras?colour=red", 400, "bad_request"),
        ("GET", "/api/v1/cameras?state=asleep", 400, "bad_request"),
        (
            "GET",
            "/api/v1/cameras?department=helth",
            400,
            "bad_request",
        ),
        ("POST", "/api/v1/reload?plan=perhaps", 400, "bad_request"),
    ];
    for (method, path, status, code) in table {
        let (answered, body) = world.ask(method, path).await;
        let problem: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(
            (answered, &problem["code"]),
            (status, &json!(code)),
            "{path}"
        );
        assert_eq!(problem["status"], json!(status), "{path}");
    }
    world.edit_config(|config| config["streams"]["linger"] = json!("ten"));
    assert_eq!(world.command(&["check"]).await.status.code(), Some(78));
    let plan = world.command(&["reload", "--plan"]).await;
    assert_eq!(plan.status.code(), Some(78));
    let (status, body) = world.ask("POST", "/api/v1/reload").await;
    let problem: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (status, &problem["code"]),
        (422, &json!("configuration_refused"))
    );
    assert_eq!(problem["problems"].as_array().unwrap().len(), 1);
    // What asks the gateway looks at nothing but the socket's place.
    assert_eq!(world.command(&["status"]).await.status.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_listed_and_cut_and_no_other_with_it() {
    let video = clip(ClipKind::H264Small).await;
    let world = two_gates("operators-session", &video)
        .platform("city")
        .start()
        .await;
    assert_eq!(
        world.json(&["session", "list", "--json"]).await,
        json!({"items": [], "next": null})
    );
    let cut = world.look("district", "东门").await;
    let kept = [
        world.look("city", "东门").await,
        world.look("district", "西门").await,
    ];
    let list = world.json(&["session", "list", "--json"]).await;
    let items = list["items"].as_array().unwrap();
    let told: Vec<_> = items
        .iter()
        .map(|item| {
            [
                text(item, "platform"),
                text(item, "name"),
                text(item, "transport"),
                item["starting"].to_string(),
            ]
        })
        .collect();
    let expected = [
        ["district", "东门", "udp", "false"],
        ["city", "东门", "udp", "false"],
        ["district", "西门", "udp", "false"],
    ];
    assert_eq!(told, expected, "the oldest first");
    let id = text(&items[0], "id");
    let lines = world.plain(&["session", "list"]).await;
    let line = lines.lines().find(|line| line.starts_with(&id)).unwrap();
    assert!(
        line.contains(items[0]["peer"].as_str().unwrap()) && line.ends_with("东门"),
        "{line}"
    );

    assert_eq!(world.plain(&["session", "stop", &id]).await, "");
    cut.ended_by_peer(SOON).await.unwrap();
    is_unbroken(&cut.finish().await.unwrap(), &video);
    assert_eq!(
        world.command(&["session", "stop", &id]).await.status.code(),
        Some(1),
        "it is cut once"
    );
    let left = world.json(&["session", "list", "--json"]).await;
    assert_eq!(left["items"].as_array().unwrap().len(), 2);
    let other = text(&left["items"][0], "id");
    assert_eq!(
        world
            .ask("DELETE", &format!("/api/v1/sessions/{other}"))
            .await,
        (204, String::new())
    );
    kept[0].ended_by_peer(SOON).await.unwrap();
    let [_, west] = kept;
    let seen = west.stats().frames;
    west.wait_for(|stats| stats.frames >= seen + 25, SOON)
        .await
        .unwrap();
    west.bye().await.unwrap();
    is_unbroken(&west.finish().await.unwrap(), &video);
    // Whoever was cut may look again.
    world.look("district", "东门").await.bye().await.unwrap();
    assert_eq!(
        world.platform("district").violations(),
        Vec::<String>::new()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_under_maintenance_is_off_and_its_session_ends() {
    let video = clip(ClipKind::H264Small).await;
    let world = always_pulled("operators-maintenance", &video).await;
    let (camera, platform) = (world.camera("东门"), world.platform("district"));
    let channel = world.channel("district", "东门").await;
    let session = world.look_at("district", &channel).await;
    let answer = world.json(&["camera", "disable", &channel, "--json"]).await;
    assert_eq!(state(&answer), MAINTENANCE);
    session.ended_by_peer(SOON).await.unwrap();
    is_unbroken(&session.finish().await.unwrap(), &video);
    let left = camera
        .wait_for(|stats| stats.connections == 0, SOON)
        .await
        .unwrap();
    let ended = (left.teardowns, left.sessions_abandoned);
    assert_eq!(ended, (left.sessions_total, 0));
    let is_off = |notices: &Notices| notices.events_of(&channel).contains(&"OFF");
    platform.wait_pushed(is_off, SOON).await.unwrap();
    assert_eq!(status_of(&world).await, ["OFF", "ON"]);
    let refused = platform.invite(&channel, Media::Udp, Default::default());
    assert_eq!(refused.await.unwrap_err().code(), Some(480));
    let why = world.json(&["camera", "why", &channel, "--json"]).await;
    assert_eq!(why["zh"]["reason"], "值班人员已将其停用检修");
    assert_eq!(world.reload().await, nothing(), "a reload does not end it");
    let probed = world.json(&["camera", "probe", &channel, "--json"]).await;
    assert_eq!(state(&probed), MAINTENANCE, "nor does a probe");
    assert_eq!(pulls(&camera.stats()), pulls(&left), "nobody has asked it");
    // It is on again, 30 s after it was off at the latest.
    world.plain(&["camera", "enable", &channel]).await;
    let is_on = |notices: &Notices| notices.events_of(&channel).ends_with(&["OFF", "ON"]);
    platform.wait_pushed(is_on, LONG).await.unwrap();
    assert_eq!(status_of(&world).await, ["ON", "ON"]);
    world
        .look_at("district", &channel)
        .await
        .bye()
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn maintenance_survives_restarts_and_kills_and_so_does_its_end() {
    let video = clip(ClipKind::H264Small).await;
    let mut world = always_pulled("operators-restart", &video).await;
    let id = world.id_of("东门").await;
    world.plain(&["camera", "disable", &id]).await;
    let is_left = |stats: &CameraStats| stats.connections == 0;
    let left = world.camera("东门").wait_for(is_left, SOON).await.unwrap();
    assert_eq!(world.stop().await, Some(0));
    for _ in 0..2 {
        let before = world.camera("西门").stats().plays;
        world.platform("district").forget_registration();
        world.start_gateway().await;
        world.registered().await;
        let is_pulled = |stats: &CameraStats| stats.plays > before;
        world
            .camera("西门")
            .wait_for(is_pulled, SOON)
            .await
            .unwrap();
        assert_eq!(state(&world.camera_item("东门").await), MAINTENANCE);
        assert_eq!(status_of(&world).await, ["OFF", "ON"]);
        let now = world.camera("东门").stats();
        assert_eq!(pulls(&now), pulls(&left), "nobody has asked it");
        world.kill().await;
    }
    world.start_gateway().await;
    world.plain(&["camera", "enable", &id]).await;
    let is_pulled = |stats: &CameraStats| stats.plays > left.plays;
    let pulled = world
        .camera("东门")
        .wait_for(is_pulled, SOON)
        .await
        .unwrap();
    world.kill().await;
    world.start_gateway().await;
    let is_again = |stats: &CameraStats| stats.plays > pulled.plays;
    world.camera("东门").wait_for(is_again, SOON).await.unwrap();
}

/// A gateway that always pulls its two cameras.
async fn always_pulled(name: &str, video: &Arc<Clip>) -> World {
    let grace = json!({"media": {"lost_grace": "1s"}});
    let world = World::new(name)
        .camera("东门", CameraSettings::new(video))
        .camera("西门", CameraSettings::new(video))
        .platform_with("district", |_| {}, grace)
        .departments(json!({"pull": "always"}))
        .start()
        .await;
    for name in ["东门", "西门"] {
        let is_pulled = |stats: &CameraStats| stats.playing == 1;
        world.camera(name).wait_for(is_pulled, SOON).await.unwrap();
    }
    world
}

/// Without what changes from one look to the next.
fn steady(mut value: Value) -> Value {
    if let Some(evidence) = value.get_mut("evidence").and_then(Value::as_object_mut) {
        evidence.remove("last_key_frame");
    }
    value
}

/// ON or OFF of 东门 and 西门, as the platform sees them.
async fn status_of(world: &World) -> [String; 2] {
    let items = world.catalogue("district").await;
    ["东门", "西门"].map(|name| {
        items
            .iter()
            .find(|item| item.name() == name)
            .unwrap()
            .status()
            .to_owned()
    })
}

const MAINTENANCE: [&str; 2] = ["disabled", "maintenance"];
/// A channel changes once in 30 s.
const LONG: Duration = Duration::from_secs(60);
