//! What a media session leaves behind.

use std::path::PathBuf;

use tokio::time::Instant;

/// What is kept of the media.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Keep {
    /// Counts only: sequence, SSRC, markers, bytes. Cheap enough for hundreds of sessions.
    #[default]
    Count,
    /// Counts, all checks, and a hash of each frame.
    Hash,
    /// Counts, all checks, and the bytes: `<path>.ps` and `<path>.audio`.
    Record(PathBuf),
}

/// The state of a media session; a copy can be watched while it runs.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// RTP packets.
    pub packets: u64,
    /// Bytes of RTP, headers included.
    pub bytes: u64,
    /// Markers: whole frames, audio too.
    pub frames: u64,
    /// Packs with a stream map; not counted in [`Keep::Count`].
    pub key_frames: u64,
    /// Sequence numbers that never came in order.
    pub lost: u64,
    /// Packets that came late or twice.
    pub reordered: u64,
    /// What broke a rule.
    pub violations: u64,
    /// RTCP sender reports.
    pub sender_reports: u64,
    /// When the first packet was read.
    pub first_packet: Option<Instant>,
    /// When the first whole key frame was read; the first whole frame in [`Keep::Count`].
    pub first_key_frame: Option<Instant>,
    /// When the last packet was read.
    pub last_packet: Option<Instant>,
    /// The peer closed the connection.
    pub is_closed: bool,
}

/// One frame, in the order of sending.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unit {
    /// 0xE0 is video, 0xC0 audio.
    pub stream_id: u8,
    /// It came with a stream map.
    pub is_key: bool,
    /// Presentation time.
    pub pts: u64,
    /// Decoding time.
    pub dts: u64,
    /// Bytes of its elementary stream.
    pub bytes: usize,
    /// SHA-256 of its elementary stream.
    pub sha256: [u8; 32],
}

/// What is left of a session that is over.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    /// The last state.
    pub stats: Stats,
    /// The program stream, whole packs only.
    pub ps: Option<PathBuf>,
    /// The audio payloads one after the other.
    pub audio: Option<PathBuf>,
    /// How many bytes those are.
    pub audio_bytes: u64,
    /// The streams of the last map, as (stream type, stream id).
    pub map: Vec<(u8, u8)>,
    /// The frames; only in [`Keep::Hash`].
    pub units: Vec<Unit>,
    /// The first rules that were broken, in words.
    pub violations: Vec<String>,
}

impl Recording {
    /// The stream type of the video in the map.
    pub fn video_type(&self) -> Option<u8> {
        self.map
            .iter()
            .find(|(_, id)| *id & 0xF0 == 0xE0)
            .map(|(kind, _)| *kind)
    }

    /// The stream type of the audio in the map.
    pub fn audio_type(&self) -> Option<u8> {
        self.map
            .iter()
            .find(|(_, id)| *id & 0xE0 == 0xC0)
            .map(|(kind, _)| *kind)
    }
}
