//! The answers of the platform, step by step.

use super::*;

const KEEPALIVE: &str = "<?xml version=\"1.0\"?><Notify><CmdType>Keepalive</CmdType><SN>1</SN>\
     <DeviceID>43021100002000000002</DeviceID><Status>OK</Status></Notify>";

async fn registered() -> (Platform, Lower) {
    let (platform, mut lower) = world(quiet()).await;
    lower.register("12345678", Algorithm::Md5).await;
    (platform, lower)
}

/// The body of a Response that nobody asked for.
fn response(cmd_type: &str) -> String {
    format!(
        "<Response><CmdType>{cmd_type}</CmdType><SN>7</SN><DeviceID>43021100002000000002</DeviceID></Response>"
    )
}

/// Says whether nothing comes while the lower platform gets its other answers.
async fn is_unanswered(lower: &mut Lower, request: &Message) -> bool {
    lower.send(request).await;
    // What is asked behind it is answered, and nothing comes before.
    let probe = lower.request("REGISTER");
    let answer = lower.ask(&probe).await;
    (answer.code(), answer.cseq()) == (400, probe.cseq())
}

#[tokio::test]
async fn the_script_is_played_once_and_then_the_faults_hold() {
    let (platform, mut lower) = registered().await;
    platform.answer_next(Step::Keepalive, Answer::Status(403), 1);
    platform.answer_next(Step::Keepalive, Answer::Usual, 1);
    platform.answer_next(Step::Keepalive, Answer::Status(503), 2);
    platform.set_faults(|faults| faults.keepalive = Answer::Status(408));
    let mut codes = Vec::new();
    for _ in 0..6 {
        codes.push(lower.say(KEEPALIVE).await);
    }
    assert_eq!(codes, [403, 200, 503, 503, 408, 408]);
}

#[tokio::test]
async fn faults_and_script_can_hold_from_the_start() {
    let settings = Settings {
        script: vec![(Step::Register, Answer::Status(503), 1)],
        faults: Faults {
            register: Answer::Status(404),
            ..Faults::default()
        },
        ..quiet()
    };
    let (_platform, mut lower) = world(settings).await;
    for expected in [503, 404, 404] {
        let request = lower.request("REGISTER").with("Expires", "3600");
        assert_eq!(lower.ask(&request).await.code(), expected);
    }
}

#[tokio::test]
async fn a_request_that_is_met_with_silence_is_not_answered_when_it_is_repeated() {
    let (platform, mut lower) = registered().await;
    platform.answer_next(Step::Keepalive, Answer::Silence, 1);
    let keepalive = |lower: &mut Lower| {
        lower
            .request("MESSAGE")
            .with_body("Application/MANSCDP+xml", KEEPALIVE.into())
    };
    let first = keepalive(&mut lower);
    assert!(is_unanswered(&mut lower, &first).await);
    assert!(is_unanswered(&mut lower, &first).await);
    let second = keepalive(&mut lower);
    assert_eq!(lower.ask(&second).await.code(), 200);
}

#[tokio::test]
async fn a_lost_answer_comes_when_the_request_is_repeated() {
    let (platform, mut lower) = registered().await;
    platform.answer_next(Step::Register, Answer::Lost, 1);
    let logout = lower.request("REGISTER").with("Expires", "0");
    assert!(is_unanswered(&mut lower, &logout).await);
    platform.unregistered(Duration::ZERO).await.unwrap();
    assert_eq!(lower.ask(&logout).await.code(), 200);
}

#[tokio::test]
async fn every_step_has_its_own_answer() {
    let (platform, mut lower) = registered().await;
    for (step, code) in [
        (Step::Keepalive, 401),
        (Step::Catalogue, 403),
        (Step::Message, 404),
        (Step::Notify, 481),
        (Step::Bye, 500),
        (Step::Register, 503),
    ] {
        platform.answer_next(step, Answer::Status(code), 1);
    }
    assert_eq!(lower.say(KEEPALIVE).await, 401);
    assert_eq!(lower.say(&response("Catalog")).await, 403);
    assert_eq!(lower.say(&response("DeviceInfo")).await, 404);
    let notify = lower
        .request("NOTIFY")
        .with("Event", "presence")
        .with("Subscription-State", "active")
        .with_body("Application/MANSCDP+xml", KEEPALIVE.into());
    assert_eq!(lower.ask(&notify).await.code(), 481);
    let register = lower.request("REGISTER").with("Expires", "3600");
    assert_eq!(lower.ask(&register).await.code(), 503);
    let (session, invite) = established(&platform, &lower).await;
    let bye = bye(&mut lower, &invite);
    assert_eq!(lower.ask(&bye).await.code(), 500);
    session.ended_by_peer(LIMIT).await.unwrap();
    assert_eq!(platform.violations(), Vec::<String>::new());
}
