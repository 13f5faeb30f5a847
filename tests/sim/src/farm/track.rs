//! A track of a session: which frame of its clip is next, and where its RTP stands.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;

use super::faults::{Faults, KeyFrames, Way, damage, insert};
use super::packing::{FLIP, HEADERS, PackedTrack};
use super::player::Sent;
use super::rtcp::{self, SenderReport};
use super::stats::TrackStats;
use crate::clips::CLOCK;

/// The marker bit beside the payload type.
const MARKER: u8 = 0x80;

/// A track's place in RTP, chosen at SETUP.
#[derive(Debug, Clone, Copy)]
pub(super) struct RtpStart {
    pub(super) payload_type: u8,
    /// The interleaved channel of RTP; RTCP has the next one.
    pub(super) channel: u8,
    pub(super) rtcp_channel: u8,
    pub(super) ssrc: u32,
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
}

/// A track of a session.
#[derive(Debug)]
pub(super) struct TrackPlayer {
    track: Arc<PackedTrack>,
    start: RtpStart,
    faults: Arc<Faults>,
    way: Way,
    /// Ticks of the clip before the first frame sent.
    origin: u64,
    next: usize,
    /// Ticks of the clips played before this turn.
    turn: u64,
    frames: u64,
    packets: u64,
    octets: u64,
    sequence: u16,
    flip_pending: bool,
    /// When the last key frame was sent, in ticks since PLAY.
    last_key: Option<u64>,
    /// The timestamp that stands still.
    stands_at: Option<u32>,
    /// The reset of the sequence that was done.
    reset: Option<(u64, u16)>,
}

impl TrackPlayer {
    /// Starts at a frame of the clip; only video has faults.
    pub(super) fn new(
        track: &Arc<PackedTrack>,
        start: RtpStart,
        first_frame: usize,
        faults: &Arc<Faults>,
    ) -> Self {
        let is_video = track.clip.codec().is_video();
        let next = if is_video {
            first_frame % track.frames.len()
        } else {
            0
        };
        let mut player = Self {
            track: track.clone(),
            start,
            faults: Arc::default(),
            way: Way::new(),
            origin: track.frames[next].due,
            next,
            turn: 0,
            frames: 0,
            packets: 0,
            octets: 0,
            sequence: start.sequence,
            flip_pending: false,
            last_key: None,
            stands_at: None,
            reset: None,
        };
        player.set_faults(faults);
        player
    }

    pub(super) fn set_faults(&mut self, faults: &Arc<Faults>) {
        if self.is_video() {
            self.faults = faults.clone();
        }
    }

    pub(super) fn is_video(&self) -> bool {
        self.track.clip.codec().is_video()
    }

    /// Returns how many frames were sent.
    pub(super) fn frames(&self) -> u64 {
        self.frames
    }

    /// Returns when its next frame is due, since PLAY.
    pub(super) fn due(&self) -> Duration {
        to_duration(self.due_ticks())
    }

    fn due_ticks(&self) -> u64 {
        self.turn + self.track.frames[self.next].due - self.origin
    }

    fn advance(&mut self) {
        self.next += 1;
        if self.next == self.track.frames.len() {
            self.next = 0;
            self.turn += self.track.period;
        }
    }

    /// Leaves out what was due before `now`, up to the next key frame; returns how many frames that were.
    pub(super) fn skip_to(&mut self, now: Duration) -> u64 {
        let mut skipped = 0;
        while self.due() < now || (skipped > 0 && !self.track.frames[self.next].is_key) {
            self.advance();
            skipped += 1;
        }
        skipped
    }

    /// Writes the next frame.
    pub(super) fn write(&mut self, out: &mut BytesMut, sent: &mut Sent) {
        let faults = self.faults.clone();
        self.switch(&faults);
        if self.leaves_out(&faults) {
            sent.key_frames_left_out += 1;
            return self.advance();
        }
        let stats = self.write_packets(&faults, out, sent);
        self.octets += stats.bytes;
        self.frames += 1;
        self.advance();
        if let Some((what, every)) = faults.insert
            && self.frames.is_multiple_of(every)
        {
            insert(what, self.start.channel, out);
            sent.insertions += 1;
        }
        let total = if self.is_video() {
            &mut sent.video
        } else {
            &mut sent.audio
        };
        total.add(stats);
    }

