//! H.264 from RTP (RFC 6184, packetization modes 0 and 1).

use bytes::Bytes;

use super::video::{Codec, Collector, Role};
use super::{DepacketizeError, Packet, RawFrame};
use crate::media::h264;

/// Puts H.264 packets together to access units.
#[derive(Debug)]
pub struct H264(Collector<Avc>);

#[derive(Debug)]
struct Avc;

impl Codec for Avc {
    fn role(first: u8) -> Role {
        match h264::unit_type(first) {
            h264::AUD => Role::Delimiter,
            h264::SPS => Role::Sequence,
            // 13: SPS extension, 15: subset SPS.
            h264::PPS | 13 | 15 => Role::OtherSet,
            h264::IDR => Role::KeySlice,
            other if h264::is_slice(other) => Role::Slice,
            _ => Role::Other,
        }
    }

    fn read_sequence(unit: &[u8]) -> Option<(Option<u8>, (u32, u32))> {
        let sps = h264::Sps::parse(unit)?;
        Some((sps.reorder_depth, (sps.width, sps.height)))
    }
}

impl H264 {
    pub(super) fn new(parameter_sets: Vec<Bytes>) -> Self {
        Self(Collector::new(parameter_sets))
    }

    pub(super) fn push(
        &mut self,
        packet: &Packet<'_>,
        sink: &mut dyn FnMut(RawFrame),
    ) -> Result<(), DepacketizeError> {
        self.0.push(packet, sink, take)
    }
}

fn take(units: &mut Collector<Avc>, payload: &[u8]) -> Result<(), DepacketizeError> {
    let Some((indicator, rest)) = payload.split_first() else {
        return Ok(());
    };
    match indicator & 0x1f {
        0..=23 => units.push_unit(payload),
        STAP_A => units.push_aggregate(rest),
        FU_A => take_fragment(units, *indicator, rest),
        other => Err(DepacketizeError::UnsupportedType(other)),
    }
}

/// A fragment: indicator, then S, E, R and the type of the unit (§5.8).
fn take_fragment(
    units: &mut Collector<Avc>,
    indicator: u8,
    rest: &[u8],
) -> Result<(), DepacketizeError> {
    let (header, bytes) = rest.split_first().ok_or(DepacketizeError::Truncated)?;
    if header & FU_START != 0 {
        units.open_unit(&[indicator & 0xe0 | header & 0x1f])?;
    }
    units.extend_unit(bytes)?;
    if header & FU_END != 0 {
        units.close_unit();
    }
    Ok(())
}

const STAP_A: u8 = 24;
const FU_A: u8 = 28;
const FU_START: u8 = 0x80;
const FU_END: u8 = 0x40;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::MediaTime;

    #[test]
    fn single_units_aggregates_and_fragments_make_one_access_unit() {
        let frames = frames_of(
            vec![],
            &[
                (0, false, 0, &[24, 0, 2, 0x67, 1, 0, 2, 0x68, 2]),
                (0, false, 0, &[0x06, 5, 5]),
                (0, false, 0, &[0x7c, 0x85, 1, 2]),
                (0, false, 0, &[0x7c, 0x05, 3]),
                (0, true, 0, &[0x7c, 0x45, 4]),
            ],
        );
        let expected = [
            0, 0, 0, 1, 0x67, 1, 0, 0, 0, 1, 0x68, 2, 0, 0, 0, 1, 6, 5, 5, 0, 0, 0, 1, 0x65, 1, 2,
            3, 4,
        ];
        assert_eq!(frames.len(), 1);
        assert!(frames[0].is_key);
        assert_eq!(frames[0].data[..], expected);
    }

    #[test]
    fn sets_of_the_sdp_go_before_a_key_frame_that_has_none_and_after_its_delimiter() {
        let sets = vec![
            Bytes::from_static(&[0x67, 1]),
            Bytes::from_static(&[0x68, 2]),
        ];
        let frames = frames_of(
            sets,
            &[
                (0, false, 0, &[0x09, 0xf0]),
                (0, true, 0, &[0x65, 7]),
                (3600, true, 0, &[0x41, 8]),
            ],
        );
        assert_eq!(
            frames[0].data[..],
            [
                0, 0, 0, 1, 9, 0xf0, 0, 0, 0, 1, 0x67, 1, 0, 0, 0, 1, 0x68, 2, 0, 0, 0, 1, 0x65, 7
            ]
        );
        assert_eq!(frames[1].data[..], [0, 0, 0, 1, 0x41, 8]);
    }

    #[test]
    fn sets_that_come_alone_join_the_next_access_unit() {
        let frames = frames_of(
            vec![],
            &[
                (0, true, 0, &[0x67, 1]),
                (0, true, 0, &[0x68, 2]),
                (3600, true, 0, &[0x65, 7]),
            ],
        );
        assert_eq!(frames.len(), 1);
        assert_eq!(frames[0].time, MediaTime(3600));
        assert_eq!(frames[0].data.len(), 6 * 3);
    }

    #[test]
    fn after_a_loss_frames_resume_at_the_next_key_frame() {
        let frames = frames_of(
            vec![],
            &[
                (0, true, 0, &[0x65, 1]),
                (3600, false, 0, &[0x7c, 0x81, 1]),
                (3600, true, 1, &[0x7c, 0x41, 3]),
                (7200, true, 0, &[0x41, 4]),
                (10_800, true, 0, &[0x65, 5]),
            ],
        );
        let times: Vec<_> = frames.iter().map(|frame| frame.time.0).collect();
        assert_eq!(times, [0, 10_800]);
    }

    #[test]
    fn a_key_frame_that_lost_a_slice_is_not_passed_on() {
        let frames = frames_of(
            vec![],
            &[
                (0, true, 0, &[0x65, 1]),
                (3600, false, 0, &[0x65, 1]),
                (3600, true, 1, &[0x65, 3]),
                (7200, true, 0, &[0x41, 4]),
                (10_800, true, 0, &[0x65, 5]),
            ],
        );
        let times: Vec<_> = frames.iter().map(|frame| frame.time.0).collect();
        assert_eq!(times, [0, 10_800]);
    }

    #[test]
    fn a_marker_on_every_slice_is_found_out() {
        let packets: Vec<(i64, bool, u16, &[u8])> = (0..4)
            .flat_map(|n| {
                [
                    (n * 3600, true, 0, &[0x65, 1][..]),
                    (n * 3600, true, 0, &[0x65, 2]),
                ]
            })
            .collect();
        let frames = frames_of(vec![], &packets);
        assert_eq!(
            frames.last().unwrap().data.len(),
            12,
            "two slices in one access unit"
        );
    }

    #[test]
    fn a_cut_aggregate_is_an_error_and_not_a_panic() {
        let mut track = H264::new(vec![]);
        let packet = packet((0, true, 0, &[24, 0, 9, 0x67]));
        assert_eq!(
            track.push(&packet, &mut |_| {}),
            Err(DepacketizeError::Truncated)
        );
    }

    type Given<'a> = (i64, bool, u16, &'a [u8]);

    fn frames_of(sets: Vec<Bytes>, packets: &[Given<'_>]) -> Vec<RawFrame> {
        let mut track = H264::new(sets);
        let mut frames = Vec::new();
        for given in packets {
            // A stray fragment is an error that the stream outlives.
            let _outcome = track.push(&packet(*given), &mut |frame| frames.push(frame));
        }
        frames
    }

    fn packet((time, is_marked, lost, payload): Given<'_>) -> Packet<'_> {
        Packet {
            time: MediaTime(time),
            is_marked,
            lost,
            payload,
        }
    }
}
