//! The log of a stream: which frames are kept, and where a viewer reads next. Pure.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Item;

/// A window over the frames of a stream, numbered from the stream's start.
#[derive(Debug, Default)]
pub(super) struct Log {
    entries: VecDeque<Entry>,
    /// The number of the first entry.
    first: u64,
    /// The number of the newest key frame that is still in the log.
    key: Option<u64>,
    /// Bytes published since the stream's start.
    bytes: u64,
}

#[derive(Debug)]
struct Entry {
    item: Arc<Item>,
    /// Bytes published before this entry.
    bytes_before: u64,
}

/// What a viewer gets when it reads.
#[derive(Debug)]
pub(super) enum Read {
    /// The frame, and how many frames were dropped before it.
    Frame(Arc<Item>, u64),
    /// Nothing new.
    Empty,
}

/// A viewer's place.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cursor {
    /// The number of the frame to read next.
    next: u64,
    /// Whether the viewer waits for a key frame.
    needs_key: bool,
}

impl Log {
    /// Appends a frame, and forgets what neither a new viewer nor one at `slowest` needs.
    pub(super) fn push(&mut self, item: Arc<Item>, slowest: Option<u64>) {
        let number = self.end();
        let size = item.frame.data.len() as u64;
        if item.frame.is_key() {
            self.key = Some(number);
        }
        self.entries.push_back(Entry {
            item,
            bytes_before: self.bytes,
        });
        self.bytes += size;
        self.trim(slowest);
    }

    /// Ends the session of the camera: its last key frame is no start for a new viewer any more.
    pub(super) fn end_session(&mut self, slowest: Option<u64>) {
        self.key = None;
        self.trim(slowest);
    }

    /// The number that the next frame will have.
    pub(super) fn end(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    /// A place for a new viewer: the newest key frame, else the next one to come.
    pub(super) fn start(&self) -> Cursor {
        Cursor {
            next: self.key.unwrap_or_else(|| self.end()),
            needs_key: true,
        }
    }

    /// Reads at `cursor` and moves it on.
    pub(super) fn read(&self, cursor: &mut Cursor) -> Read {
        let mut dropped = 0;
        if self.is_too_far_behind(cursor.next) {
            let target = self.key.filter(|key| *key > cursor.next);
            let target = target.unwrap_or_else(|| self.end().max(cursor.next));
            dropped += target - cursor.next;
            *cursor = Cursor {
                next: target,
                needs_key: true,
            };
        }
        loop {
            let index =
                usize::try_from(cursor.next.saturating_sub(self.first)).unwrap_or(usize::MAX);
            let Some(entry) = self.entries.get(index) else {
                return Read::Empty;
            };
            cursor.next += 1;
            if !cursor.needs_key || entry.item.frame.is_key() {
                cursor.needs_key = false;
                return Read::Frame(entry.item.clone(), dropped);
            }
            dropped += 1;
        }
    }

    /// Whether a viewer that reads `next` has lost frames, or holds more than its share.
    fn is_too_far_behind(&self, next: u64) -> bool {
        if next < self.first {
            return true;
        }
        let index = usize::try_from(next - self.first).unwrap_or(usize::MAX);
        let lag = self
            .entries
            .get(index)
            .map_or(0, |entry| self.bytes - entry.bytes_before);
        let is_before_key = self.key.is_some_and(|key| next < key);
        is_before_key && (lag > LAG_BYTES_MAX || self.end() - next > LAG_FRAMES_MAX)
    }

    fn trim(&mut self, slowest: Option<u64>) {
        let keep = self
            .key
            .unwrap_or_else(|| self.end())
            .min(slowest.unwrap_or(u64::MAX));
        while self.first < keep || self.is_over_limit() {
            let Some(gone) = self.entries.pop_front() else {
                return;
            };
            debug_assert!(gone.bytes_before <= self.bytes);
            self.first += 1;
        }
        self.key = self.key.filter(|key| *key >= self.first);
    }

    fn is_over_limit(&self) -> bool {
        let held = self
            .entries
            .front()
            .map_or(0, |entry| self.bytes - entry.bytes_before);
        self.entries.len() > LOG_FRAMES_MAX || held > LOG_BYTES_MAX && self.entries.len() > 1
    }
}

impl Cursor {
    /// The number of the frame to read next.
    pub(super) fn next(self) -> u64 {
        self.next
    }
}

/// A viewer further behind than this, with a newer key frame at hand, jumps to it.
const LAG_BYTES_MAX: u64 = 4 * 1024 * 1024;
const LAG_FRAMES_MAX: u64 = 512;
/// What a stream holds at most: a camera that sends no key frames must not fill the memory.
const LOG_BYTES_MAX: u64 = 32 * 1024 * 1024;
const LOG_FRAMES_MAX: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::{Frame, MediaTime, Payload, VideoCodec};

