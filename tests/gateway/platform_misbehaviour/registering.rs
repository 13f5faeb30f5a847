//! Platforms that do not register us as they should.

use std::time::Duration;

use huiju_sim::platform::{Answer, Challenging, Grant, Step};
use tokio::net::UdpSocket;
use tokio::time::timeout;

use super::{GRACE, Row, Scene, calls, is_keepalive, is_registration, play, row, signalling};

#[tokio::test(flavor = "multi_thread")]
async fn platforms_that_refuse_to_register_us_are_asked_again_in_due_time() {
    // Beside them those that take as long.
    let mut rows = refusals();
    rows.extend(signalling::slow());
    rows.extend(calls::slow());
    play("refuse-register", rows).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn platforms_that_register_us_in_odd_ways_are_registered_at() {
    play("odd-register", oddities()).await;
}

/// Those that say no.
pub(super) fn refusals() -> Vec<Row> {
    let mut rows = for_a_minute();
    rows.extend(for_a_while());
    rows.extend(elsewhere());
    rows
}

/// Those that are left alone for a minute: what they say will not change by asking.
fn for_a_minute() -> Vec<Row> {
    let alone = (
        "not registered, the reason told; not asked again for a minute",
        "未注册并给出原因，一分钟内不再注册",
    );
    let no_answer = (
        "never gives the password away; not asked again for a minute",
        "不应答该质询、不泄露口令，一分钟内不再注册",
    );
    vec![
        row(
            "register_401_for_ever",
            (
                "challenges every REGISTER, also the right one",
                "对正确的认证信息仍反复质询",
            ),
            alone,
            2,
            |scene| Box::pin(is_left_alone(scene, "user and password", 2)),
        )
        .at(|settings| settings.faults.challenge = Challenging::ForEver),
        row(
            "register_403",
            ("answers REGISTER with 403", "以 403 应答注册"),
            alone,
            2,
            |scene| Box::pin(is_left_alone(scene, "403", 1)),
        )
        .at(|settings| settings.faults.register = Answer::Status(403)),
        row(
            "register_stale_for_ever",
            ("calls every nonce stale", "始终称 nonce 过期"),
            alone,
            2,
            |scene| Box::pin(is_left_alone(scene, "user and password", 4)),
        )
        .at(|settings| settings.faults.challenge = Challenging::StaleForEver),
        row(
            "challenge_unknown_algorithm",
            (
                "challenges with a hash that nobody knows",
                "质询使用未知算法",
            ),
            no_answer,
            2,
            |scene| Box::pin(is_left_alone(scene, "not supported", 1)),
        )
        .at(|settings| settings.faults.challenge = Challenging::UnknownAlgorithm),
        row(
            "challenge_foreign_realm",
            (
                "challenges for the realm of somebody else",
                "质询使用他人的 realm",
            ),
            no_answer,
            2,
            |scene| Box::pin(is_left_alone(scene, "9999990000", 1)),
        )
        .at(|settings| settings.faults.challenge = Challenging::ForeignRealm),
        row(
            "challenge_no_realm",
            ("challenges without a realm", "质询不含 realm"),
            no_answer,
            2,
            |scene| Box::pin(is_left_alone(scene, "not supported", 1)),
        )
        .at(|settings| settings.faults.challenge = Challenging::WithoutRealm),
    ]
}

/// Those that are asked again soon.
fn for_a_while() -> Vec<Row> {
    let again = (
        "asked again after 1 s, then in growing steps; registered",
        "1 秒后重试并逐步退避，最终注册成功",
    );
    vec![
        row(
            "register_404",
            ("answers two REGISTERs with 404", "两次以 404 应答注册"),
            again,
            5,
            |scene| Box::pin(comes_through(scene, "404", 4)),
        )
        .at(|settings| settings.script = vec![(Step::Register, Answer::Status(404), 2)]),
        row(
            "register_408",
            ("answers two REGISTERs with 408", "两次以 408 应答注册"),
            again,
            5,
            |scene| Box::pin(comes_through(scene, "408", 4)),
        )
        .at(|settings| settings.script = vec![(Step::Register, Answer::Status(408), 2)]),
        row(
            "register_503",
            ("answers three REGISTERs with 503", "三次以 503 应答注册"),
            again,
            9,
            |scene| Box::pin(comes_through(scene, "503", 5)),
        )
        .at(|settings| settings.script = vec![(Step::Register, Answer::Status(503), 3)]),
        row(
            "register_500_for_ever",
            ("answers every REGISTER with 500", "对所有注册均以 500 应答"),
            (
                "not registered, the reason told; at most six tries in ten seconds",
                "未注册并给出原因，十秒内至多尝试六次",
            ),
            2,
            |scene| Box::pin(is_not_stormed(scene, "500")),
        )
        .at(|settings| settings.faults.register = Answer::Status(500)),
        row(
            "register_silence",
            ("does not answer at first", "起初完全不应答"),
            (
                "not registered, the reason told after 32 s; registered soon after it speaks",
                "32 秒后标为未注册并给出原因，平台恢复后随即注册",
            ),
            33,
            |scene| Box::pin(speaks_at_last(scene)),
        )
        .at(|settings| settings.faults.silent = true),
    ]
}

/// Those that send us elsewhere.
fn elsewhere() -> Vec<Row> {
    vec![
        row(
            "redirect_to_itself",
            ("redirects each REGISTER to itself", "将注册重定向到自身"),
            (
                "does not run in circles: at most six tries in ten seconds",
                "不循环跟随，十秒内至多尝试六次",
            ),
            2,
            |scene| Box::pin(is_not_stormed(scene, "302")),
        )
        .at(|settings| settings.faults.register = Answer::Redirect(settings.sip)),
        row(
            "redirect_to_stranger",
            (
                "redirects one REGISTER to a stranger",
                "将一次注册重定向到陌生地址",
            ),
            (
                "sends the stranger nothing; registered where it was told to",
                "不向陌生地址发送任何报文，仍在原平台注册",
            ),
            4,
            |scene| Box::pin(ignores_a_stranger(scene)),
        )
        .at(|settings| settings.faults.silent = true),
    ]
}

/// Those that say yes, in their way.
pub(super) fn oddities() -> Vec<Row> {
    let registered = ("registered, with a heartbeat", "正常注册并保活");
    let mut rows = vec![
        row(
            "register_answer_lost",
            ("its first answer to REGISTER gets lost", "首个注册应答丢失"),
            ("REGISTER is repeated after 0.5 s", "0.5 秒后重发注册"),
            2,
            |scene| Box::pin(is_well(scene)),
        )
        .at(|settings| settings.script = vec![(Step::Register, Answer::Lost, 1)]),
        row(
            "challenge_sha256",
            ("challenges with SHA-256", "质询使用 SHA-256"),
            registered,
            2,
            |scene| Box::pin(is_well(scene)),
        )
        .at(|settings| settings.faults.challenge = Challenging::Sha256),
        row(
            "challenge_two_qops",
            (
                "offers qop \"auth,auth-int\"",
                "质询同时给出 auth 与 auth-int",
            ),
            registered,
            2,
            |scene| Box::pin(is_well(scene)),
        )
        .at(|settings| settings.faults.challenge = Challenging::QopBoth),
        row(
            "challenge_fresh_nonces",
            (
                "challenges every refresh anew; grants ten seconds",
                "每次刷新均重新质询，有效期仅十秒",
            ),
            (
                "refreshes before two thirds are over",
                "在有效期三分之二前刷新",
            ),
            8,
            |scene| Box::pin(is_refreshed(scene)),
        )
        .at(|settings| {
            settings.faults.challenge = Challenging::FreshNonces;
            settings.faults.grant = Grant::Seconds(10);
        }),
    ];
    rows.extend(grants());
    rows
}

fn grants() -> Vec<Row> {
    let as_asked = (
        "taken as what was asked for; registered",
        "按请求的有效期处理，正常注册",
    );
    let bounded = (
        "not stormed: at most eight REGISTERs in ten seconds",
        "不形成注册风暴，十秒内至多八次注册",
    );
    vec![
        row(
            "grant_0",
            ("grants 0 seconds", "授予有效期 0 秒"),
            bounded,
            2,
            |scene| Box::pin(grants_hardly(scene)),
        )
        .at(|settings| settings.faults.grant = Grant::Seconds(0)),
        row(
            "grant_1",
            ("grants one second", "授予有效期 1 秒"),
            bounded,
            2,
            |scene| Box::pin(grants_hardly(scene)),
        )
        .at(|settings| settings.faults.grant = Grant::Seconds(1)),
        row(
            "grant_missing",
            ("says no Expires", "应答不含 Expires"),
            as_asked,
            2,
            |scene| Box::pin(is_well(scene)),
        )
        .at(|settings| settings.faults.grant = Grant::Missing),
        row(
            "grant_text",
            ("says Expires: soon", "Expires 为文字 soon"),
            as_asked,
            2,
            |scene| Box::pin(is_well(scene)),
        )
        .at(|settings| settings.faults.grant = Grant::Text("soon")),
        row(
            "grant_huge",
            ("grants 136 years", "授予有效期 136 年"),
            ("registered; refreshed within a day", "正常注册，一天内刷新"),
            2,
            |scene| Box::pin(is_well(scene)),
        )
        .at(|settings| settings.faults.grant = Grant::Seconds(u32::MAX)),
        row(
            "grant_too_long_a_number",
            (
                "says an Expires beyond all integers",
                "Expires 超出整数范围",
            ),
            as_asked,
            2,
            |scene| Box::pin(is_well(scene)),
        )
        .at(|settings| settings.faults.grant = Grant::Text("99999999999999999999999")),
        row(
            "no_date",
            ("says no Date", "注册应答不含 Date"),
            ("registered", "正常注册"),
            2,
            |scene| Box::pin(is_well(scene)),
        )
        .at(|settings| settings.faults.no_date = true),
    ]
}

/// Refused after so many REGISTERs, and left alone then.
async fn is_left_alone(scene: &Scene<'_>, reason: &str, most: usize) {
    scene.within(scene.told(false, reason)).await;
    let registers = scene.registers();
    assert!((1..=most).contains(&registers), "{registers} REGISTERs");
    scene.beats(3).await;
    assert_eq!(scene.registers(), registers, "asked again too soon");
    scene.told(false, reason).await;
    scene.is_faultless();
}

/// Refused for a while, then registered after so many REGISTERs, the last of which answers a challenge.
async fn comes_through(scene: &Scene<'_>, reason: &str, registers: usize) {
    scene.within(scene.registered()).await;
    scene.told(true, "").await;
    assert_eq!(scene.registers(), registers, "REGISTERs");
    let code = if reason == "503" { "5xx" } else { reason };
    let name = scene.row.name;
    let series = format!(
        "huiju_platform_requests_total{{code=\"{code}\",direction=\"out\",method=\"REGISTER\",platform=\"{name}\"}}"
    );
    let counted = scene.metric(&series).await;
    assert!(counted >= 2.0, "{series} is {counted}");
    scene.is_faultless();
}

async fn is_not_stormed(scene: &Scene<'_>, reason: &str) {
    scene.within(scene.told(false, reason)).await;
    scene.beats(2).await;
    let registers = scene.registers();
    assert!((2..=6).contains(&registers), "{registers} REGISTERs");
    scene.told(false, reason).await;
    scene.is_faultless();
}

async fn speaks_at_last(scene: &Scene<'_>) {
    scene.within(scene.told(false, "no answer")).await;
    scene.platform().set_faults(|faults| faults.silent = false);
    // REGISTER is repeated each 4 s by then, or the next try comes after 1 s.
    let registered = timeout(Duration::from_secs(5) + GRACE, scene.registered());
    registered.await.expect("registered once it speaks");
    scene.told(true, "").await;
}

async fn ignores_a_stranger(scene: &Scene<'_>) {
    let platform = scene.platform();
    let stranger = UdpSocket::bind(("127.99.0.9", 0)).await.unwrap();
    let answer = Answer::Redirect(stranger.local_addr().unwrap());
    platform.answer_next(Step::Register, answer, 1);
    platform.set_faults(|faults| faults.silent = false);
    // A REGISTER that was not heard is repeated.
    scene.within(scene.registered()).await;
    scene.told(true, "").await;
    assert!(scene.registers() >= 3, "{} REGISTERs", scene.registers());
    let mut buffer = [0; 2048];
    let heard = stranger.try_recv(&mut buffer);
    assert!(heard.is_err(), "the stranger was sent {heard:?} bytes");
}

/// Registered for good: a heartbeat comes after others have had two.
async fn is_well(scene: &Scene<'_>) {
    scene.within(scene.registered()).await;
    scene.told(true, "").await;
    scene.beats(2).await;
    let registers = scene.registers();
    scene.event(scene.platform().mark(), is_keepalive).await;
    assert_eq!(scene.registers(), registers, "registered anew");
    scene.told(true, "").await;
    scene.is_faultless();
}

async fn is_refreshed(scene: &Scene<'_>) {
    scene.registered().await;
    let refreshed = async {
        for _ in 0..2 {
            let mark = scene.platform().mark();
            scene.within(scene.event(mark, is_registration)).await;
        }
    };
    refreshed.await;
    scene.told(true, "").await;
    scene.is_faultless();
}

async fn grants_hardly(scene: &Scene<'_>) {
    scene.within(scene.event(0, is_registration)).await;
    scene.beats(2).await;
    let registers = scene.registers();
    assert!(registers <= 8, "{registers} REGISTERs");
    scene.is_faultless();
}
