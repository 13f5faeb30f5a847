//! RTP packets of a camera's AAC and G.711 (RFC 3640, RFC 3551): `proto::rtp::Depacketizer`.

#![no_main]

use huiju::proto::rtp::{AacConfig, Depacketizer, RawFrame};
use huiju_fuzz::{Input, OwnedPacket, Packets};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let is_aac = input.index(4) > 0;
    let config = [input.byte(), input.byte()];
    let (size_length, index_length) = (input.byte(), input.byte());
    let config = AacConfig::parse(&config, size_length.into(), index_length.into());
    let mut track = match config {
        Some(config) if is_aac => Depacketizer::aac(config),
        _ => Depacketizer::G711,
    };
    let is_g711 = matches!(track, Depacketizer::G711);
    for packet in Packets::new(input, BYTES_MAX) {
        let check = if is_g711 { check_g711 } else { check_adts };
        let mut frames = 0;
        let _ = track.push(&packet.borrow(), &mut |frame| {
            frames += 1;
            check(&frame, &packet);
        });
        // A unit has a byte at least: a small packet makes no flood of frames.
        assert!(frames <= packet.payload.len(), "{frames} frames");
    }
});

fn check_g711(frame: &RawFrame, packet: &OwnedPacket) {
    assert_eq!(frame.data, packet.payload);
    assert!(!frame.data.is_empty() && frame.time == packet.time);
}

/// The frame's own header must say its length (ISO/IEC 14496-3 §1.A.2.2).
fn check_adts(frame: &RawFrame, _: &OwnedPacket) {
    let [0xff, 0xf1, _, third, fourth, fifth, 0xfc, ..] = frame.data[..] else {
        unreachable!("no ADTS header: {:02x?}", frame.data);
    };
    let length = usize::from(third & 3) << 11 | usize::from(fourth) << 3 | usize::from(fifth >> 5);
    assert_eq!(length, frame.data.len());
    assert!(!frame.is_key);
}

/// Enough for fragments of the largest unit of audio.
const BYTES_MAX: usize = 256 << 10;
