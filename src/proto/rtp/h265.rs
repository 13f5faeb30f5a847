//! H.265 from RTP (RFC 7798, without decoding order numbers).

use bytes::Bytes;

use super::video::{Codec, Collector, Role};
use super::{DepacketizeError, Packet, RawFrame};
use crate::media::h265;

/// Puts H.265 packets together to access units.
#[derive(Debug)]
pub struct H265(Collector<Hevc>);

#[derive(Debug)]
struct Hevc;

impl Codec for Hevc {
    fn role(first: u8) -> Role {
        match h265::unit_type(first) {
            h265::AUD => Role::Delimiter,
            h265::SPS => Role::Sequence,
            h265::VPS | h265::PPS => Role::OtherSet,
            other if h265::is_irap(other) => Role::KeySlice,
            other if h265::is_slice(other) => Role::Slice,
            _ => Role::Other,
        }
    }

    fn read_sequence(unit: &[u8]) -> Option<(Option<u8>, (u32, u32))> {
        let sps = h265::Sps::parse(unit)?;
        Some((Some(sps.reorder_depth), (sps.width, sps.height)))
    }
}

impl H265 {
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

fn take(units: &mut Collector<Hevc>, payload: &[u8]) -> Result<(), DepacketizeError> {
    if payload.is_empty() {
        return Ok(());
    }
    let (header, rest) = payload
        .split_first_chunk::<2>()
        .ok_or(DepacketizeError::Truncated)?;
    match h265::unit_type(header[0]) {
        0..=47 => units.push_unit(payload),
        AGGREGATE => units.push_aggregate(rest),
        FRAGMENT => take_fragment(units, *header, rest),
        other => Err(DepacketizeError::UnsupportedType(other)),
    }
}

/// A fragment: payload header, then S, E and the type of the unit (§4.4.3).
fn take_fragment(
    units: &mut Collector<Hevc>,
    header: [u8; 2],
    rest: &[u8],
) -> Result<(), DepacketizeError> {
    let (fragment, bytes) = rest.split_first().ok_or(DepacketizeError::Truncated)?;
    if fragment & FU_START != 0 {
        units.open_unit(&[header[0] & 0x81 | (fragment & 0x3f) << 1, header[1]])?;
    }
    units.extend_unit(bytes)?;
    if fragment & FU_END != 0 {
        units.close_unit();
    }
    Ok(())
}

const AGGREGATE: u8 = 48;
const FRAGMENT: u8 = 49;
const FU_START: u8 = 0x80;
const FU_END: u8 = 0x40;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::MediaTime;

    #[test]
    fn aggregates_and_fragments_make_one_access_unit() {
        let mut track = H265::new(vec![]);
        let mut frames = Vec::new();
        let packets: [(bool, &[u8]); 3] = [
            (false, &[0x60, 1, 0, 3, 0x40, 1, 9, 0, 3, 0x42, 1, 8]),
            (false, &[0x62, 1, 0x93, 1, 2]),
            (true, &[0x62, 1, 0x53, 3]),
        ];
        for (is_marked, payload) in packets {
            let packet = Packet {
                time: MediaTime(0),
                is_marked,
                lost: 0,
                payload,
            };
            track
                .push(&packet, &mut |frame| frames.push(frame))
                .unwrap();
        }
        assert!(frames[0].is_key);
        assert_eq!(
            frames[0].data[..],
            [
                0, 0, 0, 1, 0x40, 1, 9, 0, 0, 0, 1, 0x42, 1, 8, 0, 0, 0, 1, 0x26, 1, 1, 2, 3
            ]
        );
    }
}
