//! Platforms whose INVITE, ACK, CANCEL or BYE is not as it should be.

use std::time::Duration;

use huiju_sim::platform::dialog::Bye;
use huiju_sim::platform::{Ack, Answer, CancelAt, Media, Options, Repeats, What};

use super::{Row, SLOW, Scene, ends_well, play, plays, row};
use crate::world::SOON;

#[tokio::test(flavor = "multi_thread")]
async fn platforms_whose_calls_are_odd_get_one_session_or_none() {
    play("odd-calls", rows()).await;
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows = acknowledged();
    rows.extend(cancelled());
    rows.extend(ended());
    rows
}

/// A row that takes as long as an ACK may.
pub(super) fn slow() -> Vec<Row> {
    vec![row(
        "ack_never",
        ("never acknowledges our 200", "从不确认 200 应答"),
        (
            "no media; ended by BYE at 64·T1, 32 s",
            "不发送媒体，64·T1（32 秒）后以 BYE 结束",
        ),
        33,
        |scene| Box::pin(ends_without_ack(scene)),
    )]
}

fn acknowledged() -> Vec<Row> {
    let one = ("one session", "只有一个会话");
    vec![
        row(
            "ack_late",
            ("acknowledges after three seconds", "三秒后才确认"),
            ("media begins at the ACK", "收到确认后开始发送媒体"),
            6,
            |scene| Box::pin(acknowledges(scene, Ack::After(Duration::from_secs(3)))),
        ),
        row(
            "ack_from_elsewhere",
            ("acknowledges from another port", "从其他端口确认"),
            ("media begins at the ACK", "收到确认后开始发送媒体"),
            3,
            |scene| Box::pin(acknowledges(scene, Ack::FromElsewhere)),
        ),
        row(
            "invite_five_times",
            (
                "sends an INVITE five times more, each with another branch",
                "以不同 branch 重发五次 INVITE",
            ),
            one,
            3,
            |scene| Box::pin(invites_again(scene, true)),
        ),
        row(
            "invite_same_branch",
            (
                "sends an INVITE five times more with the same branch",
                "以相同 branch 重发五次 INVITE",
            ),
            one,
            3,
            |scene| Box::pin(invites_again(scene, false)),
        ),
    ]
}

fn cancelled() -> Vec<Row> {
    let ended = ("487; the camera is released", "应答 487 并释放摄像机");
    let too_late = ("too late: the session goes on", "为时已晚，会话继续");
    vec![
        row(
            "cancel_at_once",
            ("cancels right behind its INVITE", "INVITE 发出后立即取消"),
            ended,
            2,
            |scene| Box::pin(cancels(scene, CancelAt::Once)),
        ),
        row(
            "cancel_trying",
            (
                "cancels when the 100 came, while the camera opens",
                "收到 100 后、摄像机打开期间取消",
            ),
            ended,
            2,
            |scene| Box::pin(cancels(scene, CancelAt::Trying)),
        ),
        row(
            "cancel_answered",
            ("cancels when the 200 came", "收到 200 后才取消"),
            too_late,
            3,
            |scene| Box::pin(cancels_late(scene, CancelAt::Answer)),
        ),
        row(
            "cancel_established",
            ("cancels behind its ACK", "确认之后才取消"),
            too_late,
            3,
            |scene| Box::pin(cancels_late(scene, CancelAt::Established)),
        ),
    ]
}

fn ended() -> Vec<Row> {
    let unknown = ("481; the session goes on", "应答 481，会话继续");
    vec![
        row(
            "bye_twice",
            ("sends a second BYE of its own", "再发一个新的 BYE"),
            ("200, then 481", "先 200 后 481"),
            2,
            |scene| Box::pin(says_bye(scene, Bye::Twice, &[200, 481])),
        ),
        row(
            "bye_repeated",
            ("repeats its BYE", "重发 BYE"),
            ("200 each time", "每次应答 200"),
            2,
            |scene| Box::pin(says_bye(scene, Bye::Repeated, &[200, 200])),
        ),
        row(
            "bye_wrong_call_id",
            (
                "sends BYE with a Call-ID that no dialog has",
                "BYE 的 Call-ID 不属于任何对话",
            ),
            unknown,
            2,
            |scene| Box::pin(says_wrong_bye(scene, Bye::WrongCallId)),
        ),
        row(
            "bye_silence",
            ("does not answer our BYE", "不应答我方的 BYE"),
            (
                "BYE is repeated; the session has ended",
                "重发 BYE，会话已结束",
            ),
            3,
            |scene| Box::pin(is_told_bye(scene, Answer::Silence, 3)),
        ),
        row(
            "bye_500",
            ("answers our BYE with 500", "以 500 应答我方的 BYE"),
            ("the session has ended", "会话已结束"),
            3,
            |scene| Box::pin(is_told_bye(scene, Answer::Status(500), 1)),
        ),
    ]
}

async fn acknowledges(scene: &Scene<'_>, ack: Ack) {
    scene.registered().await;
    let options = Options {
        ack,
        ..Options::default()
    };
    let watched = async {
        let session = scene.invite(options).await.unwrap();
        plays(&session).await;
        session
    };
    let session = scene.within(watched).await;
    let (first, acknowledged) = (session.stats().first_packet, session.times.acknowledged_at);
    assert!(first >= acknowledged, "media before the ACK");
    sessions(scene, 1).await;
    ends_well(session).await;
    sessions(scene, 0).await;
    scene.is_faultless();
}

