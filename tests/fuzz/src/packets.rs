//! RTP packets from an input, as a camera's session hands them over.

use huiju::media::MediaTime;
use huiju::proto::rtp::Packet;

use crate::Input;

/// A packet that owns its payload.
#[derive(Clone, Debug)]
pub struct OwnedPacket {
    /// The camera's time.
    pub time: MediaTime,
    /// The marker bit.
    pub is_marked: bool,
    /// How many packets are missing before this one.
    pub lost: u16,
    /// What follows the RTP header.
    pub payload: Vec<u8>,
}

impl OwnedPacket {
    /// The packet as a depacketizer takes it.
    pub fn borrow(&self) -> Packet<'_> {
        Packet {
            time: self.time,
            is_marked: self.is_marked,
            lost: self.lost,
            payload: &self.payload,
        }
    }
}

/// Reads packets one by one.
///
/// ```text
/// flags | jump of time (4), with JUMP | fill (1), with LARGE | length (1) | payload
/// ```
#[derive(Debug)]
pub struct Packets<'a> {
    input: Input<'a>,
    time: i64,
    /// What may still be handed out, in bytes: an input must end in time.
    budget: usize,
    /// A large packet, and how often it still comes.
    repeated: Option<(OwnedPacket, u8)>,
}

impl<'a> Packets<'a> {
    /// Reads what is left of an input, up to `budget` bytes of payloads.
    pub fn new(input: Input<'a>, budget: usize) -> Self {
        Self {
            input,
            time: 0,
            budget,
            repeated: None,
        }
    }

    fn read(&mut self) -> Option<OwnedPacket> {
        if self.input.is_empty() {
            return None;
        }
        let flags = self.input.byte();
        if flags & NEXT_FRAME != 0 {
            self.time += 3600;
        }
        if flags & JUMP != 0 {
            self.time += i64::from(self.input.number());
        }
        let repeats = if flags & LARGE == 0 {
            0
        } else {
            self.input.byte()
        };
        let mut payload = self.input.chunk().to_vec();
        if flags & LARGE != 0 {
            payload.resize(LARGE_BYTES, 0x55);
        }
        let packet = OwnedPacket {
            time: MediaTime(self.time),
            is_marked: flags & MARKER != 0,
            lost: u16::from(flags & LOST != 0),
            payload,
        };
        self.repeated = Some((packet.clone(), repeats));
        Some(packet)
    }
}

impl Iterator for Packets<'_> {
    type Item = OwnedPacket;

    fn next(&mut self) -> Option<OwnedPacket> {
        let packet = match self.repeated.take() {
            Some((packet, repeats)) if repeats > 0 => {
                self.repeated = Some((packet.clone(), repeats - 1));
                packet
            }
            _ => self.read()?,
        };
        self.budget = self.budget.checked_sub(packet.payload.len())?;
        Some(packet)
    }
}

const MARKER: u8 = 1;
const LOST: u8 = 2;
const NEXT_FRAME: u8 = 4;
const JUMP: u8 = 8;
const LARGE: u8 = 16;
/// As large as an interleaved packet of RTSP can be (RFC 2326 §10.12).
const LARGE_BYTES: usize = 65_000;
