//! Cuts packs into RTP packets (RFC 3550 §5.1; GB/T 28181-2016 annex C).
//!
//! Nothing is copied: the packets of a pack are gathered as slices, headers of the session's own between
//! parts of the pack. All packets of a pack but the last have one length, so that many leave by one offloaded
//! send.
//!
//! ```text
//! datagrams:  header 12 | payload 1400 | header 12 | payload ≤ 1400
//! lengths:    length 2 | header 12 | payload 1400 | length 2 | …
//! ```

use super::Ssrc;
use super::gather::{
    Cursor, GATHERED_MAX, HEADER_LEN, Head, Heads, LENGTH_LEN, Laid, PAYLOAD_MAX, Slices,
};
use crate::proto::ps::Pack;

/// How packets follow one another on their way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Framing {
    /// One after the other; each has [`HEADER_LEN`] + [`PAYLOAD_MAX`] bytes but the last of a pack.
    Datagrams,
    /// Each after its 16-bit length (RFC 4571), for TCP.
    Lengths,
}

/// Numbers the packets of one session.
#[derive(Debug)]
pub struct Packetizer {
    ssrc: Ssrc,
    payload_type: u8,
    /// The number of the first packet of the pack at hand, and its time.
    sequence: u16,
    time: Option<u32>,
    /// The number of the first packet of the next pack.
    next: u16,
}

impl Packetizer {
    /// Starts a session at `sequence`; `payload_type` is below 128.
    pub fn new(ssrc: Ssrc, payload_type: u8, sequence: u16) -> Self {
        Self {
            ssrc,
            payload_type,
            sequence,
            time: None,
            next: sequence,
        }
    }

    /// Cuts `pack`: all packets at its time, the last one marked.
    ///
    /// Audio and video may have one time; packs that follow one another must not (GB/T 28181-2022
    /// §4.3.6), so the second is one tick later.
    pub fn cut<'a>(&mut self, pack: &'a Pack, framing: Framing) -> Packets<'a> {
        let is_same = self.time == Some(pack.time());
        self.time = Some(pack.time().wrapping_add(u32::from(is_same)));
        self.sequence = self.next;
        let packets = self.packets(pack, framing);
        // Modulo 2¹⁶, as packets are numbered.
        self.next = self.sequence.wrapping_add(packets.count() as u16);
        packets
    }

    /// The packets of `pack`, the one that was cut last.
    pub fn packets<'a>(&self, pack: &'a Pack, framing: Framing) -> Packets<'a> {
        Packets {
            pack,
            framing,
            ssrc: self.ssrc,
            payload_type: self.payload_type,
            sequence: self.sequence,
            time: self.time.unwrap_or_else(|| pack.time()),
        }
    }
}

/// The packets of a pack in one session, one after the other: bytes that are put together only where they leave.
#[derive(Clone, Copy, Debug)]
pub struct Packets<'a> {
    pack: &'a Pack,
    framing: Framing,
    ssrc: Ssrc,
    payload_type: u8,
    /// The number of the first.
    sequence: u16,
    time: u32,
}

