//! The platform against a small lower platform made of one UDP socket.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use super::media::ps::tests::pack;
use super::sip::digest::Algorithm;
use super::sip::message::parameter;
use super::sip::{Message, Start};
use super::*;

mod calls;
mod connections;
mod floods;
pub(super) mod lower;
mod moves;
mod registrations;
mod script;
mod subscriptions;

use lower::{Lower, sdp, set};

pub(super) const LIMIT: Duration = Duration::from_secs(5);
const CHANNEL: &str = "43021100111326000001";

async fn world(settings: Settings) -> (Platform, Lower) {
    let platform = Platform::start(settings.clone()).await.unwrap();
    let lower = Lower::new(&platform, &settings).await;
    (platform, lower)
}

fn quiet() -> Settings {
    Settings {
        asks_at_once: false,
        ..Settings::default()
    }
}

/// The packets of a session of two frames.
fn packets(ssrc: u32) -> Vec<Vec<u8>> {
    let idr = [0, 0, 0, 1, 0x67, 1, 0, 0, 1, 0x65, 9];
    let key = pack(3600, Some(&[(0x1B, 0xE0)]), 0xE0, &idr);
    let next = pack(7200, None, 0xE0, &[0, 0, 0, 1, 0x41, 9]);
    let rtp = |sequence: u16, timestamp: u32, payload: &[u8]| {
        let mut bytes = vec![0x80, 0xE0];
        bytes.extend(sequence.to_be_bytes());
        bytes.extend(timestamp.to_be_bytes());
        bytes.extend(ssrc.to_be_bytes());
        bytes.extend(payload);
        bytes
    };
    vec![rtp(1, 3600, &key), rtp(2, 7200, &next)]
}

/// A session without media, and its INVITE.
async fn established(platform: &Platform, lower: &Lower) -> (Session, Message) {
    let accept = async {
        let invite = lower.receive().await;
        lower
            .accept(&invite, &sdp(30_000, "RTP/AVP", "y=0211000001\r\n"))
            .await;
        invite
    };
    let options = Options {
        y: Y::Text("0211000001".into()),
        ..Options::default()
    };
    let (session, invite) = tokio::join!(platform.invite(CHANNEL, Media::Udp, options), accept);
    (session.unwrap(), invite)
}

/// The lower platform's BYE of that session.
fn bye(lower: &mut Lower, invite: &Message) -> Message {
    let header = |name: &str| invite.header(name).unwrap().to_owned();
    let bye = lower.request("BYE");
    let bye = set(bye, "From", &format!("{};tag=lower", header("To")));
    let bye = set(bye, "To", &header("From"));
    set(bye, "Call-ID", &header("Call-ID"))
}

#[tokio::test]
async fn a_registration_is_challenged_and_then_granted_with_a_date() {
    for algorithm in [Algorithm::Md5, Algorithm::Sha256] {
        let (platform, mut lower) = world(Settings {
            algorithm,
            ..quiet()
        })
        .await;
        let answer = lower.register("12345678", algorithm).await;
        assert_eq!(answer.code(), 200);
        assert_eq!(
            answer.header("Date").unwrap().len(),
            "2026-11-24T10:23:54.668".len()
        );
        platform.registered(LIMIT).await.unwrap();
        assert_eq!(platform.violations(), Vec::<String>::new());
        let logout = lower.request("REGISTER").with("Expires", "0");
        assert_eq!(lower.ask(&logout).await.code(), 200);
        platform.unregistered(LIMIT).await.unwrap();
    }
}

#[tokio::test]
async fn a_wrong_password_gets_403_and_a_missing_expires_400() {
    let (platform, mut lower) = world(quiet()).await;
    assert_eq!(lower.register("wrong", Algorithm::Md5).await.code(), 403);
    assert!(platform.registered(Duration::ZERO).await.is_err());
    let request = lower.request("REGISTER");
    assert_eq!(lower.ask(&request).await.code(), 400);
}

#[tokio::test]
async fn keepalives_are_noted_and_answered_as_the_faults_say() {
    let (platform, mut lower) = world(quiet()).await;
    lower.register("12345678", Algorithm::Md5).await;
    let keepalive = "<?xml version=\"1.0\"?><Notify><CmdType>Keepalive</CmdType><SN>1</SN>\
                     <DeviceID>43021100002000000002</DeviceID><Status>OK</Status></Notify>";
    assert_eq!(lower.say(keepalive).await, 200);
    platform
        .wait_for(
            |what| {
                *what
                    == What::Keepalive {
                        status: "OK".into(),
                    }
            },
            LIMIT,
        )
        .await
        .unwrap();
    platform.set_faults(|faults| faults.keepalive = Answer::Status(403));
    assert_eq!(lower.say(keepalive).await, 403);
    platform.set_faults(|faults| faults.keepalive = Answer::Usual);
    platform.forget_registration();
    assert_eq!(lower.say(keepalive).await, 404);
}

