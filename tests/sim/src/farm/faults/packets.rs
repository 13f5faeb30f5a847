//! What goes wrong with single RTP packets on their way: loss, duplicates, another order, damage.
//!
//! Packets are interleaved frames at the end of the output, so that a sound camera copies nothing.

use bytes::{Bytes, BytesMut};

use super::super::packing::HEADERS;
use super::super::player::Sent;
use super::Faults;
use crate::clips::Codec;

/// How a packet of video is damaged.
#[derive(Debug, Clone, Copy, Eq, PartialEq)]
pub enum Damage {
    /// The frame's last NAL unit ends in the middle of its last packet.
    Truncate,
    /// Fragmented units lack the start bit (FU-A, FU).
    NoFragmentStart,
    /// Fragmented units lack the end bit (FU-A, FU).
    NoFragmentEnd,
    /// The first unit of an aggregate claims to be longer than the packet (STAP-A, AP).
    AggregateSizes,
    /// The forbidden bit of the payload's header is set.
    ForbiddenBit,
    /// The payload's header has a type that nobody knows.
    ReservedType,
    /// The packet has no payload.
    EmptyPayload,
    /// The packet ends within the RTP header.
    ShortHeader,
    /// The version of RTP is 0.
    BadVersion,
    /// The padding claims to be longer than the packet.
    BadPadding,
}

/// Numbers that look random and are the same each time.
#[derive(Debug)]
struct Dice(u64);

impl Dice {
    /// Throws for a chance of so many in a thousand (SplitMix64).
    fn hits(&mut self, per_mille: u32) -> bool {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31) % 1000 < u64::from(per_mille)
    }
}

/// The way of a track's packets.
#[derive(Debug)]
pub(in super::super) struct Way {
    dice: Dice,
    /// A packet that waits for the next one to overtake it.
    held: Option<Bytes>,
    packets: u64,
}

impl Way {
    pub(in super::super) fn new() -> Self {
        Self {
            dice: Dice(1),
            held: None,
            packets: 0,
        }
    }

    /// Does to the packet at `at`, the end of `out`, what the faults say; returns how many packets are there of it.
    pub(in super::super) fn pass(
        &mut self,
        faults: &Faults,
        at: usize,
        out: &mut BytesMut,
        sent: &mut Sent,
    ) -> u64 {
        self.packets += 1;
        let is_nth = faults
            .drop_every
            .is_some_and(|n| self.packets.is_multiple_of(n));
        if is_nth || self.dice.hits(faults.loss) {
            sent.packets_dropped += 1;
            out.truncate(at);
            return 0;
        }
        let overtaken = self.held.take();
        if overtaken.is_none() && self.dice.hits(faults.reorder) {
            self.held = Some(out.split_off(at).freeze());
            sent.packets_reordered += 1;
            return 1;
        }
        let mut copies = 1;
        if self.dice.hits(faults.duplicates) {
            let copy = out[at..].to_vec();
            out.extend_from_slice(&copy);
            sent.packets_duplicated += 1;
            copies = 2;
        }
        out.extend_from_slice(&overtaken.unwrap_or_default());
        copies
    }
}

/// Damages the packet at `at`, the end of `out`; returns whether there was something to damage.
pub(in super::super) fn damage(
    damage: Damage,
    codec: Codec,
    is_last: bool,
    at: usize,
    out: &mut BytesMut,
) -> bool {
    let length = out.len() - at;
    let packet = &mut out[at..];
    match damage {
        Damage::Truncate if is_last => cut(HEADERS + (length - HEADERS) / 2, at, out),
        Damage::Truncate => return false,
        Damage::EmptyPayload => cut(HEADERS, at, out),
        Damage::ShortHeader => cut(HEADERS - 6, at, out),
        Damage::BadVersion => packet[4] &= 0x3f,
        Damage::BadPadding => {
            packet[4] |= 0x20;
            packet[length - 1] = 0xff;
            // A small number of padding bytes would fit a long packet.
            if length > HEADERS + 0xff {
                cut(HEADERS + 0x80, at, out);
                out[at + HEADERS + 0x7f] = 0xff;
            }
        }
        _ => return damage_payload(damage, codec, &mut packet[HEADERS..]),
    }
    true
}

