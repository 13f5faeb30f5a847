//! Collects the NAL units of an access unit; shared by H.264 and H.265.
//!
//! NAL units go out as they came, all of them and in their order. Parameter sets are added only before
//! a key frame that has none, after its access unit delimiter.

use bytes::{Bytes, BytesMut};

use super::{DepacketizeError, FRAME_BYTES_MAX, Packet, RawFrame};
use crate::media::MediaTime;
use crate::media::annexb::START_CODE;

/// What the collector asks of a codec.
pub(super) trait Codec {
    /// What a NAL unit is, from its first byte.
    fn role(first: u8) -> Role;
    /// Reorder depth and size from a sequence parameter set.
    fn read_sequence(unit: &[u8]) -> Option<(Option<u8>, (u32, u32))>;
}

/// What a NAL unit means to the collector.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Role {
    Delimiter,
    Sequence,
    OtherSet,
    KeySlice,
    Slice,
    Other,
}

/// The access unit that is being put together.
#[derive(Debug)]
pub(super) struct Collector<C> {
    codec: std::marker::PhantomData<C>,
    /// Finished units with start codes; the current unit at the end while it is open.
    data: BytesMut,
    time: Option<MediaTime>,
    /// Where the open unit's start code begins.
    open_at: Option<usize>,
    delimiter_end: usize,
    sets: Vec<Bytes>,
    has_slice: bool,
    is_key: bool,
    reorder_depth: Option<u8>,
    size: Option<(u32, u32)>,
    /// The parameter sets known last: of the SDP, or of the last access unit that had some.
    known_sets: Vec<Bytes>,
    /// Frames are dropped up to the next key frame: something was lost.
    is_broken: bool,
    /// An access unit of this time lost something: it is never emitted, key frame or not.
    damaged: Option<MediaTime>,
    /// The time of the frame emitted last, to catch cameras whose marker bit lies.
    emitted: Option<MediaTime>,
    marker_lies: bool,
    /// Bytes of the last frame, and of the last key frame: the next one has about as many.
    usual: [usize; 2],
}

impl<C: Codec> Collector<C> {
    pub(super) fn new(known_sets: Vec<Bytes>) -> Self {
        Self {
            codec: std::marker::PhantomData,
            data: BytesMut::new(),
            time: None,
            open_at: None,
            delimiter_end: 0,
            sets: Vec::new(),
            has_slice: false,
            is_key: false,
            reorder_depth: None,
            size: None,
            known_sets,
            is_broken: false,
            damaged: None,
            emitted: None,
            marker_lies: false,
            usual: [0; 2],
        }
    }

    /// Takes a packet, whose payload `take` reads; a packet that is not read breaks its access unit.
    pub(super) fn push(
        &mut self,
        packet: &Packet<'_>,
        sink: &mut dyn FnMut(RawFrame),
        take: impl FnOnce(&mut Self, &[u8]) -> Result<(), DepacketizeError>,
    ) -> Result<(), DepacketizeError> {
        self.begin_packet(packet, sink);
        let outcome = take(self, packet.payload);
        if outcome.is_err() {
            self.break_unit();
        }
        self.end_packet(packet, sink);
        outcome
    }

    /// Adds the units of an aggregate, each behind its 16-bit size (RFC 6184 §5.7.1, RFC 7798 §4.4.2).
    pub(super) fn push_aggregate(&mut self, mut rest: &[u8]) -> Result<(), DepacketizeError> {
        while let Some((size, after)) = rest.split_first_chunk::<2>() {
            let size = usize::from(u16::from_be_bytes(*size));
            let (unit, after) = after
                .split_at_checked(size)
                .ok_or(DepacketizeError::Truncated)?;
            self.push_unit(unit)?;
            rest = after;
        }
        Ok(())
    }

    /// Prepares for a packet: ends the access unit before when the time moved on.
    fn begin_packet(&mut self, packet: &Packet<'_>, sink: &mut dyn FnMut(RawFrame)) {
        if packet.lost > 0 {
            self.break_unit();
            self.damaged = Some(packet.time);
        }
        if self.has_slice && self.time != Some(packet.time) {
            self.emit(sink);
        }
        if !self.has_slice && self.emitted == Some(packet.time) && !packet.payload.is_empty() {
            self.marker_lies = true;
        }
        self.time = Some(packet.time);
    }

    /// Ends a packet: a true marker ends the access unit.
    fn end_packet(&mut self, packet: &Packet<'_>, sink: &mut dyn FnMut(RawFrame)) {
        if packet.is_marked && self.has_slice && !self.marker_lies && self.open_at.is_none() {
            self.emit(sink);
        }
    }

    /// Adds a whole NAL unit.
    pub(super) fn push_unit(&mut self, unit: &[u8]) -> Result<(), DepacketizeError> {
        // Some cameras leave the start code in the packet.
        let unit = unit.strip_prefix(&START_CODE).unwrap_or(unit);
        let Some(first) = unit.first() else {
            return Ok(());
        };
        self.make_room(C::role(*first));
        self.open_unit(&[])?;
        self.data.extend_from_slice(unit);
        self.check_size()?;
        self.close_unit_of(C::role(*first));
        Ok(())
    }

