//! Cameras whose session descriptions are odd.

use huiju_sim::clips::{ClipKind, Codec};
use huiju_sim::farm::{CameraSettings, Expected, Failure, OddSdp};
use serde_json::json;

use crate::world::{SOON, World, clip};

#[tokio::test(flavor = "multi_thread")]
async fn every_odd_description_that_can_be_played_is_played() {
    let mut world = World::new("odd-sdp").platform("district").department(
        "education",
        json!({"probe": {"interval": "10m"}, "limits": {"connects_per_second": 250}}),
    );
    let rows = OddSdp::all();
    for row in &rows {
        let mut settings = CameraSettings::new(&clip(kind(row.video)).await).odd_sdp(row);
        if let Some(audio) = row.audio {
            settings = settings.audio(&clip(kind(audio)).await);
        }
        world = world.camera(row.name, settings);
    }
    let world = world.start().await;
    let verdicts = world
        .cameras_are(SOON, |cameras| {
            cameras.count("unknown/never_tried") + cameras.count("connecting") == 0
        })
        .await;
    // The library does, over a line without `=`; the camera's task lives on.
    let others: Vec<_> = world
        .panics()
        .into_iter()
        .filter(|line| !line.contains("sdp-types"))
        .collect();
    assert_eq!(others, Vec::<String>::new());
    let mut wrong = Vec::new();
    for row in rows
        .iter()
        .filter(|row| verdicts.state(row.name) != end(row))
    {
        let (state, evidence) = (verdicts.state(row.name), world.evidence(row.name).await);
        wrong.push(format!(
            "{}: {state} for {}: {evidence}",
            row.name,
            end(row)
        ));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The state that a camera with such a description ends in.
fn end(row: &OddSdp) -> &'static str {
    if let Some((_, state)) = LIBRARY.iter().find(|(name, _)| *name == row.name) {
        return state;
    }
    match row.expected {
        Expected::Plays => "online",
        Expected::Fails(Failure::CodecUnsupported | Failure::NoVideo) => {
            "offline/codec_unsupported"
        }
        Expected::Fails(Failure::Unreadable) => "offline/rtsp_error",
    }
}

/// What the RTSP library does not read, though a tolerant client could.
const LIBRARY: &[(&str, &str)] = &[
    ("control_with_a_space", "offline/not_found"),
    ("content_base_empty", RTSP_ERROR),
    ("three_lines", RTSP_ERROR),
    ("no_version", RTSP_ERROR),
    ("origin_without_address", RTSP_ERROR),
    ("session_name_in_gbk", RTSP_ERROR),
    ("time_is_one_number", RTSP_ERROR),
    ("connection_without_address", RTSP_ERROR),
    ("connection_in_media_without_address", RTSP_ERROR),
    ("bandwidth_is_garbage", RTSP_ERROR),
    ("carriage_returns_twice", RTSP_ERROR),
    ("content_type_with_parameters", RTSP_ERROR),
    ("content_type_in_capitals", RTSP_ERROR),
    ("rtpmap_with_a_space_first", RTSP_ERROR),
    ("line_without_equals", RTSP_ERROR),
    ("line_with_a_long_key", RTSP_ERROR),
    ("no_media", RTSP_ERROR),
    ("no_rtpmap", RTSP_ERROR),
];

const RTSP_ERROR: &str = "offline/rtsp_error";

/// The rows of the page.
pub(super) fn table() -> String {
    let row = |row: &OddSdp| format!("| `{}` | {} | {} |\n", row.name, row.report, end(row));
    OddSdp::all().into_iter().map(row).collect()
}

fn kind(codec: Codec) -> ClipKind {
    match codec {
        Codec::H264 => ClipKind::H264Small,
        Codec::H265 => ClipKind::H265720p,
        Codec::Aac => ClipKind::Aac16k,
        Codec::G711A => ClipKind::G711A,
        Codec::G711U => ClipKind::G711U,
    }
}
