//! The SDP of a camera's DESCRIBE: which media it has, and how they are coded.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use crate::media::{AudioCodec, VideoCodec};
use crate::proto::rtp::{AacConfig, Depacketizer};

/// What a camera says of its stream.
#[derive(Debug, Default)]
pub struct CameraDescription {
    /// Whether it is a description at all, and not a web page for instance.
    pub is_sdp: bool,
    /// The control of the whole session.
    pub control: Option<String>,
    /// Its tracks in the order of the SDP.
    pub tracks: Vec<CameraTrack>,
}

/// One `m=` section, by its first payload type.
#[derive(Debug)]
pub struct CameraTrack {
    /// Its control, for SETUP.
    pub control: Option<String>,
    /// Ticks a second of its RTP time.
    pub clock_rate: u32,
    /// What it is of.
    pub media: CameraMedia,
}

/// What a track is of.
#[derive(Debug)]
pub enum CameraMedia {
    /// Video that is passed on.
    Video {
        /// How it is coded.
        codec: VideoCodec,
        /// Parameter sets of the SDP, without start codes.
        parameter_sets: Vec<Bytes>,
    },
    /// Audio that is passed on.
    Audio(AudioCodec, Option<AacConfig>),
    /// Anything else, by its encoding name.
    Other(String),
}

impl CameraMedia {
    /// The name of its encoding.
    pub fn encoding(&self) -> &str {
        match self {
            Self::Video { codec, .. } => codec.name(),
            Self::Audio(codec, _) => codec.name(),
            Self::Other(name) => name,
        }
    }

    /// Starts to depacketize the section; `None` for [`CameraMedia::Other`].
    pub fn depacketizer(&self) -> Option<Depacketizer> {
        match self {
            Self::Video {
                codec,
                parameter_sets,
            } => Some(Depacketizer::video(*codec, parameter_sets.clone())),
            Self::Audio(AudioCodec::Aac, config) => config.map(Depacketizer::aac),
            Self::Audio(AudioCodec::G711A | AudioCodec::G711U, _) => Some(Depacketizer::G711),
            Self::Other(_) => None,
        }
    }
}

/// Reads a camera's SDP. Never fails: what it cannot read is [`CameraMedia::Other`], or not there.
pub fn parse_camera(sdp: &[u8]) -> CameraDescription {
    let text = String::from_utf8_lossy(sdp);
    let (mut is_sdp, mut control) = (false, None);
    let mut sections: Vec<Section<'_>> = Vec::new();
    for line in text.lines().map(str::trim) {
        is_sdp |= ["v=", "o=", "s=", "m="]
            .iter()
            .any(|key| line.starts_with(key));
        if let Some(media) = line.strip_prefix("m=") {
            if sections.len() == SECTIONS_MAX {
                break;
            }
            sections.push(Section::new(media));
        } else if let Some(section) = sections.last_mut() {
            section.read(line);
        } else if let Some(value) = line.strip_prefix("a=control:") {
            control = Some(value.trim().to_owned());
        }
    }
    CameraDescription {
        is_sdp,
        control,
        tracks: sections.iter().map(Section::track).collect(),
    }
}

#[derive(Debug, Default)]
struct Section<'a> {
    kind: &'a str,
    payload_type: &'a str,
    encoding: Option<&'a str>,
    clock_rate: Option<u32>,
    control: Option<&'a str>,
    parameters: Vec<(&'a str, &'a str)>,
}

impl<'a> Section<'a> {
    fn new(media: &'a str) -> Self {
        let mut words = media.split_whitespace();
        let kind = words.next().unwrap_or_default();
        let payload_type = words.nth(2).unwrap_or_default();
        Self {
            kind,
            payload_type,
            ..Self::default()
        }
    }

    /// Reads `a=control`, and `a=rtpmap` and `a=fmtp` of the first payload type.
    fn read(&mut self, line: &'a str) {
        let Some((name, value)) = line
            .strip_prefix("a=")
            .and_then(|line| line.split_once(':'))
        else {
            return;
        };
        if name == "control" {
            self.control = Some(value.trim());
            return;
        }
        let (payload_type, value) = value
            .trim()
            .split_once(char::is_whitespace)
            .unwrap_or_default();
        if payload_type != self.payload_type {
            return;
        }
        match name {
            "rtpmap" => {
                let mut parts = value.trim().split('/').map(str::trim);
                self.encoding = parts.next();
                self.clock_rate = parts.next().and_then(|rate| rate.parse().ok());
            }
            "fmtp" => {
                let pairs = value.split(';').take(PARAMETERS_MAX);
                self.parameters = pairs
                    .filter_map(|pair| pair.trim().split_once('='))
                    .collect();
            }
            _ => {}
        }
    }

    fn track(&self) -> CameraTrack {
        let media = self.media();
        let usual = match &media {
            CameraMedia::Audio(AudioCodec::Aac, Some(config)) => config.frequency(),
            CameraMedia::Audio(..) => 8_000,
            CameraMedia::Video { .. } | CameraMedia::Other(_) => 90_000,
        };
        CameraTrack {
            control: self.control.map(str::to_owned),
            clock_rate: self.clock_rate.filter(|rate| *rate > 0).unwrap_or(usual),
            media,
        }
    }

