//! The SDP of a camera's DESCRIBE: which media it has, and how they are coded.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use crate::media::{AudioCodec, VideoCodec};
use crate::proto::rtp::{AacConfig, Depacketizer};

/// One `m=` section, in the order of the SDP.
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

/// Reads the media of a camera's SDP, each with its first payload type, in order. Never fails: what it
/// cannot read is [`CameraMedia::Other`].
pub fn parse_camera(sdp: &[u8]) -> Vec<(Option<u8>, CameraMedia)> {
    let text = String::from_utf8_lossy(sdp);
    let mut sections: Vec<Section<'_>> = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some(media) = line.strip_prefix("m=") {
            if sections.len() == SECTIONS_MAX {
                break;
            }
            sections.push(Section::new(media));
        } else if let Some(section) = sections.last_mut() {
            section.read(line);
        }
    }
    sections
        .iter()
        .map(|section| (section.payload_type.parse().ok(), section.media()))
        .collect()
}

#[derive(Debug, Default)]
struct Section<'a> {
    kind: &'a str,
    payload_type: &'a str,
    encoding: Option<&'a str>,
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

    /// Reads `a=rtpmap` and `a=fmtp` of the first payload type.
    fn read(&mut self, line: &'a str) {
        let Some((name, value)) = line
            .strip_prefix("a=")
            .and_then(|line| line.split_once(':'))
        else {
            return;
        };
        let (payload_type, value) = value
            .trim()
            .split_once(char::is_whitespace)
            .unwrap_or_default();
        if payload_type != self.payload_type {
            return;
        }
        match name {
            "rtpmap" => self.encoding = value.trim().split('/').next(),
            "fmtp" => {
                let pairs = value.split(';').take(PARAMETERS_MAX);
                self.parameters = pairs
                    .filter_map(|pair| pair.trim().split_once('='))
                    .collect();
            }
            _ => {}
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
        let media = parse_camera(
            b"v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n\
            a=fmtp:96 packetization-mode=1;sprop-parameter-sets=Z0IADQ==,aM4\r\n\
            m=audio 0 RTP/AVP 97\r\na=rtpmap:97 mpeg4-generic/48000/1\r\n\
            a=fmtp:97 streamtype=5; mode=AAC-hbr; config=1188; sizeLength=13; indexLength=3\r\n\
            m=audio 0 RTP/AVP 8\r\nm=application 0 RTP/AVP 107\r\na=rtpmap:107 vnd.onvif.metadata/90000\r\n",
        );
        assert!(
            matches!(&media[0].1, CameraMedia::Video { codec: VideoCodec::H264, parameter_sets }
            if parameter_sets.len() == 2 && parameter_sets[1][..] == [0x68, 0xce])
        );
        assert!(
            matches!(media[1].1, CameraMedia::Audio(AudioCodec::Aac, Some(config))
            if config.frequency() == 48_000 && config.channels == 1)
        );
        assert!(matches!(
            media[2].1,
            CameraMedia::Audio(AudioCodec::G711A, None)
        ));
        assert!(matches!(&media[3].1, CameraMedia::Other(name) if name == "vnd.onvif.metadata"));
    }

    #[test]
    fn a_hostile_description_is_bounded_and_not_fatal() {
        assert_eq!(
            parse_camera("m=video\r\n".repeat(1000).as_bytes()).len(),
            SECTIONS_MAX
        );
        assert_eq!(parse_camera(&[0xff; 100]).len(), 0);
    }
}