    fn write_packets(
        &mut self,
        faults: &Faults,
        out: &mut BytesMut,
        sent: &mut Sent,
    ) -> TrackStats {
        let track = self.track.clone();
        let frame = &track.frames[self.next];
        let timestamp = self.frame_timestamp(frame.time);
        let ssrc = self.ssrc();
        self.reset_sequence(faults);
        let mut stats = TrackStats {
            frames: 1,
            ..TrackStats::default()
        };
        let count = self.frames + 1;
        let damages = faults.damage.filter(|(_, n)| count.is_multiple_of(*n));
        let flipped = self.flip().and(frame.flippable);
        let ends = frame.packets.iter().skip(1).copied();
        let ends = ends.chain([frame.bytes.len()]);
        for (start, end) in frame.packets.iter().copied().zip(ends) {
            let at = out.len();
            out.extend_from_slice(&frame.bytes[start..end]);
            let packet = &mut out[at..];
            packet[1] = faults.channel.unwrap_or(self.start.channel);
            packet[5] = packet[5] & MARKER | self.start.payload_type;
            packet[6..8].copy_from_slice(&self.sequence.to_be_bytes());
            packet[8..12].copy_from_slice(&timestamp.to_be_bytes());
            packet[12..16].copy_from_slice(&ssrc.to_be_bytes());
            let flips = flipped.filter(|byte| (start..end).contains(byte));
            if let Some(byte) = flips {
                packet[byte - start] ^= FLIP;
            }
            if let Some((how, _)) = damages {
                let is_last = end == frame.bytes.len();
                let done = damage(how, track.clip.codec(), is_last, at, out);
                sent.packets_damaged += u64::from(done);
            }
            self.packets += 1;
            self.sequence = self.sequence.wrapping_add(1);
            let copies = self.way.pass(faults, at, out, sent);
            if flips.is_some() && copies > 0 {
                self.flip_pending = false;
                sent.bits_flipped += 1;
            }
            stats.packets += copies;
            stats.bytes += copies * (end - start - HEADERS) as u64;
        }
        stats
    }

    /// Goes over to another clip if it is time to; the clock runs on.
    fn switch(&mut self, faults: &Faults) {
        let Some((after, clip)) = &faults.switch else {
            return;
        };
        if self.frames < *after || Arc::ptr_eq(clip, &self.track.clip) {
            return;
        }
        self.turn = self.due_ticks();
        self.track = PackedTrack::shared(clip, self.track.packing);
        self.next = 0;
        self.origin = self.track.frames[0].due;
    }

    /// Says whether the next frame is a key frame that is not to be sent.
    fn leaves_out(&mut self, faults: &Faults) -> bool {
        if !self.is_video() || !self.track.frames[self.next].is_key {
            return false;
        }
        let now = self.due_ticks();
        let leaves_out = match faults.key_frames {
            None => false,
            Some(KeyFrames::Never) => true,
            Some(KeyFrames::Every(distance)) => self
                .last_key
                .is_some_and(|last| to_duration(now - last) < distance),
        };
        if !leaves_out {
            self.last_key = Some(now);
        }
        leaves_out
    }

    fn reset_sequence(&mut self, faults: &Faults) {
        let due = faults
            .sequence_reset
            .filter(|(after, _)| self.frames >= *after);
        if let Some((_, to)) = due
            && self.reset != due
        {
            self.reset = due;
            self.sequence = to;
        }
    }

    /// Returns the RTP timestamp of the next frame.
    fn frame_timestamp(&mut self, time: u64) -> u32 {
        let timestamp = self.timestamp(self.turn, time);
        let stands = self
            .faults
            .timestamp_stands
            .is_some_and(|after| self.frames >= after);
        if !stands {
            self.stands_at = None;
            return timestamp;
        }
        *self.stands_at.get_or_insert(timestamp)
    }

    /// Says whether a bit of this frame is to be flipped; a frame that has none to flip leaves it to the next.
    fn flip(&mut self) -> Option<()> {
        self.flip_pending |= self
            .faults
            .flip_every
            .is_some_and(|n| (self.frames + 1).is_multiple_of(n));
        self.flip_pending.then_some(())
    }

    fn ssrc(&self) -> u32 {
        let changed = self
            .faults
            .ssrc_change_after
            .is_some_and(|frames| self.frames >= frames);
        if changed {
            !self.start.ssrc
        } else {
            self.start.ssrc
        }
    }

    /// Returns the RTP timestamp of `time` (in RTP ticks) in the turn that began at `turn`.
    fn timestamp(&self, turn: u64, time: u64) -> u32 {
        let jump = self
            .faults
            .timestamp_jump
            .filter(|(frames, _)| self.frames >= *frames);
        let ticks = self.track.rtp_ticks(turn) + time - self.track.rtp_ticks(self.origin);
        // RTP time wraps (RFC 3550 §5.1).
        self.start
            .timestamp
            .wrapping_add(ticks as u32)
            .wrapping_add(jump.map_or(0, |(_, ticks)| ticks))
    }

    /// Writes a BYE.
    pub(super) fn write_bye(&self, out: &mut BytesMut) {
        rtcp::write_bye(self.ssrc(), self.start.rtcp_channel, out);
    }

    /// Writes a sender report.
    pub(super) fn write_report(&self, now: Duration, wall_clock: Duration, out: &mut BytesMut) {
        let ticks = (now.as_nanos() * u128::from(CLOCK) / 1_000_000_000) as u64;
        let report = SenderReport {
            ssrc: self.ssrc(),
            wall_clock,
            timestamp: self.timestamp(0, self.track.rtp_ticks(ticks + self.origin)),
            packets: self.packets as u32,
            octets: self.octets as u32,
        };
        rtcp::write(&report, self.start.rtcp_channel, out);
    }
}

fn to_duration(ticks: u64) -> Duration {
    Duration::from_nanos(ticks * 100_000 / 9)
}
