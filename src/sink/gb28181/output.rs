//! What a session sends. The bus offers it each frame as it comes; what does not go at once is its task's to finish.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tracing::debug;

use super::SINK;
use super::way::{Wait, Way};
use crate::bus::{Item, Outlet};
use crate::media::{Frame, MediaTime, Payload};
use crate::metrics::Metrics;
use crate::proto::rtp::Packetizer;

/// The sending half of a session.
#[derive(Debug)]
pub(super) struct Output(Mutex<Sending>);

#[derive(Debug)]
struct Sending {
    way: Way,
    packetizer: Packetizer,
    /// What has not left wholly.
    kept: Option<Kept>,
    /// Why nothing more can be sent.
    failed: Option<io::Error>,
    /// When the picture before was to be decoded.
    picture_at: Option<MediaTime>,
    began: Instant,
    sent: Sent,
    counters: Counters,
}

#[derive(Debug)]
struct Kept {
    item: Arc<Item>,
    /// How many bytes of its packets have left.
    sent: usize,
}

/// What a session has sent.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sent {
    /// Modulo 2³², as reports count.
    pub(super) packets: u32,
    /// Modulo 2³², as reports count.
    pub(super) octets: u32,
    /// The RTP time of the last frame, and when it had left.
    pub(super) last: Option<(u32, Instant)>,
}

/// Where it is counted.
#[derive(Debug)]
pub(super) struct Counters {
    bytes: prometheus::IntCounter,
    forward: prometheus::Histogram,
    dropped: prometheus::IntCounter,
    platform: Arc<AtomicU64>,
}

impl Counters {
    /// Those of the sink, and of bytes sent to the platform over all sessions.
    pub(super) fn new(metrics: &Metrics, platform: Arc<AtomicU64>) -> Self {
        Self {
            bytes: metrics.sink_bytes.with_label_values(&[SINK]),
            forward: metrics.forward.clone(),
            dropped: metrics.bus_frames_dropped.with_label_values(&[SINK]),
            platform,
        }
    }
}

impl Output {
    pub(super) fn new(way: Way, packetizer: Packetizer, counters: Counters) -> Self {
        Self(Mutex::new(Sending {
            way,
            packetizer,
            kept: None,
            failed: None,
            picture_at: None,
            began: Instant::now(),
            sent: Sent::default(),
            counters,
        }))
    }

    /// Goes on with a frame that has not left wholly; returns what its rest waits for, or nothing once it has left.
    ///
    /// # Errors
    ///
    /// Nothing more can be sent.
    pub(super) fn go_on(&self) -> io::Result<Option<Wait>> {
        let mut sending = self.0.lock().map_err(|_| io::Error::other("a panic"))?;
        match sending.kept.take() {
            Some(kept) => sending.send(kept),
            None => sending.failed.take().map_or(Ok(None), Err),
        }
    }

    /// What has been sent by now.
    pub(super) fn sent(&self) -> Sent {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).sent
    }
}

impl Outlet for Output {
    fn take(&self, item: &Arc<Item>, dropped: u64) -> bool {
        // Its task finds out, and ends.
        let Ok(mut sending) = self.0.lock() else {
            return false;
        };
        if dropped > 0 {
            debug!(dropped, "the platform reads too slowly");
            sending.counters.dropped.inc_by(dropped);
        }
        match sending.begin(item.clone()) {
            Ok(wait) => wait.is_none(),
            Err(error) => {
                sending.failed = Some(error);
                false
            }
        }
    }
}

impl Sending {
    fn begin(&mut self, item: Arc<Item>) -> io::Result<Option<Wait>> {
        let interval = self.interval(&item.frame);
        let framing = self.way.framing();
        let packets = self.packetizer.cut(item.pack(), framing);
        self.way.begin(packets.len(), interval);
        self.send(Kept { item, sent: 0 })
    }

    /// Sends what goes at once of the frame that was begun last.
    fn send(&mut self, Kept { item, sent }: Kept) -> io::Result<Option<Wait>> {
        let (pack, now) = (item.pack(), Instant::now());
        let packets = self.packetizer.packets(pack, self.way.framing());
        let sent = self.way.try_send(&packets, sent, now)?;
        if sent < packets.len() {
            let wait = self.way.wait(&packets, sent, now);
            self.kept = Some(Kept { item, sent });
            return Ok(Some(wait));
        }
        let (bytes, now) = (sent as u64, Instant::now());
        self.sent = Sent {
            packets: self.sent.packets.wrapping_add(packets.count() as u32),
            octets: self.sent.octets.wrapping_add(pack.len() as u32),
            last: Some((pack.time(), now)),
        };
        self.counters.bytes.inc_by(bytes);
        self.counters.platform.fetch_add(bytes, Ordering::Relaxed);
        // What was there before the session began has waited for it, and not for us.
        if item.arrived >= self.began {
            let took = now - item.arrived;
            self.counters.forward.observe(took.as_secs_f64());
        }
        Ok(None)
    }

    /// How long a frame comes after the picture before.
    fn interval(&mut self, frame: &Frame) -> Duration {
        let before = self.picture_at.unwrap_or(frame.dts);
        if matches!(frame.payload, Payload::Video { .. }) {
            self.picture_at = Some(frame.dts);
        }
        frame.dts.since(before)
    }
}
