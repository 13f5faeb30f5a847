//! A frame: one access unit of video, or one packet of audio.

use std::time::Duration;

use bytes::Bytes;

/// A point on a stream's own clock, in 90 kHz ticks: the unit of PTS, DTS and SCR. Does not wrap.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct MediaTime(pub i64);

impl MediaTime {
    /// Ticks of [`MediaTime`] in a second.
    pub const TICKS_PER_SECOND: i64 = 90_000;

    /// The time as the low 32 bits that an RTP header carries.
    pub fn to_rtp(self) -> u32 {
        (self.0 & 0xffff_ffff) as u32
    }

    /// How many ticks of the RTP clock a time has, modulo 2³².
    pub fn rtp_ticks(time: Duration) -> u32 {
        (time.as_micros() * 9 / 100) as u32
    }

    /// How long it is from `earlier` to it; nothing when that is later.
    pub fn since(self, earlier: Self) -> Duration {
        let ticks = u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0);
        // A tick has 11,111 ns and a ninth.
        Duration::from_nanos(ticks.saturating_mul(100_000) / 9)
    }
}

/// How video is coded.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum VideoCodec {
    /// ITU-T H.264.
    H264,
    /// ITU-T H.265.
    H265,
}

impl VideoCodec {
    /// The name that configuration, logs and the API use.
    pub fn name(self) -> &'static str {
        match self {
            Self::H264 => "h264",
            Self::H265 => "h265",
        }
    }
}

/// How audio is coded.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum AudioCodec {
    /// MPEG-4 AAC; a frame's data is one ADTS frame (ISO/IEC 14496-3 §1.A.2.2).
    Aac,
    /// ITU-T G.711 A-law, 8 kHz.
    G711A,
    /// ITU-T G.711 µ-law, 8 kHz.
    G711U,
}

impl AudioCodec {
    /// The name that configuration, logs and the API use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Aac => "aac",
            Self::G711A => "g711a",
            Self::G711U => "g711u",
        }
    }
}

/// What a frame is of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Payload {
    /// An access unit of video.
    Video {
        /// How it is coded.
        codec: VideoCodec,
        /// Whether decoding can start here.
        is_key: bool,
        /// The audio that accompanies the video from this key frame on; carried by every frame.
        audio: Option<AudioCodec>,
    },
    /// A packet of audio.
    Audio(AudioCodec),
}

/// One access unit of video (Annex B byte stream), or one packet of audio.
#[derive(Clone, Debug)]
pub struct Frame {
    /// What it is of.
    pub payload: Payload,
    /// When to present it.
    pub pts: MediaTime,
    /// When to decode it; never above `pts`, strictly rising within a track.
    pub dts: MediaTime,
    /// When it is sent on the stream's clock; never above `dts`, strictly rising over all tracks.
    pub scr: MediaTime,
    /// The bytes: Annex B with four-byte start codes for video, ADTS or samples for audio.
    pub data: Bytes,
}

impl Frame {
    /// Whether a viewer can start here.
    pub fn is_key(&self) -> bool {
        matches!(self.payload, Payload::Video { is_key: true, .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_before_another_is_nothing_since_it() {
        let (earlier, later) = (MediaTime(-1800), MediaTime(1800));
        assert_eq!(later.since(earlier), Duration::from_millis(40));
        assert_eq!(earlier.since(later), Duration::ZERO);
    }
}
