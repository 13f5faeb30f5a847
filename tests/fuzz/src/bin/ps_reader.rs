//! The judge's own reader of program streams: `huiju_sim::platform::media::ps`. It must not be fooled by
//! bytes into naming what is not there.

#![no_main]

use huiju_sim::platform::media::ps::parse;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(pack) = parse(data) else {
        return;
    };
    assert!(!pack.pes.is_empty());
    let mut end = 14;
    for pes in &pack.pes {
        assert!((0xc0..=0xef).contains(&pes.stream_id));
        assert!(pes.payload.start >= end + 9 && pes.payload.start < pes.payload.end);
        assert!(pes.dts.is_none() || pes.pts.is_some());
        end = pes.payload.end;
    }
    assert!(end <= data.len());
    assert!(pack.scr < 300 << 33);
});
