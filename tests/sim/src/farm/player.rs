//! What a session sends and when: the clips of its tracks, over and over, on one clock.
//!
//! Pure: the connection tells the time since PLAY and writes what it gets. Times and sequence numbers run on over the
//! clip's end; a frame is one piece of the output.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;

use super::faults::Faults;
use super::stats::{CameraStats, TrackStats};
use super::track::TrackPlayer;

/// What a session sends.
#[derive(Debug)]
pub(super) struct Player {
    tracks: Vec<TrackPlayer>,
    faults: Arc<Faults>,
}

/// What a call to [`Player::write_due`] did.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Sent {
    pub(super) video: TrackStats,
    pub(super) audio: TrackStats,
    pub(super) packets_dropped: u64,
    pub(super) packets_duplicated: u64,
    pub(super) packets_reordered: u64,
    pub(super) packets_damaged: u64,
    pub(super) bits_flipped: u64,
    pub(super) insertions: u64,
    pub(super) key_frames_left_out: u64,
}

impl Sent {
    /// Adds it to the camera's counters.
    pub(super) fn add_to(&self, stats: &mut CameraStats) {
        stats.video.add(self.video);
        stats.audio.add(self.audio);
        stats.packets_dropped += self.packets_dropped;
        stats.packets_duplicated += self.packets_duplicated;
        stats.packets_reordered += self.packets_reordered;
        stats.packets_damaged += self.packets_damaged;
        stats.bits_flipped += self.bits_flipped;
        stats.insertions += self.insertions;
        stats.key_frames_left_out += self.key_frames_left_out;
    }
}

impl Player {
    pub(super) fn new(tracks: Vec<TrackPlayer>, faults: &Arc<Faults>) -> Self {
        let mut player = Self {
            tracks,
            faults: Arc::default(),
        };
        player.set_faults(faults);
        player
    }

    /// Takes other faults.
    pub(super) fn set_faults(&mut self, faults: &Arc<Faults>) {
        self.faults = faults.clone();
        for track in &mut self.tracks {
            track.set_faults(faults);
        }
    }

    /// Returns how many frames of video were sent; of audio, if there is no video.
    pub(super) fn frames(&self) -> u64 {
        let video = self.tracks.iter().find(|track| track.is_video());
        video
            .or_else(|| self.tracks.first())
            .map_or(0, TrackPlayer::frames)
    }

    /// Returns when the next frame is due, since PLAY.
    pub(super) fn poll_due(&self) -> Option<Duration> {
        self.tracks.iter().map(TrackPlayer::due).min()
    }

    /// Writes the frames that are due at `now`, in the order they are due, and none behind one that a fault waits for.
    pub(super) fn write_due(&mut self, now: Duration, out: &mut BytesMut) -> Sent {
        let mut sent = Sent::default();
        while let Some(track) = self.tracks.iter_mut().min_by_key(|track| track.due())
            && track.due() <= now
        {
            track.write(out, &mut sent);
            if self.faults.waits_for(self.frames()) {
                break;
            }
        }
        sent
    }

    /// Leaves out what was due before `now`, up to the next key frame; returns how many frames that were.
    ///
    /// Timestamps jump with it and sequence numbers do not, as with an encoder that threw frames away.
    pub(super) fn skip_to(&mut self, now: Duration) -> u64 {
        self.tracks.iter_mut().map(|track| track.skip_to(now)).sum()
    }

    /// Writes a BYE for each track.
    pub(super) fn write_byes(&self, out: &mut BytesMut) {
        for track in &self.tracks {
            track.write_bye(out);
        }
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
    use super::super::faults::{Ending, Fault, KeyFrames};
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
            payload_type: 96,
            channel: 4,
            rtcp_channel: 5,
            ssrc: 7,
            sequence: 65_535,
            timestamp: u32::MAX,
        };
        let faults = Arc::new(faults.clone());
        Player::new(vec![TrackPlayer::new(&track, start, 0, &faults)], &faults)
    }

    fn faulty(fault: Fault) -> Player {
        let mut faults = Faults::default();
        faults.set(fault);
        player(&faults)
    }

    fn sequences(packets: &[Packet]) -> Vec<u16> {
        packets.iter().map(|packet| packet.sequence).collect()
    }

    fn timestamps(packets: &[Packet]) -> Vec<u32> {
        packets.iter().map(|packet| packet.timestamp).collect()
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

    #[test]
    fn key_frames_are_left_out_without_a_gap_in_the_sequence() {
        let mut player = faulty(Fault::KeyFrames(KeyFrames::Never));
        let (packets, sent) = play(&mut player, 160);
        assert_eq!(timestamps(&packets), [10_799, 10_799 + 7200]);
        assert_eq!(sequences(&packets), [65_535, 0]);
        assert_eq!(sent.key_frames_left_out, 3);
    }

    #[test]
    fn key_frames_can_be_made_rare() {
        let distance = Duration::from_millis(160);
        let mut player = faulty(Fault::KeyFrames(KeyFrames::Every(distance)));
        // Key frames are due at 0, 80, 160 and 240 ms.
        let (_, sent) = play(&mut player, 280);
        assert_eq!((sent.key_frames_left_out, sent.video.frames), (2, 6));
    }

    #[test]
    fn timestamps_can_stand_and_jump_back() {
        let stands = Fault::TimestampStands { after_frames: 1 };
        let (packets, _) = play(&mut faulty(stands), 120);
        assert_eq!(timestamps(&packets), [7199, 10_799, 10_799, 10_799]);
        let back = Fault::TimestampJump {
            after_frames: 1,
            ticks: -3600,
        };
        let (packets, _) = play(&mut faulty(back), 80);
        assert_eq!(timestamps(&packets), [7199, 7199, 10_799]);
    }

    #[test]
    fn the_sequence_is_reset_once() {
        let reset = Fault::SequenceReset {
            after_frames: 1,
            to: 500,
        };
        let (packets, _) = play(&mut faulty(reset), 120);
        assert_eq!(sequences(&packets), [65_535, 500, 501, 502]);
    }

    #[test]
    fn another_clip_follows_on_the_same_clock() {
        let unit = |n: u64| AccessUnit {
            nals: vec![vec![0x65; 8].into()],
            pts: n * 9000 + 7200,
            dts: n * 9000,
            is_key: true,
        };
        let units = vec![unit(0), unit(1)];
        let clip = Arc::new(Clip::for_tests(ClipKind::H264Small, units, 18_000));
        let switch = Fault::Switch {
            after_frames: 1,
            clip,
        };
        let (packets, _) = play(&mut faulty(switch), 40 + 200);
        let expected = [7199, 10_799, 10_799 + 9000, 10_799 + 18_000];
        assert_eq!(timestamps(&packets), expected);
        assert_eq!(sequences(&packets), [65_535, 0, 1, 2]);
    }

    #[test]
    fn no_frame_follows_one_that_a_fault_waits_for() {
        let end = Fault::End {
            after_frames: 2,
            how: Ending::Close,
        };
        assert_eq!(play(&mut faulty(end), 1000).0.len(), 2);
    }
}