async fn ends_without_ack(scene: &Scene<'_>) {
    scene.registered().await;
    let options = Options {
        ack: Ack::Never,
        ..Options::default()
    };
    let session = scene.invite(options).await.unwrap();
    let ended = scene.within(session.ended_by_peer(super::LONG)).await;
    let took = ended.unwrap().duration_since(session.times.answered_at);
    assert!(took >= Duration::from_millis(31_900), "BYE after {took:?}");
    assert_eq!(session.stats().packets, 0, "media without an ACK");
    sessions(scene, 0).await;
}

async fn invites_again(scene: &Scene<'_>, other_branch: bool) {
    scene.registered().await;
    let options = Options {
        repeats: Repeats {
            times: 5,
            every: Duration::from_millis(100),
            other_branch,
        },
        ..Options::default()
    };
    let watched = async {
        let session = scene.invite(options).await.unwrap();
        plays(&session).await;
        session
    };
    let session = scene.within(watched).await;
    sessions(scene, 1).await;
    assert_eq!(scene.invites("answered").await, 1.0, "INVITEs answered");
    ends_well(session).await;
    sessions(scene, 0).await;
    scene.is_faultless();
}

async fn cancels_late(scene: &Scene<'_>, at: CancelAt) {
    scene.registered().await;
    let options = Options {
        cancel: Some(at),
        ..Options::default()
    };
    let watched = async {
        let session = scene.invite(options).await.unwrap();
        plays(&session).await;
        session
    };
    let session = scene.within(watched).await;
    assert!(
        matches!(session.cancelled, Some(200 | 481)),
        "{:?}",
        session.cancelled
    );
    assert_eq!(scene.invites("cancelled").await, 0.0, "INVITEs cancelled");
    ends_well(session).await;
    scene.is_faultless();
}

async fn cancels(scene: &Scene<'_>, at: CancelAt) {
    scene.registered().await;
    let channel = scene.world.channel(scene.row.name, SLOW).await;
    let options = Options {
        cancel: Some(at),
        ..Options::default()
    };
    let invited = scene.platform().invite(&channel, Media::Udp, options);
    let refused = scene.within(invited).await.unwrap_err();
    assert_eq!(refused.code(), Some(487), "{refused}");
    assert_eq!(scene.invites("cancelled").await, 1.0, "INVITEs cancelled");
    sessions(scene, 0).await;
    let camera = scene.world.camera(SLOW);
    let released = camera.wait_for(|stats| stats.connections == 0, SOON).await;
    assert_eq!(released.unwrap().sessions_abandoned, 0);
    scene.is_faultless();
}

/// An operator ends the session: the platform is told so.
async fn is_told_bye(scene: &Scene<'_>, answer: Answer, byes: usize) {
    let session = scene.watch().await;
    let platform = scene.platform();
    platform.set_faults(|faults| faults.bye = answer);
    let all = scene.world.admin("/api/v1/sessions", |_| true).await;
    let items = all["items"].as_array().unwrap();
    let ours = items.iter().find(|item| item["platform"] == scene.row.name);
    let id = ours.unwrap()["id"].as_str().unwrap();
    let told = async {
        let stopped = scene.world.command(&["session", "stop", id]).await;
        assert!(stopped.status.success(), "{stopped:?}");
        let mut mark = platform.mark();
        for _ in 1..byes {
            scene.event(mark, is_bye).await;
            mark = platform.mark();
        }
        scene.event(0, is_bye).await;
        sessions(scene, 0).await;
    };
    scene.within(told).await;
    platform.set_faults(|faults| faults.bye = Answer::Usual);
    let packets = session.stats().packets;
    ends_well(scene.watch().await).await;
    assert_eq!(session.stats().packets, packets, "media after BYE");
}

fn is_bye(what: &What) -> bool {
    matches!(what, What::Bye { .. })
}

async fn says_bye(scene: &Scene<'_>, how: Bye, expected: &[u16]) {
    let session = scene.watch().await;
    let codes = scene.within(session.dialog().bye_as(how)).await.unwrap();
    assert_eq!(codes, expected);
    sessions(scene, 0).await;
    let recording = session.finish().await.unwrap();
    assert_eq!(recording.violations, Vec::<String>::new());
    scene.is_faultless();
}

async fn says_wrong_bye(scene: &Scene<'_>, how: Bye) {
    let session = scene.watch().await;
    let codes = scene.within(session.dialog().bye_as(how)).await.unwrap();
    assert_eq!(codes, [481]);
    sessions(scene, 1).await;
    ends_well(session).await;
    sessions(scene, 0).await;
}

/// Waits until the gateway says that the platform has so many sessions.
async fn sessions(scene: &Scene<'_>, count: usize) {
    let path = format!("/api/v1/platforms/{}", scene.row.name);
    let is_so = |told: &serde_json::Value| told["sessions"] == count;
    scene.world.admin_within(SOON, &path, is_so).await;
}
