//! What a session sends and when: the clips of its tracks, over and over, on one clock.
//!
//! Pure: the connection tells the time since PLAY and writes what it gets. Times and sequence numbers run on over the
//! clip's end; a frame is one piece of the output.

use std::time::Duration;

use bytes::BytesMut;

use super::stats::TrackStats;
use super::track::TrackPlayer;

/// What a session sends.
#[derive(Debug)]
pub(super) struct Player {
    tracks: Vec<TrackPlayer>,
}

/// What a call to [`Player::write_due`] did.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Sent {
    pub(super) video: TrackStats,
    pub(super) audio: TrackStats,
    pub(super) packets_dropped: u64,
    pub(super) bits_flipped: u64,
}

impl Player {
    pub(super) fn new(tracks: Vec<TrackPlayer>) -> Self {
        Self { tracks }
    }

    /// Returns when the next frame is due, since PLAY.
    pub(super) fn poll_due(&self) -> Option<Duration> {
        self.tracks.iter().map(TrackPlayer::due).min()
    }

    /// Writes the frames that are due at `now`, in the order they are due.
    pub(super) fn write_due(&mut self, now: Duration, out: &mut BytesMut) -> Sent {
        let mut sent = Sent::default();
        while let Some(track) = self.tracks.iter_mut().min_by_key(|track| track.due())
            && track.due() <= now
        {
            track.write(out, &mut sent);
        }
        sent
    }

    /// Leaves out what was due before `now`, up to the next key frame; returns how many frames that were.
    ///
    /// Timestamps jump with it and sequence numbers do not, as with an encoder that threw frames away.
    pub(super) fn skip_to(&mut self, now: Duration) -> u64 {
        self.tracks.iter_mut().map(|track| track.skip_to(now)).sum()
    }

    /// Writes a sender report for each track.
    pub(super) fn write_reports(&self, now: Duration, wall_clock: Duration, out: &mut BytesMut) {
        for track in &self.tracks {
            track.write_report(now, wall_clock, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::faults::Faults;
    use super::super::packing::{HEADERS, PackedTrack, Packing};
    use super::super::track::RtpStart;
    use super::*;
    use crate::clips::{AccessUnit, Clip, ClipKind};

    /// Two frames, 40 ms apart, each of one packet.
    fn player(faults: &Faults) -> Player {
        let unit = |n: u64, header: u8| AccessUnit {
            nals: vec![vec![header, 0x99, 0x99, 0x99, 0x99, 0x99, 0x99, 0x99].into()],
            pts: n * 3600 + 7200,
            dts: n * 3600,
            is_key: n == 0,
        };
        let clip = Clip::for_tests(
            ClipKind::H264Small,
            vec![unit(0, 0x65), unit(1, 0x41)],
            7200,
        );
        let track = PackedTrack::shared(
            &Arc::new(clip),
            Packing {
                strip_parameter_sets: false,
                aggregate: true,
            },
        );
        let start = RtpStart {
            channel: 4,
            rtcp_channel: 5,
            ssrc: 7,
            sequence: 65_535,
            timestamp: u32::MAX,
        };
        Player::new(vec![TrackPlayer::new(&track, start, 0, faults)])
    }

    #[derive(Debug)]
    struct Packet {
        channel: u8,
        sequence: u16,
        timestamp: u32,
        ssrc: u32,
    }

    fn packets(out: &[u8]) -> Vec<Packet> {
        let packet = |p: &[u8]| {
            let word = |at: usize| u32::from_be_bytes([p[at], p[at + 1], p[at + 2], p[at + 3]]);
            let sequence = u16::from_be_bytes([p[6], p[7]]);
            Packet {
                channel: p[1],
                sequence,
                timestamp: word(8),
                ssrc: word(12),
            }
        };
        out.chunks(HEADERS + 8).map(packet).collect()
    }

    fn play(player: &mut Player, millis: u64) -> (Vec<Packet>, Sent) {
        let mut out = BytesMut::new();
        let sent = player.write_due(Duration::from_millis(millis), &mut out);
        (packets(&out), sent)
    }

    #[test]
    fn times_and_sequence_run_on_over_the_end_of_the_clip() {
        let (packets, sent) = play(&mut player(&Faults::default()), 80);
        let times: Vec<(u16, u32)> = packets
            .iter()
            .map(|packet| (packet.sequence, packet.timestamp))
            .collect();
        assert_eq!(times, [(65_535, 7199), (0, 10_799), (1, 14_399)]);
        assert!(packets.iter().all(|packet| packet.channel == 4));
        assert_eq!(
            (sent.video.frames, sent.video.packets, sent.video.bytes),
            (3, 3, 24)
        );
    }

    #[test]
    fn nothing_is_sent_before_it_is_due() {
        let mut player = player(&Faults::default());
        assert_eq!(play(&mut player, 39).0.len(), 1);
        assert_eq!(player.poll_due(), Some(Duration::from_millis(40)));
    }

    #[test]
    fn a_dropped_packet_leaves_a_gap_in_the_sequence() {
        let faults = Faults {
            drop_every: Some(2),
            ..Faults::default()
        };
        let (packets, sent) = play(&mut player(&faults), 80);
        let sequence: Vec<u16> = packets.iter().map(|packet| packet.sequence).collect();
        assert_eq!((sequence, sent.packets_dropped), (vec![65_535, 1], 1));
    }

    #[test]
    fn each_nth_access_unit_has_one_bit_flipped() {
        let faults = Faults {
            flip_every: Some(2),
            ..Faults::default()
        };
        let mut sent = 0;
        let mut player = player(&faults);
        for time in [0, 40, 80, 120] {
            sent += play(&mut player, time).1.bits_flipped;
        }
        assert_eq!(sent, 2);
    }

    #[test]
    fn ssrc_and_timestamps_change_when_told() {
        let faults = Faults {
            ssrc_change_after: Some(1),
            timestamp_jump: Some((2, 1000)),
            ..Faults::default()
        };
        let (packets, _) = play(&mut player(&faults), 80);
        let seen: Vec<(u32, u32)> = packets
            .iter()
            .map(|packet| (packet.timestamp, packet.ssrc))
            .collect();
        assert_eq!(seen, [(7199, 7), (10_799, !7), (15_399, !7)]);
    }

    #[test]
    fn a_late_player_skips_to_the_next_key_frame_without_a_gap_in_the_sequence() {
        let mut player = player(&Faults::default());
        play(&mut player, 0);
        assert_eq!(player.skip_to(Duration::from_millis(100)), 3);
        let (packets, _) = play(&mut player, 160);
        assert_eq!(
            (packets[0].sequence, packets[0].timestamp),
            (0, 7199 + 4 * 3600)
        );
    }
}
