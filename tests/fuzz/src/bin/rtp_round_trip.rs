//! Access units that are cut into RTP packets in every way a camera may must come out bit for bit.
//!
//! The packing is the target's own, so that it is no judge of itself.

#![no_main]

use bytes::Bytes;
use huiju::media::{MediaTime, VideoCodec};
use huiju::proto::rtp::{Depacketizer, Packet};
use huiju_fuzz::Input;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let codec = [VideoCodec::H264, VideoCodec::H265][input.index(2)];
    let is_marked = input.index(2) > 0;
    let mut track = Depacketizer::video(codec, Vec::new());
    let mut known_sets = Vec::new();
    let (mut expected, mut frames) = (Vec::new(), Vec::new());
    for number in 1..=FRAMES_MAX {
        if input.is_empty() {
            break;
        }
        let units = read_units(codec, &mut input);
        let packets = pack(codec, &units, &mut input);
        let last = packets.len() - 1;
        for (at, payload) in packets.iter().enumerate() {
            let packet = Packet {
                time: MediaTime(number * 3600),
                is_marked: is_marked && at == last,
                lost: 0,
                payload,
            };
            let outcome = track.push(&packet, &mut |frame| frames.push(frame));
            assert_eq!(outcome, Ok(()));
        }
        expected.push(annex_b(&units, &mut known_sets));
    }
    let frames: Vec<_> = frames.into_iter().map(|frame| frame.data).collect();
    // Without a marker the last frame is still open.
    let open = usize::from(!is_marked && !expected.is_empty());
    assert_eq!(frames, expected[..expected.len() - open]);
});

/// What a NAL unit is to the depacketizer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Delimiter,
    Sequence,
    Other,
    Picture,
    Key,
    Slice,
}

#[derive(Debug)]
struct Unit {
    kind: Kind,
    bytes: Vec<u8>,
}

/// A delimiter or none, then what may precede slices, then slices, one at least.
fn read_units(codec: VideoCodec, input: &mut Input<'_>) -> Vec<Unit> {
    let mut unit = |kind, spare: u8| {
        let number = match (codec, kind) {
            (VideoCodec::H264, Kind::Delimiter) => 9,
            (VideoCodec::H264, Kind::Sequence) => 7,
            (VideoCodec::H264, Kind::Picture) => 8,
            (VideoCodec::H264, Kind::Other) => 6,
            (VideoCodec::H264, Kind::Key) => 5,
            (VideoCodec::H265, Kind::Delimiter) => 35,
            (VideoCodec::H265, Kind::Sequence) => 33,
            (VideoCodec::H265, Kind::Picture) => 34,
            (VideoCodec::H265, Kind::Other) => 39,
            (VideoCodec::H265, Kind::Key) => 19,
            (_, Kind::Slice) => 1,
        };
        let mut bytes = match codec {
            VideoCodec::H264 => vec![spare & 0x60 | number],
            VideoCodec::H265 => vec![number << 1 | spare & 1, 1],
        };
        bytes.extend_from_slice(input.chunk());
        Unit { kind, bytes }
    };
    let plan = unit(Kind::Other, 0).bytes;
    let plan = plan.get(1..).unwrap_or_default();
    let mut units = Vec::new();
    if plan.len() % 2 == 1 {
        units.push(unit(Kind::Delimiter, 0));
    }
    for step in plan.iter().take(6) {
        let kind = [Kind::Sequence, Kind::Picture, Kind::Other, Kind::Other][usize::from(step % 4)];
        units.push(unit(kind, *step));
    }
    let slice = if plan.len() % 4 < 2 {
        Kind::Key
    } else {
        Kind::Slice
    };
    for step in 0..=plan.len() % 3 {
        units.push(unit(slice, step as u8));
    }
    units
}

/// What must come out: every unit behind a start code, and the last known sets before a key frame that
/// has none.
fn annex_b(units: &[Unit], known_sets: &mut Vec<Vec<u8>>) -> Bytes {
    let is_set = |unit: &&Unit| matches!(unit.kind, Kind::Sequence | Kind::Picture);
    let sets: Vec<_> = units.iter().filter(is_set).collect();
    let mut out: Vec<&[u8]> = units.iter().map(|unit| &unit.bytes[..]).collect();
    if sets.iter().any(|unit| unit.kind == Kind::Sequence) {
        *known_sets = sets.iter().map(|unit| unit.bytes.clone()).collect();
    } else if sets.is_empty() && units.last().is_some_and(|unit| unit.kind == Kind::Key) {
        let at = usize::from(units[0].kind == Kind::Delimiter);
        out.splice(at..at, known_sets.iter().map(Vec::as_slice));
    }
    let out = out.iter().flat_map(|unit| [&[0, 0, 0, 1], *unit].concat());
    out.collect::<Vec<_>>().into()
}

/// Cuts units into payloads: alone, several together, or in fragments, as the input says.
fn pack(codec: VideoCodec, units: &[Unit], input: &mut Input<'_>) -> Vec<Vec<u8>> {
    let mut payloads = Vec::new();
    let mut left = units;
    while let Some((unit, rest)) = left.split_first() {
        let step = input.byte();
        let head = if codec == VideoCodec::H264 { 1 } else { 2 };
        let (header, body) = unit.bytes.split_at(head);
        match step % 3 {
            1 => {
                let (group, rest) = left.split_at(left.len().min(1 + usize::from(step / 3) % 4));
                payloads.push(aggregate(codec, group));
                left = rest;
                continue;
            }
            2 if body.len() > 1 => {
                let size = body.len().div_ceil(2 + usize::from(step / 3) % 5);
                let chunks = body.chunks(size);
                let last = chunks.len() - 1;
                payloads.extend(chunks.enumerate().map(|(at, chunk)| {
                    let flags = u8::from(at == 0) << 7 | u8::from(at == last) << 6;
                    fragment(codec, header, flags, chunk)
                }));
            }
            _ => payloads.push(unit.bytes.clone()),
        }
        left = rest;
    }
    payloads
}

/// RFC 6184 §5.7.1, RFC 7798 §4.4.2.
fn aggregate(codec: VideoCodec, units: &[Unit]) -> Vec<u8> {
    let mut payload = match codec {
        VideoCodec::H264 => vec![24],
        VideoCodec::H265 => vec![48 << 1, 1],
    };
    for unit in units {
        payload.extend_from_slice(&(unit.bytes.len() as u16).to_be_bytes());
        payload.extend_from_slice(&unit.bytes);
    }
    payload
}

/// RFC 6184 §5.8, RFC 7798 §4.4.3.
fn fragment(codec: VideoCodec, header: &[u8], flags: u8, chunk: &[u8]) -> Vec<u8> {
    let mut payload = match (codec, header) {
        (VideoCodec::H264, [first, ..]) => vec![first & 0x60 | 28, flags | first & 0x1f],
        (VideoCodec::H265, [first, second, ..]) => {
            vec![first & 1 | 49 << 1, *second, flags | first >> 1]
        }
        _ => Vec::new(),
    };
    payload.extend_from_slice(chunk);
    payload
}

const FRAMES_MAX: i64 = 16;
