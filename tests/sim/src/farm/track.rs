//! A track of a session: which frame of its clip is next, and where its RTP stands.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;

use super::faults::Faults;
use super::packing::{FLIP, HEADERS, PackedTrack};
use super::player::Sent;
use super::rtcp::{self, SenderReport};
use super::stats::TrackStats;
use crate::clips::CLOCK;

/// A track's place in RTP, chosen at SETUP.
#[derive(Debug, Clone, Copy)]
pub(super) struct RtpStart {
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
    faults: Faults,
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
}

impl TrackPlayer {
    /// Starts at a frame of the clip; only video has faults.
    pub(super) fn new(
        track: &Arc<PackedTrack>,
        start: RtpStart,
        first_frame: usize,
        faults: &Faults,
    ) -> Self {
        let is_video = track.clip.codec().is_video();
        let next = if is_video {
            first_frame % track.frames.len()
        } else {
            0
        };
        Self {
            track: track.clone(),
            start,
            faults: if is_video {
                faults.clone()
            } else {
                Faults::default()
            },
            origin: track.frames[next].due,
            next,
            turn: 0,
            frames: 0,
            packets: 0,
            octets: 0,
            sequence: start.sequence,
            flip_pending: false,
        }
    }

    /// Returns when its next frame is due, since PLAY.
    pub(super) fn due(&self) -> Duration {
        to_duration(self.turn + self.track.frames[self.next].due - self.origin)
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
        let track = self.track.clone();
        let frame = &track.frames[self.next];
        let timestamp = self.timestamp(self.turn, frame.time);
        let ssrc = self.ssrc();
        let mut stats = TrackStats {
            frames: 1,
            ..TrackStats::default()
        };
        let ends = frame
            .packets
            .iter()
            .skip(1)
            .copied()
            .chain([frame.bytes.len()]);
        let flipped = self.flip().and(frame.flippable);
        for (start, end) in frame.packets.iter().copied().zip(ends) {
            self.packets += 1;
            let sequence = self.sequence;
            self.sequence = self.sequence.wrapping_add(1);
            if self
                .faults
                .drop_every
                .is_some_and(|n| self.packets.is_multiple_of(n))
            {
                sent.packets_dropped += 1;
                continue;
            }
            let at = out.len();
            out.extend_from_slice(&frame.bytes[start..end]);
            let packet = &mut out[at..];
            packet[1] = self.start.channel;
            packet[6..8].copy_from_slice(&sequence.to_be_bytes());
            packet[8..12].copy_from_slice(&timestamp.to_be_bytes());
            packet[12..16].copy_from_slice(&ssrc.to_be_bytes());
            if let Some(byte) = flipped.filter(|byte| (start..end).contains(byte)) {
                packet[byte - start] ^= FLIP;
                self.flip_pending = false;
                sent.bits_flipped += 1;
            }
            stats.packets += 1;
            stats.bytes += (end - start - HEADERS) as u64;
        }
        self.octets += stats.bytes;
        self.frames += 1;
        self.advance();
        let total = if track.clip.codec().is_video() {
            &mut sent.video
        } else {
            &mut sent.audio
        };
        total.add(stats);
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
