//! What is measured, from the environment.

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use huiju_sim::clips::ClipKind;
use huiju_sim::platform::Media;

/// What is measured.
#[derive(Clone, Debug)]
pub(crate) struct Parameters {
    /// `HUIJU_BENCH_CAMERAS`: how many cameras, 20.
    pub(crate) cameras: usize,
    /// `HUIJU_BENCH_CLIP`: what each shows, h264_4m.
    pub(crate) video: ClipKind,
    /// `HUIJU_BENCH_AUDIO`: what each says, nothing.
    pub(crate) audio: Option<ClipKind>,
    /// `HUIJU_BENCH_TRANSPORT`: udp, tcp-passive or tcp-active.
    pub(crate) transport: Media,
    /// `HUIJU_BENCH_SECONDS`: how long, 15.
    pub(crate) seconds: u32,
    /// How many windows those seconds are cut into, for the spread.
    pub(crate) windows: u32,
}

impl Parameters {
    /// Reads the environment.
    pub(crate) fn from_environment() -> anyhow::Result<Self> {
        let parameters = Self {
            cameras: variable("HUIJU_BENCH_CAMERAS", 20)?,
            video: variable("HUIJU_BENCH_CLIP", ClipKind::H264Load4m)?,
            audio: std::env::var("HUIJU_BENCH_AUDIO")
                .is_ok_and(|value| !value.is_empty())
                .then(|| variable("HUIJU_BENCH_AUDIO", ClipKind::G711A))
                .transpose()?,
            transport: variable("HUIJU_BENCH_TRANSPORT", Transport(Media::Udp))?.0,
            seconds: variable("HUIJU_BENCH_SECONDS", 15)?,
            windows: WINDOWS,
        };
        ensure!(
            parameters.seconds >= WINDOWS,
            "HUIJU_BENCH_SECONDS must be {WINDOWS} or more: a window lasts a second at least"
        );
        // The gateway's own limit, unless its configuration names another.
        ensure!(
            (1..=500).contains(&parameters.cameras),
            "HUIJU_BENCH_CAMERAS must be 1 to 500"
        );
        ensure!(
            parameters.video.codec().is_video(),
            "HUIJU_BENCH_CLIP {} is no video",
            parameters.video
        );
        Ok(parameters)
    }

    /// How long a window is.
    pub(crate) fn window(&self) -> Duration {
        Duration::from_secs(self.seconds.into()) / self.windows
    }
}

fn variable<T: FromStr<Err: Display>>(name: &str, usual: T) -> anyhow::Result<T> {
    match std::env::var(name) {
        Ok(text) if !text.is_empty() => text
            .parse()
            .map_err(|error| anyhow::anyhow!("{name} {text:?}: {error}")),
        Ok(_) | Err(std::env::VarError::NotPresent) => Ok(usual),
        Err(error) => Err(error).context(name.to_owned()),
    }
}

struct Transport(Media);

impl FromStr for Transport {
    type Err = anyhow::Error;

    fn from_str(name: &str) -> anyhow::Result<Self> {
        Ok(Self(match name {
            "udp" => Media::Udp,
            "tcp-passive" => Media::TcpPassive,
            "tcp-active" => Media::TcpActive,
            _ => bail!("there are udp, tcp-passive and tcp-active"),
        }))
    }
}

const WINDOWS: u32 = 3;
