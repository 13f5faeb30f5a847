//! The way of a frame through the gateway, from the bytes of a camera's connection to the slices that the kernel gets,
//! in one thread and without a socket.

use std::hint::black_box;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, ensure};
use huiju::bus::{Beside, Item, Outlet, Publisher, Stream};
use huiju::media::VideoCodec;
use huiju::proto::rtp::{
    Depacketizer, Framing, GATHERED_MAX, Header, Heads, Laid, Packet, Packetizer, Reception,
    Slices, Ssrc,
};
use huiju::proto::rtsp::{Message, Reader};
use retina::rtp::PacketHeader;
use tokio::time::Instant;

use crate::camera::{Camera, Codec};

/// What is relayed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    codec: Codec,
    viewers: usize,
}

/// All cases.
pub(crate) const CASES: [Case; 3] = [
    Case {
        name: "h264",
        codec: Codec::H264,
        viewers: 1,
    },
    Case {
        name: "h265",
        codec: Codec::H265,
        viewers: 1,
    },
    Case {
        name: "h264-ten-viewers",
        codec: Codec::H264,
        viewers: 10,
    },
];

impl Case {
    /// Finds a case.
    pub(crate) fn named(name: &str) -> anyhow::Result<Self> {
        let found = CASES.into_iter().find(|case| case.name == name);
        found.with_context(|| format!("no case is named {name}"))
    }
}

/// A camera's way to its viewers.
pub(crate) struct Relay {
    camera: Camera,
    reader: Reader,
    reception: Reception,
    depacketizer: Depacketizer,
    codec: VideoCodec,
    publisher: Publisher,
    viewers: Vec<Beside>,
    sent: Arc<Mutex<Sent>>,
}

impl Relay {
    pub(crate) fn new(case: &Case) -> Self {
        let codec = match case.codec {
            Codec::H264 => VideoCodec::H264,
            Codec::H265 => VideoCodec::H265,
        };
        let stream = Stream::default();
        let sent = Arc::new(Mutex::new(Sent::default()));
        let viewer = |n| {
            let session = Session {
                packetizer: Mutex::new(Packetizer::new(Ssrc(n), 96, 0)),
                sent: sent.clone(),
            };
            stream.subscribe().beside(Arc::new(session))
        };
        Self {
            camera: Camera::new(case.codec),
            reader: Reader::default(),
            reception: Reception::new(90_000),
            depacketizer: Depacketizer::video(codec, Vec::new()),
            codec,
            publisher: stream.publish(),
            viewers: (0..case.viewers as u32).map(viewer).collect(),
            sent: sent.clone(),
        }
    }

    /// Relays frames; returns how many bytes the camera sent, and how many the kernel got.
    pub(crate) fn run(&mut self, frames: u32) -> anyhow::Result<(usize, usize)> {
        let before = lock(&self.sent).bytes;
        let mut read = 0;
        for _ in 0..frames {
            for viewer in &mut self.viewers {
                // As a session's task does once: from there on frames go to its output.
                ensure!(viewer.try_next().is_none(), "a frame passed an outlet by");
            }
            read += self.take()?;
        }
        Ok((read, lock(&self.sent).bytes - before))
    }

    /// As `source::rtsp` takes what was read.
    fn take(&mut self) -> anyhow::Result<usize> {
        let read = self.camera.frame_bytes();
        let (mut rest, now) = (read, Instant::now());
        while let Some((message, length)) = self.reader.next(rest)? {
            rest = &rest[length..];
            let Message::Packet { bytes, .. } = message else {
                continue;
            };
            let (header, payload) = PacketHeader::validate(bytes).ok().context("no packet")?;
            let place = self.reception.place(Header {
                ssrc: Ssrc(header.ssrc()),
                sequence: header.sequence_number(),
                timestamp: header.timestamp(),
            });
            let place = place.context("a packet out of its place")?;
            let packet = Packet {
                time: place.time,
                is_marked: header.mark(),
                lost: place.lost,
                payload: &bytes[payload.start.into()..payload.end.into()],
            };
            let (publisher, codec) = (&mut self.publisher, self.codec);
            self.depacketizer
                .push(&packet, &mut |frame| publisher.video(codec, frame, 0, now))?;
        }
        Ok(read.len())
    }
}

/// A session, as `sink::gb28181` sends its frames.
#[derive(Debug)]
struct Session {
    packetizer: Mutex<Packetizer>,
    sent: Arc<Mutex<Sent>>,
}

/// What the kernel gets of all sessions.
#[derive(Debug, Default)]
struct Sent {
    bytes: usize,
    laid: Laid,
}

impl Outlet for Session {
    fn take(&self, item: &Arc<Item>, _dropped: u64) -> bool {
        let Sent { bytes, laid } = &mut *lock(&self.sent);
        let mut packetizer = lock(&self.packetizer);
        let packets = packetizer.cut(item.pack(), Framing::Datagrams);
        let mut sent = 0;
        while sent < packets.len() {
            if let Some(piece) = packets.lay(sent, GATHERED_MAX, laid) {
                sent += black_box(piece).len();
                continue;
            }
            let (mut heads, mut slices) = (Heads::default(), Slices::default());
            sent += packets.gather(sent, GATHERED_MAX, &mut heads, &mut slices);
            black_box(slices.get());
        }
        *bytes += sent;
        true
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