    /// Opens a fragmented NAL unit with its restored header.
    pub(super) fn open_unit(&mut self, header: &[u8]) -> Result<(), DepacketizeError> {
        if let Some(open_at) = self.open_at.take() {
            self.data.truncate(open_at);
            self.is_broken = true;
            self.damaged = self.time;
        }
        if let Some(first) = header.first() {
            self.make_room(C::role(*first));
        }
        self.open_at = Some(self.data.len());
        self.data.extend_from_slice(&START_CODE);
        self.data.extend_from_slice(header);
        self.check_size()
    }

    /// Adds to the open NAL unit.
    pub(super) fn extend_unit(&mut self, bytes: &[u8]) -> Result<(), DepacketizeError> {
        if self.open_at.is_none() {
            self.is_broken = true;
            self.damaged = self.time;
            return Err(DepacketizeError::StrayFragment);
        }
        self.data.extend_from_slice(bytes);
        self.check_size()
    }

    /// Ends the open NAL unit.
    pub(super) fn close_unit(&mut self) {
        let first = self
            .open_at
            .and_then(|at| self.data.get(at + START_CODE.len()))
            .copied();
        if let Some(first) = first {
            self.close_unit_of(C::role(first));
        }
    }

    fn close_unit_of(&mut self, role: Role) {
        let Some(open_at) = self.open_at.take() else {
            return;
        };
        match role {
            Role::Delimiter => self.delimiter_end = self.data.len(),
            Role::Sequence | Role::OtherSet => {
                let unit = self
                    .data
                    .get(open_at + START_CODE.len()..)
                    .unwrap_or_default();
                if role == Role::Sequence
                    && let Some((depth, size)) = C::read_sequence(unit)
                {
                    self.reorder_depth = depth;
                    self.size = Some(size);
                }
                if self.sets.len() < SETS_MAX {
                    self.sets.push(Bytes::copy_from_slice(unit));
                }
            }
            Role::KeySlice => {
                self.has_slice = true;
                self.is_key = true;
            }
            Role::Slice => self.has_slice = true,
            Role::Other => {}
        }
    }

    fn check_size(&mut self) -> Result<(), DepacketizeError> {
        if self.data.len() <= FRAME_BYTES_MAX {
            return Ok(());
        }
        self.break_unit();
        Err(DepacketizeError::TooLarge)
    }

    /// Drops the access unit at hand, and all up to the next key frame.
    fn break_unit(&mut self) {
        self.is_broken = true;
        self.damaged = self.time;
        self.reset();
    }

    fn reset(&mut self) {
        self.data.clear();
        self.open_at = None;
        self.delimiter_end = 0;
        self.sets.clear();
        self.has_slice = false;
        self.is_key = false;
        self.reorder_depth = None;
        self.size = None;
    }

    fn emit(&mut self, sink: &mut dyn FnMut(RawFrame)) {
        self.emitted = self.time;
        let is_damaged = self.damaged == self.time || self.open_at.is_some();
        self.is_broken = is_damaged || self.is_broken && !self.is_key;
        if self.is_broken {
            self.reset();
            return;
        }
        self.remember_sets();
        if self.is_key && self.sets.is_empty() {
            self.insert_known_sets();
            if self.check_size().is_err() {
                return;
            }
        }
        let frame = RawFrame {
            time: self.time.unwrap_or_default(),
            is_key: self.is_key,
            reorder_depth: self.reorder_depth,
            size: self.size,
            data: self.take_data(),
        };
        self.reset();
        sink(frame);
    }

    /// The bytes of the frame. It keeps the buffer that they were gathered in unless much of that is room: what
    /// is kept of a stream holds little more than its bytes.
    fn take_data(&mut self) -> Bytes {
        if let Some(usual) = self.usual.get_mut(usize::from(self.is_key)) {
            *usual = self.data.len();
        }
        if self.data.capacity() - self.data.len() > self.data.len() / ROOM_PART + ROOM_BYTES {
            return Bytes::copy_from_slice(&self.data);
        }
        std::mem::take(&mut self.data).freeze()
    }

    /// Makes room for a frame of the usual size, once its first slice begins.
    fn make_room(&mut self, role: Role) {
        let is_key = match role {
            Role::KeySlice => true,
            Role::Slice => false,
            _ => return,
        };
        let usual = self.usual.get(usize::from(is_key)).copied();
        let usual = usual.unwrap_or_default();
        let room = usual + usual / ROOM_PART / 2;
        self.data.reserve(room.saturating_sub(self.data.len()));
    }

    fn remember_sets(&mut self) {
        if self
            .sets
            .iter()
            .any(|set| role_of::<C>(set) == Role::Sequence)
        {
            self.known_sets.clone_from(&self.sets);
        }
    }

    fn insert_known_sets(&mut self) {
        let rest = self.data.split_off(self.delimiter_end);
        for set in &self.known_sets {
            self.data.extend_from_slice(&START_CODE);
            self.data.extend_from_slice(set);
            if role_of::<C>(set) == Role::Sequence
                && let Some((depth, size)) = C::read_sequence(set)
            {
                self.reorder_depth = depth;
                self.size = Some(size);
            }
        }
        self.data.extend_from_slice(&rest);
    }
}

fn role_of<C: Codec>(unit: &[u8]) -> Role {
    unit.first().map_or(Role::Other, |first| C::role(*first))
}

/// A buffer may be larger than its frame by so many bytes and such a part of the frame.
const ROOM_BYTES: usize = 512;
const ROOM_PART: usize = 8;
/// The most parameter sets of one access unit that are remembered.
const SETS_MAX: usize = 64;
