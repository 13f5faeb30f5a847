//! Gives the frames of a stream times that a receiver can rely on, whatever the camera does.
//!
//! A camera says only when to present a frame (RFC 2326 knows no DTS), jumps, and starts anew after
//! each reconnect. The timeline unites its sessions: SCR rises strictly over all tracks, DTS rises
//! strictly within a track and is never above PTS.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use super::MediaTime;

/// The times of one frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Stamp {
    /// When to present it.
    pub pts: MediaTime,
    /// When to decode it.
    pub dts: MediaTime,
    /// When it is sent.
    pub scr: MediaTime,
}

/// The clock of one stream over all sessions of its camera.
#[derive(Debug, Default)]
pub struct Timeline {
    /// What is added to the camera's time; `None` until the first frame of a session.
    base: Option<i64>,
    video: Track,
    audio: Track,
    /// Where the next session starts.
    resume_at: i64,
    last_scr: Option<i64>,
    last_video_dts: Option<i64>,
    last_audio_dts: Option<i64>,
    /// PTS of frames whose DTS is still to be given out.
    waiting: BinaryHeap<Reverse<i64>>,
    last_sorted: Option<i64>,
    depth: usize,
    /// The frame interval last seen, in ticks.
    interval: i64,
    jumps: u64,
}

/// How the time of one track lies on the stream's clock.
#[derive(Debug, Default)]
struct Track {
    /// The track's own offset, once its clock jumped by itself; else the base holds.
    offset: Option<i64>,
    last: Option<i64>,
}

impl Timeline {
    /// Begins a session of the camera, `pause` after the last frame of the one before.
    pub fn begin_session(&mut self, pause: Duration) {
        let pause = i64::try_from(pause.as_micros() * 9 / 100).unwrap_or(i64::MAX / 4);
        let last = self.last_scr.map(|last| last + LEAD);
        let resumed = |last: i64| last.saturating_add(pause.max(FRAME_DEFAULT));
        self.resume_at = last.map_or(START, resumed);
        self.base = None;
        self.video = Track::default();
        self.audio = Track::default();
        self.restart_order();
    }

    /// Sets how many frames may overtake another; takes effect with the next video frame.
    pub fn set_reorder_depth(&mut self, depth: usize) {
        if depth != self.depth {
            self.depth = depth;
            self.restart_order();
        }
    }

    /// How often a clock of the camera jumped.
    pub fn jumps(&self) -> u64 {
        self.jumps
    }

    /// The frame interval last seen, in ticks of 90 kHz.
    pub fn interval(&self) -> i64 {
        if self.interval > 0 {
            self.interval
        } else {
            FRAME_DEFAULT
        }
    }

    /// Stamps the next video frame, whose camera time is `camera_pts`.
    pub fn stamp_video(&mut self, camera_pts: MediaTime) -> Stamp {
        let (interval, reference) = (self.interval(), self.audio.last);
        let base = self.base(camera_pts);
        let (mut pts, jumped) = self.video.place(camera_pts, base, reference, interval);
        if jumped {
            self.jumps += 1;
            self.restart_order();
        }
        self.waiting.push(Reverse(pts));
        let sorted = self.next_in_order(pts);
        let dts = self
            .last_video_dts
            .map_or(sorted, |last| sorted.max(last + 1));
        pts = pts.max(dts);
        self.last_video_dts = Some(dts);
        self.video.last = Some(pts);
        self.stamp(pts, dts)
    }

    /// Stamps the next audio frame, whose camera time is `camera_pts`.
    pub fn stamp_audio(&mut self, camera_pts: MediaTime) -> Stamp {
        let reference = self.video.last;
        let base = self.base(camera_pts);
        let (placed, jumped) = self.audio.place(camera_pts, base, reference, AUDIO_DEFAULT);
        self.jumps += u64::from(jumped);
        let pts = self
            .last_audio_dts
            .map_or(placed, |last| placed.max(last + 1));
        self.last_audio_dts = Some(pts);
        self.audio.last = Some(pts);
        self.stamp(pts, pts)
    }

    fn stamp(&mut self, pts: i64, dts: i64) -> Stamp {
        let due = dts - LEAD;
        let scr = self.last_scr.map_or(due, |last| due.max(last + 1));
        self.last_scr = Some(scr);
        Stamp {
            pts: MediaTime(pts),
            dts: MediaTime(dts),
            scr: MediaTime(scr),
        }
    }

    fn base(&mut self, camera: MediaTime) -> i64 {
        *self
            .base
            .get_or_insert_with(|| self.resume_at.saturating_sub(camera.0))
    }

    /// Takes the earliest PTS not given out yet, once enough frames wait to know it.
    fn next_in_order(&mut self, pts: i64) -> i64 {
        let missing = (self.depth + 1).saturating_sub(self.waiting.len());
        if missing > 0 {
            // The order of the first frames is not known yet: they lie one interval apart.
            let earliest = self
                .waiting
                .peek()
                .map_or(pts, |Reverse(earliest)| *earliest);
            return earliest - missing as i64 * self.interval();
        }
        let sorted = self.waiting.pop().map_or(pts, |Reverse(earliest)| earliest);
        if let Some(step) = self.last_sorted.replace(sorted).map(|last| sorted - last)
            && (1..=MediaTime::TICKS_PER_SECOND).contains(&step)
        {
            self.interval = step;
        }
        sorted
    }

    fn restart_order(&mut self) {
        self.waiting.clear();
        self.last_sorted = None;
    }
}

