//! The media of a session: packets of its channels, put together to frames.

use retina::rtp::PacketHeader;

use crate::media::{AudioCodec, VideoCodec};
use crate::proto::rtp::{
    DepacketizeError, Depacketizer, Header, Packet, RawFrame, Reception, Ssrc,
};

/// What a track is of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::source) enum TrackKind {
    Video(VideoCodec),
    Audio(AudioCodec),
}

/// A track that was set up.
#[derive(Debug)]
pub(super) struct Track {
    pub(super) kind: TrackKind,
    /// The channel of its RTP; that of its RTCP is the next one.
    pub(super) channel: u8,
    pub(super) reception: Reception,
    pub(super) depacketizer: Depacketizer,
}

/// What one reading of the connection brought.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::source) struct Received {
    /// Packets of video.
    pub(in crate::source) video: u64,
    /// Packets missing from video, and those of no use.
    pub(in crate::source) video_unusable: u64,
    /// Packets missing from all tracks.
    pub(in crate::source) lost: u64,
    /// Bytes of RTP payload.
    pub(in crate::source) bytes: u64,
    /// So many keepalives in a row were refused for the password's sake, and no more are sent.
    pub(in crate::source) refused_keepalives: u32,
    /// Why the last packet that was of no use was not.
    pub(in crate::source) error: Option<DepacketizeError>,
}

/// Takes frames.
pub(in crate::source) type Sink<'a> = dyn FnMut(TrackKind, RawFrame) + Send + 'a;

/// The tracks of a session.
#[derive(Debug, Default)]
pub(super) struct Media {
    tracks: Vec<Track>,
}

impl Media {
    pub(super) fn add(&mut self, track: Track) {
        self.tracks.push(track);
    }

    /// What its tracks are of.
    pub(super) fn kinds(&self) -> impl Iterator<Item = TrackKind> {
        self.tracks.iter().map(|track| track.kind)
    }

    /// Takes a packet; on a channel that is none of its tracks' RTP it has no effect.
    pub(super) fn take(
        &mut self,
        channel: u8,
        bytes: &[u8],
        received: &mut Received,
        sink: &mut Sink<'_>,
    ) {
        let mut tracks = self.tracks.iter_mut();
        let Some(track) = tracks.find(|track| track.channel == channel) else {
            return;
        };
        let is_video = matches!(track.kind, TrackKind::Video(_));
        let before = received.video;
        let outcome = track.take(bytes, received, sink);
        if let Err(error) = outcome {
            // What has no header is missed by its number.
            let is_counted = is_video && received.video > before;
            received.video_unusable += u64::from(is_counted);
            received.error = Some(error);
        }
    }
}

impl Track {
    fn take(
        &mut self,
        bytes: &[u8],
        received: &mut Received,
        sink: &mut Sink<'_>,
    ) -> Result<(), DepacketizeError> {
        let (header, payload) =
            PacketHeader::validate(bytes).map_err(|_| DepacketizeError::NoHeader)?;
        if RTCP_TYPES.contains(&header.payload_type()) {
            return Ok(());
        }
        let place = self.reception.place(Header {
            ssrc: Ssrc(header.ssrc()),
            sequence: header.sequence_number(),
            timestamp: header.timestamp(),
        });
        // One that came already, or too late, is no loss: that was counted where it should have been.
        let Some(place) = place else {
            return Ok(());
        };
        let payload = bytes
            .get(usize::from(payload.start)..usize::from(payload.end))
            .unwrap_or_default();
        let lost = u64::from(place.lost);
        received.lost += lost;
        received.bytes += payload.len() as u64;
        if matches!(self.kind, TrackKind::Video(_)) {
            received.video += 1 + lost;
            received.video_unusable += lost;
        }
        let packet = Packet {
            time: place.time,
            is_marked: header.mark(),
            lost: place.lost,
            payload,
        };
        let kind = self.kind;
        self.depacketizer
            .push(&packet, &mut |frame| sink(kind, frame))
    }
}

/// RTCP on the channel of RTP, read as if it were RTP (RFC 5761 §4).
const RTCP_TYPES: std::ops::RangeInclusive<u8> = 72..=76;
