//! The way of a frame through the gateway, from the bytes of a camera's connection to the slices that the kernel gets,
//! in one thread and without a socket.

use std::hint::black_box;

use anyhow::Context as _;
use huiju::bus::{Publisher, Stream, Subscriber};
use huiju::media::VideoCodec;
use huiju::proto::rtp::{
    Depacketizer, Framing, GATHERED_MAX, Header, Heads, Packet, Packetizer, Reception, Slices, Ssrc,
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
    viewers: Vec<(Subscriber, Packetizer)>,
}

impl Relay {
    pub(crate) fn new(case: &Case) -> Self {
        let codec = match case.codec {
            Codec::H264 => VideoCodec::H264,
            Codec::H265 => VideoCodec::H265,
        };
        let stream = Stream::default();
        let viewer = |n| (stream.subscribe(), Packetizer::new(Ssrc(n), 96, 0));
        Self {
            camera: Camera::new(case.codec),
            reader: Reader::default(),
            reception: Reception::new(90_000),
            depacketizer: Depacketizer::video(codec, Vec::new()),
            codec,
            publisher: stream.publish(),
            viewers: (0..case.viewers as u32).map(viewer).collect(),
        }
    }

    /// Relays frames; returns how many bytes the camera sent, and how many the kernel got.
    pub(crate) fn run(&mut self, frames: u32) -> anyhow::Result<(usize, usize)> {
        let (mut read, mut sent) = (0, 0);
        for _ in 0..frames {
            read += self.take()?;
            sent += self.send();
        }
        Ok((read, sent))
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

    /// As `sink::gb28181` sends what is new.
    fn send(&mut self) -> usize {
        let mut bytes = 0;
        for (viewer, packetizer) in &mut self.viewers {
            while let Some((item, _)) = viewer.try_next() {
                let packets = packetizer.cut(item.pack(), Framing::Datagrams);
                let (mut sent, mut heads) = (0, Heads::default());
                while sent < packets.len() {
                    let mut slices = Slices::default();
                    sent += packets.gather(sent, GATHERED_MAX, &mut heads, &mut slices);
                    black_box(slices.get());
                }
                bytes += sent;
            }
        }
        bytes
    }
}