impl<'a> Packets<'a> {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.pack.len().div_ceil(PAYLOAD_MAX)
    }

    /// How many bytes they have, with what stands between them.
    #[expect(
        clippy::len_without_is_empty,
        reason = "a pack has at least one packet"
    )]
    pub fn len(&self) -> usize {
        self.pack.len() + self.count() * self.head_len()
    }

    /// Bytes of a packet with what stands before it; the last one may have less.
    pub fn packet_len(&self) -> usize {
        self.head_len() + PAYLOAD_MAX
    }

    /// Gathers the bytes from `from` on to the end of the `most`th packet that they belong to, or of the last that
    /// there is room for: writes the headers into `heads`, and all into `slices`; returns how many bytes that is.
    pub fn gather<'s>(
        &self,
        from: usize,
        most: usize,
        heads: &'s mut Heads,
        slices: &mut Slices<'s>,
    ) -> usize
    where
        'a: 's,
    {
        let (first, count) = self.range(from, most);
        for (n, head) in heads.0.iter_mut().take(count).enumerate() {
            self.write_head(first + n, head);
        }
        let heads: &'s Heads = heads;
        slices.clear();
        let mut pieces = Cursor::at(self.pack, first * PAYLOAD_MAX);
        let without_length = LENGTH_LEN + HEADER_LEN - self.head_len();
        for head in heads.0.iter().take(count) {
            slices.push(head.get(without_length..).unwrap_or_default());
            pieces.take(PAYLOAD_MAX, |bytes| slices.push(bytes));
        }
        // What of the first packet has left already.
        slices.skip(from % self.packet_len());
        slices.bytes
    }

    /// Returns what [`Self::gather`] gathers in one piece, if right before the same packets were asked for, most likely
    /// for another session: then they are laid out in `laid` once, and each session but writes its headers. The kernel
    /// takes one piece with half the effort of many.
    pub fn lay<'l>(&self, from: usize, most: usize, laid: &'l mut Laid) -> Option<&'l [u8]> {
        let (first, count) = self.range(from, most);
        if !from.is_multiple_of(self.packet_len())
            || !laid.was_asked_for(self.pack, first, count, self.head_len())
        {
            return None;
        }
        let without_length = LENGTH_LEN + HEADER_LEN - self.head_len();
        for (n, packet) in laid.packets(self.packet_len()).enumerate() {
            let mut head = Head::default();
            self.write_head(first + n, &mut head);
            let head = head.get(without_length..).unwrap_or_default();
            if let Some(room) = packet.get_mut(..head.len()) {
                room.copy_from_slice(head);
            }
        }
        Some(laid.bytes())
    }

    /// The number of the packet that the byte at `from` belongs to, and how many are gathered from there on.
    fn range(&self, from: usize, most: usize) -> (usize, usize) {
        let first = from / self.packet_len();
        let left = self.count() - first.min(self.count());
        (first, most.min(GATHERED_MAX).min(left))
    }

    fn head_len(&self) -> usize {
        match self.framing {
            Framing::Datagrams => HEADER_LEN,
            Framing::Lengths => LENGTH_LEN + HEADER_LEN,
        }
    }

    fn write_head(&self, number: usize, head: &mut Head) {
        let left = self.pack.len() - number * PAYLOAD_MAX;
        let is_last = left <= PAYLOAD_MAX;
        let length = (HEADER_LEN + left.min(PAYLOAD_MAX)) as u16;
        let kind = self.payload_type | if is_last { MARKER } else { 0 };
        let sequence = self.sequence.wrapping_add(number as u16);
        let ([l0, l1], [n0, n1]) = (length.to_be_bytes(), sequence.to_be_bytes());
        let ([t0, t1, t2, t3], [s0, s1, s2, s3]) =
            (self.time.to_be_bytes(), self.ssrc.0.to_be_bytes());
        *head = [
            l0, l1, VERSION_2, kind, n0, n1, t0, t1, t2, t3, s0, s1, s2, s3,
        ];
    }
}

const VERSION_2: u8 = 0x80;
const MARKER: u8 = 0x80;

#[cfg(test)]
mod tests {
    use std::io::IoSlice;

    use super::*;
    use crate::media::{Frame, MediaTime, Payload, VideoCodec};

