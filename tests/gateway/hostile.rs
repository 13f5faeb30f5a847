//! What an enemy sends: it is refused, counted and said, and nothing else changes.

use std::time::Duration;

use huiju_sim::clips::ClipKind;
use huiju_sim::farm::CameraSettings;
use huiju_sim::platform::{
    Answer, Flood, InviteError, Keep, Media, Options, Reinvite, Session, Surge, What,
};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UdpSocket};
use tokio::time::timeout;

use crate::raw::{Speaker, connect};
use crate::readers::lost_nothing;
use crate::world::{SOON, World, clip};

#[tokio::test(flavor = "multi_thread")]
async fn hostile_sip_is_refused_counted_and_said_and_a_session_goes_on() {
    let (world, channel, session) = watched("hostile-sip").await;
    let before = Footprint::of(&world);
    let platform = world.platform("district").address().ip();
    let mut speaker = Speaker::new(&world, platform, PLATFORM).await;
    let query = query("");

    // What is odd but can be read is read.
    for (what, shape) in odd_shapes() {
        let answer = speaker
            .ask_shaped("MESSAGE", &channel, XML, &query, shape)
            .await;
        assert_eq!(answer.code, 200, "{what}: {}", answer.text);
    }
    assert_eq!(refused(&world, "sip_malformed").await, 0);

    let many =
        |request: &str| request.replacen("Via:", &format!("{}Via:", "a:b\r\n".repeat(10_000)), 1);
    let request = speaker.request("MESSAGE", &channel, XML, &query);
    let datagrams = [
        many(&request).into_bytes(),
        b"\xff\xfe\x00 nothing like SIP\r\n\r\n".to_vec(),
        request.replacen("Call-ID", "Call", 1).into_bytes(),
        request
            .replacen("Content-Length: ", "Content-Length: -", 1)
            .into_bytes(),
        request.replacen("SIP/2.0\r\n", "SIP/9\r\n", 1).into_bytes(),
    ];
    for (times, datagram) in (1..).zip(&datagrams) {
        speaker.send(datagram).await;
        wait_refused(&world, "sip_malformed", times).await;
    }
    world.logged("SIP message not read").await;

    let streams = [
        ("10^4 headers", many(&request)),
        (
            "a head without end",
            request.replacen("Via:", &format!("X: {}", "x".repeat(1 << 20)), 1),
        ),
        (
            "10^6 attributes",
            speaker.request("MESSAGE", &channel, XML, &attributes(1_000_000)),
        ),
        (
            "an absurd length",
            request.replacen("Content-Length: ", "Content-Length: 9999999", 1),
        ),
    ];
    let mut times = datagrams.len() as u64;
    for (what, bytes) in streams {
        assert_closed(&world, platform, what, bytes.as_bytes()).await;
        times += 1;
        wait_refused(&world, "sip_malformed", times).await;
    }
    world.logged("SIP connection cannot be read on").await;

    assert_closed(
        &world,
        [127, 99, 0, 7].into(),
        "a stranger",
        request.as_bytes(),
    )
    .await;
    wait_refused(&world, "sip_stranger", 1).await;
    assert_unchanged(&world, session, before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_xml_is_refused_counted_and_said_and_a_session_goes_on() {
    let (world, channel, session) = watched("hostile-xml").await;
    let before = Footprint::of(&world);
    let secret = world.folder.join("district.pw");
    let platform = world.platform("district").address().ip();
    let mut speaker = Speaker::new(&world, platform, PLATFORM).await;
    let laughs: String = (1..10)
        .map(|n| format!("<!ENTITY l{n} \"{}\">", format!("&l{};", n - 1).repeat(10)))
        .collect();
    let bodies = [
        (
            "billion laughs",
            format!(
                "<!DOCTYPE q [<!ENTITY l0 \"ha\">{laughs}]>{}",
                query("&l9;")
            ),
        ),
        (
            "an external entity",
            format!(
                "<!DOCTYPE q [<!ENTITY x SYSTEM \"file://{}\">]>{}",
                secret.display(),
                query("&x;")
            ),
        ),
        ("an unknown entity", query("&x;")),
        (
            "deep nesting",
            query(&format!("{}{}", "<a>".repeat(5_000), "</a>".repeat(5_000))),
        ),
        ("endless nesting", "<a>".repeat(15_000)),
        ("many elements", query(&"<a/>".repeat(10_000))),
        ("many attributes", attributes(5_000)),
        ("no end", query("").replace("</Query>", "")),
    ];
    for (times, (what, body)) in (1..).zip(&bodies) {
        let answer = speaker.ask("MESSAGE", &channel, XML, body).await;
        assert_eq!(answer.code, 400, "{what}: {}", answer.text);
        wait_refused(&world, "manscdp_malformed", times).await;
    }
    world.logged("MESSAGE not read").await;
    let series = "huiju_platform_requests_total{code=\"4xx\",direction=\"in\",method=\"MESSAGE\",platform=\"district\"}";
    assert_eq!(world.metric(series).await as usize, bodies.len());
    let leaked = world.log().contains(crate::world::PASSWORD);
    assert!(!leaked, "an external entity was read");
    assert_unchanged(&world, session, before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_offers_are_refused_and_counted_and_a_session_goes_on() {
    let (world, channel, session) = watched("hostile-offers").await;
    let before = Footprint::of(&world);
    let platform = world.platform("district").address().ip();
    let mut speaker = Speaker::new(&world, platform, PLATFORM).await;
    let offer = |media: &str, address: &str| {
        format!(
            "v=0\r\no={PLATFORM} 0 0 IN IP4 {address}\r\ns=Play\r\nc=IN IP4 {address}\r\nt=0 0\r\n\
             {media}a=recvonly\r\na=rtpmap:96 PS/90000\r\ny=0211000001\r\n"
        )
    };
    let (home, video) = (platform.to_string(), "m=video 40002 RTP/AVP 96\r\n");
    let filler = format!("a={}\r\n", "x".repeat(1_000)).repeat(58);
    let cases = [
        ("no m=", 488, offer("", &home)),
        ("m=audio", 488, offer("m=audio 40002 RTP/AVP 96\r\n", &home)),
        ("m=video 0", 488, offer("m=video 0 RTP/AVP 96\r\n", &home)),
        (
            "m=video 70000",
            488,
            offer("m=video 70000 RTP/AVP 96\r\n", &home),
        ),
        (
            "58 KB before m=",
            488,
            offer(&format!("{filler}{video}"), &home),
        ),
        ("no address", 488, offer(video, "here")),
        ("a stranger's address", 403, offer(video, "127.99.0.7")),
        ("everybody's address", 403, offer(video, "255.255.255.255")),
        ("nobody's address", 403, offer(video, "0.0.0.0")),
        ("a group's address", 403, offer(video, "239.1.1.1")),
    ];
    for (what, code, sdp) in &cases {
        let answer = speaker.ask("INVITE", &channel, SDP, sdp).await;
        speaker.acknowledge(&answer, &channel).await;
        assert_eq!(answer.code, *code, "{what}: {}", answer.text);
        let header = if *code == 488 {
            "\r\nWarning: "
        } else {
            "\r\nReason: "
        };
        assert!(answer.text.contains(header), "{what}: {}", answer.text);
    }
    let unknown = speaker
        .ask("INVITE", "43021100111320999999", SDP, &offer(video, &home))
        .await;
    assert_eq!(unknown.code, 404);
    speaker.acknowledge(&unknown, "43021100111320999999").await;
    wait_refused(&world, "media_network", 4).await;
    world.logged("media address outside media.networks").await;
    for (result, times) in [("not_acceptable", 6), ("forbidden", 4), ("not_found", 1)] {
        let series = format!("huiju_invites_total{{platform=\"district\",result=\"{result}\"}}");
        assert_eq!(world.metric(&series).await as u64, times, "{result}");
    }

    let stranger = UdpSocket::bind("127.99.0.8:0").await.unwrap();
    let address = stranger.local_addr().unwrap().ip();
    let (code, _) = session.reinvite(Reinvite::To(address)).await.unwrap();
    assert_eq!(code, 488, "a re-INVITE that leads media to a stranger");
    assert_unchanged(&world, session, before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn floods_are_limited_and_a_session_goes_on() {
    let (world, channel, session) = watched("floods").await;
    let before = Footprint::of(&world);
    let platform = world.platform("district");
    let flood = async |surge: Surge, count: u32| {
        let flood = Flood {
            surge,
            per_second: 2_000,
            count,
            from: None,
            to: None,
        };
        platform.flood(flood).await.unwrap()
    };
    let garbage = flood(Surge::Garbage, 800).await;
    let queries = flood(Surge::Catalogue, 200).await;
    let invites = flood(
        Surge::Invite {
            channel: channel.clone(),
        },
        40,
    )
    .await;
    garbage.sent(SOON).await.unwrap();
    let all = |tally: &huiju_sim::platform::Tally| tally.answered() == tally.sent;
    queries.sent(SOON).await.unwrap();
    let queries = queries.wait_for(all, SOON).await.unwrap();
    invites.sent(SOON).await.unwrap();
    let invites = invites.wait_for(all, SOON).await.unwrap();
    assert!(queries.with_code(503) > 0, "{queries:?}");
    assert_eq!(
        queries.with_code(503) + queries.with_code(200),
        200,
        "{queries:?}"
    );
    assert_eq!(
        refused(&world, "sip_overload").await,
        u64::from(queries.with_code(503))
    );
    // Four sessions are allowed, and one of them is the watched one.
    assert_eq!(
        (invites.with_code(200), invites.with_code(486)),
        (3, 37),
        "{invites:?}"
    );
    // One of eight pieces is white space, as what keeps a NAT open.
    let malformed = refused(&world, "sip_malformed").await;
    assert!(
        (690..=700).contains(&malformed),
        "{malformed} of 800 are malformed"
    );
    let lines = world.log().matches("SIP message not read").count();
    assert!(lines < 100, "{lines} lines of log");
    // What nobody acknowledges keeps its two sockets for 32 s, as what was acknowledged may be late.
    let before = Footprint {
        descriptors: before.descriptors + 2 * 3,
        ..before
    };
    assert_unchanged(&world, session, before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_to_a_stranger_is_not_followed() {
    let stranger = UdpSocket::bind("127.99.0.9:5060").await.unwrap();
    let address = stranger.local_addr().unwrap();
    let listener = TcpListener::bind(address).await.unwrap();
    let redirect = |settings: &mut huiju_sim::platform::Settings| {
        settings.faults.register = Answer::Redirect(address);
    };
    let mut world = World::new("sip-redirect")
        .row("education", "东门", "rtsp://127.50.0.1:8554/a")
        .platform_with("district", |_| {}, json!({}))
        .platform_with("city", redirect, json!({}))
        .without_gateway()
        .await;
    world.start_gateway().await;
    let line = world.logged("not registered").await;
    assert!(line.contains("city") && line.contains("302"), "{line}");
    world.platform("district").registered(SOON).await.unwrap();
    let mut buffer = [0; 64];
    let came = stranger.try_recv_from(&mut buffer);
    assert!(came.is_err(), "the stranger got a datagram: {came:?}");
    let connected = timeout(Duration::from_millis(100), listener.accept()).await;
    assert!(connected.is_err(), "the stranger got a connection");
}

/// A gateway whose one camera is watched, and that has been asked for its catalogue.
async fn watched(name: &str) -> (World, String, Session) {
    let video = clip(ClipKind::H264Small).await;
    let world = World::new(name)
        .camera("东门", CameraSettings::new(&video))
        .platform_with("district", |_| {}, json!({"limits": {"sessions": 4}}))
        .start()
        .await;
    let channel = world.channel("district", "东门").await;
    let options = Options {
        keep: Keep::Hash,
        ..Options::default()
    };
    let session: Result<Session, InviteError> = world
        .platform("district")
        .invite(&channel, Media::Udp, options)
        .await;
    let session = session.unwrap();
    session
        .wait_for(|stats| stats.frames >= 25, SOON)
        .await
        .unwrap();
    (world, channel, session)
}

/// The session lost nothing, the platform was never left, and the process is as large as it was.
async fn assert_unchanged(world: &World, session: Session, before: Footprint) {
    let frames = session.stats().frames;
    session
        .wait_for(|stats| stats.frames >= frames + 25, SOON)
        .await
        .unwrap();
    let metrics = world.metrics().await;
    assert!(
        metrics.contains("huiju_platform_registered{platform=\"district\"} 1"),
        "{metrics}"
    );
    session.bye().await.unwrap();
    let recording = session.finish().await.unwrap();
    lost_nothing(&recording);
    assert_eq!(
        world.camera("东门").stats().sessions_total,
        1,
        "it was asked once"
    );
    let events = world.platform("district").events();
    let registers = events
        .iter()
        .filter(|event| matches!(event.what, What::Register { .. }));
    assert_eq!(registers.count(), 2, "one registration");
    before.assert_not_grown(world).await;
}

/// What a process holds.
#[derive(Clone, Copy, Debug)]
struct Footprint {
    descriptors: usize,
    kilobytes: u64,
}

impl Footprint {
    fn of(world: &World) -> Self {
        let pid = world.gateway_pid();
        let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd"))
            .unwrap()
            .count();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
        Self {
            descriptors,
            kilobytes: kilobytes.unwrap(),
        }
    }

    async fn assert_not_grown(self, world: &World) {
        let mut pause = tokio::time::interval(Duration::from_millis(100));
        let shrunk = timeout(SOON, async {
            while Self::of(world).descriptors > self.descriptors {
                pause.tick().await;
            }
        });
        let is_released = shrunk.await.is_ok();
        let now = Self::of(world);
        assert!(is_released, "descriptors: {self:?}, now {now:?}");
        assert!(
            now.kilobytes < self.kilobytes + 16 * 1024,
            "memory: {self:?}, now {now:?}"
        );
    }
}

/// Sends what the gateway must close the connection for.
async fn assert_closed(world: &World, from: std::net::IpAddr, what: &str, bytes: &[u8]) {
    let gateway = world.http().replace(":8080", ":5060").parse().unwrap();
    let mut stream = connect(from, gateway).await;
    // The gateway may close before it has read all.
    let written = timeout(SOON, stream.write_all(bytes)).await.unwrap();
    let is_closed = |error: std::io::Error| {
        use std::io::ErrorKind::{BrokenPipe, ConnectionReset};
        matches!(error.kind(), BrokenPipe | ConnectionReset)
    };
    assert!(written.err().is_none_or(is_closed), "{what}");
    let mut answer = Vec::new();
    let read = timeout(SOON, stream.read_to_end(&mut answer)).await;
    assert!(read.is_ok(), "{what}: the connection stays open");
    assert_eq!(answer, b"", "{what} was answered");
}

type Shape = fn(Vec<u8>) -> Vec<u8>;

/// Shapes of a request that the field sends and that must be read.
fn odd_shapes() -> [(&'static str, Shape); 7] {
    [
        ("60 KB in a header", |request| {
            replace(
                &request,
                b"Max-Forwards",
                &[b"X: ", &[b'x'; 60_000][..], b"\r\nMax-Forwards"].concat(),
            )
        }),
        ("a name in GBK", |request| {
            replace(&request, b"From: ", b"From: \"\xcc\xec\xd4\xaa\xc7\xf8\" ")
        }),
        // The second byte of this character is a backslash.
        ("a name in GBK that ends in a backslash", |request| {
            replace(&request, b"From: ", b"From: \"\xd5\x5c\" ")
        }),
        ("GBK in Subject", |request| {
            replace(
                &request,
                b"Max-Forwards",
                b"Subject: \xca\xd3\xc6\xb5\xd5\x5c\r\nMax-Forwards",
            )
        }),
        ("bare line feeds", |request| {
            request.into_iter().filter(|byte| *byte != b'\r').collect()
        }),
        ("no Content-Length", |request| {
            replace(&request, b"Content-Length", b"X-Length")
        }),
        ("a line without a colon", |request| {
            replace(&request, b"Max-Forwards", b"nonsense\r\nMax-Forwards")
        }),
    ]
}

fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = bytes
        .windows(from.len())
        .position(|window| window == from)
        .unwrap();
    [&bytes[..at], to, &bytes[at + from.len()..]].concat()
}

/// A question, with something more inside.
fn query(more: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><Query><CmdType>DeviceStatus</CmdType><SN>1</SN>\
         <DeviceID>43021100002000000101</DeviceID>{more}</Query>"
    )
}

fn attributes(count: usize) -> String {
    let attributes: String = (0..count).map(|n| format!(" a{n}=\"\"")).collect();
    query("").replace("<Query>", &format!("<Query{attributes}>"))
}

async fn refused(world: &World, reason: &str) -> u64 {
    world
        .metric(&format!("huiju_refused_total{{reason=\"{reason}\"}}"))
        .await as u64
}

async fn wait_refused(world: &World, reason: &str, times: u64) {
    let mut pause = tokio::time::interval(Duration::from_millis(20));
    let came = timeout(SOON, async {
        while refused(world, reason).await < times {
            pause.tick().await;
        }
    });
    let is_counted = came.await.is_ok();
    assert!(
        is_counted && refused(world, reason).await == times,
        "{reason} is not {times}:\n{}",
        world.log()
    );
}

const PLATFORM: &str = "43021100002000000001";
const XML: &str = "Application/MANSCDP+xml";
const SDP: &str = "APPLICATION/SDP";
