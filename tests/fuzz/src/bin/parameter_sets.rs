//! Sequence parameter sets of H.264 and H.265 and the NAL units they stand in: `media::{h264, h265, annexb}`.

#![no_main]

use huiju::media::{annexb, h264, h265};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Some(set) = h264::Sps::parse(data) {
        assert!(set.reorder_depth.is_none_or(|depth| depth <= 16));
        assert_eq!(set.profile, data[1]);
    }
    if let Some(set) = h265::Sps::parse(data) {
        assert!(set.reorder_depth <= 16);
    }
    let rbsp = annexb::to_rbsp(data, data.len());
    assert!(rbsp.len() <= data.len());
    // Emulation prevention that is added to any bytes is removed again (ITU-T H.264 §7.4.1).
    let escaped = escape(data);
    assert_eq!(annexb::to_rbsp(&escaped, escaped.len()), data);
});

fn escape(rbsp: &[u8]) -> Vec<u8> {
    let mut unit = Vec::with_capacity(rbsp.len() * 3 / 2);
    let mut zeros = 0;
    for byte in rbsp {
        if zeros == 2 && *byte <= 3 {
            unit.push(3);
            zeros = 0;
        }
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
        unit.push(*byte);
    }
    unit
}
