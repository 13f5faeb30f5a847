//! The SDP of a camera's DESCRIBE, and packets for the tracks that it describes: `proto::sdp::parse_camera`.
//!
//! ```text
//! SDP | 0 | packets
//! ```

#![no_main]

use huiju::proto::sdp::{CameraMedia, parse_camera};
use huiju_fuzz::{Input, Packets};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let description = parse_camera(input.until_zero());
    assert!(description.tracks.len() <= 16);
    for track in &description.tracks {
        let media = &track.media;
        assert!(track.clock_rate > 0);
        check(media);
        let Some(mut track) = media.depacketizer() else {
            assert!(
                matches!(media, CameraMedia::Other(_)),
                "{media:?} without a way in"
            );
            continue;
        };
        for packet in Packets::new(input, BYTES_MAX) {
            let _ = track.push(&packet.borrow(), &mut |frame| {
                assert!(!frame.data.is_empty())
            });
        }
    }
});

fn check(media: &CameraMedia) {
    match media {
        CameraMedia::Video { parameter_sets, .. } => {
            assert!(parameter_sets.len() <= 64);
            assert!(parameter_sets.iter().all(|set| !set.is_empty()));
        }
        CameraMedia::Audio(_, Some(config)) => {
            assert!((1..=7).contains(&config.channels) && config.frequency() >= 7_350);
            assert!((1..=16).contains(&config.size_length) && config.index_length <= 16);
        }
        CameraMedia::Audio(_, None) | CameraMedia::Other(_) => {}
    }
}

const BYTES_MAX: usize = 256 << 10;
