//! AAC from RTP (RFC 3640, mode AAC-hbr) to ADTS frames (ISO/IEC 14496-3 §1.A.2.2).

use bytes::{BufMut, BytesMut};

use super::{DepacketizeError, Packet, RawFrame};
use crate::media::MediaTime;

/// What a camera's SDP says of its AAC track.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AacConfig {
    /// `audioObjectType` 1 … 4: what ADTS can say.
    pub object_type: u8,
    /// `samplingFrequencyIndex` 0 … 12.
    pub frequency_index: u8,
    /// `channelConfiguration` 1 … 7.
    pub channels: u8,
    /// Bits of the size in an AU header.
    pub size_length: u32,
    /// Bits of the index in an AU header.
    pub index_length: u32,
}

impl AacConfig {
    /// Reads an AudioSpecificConfig (ISO/IEC 14496-3 §1.6.2.1); `None` for what ADTS cannot carry.
    pub fn parse(config: &[u8], size_length: u32, index_length: u32) -> Option<Self> {
        let (first, second) = (*config.first()?, *config.get(1)?);
        let object_type = first >> 3;
        let frequency_index = (first & 7) << 1 | second >> 7;
        let channels = second >> 3 & 0x0f;
        let fits = (1..=4).contains(&object_type)
            && frequency_index <= 12
            && (1..=7).contains(&channels)
            && (1..=16).contains(&size_length)
            && index_length <= 16;
        fits.then_some(Self {
            object_type,
            frequency_index,
            channels,
            size_length,
            index_length,
        })
    }

    /// The sampling frequency in Hz.
    pub fn frequency(self) -> u32 {
        FREQUENCIES
            .get(usize::from(self.frequency_index))
            .copied()
            .unwrap_or(8_000)
    }

    fn adts_header(self, payload: usize) -> Option<[u8; ADTS_LEN]> {
        let length = u16::try_from(payload + ADTS_LEN)
            .ok()
            .filter(|length| *length < 1 << 13)?;
        Some([
            0xff,
            0xf1, // MPEG-4, no CRC
            (self.object_type - 1) << 6 | self.frequency_index << 2 | self.channels >> 2,
            (self.channels & 3) << 6 | (length >> 11) as u8,
            (length >> 3) as u8,
            (length << 5) as u8 | 0x1f, // buffer fullness: variable rate
            0xfc,
        ])
    }
}

/// Puts AAC packets together to ADTS frames.
#[derive(Debug)]
pub struct Aac {
    config: AacConfig,
    /// An access unit that spans packets, and its full size.
    open: Option<(usize, BytesMut)>,
}

impl Aac {
    pub(super) fn new(config: AacConfig) -> Self {
        Self { config, open: None }
    }

    pub(super) fn push(
        &mut self,
        packet: &Packet<'_>,
        sink: &mut dyn FnMut(RawFrame),
    ) -> Result<(), DepacketizeError> {
        if packet.lost > 0 {
            self.open = None;
        }
        let (bits, rest) = packet
            .payload
            .split_first_chunk::<2>()
            .ok_or(DepacketizeError::Truncated)?;
        let header_bits = usize::from(u16::from_be_bytes(*bits));
        let (headers, mut data) = rest
            .split_at_checked(header_bits.div_ceil(8))
            .ok_or(DepacketizeError::Truncated)?;
        let each = (self.config.size_length + self.config.index_length) as usize;
        for number in 0..header_bits / each {
            let size = read_bits(headers, number * each, self.config.size_length);
            if size == 0 {
                continue; // no unit: a frame for each would make thousands of one packet
            }
            if size > data.len() || self.open.is_some() {
                return self.take_fragment(packet, size, data, sink);
            }
            let (unit, after) = data.split_at(size);
            data = after;
            self.emit(unit, number, packet.time, sink)?;
        }
        Ok(())
    }

    /// A unit larger than a packet: each fragment repeats the header with the full size (§3.2.3).
    fn take_fragment(
        &mut self,
        packet: &Packet<'_>,
        size: usize,
        data: &[u8],
        sink: &mut dyn FnMut(RawFrame),
    ) -> Result<(), DepacketizeError> {
        let (expected, mut unit) = self.open.take().unwrap_or_else(|| (size, BytesMut::new()));
        unit.extend_from_slice(data);
        if expected != size || unit.len() > expected {
            return Err(DepacketizeError::StrayFragment);
        }
        if unit.len() < expected {
            self.open = Some((expected, unit));
            return Ok(());
        }
        self.emit(&unit, 0, packet.time, sink)
    }

    fn emit(
        &self,
        unit: &[u8],
        number: usize,
        time: MediaTime,
        sink: &mut dyn FnMut(RawFrame),
    ) -> Result<(), DepacketizeError> {
        let header = self
            .config
            .adts_header(unit.len())
            .ok_or(DepacketizeError::TooLarge)?;
        let mut data = BytesMut::with_capacity(ADTS_LEN + unit.len());
        data.put_slice(&header);
        data.put_slice(unit);
        let samples = SAMPLES_PER_UNIT * number as i64;
        let offset = samples * MediaTime::TICKS_PER_SECOND / i64::from(self.config.frequency());
        sink(RawFrame {
            time: MediaTime(time.0 + offset),
            is_key: false,
            reorder_depth: None,
            size: None,
            data: data.freeze(),
        });
        Ok(())
    }
}

fn read_bits(bytes: &[u8], from: usize, count: u32) -> usize {
    (from..from + count as usize).fold(0, |value, at| {
        let byte = bytes.get(at / 8).copied().unwrap_or_default();
        value << 1 | usize::from(byte >> (7 - at % 8) & 1)
    })
}

const ADTS_LEN: usize = 7;
const SAMPLES_PER_UNIT: i64 = 1024;
/// ISO/IEC 14496-3 table 1.18.
const FREQUENCIES: [u32; 13] = [
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000,
    7_350,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_units_of_a_packet_become_two_adts_frames() {
        let mut track = Aac::new(AacConfig::parse(&[0x11, 0x90], 13, 3).unwrap());
        let payload = [0, 32, 0, 2 << 3, 0, 3 << 3, 1, 2, 3, 4, 5];
        let packet = Packet {
            time: MediaTime(0),
            is_marked: true,
            lost: 0,
            payload: &payload,
        };
        let mut frames = Vec::new();
        track
            .push(&packet, &mut |frame| frames.push(frame))
            .unwrap();
        assert_eq!(
            frames[0].data[..],
            [0xff, 0xf1, 0x4c, 0x80, 0x01, 0x3f, 0xfc, 1, 2]
        );
        assert_eq!(frames[1].data[7..], [3, 4, 5]);
        assert_eq!(frames[1].time, MediaTime(1920));
    }

    #[test]
    fn a_unit_over_two_packets_is_joined() {
        let mut track = Aac::new(AacConfig::parse(&[0x11, 0x90], 13, 3).unwrap());
        let mut frames = Vec::new();
        for payload in [[0, 16, 0, 4 << 3, 1, 2], [0, 16, 0, 4 << 3, 3, 4]] {
            let packet = Packet {
                time: MediaTime(0),
                is_marked: true,
                lost: 0,
                payload: &payload,
            };
            track
                .push(&packet, &mut |frame| frames.push(frame))
                .unwrap();
        }
        assert_eq!(frames.len(), 1);
        assert_eq!(frames[0].data[7..], [1, 2, 3, 4]);
    }
}
