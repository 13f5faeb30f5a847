//! What is measured, from the arguments and the environment.

use std::fmt::Display;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context as _, bail, ensure};
use huiju_sim::platform::Media;

use crate::cases::{Case, USUAL};

/// What is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Task {
    /// A case, as it is but for `HUIJU_BENCH_CAMERAS`, `HUIJU_BENCH_CLIP`, `HUIJU_BENCH_AUDIO`, `HUIJU_BENCH_COPIES`
    /// (sessions a camera), `HUIJU_BENCH_TRANSPORT` (udp, tcp-passive, tcp-active) and `HUIJU_BENCH_PEERS` (cameras of
    /// FFmpeg and GStreamer; 0 leaves them out).
    Case(Case),
    /// `growth`: more and more cameras, and more and more sessions of one.
    Growth,
    /// `sessions`: the part of `growth` with the sessions of one camera.
    Sessions,
    /// `catalogue`: more and more cameras that nobody looks at.
    Catalogue,
}

/// What is measured, how long, and how often.
#[derive(Clone, Debug)]
pub(crate) struct Parameters {
    /// Arguments behind `--`, or `HUIJU_BENCH_CASE` (commas between them).
    pub(crate) tasks: Vec<Task>,
    /// `HUIJU_BENCH_SECONDS`: how long each run is measured, 12.
    pub(crate) seconds: u32,
    /// `HUIJU_BENCH_ROUNDS`: how often each program runs: 5 times in a case, once in a growth.
    pub(crate) rounds: Option<usize>,
    /// `HUIJU_BENCH_MOST`: larger sizes of a growth or a catalogue are left out.
    pub(crate) most: usize,
    /// `HUIJU_BENCH_CHARTS`: the folder that charts of a growth and a catalogue are written into; none without it.
    pub(crate) charts: Option<PathBuf>,
}

impl Parameters {
    /// Reads the arguments and the environment.
    pub(crate) fn read() -> anyhow::Result<Self> {
        let named: Vec<String> = std::env::args()
            .skip(1)
            .filter(|argument| argument != "--bench")
            .collect();
        let names = match named.as_slice() {
            [] => variable("HUIJU_BENCH_CASE", USUAL.to_owned())?,
            named => named.join(","),
        };
        let tasks = names.split(',').map(|name| Task::named(name.trim()));
        let parameters = Self {
            tasks: tasks.collect::<anyhow::Result<_>>()?,
            seconds: variable("HUIJU_BENCH_SECONDS", SECONDS)?,
            rounds: text("HUIJU_BENCH_ROUNDS")?
                .map(|text| text.parse())
                .transpose()
                .context("HUIJU_BENCH_ROUNDS")?,
            most: variable("HUIJU_BENCH_MOST", usize::MAX)?,
            charts: text("HUIJU_BENCH_CHARTS")?.map(PathBuf::from),
        };
        ensure!(
            parameters.seconds > 0,
            "HUIJU_BENCH_SECONDS must be 1 or more"
        );
        ensure!(
            parameters.rounds != Some(0),
            "HUIJU_BENCH_ROUNDS must be 1 or more"
        );
        Ok(parameters)
    }
}

impl Task {
    fn named(name: &str) -> anyhow::Result<Self> {
        Ok(match name {
            "growth" => Self::Growth,
            "sessions" => Self::Sessions,
            "catalogue" => Self::Catalogue,
            case => Self::Case(changed(Case::named(case)?)?),
        })
    }
}

/// A case with what the environment changes of it.
fn changed(mut case: Case) -> anyhow::Result<Case> {
    case.cameras = variable("HUIJU_BENCH_CAMERAS", case.cameras)?;
    case.video = variable("HUIJU_BENCH_CLIP", case.video)?;
    if let Some(audio) = text("HUIJU_BENCH_AUDIO")? {
        case.audio = Some(audio.parse().context("HUIJU_BENCH_AUDIO")?);
    }
    case.copies = variable("HUIJU_BENCH_COPIES", case.copies)?;
    case.transport = variable("HUIJU_BENCH_TRANSPORT", Transport(case.transport))?.0;
    // FFmpeg and GStreamer are started so that they do this, and no more.
    let is_plain = case.audio.is_none() && case.copies == 1 && case.transport == Media::Udp;
    let usual = if is_plain { case.peers } else { 0 };
    case.peers = variable("HUIJU_BENCH_PEERS", usual)?.min(case.cameras);
    ensure!(
        case.peers == 0 || is_plain,
        "FFmpeg and GStreamer relay video alone, one session a camera over UDP: HUIJU_BENCH_PEERS must be 0"
    );
    ensure!(
        (1..=STREAMS_MAX).contains(&case.cameras),
        "HUIJU_BENCH_CAMERAS must be 1 to {STREAMS_MAX}"
    );
    ensure!(
        case.video.codec().is_video(),
        "HUIJU_BENCH_CLIP {} is no video",
        case.video
    );
    ensure!(
        case.streams(case.cameras) <= STREAMS_MAX,
        "HUIJU_BENCH_COPIES: there can be {STREAMS_MAX} sessions in all"
    );
    Ok(case)
}

fn variable<T: FromStr<Err: Display>>(name: &str, usual: T) -> anyhow::Result<T> {
    match text(name)? {
        Some(text) => text
            .parse()
            .map_err(|error| anyhow::anyhow!("{name} {text:?}: {error}")),
        None => Ok(usual),
    }
}

/// A variable that is set and not empty.
fn text(name: &str) -> anyhow::Result<Option<String>> {
    match std::env::var(name) {
        Ok(text) => Ok(Some(text).filter(|text| !text.is_empty())),
        Err(std::env::VarError::NotPresent) => Ok(None),
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

/// Whole turns of every clip.
const SECONDS: u32 = 12;
/// Each has two ports of the gateway, which gets 10,000 of them.
const STREAMS_MAX: usize = 5000;
