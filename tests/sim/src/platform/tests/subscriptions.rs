//! Subscriptions and pushes, judged by a lower platform of one socket.

use super::super::manscdp::Charset;
use super::*;

const SYSTEM: &str = "43021100002000000002";

/// A registered lower platform and a subscription that it granted, with its SUBSCRIBE.
async fn subscribed(options: Subscribe) -> (Platform, Lower, Subscription, Message) {
    let (platform, mut lower) = world(quiet()).await;
    lower.register("12345678", Algorithm::Md5).await;
    let granted = options.expires;
    let lower_side = async {
        let subscribe = lower.receive().await;
        lower.grant(&subscribe, granted).await;
        subscribe
    };
    let (subscription, subscribe) = tokio::join!(platform.subscribe_catalogue(options), lower_side);
    (platform, lower, subscription.unwrap(), subscribe)
}

/// The body of a change: SN, SumNum, and the items.
fn change(sn: u32, sum: usize, items: &[&str]) -> String {
    let items: Vec<String> = items
        .iter()
        .map(|item| format!("<Item>{item}</Item>"))
        .collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Notify><CmdType>Catalog</CmdType><SN>{sn}</SN>\
         <DeviceID>{SYSTEM}</DeviceID><SumNum>{sum}</SumNum><DeviceList Num=\"{}\">{}</DeviceList></Notify>",
        items.len(),
        items.concat()
    )
}

fn off(id: &str) -> String {
    format!("<DeviceID>{id}</DeviceID><Event>OFF</Event>")
}

/// What the platform holds against one NOTIFY that differs from a good one.
async fn held_against(spoil: impl Fn(Message) -> Message, body: &str) -> (u16, Vec<String>) {
    let (platform, mut lower, _subscription, subscribe) = subscribed(Subscribe::default()).await;
    let notify = spoil(lower.notify(&subscribe, body));
    let code = lower.ask(&notify).await.code();
    (code, platform.violations())
}

#[tokio::test]
async fn a_subscription_asks_as_the_field_does_and_hears_changes_in_both_charsets() {
    let options = Subscribe {
        event: "Catalog;id=831".into(),
        expires: 600,
        ..Subscribe::default()
    };
    let (platform, mut lower, subscription, subscribe) = subscribed(options).await;
    assert_eq!(subscribe.header("Event"), Some("Catalog;id=831"));
    assert_eq!(subscribe.header("Expires"), Some("600"));
    let body = manscdp::parse(&manscdp::decode(&subscribe.body).unwrap()).unwrap();
    assert_eq!(
        (
            body.name.as_str(),
            body.text_of("CmdType"),
            body.text_of("DeviceID")
        ),
        ("Query", "Catalog", SYSTEM)
    );
    let first = lower.notify(&subscribe, &change(1, 1, &[&off(CHANNEL)]));
    assert_eq!(lower.ask(&first).await.code(), 200);
    let whole = format!(
        "<DeviceID>{CHANNEL}</DeviceID><Event>ADD</Event><Name>学校大门</Name><Status>ON</Status>"
    );
    let text = change(2, 1, &[&whole]).replace("UTF-8", "GB2312");
    let mut second = lower.notify(&subscribe, "");
    second.body = Charset::Gb2312.encode(&text);
    assert_eq!(lower.ask(&second).await.code(), 200);
    let notices = subscription
        .wait_for(|notices| notices.all.len() == 2, LIMIT)
        .await
        .unwrap();
    assert_eq!(notices.events_of(CHANNEL), ["OFF", "ADD"]);
    assert_eq!(notices.all[1].items[0].name(), "学校大门");
    let first = &notices.all[0];
    assert_eq!(
        (first.in_dialog, first.expires(), first.sn),
        (true, Some(60), 1)
    );
    assert!(first.at <= notices.all[1].at);
    assert!(first.cseq < notices.all[1].cseq);
    assert_eq!(platform.violations(), Vec::<String>::new());
    assert!(platform.pushed().borrow().all.is_empty());
}