/// Sets the length of a packet, in its interleaved header too.
fn cut(length: usize, at: usize, out: &mut BytesMut) {
    out.truncate(at + length);
    let announced = (length - 4) as u16;
    out[at + 2..at + 4].copy_from_slice(&announced.to_be_bytes());
}

fn damage_payload(damage: Damage, codec: Codec, payload: &mut [u8]) -> bool {
    const STAP_A: u8 = 24;
    const FU_A: u8 = 28;
    const AP: u8 = 48;
    const FU: u8 = 49;
    let is_h265 = codec == Codec::H265;
    let (header, kind) = if is_h265 {
        (2, payload[0] >> 1 & 0x3f)
    } else {
        (1, payload[0] & 0x1f)
    };
    let is_fragment = kind == if is_h265 { FU } else { FU_A };
    let is_aggregate = kind == if is_h265 { AP } else { STAP_A };
    match damage {
        Damage::NoFragmentStart if is_fragment && payload[header] & 0x80 != 0 => {
            payload[header] &= !0x80;
        }
        Damage::NoFragmentEnd if is_fragment && payload[header] & 0x40 != 0 => {
            payload[header] &= !0x40;
        }
        Damage::AggregateSizes if is_aggregate => payload[header..header + 2].fill(0xff),
        Damage::ForbiddenBit => payload[0] |= 0x80,
        Damage::ReservedType if is_h265 => payload[0] |= 63 << 1,
        Damage::ReservedType => payload[0] |= 31,
        _ => return false,
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Passes packets that are numbered by their last two bytes; returns the numbers that came out.
    fn pass(faults: &Faults, packets: u16) -> (Vec<u16>, Sent) {
        let (mut way, mut sent, mut out) = (Way::new(), Sent::default(), BytesMut::new());
        for n in 0..packets {
            let at = out.len();
            out.extend_from_slice(&n.to_be_bytes());
            way.pass(faults, at, &mut out, &mut sent);
        }
        let number = |pair: &[u8]| u16::from_be_bytes([pair[0], pair[1]]);
        (out.chunks(2).map(number).collect(), sent)
    }

    #[test]
    fn so_many_in_a_thousand_are_lost_and_counted() {
        let faults = Faults {
            loss: 50,
            ..Faults::default()
        };
        let (packets, sent) = pass(&faults, 10_000);
        assert_eq!(packets.len() as u64 + sent.packets_dropped, 10_000);
        assert!((400..600).contains(&sent.packets_dropped), "{sent:?}");
    }

    #[test]
    fn duplicates_follow_the_first_of_them() {
        let faults = Faults {
            duplicates: 1000,
            ..Faults::default()
        };
        assert_eq!(pass(&faults, 3).0, [0, 0, 1, 1, 2, 2]);
    }

    #[test]
    fn a_packet_is_overtaken_by_the_next() {
        let faults = Faults {
            reorder: 1000,
            ..Faults::default()
        };
        let (packets, sent) = pass(&faults, 4);
        assert_eq!((packets, sent.packets_reordered), (vec![1, 0, 3, 2], 2));
    }

    #[test]
    fn a_cut_packet_says_how_long_it_is() {
        let mut out = BytesMut::from(&[0; HEADERS + 100][..]);
        assert!(damage(Damage::Truncate, Codec::H264, true, 0, &mut out));
        assert_eq!((out.len(), out[3]), (HEADERS + 50, 12 + 50));
        assert!(!damage(Damage::Truncate, Codec::H264, false, 0, &mut out));
    }

    #[test]
    fn headers_of_the_payload_are_damaged_where_there_are_such() {
        let mut fragment = [0x7c, 0x85, 1, 2];
        assert!(damage_payload(
            Damage::NoFragmentStart,
            Codec::H264,
            &mut fragment
        ));
        assert_eq!(fragment[1], 0x05);
        let mut aggregate = [0x60, 0x01, 0, 4, 1, 2];
        assert!(!damage_payload(
            Damage::AggregateSizes,
            Codec::H264,
            &mut aggregate
        ));
        assert!(damage_payload(
            Damage::AggregateSizes,
            Codec::H265,
            &mut aggregate
        ));
        assert_eq!(aggregate[2..4], [0xff, 0xff]);
    }
}
