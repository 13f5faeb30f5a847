//! The main job between parts nobody here wrote: GStreamer's RTSP server as the camera, sipp as the
//! platform, and FFmpeg, GStreamer, mpeg-ps and tshark as judges of what arrives.
//!
//! Every sipp process loses 5 % of its messages.

mod capture;
mod networks;
mod onvif;
mod recording;
mod stage;
mod stream;
mod tools;

use std::path::PathBuf;
use std::time::Duration;

use nix::sys::signal::Signal;

use self::capture::{Trace, is_sound};
use self::recording::{H264_AAC, H264_B_FRAMES_G711A, H265_G711U, Recording};
use self::stage::{CHANNEL, Call, Stage, Transport};
use self::stream::{Packs, ffmpeg_sees, gstreamer_sees, sound_is_of, tshark_sees};
use self::tools::Tool;

/// System, business group, department: what stands above the cameras in the catalogue.
const NODES: usize = 3;

/// How long a call is watched; a sender report is due after 5 s.
const WATCH: Duration = Duration::from_secs(7);

/// What a registration with challenge, a catalogue and a call are made of.
const SIGNALLING: [&str; 10] = [
    "REGISTER",
    "401 REGISTER",
    "200 REGISTER",
    "MESSAGE",
    "200 MESSAGE",
    "INVITE",
    "200 INVITE",
    "ACK",
    "BYE",
    "200 BYE",
];

const CALL: Call = Call {
    port: 40_000,
    ssrc: 211_000_001,
};

