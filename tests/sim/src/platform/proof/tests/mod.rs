//! The judge before recordings whose truth is known: made here from an encoder's own units.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use tokio::time::Instant;

use super::*;
use crate::clips::{Clip, ClipKind, Codec, prepare};
use crate::platform::Settings;
use crate::platform::media::checker::Checker;
use crate::platform::media::ps::tests::{pack_start, pes_by_hand};
use crate::platform::sip::digest::Algorithm;
use crate::platform::tasks::Tasks;
use crate::platform::tests::LIMIT;
use crate::platform::tests::lower::Lower;

mod served;

use served::Served;

/// What is done to a recording on its way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Harm {
    None,
    /// One bit of a slice in the fortieth video frame.
    FlippedBit,
    /// The fortieth video frame is missing.
    MissingFrame,
    /// One byte of audio.
    WrongAudio,
}

/// A whole frame: its packs' PES times, and what it carries.
struct Frame {
    stream_id: u8,
    is_key: bool,
    pts: u64,
    dts: u64,
    payload: Vec<u8>,
}

fn clips(kinds: &[ClipKind]) -> Vec<Arc<Clip>> {
    prepare(
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/clips")),
        kinds,
    )
    .unwrap()
}

/// Both clips, repeated for `seconds`, in the order of their DTS.
fn frames(video: &Clip, audio: &Clip, seconds: u64, harm: Harm) -> Vec<Frame> {
    let end = seconds * 90_000;
    let mut frames = Vec::new();
    for (clip, stream_id) in [(video, 0xE0), (audio, 0xC0)] {
        for turn in 0..=end / clip.period() {
            for unit in clip.units() {
                let nals = unit.nals.iter();
                let payload = match clip.codec() {
                    Codec::H264 | Codec::H265 => nals
                        .flat_map(|nal| [&[0, 0, 0, 1], &nal[..]].concat())
                        .collect(),
                    Codec::Aac => nals
                        .flat_map(|frame| [&adts(frame.len())[..], &frame[..]].concat())
                        .collect(),
                    Codec::G711A | Codec::G711U => nals.flat_map(|bytes| bytes.to_vec()).collect(),
                };
                // Audio times move by a tick, since no two frames may have one RTP timestamp.
                let later = turn * clip.period() + 90_000 + u64::from(stream_id == 0xC0);
                let (pts, dts) = (unit.pts + later, unit.dts + later);
                frames.push(Frame {
                    stream_id,
                    is_key: unit.is_key && stream_id == 0xE0,
                    pts,
                    dts,
                    payload,
                });
            }
        }
    }
    frames.retain(|frame| frame.dts < end + 90_000);
    frames.sort_by_key(|frame| frame.dts);
    harm_frames(&mut frames, harm);
    frames
}

fn harm_frames(frames: &mut Vec<Frame>, harm: Harm) {
    let of = |stream_id: u8| {
        let found = frames
            .iter()
            .enumerate()
            .filter(|(_, frame)| frame.stream_id == stream_id);
        found.map(|(at, _)| at).nth(40).unwrap()
    };
    match harm {
        Harm::None => {}
        Harm::FlippedBit => {
            let at = of(0xE0);
            let middle = frames[at].payload.len() / 2;
            frames[at].payload[middle] ^= 0x10;
        }
        Harm::MissingFrame => {
            let at = of(0xE0);
            frames.remove(at);
        }
        Harm::WrongAudio => {
            let at = of(0xC0);
            frames[at].payload[20] ^= 0xFF;
        }
    }
}

/// ADTS of AAC-LC, 48 kHz, mono.
fn adts(length: usize) -> [u8; 7] {
    let length = length + 7;
    let byte = |value: usize| u8::try_from(value & 0xFF).unwrap();
    [
        0xFF,
        0xF1,
        0x4C,
        0x40 | byte(length >> 11),
        byte(length >> 3),
        byte(length << 5) | 0x1F,
        0xFC,
    ]
}

/// The packets that a gateway would make of frames, each with the time of its frame.
fn packets(frames: &[Frame], map: &[(u8, u8)], ssrc: u32) -> Vec<(u64, Vec<u8>)> {
    let mut out: Vec<(u64, Vec<u8>)> = Vec::new();
    for frame in frames {
        let mut pack = pack_start(frame.dts - 1, frame.is_key.then_some(map));
        let dts = (frame.dts != frame.pts).then_some(frame.dts);
        for payload in frame.payload.chunks(65_000) {
            pes_by_hand(&mut pack, frame.stream_id, (frame.pts, dts), payload);
        }
        let payloads: Vec<&[u8]> = pack.chunks(1400).collect();
        for (number, payload) in payloads.iter().enumerate() {
            let mut packet = vec![0x80, 96 | u8::from(number + 1 == payloads.len()) << 7];
            packet.extend(u16::try_from(out.len() & 0xFFFF).unwrap().to_be_bytes());
            packet.extend(u32::try_from(frame.dts).unwrap().to_be_bytes());
            packet.extend(ssrc.to_be_bytes());
            packet.extend_from_slice(payload);
            out.push((frame.dts, packet));
        }
    }
    out
}

