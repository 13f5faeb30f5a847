//! RTP packets of a camera's H.264 and H.265 (RFC 6184, RFC 7798): `proto::rtp::Depacketizer`.
//!
//! ```text
//! codec, from f0 on with megabytes | count of sets | sets | packets
//! ```

#![no_main]

use bytes::Bytes;
use huiju::media::VideoCodec;
use huiju::media::annexb::START_CODE;
use huiju::proto::rtp::{Depacketizer, FRAME_BYTES_MAX, RawFrame};
use huiju_fuzz::{Input, Packets};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let choice = input.byte();
    let codec = [VideoCodec::H264, VideoCodec::H265][usize::from(choice & 1)];
    // Frames at the limit cost a thousand others, so that few inputs may have them.
    let budget = if choice < 0xf0 {
        BYTES_MAX
    } else {
        2 * FRAME_BYTES_MAX
    };
    let sets = (0..input.index(4)).map(|_| Bytes::copy_from_slice(input.chunk()));
    let mut track = Depacketizer::video(codec, sets.collect());
    let mut was_broken = false;
    for packet in Packets::new(input, budget) {
        was_broken |= packet.lost > 0;
        let mut frames = Vec::new();
        let outcome = track.push(&packet.borrow(), &mut |frame| frames.push(frame));
        for frame in &frames {
            check(frame);
            assert!(frame.is_key || !was_broken, "a frame after a hole");
            was_broken = false;
        }
        was_broken |= outcome.is_err();
    }
});

fn check(frame: &RawFrame) {
    assert!(frame.data.len() <= FRAME_BYTES_MAX, "{}", frame.data.len());
    assert!(frame.data.len() > START_CODE.len());
    assert!(frame.data.starts_with(&START_CODE));
    assert!(frame.reorder_depth.is_none_or(|depth| depth <= 16));
}

const BYTES_MAX: usize = 128 << 10;
