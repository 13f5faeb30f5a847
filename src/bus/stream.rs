//! A stream and its write side.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::time::Instant;

use super::log::Log;
use super::places::{Called, Offer, Outlet, Places};
use super::subscriber::{Next, Subscriber};
use crate::media::{AudioCodec, Frame, MediaTime, Payload, Stamp, Timeline, VideoCodec};
use crate::proto::ps::Pack;
use crate::proto::rtp::RawFrame;

/// A frame on the bus, with the forms that sinks share.
#[derive(Debug)]
pub struct Item {
    /// The frame.
    pub frame: Frame,
    /// When the last of it came from the camera.
    pub arrived: Instant,
    pack: OnceLock<Pack>,
}

impl Item {
    /// Puts a frame on the bus that came at `arrived`.
    pub fn new(frame: Frame, arrived: Instant) -> Self {
        Self {
            frame,
            arrived,
            pack: OnceLock::new(),
        }
    }

    /// The frame as a pack of a program stream; made once, whatever the number of viewers.
    pub fn pack(&self) -> &Pack {
        self.pack.get_or_init(|| Pack::of(&self.frame))
    }
}

/// The live frames of one camera, over all sessions with it.
#[derive(Clone, Debug)]
pub struct Stream(Arc<Shared>);

#[derive(Debug)]
pub(super) struct Shared(Mutex<Inner>);

#[derive(Debug, Default)]
pub(super) struct Inner {
    log: Log,
    places: Places,
    timeline: Timeline,
    audio: Audio,
    /// When the last frame came.
    last_at: Option<Instant>,
}

/// Audio enters the stream map at the next key frame after it was heard, and is held back till then.
#[derive(Debug, Default)]
struct Audio {
    /// What was heard last, and when on the stream's clock.
    heard: Option<(AudioCodec, MediaTime)>,
    in_map: Option<AudioCodec>,
}

impl Audio {
    /// Sets the map for the key frame at `pts`: audio that was not heard for long leaves it.
    fn enter_map(&mut self, pts: MediaTime) {
        let heard = self.heard.filter(|(_, at)| pts.0 - at.0 < AUDIO_FORGOTTEN);
        self.in_map = heard.map(|(codec, _)| codec);
    }
}

impl Default for Stream {
    fn default() -> Self {
        Self(Arc::new(Shared(Mutex::default())))
    }
}

impl Stream {
    /// Returns the write side for a session of the camera.
    pub fn publish(&self) -> Publisher {
        Publisher {
            shared: self.0.clone(),
            has_begun: false,
            has_key: false,
            called: Called::default(),
        }
    }

    /// Returns a viewer's read side, at the newest key frame where there is one.
    pub fn subscribe(&self) -> Subscriber {
        let mut inner = self.0.lock();
        let cursor = inner.log.start();
        let number = inner.places.enter(cursor);
        Subscriber::new(self.0.clone(), number)
    }

    /// How many viewers read the stream.
    pub fn subscribers(&self) -> usize {
        self.0.lock().places.count()
    }
}

/// The write side of a stream, for one session of the camera. Nothing goes out before its first key
/// frame; when it ends, its frames are no start for a new viewer any more.
#[derive(Debug)]
pub struct Publisher {
    shared: Arc<Shared>,
    has_begun: bool,
    has_key: bool,
    /// Whom the frame at hand is for; kept for its room.
    called: Called,
}

impl Publisher {
    /// Stamps and publishes an access unit that came at `now`; never waits.
    pub fn video(&mut self, codec: VideoCodec, raw: RawFrame, reorder_depth: usize, now: Instant) {
        self.has_key |= raw.is_key;
        if !self.has_key {
            return;
        }
        let mut inner = self.shared.lock();
        inner.note_frame(&mut self.has_begun, now);
        if raw.is_key {
            inner.timeline.set_reorder_depth(reorder_depth);
        }
        let stamp = inner.timeline.stamp_video(raw.time);
        if raw.is_key {
            inner.audio.enter_map(stamp.pts);
        }
        let payload = Payload::Video {
            codec,
            is_key: raw.is_key,
            audio: inner.audio.in_map,
        };
        inner.push(payload, stamp, raw, now, &mut self.called);
        drop(inner);
        self.hand_out();
    }

    /// Stamps and publishes a packet of audio that came at `now`; never waits.
    pub fn audio(&mut self, codec: AudioCodec, raw: RawFrame, now: Instant) {
        let mut inner = self.shared.lock();
        inner.note_frame(&mut self.has_begun, now);
        let stamp = inner.timeline.stamp_audio(raw.time);
        inner.audio.heard = Some((codec, stamp.pts));
        if self.has_key && inner.audio.in_map == Some(codec) {
            inner.push(Payload::Audio(codec), stamp, raw, now, &mut self.called);
        }
        drop(inner);
        self.hand_out();
    }

