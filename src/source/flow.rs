//! The frames of one session with a camera, on their way to the bus.

use std::time::Duration;

use tokio::time::Instant;

use super::rtsp::{Received, TrackKind};
use super::status::Observed;
use crate::bus::Publisher;
use crate::ledger::Cause;
use crate::proto::rtp::RawFrame;

/// The frames of one session on their way to the bus.
pub(super) struct Flow {
    publisher: Publisher,
    pub(super) observed: Observed,
    pub(super) started: Instant,
    pub(super) last_key: Instant,
    /// Of video: audio alone is no picture.
    pub(super) last_media: Instant,
    pub(super) keys: u64,
    pub(super) silence_max: Duration,
    /// Packets of video since the last key frame, and how many of them were lost or of no use.
    packets: u64,
    unusable: u64,
    /// The session has been judged.
    pub(super) has_verdict: bool,
    /// How many frames may overtake another: told by the stream, else assumed and then observed.
    told_depth: Option<usize>,
    order: OrderWatch,
}

impl Flow {
    pub(super) fn new(
        publisher: Publisher,
        kinds: impl Iterator<Item = TrackKind>,
        started: Instant,
    ) -> Self {
        let mut observed = Observed::default();
        for kind in kinds {
            match kind {
                TrackKind::Video(codec) => observed.video = Some(codec),
                TrackKind::Audio(codec) => observed.audio = Some(codec),
            }
        }
        Self {
            publisher,
            observed,
            started,
            last_key: Instant::now(),
            last_media: Instant::now(),
            keys: 0,
            silence_max: SILENCE_MAX,
            packets: 0,
            unusable: 0,
            has_verdict: false,
            told_depth: None,
            order: OrderWatch::default(),
        }
    }

    /// When media has been silent for too long.
    pub(super) fn silent_at(&self) -> Instant {
        self.last_media + self.silence_max
    }

    /// Notes packets that came at once.
    pub(super) fn note_packets(&mut self, now: Instant, received: &Received) {
        if received.video > 0 {
            self.last_media = now;
            self.packets += received.video;
            self.unusable += received.video_unusable;
        }
    }

    /// Notes a key frame: the interval between two says how long a silence is too long.
    pub(super) fn note_key_frame(&mut self, now: Instant) {
        if self.keys > 0 {
            let gop = now - self.last_key;
            self.silence_max = (3 * gop).clamp(SILENCE_MIN, SILENCE_MAX);
        }
        self.last_key = now;
        self.keys += 1;
        (self.packets, self.unusable) = (0, 0);
    }

    /// Media comes and no key frame: is it damaged, or is there none?
    pub(super) fn why_no_key_frame(&self) -> Cause {
        if self.unusable * DAMAGED_PART > self.packets {
            Cause::BadBitstream
        } else {
            Cause::NoKeyFrame
        }
    }

    /// Puts a frame on the bus; `true` for a key frame.
    pub(super) fn publish(&mut self, kind: TrackKind, frame: RawFrame) -> bool {
        let (is_key, now) = (frame.is_key, Instant::now());
        match kind {
            TrackKind::Audio(codec) => self.publisher.audio(codec, frame, now),
            TrackKind::Video(codec) => {
                if is_key {
                    self.observed.size = frame.size.or(self.observed.size);
                    self.told_depth = frame.reorder_depth.map(usize::from).or(self.told_depth);
                }
                let depth = self.told_depth.unwrap_or_else(|| self.order.depth());
                self.order.see(frame.time.0, is_key);
                self.publisher.video(codec, frame, depth, now);
            }
        }
        is_key
    }
}

/// Watches whether frames overtake one another, for cameras whose parameter sets do not tell.
#[derive(Debug, Default)]
struct OrderWatch {
    last: Option<i64>,
    keys: u32,
    is_reordered: bool,
}

impl OrderWatch {
    /// Two until a group of pictures was seen whole, then what it showed.
    fn depth(&self) -> usize {
        if self.keys >= 2 && !self.is_reordered {
            0
        } else {
            DEPTH_ASSUMED
        }
    }

    fn see(&mut self, time: i64, is_key: bool) {
        self.is_reordered |= self.last.is_some_and(|last| time < last);
        self.last = Some(time);
        self.keys = self.keys.saturating_add(u32::from(is_key));
    }
}

/// The longest silence, until the stream's own interval of key frames is known.
pub(super) const SILENCE_MAX: Duration = Duration::from_secs(10);
/// Media silent for three groups of pictures has stalled, but not before this and not after that.
const SILENCE_MIN: Duration = Duration::from_secs(2);
/// One packet in fifty of no use, and a key frame of a hundred packets seldom comes whole.
const DAMAGED_PART: u64 = 50;
const DEPTH_ASSUMED: usize = 2;