impl Track {
    /// Moves the camera's time onto the stream's clock; a jump moves the clock, not the stream.
    ///
    /// `reference` is where the other track is, for the first frame. Returns whether it jumped.
    fn place(
        &mut self,
        camera: MediaTime,
        base: i64,
        reference: Option<i64>,
        interval: i64,
    ) -> (i64, bool) {
        let placed = camera.0.saturating_add(self.offset.unwrap_or(base));
        let Some(last) = self.last.or(reference) else {
            return (placed, false);
        };
        let step = placed.saturating_sub(last);
        if (-STEP_BACK..=JUMP).contains(&step) || self.last.is_none() && step.abs() <= JUMP {
            return (placed, false);
        }
        let resumed = last + interval;
        self.offset = Some(resumed.saturating_sub(camera.0));
        (resumed, true)
    }
}

/// A frame is sent so long before it is decoded: a track may run ahead of another by that much, and SCR
/// still rises and stays below DTS.
const LEAD: i64 = MediaTime::TICKS_PER_SECOND * 3 / 10;
/// Where a stream begins: no time of it is negative.
const START: i64 = JUMP + 2 * MediaTime::TICKS_PER_SECOND;
/// A step of the camera's clock beyond this is a jump, not a pause or a reordering.
const JUMP: i64 = 10 * MediaTime::TICKS_PER_SECOND;
/// A step back beyond this is no reordering: 16 frames at 20 frames a second.
const STEP_BACK: i64 = MediaTime::TICKS_PER_SECOND * 8 / 10;
/// A packet of audio, where a clock jumped.
const AUDIO_DEFAULT: i64 = 1800;
/// 25 frames a second, until two frames were seen.
const FRAME_DEFAULT: i64 = 3600;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_reordering_dts_is_pts() {
        let mut timeline = started(0);
        for frame in 0..5 {
            let stamp = timeline.stamp_video(MediaTime(1_000 + frame * 3600));
            assert_eq!(stamp.pts, stamp.dts);
            assert_eq!(stamp.pts.0, START + frame * 3600);
        }
    }

    #[test]
    fn b_frames_get_sorted_dts_below_their_pts() {
        let mut timeline = started(2);
        let order = [0, 4, 2, 1, 3, 8, 6, 5, 7, 12, 10, 9, 11];
        let stamps: Vec<_> = order
            .iter()
            .map(|n| timeline.stamp_video(MediaTime(n * 3600)))
            .collect();
        for pair in stamps.windows(2) {
            assert!(
                pair[0].dts < pair[1].dts && pair[0].scr < pair[1].scr,
                "{pair:?}"
            );
        }
        for (stamp, n) in stamps.iter().zip(order) {
            assert!(
                stamp.dts <= stamp.pts && stamp.scr <= stamp.dts,
                "{stamp:?}"
            );
            assert_eq!(stamp.pts.0, START + n * 3600, "the camera's PTS stays");
        }
    }

    #[test]
    fn a_jump_of_an_hour_continues_where_the_stream_was() {
        for hour in [3600, -3600] {
            let mut timeline = started(0);
            timeline.stamp_video(MediaTime(0));
            let before = timeline.stamp_video(MediaTime(3600));
            let after = timeline.stamp_video(MediaTime(7200 + hour * 90_000));
            assert_eq!(after.pts.0 - before.pts.0, 3600);
            assert_eq!(timeline.jumps(), 1);
        }
    }

    #[test]
    fn a_new_session_starts_after_the_pause() {
        let mut timeline = started(0);
        let before = timeline.stamp_video(MediaTime(500));
        timeline.begin_session(Duration::from_secs(2));
        let after = timeline.stamp_video(MediaTime(77_000_000));
        assert_eq!(after.scr.0 - before.scr.0, 180_000);
        assert_eq!(timeline.jumps(), 0);
    }

    #[test]
    fn audio_and_video_share_one_rising_scr() {
        let mut timeline = started(0);
        let video = timeline.stamp_video(MediaTime(3600));
        let audio = timeline.stamp_audio(MediaTime(0));
        assert!(audio.scr > video.scr && audio.scr <= audio.dts);
        assert_eq!(
            audio.pts.0,
            video.pts.0 - 3600,
            "the distance of the tracks stays"
        );
    }

    #[test]
    fn a_clock_that_runs_backwards_never_moves_the_stream_back() {
        let mut timeline = started(0);
        let mut last = timeline.stamp_video(MediaTime(90_000)).dts;
        for step in 1..20 {
            let stamp = timeline.stamp_video(MediaTime(90_000 - step * 3600));
            assert!(stamp.dts > last && stamp.pts >= stamp.dts);
            last = stamp.dts;
        }
    }

    #[test]
    fn a_step_back_of_two_seconds_freezes_nothing() {
        let mut timeline = started(0);
        timeline.stamp_video(MediaTime(900_000));
        let before = timeline.stamp_video(MediaTime(903_600));
        let after = timeline.stamp_video(MediaTime(720_000));
        assert_eq!(after.dts.0 - before.dts.0, 3600);
    }

    #[test]
    fn tracks_far_apart_do_not_disturb_one_another() {
        let mut timeline = started(0);
        let mut last = None;
        for n in 0..10 {
            let video = timeline.stamp_video(MediaTime(n * 3600));
            timeline.stamp_audio(MediaTime(90_000_000 + n * 3600));
            if let Some(last) = last.replace(video.pts.0) {
                assert_eq!(video.pts.0 - last, 3600);
            }
        }
        assert_eq!(timeline.jumps(), 1);
    }

    fn started(depth: usize) -> Timeline {
        let mut timeline = Timeline::default();
        timeline.begin_session(Duration::ZERO);
        timeline.set_reorder_depth(depth);
        timeline
    }
}
