//! The times of a hostile camera: `media::Timeline`. Whatever they are, a receiver can rely on the stream's.

#![no_main]

use std::time::Duration;

use huiju::media::{MediaTime, Timeline};
use huiju_fuzz::Input;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let mut timeline = Timeline::default();
    timeline.begin_session(Duration::ZERO);
    let mut camera = [0i64; 2];
    let mut last_dts = [None; 2];
    let mut last_scr = None;
    while !input.is_empty() {
        let step = input.byte();
        let track = usize::from(step & 1);
        match step >> 1 & 7 {
            0 => {
                timeline.begin_session(Duration::from_millis(u64::from(input.byte()) * 1000));
                continue;
            }
            1 => {
                timeline.set_reorder_depth(input.index(17));
                continue;
            }
            2 => camera[track] += i64::from(input.number()),
            // A frame that overtook others.
            3 => camera[track] -= 3600,
            _ => camera[track] += 450 * i64::from(step >> 4),
        }
        let time = MediaTime(camera[track]);
        let stamp = match track {
            0 => timeline.stamp_video(time),
            _ => timeline.stamp_audio(time),
        };
        assert!(stamp.dts <= stamp.pts, "{stamp:?}");
        assert!(stamp.scr.0 >= 0 && stamp.dts.0 >= 0, "{stamp:?}");
        // Tracks that lie further apart than the lead push SCR above DTS; one alone never does.
        let is_alone = last_dts[1 - track].is_none();
        assert!(stamp.scr <= stamp.dts || !is_alone, "{stamp:?}");
        assert!(last_scr < Some(stamp.scr), "SCR fell: {stamp:?}");
        assert!(last_dts[track] < Some(stamp.dts), "DTS fell: {stamp:?}");
        last_scr = Some(stamp.scr);
        last_dts[track] = Some(stamp.dts);
    }
});
