//! FFmpeg pulls a camera, and hashes what it got beside the encoder's own file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::process::Command;

use super::super::{Camera, CameraSettings};
use super::anywhere;
use crate::clips::{Clip, ClipKind, Codec, prepare};

/// One clip and a half, so that the loop's seam is in it.
const FRAMES: usize = 150;

async fn clip(kind: ClipKind) -> Arc<Clip> {
    let cache = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/clips");
    tokio::task::spawn_blocking(move || prepare(&cache, &[kind]).unwrap().remove(0))
        .await
        .unwrap()
}

/// Returns a hash of each access unit, start codes made equal.
async fn hashes(input: &[&str], codec: Codec) -> Vec<String> {
    let filter = if codec == Codec::H265 {
        "filter_units=pass_types=0-63"
    } else {
        "filter_units=pass_types=0-31"
    };
    let output = Command::new("ffmpeg")
        .args(["-hide_banner", "-nostdin", "-loglevel", "error"])
        .args(input)
        .args([
            "-map",
            "0:v",
            "-c",
            "copy",
            "-bsf:v",
            filter,
            "-frames:v",
            &FRAMES.to_string(),
        ])
        .args(["-f", "framehash", "-hash", "sha256", "-"])
        .kill_on_drop(true)
        .output()
        .await
        .expect("ffmpeg is needed");
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.split(',').nth(5).unwrap().trim().to_owned())
        .collect()
}

async fn hashes_of_file(path: &Path, codec: Codec) -> Vec<String> {
    let format = if codec == Codec::H265 { "hevc" } else { "h264" };
    let twice = format!("concat:{0}|{0}", path.display());
    hashes(&["-f", format, "-i", &twice], codec).await
}

/// Returns how many of the access units that FFmpeg pulls differ from the encoder's.
async fn differences(kind: ClipKind, change: fn(CameraSettings) -> CameraSettings) -> usize {
    let clip = clip(kind).await;
    let camera = Camera::start(anywhere(), change(CameraSettings::new(&clip)))
        .await
        .unwrap();
    let pulled = hashes(
        &["-rtsp_transport", "tcp", "-i", &camera.url()],
        clip.codec(),
    )
    .await;
    let own = hashes_of_file(clip.path(), clip.codec()).await;
    assert_eq!((pulled.len(), own.len()), (FRAMES, FRAMES));
    pulled
        .iter()
        .zip(&own)
        .filter(|(pulled, own)| pulled != own)
        .count()
}

#[tokio::test]
async fn what_ffmpeg_pulls_is_the_encoders_h264() {
    assert_eq!(
        differences(ClipKind::H264TwoPpsSeiAud, |settings| settings).await,
        0
    );
}

#[tokio::test]
async fn what_ffmpeg_pulls_is_the_encoders_h265() {
    assert_eq!(
        differences(ClipKind::H265BFrames, |settings| settings).await,
        0
    );
}

#[tokio::test]
async fn wrapping_sequence_numbers_and_timestamps_change_nothing() {
    let change = |settings: CameraSettings| {
        settings
            .rtp_start(65_500, u32::MAX - 90_000)
            .aggregate(false)
    };
    assert_eq!(differences(ClipKind::H264Baseline720p, change).await, 0);
}

#[tokio::test]
async fn a_flipped_bit_is_seen() {
    let change = |settings: CameraSettings| settings.flip_bit_in_access_unit(50);
    assert_eq!(differences(ClipKind::H264Small, change).await, FRAMES / 50);
}
