//! Platforms whose heartbeat, catalogue or notices go wrong, that restart or move, while a session runs.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use huiju_sim::platform::{Answer, Connections, Step, Subscribe};
use serde_json::json;
use tokio::time::timeout;

use super::{GRACE, Row, Scene, ends_well, is_keepalive, is_registration, play, plays, row};
use crate::world::SOON;

#[tokio::test(flavor = "multi_thread")]
async fn platforms_that_answer_badly_keep_their_pictures() {
    let mut rows = heartbeats();
    rows.extend(answers());
    play("odd-answers", rows).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn platforms_that_restart_or_move_keep_their_pictures() {
    let mut rows = moves();
    rows.extend(connections());
    play("odd-moves", rows).await;
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows = heartbeats();
    rows.extend(answers());
    rows.extend(moves());
    rows.extend(connections());
    rows
}

/// A row that takes as long as a transaction may.
pub(super) fn slow() -> Vec<Row> {
    vec![row(
        "notify_silence",
        (
            "does not answer the NOTIFY of its subscription",
            "不应答订阅通知",
        ),
        (
            "the subscription ends after 32 s; a new one is served",
            "32 秒后终止订阅，新订阅照常受理",
        ),
        33,
        |scene| Box::pin(ends_subscription(scene, Answer::Silence)),
    )]
}

fn heartbeats() -> Vec<Row> {
    let forgotten = (
        "registers anew after 0 to 5 s; the session loses no packet",
        "0 至 5 秒内重新注册，会话不丢一包",
    );
    let lost = (
        "lost after two beats and registered anew after 0 to 5 s; the session loses no packet",
        "两次心跳失败后判定离线，0 至 5 秒内重新注册，会话不丢一包",
    );
    let two = || json!({"keepalive": {"interval": "5s", "missed_max": 2}});
    vec![
        row(
            "keepalive_401",
            ("answers a keepalive with 401", "以 401 应答心跳"),
            forgotten,
            5,
            |scene| Box::pin(registers_anew(scene, 401)),
        ),
        row(
            "keepalive_403",
            ("answers a keepalive with 403", "以 403 应答心跳"),
            forgotten,
            5,
            |scene| Box::pin(registers_anew(scene, 403)),
        ),
        row(
            "keepalive_404",
            ("answers a keepalive with 404", "以 404 应答心跳"),
            forgotten,
            5,
            |scene| Box::pin(registers_anew(scene, 404)),
        ),
        row(
            "keepalive_481",
            ("answers a keepalive with 481", "以 481 应答心跳"),
            forgotten,
            5,
            |scene| Box::pin(registers_anew(scene, 481)),
        ),
        row(
            "keepalive_500_once",
            ("answers one keepalive with 500", "一次以 500 应答心跳"),
            (
                "counted as missed; stays registered",
                "计为一次失败，保持注册",
            ),
            10,
            |scene| Box::pin(misses_one(scene)),
        ),
        row(
            "keepalive_500",
            ("answers every keepalive with 500", "对心跳始终以 500 应答"),
            lost,
            15,
            |scene| Box::pin(is_lost(scene, Answer::Status(500))),
        )
        .with(two()),
        row(
            "keepalive_silence",
            ("answers no keepalive", "不应答心跳"),
            lost,
            15,
            |scene| Box::pin(is_lost(scene, Answer::Silence)),
        )
        .with(two()),
    ]
}

fn answers() -> Vec<Row> {
    vec![
        row(
            "page_answer_lost",
            (
                "its answer to a page of the catalogue gets lost",
                "目录分页的应答丢失",
            ),
            (
                "the page is repeated after 0.5 s; the catalogue is whole",
                "0.5 秒后重发该页，目录完整",
            ),
            2,
            |scene| Box::pin(pages_again(scene)),
        ),
        row(
            "page_500",
            (
                "answers a page of the catalogue with 500",
                "以 500 应答目录分页",
            ),
            (
                "goes on; asked again it sends all",
                "继续工作，再次查询时目录完整",
            ),
            2,
            |scene| Box::pin(loses_a_page(scene, Answer::Status(500))),
        ),
        row(
            "page_silence",
            (
                "never answers one page of the catalogue",
                "不应答某一目录分页",
            ),
            (
                "other pages are not held up; asked again it sends all",
                "不阻塞其他分页，再次查询时目录完整",
            ),
            2,
            |scene| Box::pin(loses_a_page(scene, Answer::Silence)),
        ),
        row(
            "notify_481",
            (
                "answers the NOTIFY of its subscription with 481",
                "以 481 应答订阅通知",
            ),
            (
                "the subscription ends; a new one is served",
                "终止订阅，新订阅照常受理",
            ),
            2,
            |scene| Box::pin(ends_subscription(scene, Answer::Status(481))),
        ),
    ]
}

fn moves() -> Vec<Row> {
    let obeyed = ("answers and obeys it there", "照常应答和执行");
    let wide = || {
        json!({
            "keepalive": {"interval": "5s"},
            "signalling": ["127.41.0.0/16", "127.43.0.0/16"],
        })
    };
    vec![
        row(
            "restart",
            (
                "restarts and has forgotten us and its session",
                "重启后遗忘注册和会话",
            ),
            (
                "registered anew after the next keepalive; media goes on without a lost packet",
                "下一次心跳后重新注册，媒体不丢一包",
            ),
            10,
            |scene| Box::pin(is_forgotten(scene)),
        ),
        row(
            "another_port",
            ("sends from another port", "改用其他端口发送"),
            obeyed,
            2,
            |scene| Box::pin(moves_within(scene, own_port(scene), false)),
        ),
        row(
            "another_port_hidden",
            (
                "sends from another port than its Via says",
                "实际端口与 Via 不符",
            ),
            ("answers where the request came from", "按报文来源地址应答"),
            2,
            |scene| Box::pin(moves_within(scene, own_port(scene), true)),
        ),
        row(
            "another_address",
            (
                "sends from another address of its signalling networks",
                "改用信令网段内其他地址发送",
            ),
            obeyed,
            2,
            |scene| Box::pin(moves_within(scene, address(scene, 43), false)),
        )
        .with(wide()),
        row(
            "address_outside",
            (
                "sends from an address outside its signalling networks",
                "从信令网段外的地址发送",
            ),
            (
                "403, counted, no effect; the session goes on",
                "应答 403 并计数，不予执行，会话继续",
            ),
            2,
            |scene| Box::pin(moves_outside(scene)),
        ),
    ]
}

fn connections() -> Vec<Row> {
    let by_tcp = || json!({"transport": "tcp", "keepalive": {"interval": "5s", "missed_max": 2}});
    let lost = (
        "lost after two beats, registered anew once it behaves; the session goes on",
        "两次心跳失败后判定离线，恢复后重新注册，会话继续",
    );
    vec![
        row(
            "tcp_close_after_message",
            (
                "closes its TCP connection behind each message",
                "每发一条报文即关闭 TCP 连接",
            ),
            (
                "connects anew for each request; registered, with a heartbeat",
                "每个请求重新建立连接，正常注册并保活",
            ),
            5,
            |scene| Box::pin(connects_anew(scene)),
        )
        .at(|settings| settings.faults.connections = Connections::CloseAfterMessage)
        .with(by_tcp()),
        row(
            "tcp_close_in_message",
            (
                "closes its TCP connection in the middle of an answer, for a while",
                "一段时间内在应答中途关闭 TCP 连接",
            ),
            lost,
            15,
            |scene| Box::pin(connection_fails(scene, Connections::CloseInMessage)),
        )
        .with(by_tcp()),
    ]
}

async fn registers_anew(scene: &Scene<'_>, code: u16) {
    let session = scene.watch().await;
    let platform = scene.platform();
    let mark = platform.mark();
    platform.answer_next(Step::Keepalive, Answer::Status(code), 1);
    scene.event(mark, is_keepalive).await;
    scene.within(scene.event(mark, is_registration)).await;
    scene.told(true, "").await;
    assert_eq!(missed(scene).await, 0.0, "a refusal is no missed beat");
    ends_well(session).await;
    scene.is_faultless();
}

async fn misses_one(scene: &Scene<'_>) {
    let session = scene.watch().await;
    let platform = scene.platform();
    let (mark, registers) = (platform.mark(), scene.registers());
    platform.answer_next(Step::Keepalive, Answer::Status(500), 1);
    let beats = async {
        scene.event(mark, is_keepalive).await;
        scene.event(platform.mark(), is_keepalive).await;
    };
    scene.within(beats).await;
    assert_eq!(missed(scene).await, 1.0, "missed");
    assert_eq!(scene.registers(), registers, "registered anew");
    scene.told(true, "").await;
    ends_well(session).await;
}

async fn is_lost(scene: &Scene<'_>, answer: Answer) {
    let session = scene.watch().await;
    let platform = scene.platform();
    platform.set_faults(|faults| faults.keepalive = answer);
    let mark = platform.mark();
    scene.within(scene.told(false, "keepalives")).await;
    platform.set_faults(|faults| faults.keepalive = Answer::Usual);
    let anew = timeout(
        Duration::from_secs(5) + GRACE,
        scene.event(mark, is_registration),
    );
    anew.await.expect("registered anew");
    scene.told(true, "").await;
    ends_well(session).await;
    if answer == Answer::Status(500) {
        assert_eq!(missed(scene).await, 2.0, "missed");
    }
}

async fn pages_again(scene: &Scene<'_>) {
    scene.registered().await;
    scene.channel().await;
    scene
        .platform()
        .answer_next(Step::Catalogue, Answer::Lost, 1);
    scene.within(scene.channel()).await;
    scene.told(true, "").await;
    scene.is_faultless();
}

async fn loses_a_page(scene: &Scene<'_>, answer: Answer) {
    let session = scene.watch().await;
    let platform = scene.platform();
    platform.answer_next(Step::Catalogue, answer, 1);
    let incomplete = platform.catalogue(Duration::from_secs(1)).await;
    assert!(incomplete.is_err(), "a page was lost");
    scene.within(scene.channel()).await;
    scene.told(true, "").await;
    ends_well(session).await;
}

async fn ends_subscription(scene: &Scene<'_>, answer: Answer) {
    let session = scene.watch().await;
    let platform = scene.platform();
    platform.answer_next(Step::Notify, answer, 1);
    let first = platform.subscribe_catalogue(Subscribe::default()).await;
    let first = first.unwrap();
    let path = format!("/api/v1/platforms/{}", scene.row.name);
    let unsubscribed = scene
        .world
        .admin_within(super::LONG, &path, |told| told["subscribed"] == false);
    scene.within(unsubscribed).await;
    let second = platform.subscribe_catalogue(Subscribe::default()).await;
    let second = second.unwrap();
    let told = second
        .wait_for(|notices| !notices.all.is_empty(), SOON)
        .await;
    told.unwrap();
    drop(first);
    scene.told(true, "").await;
    ends_well(session).await;
}

async fn is_forgotten(scene: &Scene<'_>) {
    let session = scene.watch().await;
    let platform = scene.platform();
    platform.restart(false);
    let mark = platform.mark();
    scene.within(scene.event(mark, is_registration)).await;
    scene.told(true, "").await;
    plays(&session).await;
    ends_well(scene.watch().await).await;
    ends_well(session).await;
}

fn own_port(scene: &Scene<'_>) -> SocketAddr {
    SocketAddr::new(scene.platform().address().ip(), 5070)
}

/// The platform's place in another network.
fn address(scene: &Scene<'_>, network: u8) -> SocketAddr {
    let SocketAddr::V4(here) = scene.platform().address() else {
        unreachable!("worlds are in 127/8");
    };
    let [first, _, third, fourth] = here.ip().octets();
    SocketAddr::new(Ipv4Addr::new(first, network, third, fourth).into(), 5060)
}

async fn moves_within(scene: &Scene<'_>, to: SocketAddr, is_hidden: bool) {
    let session = scene.watch().await;
    scene.platform().send_from(to, is_hidden).await.unwrap();
    scene.within(scene.channel()).await;
    ends_well(scene.watch().await).await;
    ends_well(session).await;
    scene.told(true, "").await;
    scene.is_faultless();
}

async fn moves_outside(scene: &Scene<'_>) {
    let session = scene.watch().await;
    let (platform, channel) = (scene.platform(), scene.channel().await);
    let elsewhere = address(scene, 98);
    let before = scene.metric(STRANGER).await;
    platform.send_from(elsewhere, false).await.unwrap();
    let asked = platform.send_message(&channel, b"<Query/>".to_vec(), SOON);
    assert_eq!(scene.within(asked).await.unwrap(), 403);
    let refused = scene.metric(STRANGER).await - before;
    assert!(refused >= 1.0, "{refused} strangers counted");
    plays(&session).await;
    platform.send_from_home();
    scene.told(true, "").await;
    ends_well(session).await;
}

async fn connects_anew(scene: &Scene<'_>) {
    scene.within(scene.registered()).await;
    let mark = scene.platform().mark();
    scene.event(mark, is_keepalive).await;
    scene.event(scene.platform().mark(), is_keepalive).await;
    scene.told(true, "").await;
    assert_eq!(missed(scene).await, 0.0, "missed");
    scene.is_faultless();
}

async fn connection_fails(scene: &Scene<'_>, fault: Connections) {
    let session = scene.watch().await;
    let platform = scene.platform();
    platform.set_faults(|faults| faults.connections = fault);
    scene.within(scene.told(false, "keepalives")).await;
    let mark = platform.mark();
    platform.set_faults(|faults| faults.connections = Connections::Usual);
    scene.event(mark, is_registration).await;
    scene.told(true, "").await;
    plays(&session).await;
    // The connection by which it could end the old call is gone.
    ends_well(scene.watch().await).await;
    assert_eq!(
        session.finish().await.unwrap().violations,
        Vec::<String>::new()
    );
}

async fn missed(scene: &Scene<'_>) -> f64 {
    let name = scene.row.name;
    let series = format!("huiju_platform_keepalive_missed_total{{platform=\"{name}\"}}");
    scene.metric(&series).await
}

const STRANGER: &str = "huiju_refused_total{reason=\"sip_stranger\"}";