fn camera(video: &Clip, audio: &Clip) -> Camera {
    serde_json::from_value(serde_json::json!({
        "name": "喆𠮷便利店<门口>", "department": "social", "department_name": "社会面",
        "video": {"codec": video.codec().name(), "file": video.path(), "parameter_sets": "in_band_and_sdp"},
        "audio": {"codec": audio.codec().name(), "file": audio.path()},
    }))
    .unwrap()
}

fn map_of(camera: &Camera) -> [(u8, u8); 2] {
    let audio = camera.audio.as_ref().map(|audio| audio.codec.stream_type());
    [
        (camera.video.codec.stream_type(), 0xE0),
        (audio.unwrap(), 0xC0),
    ]
}

fn scratch(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("huiju-sim-{name}-{}", std::process::id()))
}

async fn verdict(video: ClipKind, audio: ClipKind, harm: Harm) -> anyhow::Result<()> {
    let clips = clips(&[video, audio]);
    let camera = camera(&clips[0], &clips[1]);
    let path = scratch(&format!("{video}-{audio}-{harm:?}"));
    let mut checker = Checker::new(Keep::Record(path), Some(7)).unwrap();
    for (_, packet) in packets(&frames(&clips[0], &clips[1], 6, harm), &map_of(&camera), 7) {
        checker.handle_packet(Instant::now(), &packet);
    }
    let recording = checker.finish().unwrap();
    let verdict = Judge::new(2).judge(&camera, &recording, 6).await;
    for file in [&recording.ps, &recording.audio].into_iter().flatten() {
        std::fs::remove_file(file)?;
    }
    verdict
}

#[tokio::test]
async fn a_right_recording_is_passed() {
    for (video, audio) in [
        (ClipKind::H264BFrames, ClipKind::G711A),
        (ClipKind::H265BFrames, ClipKind::G711U),
        (ClipKind::H264TwoPpsSeiAud, ClipKind::Aac48k),
        (ClipKind::H265720p, ClipKind::Aac48k),
    ] {
        let verdict = verdict(video, audio, Harm::None).await;
        assert!(
            verdict.is_ok(),
            "{video} with {audio}: {:#}",
            verdict.unwrap_err()
        );
    }
}

#[tokio::test]
async fn a_flipped_bit_a_missing_frame_and_wrong_audio_are_found() {
    for (harm, audio, expected) in [
        (
            Harm::FlippedBit,
            ClipKind::G711A,
            ["decode", "access units"],
        ),
        (
            Harm::MissingFrame,
            ClipKind::G711A,
            ["decode", "access units"],
        ),
        (
            Harm::WrongAudio,
            ClipKind::G711A,
            ["G.711 bytes", "G.711 bytes"],
        ),
        (Harm::WrongAudio, ClipKind::Aac48k, ["decode", "AAC frames"]),
    ] {
        let found = verdict(ClipKind::H264Baseline720p, audio, harm)
            .await
            .unwrap_err()
            .to_string();
        assert!(
            expected.iter().any(|what| found.contains(what)),
            "{harm:?} with {audio}: {found}"
        );
    }
}

/// Proves a farm of one camera before a lower platform that does what `harm` says.
async fn proof(harm: Harm) -> Proof {
    let clips = clips(&[ClipKind::H264BFrames, ClipKind::Aac48k]);
    let camera = camera(&clips[0], &clips[1]);
    let settings = Settings {
        asks_at_once: false,
        ..Settings::default()
    };
    let platform = Arc::new(Platform::start(settings.clone()).await.unwrap());
    let mut lower = Lower::new(&platform, &settings).await;
    lower.register("12345678", Algorithm::Md5).await;
    let served = Served {
        lower,
        camera: camera.clone(),
        frames: Arc::new(frames(&clips[0], &clips[1], 10, harm)),
        playing: HashMap::new(),
        waiting: HashMap::new(),
    };
    let tasks = Tasks::default();
    tasks.spawn(served.serve(tasks.clone()));
    let items = platform.catalogue(LIMIT).await.unwrap();
    let (length, folder) = (Duration::from_secs(3), scratch(&format!("proof-{harm:?}")));
    let mut proof = Proof::find(
        &Manifest {
            cameras: vec![camera],
        },
        &items,
        &settings.lower_id,
    );
    proof.record(&platform, length, &folder).await.unwrap();
    proof.judge(length).await;
    tasks.stop().await;
    std::fs::remove_dir_all(folder).unwrap();
    proof
}

#[tokio::test]
async fn a_proof_holds_for_a_right_lower_platform_over_every_transport() {
    let proof = proof(Harm::None).await;
    assert!(proof.holds(), "{proof}");
    assert_eq!(proof.score(), (3, 3));
}

#[tokio::test]
async fn a_proof_fails_when_a_bit_is_flipped_on_the_way() {
    let proof = proof(Harm::FlippedBit).await;
    assert_eq!(proof.score(), (0, 3), "{proof}");
    assert!(!proof.holds());
}
