//! Holds recordings against the encoders' own files, by ffmpeg, which is not ours.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};
use tokio::process::Command;
use tokio::sync::{Mutex, Semaphore};

use super::manifest::{Audio, AudioCodec, Camera};
use crate::platform::media::Recording;

/// The judge; it runs a few processes at a time, and reads each encoder's file once.
#[derive(Debug)]
pub struct Judge {
    processes: Semaphore,
    references: Mutex<HashMap<(PathBuf, &'static str), Arc<Hashes>>>,
}

/// The frames of a stream as ffmpeg's framehash lists them.
#[derive(Debug, Default, Eq, PartialEq)]
struct Hashes {
    /// Size and SHA-256 of each.
    frames: Vec<(String, String)>,
    /// Sample rate and channel layout, for audio.
    format: Vec<String>,
}

impl Judge {
    /// A judge that runs at most `processes_max` processes of ffmpeg.
    pub fn new(processes_max: usize) -> Self {
        Self {
            processes: Semaphore::new(processes_max),
            references: Mutex::default(),
        }
    }

    /// Judges one recording of at least `seconds`.
    ///
    /// # Errors
    /// What is wrong with it, shortest first.
    pub async fn judge(
        &self,
        camera: &Camera,
        recording: &Recording,
        seconds: u64,
    ) -> anyhow::Result<()> {
        check_stats(recording)?;
        check_map(camera, recording)?;
        let ps = recording.ps.as_deref().context("nothing was recorded")?;
        self.decode(camera, ps).await?;
        self.compare_video(camera, ps, seconds).await?;
        match &camera.audio {
            None => Ok(()),
            Some(audio) if audio.codec == AudioCodec::Aac => {
                self.compare_aac(audio, ps, seconds).await
            }
            Some(audio) => compare_g711(audio, recording, seconds),
        }
    }

    /// Decodes everything; one line of error output is one too many.
    async fn decode(&self, camera: &Camera, ps: &Path) -> anyhow::Result<()> {
        let mut arguments = vec![
            "-i".into(),
            ps.into(),
            "-xerror".into(),
            "-map".into(),
            "0:v".into(),
        ];
        if camera
            .audio
            .as_ref()
            .is_some_and(|audio| audio.codec == AudioCodec::Aac)
        {
            arguments.extend(["-map".into(), "0:a".into()]);
        }
        arguments.extend(["-f".into(), "null".into(), "-".into()]);
        self.ffmpeg(&arguments).await.context("decode").map(drop)
    }

    async fn compare_video(&self, camera: &Camera, ps: &Path, seconds: u64) -> anyhow::Result<()> {
        let video = &camera.video;
        let units = video.codec.units_to_compare(video.parameter_sets);
        let filter = format!("filter_units={units}");
        let selection = ["-map", "0:v", "-c", "copy", "-bsf:v", &filter];
        let expected = self.reference(&video.file, units, &selection).await?;
        let got = self.hashes(ps, &selection).await?;
        let at_least = usize::try_from(seconds.saturating_sub(2) * FRAMES_PER_SECOND)?;
        is_stretch(&got.frames, &expected.frames, at_least)
            .map_err(|what| anyhow::anyhow!("access units: {what}"))
    }

