//! A platform that moves, and one that starts anew.

use super::*;

async fn registered() -> (Platform, Lower) {
    let (platform, mut lower) = world(quiet()).await;
    lower.register("12345678", Algorithm::Md5).await;
    (platform, lower)
}

/// A message and where it came from.
async fn receive_from(lower: &Lower) -> (Message, SocketAddr) {
    let mut buffer = [0; 8192];
    let received = timeout(LIMIT, lower.socket.recv_from(&mut buffer)).await;
    let (length, from) = received.unwrap().unwrap();
    (Message::parse(&buffer[..length]).unwrap(), from)
}

#[tokio::test]
async fn requests_leave_from_another_address_and_its_answers_must_come_there() {
    for (wanted, is_hidden) in [("127.0.0.1:0", true), ("127.0.0.9:0", false)] {
        let (platform, mut lower) = registered().await;
        let moved = platform.send_from(wanted.parse().unwrap(), is_hidden).await;
        let moved = moved.unwrap();
        assert_ne!(moved, platform.address());
        let query = platform.query("DeviceInfo", CHANNEL, &[], LIMIT);
        let lower_side = async {
            let (question, from) = receive_from(&lower).await;
            assert_eq!(from, moved);
            let named = if is_hidden { platform.address() } else { moved };
            assert!(question.header("Via").unwrap().contains(&named.to_string()));
            let answer = Message::answer(&question, 200, "x", from);
            lower
                .socket
                .send_to(&answer.to_bytes(), from)
                .await
                .unwrap();
            let body = manscdp::parse(&manscdp::decode(&question.body).unwrap()).unwrap();
            let sn = body.text_of("SN").to_owned();
            let body = format!(
                "<Response><CmdType>DeviceInfo</CmdType><SN>{sn}</SN><DeviceID>{CHANNEL}</DeviceID></Response>"
            );
            // What the lower platform asks is answered where it asked.
            assert_eq!(lower.say(&body).await, 200);
        };
        let (answer, ()) = tokio::join!(query, lower_side);
        answer.unwrap();
        assert_eq!(platform.violations(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn an_answer_to_the_old_address_is_held_against_it() {
    let (platform, lower) = registered().await;
    let elsewhere = "127.0.0.9:0".parse().unwrap();
    platform.send_from(elsewhere, true).await.unwrap();
    let message = platform.send_message(CHANNEL, b"<Control/>".to_vec(), LIMIT);
    let lower_side = async {
        let (request, _) = receive_from(&lower).await;
        lower.answer(&request, 200).await;
    };
    let (code, ()) = tokio::join!(message, lower_side);
    assert_eq!(code.unwrap(), 200);
    assert!(platform.violations()[0].contains("its request left from 127.0.0.9"));
    platform.send_from_home();
    let message = platform.send_message(CHANNEL, b"<Control/>".to_vec(), LIMIT);
    let lower_side = async {
        let (request, from) = receive_from(&lower).await;
        assert_eq!(from, platform.address());
        lower.answer(&request, 200).await;
    };
    let (code, ()) = tokio::join!(message, lower_side);
    assert_eq!((code.unwrap(), platform.violations().len()), (200, 1));
}

#[tokio::test]
async fn a_request_that_comes_to_the_new_address_is_answered_from_there() {
    let (platform, mut lower) = registered().await;
    let elsewhere = "127.0.0.9:0".parse().unwrap();
    let moved = platform.send_from(elsewhere, false).await.unwrap();
    let request = lower.request("REGISTER");
    lower
        .socket
        .send_to(&request.to_bytes(), moved)
        .await
        .unwrap();
    let (answer, from) = receive_from(&lower).await;
    assert_eq!((answer.code(), from), (400, moved));
}

#[tokio::test]
async fn a_restart_forgets_registration_calls_and_subscriptions() {
    let (platform, mut lower) = registered().await;
    let (session, invite) = established(&platform, &lower).await;
    let lower_side = async {
        let subscribe = lower.receive().await;
        lower.grant(&subscribe, 600).await;
        subscribe
    };
    let options = Subscribe::default();
    let (subscription, subscribe) = tokio::join!(platform.subscribe_catalogue(options), lower_side);
    let subscription = subscription.unwrap();
    platform.restart(false);
    assert!(platform.registered(Duration::ZERO).await.is_err());
    let bye = bye(&mut lower, &invite);
    assert_eq!(lower.ask(&bye).await.code(), 481);
    assert!(session.ended_by_peer(LIMIT).await.is_err());
    let notify = lower.notify(
        &subscribe,
        "<Notify><CmdType>Catalog</CmdType><SN>1</SN></Notify>",
    );
    assert_eq!(lower.ask(&notify).await.code(), 481);
    assert!(subscription.notices().all.is_empty());
    let answer = lower.register("12345678", Algorithm::Md5).await;
    assert_eq!(answer.code(), 200);
}

#[tokio::test]
async fn a_restart_gives_no_old_answer_and_ends_what_was_asked() {
    let (platform, mut lower) = registered().await;
    let refresh = lower.request("REGISTER").with("Expires", "3600");
    assert_eq!(lower.ask(&refresh).await.code(), 200);
    let query = platform.query("DeviceInfo", CHANNEL, &[], LIMIT);
    let lower_side = async {
        lower.receive().await;
        platform.restart(false);
    };
    let begun = tokio::time::Instant::now();
    let (answer, ()) = tokio::join!(query, lower_side);
    assert!(answer.is_err() && begun.elapsed() < LIMIT);
    assert_eq!(lower.ask(&refresh).await.code(), 401);
}

#[tokio::test]
async fn nonces_live_through_a_restart_when_they_are_kept() {
    for (keeps_nonces, expected) in [(true, 200), (false, 401)] {
        let (platform, mut lower) = world(quiet()).await;
        let request = lower.request("REGISTER").with("Expires", "3600");
        let challenge = lower.ask(&request).await;
        platform.restart(keeps_nonces);
        let authorization = lower.authorization(&challenge, "12345678", Algorithm::Md5);
        let request = lower.request("REGISTER").with("Expires", "3600");
        let request = request.with("Authorization", authorization);
        assert_eq!(lower.ask(&request).await.code(), expected);
    }
}