    #[test]
    fn a_pack_is_cut_into_equal_packets_with_one_marker() {
        let mut packetizer = Packetizer::new(Ssrc(7), 96, 0xffff);
        let pack = pack(3000);
        let packets = packetizer.cut(&pack, Framing::Datagrams);
        let out = bytes_of(&packets);
        assert_eq!((packets.count(), packets.len()), (3, out.len()));
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
            pack.pieces().flatten().copied().collect::<Vec<_>>()
        );
    }

    #[test]
    fn numbers_go_on_and_packs_of_one_time_are_a_tick_apart() {
        let mut packetizer = Packetizer::new(Ssrc(7), 96, 1);
        let pack = pack(3000);
        let _first = packetizer.cut(&pack, Framing::Datagrams);
        let second = bytes_of(&packetizer.cut(&pack, Framing::Datagrams));
        assert_eq!(second[2..8], [0, 4, 0, 0, 0x0e, 0x11]);
    }

    #[test]
    fn lengths_precede_packets_on_tcp() {
        let pack = pack(2000);
        let out = bytes_of(&Packetizer::new(Ssrc(7), 96, 0).cut(&pack, Framing::Lengths));
        let first = usize::from(u16::from_be_bytes([out[0], out[1]]));
        assert_eq!(first, HEADER_LEN + PAYLOAD_MAX);
        let second = usize::from(u16::from_be_bytes([out[2 + first], out[3 + first]]));
        assert_eq!(out.len(), 4 + first + second);
    }

    #[test]
    fn what_is_gathered_from_any_byte_on_is_what_is_left_of_the_packets() {
        for framing in [Framing::Datagrams, Framing::Lengths] {
            let pack = pack(200_000);
            let packets = Packetizer::new(Ssrc(7), 96, 0).cut(&pack, framing);
            let whole = bytes_of(&packets);
            let packet = packets.packet_len();
            assert_eq!(whole.len(), packets.len());
            for from in (0..=whole.len()).step_by(997).chain(0..3 * packet) {
                let (mut heads, mut slices) = (Heads::default(), Slices::default());
                let gathered = packets.gather(from, 3, &mut heads, &mut slices);
                let until = whole.len().min((from / packet + 3) * packet);
                assert_eq!(slices.get().concat_bytes(), whole[from..until]);
                assert_eq!(gathered, until - from);
            }
        }
    }

    #[test]
    fn packets_that_are_laid_out_for_another_session_are_those_that_it_would_gather() {
        let (pack, other) = (pack(200_000), pack(200_000));
        let mut laid = Laid::default();
        for framing in [Framing::Datagrams, Framing::Lengths] {
            let sessions = [(1, 96), (2, 97), (3, 98)];
            let mut sessions = sessions.map(|(n, kind)| Packetizer::new(Ssrc(n), kind, n as u16));
            for pack in [&pack, &other] {
                let cut = sessions
                    .each_mut()
                    .map(|session| session.cut(pack, framing));
                let piece = 44 * cut[0].packet_len();
                for from in [0, piece, 2 * piece, 3 * piece] {
                    assert!(cut[0].lay(from, 44, &mut laid).is_none());
                    for packets in &cut {
                        let (mut heads, mut slices) = (Heads::default(), Slices::default());
                        packets.gather(from, 44, &mut heads, &mut slices);
                        let in_one = packets.lay(from, 44, &mut laid).unwrap();
                        assert_eq!(in_one, slices.get().concat_bytes());
                    }
                }
            }
            assert!(
                sessions[0]
                    .packets(&other, framing)
                    .lay(1, 44, &mut laid)
                    .is_none()
            );
        }
    }

    #[test]
    fn there_is_room_for_the_slices_of_the_most_packets() {
        // However the headers of PES lie in the packets.
        for bytes in (60_000..75_000).step_by(7) {
            let pack = pack(bytes);
            let packets = Packetizer::new(Ssrc(7), 96, 0).cut(&pack, Framing::Datagrams);
            let (mut heads, mut slices) = (Heads::default(), Slices::default());
            let gathered = packets.gather(0, usize::MAX, &mut heads, &mut slices);
            let most = GATHERED_MAX * packets.packet_len();
            assert_eq!(gathered, packets.len().min(most));
        }
    }

    trait Concat {
        fn concat_bytes(&self) -> Vec<u8>;
    }

    impl Concat for [IoSlice<'_>] {
        fn concat_bytes(&self) -> Vec<u8> {
            self.iter().flat_map(|slice| slice.to_vec()).collect()
        }
    }

    fn bytes_of(packets: &Packets<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        while out.len() < packets.len() {
            let (mut heads, mut slices) = (Heads::default(), Slices::default());
            packets.gather(out.len(), 5, &mut heads, &mut slices);
            out.extend(slices.get().concat_bytes());
        }
        out
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