    #[test]
    fn a_new_viewer_starts_at_the_newest_key_frame() {
        let mut log = Log::default();
        for n in 0..7 {
            log.push(video(n, n % 3 == 0, 10), None);
        }
        assert_eq!(times(&log, &mut log.start()), [6]);
        log.push(video(7, false, 10), None);
        assert_eq!(times(&log, &mut log.start()), [6, 7]);
    }

    #[test]
    fn a_viewer_before_the_first_key_frame_waits_for_it() {
        let mut log = Log::default();
        log.push(video(0, false, 10), None);
        let mut cursor = log.start();
        log.push(video(1, false, 10), Some(cursor.next()));
        assert!(times(&log, &mut cursor).is_empty());
        log.push(video(2, true, 10), Some(cursor.next()));
        assert_eq!(times(&log, &mut cursor), [2]);
    }

    #[test]
    fn a_viewer_a_little_behind_loses_nothing_at_a_key_frame() {
        let mut log = Log::default();
        log.push(video(0, true, 10), None);
        let mut cursor = log.start();
        for n in 1..5 {
            log.push(video(n, n == 3, 10), Some(cursor.next()));
        }
        assert_eq!(times(&log, &mut cursor), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn a_viewer_far_behind_jumps_to_the_key_frame_and_the_drop_is_counted() {
        let mut log = Log::default();
        log.push(video(0, true, 10), None);
        let mut cursor = log.start();
        for n in 1..100 {
            log.push(video(n, n == 98, 100_000), Some(cursor.next()));
        }
        let Read::Frame(item, dropped) = log.read(&mut cursor) else {
            panic!("nothing to read");
        };
        assert_eq!((item.frame.pts.0, dropped), (98, 98));
        assert_eq!(times(&log, &mut cursor), [99]);
    }

    #[test]
    fn a_camera_without_key_frames_does_not_fill_the_memory() {
        let mut log = Log::default();
        for n in 0..2 * LOG_FRAMES_MAX as i64 {
            log.push(video(n, n == 0, 100_000), Some(0));
        }
        assert!(log.entries.len() <= LOG_BYTES_MAX as usize / 100_000 + 1);
        assert_eq!(log.key, None);
    }

    #[test]
    fn a_session_that_ended_is_no_start_for_a_new_viewer() {
        let mut log = Log::default();
        log.push(video(0, true, 10), None);
        let mut behind = log.start();
        log.push(video(1, false, 10), Some(behind.next()));
        log.end_session(Some(behind.next()));
        assert!(times(&log, &mut log.start()).is_empty());
        assert_eq!(times(&log, &mut behind), [0, 1]);
        log.end_session(None);
        assert!(log.entries.is_empty());
    }

    fn times(log: &Log, cursor: &mut Cursor) -> Vec<i64> {
        std::iter::from_fn(|| match log.read(cursor) {
            Read::Frame(item, _) => Some(item.frame.pts.0),
            Read::Empty => None,
        })
        .collect()
    }

    fn video(n: i64, is_key: bool, bytes: usize) -> Arc<Item> {
        let frame = Frame {
            payload: Payload::Video {
                codec: VideoCodec::H264,
                is_key,
                audio: None,
            },
            pts: MediaTime(n),
            dts: MediaTime(n),
            scr: MediaTime(n),
            data: vec![0; bytes].into(),
        };
        Arc::new(Item::new(frame, tokio::time::Instant::now()))
    }
}