#[tokio::test]
async fn three_questions_come_at_once_and_a_catalogue_is_assembled() {
    let (platform, mut lower) = world(Settings::default()).await;
    assert_eq!(lower.register("12345678", Algorithm::Md5).await.code(), 200);
    let mut asked = Vec::new();
    for _ in 0..3 {
        let question = lower.receive().await;
        let Start::Request { uri, .. } = &question.start else {
            panic!("no request")
        };
        assert!(uri.ends_with(&lower.socket.local_addr().unwrap().to_string()));
        let body = manscdp::parse(&manscdp::decode(&question.body).unwrap()).unwrap();
        asked.push((
            body.text_of("CmdType").to_owned(),
            question.branch().unwrap().starts_with("z9hG4bK"),
        ));
        lower
            .send(&Message::answer(&question, 200, "x", lower.platform))
            .await;
    }
    asked.sort();
    let expected = [
        ("Catalog", true),
        ("ConfigDownload", false),
        ("DeviceInfo", true),
    ];
    assert_eq!(
        asked,
        expected.map(|(name, cookie)| (name.to_owned(), cookie))
    );

    let catalogue = async { platform.catalogue(LIMIT).await };
    let answers = async {
        let question = lower.receive().await;
        lower
            .send(&Message::answer(&question, 200, "x", lower.platform))
            .await;
        let sn = manscdp::parse(&manscdp::decode(&question.body).unwrap())
            .unwrap()
            .text_of("SN")
            .to_owned();
        for id in ["43021100002150000001", CHANNEL] {
            let page = format!(
                "<Response><CmdType>Catalog</CmdType><SN>{sn}</SN><DeviceID>43021100002000000002</DeviceID>\
                 <SumNum>2</SumNum><DeviceList Num=\"1\"><Item><DeviceID>{id}</DeviceID></Item></DeviceList></Response>"
            );
            assert_eq!(lower.say(&page).await, 200);
        }
    };
    let (catalogue, ()) = tokio::join!(catalogue, answers);
    assert_eq!(catalogue.unwrap()[1].kind(), "132");
}

#[tokio::test]
async fn media_over_udp_is_received_after_the_ack_and_ended_by_bye() {
    let (platform, mut lower) = world(quiet()).await;
    lower.register("12345678", Algorithm::Md5).await;
    let media = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let port = media.local_addr().unwrap().port();
    let options = Options {
        keep: Keep::Hash,
        ..Options::default()
    };
    let invite = platform.invite(CHANNEL, Media::Udp, options);
    let lower_side = async {
        let invite = lower.receive().await;
        assert_eq!(invite.header("Content-Type"), Some("APPLICATION/SDP"));
        let offer = String::from_utf8(invite.body.clone()).unwrap();
        let offer = Description::parse(&offer).unwrap();
        let y = offer.y.clone().unwrap();
        assert_eq!(
            invite.header("Subject").unwrap(),
            format!("{CHANNEL}:{y},43021100002000000001:0")
        );
        let ack = lower
            .accept(&invite, &sdp(port, "RTP/AVP", &format!("y={y}\r\n")))
            .await;
        assert_eq!(
            (ack.method(), ack.branch() == invite.branch()),
            ("ACK", false)
        );
        assert_eq!(parameter(ack.header("To").unwrap(), "tag"), Some("lower"));
        for packet in packets(offer.ssrc().unwrap()) {
            media.send_to(&packet, offer.address).await.unwrap();
        }
    };
    let (session, ()) = tokio::join!(invite, lower_side);
    let session = session.unwrap();
    session
        .wait_for(|stats| stats.frames == 2, LIMIT)
        .await
        .unwrap();
    let bye = async {
        let bye = lower.receive().await;
        assert!(
            bye.header("From")
                .unwrap()
                .contains(&platform.address().to_string())
        );
        lower
            .send(&Message::answer(&bye, 200, "lower", lower.platform))
            .await;
    };
    let (ended, ()) = tokio::join!(session.bye(), bye);
    ended.unwrap();
    assert!(session.first_frame_after_ack().is_some());
    let recording = session.finish().await.unwrap();
    assert_eq!(recording.violations, Vec::<String>::new());
    assert_eq!(recording.units.len(), 2);
}

