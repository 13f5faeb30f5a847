//! The steady part of a run: what was used and what came, and whether it counts.

use std::time::Duration;

use anyhow::Context as _;
use huiju_sim::histogram::Histogram;
use tokio::time::{Instant, sleep, sleep_until};

use crate::expected::Bounds;
use crate::usage::{self, Usage};
use crate::world::World;

/// Who relays.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Program {
    Gateway,
    Floor,
    Ffmpeg,
    Gstreamer,
}

impl Program {
    /// Its name in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Floor => "floor",
            Self::Ffmpeg => "ffmpeg",
            Self::Gstreamer => "gstreamer",
        }
    }
}

/// What has come out of it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Received {
    pub(crate) packets: u64,
    /// Of payload: headers of RTP are left out.
    pub(crate) bytes: u64,
    /// Known of the gateway's sessions only.
    pub(crate) frames: u64,
    pub(crate) lost: u64,
}

/// The state at one moment.
#[derive(Clone, Copy, Debug)]
struct Sample {
    at: Instant,
    program: Usage,
    farm: Usage,
    bench: Usage,
    machine: Duration,
    received: Received,
}

impl Sample {
    async fn take(
        world: &World,
        look: &impl AsyncFn() -> anyhow::Result<(Usage, Received)>,
    ) -> anyhow::Result<Self> {
        let (program, received) = look().await?;
        Ok(Self {
            at: Instant::now(),
            program,
            farm: world.farm.usage()?,
            bench: Usage::of(std::process::id())?,
            machine: usage::machine()?,
            received,
        })
    }
}

/// Waits until the bursts of the start are over.
pub(crate) async fn settle() {
    sleep(SETTLE).await;
}

/// From one moment to another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Steady {
    pub(crate) time: Duration,
    pub(crate) program: Duration,
    pub(crate) farm: Duration,
    pub(crate) bench: Duration,
    /// CPU time of everybody else on the machine.
    pub(crate) others: Duration,
    pub(crate) rss: u64,
    pub(crate) received: Received,
}

impl Steady {
    /// Waits for the time of a run; `look` tells what the program has used, and what has come out of it.
    pub(crate) async fn measure(
        world: &World,
        look: impl AsyncFn() -> anyhow::Result<(Usage, Received)>,
    ) -> anyhow::Result<Self> {
        let from = Sample::take(world, &look).await?;
        sleep_until(from.at + world.time()).await;
        let to = Sample::take(world, &look).await?;
        let program = to.program.cpu - from.program.cpu;
        let farm = to.farm.cpu - from.farm.cpu;
        let bench = to.bench.cpu - from.bench.cpu;
        let machine = to.machine.saturating_sub(from.machine);
        Ok(Self {
            time: to.at - from.at,
            program,
            farm,
            bench,
            others: machine.saturating_sub(program + farm + bench),
            rss: to.program.rss,
            received: Received {
                packets: to.received.packets - from.received.packets,
                bytes: to.received.bytes - from.received.bytes,
                frames: to.received.frames - from.received.frames,
                lost: to.received.lost - from.received.lost,
            },
        })
    }

    /// How many cores a CPU time was.
    pub(crate) fn cores(&self, cpu: Duration) -> f64 {
        cpu.as_secs_f64() / self.time.as_secs_f64()
    }

    /// Bits of payload in a second; none where nothing goes out.
    pub(crate) fn bits_per_second(&self) -> Option<f64> {
        let bits = self.received.bytes * 8;
        (bits > 0).then(|| bits as f64 / self.time.as_secs_f64())
    }
}

/// How long the gateway had frames, in seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Latency {
    /// Half of them no longer than this.
    pub(crate) p50: f64,
    /// All but a hundredth of them.
    pub(crate) p99: f64,
}

impl Latency {
    /// Reads it off; none where no frame went out.
    pub(crate) fn of(took: &Histogram) -> Option<Self> {
        Some(Self {
            p50: took.quantile(0.5)?,
            p99: took.quantile(0.99)?,
        })
    }
}

/// A program that has run.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) program: Program,
    /// What went out; what was pulled, where nobody looks.
    pub(crate) streams: usize,
    pub(crate) steady: Steady,
    /// Its memory before there were streams; none where that cannot be told.
    pub(crate) idle_rss: Option<u64>,
    /// Known of the gateway only.
    pub(crate) latency: Option<Latency>,
    /// Why it does not count; empty when it does.
    pub(crate) faults: Vec<String>,
}

impl Run {
    /// Cores of the program.
    pub(crate) fn cores(&self) -> f64 {
        self.steady.cores(self.steady.program)
    }

    /// Cores for each stream.
    pub(crate) fn cores_a_stream(&self) -> f64 {
        self.cores() / self.streams as f64
    }

    /// Cores for 10⁹ bits a second of cameras' frames that went out, if each camera gives so many.
    pub(crate) fn cores_per_gigabit(&self, camera_bits: f64) -> f64 {
        self.cores_a_stream() * 1e9 / camera_bits
    }

    /// Bytes of memory for each stream.
    pub(crate) fn rss_a_stream(&self) -> Option<u64> {
        let idle = self.idle_rss?;
        Some(self.steady.rss.saturating_sub(idle) / self.streams as u64)
    }

    /// Whether nothing was lost, and the rate is that of the clips.
    pub(crate) fn counts(&self) -> bool {
        self.faults.is_empty()
    }
}

/// What is wrong with a run, as it is found.
#[derive(Debug, Default)]
pub(crate) struct Faults(pub(crate) Vec<String>);

impl Faults {
    /// There must be none of these.
    pub(crate) fn none_of(&mut self, count: u64, what: &str) {
        if count > 0 {
            self.0.push(format!("{count} {what}"));
        }
    }

    /// There must be as much as the clips have, and at most this part more.
    pub(crate) fn within(&mut self, what: &str, seen: f64, clips: Bounds, overhead: f64) {
        let least = clips.least * (1.0 - TOLERANCE);
        let most = clips.most * (1.0 + TOLERANCE + overhead);
        if !(least..=most).contains(&seen) {
            self.0.push(format!(
                "{seen:.0} {what}, the clips have {:.0} to {:.0}",
                clips.least, clips.most
            ));
        }
    }
}

/// Reads how many of something a process says there were: "5 reads, 3 sends".
pub(crate) fn number(line: &str, unit: &str) -> anyhow::Result<u64> {
    let mut words = line.split(", ").filter_map(|part| part.split_once(' '));
    let found = words.find(|(_, what)| *what == unit);
    let (number, _) = found.with_context(|| format!("no {unit:?} in {line:?}"))?;
    Ok(number.parse()?)
}

/// More than a group of pictures: what the gateway's cache gave at the start has left.
const SETTLE: Duration = Duration::from_millis(1500);
/// A machine that is busy at the wrong moment moves some frames into the time, or out of it.
const TOLERANCE: f64 = 0.03;