    /// Hands the frame at hand to outlets, and wakes all others who wait for it. They want the lock, and sending takes
    /// its time, so that it must be free.
    fn hand_out(&mut self) {
        let Called { offers, woken } = &mut self.called;
        if !offers.is_empty() {
            offers.iter_mut().for_each(Offer::make);
            self.shared.lock().places.handle_offered(offers, woken);
        }
        woken.drain(..).for_each(Waker::wake);
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        let mut inner = self.shared.lock();
        let slowest = inner.places.slowest();
        inner.log.end_session(slowest);
        inner.audio = Audio::default();
    }
}

impl Inner {
    /// The first frame of a session comes so long after the last one of the session before, whatever was
    /// tried between: the stream's clock goes with the time.
    fn note_frame(&mut self, has_begun: &mut bool, now: Instant) {
        if !std::mem::replace(has_begun, true) {
            let pause = self.last_at.map_or(Duration::ZERO, |last| now - last);
            self.timeline.begin_session(pause);
        }
        self.last_at = Some(now);
    }

    /// Appends a frame that came at `now`; `called` gets whom it is for.
    fn push(
        &mut self,
        payload: Payload,
        stamp: Stamp,
        raw: RawFrame,
        now: Instant,
        called: &mut Called,
    ) {
        let frame = Frame {
            payload,
            pts: stamp.pts,
            dts: stamp.dts,
            scr: stamp.scr,
            data: raw.data,
        };
        let slowest = self.places.slowest();
        self.log.push(Arc::new(Item::new(frame, now)), slowest);
        self.places.handle_frame(&self.log, called);
    }

    /// What is next for the subscriber of a number ([`Places::poll`]).
    pub(super) fn poll(
        &mut self,
        number: usize,
        cx: &Context<'_>,
        outlet: Option<&Arc<dyn Outlet>>,
    ) -> Poll<Next> {
        self.places.poll(number, &self.log, cx, outlet)
    }

    /// The subscriber of a number leaves.
    pub(super) fn leave(&mut self, number: usize) {
        self.places.leave(number);
    }
}

/// Audio that was silent for so long leaves the map, in 90 kHz ticks.
const AUDIO_FORGOTTEN: i64 = 5 * MediaTime::TICKS_PER_SECOND;

impl Shared {
    /// The lock is held for a few instructions and never over a wait; a panic inside leaves plain data.
    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn audio_enters_at_the_key_frame_after_it_was_heard() {
        let stream = Stream::default();
        let (mut publisher, now) = (stream.publish(), Instant::now());
        let mut viewer = stream.subscribe();
        publisher.video(VideoCodec::H264, raw(0, true), 0, now);
        publisher.audio(AudioCodec::G711A, raw(0, false), now);
        publisher.video(VideoCodec::H264, raw(3600, true), 0, now);
        publisher.audio(AudioCodec::G711A, raw(3600, false), now);
        let mut seen = Vec::new();
        while let Some((item, _)) = viewer.try_next() {
            seen.push(match item.frame.payload {
                Payload::Video { audio, .. } => ("video", audio),
                Payload::Audio(codec) => ("audio", Some(codec)),
            });
        }
        let g711 = Some(AudioCodec::G711A);
        assert_eq!(seen, [("video", None), ("video", g711), ("audio", g711)]);
    }

    #[tokio::test]
    async fn a_waiting_viewer_is_woken_and_a_gone_one_is_forgotten() {
        let stream = Stream::default();
        let mut viewer = stream.subscribe();
        let (mut publisher, now) = (stream.publish(), Instant::now());
        let reading = viewer.next();
        publisher.video(VideoCodec::H265, raw(0, true), 0, now);
        assert!(reading.await.0.frame.is_key());
        drop(viewer);
        assert_eq!(stream.subscribers(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_takes_up_the_clock_where_time_has_gone_by_then() {
        let stream = Stream::default();
        let mut viewer = stream.subscribe();
        let mut now = Instant::now();
        stream
            .publish()
            .video(VideoCodec::H264, raw(0, true), 0, now);
        // A session that brings no frame moves nothing.
        for _ in 0..3 {
            now += Duration::from_secs(7);
            drop(stream.publish());
        }
        let mut publisher = stream.publish();
        now += Duration::from_secs(1);
        publisher.video(VideoCodec::H264, raw(77, true), 0, now);
        let mut times = std::iter::from_fn(|| viewer.try_next()).map(|(item, _)| item.frame.dts.0);
        let first = times.next().unwrap();
        assert_eq!(times.next(), Some(first + 22 * MediaTime::TICKS_PER_SECOND));
    }

    fn raw(time: i64, is_key: bool) -> RawFrame {
        let data = vec![1, 2, 3].into();
        RawFrame {
            time: MediaTime(time),
            is_key,
            reorder_depth: None,
            size: None,
            data,
        }
    }
}