    async fn compare_aac(&self, audio: &Audio, ps: &Path, seconds: u64) -> anyhow::Result<()> {
        // The headers of ADTS may be written in more than one right way: the frames in them are compared.
        let selection = ["-map", "0:a", "-c", "copy", "-bsf:a", "aac_adtstoasc"];
        let expected = self.reference(&audio.file, "aac", &selection).await?;
        let got = self.hashes(ps, &selection).await?;
        ensure!(
            got.format == expected.format,
            "AAC is {:?} instead of {:?}",
            got.format,
            expected.format
        );
        let rate = got
            .format
            .first()
            .and_then(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
            .unwrap_or(48_000);
        let at_least = usize::try_from(seconds.saturating_sub(2) * rate / 1024)?;
        is_stretch(&got.frames, &expected.frames, at_least)
            .map_err(|what| anyhow::anyhow!("AAC frames: {what}"))
    }

    async fn reference(
        &self,
        file: &Path,
        kind: &'static str,
        selection: &[&str],
    ) -> anyhow::Result<Arc<Hashes>> {
        let key = (file.to_owned(), kind);
        let mut references = self.references.lock().await;
        if let Some(known) = references.get(&key) {
            return Ok(Arc::clone(known));
        }
        let hashes = self.hashes(file, selection).await;
        let hashes =
            Arc::new(hashes.with_context(|| format!("encoder's file {}", file.display()))?);
        references.insert(key, Arc::clone(&hashes));
        Ok(hashes)
    }

    async fn hashes(&self, file: &Path, selection: &[&str]) -> anyhow::Result<Hashes> {
        let mut arguments = vec!["-i".into(), file.into()];
        arguments.extend(selection.iter().map(OsString::from));
        arguments.extend(["-f", "framehash", "-hash", "sha256", "-"].map(OsString::from));
        let output = self.ffmpeg(&arguments).await?;
        Hashes::read(&output)
    }

    async fn ffmpeg(&self, arguments: &[OsString]) -> anyhow::Result<String> {
        let _permit = self.processes.acquire().await?;
        let output = Command::new("ffmpeg")
            .args(["-nostdin", "-hide_banner", "-v", "error", "-threads", "1"])
            .args(arguments)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .context("cannot run ffmpeg")?;
        let errors = String::from_utf8_lossy(&output.stderr);
        let complaints = complaints(&errors);
        if let Some(first) = complaints.first() {
            bail!("ffmpeg: {first} ({} lines)", complaints.len());
        }
        ensure!(
            output.status.success(),
            "ffmpeg ended with {}",
            output.status
        );
        Ok(String::from_utf8(output.stdout)?)
    }
}

impl Hashes {
    fn read(text: &str) -> anyhow::Result<Self> {
        let mut hashes = Self::default();
        for line in text.lines() {
            if line.starts_with("#sample_rate") || line.starts_with("#channel_layout_name") {
                hashes.format.push(line.to_owned());
            }
            if line.starts_with('#') {
                continue;
            }
            let fields: Vec<&str> = line.split(',').map(str::trim).collect();
            let [_, _, _, _, size, hash, ..] = fields[..] else {
                bail!("framehash line {line:?}")
            };
            hashes.frames.push((size.to_owned(), hash.to_owned()));
        }
        Ok(hashes)
    }
}

/// The lines of error output that count.
///
/// FFmpeg does not know the stream types 0x90 and 0x91: it takes G.711 for MPEG audio while it looks at the streams,
/// and complains of that once, though the track is not selected. Nothing but that complaint is passed over.
fn complaints(errors: &str) -> Vec<&str> {
    let mut is_passed = false;
    let counts = |line: &&str| {
        let repeats = line.trim_start().starts_with("Last message repeated");
        is_passed = line.starts_with("[mp2 @ ") && line.ends_with("] Header missing")
            || repeats && is_passed;
        !is_passed
    };
    errors.lines().filter(counts).collect()
}

fn check_stats(recording: &Recording) -> anyhow::Result<()> {
    let stats = &recording.stats;
    if let Some(first) = recording.violations.first() {
        bail!("{first} ({} violations)", stats.violations);
    }
    ensure!(
        stats.lost == 0 && stats.reordered == 0,
        "{} packets lost, {} late",
        stats.lost,
        stats.reordered
    );
    Ok(())
}

fn check_map(camera: &Camera, recording: &Recording) -> anyhow::Result<()> {
    let (video, audio) = (recording.video_type(), recording.audio_type());
    ensure!(
        video == Some(camera.video.codec.stream_type()),
        "map has video {video:02x?}"
    );
    ensure!(
        audio == camera.audio.as_ref().map(|audio| audio.codec.stream_type()),
        "map has audio {audio:02x?}"
    );
    Ok(())
}

fn compare_g711(audio: &Audio, recording: &Recording, seconds: u64) -> anyhow::Result<()> {
    let expected = std::fs::read(&audio.file)
        .with_context(|| format!("cannot read {}", audio.file.display()))?;
    let got = std::fs::read(
        recording
            .audio
            .as_deref()
            .context("no audio was recorded")?,
    )?;
    let at_least = usize::try_from(seconds.saturating_sub(2) * 8000)?;
    is_stretch(&got, &expected, at_least).map_err(|what| anyhow::anyhow!("G.711 bytes: {what}"))
}

/// Says whether `got` is a contiguous stretch of the endlessly repeated `expected`.
fn is_stretch<T: PartialEq>(got: &[T], expected: &[T], at_least: usize) -> Result<(), String> {
    if got.len() < at_least || got.is_empty() {
        return Err(format!("{} instead of at least {at_least}", got.len()));
    }
    let matching = |start: usize| {
        let endless = expected.iter().cycle().skip(start);
        got.iter()
            .zip(endless)
            .take_while(|(got, expected)| got == expected)
            .count()
    };
    let best = (0..expected.len())
        .filter(|start| expected[*start] == got[0])
        .map(matching)
        .max();
    match best {
        Some(length) if length == got.len() => Ok(()),
        Some(length) => Err(format!(
            "{length} of {} are the encoder's, the next is not",
            got.len()
        )),
        None => Err("the first is not the encoder's".into()),
    }
}

/// Of all cameras of a farm.
const FRAMES_PER_SECOND: u64 = 25;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stretch_may_begin_anywhere_and_pass_the_seam() {
        assert_eq!(is_stretch(&[3, 1, 2, 3, 1], &[1, 2, 3], 5), Ok(()));
        assert_eq!(is_stretch(&[1, 2, 1, 3], &[1, 2, 1, 3], 4), Ok(()));
    }

    #[test]
    fn one_that_is_missing_wrong_or_too_short_is_found() {
        assert!(
            is_stretch(&[1, 3], &[1, 2, 3], 1)
                .unwrap_err()
                .starts_with("1 of 2")
        );
        assert!(is_stretch(&[9], &[1, 2, 3], 1).is_err());
        assert!(is_stretch(&[1, 2], &[1, 2, 3], 3).is_err());
        assert!(is_stretch::<u8>(&[], &[1], 0).is_err());
    }

    #[test]
    fn only_the_guess_about_g711_is_passed_over() {
        let errors = "[mp2 @ 0x1] Header missing\n    Last message repeated 2 times\n[h264 @ 0x2] error\n    Last message repeated 3 times\n";
        assert_eq!(
            complaints(errors),
            ["[h264 @ 0x2] error", "    Last message repeated 3 times"]
        );
    }

    #[test]
    fn the_list_of_framehash_is_read() {
        let text = "#format: frame checksums\n#sample_rate 0: 48000\n0, 0, 0, 1, 7, aa\n0, 1, 1, 1, 9, bb\n";
        let hashes = Hashes::read(text).unwrap();
        assert_eq!(hashes.frames[1], ("9".to_owned(), "bb".to_owned()));
        assert_eq!(hashes.format, ["#sample_rate 0: 48000"]);
        assert!(Hashes::read("nonsense").is_err());
    }
}
