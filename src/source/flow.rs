//! The frames of one session with a camera, on their way to the bus.

use std::time::Duration;

use tokio::time::Instant;

use super::rtsp::TrackKind;
use super::status::Observed;
use crate::bus::Publisher;
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
    pub(super) errors: u64,
    pub(super) silence_max: Duration,
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
            errors: 0,
            silence_max: SILENCE_MAX,
            told_depth: None,
            order: OrderWatch::default(),
        }
    }

    /// When media has been silent for too long.
    pub(super) fn silent_at(&self) -> Instant {
        self.last_media + self.silence_max
    }

    /// Puts a frame on the bus; `true` for a key frame.
    pub(super) fn publish(&mut self, kind: TrackKind, frame: RawFrame) -> bool {
        let is_key = frame.is_key;
        match kind {
            TrackKind::Audio(codec) => self.publisher.audio(codec, frame),
            TrackKind::Video(codec) => {
                if is_key {
                    self.observed.size = frame.size.or(self.observed.size);
                    self.told_depth = frame.reorder_depth.map(usize::from).or(self.told_depth);
                }
                let depth = self.told_depth.unwrap_or_else(|| self.order.depth());
                self.order.see(frame.time.0, is_key);
                self.publisher.video(codec, frame, depth);
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
const DEPTH_ASSUMED: usize = 2;
