//! The cameras: a process of its own, the same for all runs of a case.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use huiju_sim::clips;
use nix::sys::signal::Signal;

use crate::cases::Case;
use crate::expected::Expected;
use crate::measured::number;
use crate::processes::{self, Process};
use crate::usage::Usage;

/// The cameras.
#[derive(Debug)]
pub(crate) struct Farm {
    process: Process,
    urls: Vec<String>,
    expected: Expected,
    frames_left_out: u64,
}

impl Farm {
    /// Makes the clips that are missing, starts the farm, and waits until all cameras listen.
    pub(crate) async fn start(case: &Case) -> anyhow::Result<Self> {
        let Case {
            cameras,
            video,
            audio,
            ..
        } = *case;
        let wanted: Vec<_> = std::iter::once(video).chain(audio).collect();
        let clips =
            tokio::task::spawn_blocking(move || clips::prepare(&cache(), &wanted)).await??;
        let mut command = processes::sim()?;
        command
            .args(["farm", "--set", "load", "--out"])
            .arg(folder()?)
            .arg("--clips")
            .arg(cache())
            .args(["--port", &PORT.to_string()])
            .args(["--cameras", &cameras.to_string()])
            .args(["--clip", video.name()]);
        if let Some(audio) = audio {
            command.args(["--audio", audio.name()]);
        }
        let mut process = Process::start("farm", &mut command)?;
        let ready = process.says("farm ready: ").await?;
        ensure!(
            ready == format!("{cameras} cameras"),
            "the farm has {ready}"
        );
        Ok(Self {
            process,
            urls: urls()?,
            expected: Expected::of(clips.iter().map(AsRef::as_ref)),
            frames_left_out: 0,
        })
    }

    /// Where the first of its cameras are.
    pub(crate) fn urls(&self, cameras: usize) -> &[String] {
        &self.urls[..cameras]
    }

    /// The rows of an inventory with the first of its cameras.
    pub(crate) fn inventory(cameras: usize) -> anyhow::Result<String> {
        let inventory = std::fs::read_to_string(folder()?.join("cameras.csv"))?;
        let rows: Vec<&str> = inventory.lines().take(1 + cameras).collect();
        Ok(rows.join("\n") + "\n")
    }

    /// What each of its cameras gives.
    pub(crate) fn expected(&self) -> &Expected {
        &self.expected
    }

    /// What it uses.
    pub(crate) fn usage(&self) -> anyhow::Result<Usage> {
        self.process.usage()
    }

    /// How many frames it left out since this was asked before, because somebody did not read.
    pub(crate) async fn frames_left_out(&mut self) -> anyhow::Result<u64> {
        self.process.signal(Signal::SIGUSR1)?;
        let line = self.process.says("farm so far: ").await?;
        let frames = number(&line, "frames left out for slow readers")?;
        Ok(frames - std::mem::replace(&mut self.frames_left_out, frames))
    }

    /// Stops it.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        self.process.stop_well().await
    }
}

/// Where clips are kept, for the tests and the farm too.
fn cache() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/clips")
}

fn folder() -> anyhow::Result<PathBuf> {
    Ok(processes::folder()?.join("farm"))
}

/// The URLs in the farm's manifest.
fn urls() -> anyhow::Result<Vec<String>> {
    let manifest = std::fs::read(folder()?.join("farm.json"))?;
    let manifest: serde_json::Value = serde_json::from_slice(&manifest)?;
    let cameras = manifest["cameras"].as_array();
    let urls = cameras
        .context("the farm's manifest lists no cameras")?
        .iter()
        .map(|camera| camera["url"].as_str().map(str::to_owned));
    urls.collect::<Option<_>>().context("a camera has no URL")
}

/// Where each camera listens.
pub(crate) const PORT: u16 = 8654;
