//! `huiju-sim farm`: starts cameras, and says where they are.

#![expect(clippy::print_stdout, reason = "what a command finds goes to stdout")]

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use tokio::signal::unix::{SignalKind, signal};

use super::camera::{Camera, CameraHandle};
use super::inventory::{self, Entry};
use super::load::{Load, load};
use super::odd::odd;
use super::quickstart::quickstart;
use crate::arguments;
use crate::clips::ClipKind;

const HELP: &str = "usage: huiju-sim farm --out DIR [--set quickstart|load|odd]
                      [--clips DIR] [--port 8554]
                      [--cameras N] [--clip NAME] [--audio NAME] [--flip-bit CAMERA]

Starts a farm of RTSP cameras, writes DIR/cameras.csv (an inventory, with passwords) and
DIR/farm.json (what each camera shows, with the encoder's files), prints
`farm ready: N cameras` and serves until SIGINT or SIGTERM. SIGUSR1 has it say what it sent so far.

  --set quickstart  twelve cameras of six departments on 127.20.x.y (default)
  --set load        --cameras N (10) of --clip NAME (h264_2m) [--audio NAME] on 127.21.x.y
  --set odd         one camera of each odd session description on 127.22.x.y, named as it is
  --clips DIR       where the clips are kept (target/clips)
  --flip-bit CAMERA flips a bit in each tenth access unit of the camera with this name or source id";

/// Access units from one flipped bit to the next.
const FLIP_EVERY: u64 = 10;

/// Runs the command.
///
/// # Errors
/// On a wrong argument, when a clip cannot be made, or a camera cannot be started.
pub async fn run(arguments: &[String]) -> anyhow::Result<ExitCode> {
    if arguments::ask_for_help(arguments) {
        println!("{HELP}");
        return Ok(ExitCode::SUCCESS);
    }
    let options = Options::parse(arguments)?;
    let out = options
        .out
        .clone()
        .with_context(|| format!("--out is missing\n{HELP}"))?;
    // Asked for before the ready line, so that a signal right after it is not lost.
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    let mut asked = signal(SignalKind::user_defined1())?;

    let entries = tokio::task::spawn_blocking(move || options.entries()).await??;
    let cameras = start(&entries).await?;
    inventory::write(&out, &entries)?;
    println!("farm ready: {} cameras", cameras.len());
    loop {
        tokio::select! {
            _ = interrupted.recv() => break,
            _ = terminated.recv() => break,
            _ = asked.recv() => println!("farm so far: {}", summary(&cameras)),
        }
    }
    for camera in &cameras {
        camera.kill().await;
    }
    println!("farm ended: {}", summary(&cameras));
    Ok(ExitCode::SUCCESS)
}

async fn start(entries: &[Entry]) -> anyhow::Result<Vec<CameraHandle>> {
    let mut cameras = Vec::with_capacity(entries.len());
    for entry in entries {
        let camera = Camera::start(entry.address, entry.settings.clone()).await;
        cameras.push(camera.with_context(|| format!("camera {}", entry.name))?);
    }
    Ok(cameras)
}

fn summary(cameras: &[CameraHandle]) -> String {
    let (mut packets, mut bytes, mut skipped) = (0, 0, 0);
    for stats in cameras.iter().map(CameraHandle::stats) {
        packets += stats.video.packets + stats.audio.packets;
        bytes += stats.video.bytes + stats.audio.bytes;
        skipped += stats.frames_skipped;
    }
    format!("{packets} packets, {bytes} bytes sent, {skipped} frames left out for slow readers")
}

#[derive(Debug)]
enum Set {
    Quickstart,
    Load,
    Odd,
}

#[derive(Debug)]
struct Options {
    set: Set,
    clips: PathBuf,
    out: Option<PathBuf>,
    port: u16,
    load: Load,
    flip_bit: Option<String>,
}

impl Options {
    fn parse(arguments: &[String]) -> anyhow::Result<Self> {
        let mut options = Self {
            set: Set::Quickstart,
            clips: "target/clips".into(),
            out: None,
            port: 8554,
            load: Load {
                cameras: 10,
                video: ClipKind::H264Load2m,
                audio: None,
            },
            flip_bit: None,
        };
        arguments::read(arguments, |option, value| options.take(option, value))?;
        Ok(options)
    }

    fn take<'a>(
        &mut self,
        option: &str,
        value: impl FnOnce() -> anyhow::Result<&'a String>,
    ) -> anyhow::Result<()> {
        match option {
            "--set" => {
                self.set = match value()?.as_str() {
                    "quickstart" => Set::Quickstart,
                    "load" => Set::Load,
                    "odd" => Set::Odd,
                    other => bail!("no set is named {other}"),
                }
            }
            "--clips" => self.clips = value()?.into(),
            "--out" => self.out = Some(value()?.into()),
            "--port" => self.port = value()?.parse()?,
            "--cameras" => self.load.cameras = value()?.parse()?,
            "--clip" => self.load.video = value()?.parse()?,
            "--audio" => self.load.audio = Some(value()?.parse()?),
            "--flip-bit" => self.flip_bit = Some(value()?.clone()),
            _ => bail!("unknown\n{HELP}"),
        }
        Ok(())
    }

    fn entries(self) -> anyhow::Result<Vec<Entry>> {
        let mut entries = match self.set {
            Set::Quickstart => quickstart(&self.clips, self.port)?,
            Set::Load => load(&self.clips, self.port, self.load)?,
            Set::Odd => odd(&self.clips, self.port)?,
        };
        if let Some(wanted) = &self.flip_bit {
            let entry = entries
                .iter_mut()
                .find(|entry| entry.name == *wanted || entry.source_id == *wanted);
            let entry = entry.with_context(|| format!("no camera is named {wanted}"))?;
            entry.settings = entry.settings.clone().flip_bit_in_access_unit(FLIP_EVERY);
        }
        Ok(entries)
    }
}
