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
        self.0.begin_packet(packet, sink);
        let outcome = self.take(packet.payload);
        if outcome.is_err() {
            self.0.break_unit();
        }
        self.0.end_packet(packet, sink);
        outcome
    }

    fn take(&mut self, payload: &[u8]) -> Result<(), DepacketizeError> {
        if payload.is_empty() {
            return Ok(());
        }
        let (header, rest) = payload
            .split_first_chunk::<2>()
            .ok_or(DepacketizeError::Truncated)?;
        match h265::unit_type(header[0]) {
            0..=47 => self.0.push_unit(payload),
            AGGREGATE => self.take_aggregate(rest),
            FRAGMENT => self.take_fragment(*header, rest),
            other => Err(DepacketizeError::UnsupportedType(other)),
        }
    }

    /// Aggregation: units with a 16-bit size before each (§4.4.2).
    fn take_aggregate(&mut self, mut rest: &[u8]) -> Result<(), DepacketizeError> {
        while let Some((size, after)) = rest.split_first_chunk::<2>() {
            let size = usize::from(u16::from_be_bytes(*size));
            let (unit, after) = after
                .split_at_checked(size)
                .ok_or(DepacketizeError::Truncated)?;
            self.0.push_unit(unit)?;
            rest = after;
        }
        Ok(())
    }

    /// A fragment: payload header, then S, E and the type of the unit (§4.4.3).
    fn take_fragment(&mut self, header: [u8; 2], rest: &[u8]) -> Result<(), DepacketizeError> {
        let (fragment, bytes) = rest.split_first().ok_or(DepacketizeError::Truncated)?;
        if fragment & FU_START != 0 {
            self.0
                .open_unit(&[header[0] & 0x81 | (fragment & 0x3f) << 1, header[1]])?;
        }
        self.0.extend_unit(bytes)?;
        if fragment & FU_END != 0 {
            self.0.close_unit();
        }
        Ok(())
    }
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
