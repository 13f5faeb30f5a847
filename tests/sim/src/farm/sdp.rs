//! What a camera says of itself in DESCRIBE (RFC 4566, with RFC 6184, RFC 7798, RFC 3640 and RFC 3551 for the codecs).

use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::description::{Description, Media};
use super::packing::PackedTrack;
use super::settings::ParameterSets;
use crate::clips::{Clip, Codec};

/// Writes the description of a camera at `url`; track `n` has the control `trackID=n`.
pub(super) fn describe(
    host: IpAddr,
    url: &str,
    tracks: &[Arc<PackedTrack>],
    parameter_sets: ParameterSets,
) -> Description {
    let (family, anywhere) = match host {
        IpAddr::V4(_) => ("IP4", "0.0.0.0"),
        IpAddr::V6(_) => ("IP6", "::"),
    };
    let session = vec![
        "v=0".to_owned(),
        format!("o=- 1 1 IN {family} {host}"),
        "s=Media Presentation".to_owned(),
        format!("c=IN {family} {anywhere}"),
        "t=0 0".to_owned(),
        "a=control:*".to_owned(),
        "a=range:npt=now-".to_owned(),
    ];
    let media = tracks.iter().enumerate();
    Description {
        session,
        media: media
            .map(|(n, track)| describe_track(n, track, parameter_sets))
            .collect(),
        base: Some(("Content-Base", format!("{url}/"))),
        content_type: "application/sdp",
        ..Description::default()
    }
}

fn describe_track(n: usize, track: &PackedTrack, parameter_sets: ParameterSets) -> Media {
    let kind = if track.clip.codec().is_video() {
        "video"
    } else {
        "audio"
    };
    let payload_type = track.payload_type;
    let mut lines = vec![
        format!("m={kind} 0 RTP/AVP {payload_type}"),
        format!("a=control:trackID={n}"),
        format!("a=rtpmap:{payload_type} {}", rtpmap(track)),
    ];
    lines.extend(
        format_parameters(track, parameter_sets)
            .map(|text| format!("a=fmtp:{payload_type} {text}")),
    );
    lines.push("a=sendonly".to_owned());
    Media {
        lines,
        track: Some(n),
        payload_type,
    }
}

fn rtpmap(track: &PackedTrack) -> String {
    let rate = track.clock_rate;
    match track.clip.codec() {
        Codec::H264 => format!("H264/{rate}"),
        Codec::H265 => format!("H265/{rate}"),
        Codec::Aac => {
            let channels = track.clip.audio().map_or(1, |audio| audio.channels);
            format!("MPEG4-GENERIC/{rate}/{channels}")
        }
        Codec::G711A => format!("PCMA/{rate}"),
        Codec::G711U => format!("PCMU/{rate}"),
    }
}

fn format_parameters(track: &PackedTrack, parameter_sets: ParameterSets) -> Option<String> {
    let has_sets = parameter_sets != ParameterSets::InBandOnly;
    match track.clip.codec() {
        Codec::H264 => Some(if has_sets { h264(&track.clip) } else { "packetization-mode=1".to_owned() }),
        Codec::H265 => has_sets.then(|| h265(&track.clip)),
        Codec::Aac => track.clip.audio().and_then(|audio| audio.config).map(|config| {
            let config = hex::encode_upper(config);
            format!(
                "streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config={config}"
            )
        }),
        Codec::G711A | Codec::G711U => None,
    }
}

fn h264(clip: &Clip) -> String {
    let sets = clip.parameter_sets();
    // profile_idc, constraint flags and level_idc follow the header of the SPS.
    let profile = sets
        .iter()
        .find(|set| set[0] & 0x1f == 7)
        .and_then(|set| set.get(1..4))
        .unwrap_or_default();
    let encoded: Vec<String> = sets.iter().map(|set| STANDARD.encode(set)).collect();
    let profile = hex::encode_upper(profile);
    format!(
        "packetization-mode=1;profile-level-id={profile};sprop-parameter-sets={}",
        encoded.join(",")
    )
}

fn h265(clip: &Clip) -> String {
    let sets = clip.parameter_sets();
    let of = |unit_type: u8| {
        let encoded: Vec<String> = sets
            .iter()
            .filter(|set| set[0] >> 1 & 0x3f == unit_type)
            .map(|set| STANDARD.encode(set))
            .collect();
        encoded.join(",")
    };
    format!(
        "sprop-vps={};sprop-sps={};sprop-pps={}",
        of(32),
        of(33),
        of(34)
    )
}

#[cfg(test)]
mod tests {
    use super::super::packing::Packing;
    use super::*;
    use crate::clips::{AccessUnit, ClipKind};

    fn describe_h264(parameter_sets: ParameterSets) -> String {
        let nals = vec![
            vec![0x67, 0x64, 0, 0x28].into(),
            vec![0x68, 1].into(),
            vec![0x65, 1].into(),
        ];
        let unit = AccessUnit {
            nals,
            pts: 0,
            dts: 0,
            is_key: true,
        };
        let clip = Arc::new(Clip::for_tests(ClipKind::H264Small, vec![unit], 3600));
        let track = PackedTrack::shared(
            &clip,
            Packing {
                strip_parameter_sets: false,
                aggregate: true,
            },
        );
        let host = "127.0.0.1".parse().unwrap();
        let description = describe(host, "rtsp://h/s", &[track], parameter_sets);
        String::from_utf8(description.to_bytes()).unwrap()
    }

    #[test]
    fn parameter_sets_are_in_the_sdp() {
        let sdp = describe_h264(ParameterSets::InBandAndSdp);
        assert!(sdp.contains("a=rtpmap:96 H264/90000\r\n"));
        assert!(sdp.contains(";profile-level-id=640028;sprop-parameter-sets=Z2QAKA==,aAE=\r\n"));
    }

    #[test]
    fn parameter_sets_can_be_left_out_of_the_sdp() {
        assert!(!describe_h264(ParameterSets::InBandOnly).contains("sprop"));
    }
}
