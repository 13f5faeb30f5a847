//! Cuts packs into RTP packets (RFC 3550 §5.1; GB/T 28181-2016 annex C).
//!
//! All packets of a call but the last have one length, so that they can leave by one offloaded send.

use bytes::{BufMut, BytesMut};

use super::Ssrc;
use crate::proto::ps::Pack;

/// How packets follow one another in the output.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Framing {
    /// One after the other; each has [`HEADER_LEN`] + [`PAYLOAD_MAX`] bytes but the last of a pack.
    Datagrams,
    /// Each after its 16-bit length (RFC 4571), for TCP.
    Lengths,
}

/// Bytes of an RTP header without extensions.
pub const HEADER_LEN: usize = 12;
/// The most payload bytes of a packet: the header and UDP/IP fit an Ethernet frame.
pub const PAYLOAD_MAX: usize = 1400;

/// Numbers the packets of one session.
#[derive(Debug)]
pub struct Packetizer {
    ssrc: Ssrc,
    payload_type: u8,
    sequence: u16,
    last_time: Option<u32>,
}

impl Packetizer {
    /// Starts a session at `sequence`; `payload_type` is below 128.
    pub fn new(ssrc: Ssrc, payload_type: u8, sequence: u16) -> Self {
        Self {
            ssrc,
            payload_type,
            sequence,
            last_time: None,
        }
    }

    /// Appends the packets of `pack` to `out`, all at its time, the last one marked.
    ///
    /// Audio and video may have one time; packs that follow one another must not (GB/T 28181-2022
    /// §4.3.6), so the second is one tick later. Returns how many packets it wrote.
    pub fn write(&mut self, pack: &Pack, framing: Framing, out: &mut BytesMut) -> usize {
        let mut left = pack.len();
        let packets = left.div_ceil(PAYLOAD_MAX);
        let prefix = if framing == Framing::Lengths { 2 } else { 0 };
        out.reserve(left + packets * (HEADER_LEN + prefix));
        let mut room = 0;
        let is_same = self.last_time == Some(pack.time());
        let time = pack.time().wrapping_add(u32::from(is_same));
        self.last_time = Some(time);
        for piece in pack.pieces() {
            let mut bytes = &piece[..];
            while !bytes.is_empty() {
                if room == 0 {
                    room = left.min(PAYLOAD_MAX);
                    left -= room;
                    if framing == Framing::Lengths {
                        out.put_u16((HEADER_LEN + room) as u16);
                    }
                    self.put_header(time, left == 0, out);
                }
                let (now, later) = bytes.split_at(bytes.len().min(room));
                out.put_slice(now);
                room -= now.len();
                bytes = later;
            }
        }
        packets
    }

    fn put_header(&mut self, time: u32, is_last: bool, out: &mut BytesMut) {
        out.put_u8(VERSION_2);
        out.put_u8(self.payload_type | if is_last { MARKER } else { 0 });
        out.put_u16(self.sequence);
        out.put_u32(time);
        out.put_u32(self.ssrc.0);
        self.sequence = self.sequence.wrapping_add(1);
    }
}

const VERSION_2: u8 = 0x80;
const MARKER: u8 = 0x80;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::{Frame, MediaTime, Payload, VideoCodec};

    #[test]
    fn a_pack_is_cut_into_equal_packets_with_one_marker() {
        let mut out = BytesMut::new();
        let mut packetizer = Packetizer::new(Ssrc(7), 96, 0xffff);
        let pack = pack(3000);
        let packets = packetizer.write(&pack, Framing::Datagrams, &mut out);
        assert_eq!(packets, 3);
        let cut: Vec<_> = out.chunks(HEADER_LEN + PAYLOAD_MAX).collect();
        assert_eq!(cut.len(), 3);
        let heads: Vec<_> = cut.iter().map(|packet| &packet[..4]).collect();
        assert_eq!(
            heads,
            [
                [0x80, 96, 0xff, 0xff],
                [0x80, 96, 0, 0],
                [0x80, 96 | 0x80, 0, 1]
            ]
        );
        assert!(
            cut.iter()
                .all(|packet| packet[4..12] == [0, 0, 0x0e, 0x10, 0, 0, 0, 7])
        );
        let payload: Vec<u8> = cut
            .iter()
            .flat_map(|packet| packet[12..].to_vec())
            .collect();
        assert_eq!(
            payload,
            pack.pieces().iter().flatten().copied().collect::<Vec<_>>()
        );
    }

    #[test]
    fn lengths_precede_packets_on_tcp() {
        let mut out = BytesMut::new();
        Packetizer::new(Ssrc(7), 96, 0).write(&pack(2000), Framing::Lengths, &mut out);
        let first = usize::from(u16::from_be_bytes([out[0], out[1]]));
        assert_eq!(first, HEADER_LEN + PAYLOAD_MAX);
        let second = usize::from(u16::from_be_bytes([out[2 + first], out[3 + first]]));
        assert_eq!(out.len(), 4 + first + second);
    }

    fn pack(bytes: usize) -> Pack {
        Pack::of(&Frame {
            payload: Payload::Video {
                codec: VideoCodec::H264,
                is_key: false,
                audio: None,
            },
            pts: MediaTime(3600),
            dts: MediaTime(3600),
            scr: MediaTime(3600),
            data: vec![9; bytes].into(),
        })
    }
}
