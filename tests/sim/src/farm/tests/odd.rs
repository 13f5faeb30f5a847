//! Odd descriptions, as a client sees them that tolerates what can be tolerated.

use std::collections::HashSet;

use super::super::{Expected, Failure, OddSdp};
use super::client::{Answer, Client};
use super::*;
use crate::clips::{AccessUnit, Clip, Codec};

/// A clip of a codec, with parameter sets where there are such.
fn clip_of(codec: Codec) -> Arc<Clip> {
    let (kind, nals): (_, &[&[u8]]) = match codec {
        Codec::H264 => (
            ClipKind::H264Small,
            &[&[0x67, 0x64, 0, 0x28], &[0x68, 1], &[0x65, 1]],
        ),
        Codec::H265 => (
            ClipKind::H265720p,
            &[&[0x40, 1], &[0x42, 1], &[0x44, 1], &[0x26, 1]],
        ),
        Codec::Aac => (ClipKind::Aac16k, &[&[1, 2, 3]]),
        Codec::G711A => (ClipKind::G711A, &[&[1, 2, 3]]),
        Codec::G711U => (ClipKind::G711U, &[&[1, 2, 3]]),
    };
    let nals = nals.iter().map(|nal| nal.to_vec().into()).collect();
    let unit = AccessUnit {
        nals,
        pts: 0,
        dts: 0,
        is_key: true,
    };
    Arc::new(Clip::for_tests(kind, vec![unit], 4500))
}

async fn odd_camera(odd: &'static OddSdp) -> CameraHandle {
    let settings = CameraSettings::new(&clip_of(odd.video)).odd_sdp(odd);
    let settings = match odd.audio {
        Some(audio) => settings.audio(&clip_of(audio)),
        None => settings,
    };
    Camera::start(anywhere(), settings).await.unwrap()
}

/// What a tolerant client makes of a description: the payload type of its video, and the path to set it up.
fn understand(answer: &Answer, own: &str) -> Result<(u8, String), Failure> {
    let text = String::from_utf8_lossy(&answer.body);
    let lines: Vec<&str> = text
        .split('\n')
        .map(|line| line.trim_matches(['\r', '\0', ' ']))
        .collect();
    if !lines
        .iter()
        .any(|line| line.as_bytes().get(1) == Some(&b'='))
    {
        return Err(Failure::Unreadable);
    }
    let starts = (0..lines.len()).filter(|n| lines[*n].starts_with("m="));
    let mut failure = Failure::NoVideo;
    for start in starts {
        let after = &lines[start + 1..];
        let end = after
            .iter()
            .position(|line| line.starts_with("m="))
            .unwrap_or(after.len());
        let words: Vec<&str> = lines[start].split(' ').collect();
        if words[0] != "m=video" {
            continue;
        }
        let value = |name| {
            after[..end]
                .iter()
                .filter_map(move |line| line.strip_prefix(name))
        };
        let is_ours = |map: &&str| {
            let (number, codec) = map.trim().split_once(' ').unwrap_or_default();
            let codec = codec
                .split('/')
                .next()
                .unwrap_or_default()
                .to_ascii_uppercase();
            words[3..].contains(&number) && (codec == "H264" || codec == "H265")
        };
        failure = Failure::CodecUnsupported;
        if let Some(map) = value("a=rtpmap:").find(is_ours) {
            let number = map.trim().split(' ').next().unwrap_or_default();
            let control = value("a=control:").next().unwrap_or_default().trim();
            let number = number.parse().map_err(|_| failure)?;
            return Ok((number, resolve(control, answer, own)));
        }
    }
    Err(failure)
}

/// Resolves a control as cameras expect it: put behind the base, whatever that looks like.
fn resolve(control: &str, answer: &Answer, own: &str) -> String {
    let base = answer
        .header("Content-Base")
        .or_else(|| answer.header("Content-Location"));
    let base = base
        .filter(|base| base.matches("rtsp://").count() == 1)
        .unwrap_or(own);
    let whole = match control {
        "" | "*" => own.to_owned(),
        _ if control.starts_with("rtsp://") => control.to_owned(),
        _ => format!("{}/{control}", base.trim_end_matches('/')),
    };
    let (_, after_scheme) = whole.split_once("://").unwrap();
    after_scheme[after_scheme.find('/').unwrap()..].to_owned()
}

#[tokio::test]
async fn what_can_be_played_is_served_and_the_rest_fails_as_it_says() {
    for odd in OddSdp::all() {
        let camera = odd_camera(odd).await;
        let mut client = Client::connect(&camera).await;
        let answer = client.request("DESCRIBE", "").await;
        assert_eq!(answer.status, 200, "{}", odd.name);
        let understood = understand(&answer, &camera.url());
        let (payload_type, path) = match (understood, odd.expected) {
            (Ok(understood), Expected::Plays) => understood,
            (Err(failure), Expected::Fails(expected)) => {
                assert_eq!(failure, expected, "{}", odd.name);
                continue;
            }
            (understood, expected) => panic!("{}: {expected:?}, {understood:?}", odd.name),
        };
        let set_up = client.set_up_at(&path).await;
        assert_eq!(set_up.status, 200, "{} at {path}", odd.name);
        assert_eq!(client.request("PLAY", "").await.status, 200, "{}", odd.name);
        let packet = client.packet(Client::RTP_CHANNEL).await;
        assert_eq!(packet[1] & 0x7f, payload_type, "{}", odd.name);
    }
}

#[tokio::test]
async fn each_row_has_its_own_name_and_its_own_oddity() {
    let mut names = HashSet::new();
    let sound = |odd: &OddSdp| {
        let settings = CameraSettings::new(&clip_of(odd.video));
        match odd.audio {
            Some(audio) => settings.audio(&clip_of(audio)),
            None => settings,
        }
    };
    let address = "127.0.0.1:554".parse().unwrap();
    let mut seen = Vec::new();
    for odd in OddSdp::all() {
        assert!(names.insert(odd.name), "{}", odd.name);
        let settings = sound(odd);
        let tracks = settings.tracks();
        let plain = settings.description(address, &tracks).unwrap();
        let changed = settings.odd_sdp(odd).description(address, &tracks).unwrap();
        assert_ne!(plain, changed, "{}", odd.name);
        let same = seen.iter().find(|(_, other)| *other == changed);
        assert!(
            same.is_none(),
            "{} and {:?}",
            odd.name,
            same.map(|(name, _)| name)
        );
        seen.push((odd.name, changed));
    }
    assert!(names.len() >= 30);
}

#[tokio::test]
async fn bytes_that_are_no_utf8_are_sent_as_they_are() {
    let camera = odd_camera(OddSdp::named("session_name_in_gbk").unwrap()).await;
    let answer = Client::connect(&camera).await.request("DESCRIBE", "").await;
    assert!(std::str::from_utf8(&answer.body).is_err());
    let gbk = b"s=\xb6\xab\xc3\xc5";
    assert!(answer.body.windows(gbk.len()).any(|window| window == gbk));
}

#[tokio::test]
async fn an_oddity_of_another_codec_is_refused() {
    let odd = OddSdp::named("h265_vps_alone").unwrap();
    let settings = CameraSettings::new(&clip()).odd_sdp(odd);
    assert!(Camera::start(anywhere(), settings).await.is_err());
}
