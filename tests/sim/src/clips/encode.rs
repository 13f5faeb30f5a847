//! Runs FFmpeg, and keeps what it made under a name that changes with its arguments.
//!
//! A clip is a media file and, for video, its packet list; the media file gets its name last, so where it is, all is.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};
use sha2::{Digest as _, Sha256};

use super::kind::ClipKind;
use super::splice;

/// Changes when code beside the arguments changes what is made.
const REVISION: &str = "1";

/// Returns the clip's media file, after making it when it is not there.
pub(super) fn ensure(cache: &Path, kind: ClipKind) -> anyhow::Result<PathBuf> {
    let runs = kind.runs();
    let media = cache.join(format!(
        "{kind}-{}.{}",
        fingerprint(&runs),
        kind.codec().extension()
    ));
    if media.exists() {
        return Ok(media);
    }
    // A directory of its own, so that a killed run leaves no half file and two processes do not meet.
    let scratch = cache.join(format!(".{kind}-{}", std::process::id()));
    std::fs::create_dir_all(&scratch)
        .with_context(|| format!("cannot create {}", scratch.display()))?;
    let made = make(&scratch, kind, &runs).and_then(|()| publish(&scratch, &media, kind));
    std::fs::remove_dir_all(&scratch)
        .with_context(|| format!("cannot remove {}", scratch.display()))?;
    made.map(|()| media)
}

/// Returns where the packet list of a media file lies.
pub(super) fn index_of(media: &Path) -> PathBuf {
    media.with_extension("index")
}

fn fingerprint(runs: &[Vec<String>]) -> String {
    let mut hash = Sha256::new();
    hash.update(REVISION);
    for argument in runs.iter().flatten() {
        hash.update(argument);
        hash.update([0]);
    }
    hex::encode(&hash.finalize()[..6])
}

fn make(scratch: &Path, kind: ClipKind, runs: &[Vec<String>]) -> anyhow::Result<()> {
    let file = |name: &str| scratch.join(name);
    match runs {
        [run] if kind.codec().is_video() => encode_video(run, kind, &file("media"), &file("index")),
        [run] => ffmpeg(
            run.iter()
                .cloned()
                .chain([file("media").to_string_lossy().into_owned()]),
        ),
        [first, second] => {
            encode_video(first, kind, &file("media.0"), &file("index.0"))?;
            encode_video(second, kind, &file("media.1"), &file("index.1"))?;
            let [first, second] =
                ["0", "1"].map(|n| (file(&format!("media.{n}")), file(&format!("index.{n}"))));
            splice::alternate(
                kind.codec(),
                &first,
                &second,
                &(file("media"), file("index")),
            )
        }
        _ => bail!("a clip is made by one run or by two"),
    }
}

fn publish(scratch: &Path, media: &Path, kind: ClipKind) -> anyhow::Result<()> {
    if media.exists() {
        // Another process was faster; its pair of files stays together.
        return Ok(());
    }
    if kind.codec().is_video() {
        std::fs::rename(scratch.join("index"), index_of(media))
            .context("cannot name the packet list")?;
    }
    std::fs::rename(scratch.join("media"), media).context("cannot name the media file")
}

/// The `tee` muxer hands the same packets to the raw file and to the list of their times and sizes.
fn encode_video(run: &[String], kind: ClipKind, media: &Path, index: &Path) -> anyhow::Result<()> {
    let raw = if kind.codec().extension() == "h265" {
        "hevc"
    } else {
        "h264"
    };
    let tee = format!(
        "[f={raw}]{}|[f=framecrc]{}",
        media.display(),
        index.display()
    );
    ffmpeg(
        run.iter()
            .cloned()
            .chain(["-map", "0:v", "-f", "tee"].map(str::to_owned))
            .chain([tee]),
    )
}

fn ffmpeg(arguments: impl Iterator<Item = String>) -> anyhow::Result<()> {
    let output = Command::new("ffmpeg")
        .args(["-hide_banner", "-nostdin", "-y", "-loglevel", "error"])
        .args(arguments)
        .output()
        .context("cannot run ffmpeg; is it installed?")?;
    if !output.status.success() {
        bail!(
            "ffmpeg ended with {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(())
}
