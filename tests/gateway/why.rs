//! `camera why` and `platform why`: the reason and what to do, in Chinese and English, with evidence.

use std::time::Duration;

use huiju_sim::clips::ClipKind;
use huiju_sim::farm::{CameraSettings, CameraStats, Fault, Misdeed, Step};
use huiju_sim::platform::Answer;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::edits::{state, text};
use crate::world::{SOON, World, clip};

#[tokio::test(flavor = "multi_thread")]
async fn why_a_camera_refuses_its_password_is_said_with_evidence() {
    let world = with_a_wrong_password("why-password").await;
    let id = world.id_of("东门").await;
    let why = world.json(&["camera", "why", &id, "--json"]).await;
    assert_eq!(state(&why), ["unknown", "never_tried"]);
    assert_eq!(why["zh"]["reason"], "本次启动以来尚未连接过");

    let tried = world.json(&["camera", "probe", &id, "--json"]).await;
    assert_eq!(state(&tried), ["offline", "auth_failed"]);
    let why = world.json(&["camera", "why", &id, "--json"]).await;
    assert_eq!(state(&why), ["offline", "auth_failed"]);
    let zh = [
        "设备拒绝用户名或密码",
        "核对用户名和密码，更正后执行 huiju reload",
    ];
    assert_eq!(said(&why, "zh"), zh);
    let en = [
        "it refuses user and password",
        "correct user or password, then: huiju reload",
    ];
    assert_eq!(said(&why, "en"), en);
    let (evidence, camera) = (&why["evidence"], world.camera("东门"));
    assert_eq!(evidence["address"], camera.address().to_string());
    assert_eq!(evidence["last_failure"]["cause"], "auth_failed");
    let detail = text(&evidence["last_failure"], "detail");
    assert!(detail.contains("401"), "{detail}");
    let counts = ["tries", "failures", "live", "last_key_frame"].map(|key| evidence[key].clone());
    assert_eq!(json!(counts), json!([1, 1, false, null]));
    assert_eq!(camera.stats().wrong_passwords, 1, "one try, and no more");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_was_refused_thrice_is_left_alone_and_nothing_shows_it() {
    let world = with_a_wrong_password("why-locked").await;
    let id = world.id_of("东门").await;
    for _ in 0..5 {
        world.plain(&["camera", "probe", &id]).await;
    }
    let why = world.json(&["camera", "why", &id, "--json"]).await;
    assert_eq!(state(&why), ["offline", "auth_locked"]);
    let tries = world.camera("东门").stats().wrong_passwords;
    assert_eq!(tries, 3, "then it is left alone");
    let plain = world.plain(&["camera", "why", &id]).await;
    let action = "zh.action: 更正密码并执行 huiju reload 后立即重试";
    assert!(plain.lines().any(|line| line == action), "{plain}");
    for secret in ["a-wrong-one", "the-right-one"] {
        assert!(!plain.contains(secret) && !world.log().contains(secret));
    }
}

/// A gateway whose camera knows another password than the department's credentials say.
async fn with_a_wrong_password(name: &str) -> World {
    let video = clip(ClipKind::H264Small).await;
    let settings = CameraSettings::new(&video).digest("viewer", "the-right-one");
    let mut world = World::new(name)
        .camera("东门", settings)
        .platform("district")
        .without_gateway()
        .await;
    world.write_secret("nvr.pw", "a-wrong-one");
    let nvr = json!({"username": "viewer", "password": {"file": "nvr.pw"}});
    world.edit_department("education", json!({"credentials": {"nvr": nvr}}));
    world.set_field("东门", "credential", "nvr");
    world.start_gateway().await;
    world.registered().await;
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn why_other_cameras_give_no_picture_is_said_with_evidence() {
    let video = clip(ClipKind::H264Small).await;
    let misdeed = |misdeed| CameraSettings::new(&video).fault(Fault::At(Step::Describe, misdeed));
    let world = World::new("why-others")
        .camera("找不到", misdeed(Misdeed::Status(404)))
        .camera("出错", misdeed(Misdeed::Status(500)))
        .camera("断开", misdeed(Misdeed::Close))
        .row("education", "死机", "rtsp://127.50.0.1:8554/a")
        .row("education", "无名", "rtsp://no-such-host.invalid:8554/a")
        .platform("district")
        .start()
        .await;
    let table = [
        ("找不到", "not_found", "404", "核对 url 的路径和通道号"),
        (
            "出错",
            "rtsp_error",
            "500",
            "查看证据中的状态码，检查设备固件",
        ),
        ("断开", "rtsp_error", "", "查看证据中的状态码，检查设备固件"),
        ("死机", "refused", "", "检查设备是否在运行、端口是否正确"),
        ("无名", "dns", "", "检查 url 中的主机名和本机 DNS"),
    ];
    for (name, cause, evidence, action) in table {
        let id = world.id_of(name).await;
        let tried = world.json(&["camera", "probe", &id, "--json"]).await;
        assert_eq!(state(&tried), ["offline", cause], "{name}");
        let why = world.json(&["camera", "why", &id, "--json"]).await;
        assert_eq!(state(&why), ["offline", cause], "{name}");
        assert_eq!(said(&why, "zh")[1], action, "{name}");
        let failure = &why["evidence"]["last_failure"];
        assert_eq!(failure["cause"], cause, "{name}");
        let detail = text(failure, "detail");
        assert!(
            !detail.is_empty() && detail.contains(evidence),
            "{name}: {detail}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn why_has_the_states_that_a_camera_was_in() {
    let video = clip(ClipKind::H264Small).await;
    let world = World::new("why-history")
        .camera("东门", CameraSettings::new(&video))
        .platform("district")
        .start()
        .await;
    let (id, camera) = (world.id_of("东门").await, world.camera("东门"));
    let has_left = |stats: &CameraStats| stats.connections == 0 && stats.teardowns == 1;
    world.plain(&["camera", "probe", &id]).await;
    camera
        .wait_for(has_left, SOON)
        .await
        .expect("a probe leaves nothing running");
    let why = world.json(&["camera", "why", &id, "--json"]).await;
    assert_eq!(state(&why), ["online", "none"]);
    let evidence = &why["evidence"];
    assert!(
        evidence["last_key_frame"].is_string() && evidence["last_failure"].is_null(),
        "{why}"
    );

    camera.kill().await;
    world.plain(&["camera", "probe", &id]).await;
    // States are written once a second.
    let history = eventually(async || {
        let why = world.json(&["camera", "why", &id, "--json"]).await;
        let history = why["history"].as_array().unwrap().clone();
        (history.len() >= 2).then_some(history)
    });
    let history = history.await;
    let states = [state(&history[0]), state(&history[1])];
    assert_eq!(
        states,
        [["offline", "refused"], ["online", "none"]],
        "the newest first"
    );
    assert_eq!(history[0]["ended"], Value::Null);
    assert_eq!(history[1]["ended"], history[0]["began"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn why_a_platform_does_not_see_a_camera_is_said() {
    let share = |share: Value| json!({"catalogue": {"share": share}});
    let mut world = World::new("why-not-shared")
        .row("education", "东门", "rtsp://127.50.0.1:8554/a")
        .row("education", "停用", "rtsp://127.50.0.2:8554/a")
        .platform("district")
        .platform_with("city", |_| {}, share(json!({"departments": ["health"]})))
        .platform_with("harbour", |_| {}, share(json!({"point_classes": [1]})))
        .without_gateway()
        .await;
    world.set_field("停用", "disabled", "true");
    world.start_gateway().await;
    let sharing = async |name: &str| {
        let id = world.id_of(name).await;
        let why = world.json(&["camera", "why", &id, "--json"]).await;
        let platforms = why["platforms"].as_array().unwrap().clone();
        platforms
            .iter()
            .map(|one| {
                [
                    text(one, "platform"),
                    one["sees_it"].to_string(),
                    text(one, "zh"),
                    text(one, "en"),
                ]
            })
            .collect::<Vec<_>>()
    };
    let expected = [
        ["district", "true", "已共享", "it is shared with it"],
        [
            "city",
            "false",
            "其部门未与该平台共享",
            "its department is not shared with it",
        ],
        [
            "harbour",
            "false",
            "其点位类型未与该平台共享",
            "its point class is not shared with it",
        ],
    ];
    assert_eq!(sharing("东门").await, expected);
    for [_, sees_it, zh, _] in sharing("停用").await {
        assert_eq!(
            (sees_it.as_str(), zh.as_str()),
            ("false", "摄像机已停用，不上报")
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn why_a_platform_is_not_registered_is_said_with_its_answer() {
    let mut world = World::new("why-platform").row("education", "东门", "rtsp://127.50.0.1:8554/a");
    for id in ["right", "password", "forbidden", "silent", "broken"] {
        world = world.platform(id);
    }
    let mut world = world.without_gateway().await;
    world.write_secret("password.pw", "a-wrong-one");
    world
        .platform("forbidden")
        .set_faults(|faults| faults.register = Answer::Status(403));
    world
        .platform("broken")
        .set_faults(|faults| faults.register = Answer::Status(500));
    world
        .platform("silent")
        .set_faults(|faults| faults.silent = true);
    world.start_gateway().await;
    world.platform("right").registered(SOON).await.unwrap();
    let table = [
        ("right", "", "已注册", "registered"),
        (
            "password",
            "403",
            "平台拒绝注册",
            "the platform refuses the registration",
        ),
        (
            "forbidden",
            "403",
            "平台拒绝注册",
            "the platform refuses the registration",
        ),
        (
            "silent",
            "no answer",
            "平台没有应答",
            "the platform does not answer",
        ),
        (
            "broken",
            "500",
            "平台返回错误，正在退避重试",
            "the platform answers with an error; it is tried again, less and less often",
        ),
    ];
    for (id, answer, zh, en) in table {
        let why = eventually(async || {
            let why = world.json(&["platform", "why", id, "--json"]).await;
            let last = why["evidence"]["last_answer"].as_str().unwrap_or_default();
            (last != "not tried yet").then_some(why)
        });
        let why = why.await;
        assert_eq!(why["registered"], json!(id == "right"), "{why}");
        assert_eq!(
            [&said(&why, "zh")[0], &said(&why, "en")[0]],
            [zh, en],
            "{why}"
        );
        let evidence = &why["evidence"];
        let last = evidence["last_answer"].as_str().unwrap_or_default();
        assert!(last.contains(answer), "{id}: {last}");
        assert_eq!(
            evidence["address"],
            world.platform(id).address().to_string()
        );
        assert_eq!(evidence["realm"], "4302110000");
        let shown = world.json(&["platform", "show", id, "--json"]).await;
        assert_eq!(shown["reason"], evidence["last_answer"]);
    }
}

/// Reason and action in a language.
fn said(why: &Value, language: &str) -> [String; 2] {
    [
        text(&why[language], "reason"),
        text(&why[language], "action"),
    ]
}

/// Asks again and again until there is an answer.
async fn eventually<T>(mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let asked = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
        }
    };
    timeout(LONG, asked).await.expect("an answer in time")
}

/// A platform that is silent is found out by 64·T1.
const LONG: Duration = Duration::from_secs(60);
