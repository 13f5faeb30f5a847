//! Platforms and strangers that send far too much.

use std::net::{Ipv4Addr, SocketAddr};

use huiju_sim::platform::{Flood, Surge, Tally};
use serde_json::json;

use super::{Row, Scene, ends_well, play, row};
use crate::world::SOON;

#[tokio::test(flavor = "multi_thread")]
async fn floods_are_bounded_and_harm_nobody() {
    play("floods", rows()).await;
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows = of_platforms();
    rows.extend(of_strangers());
    rows
}

fn of_platforms() -> Vec<Row> {
    vec![
        row(
            "flood_invites",
            (
                "sends ten times the INVITEs that it may have sessions",
                "十倍于会话上限的 INVITE",
            ),
            (
                "sessions up to the limit, 486 to all others",
                "会话不超过上限，其余应答 486",
            ),
            5,
            |scene| Box::pin(floods_invites(scene)),
        )
        .with(json!({"keepalive": {"interval": "5s"}, "limits": {"sessions": 5}})),
        row(
            "flood_catalogue",
            (
                "asks 200 times for the catalogue within a second",
                "一秒内两百次查询目录",
            ),
            (
                "200 or 503 to each, few catalogues at once; the session goes on",
                "逐一应答 200 或 503，同时进行的目录发送数受限，会话继续",
            ),
            10,
            |scene| Box::pin(floods_queries(scene)),
        ),
        row(
            "flood_subscribes",
            (
                "subscribes 100 times within half a second",
                "半秒内一百次订阅",
            ),
            (
                "one subscription at a time, the last",
                "始终只保留最后一个订阅",
            ),
            10,
            |scene| Box::pin(floods_subscribes(scene)),
        ),
        row(
            "flood_garbage",
            (
                "sends 1,000 datagrams of rubbish within a second",
                "一秒内发送一千个垃圾报文",
            ),
            (
                "dropped and counted; the session goes on",
                "丢弃并计数，会话继续",
            ),
            5,
            |scene| Box::pin(floods_garbage(scene, None)),
        ),
    ]
}

fn of_strangers() -> Vec<Row> {
    vec![
        row(
            "stranger_garbage",
            (
                "a stranger sends 1,000 datagrams of rubbish",
                "陌生地址发送一千个垃圾报文",
            ),
            (
                "dropped and counted; the session goes on",
                "丢弃并计数，会话继续",
            ),
            5,
            |scene| Box::pin(floods_garbage(scene, Some(stranger(scene)))),
        ),
        row(
            "stranger_catalogue",
            (
                "a stranger asks 200 times for the catalogue",
                "陌生地址两百次查询目录",
            ),
            (
                "at most ten answers of 403 a second, counted; no page is sent",
                "每秒至多应答十个 403 并计数，不发送任何目录",
            ),
            5,
            |scene| Box::pin(floods_strangely(scene, Surge::Catalogue)),
        ),
        row(
            "stranger_subscribes",
            ("a stranger subscribes 200 times", "陌生地址两百次订阅"),
            (
                "at most ten answers of 403 a second, counted; nothing is subscribed",
                "每秒至多应答十个 403 并计数，不建立订阅",
            ),
            5,
            |scene| Box::pin(floods_strangely(scene, Surge::Subscribe)),
        ),
    ]
}

/// Floods, and waits until all is sent and what is wanted came.
async fn flood(
    scene: &Scene<'_>,
    surge: Surge,
    (per_second, count): (u32, u32),
    from: Option<SocketAddr>,
    wanted: impl Fn(&Tally) -> bool,
) -> Tally {
    let flood = Flood {
        surge,
        per_second,
        count,
        from,
        to: None,
    };
    let flooding = scene.platform().flood(flood).await.unwrap();
    scene.within(flooding.sent(SOON)).await.unwrap();
    scene.within(flooding.wait_for(wanted, SOON)).await.unwrap()
}

async fn floods_invites(scene: &Scene<'_>) {
    scene.registered().await;
    let channel = scene.channel().await;
    let surge = Surge::Invite { channel };
    let tally = flood(scene, surge, (100, 50), None, |tally| {
        tally.answered() == 50
    })
    .await;
    assert_eq!(
        (tally.with_code(200), tally.with_code(486)),
        (5, 45),
        "{tally:?}"
    );
    assert_eq!(scene.invites("busy").await, 45.0, "refused");
    let told = scene.told(true, "").await;
    assert_eq!(told["sessions"], 5);
    scene.within(scene.channel()).await;
}

async fn floods_queries(scene: &Scene<'_>) {
    let session = scene.watch().await;
    let items = scene.world.catalogue(scene.row.name).await.len();
    let pages = |tally: &Tally| usize::try_from(tally.with_code(200)).unwrap() * items;
    let tally = flood(scene, Surge::Catalogue, (200, 200), None, |tally| {
        tally.answered() == 200 && usize::try_from(tally.pages).unwrap() == pages(tally)
    });
    let tally = tally.await;
    let known = tally.with_code(200) + tally.with_code(503);
    assert!(known == 200 && tally.with_code(503) > 0, "{tally:?}");
    // All that was promised is sent, and there is room again.
    scene.within(scene.channel()).await;
    scene.told(true, "").await;
    ends_well(session).await;
}

async fn floods_subscribes(scene: &Scene<'_>) {
    let session = scene.watch().await;
    let answered = |tally: &Tally| tally.answered() == 100;
    let tally = flood(scene, Surge::Subscribe, (200, 100), None, answered).await;
    assert!(tally.with_code(200) >= 1, "{tally:?}");
    let told = scene.told(true, "").await;
    assert_eq!(told["subscribed"], true);
    assert!(told["notices_waiting"].as_u64().unwrap() <= 2, "{told}");
    ends_well(session).await;
}

async fn floods_garbage(scene: &Scene<'_>, from: Option<SocketAddr>) {
    let session = scene.watch().await;
    let malformed = "huiju_refused_total{reason=\"sip_malformed\"}";
    let before = scene.metric(malformed).await;
    flood(scene, Surge::Garbage, (1000, 1000), from, |_| true).await;
    scene.within(scene.channel()).await;
    let counted = scene.metric(malformed).await - before;
    assert!(counted >= 100.0, "{counted} counted");
    scene.told(true, "").await;
    ends_well(session).await;
}

async fn floods_strangely(scene: &Scene<'_>, surge: Surge) {
    let session = scene.watch().await;
    let strangers = "huiju_refused_total{reason=\"sip_stranger\"}";
    let before = scene.metric(strangers).await;
    let from = Some(stranger(scene));
    let sent = flood(scene, surge, (200, 200), from, |tally| tally.sent == 200);
    let tally = sent.await;
    // All that came is counted when a later question of the platform is answered.
    scene.within(scene.channel()).await;
    let counted = scene.metric(strangers).await - before;
    assert!(counted >= 200.0, "{counted} counted");
    assert_eq!(tally.with_code(403), tally.answered(), "{tally:?}");
    assert!(tally.answered() <= 30, "{tally:?}");
    assert_eq!((tally.pages, tally.notifies), (0, 0));
    let told = scene.told(true, "").await;
    assert_eq!(told["subscribed"], false);
    ends_well(session).await;
}

fn stranger(scene: &Scene<'_>) -> SocketAddr {
    let SocketAddr::V4(here) = scene.platform().address() else {
        unreachable!("worlds are in 127/8");
    };
    let [first, _, third, fourth] = here.ip().octets();
    SocketAddr::new(Ipv4Addr::new(first, 97, third, fourth).into(), 0)
}
