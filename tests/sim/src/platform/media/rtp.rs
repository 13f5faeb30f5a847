//! RTP packets of one session (RFC 3550), checked in the order of their coming.

use std::ops::Range;

/// What one packet says, when it is well formed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Packet {
    /// Sequence number.
    pub sequence: u16,
    /// Timestamp, 90 kHz.
    pub timestamp: u32,
    /// Marker: the last packet of a frame.
    pub marker: bool,
    /// Payload type.
    pub payload_type: u8,
    /// Synchronisation source.
    pub ssrc: u32,
    /// Where the payload lies in the packet.
    pub payload: Range<usize>,
}

impl Packet {
    /// Reads a packet.
    ///
    /// # Errors
    /// In words, what is wrong with its header.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let [
            first,
            second,
            s1,
            s2,
            t1,
            t2,
            t3,
            t4,
            c1,
            c2,
            c3,
            c4,
            rest @ ..,
        ] = bytes
        else {
            return Err(format!("RTP packet of {} bytes", bytes.len()));
        };
        if first >> 6 != 2 {
            return Err(format!("RTP version {}", first >> 6));
        }
        let mut start = usize::from(first & 0x0F) * 4;
        if first & 0x10 != 0 {
            let words = rest
                .get(start + 2..start + 4)
                .ok_or("RTP extension cut off")?;
            start += 4 + usize::from(u16::from_be_bytes([words[0], words[1]])) * 4;
        }
        let padding = if first & 0x20 != 0 {
            usize::from(rest.last().copied().unwrap_or(0))
        } else {
            0
        };
        let end = rest
            .len()
            .checked_sub(padding)
            .filter(|end| *end >= start)
            .ok_or("RTP padding or header too long")?;
        Ok(Self {
            sequence: u16::from_be_bytes([*s1, *s2]),
            timestamp: u32::from_be_bytes([*t1, *t2, *t3, *t4]),
            marker: second & 0x80 != 0,
            payload_type: second & 0x7F,
            ssrc: u32::from_be_bytes([*c1, *c2, *c3, *c4]),
            payload: HEADER_BYTES + start..HEADER_BYTES + end,
        })
    }
}

/// How a sequence number follows the ones before.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Order {
    /// The first, or the next.
    Next,
    /// So many are missing before it.
    Gap(u16),
    /// It is late or came twice.
    Late,
}

/// The sequence numbers of one session.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sequence {
    next: Option<u16>,
}

impl Sequence {
    /// Takes the number of the packet that came.
    pub fn handle(&mut self, number: u16) -> Order {
        let ahead = number.wrapping_sub(self.next.unwrap_or(number));
        if ahead >= 0x8000 {
            return Order::Late;
        }
        self.next = Some(number.wrapping_add(1));
        if ahead == 0 {
            Order::Next
        } else {
            Order::Gap(ahead)
        }
    }
}

/// The fixed part of an RTP header.
pub const HEADER_BYTES: usize = 12;

/// The most that a payload may have, so that no path fragments it.
pub const PAYLOAD_BYTES_MAX: usize = 1400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_read_and_its_payload_found() {
        let bytes = [0x80, 0xE0, 0, 7, 0, 0, 0, 9, 0, 0, 0, 1, 0xAA, 0xBB];
        let packet = Packet::parse(&bytes).unwrap();
        assert_eq!(
            (
                packet.sequence,
                packet.timestamp,
                packet.marker,
                packet.payload_type
            ),
            (7, 9, true, 96)
        );
        assert_eq!(&bytes[packet.payload], [0xAA, 0xBB]);
        assert!(Packet::parse(&bytes[..11]).is_err());
        assert!(Packet::parse(&[0x00; 12]).is_err());
        assert!(Packet::parse(&[0xA0, 0xE0, 0, 7, 0, 0, 0, 9, 0, 0, 0, 1, 9]).is_err());
    }

    #[test]
    fn gaps_and_late_packets_are_told_apart_over_the_wrap() {
        let mut sequence = Sequence::default();
        assert_eq!(sequence.handle(65_535), Order::Next);
        assert_eq!(sequence.handle(0), Order::Next);
        assert_eq!(sequence.handle(3), Order::Gap(2));
        assert_eq!(sequence.handle(1), Order::Late);
        assert_eq!(sequence.handle(4), Order::Next);
    }
}
