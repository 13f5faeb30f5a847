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
    assert_eq!(world.panics(), Vec::<String>::new());
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
    match row.expected {
        Expected::Plays => "online",
        Expected::Fails(Failure::CodecUnsupported | Failure::NoVideo) => {
            "offline/codec_unsupported"
        }
        Expected::Fails(Failure::Unreadable) => RTSP_ERROR,
    }
}

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