    fn media(&self) -> CameraMedia {
        let encoding = self.encoding.unwrap_or(match self.payload_type {
            "0" => "PCMU",
            "8" => "PCMA",
            other => other,
        });
        match (self.kind, encoding.to_ascii_uppercase().as_str()) {
            ("video", "H264") => CameraMedia::Video {
                codec: VideoCodec::H264,
                parameter_sets: self.sets(&["sprop-parameter-sets"]),
            },
            ("video", "H265" | "HEVC") => CameraMedia::Video {
                codec: VideoCodec::H265,
                parameter_sets: self.sets(&["sprop-vps", "sprop-sps", "sprop-pps"]),
            },
            ("audio", "PCMU") => CameraMedia::Audio(AudioCodec::G711U, None),
            ("audio", "PCMA") => CameraMedia::Audio(AudioCodec::G711A, None),
            ("audio", "MPEG4-GENERIC") => match self.aac() {
                Some(config) => CameraMedia::Audio(AudioCodec::Aac, Some(config)),
                None => CameraMedia::Other(encoding.to_owned()),
            },
            _ => CameraMedia::Other(encoding.to_owned()),
        }
    }

    fn parameter(&self, name: &str) -> Option<&'a str> {
        let found = self
            .parameters
            .iter()
            .find(|(key, _)| key.trim().eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim())
    }

    fn sets(&self, names: &[&str]) -> Vec<Bytes> {
        let values = names.iter().filter_map(|name| self.parameter(name));
        let sets = values
            .flat_map(|value| value.split(','))
            .take(PARAMETERS_MAX);
        sets.filter_map(|set| STANDARD.decode(pad(set.trim())).ok())
            .filter(|set| !set.is_empty())
            .map(Bytes::from)
            .collect()
    }

    fn aac(&self) -> Option<AacConfig> {
        let number = |name, default| {
            self.parameter(name)
                .map_or(Some(default), |n| n.parse().ok())
        };
        let config = hex::decode(self.parameter("config")?).ok()?;
        AacConfig::parse(
            &config,
            number("sizelength", 13)?,
            number("indexlength", 3)?,
        )
    }
}

/// Some cameras leave the padding of base64 away.
fn pad(base64: &str) -> String {
    let bare = base64.trim_end_matches('=');
    format!("{bare}{}", "=".repeat((4 - bare.len() % 4) % 4))
}

const SECTIONS_MAX: usize = 16;
const PARAMETERS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn video_and_audio_of_a_camera_are_read() {
        let description = parse_camera(
            b"v=0\r\na=control:*\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:trackID=1\r\n\
            a=fmtp:96 packetization-mode=1;sprop-parameter-sets=Z0IADQ==,aM4\r\n\
            m=audio 0 RTP/AVP 97\r\na=rtpmap:97 mpeg4-generic/48000/1\r\n\
            a=fmtp:97 streamtype=5; mode=AAC-hbr; config=1188; sizeLength=13; indexLength=3\r\n\
            m=audio 0 RTP/AVP 8\r\nm=application 0 RTP/AVP 107\r\na=rtpmap:107 vnd.onvif.metadata/90000\r\n",
        );
        assert!(
            matches!(&description.tracks[0].media, CameraMedia::Video { codec: VideoCodec::H264, parameter_sets }
            if parameter_sets.len() == 2 && parameter_sets[1][..] == [0x68, 0xce])
        );
        assert!(
            matches!(description.tracks[1].media, CameraMedia::Audio(AudioCodec::Aac, Some(config))
            if config.frequency() == 48_000 && config.channels == 1)
        );
        assert!(matches!(
            description.tracks[2].media,
            CameraMedia::Audio(AudioCodec::G711A, None)
        ));
        assert!(
            matches!(&description.tracks[3].media, CameraMedia::Other(name) if name == "vnd.onvif.metadata")
        );
    }

    #[test]
    fn controls_and_clock_rates_are_read() {
        let description = parse_camera(
            b"a=control:rtsp://a/b\nm=video 0 RTP/AVP 96\na=rtpmap: 96 H265/90000\na=control: track 1 \n\
            m=audio 0 RTP/AVP 8\nm=audio 0 RTP/AVP 97\na=rtpmap:97 PCMU/16000/1",
        );
        assert_eq!(description.control.as_deref(), Some("rtsp://a/b"));
        let tracks: Vec<_> = description
            .tracks
            .iter()
            .map(|track| (track.control.as_deref(), track.clock_rate))
            .collect();
        assert_eq!(
            tracks,
            [(Some("track 1"), 90_000), (None, 8_000), (None, 16_000)]
        );
    }

    #[test]
    fn a_hostile_description_is_bounded_and_not_fatal() {
        assert_eq!(
            parse_camera("m=video\r\n".repeat(1000).as_bytes())
                .tracks
                .len(),
            SECTIONS_MAX
        );
        assert_eq!(parse_camera(&[0xff; 100]).tracks.len(), 0);
    }
}
