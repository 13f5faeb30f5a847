//! Puts packets together where they leave: as slices, or in one piece.

use std::io::IoSlice;

use bytes::Bytes;

use crate::proto::ps::Pack;

/// Bytes of an RTP header without extensions.
pub const HEADER_LEN: usize = 12;
/// The most payload bytes of a packet: the header and UDP/IP fit an Ethernet frame.
pub const PAYLOAD_MAX: usize = 1400;
/// The most packets that are gathered at once: within 64 segments and 65,507 bytes, the limits of an
/// offloaded send.
pub const GATHERED_MAX: usize = 44;
/// RFC 4571 §2.
pub(super) const LENGTH_LEN: usize = 2;

/// A packet's length and header.
pub(super) type Head = [u8; LENGTH_LEN + HEADER_LEN];

/// Room for the headers of packets that are gathered.
#[derive(Debug)]
pub struct Heads(pub(super) [Head; GATHERED_MAX]);

impl Default for Heads {
    fn default() -> Self {
        Self([Head::default(); GATHERED_MAX])
    }
}

/// Slices of packets that are gathered, and room for more.
#[derive(Debug)]
pub struct Slices<'a> {
    room: [IoSlice<'a>; SLICES_MAX],
    /// Where those that count begin and end.
    from: usize,
    to: usize,
    pub(super) bytes: usize,
}

impl Default for Slices<'_> {
    fn default() -> Self {
        Self {
            room: [IoSlice::new(&[]); SLICES_MAX],
            from: 0,
            to: 0,
            bytes: 0,
        }
    }
}

impl<'a> Slices<'a> {
    /// Those that were gathered.
    pub fn get(&self) -> &[IoSlice<'a>] {
        self.room.get(self.from..self.to).unwrap_or_default()
    }

    pub(super) fn clear(&mut self) {
        (self.from, self.to, self.bytes) = (0, 0, 0);
    }

    pub(super) fn push(&mut self, bytes: &'a [u8]) {
        if let Some(slice) = self.room.get_mut(self.to) {
            *slice = IoSlice::new(bytes);
            self.to += 1;
            self.bytes += bytes.len();
        }
    }

    pub(super) fn skip(&mut self, bytes: usize) {
        let bytes = bytes.min(self.bytes);
        if bytes > 0 {
            self.bytes -= bytes;
            let mut rest = self.room.get_mut(..self.to).unwrap_or_default();
            IoSlice::advance_slices(&mut rest, bytes);
            self.from = self.to - rest.len();
        }
    }
}

/// Packets that go to several sessions, in one piece.
#[derive(Debug, Default)]
pub struct Laid {
    /// The bytes of the pack, kept so that no other has their address.
    data: Bytes,
    /// The first packet, how many, and how many bytes precede each payload.
    range: (usize, usize, usize),
    /// Headers and payloads, once they were asked for twice.
    bytes: Vec<u8>,
}

impl Laid {
    /// Whether these packets of `pack` were asked for right before; then they are laid out, with room for their headers.
    pub(super) fn was_asked_for(
        &mut self,
        pack: &Pack,
        first: usize,
        count: usize,
        head_len: usize,
    ) -> bool {
        let (data, range) = (pack.data(), (first, count, head_len));
        if !std::ptr::eq(&*self.data, &**data) || self.range != range {
            (self.data, self.range) = (data.clone(), range);
            self.bytes.clear();
            return false;
        }
        if self.bytes.is_empty() {
            let mut pieces = Cursor::at(pack, first * PAYLOAD_MAX);
            for _ in 0..count {
                self.bytes.resize(self.bytes.len() + head_len, 0);
                pieces.take(PAYLOAD_MAX, |bytes| self.bytes.extend_from_slice(bytes));
            }
        }
        true
    }

    /// The packets, each of so many bytes but the last.
    pub(super) fn packets(&mut self, packet_len: usize) -> impl Iterator<Item = &mut [u8]> {
        self.bytes.chunks_mut(packet_len)
    }

    /// All of them.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// A place in a pack.
pub(super) struct Cursor<'a, P> {
    pieces: P,
    /// What is left of the piece at hand.
    rest: &'a [u8],
}

impl<'a> Cursor<'a, ()> {
    pub(super) fn at(
        pack: &'a Pack,
        mut offset: usize,
    ) -> Cursor<'a, impl Iterator<Item = &'a [u8]>> {
        let mut pieces = pack.pieces();
        let mut rest: &[u8] = &[];
        for piece in pieces.by_ref() {
            if let Some(behind) = piece.get(offset..) {
                rest = behind;
                break;
            }
            offset -= piece.len();
        }
        Cursor { pieces, rest }
    }
}

impl<'a, P: Iterator<Item = &'a [u8]>> Cursor<'a, P> {
    /// Hands over the next `bytes`, or what there is of them.
    pub(super) fn take(&mut self, mut bytes: usize, mut put: impl FnMut(&'a [u8])) {
        while bytes > 0 {
            if self.rest.is_empty() {
                match self.pieces.next() {
                    Some(piece) => self.rest = piece,
                    None => return,
                }
            }
            let (now, later) = self.rest.split_at(self.rest.len().min(bytes));
            put(now);
            bytes -= now.len();
            self.rest = later;
        }
    }
}

/// A header and a payload a packet, and two more where a PES begins inside it: its header, and what is behind
/// that. A pack header comes with the first; PES headers are 65,522 bytes apart, so that there are two at most.
const SLICES_MAX: usize = 2 * GATHERED_MAX + 6;