#[tokio::test(flavor = "multi_thread")]
async fn judges_find_h264_with_b_frames_and_g711a_sound_over_udp() {
    judge("udp", &H264_B_FRAMES_G711A, Transport::Udp).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn judges_find_h264_with_aac_sound_where_the_platform_listens() {
    judge("passive", &H264_AAC, Transport::TcpPassive).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn judges_find_h265_with_g711u_sound_where_the_platform_connects() {
    judge("active", &H265_G711U, Transport::TcpActive).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_catalogue_and_twenty_calls_survive_the_loss_of_one_message_in_twenty() {
    const IDLE: usize = 100;
    let recording = H264_B_FRAMES_G711A;
    let stage = Stage::set("loss", &recording, IDLE).await;
    stage.catalogue(NODES + 1 + IDLE).await;

    let calls: Vec<Call> = (0..20)
        .map(|number| Call {
            port: CALL.port + 2 * number,
            ssrc: CALL.ssrc + u32::from(number),
        })
        .collect();
    let ports = [calls[0].port.to_string(), calls.len().to_string()];
    let receiver = ["udp", networks::PLATFORM, &ports[0], &ports[1]];
    let receiver = stage.receiver(&receiver).await;
    let watch = Duration::from_secs(4);
    stage.call(Transport::Udp, &calls, watch).await;
    receiver.ask(Signal::SIGTERM);
    let counts = received(receiver).await;

    let folder = stage.folder.clone();
    let mut trace = stage.finish().await;
    for call in &calls {
        trace.tell_udp(call.port);
    }
    trace.is_clean().await;
    let repeated = trace.count("sip.resend == 1").await;
    assert!(repeated > 0, "nothing was lost: this shows nothing");
    let flows = trace.rtp().await;
    for (call, (packets, frames)) in calls.iter().zip(counts) {
        let flow = &flows[&call.port];
        is_sound(flow, call.ssrc);
        assert_eq!(flow.len(), packets, "packets to {}", call.port);
        let stream = std::fs::read(folder.join(format!("{}.ps", call.port))).unwrap();
        let packs = Packs::read(&stream);
        assert_eq!(packs.count, frames, "one marker a frame");
        assert!(
            packs.pictures >= 50,
            "{} pictures in {watch:?}",
            packs.pictures
        );
    }
}

/// One call, from the registration to the BYE, before all judges.
async fn judge(name: &str, recording: &Recording, transport: Transport) {
    let stage = Stage::set(name, recording, 0).await;
    let codes = stage.catalogue(NODES + 1).await;
    assert!(codes.iter().any(|code| code == CHANNEL), "{codes:?}");
    let seen = watch(stage, transport).await;
    judge_cable(&seen, transport).await;
    judge_stream(&seen, recording).await;
}

/// What a call left.
struct Seen {
    trace: Trace,
    port: u16,
    stream: PathBuf,
    packets: usize,
    frames: usize,
}

/// Watches one call to its end.
async fn watch(stage: Stage, transport: Transport) -> Seen {
    let port = CALL.port.to_string();
    let listening = match transport {
        Transport::Udp => Some(vec!["udp", networks::PLATFORM, &port, "1"]),
        Transport::TcpPassive => Some(vec!["accept", networks::PLATFORM, &port]),
        Transport::TcpActive => None,
    };
    let listening = match listening {
        Some(how) => Some(stage.receiver(&how).await),
        None => None,
    };
    let (answered, connected) = stage.call(transport, &[CALL], WATCH).await;
    let receiver = listening.or(connected).expect("a receiver");
    if transport == Transport::Udp {
        receiver.ask(Signal::SIGTERM);
    }
    let (packets, frames) = received(receiver).await[0];
    let port = match transport {
        Transport::Udp | Transport::TcpPassive => CALL.port,
        Transport::TcpActive => answered[0],
    };
    let stream = stage.folder.join(format!("{port}.ps"));
    let mut trace = stage.finish().await;
    match transport {
        Transport::Udp => trace.tell_udp(port),
        Transport::TcpPassive | Transport::TcpActive => trace.tell_tcp(port),
    }
    Seen {
        trace,
        port,
        stream,
        packets,
        frames,
    }
}

/// What tshark says of the signalling and of RTP; the receiver has what went over the cable.
async fn judge_cable(seen: &Seen, transport: Transport) {
    seen.trace.is_clean().await;
    let signalling = seen.trace.signalling().await;
    for expected in SIGNALLING {
        let is_there = signalling.iter().any(|message| message == expected);
        assert!(is_there, "no {expected} in {signalling:?}");
    }
    if transport == Transport::Udp {
        let report = format!("rtcp.pt == 200 && rtcp.senderssrc == {}", CALL.ssrc);
        assert!(seen.trace.count(&report).await > 0, "no sender report");
    }
    let flows = seen.trace.rtp().await;
    let flow = &flows[&seen.port];
    is_sound(flow, CALL.ssrc);
    assert_eq!(flow.len(), seen.packets, "packets at the receiver");
    let payloads = flow.iter().flat_map(|packet| &packet.payload);
    let received = std::fs::read(&seen.stream).unwrap();
    assert!(
        payloads.eq(&received),
        "the capture and the receiver differ"
    );
}

/// What all readers say of the stream; they agree on how much there is.
async fn judge_stream(seen: &Seen, recording: &Recording) {
    let stream = &seen.stream;
    let packs = Packs::read(&std::fs::read(stream).unwrap());
    assert_eq!(packs.count, seen.frames, "one marker a frame");
    assert_eq!(tshark_sees(stream).await, seen.frames, "packs by tshark");
    assert_eq!(packs.stream_types, recording.stream_types);
    let pictures = packs.pictures;
    assert!(pictures >= 75, "{pictures} pictures in {WATCH:?}");

    let original = recording.file().await;
    sound_is_of(recording, &original, &packs.sound).await;
    let decoded = ffmpeg_sees(stream, recording, &original).await;
    assert_eq!(decoded, pictures, "FFmpeg decodes every picture");
    let found = gstreamer_sees(stream).await;
    let all = format!("video {} {pictures} {pictures}", recording.caps());
    assert!(found.contains(&all), "GStreamer: {found:?}, not {all}");
    if recording.raw_audio.is_none() {
        let has_sound = found.iter().any(|line| line.starts_with("audio"));
        assert!(has_sound, "GStreamer decodes the sound: {found:?}");
    }
}

/// Packets and frames of each stream that a receiver took.
async fn received(receiver: Tool) -> Vec<(usize, usize)> {
    let lines = receiver.succeeds().await;
    let ended = lines
        .iter()
        .filter_map(|line| line.split_once(" ended: packets "));
    let counts = ended.map(|(_, counts)| {
        let (packets, frames) = counts.split_once(" frames ").unwrap();
        (packets.parse().unwrap(), frames.parse().unwrap())
    });
    counts.collect()
}