#[tokio::test]
async fn a_notify_that_overtakes_the_answer_is_of_the_dialog_too() {
    let (platform, mut lower) = world(quiet()).await;
    lower.register("12345678", Algorithm::Md5).await;
    let lower_side = async {
        let subscribe = lower.receive().await;
        let notify = lower.notify(&subscribe, &change(1, 1, &[&off(CHANNEL)]));
        assert_eq!(lower.ask(&notify).await.code(), 200);
        lower.grant(&subscribe, 3600).await;
    };
    let (subscription, ()) = tokio::join!(
        platform.subscribe_catalogue(Subscribe::default()),
        lower_side
    );
    assert_eq!(subscription.unwrap().notices().all.len(), 1);
    assert_eq!(platform.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_refused_subscription_says_its_status() {
    let (platform, mut lower) = world(quiet()).await;
    lower.register("12345678", Algorithm::Md5).await;
    let lower_side = async {
        let subscribe = lower.receive().await;
        lower.answer(&subscribe, 489).await;
    };
    let (refused, ()) = tokio::join!(
        platform.subscribe_catalogue(Subscribe::default()),
        lower_side
    );
    assert_eq!(refused.unwrap_err().code(), Some(489));
}

#[tokio::test]
async fn an_answer_that_grants_more_or_says_nothing_is_held_against_it() {
    let (platform, mut lower) = world(quiet()).await;
    lower.register("12345678", Algorithm::Md5).await;
    let lower_side = async {
        let subscribe = lower.receive().await;
        lower.answer(&subscribe, 200).await;
    };
    let options = Subscribe::default();
    let (_subscription, ()) = tokio::join!(platform.subscribe_catalogue(options), lower_side);
    assert_eq!(
        platform.violations(),
        [
            "200 to SUBSCRIBE without Expires",
            "200 to SUBSCRIBE without Contact"
        ]
    );
    let lower_side = async {
        let subscribe = lower.receive().await;
        lower.grant(&subscribe, 3601).await;
    };
    let options = Subscribe::default();
    let (_subscription, ()) = tokio::join!(platform.subscribe_catalogue(options), lower_side);
    assert!(platform.violations()[2].contains("grants 3601 s"));
}

#[tokio::test]
async fn a_refresh_may_bring_another_event_and_come_late_in_the_same_dialog() {
    let options = Subscribe {
        event: "Catalog;id=1".into(),
        expires: 1,
        ..Subscribe::default()
    };
    let (platform, mut lower, subscription, subscribe) = subscribed(options).await;
    let ended_at = subscription.expires_at().unwrap();
    let refresh = Refresh {
        expires: Some(60),
        event: Some("Catalog;id=2".into()),
        when: When::AfterExpiry(Duration::from_millis(300)),
    };
    let lower_side = async {
        let again = lower.receive().await;
        assert!(tokio::time::Instant::now() >= ended_at + Duration::from_millis(300));
        lower.grant(&again, 60).await;
        again
    };
    let (answer, again) = tokio::join!(subscription.refresh(refresh), lower_side);
    let answer = answer.unwrap();
    assert_eq!((answer.code, answer.expires), (200, Some(60)));
    assert_eq!(again.header("Call-ID"), subscribe.header("Call-ID"));
    assert_eq!(again.header("From"), subscribe.header("From"));
    assert_eq!(parameter(again.header("To").unwrap(), "tag"), Some("lower"));
    assert!(again.cseq() > subscribe.cseq());
    assert!(subscription.expires_at().unwrap() > ended_at + Duration::from_secs(58));
    let good = lower.notify(&again, &change(1, 1, &[&off(CHANNEL)]));
    lower.ask(&good).await;
    assert_eq!(platform.violations(), Vec::<String>::new());
    let old = lower.notify(&subscribe, &change(2, 1, &[&off(CHANNEL)]));
    lower.ask(&old).await;
    assert!(platform.violations()[0].contains("Event \"Catalog;id=1\""));
}

#[tokio::test]
async fn a_cancelled_subscription_takes_the_last_notify_and_no_more() {
    let (platform, mut lower, subscription, subscribe) = subscribed(Subscribe::default()).await;
    let lower_side = async {
        let cancel = lower.receive().await;
        assert_eq!(cancel.header("Expires"), Some("0"));
        lower.grant(&cancel, 0).await;
    };
    let (answer, ()) = tokio::join!(subscription.cancel(), lower_side);
    assert_eq!(answer.unwrap().code, 200);
    let mut last = lower.notify(&subscribe, "");
    last = set(last, "Subscription-State", "terminated;reason=timeout");
    last.headers.retain(|(name, _)| name != "Content-Type");
    assert_eq!(lower.ask(&last).await.code(), 200);
    assert!(subscription.notices().is_terminated());
    assert_eq!(platform.violations(), Vec::<String>::new());
    let more = lower.notify(&subscribe, &change(1, 1, &[&off(CHANNEL)]));
    lower.ask(&more).await;
    assert_eq!(
        platform.violations().len(),
        2,
        "{:?}",
        platform.violations()
    );
}

#[tokio::test]
async fn a_notify_of_a_dropped_subscription_gets_481() {
    let (platform, mut lower, subscription, subscribe) = subscribed(Subscribe::default()).await;
    drop(subscription);
    let notify = lower.notify(&subscribe, &change(1, 1, &[&off(CHANNEL)]));
    assert_eq!(lower.ask(&notify).await.code(), 481);
    assert!(platform.pushed().borrow().all.is_empty());
}

#[tokio::test]
async fn a_push_needs_no_subscription_and_keeps_its_call_id_and_tags() {
    let (platform, mut lower) = world(quiet()).await;
    lower.register("12345678", Algorithm::Md5).await;
    let push = |lower: &mut Lower, sn| {
        lower
            .request("NOTIFY")
            .with("Event", "Catalog")
            .with("Subscription-State", "active")
            .with_body(
                "Application/MANSCDP+xml",
                change(sn, 1, &[&off(CHANNEL)]).into(),
            )
    };
    let first = push(&mut lower, 1);
    let answer = lower.ask(&first).await;
    assert_eq!(answer.code(), 200);
    let second = set(push(&mut lower, 2), "To", answer.header("To").unwrap());
    assert_eq!(lower.ask(&second).await.code(), 200);
    let pushed = platform
        .wait_pushed(|pushed| pushed.all.len() == 2, LIMIT)
        .await;
    let pushed = pushed.unwrap();
    assert_eq!(pushed.events_of(CHANNEL), ["OFF", "OFF"]);
    assert!(!pushed.all[0].in_dialog);
    assert_eq!(platform.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_push_beside_a_subscription_is_held_against_it() {
    let (platform, mut lower, _subscription, subscribe) = subscribed(Subscribe::default()).await;
    let body = change(1, 1, &[&off(CHANNEL)]);
    let push = set(lower.notify(&subscribe, &body), "Call-ID", "another");
    let push = set(push, "To", "<sip:43021100002000000001@4302110000>");
    assert_eq!(lower.ask(&push).await.code(), 200);
    assert!(platform.violations()[0].contains("outside the dialog"));
}

#[tokio::test]
async fn what_a_notify_breaks_by_itself_is_held_against_it() {
    let good = change(1, 1, &[&off(CHANNEL)]);
    let as_it_is = |notify: Message| notify;
    assert_eq!(held_against(as_it_is, &good).await, (200, Vec::new()));
    let heads: [(&str, &str, &str); 7] = [
        (
            "From",
            "<sip:43021100002000000002@1.1.1.1>;tag=other",
            "From tag \"other\"",
        ),
        (
            "To",
            "<sip:43021100002000000001@1.1.1.1>;tag=other",
            "To tag \"other\"",
        ),
        ("Event", "Catalog;id=9", "Event \"Catalog;id=9\""),
        ("Subscription-State", "active", "lacks expires"),
        (
            "Subscription-State",
            "alive",
            "Subscription-State \"alive\"",
        ),
        ("Content-Type", "text/plain", "Content-Type"),
        (
            "From",
            "<sip:43021100002000000009@1.1.1.1>;tag=lower",
            "From is not the lower platform",
        ),
    ];
    for (name, value, expected) in heads {
        let (code, wrong) = held_against(|notify| set(notify, name, value), &good).await;
        assert_eq!(wrong.len(), 1, "{name}: {value}: {wrong:?}");
        assert!(wrong[0].contains(expected), "{wrong:?}");
        assert_eq!(code, if value.ends_with("other") { 481 } else { 200 });
    }
    let without = |mut notify: Message| {
        notify.headers.retain(|(name, _)| name != "Contact");
        notify
    };
    assert_eq!(held_against(without, &good).await.1, ["NOTIFY: no Contact"]);
}

#[tokio::test]
async fn what_the_body_of_a_change_breaks_is_held_against_it() {
    let (two, none) = ([off("1").as_str(), &off("2")].map(str::to_owned), off(""));
    let two: Vec<&str> = two.iter().map(String::as_str).collect();
    let good = change(
        1,
        1,
        &[&none.replace("<DeviceID></DeviceID>", "<DeviceID>1</DeviceID>")],
    );
    let bodies = [
        (good.replace("<SumNum>1</SumNum>", ""), "no SumNum"),
        (
            good.replace("Num=\"1\"", "Num=\"2\""),
            "Num \"2\" with 1 items",
        ),
        (change(1, 1, &two), "SumNum 1 with 2 items"),
        (good.replace("OFF", "GONE"), "the event \"GONE\""),
        (good.replace("OFF", "UPDATE"), "no whole item"),
        (good.replace(SYSTEM, CHANNEL), "subscribed is"),
        (
            good.replace("<CmdType>Catalog", "<CmdType>Alarm"),
            "subscribed is",
        ),
        (good.replace("<DeviceID>1</DeviceID>", ""), "no DeviceID"),
    ];
    for (body, expected) in bodies {
        let (_, wrong) = held_against(|notify| notify, &body).await;
        assert!(
            wrong.iter().any(|what| what.contains(expected)),
            "{expected}: {wrong:?}"
        );
    }
}

#[tokio::test]
async fn the_order_of_notifies_and_their_sums_are_judged() {
    let (platform, mut lower, subscription, subscribe) = subscribed(Subscribe::default()).await;
    let page = |sum, id: &str| change(5, sum, &[&off(id)]);
    let first = lower.notify(&subscribe, &page(3, "1"));
    lower.ask(&first).await;
    assert_eq!(subscription.notices().missing, 2);
    let second = lower.notify(&subscribe, &page(3, "2"));
    lower.ask(&second).await;
    assert_eq!(platform.violations(), Vec::<String>::new());
    let third = lower.notify(&subscribe, &page(2, "3"));
    lower.ask(&third).await;
    let same = lower.notify(&subscribe, &change(6, 1, &[&off("4")]));
    let same = set(same, "CSeq", third.header("CSeq").unwrap());
    lower.ask(&same).await;
    let back = lower.notify(&subscribe, &change(7, 1, &[&off("4")]));
    lower.ask(&set(back, "CSeq", "1 NOTIFY")).await;
    let wrong = platform.violations();
    for (what, expected) in wrong
        .iter()
        .zip(["SumNum 2 after 3", "a second time", "CSeq 1 after"])
    {
        assert!(what.contains(expected), "{wrong:?}");
    }
    assert_eq!(wrong.len(), 3, "{wrong:?}");
}

#[tokio::test]
async fn a_notify_repeated_without_an_answer_is_one_notify() {
    let (platform, mut lower, subscription, subscribe) = subscribed(Subscribe::default()).await;
    platform.set_faults(|faults| faults.notify = Answer::Silence);
    let notify = lower.notify(&subscribe, &change(1, 1, &[&off(CHANNEL)]));
    lower.send(&notify).await;
    lower.send(&notify).await;
    let notices = subscription
        .wait_for(|notices| notices.repeated == 1, LIMIT)
        .await;
    assert_eq!(notices.unwrap().all.len(), 1);
    for code in [481, 403, 500] {
        platform.set_faults(|faults| faults.notify = Answer::Status(code));
        let notify = lower.notify(&subscribe, &change(2, 1, &[&off(CHANNEL)]));
        assert_eq!(lower.ask(&notify).await.code(), code);
    }
    assert_eq!(platform.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_datagram_above_the_limit_may_carry_one_item_only() {
    let (platform, mut lower, _subscription, subscribe) = subscribed(Subscribe::default()).await;
    let long = |id: &str| format!("{}<Address>{}</Address>", off(id), "x".repeat(700));
    let alone = format!("{}<Address>{}</Address>", off("1"), "x".repeat(1400));
    let notify = lower.notify(&subscribe, &change(1, 1, &[&alone]));
    lower.ask(&notify).await;
    assert_eq!(platform.violations(), Vec::<String>::new());
    let notify = lower.notify(&subscribe, &change(2, 2, &[&long("1"), &long("2")]));
    lower.ask(&notify).await;
    assert!(platform.violations()[0].contains("2 items over UDP"));
}
