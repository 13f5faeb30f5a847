//! INVITE, ACK, CANCEL and BYE as no platform should send them.

use super::*;

const ANSWER: &str = "y=0211000001\r\n";

fn fixed() -> Options {
    Options {
        y: Y::Text("0211000001".into()),
        ..Options::default()
    }
}

async fn registered() -> (Platform, Lower) {
    let (platform, mut lower) = world(quiet()).await;
    lower.register("12345678", Algorithm::Md5).await;
    (platform, lower)
}

/// The 200 to an INVITE.
fn ok(lower: &Lower, invite: &Message, tag: &str) -> Message {
    Message::answer(invite, 200, tag, lower.platform)
        .with("Contact", "<sip:x@127.0.0.1>")
        .with_body("application/sdp", sdp(30_000, "RTP/AVP", ANSWER).into())
}

#[tokio::test]
async fn an_ack_can_come_from_a_port_that_nobody_knows() {
    let (platform, lower) = registered().await;
    let options = Options {
        ack: Ack::FromElsewhere,
        ..fixed()
    };
    let lower_side = async {
        let invite = lower.receive().await;
        lower.send(&ok(&lower, &invite, "lower")).await;
        let mut buffer = [0; 4096];
        let (length, from) = timeout(LIMIT, lower.socket.recv_from(&mut buffer))
            .await
            .unwrap()
            .unwrap();
        let ack = Message::parse(&buffer[..length]).unwrap();
        assert_eq!((ack.method(), ack.cseq()), ("ACK", invite.cseq()));
        assert_ne!(from, lower.platform);
        assert_eq!(from.ip(), lower.platform.ip());
    };
    let (session, ()) = tokio::join!(platform.invite(CHANNEL, Media::Udp, options), lower_side);
    session.unwrap();
}

#[tokio::test]
async fn an_invite_is_repeated_with_its_branch_or_another() {
    for other_branch in [false, true] {
        let (platform, lower) = registered().await;
        let repeats = Repeats {
            times: 3,
            every: Duration::from_millis(5),
            other_branch,
        };
        let options = Options { repeats, ..fixed() };
        let lower_side = async {
            let mut invites = Vec::new();
            for _ in 0..4 {
                invites.push(lower.receive().await);
            }
            let known = invites[0].branch().unwrap();
            for invite in &invites[1..] {
                assert_eq!(invite.branch() == Some(known), !other_branch);
                for name in ["Call-ID", "CSeq", "From", "To"] {
                    assert_eq!(invite.header(name), invites[0].header(name));
                }
                assert_eq!(invite.body, invites[0].body);
            }
            for invite in &invites {
                lower.send(&ok(&lower, invite, "lower")).await;
            }
            for _ in 0..4 {
                assert_eq!(lower.receive().await.method(), "ACK");
            }
            invites
        };
        let (session, invites) =
            tokio::join!(platform.invite(CHANNEL, Media::Udp, options), lower_side);
        let session = session.unwrap();
        let mut repeated = session.answers_repeated();
        let count = timeout(LIMIT, repeated.wait_for(|count| *count == 3)).await;
        count.unwrap().unwrap();
        assert_eq!(platform.violations(), Vec::<String>::new());
        lower.send(&ok(&lower, &invites[3], "another")).await;
        let is_told =
            |what: &What| matches!(what, What::Violation(what) if what.contains("another"));
        platform.wait_for(is_told, LIMIT).await.unwrap();
    }
}

#[tokio::test]
async fn a_cancel_may_come_before_anything_was_said() {
    for at in [CancelAt::Once, CancelAt::Trying] {
        let (platform, lower) = registered().await;
        let options = Options {
            cancel: Some(at),
            ..fixed()
        };
        let lower_side = async {
            let invite = lower.receive().await;
            if at == CancelAt::Trying {
                lower.answer(&invite, 100).await;
            }
            let cancel = lower.receive().await;
            assert_eq!(
                (cancel.method(), cancel.branch()),
                ("CANCEL", invite.branch())
            );
            lower.answer(&cancel, 200).await;
            lower.answer(&invite, 487).await;
        };
        let (outcome, ()) = tokio::join!(platform.invite(CHANNEL, Media::Udp, options), lower_side);
        assert_eq!(outcome.unwrap_err().code(), Some(487));
    }
}

#[tokio::test]
async fn a_cancel_that_is_too_late_changes_nothing() {
    for (at, expected) in [
        (CancelAt::Answer, ["CANCEL", "ACK"]),
        (CancelAt::Established, ["ACK", "CANCEL"]),
    ] {
        let (platform, lower) = registered().await;
        let options = Options {
            cancel: Some(at),
            ..fixed()
        };
        let lower_side = async {
            let invite = lower.receive().await;
            lower.send(&ok(&lower, &invite, "lower")).await;
            for method in expected {
                let request = lower.receive().await;
                assert_eq!(request.method(), method);
                if method == "CANCEL" {
                    lower.answer(&request, 481).await;
                }
            }
        };
        let (session, ()) = tokio::join!(platform.invite(CHANNEL, Media::Udp, options), lower_side);
        assert_eq!(session.unwrap().cancelled, Some(481));
    }
}

#[tokio::test]
async fn bye_comes_twice_repeated_or_of_no_dialog() {
    let (platform, lower) = registered().await;
    let (session, invite) = established(&platform, &lower).await;
    let tag = |message: &Message, name: &str| {
        parameter(message.header(name).unwrap(), "tag")
            .unwrap()
            .to_owned()
    };
    let mut seen = Vec::new();
    for (how, answers) in [
        (Bye::WrongTags, vec![481]),
        (Bye::WrongCallId, vec![481]),
        (Bye::Repeated, vec![200, 200]),
        (Bye::Twice, vec![200, 481]),
    ] {
        let lower_side = async {
            let mut byes = Vec::new();
            for code in &answers {
                let bye = lower.receive().await;
                assert_eq!(bye.method(), "BYE");
                lower.answer(&bye, *code).await;
                byes.push(bye);
            }
            byes
        };
        let (codes, byes) = tokio::join!(session.dialog().bye_as(how), lower_side);
        assert_eq!(codes.unwrap(), answers);
        seen.push(byes);
    }
    assert_ne!(tag(&seen[0][0], "From"), tag(&invite, "From"));
    assert_ne!(tag(&seen[0][0], "To"), "lower");
    assert_ne!(seen[1][0].header("Call-ID"), invite.header("Call-ID"));
    assert_eq!(tag(&seen[1][0], "To"), "lower");
    assert_eq!(seen[2][0].to_bytes(), seen[2][1].to_bytes());
    assert_ne!(seen[3][0].branch(), seen[3][1].branch());
    assert!(seen[3][0].cseq() < seen[3][1].cseq());
}