#[tokio::test]
async fn media_over_tcp_comes_in_both_directions_of_connecting() {
    let (platform, mut lower) = world(quiet()).await;
    lower.register("12345678", Algorithm::Md5).await;
    for (media, setup) in [(Media::TcpPassive, "active"), (Media::TcpActive, "passive")] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let lower_side = async {
            let invite = lower.receive().await;
            let offer =
                Description::parse(&String::from_utf8(invite.body.clone()).unwrap()).unwrap();
            let more = format!(
                "a=setup:{setup}\r\na=connection:new\r\ny={}\r\n",
                offer.y.clone().unwrap()
            );
            lower
                .accept(&invite, &sdp(port, "TCP/RTP/AVP", &more))
                .await;
            let mut stream = match media {
                Media::TcpPassive => TcpStream::connect(offer.address).await.unwrap(),
                _ => listener.accept().await.unwrap().0,
            };
            for packet in packets(offer.ssrc().unwrap()) {
                let length = u16::try_from(packet.len()).unwrap();
                stream
                    .write_all(&[&length.to_be_bytes()[..], &packet].concat())
                    .await
                    .unwrap();
            }
            stream
        };
        let options = Options {
            keep: Keep::Hash,
            ..Options::default()
        };
        let (session, stream) = tokio::join!(platform.invite(CHANNEL, media, options), lower_side);
        let session = session.unwrap();
        session
            .wait_for(|stats| stats.frames == 2, LIMIT)
            .await
            .unwrap();
        drop(stream);
        session
            .wait_for(|stats| stats.is_closed, LIMIT)
            .await
            .unwrap();
        assert_eq!(
            session.finish().await.unwrap().violations,
            Vec::<String>::new()
        );
    }
}

#[tokio::test]
async fn a_refusal_is_told_and_the_lower_platforms_bye_is_heard() {
    let (platform, mut lower) = world(quiet()).await;
    lower.register("12345678", Algorithm::Md5).await;
    let refuse = async {
        let invite = lower.receive().await;
        let answer = Message::answer(&invite, 480, "lower", lower.platform)
            .with("Reason", "SIP;text=\"offline\"");
        lower.send(&answer).await;
    };
    let (refused, ()) = tokio::join!(
        platform.invite(CHANNEL, Media::Udp, Options::default()),
        refuse
    );
    let error = refused.unwrap_err();
    assert_eq!(error.code(), Some(480));
    assert!(error.to_string().contains("offline"));

    let (session, invite) = established(&platform, &lower).await;
    let bye = bye(&mut lower, &invite);
    assert_eq!(lower.ask(&bye).await.code(), 200);
    session.ended_by_peer(LIMIT).await.unwrap();
    drop(session);
    assert_eq!(platform.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn an_invite_can_be_cancelled_before_its_answer() {
    let (platform, mut lower) = world(quiet()).await;
    lower.register("12345678", Algorithm::Md5).await;
    let options = Options {
        cancel_after: Some(Duration::from_millis(10)),
        ..Options::default()
    };
    let lower_side = async {
        let invite = lower.receive().await;
        lower
            .send(&Message::answer(&invite, 100, "lower", lower.platform))
            .await;
        let cancel = lower.receive().await;
        assert_eq!(
            (cancel.method(), cancel.branch(), cancel.cseq()),
            ("CANCEL", invite.branch(), invite.cseq())
        );
        lower
            .send(&Message::answer(&cancel, 200, "lower", lower.platform))
            .await;
        lower
            .send(&Message::answer(&invite, 487, "lower", lower.platform))
            .await;
    };
    let (outcome, ()) = tokio::join!(platform.invite(CHANNEL, Media::Udp, options), lower_side);
    assert_eq!(outcome.unwrap_err().code(), Some(487));
}

#[tokio::test]
async fn sip_is_heard_over_tcp_too() {
    let (platform, mut lower) = world(quiet()).await;
    let mut stream = TcpStream::connect(platform.address()).await.unwrap();
    let request = lower.request("REGISTER").with("Expires", "3600");
    stream.write_all(&request.to_bytes()).await.unwrap();
    let mut framer = sip::framer::Framer::default();
    let answer = loop {
        let mut buffer = [0; 4096];
        let length = timeout(LIMIT, stream.read(&mut buffer))
            .await
            .unwrap()
            .unwrap();
        framer.push(&buffer[..length]);
        if let Some(answer) = framer.next_message().unwrap() {
            break answer;
        }
    };
    assert_eq!(answer.code(), 401);
    let (expires, authorised, transport) = (3600, false, Transport::Tcp);
    let expected = What::Register {
        expires,
        authorised,
        transport,
    };
    platform
        .wait_for(|what| *what == expected, LIMIT)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_silent_platform_answers_nothing_and_a_repeated_request_gets_the_same_answer() {
    let (platform, mut lower) = world(quiet()).await;
    platform.set_faults(|faults| faults.silent = true);
    let request = lower.request("REGISTER").with("Expires", "3600");
    lower.send(&request).await;
    let nothing = timeout(Duration::from_millis(200), lower.receive_at_leisure()).await;
    assert!(nothing.is_err());
    platform.set_faults(|faults| faults.silent = false);
    let first = lower.ask(&request).await;
    let second = lower.ask(&request).await;
    assert_eq!(first.to_bytes(), second.to_bytes());
    assert_eq!(platform.events().len(), 1);
}
