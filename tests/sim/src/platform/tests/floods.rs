//! Floods from the platform and from a stranger.

use super::*;

async fn registered() -> (Platform, Lower) {
    let (platform, mut lower) = world(quiet()).await;
    lower.register("12345678", Algorithm::Md5).await;
    (platform, lower)
}

fn of(surge: Surge, count: u32) -> Flood {
    Flood {
        surge,
        per_second: 1000,
        count,
        from: None,
        to: None,
    }
}

fn invites() -> Surge {
    Surge::Invite {
        channel: CHANNEL.into(),
    }
}

async fn receive_bytes(lower: &Lower) -> (Vec<u8>, SocketAddr) {
    let mut buffer = [0; 8192];
    let received = timeout(LIMIT, lower.socket.recv_from(&mut buffer)).await;
    let (length, from) = received.unwrap().unwrap();
    (buffer[..length].to_vec(), from)
}

#[tokio::test]
async fn invites_come_each_as_a_call_and_their_ends_are_counted() {
    let (platform, mut lower) = registered().await;
    let flooding = platform.flood(of(invites(), 20)).await.unwrap();
    let mut calls = std::collections::HashSet::new();
    let mut ports = std::collections::HashSet::new();
    let mut last = None;
    for index in 0..20 {
        let invite = lower.receive().await;
        assert_eq!(invite.method(), "INVITE");
        assert!(calls.insert(invite.header("Call-ID").unwrap().to_owned()));
        let offer = String::from_utf8(invite.body.clone()).unwrap();
        ports.insert(Description::parse(&offer).unwrap().address.port());
        lower.answer(&invite, 100).await;
        let code = if index < 15 { 486 } else { 503 };
        lower.answer(&invite, code).await;
        // What comes again is the same answer.
        lower.answer(&invite, code).await;
        last = Some(invite);
    }
    let tally = flooding
        .wait_for(|tally| tally.answered() == 20, LIMIT)
        .await;
    let tally = tally.unwrap();
    assert_eq!((tally.with_code(486), tally.with_code(503)), (15, 5));
    assert_eq!(ports.len(), 1);
    let bye = bye(&mut lower, &last.unwrap());
    assert_eq!(lower.ask(&bye).await.code(), 200);
    assert_eq!(flooding.tally().byes, 1);
    assert_eq!(platform.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn the_pages_of_many_queries_are_counted_and_no_violation() {
    let (platform, mut lower) = registered().await;
    let flooding = platform.flood(of(Surge::Catalogue, 5)).await.unwrap();
    flooding.sent(LIMIT).await.unwrap();
    let mut pages = Vec::new();
    for _ in 0..5 {
        let query = lower.receive().await;
        lower.answer(&query, 200).await;
        let body = manscdp::parse(&manscdp::decode(&query.body).unwrap()).unwrap();
        assert_eq!(
            (body.name.as_str(), body.text_of("CmdType")),
            ("Query", "Catalog")
        );
        pages.push(format!(
            "<Response><CmdType>Catalog</CmdType><SN>{}</SN><SumNum>0</SumNum></Response>",
            body.text_of("SN")
        ));
    }
    for page in pages {
        assert_eq!(lower.say(&page).await, 200);
    }
    let tally = flooding
        .wait_for(|tally| tally.pages == 5, LIMIT)
        .await
        .unwrap();
    assert_eq!((tally.sent, tally.with_code(200)), (5, 5));
    assert_eq!(platform.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn subscriptions_come_each_of_its_own_and_their_notifies_are_counted() {
    let (platform, mut lower) = registered().await;
    let flooding = platform.flood(of(Surge::Subscribe, 5)).await.unwrap();
    flooding.sent(LIMIT).await.unwrap();
    let mut subscribes = Vec::new();
    for _ in 0..5 {
        let subscribe = lower.receive().await;
        assert_eq!(subscribe.header("Event"), Some("Catalog"));
        lower.grant(&subscribe, 600).await;
        subscribes.push(subscribe);
    }
    for subscribe in &subscribes {
        let notify = lower.notify(subscribe, "<Notify/>");
        assert_eq!(lower.ask(&notify).await.code(), 200);
    }
    let tally = flooding.tally();
    assert_eq!((tally.with_code(200), tally.notifies), (5, 5));
    assert!(platform.pushed().borrow().all.is_empty());
    assert_eq!(platform.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_stranger_floods_from_its_own_address_and_hears_its_answers() {
    let (platform, lower) = registered().await;
    let stranger = "127.0.0.77:0".parse().unwrap();
    let flood = Flood {
        from: Some(stranger),
        ..of(invites(), 5)
    };
    let flooding = platform.flood(flood).await.unwrap();
    for _ in 0..5 {
        let (bytes, from) = receive_bytes(&lower).await;
        assert_eq!(from.ip(), stranger.ip());
        let invite = Message::parse(&bytes).unwrap();
        assert!(invite.header("Via").unwrap().contains(&from.to_string()));
        let answer = Message::answer(&invite, 403, "x", from);
        lower
            .socket
            .send_to(&answer.to_bytes(), from)
            .await
            .unwrap();
    }
    let tally = flooding
        .wait_for(|tally| tally.with_code(403) == 5, LIMIT)
        .await;
    tally.unwrap();
}

#[tokio::test]
async fn garbage_is_no_sip_and_comes_at_the_pace_that_was_asked() {
    let (platform, lower) = registered().await;
    let to = lower.socket.local_addr().unwrap();
    for from in [None, Some("127.0.0.77:0".parse().unwrap())] {
        let begun = tokio::time::Instant::now();
        let flood = Flood {
            per_second: 100,
            from,
            to: Some(to),
            ..of(Surge::Garbage, 16)
        };
        let flooding = platform.flood(flood).await.unwrap();
        let mut requests = 0;
        for _ in 0..16 {
            let (bytes, source) = receive_bytes(&lower).await;
            assert!(!bytes.is_empty());
            assert_eq!(source == lower.platform, from.is_none());
            requests += u32::from(Message::parse(&bytes).is_ok());
        }
        // Two kinds of eight look like SIP from afar.
        assert!(requests <= 4, "{requests}");
        assert!(begun.elapsed() >= Duration::from_millis(140));
        assert_eq!(flooding.sent(LIMIT).await.unwrap().answered(), 0);
    }
}
