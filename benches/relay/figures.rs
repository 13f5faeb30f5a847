//! What was measured, what it comes to, and whether it counts.

use std::fmt;
use std::time::Duration;

use huiju_sim::clips::{self, CLOCK, Clip, Codec};
use huiju_sim::platform::{Media, Stats};
use tokio::time::Instant;

use crate::parameters::Parameters;
use crate::parts::{self, Counters};
use crate::usage::Usage;

/// What the receivers have counted, all together.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    packets: u64,
    bytes: u64,
    frames: u64,
    lost: u64,
    reordered: u64,
    violations: u64,
}

impl Totals {
    /// Adds a session.
    pub(crate) fn add(&mut self, stats: &Stats) {
        self.packets += stats.packets;
        self.bytes += stats.bytes;
        self.frames += stats.frames;
        self.lost += stats.lost;
        self.reordered += stats.reordered;
        self.violations += stats.violations;
    }

    /// Bits of RTP payload: the program stream, and nothing of RTP.
    fn payload_bits(&self) -> u64 {
        (self.bytes - RTP_HEADER_BYTES * self.packets) * 8
    }
}

/// The state at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) at: Instant,
    pub(crate) gateway: Usage,
    pub(crate) farm: Usage,
    pub(crate) platform: Usage,
    pub(crate) totals: Totals,
}

/// What arrived from the first INVITE to the last BYE.
#[derive(Debug, Default)]
pub(crate) struct Whole {
    pub(crate) totals: Totals,
    pub(crate) violations: Vec<String>,
}

/// What a camera gives in a second, by its clips.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Expected {
    frames: f64,
    payload_bits: f64,
    /// The largest frame: whether one lies just inside the time or just outside is chance.
    frame_bits_max: f64,
}

impl Expected {
    /// Reads the clips, which are made where they are missing.
    pub(crate) async fn of(parameters: &Parameters) -> anyhow::Result<Self> {
        let wanted: Vec<_> = std::iter::once(parameters.video)
            .chain(parameters.audio)
            .collect();
        let clips =
            tokio::task::spawn_blocking(move || clips::prepare(&parts::clips(), &wanted)).await??;
        let mut sum = Self::default();
        for clip in &clips {
            let (frames, bytes) = frames_and_bytes(clip);
            let per_second = CLOCK as f64 / clip.period() as f64;
            sum.frames += frames as f64 * per_second;
            sum.payload_bits += (bytes * 8) as f64 * per_second;
            sum.frame_bits_max = sum.frame_bits_max.max(largest(clip) as f64 * 8.0);
        }
        Ok(sum)
    }
}

/// Frames of a clip, and the bytes of their packs (ISO/IEC 13818-1 §2.5.3, §2.4.3.6) as far as they do not depend
/// on the muxer's choices.
fn frames_and_bytes(clip: &Clip) -> (usize, usize) {
    let per_nal = match clip.codec() {
        Codec::H264 | Codec::H265 => START_CODE_BYTES,
        Codec::Aac => ADTS_BYTES,
        Codec::G711A | Codec::G711U => 0,
    };
    let nals = clip.units().iter().flat_map(|unit| &unit.nals);
    let bytes: usize = nals.map(|nal| per_nal + nal.len()).sum();
    let frames = clip.units().len();
    (frames, bytes + frames * (PACK_HEADER_BYTES + PES_BYTES))
}

/// Bytes of the largest frame of a clip.
fn largest(clip: &Clip) -> usize {
    let frames = clip
        .units()
        .iter()
        .map(|unit| unit.nals.iter().map(|nal| nal.len()).sum());
    frames.max().unwrap_or_default()
}

/// Everything that was measured.
#[derive(Debug)]
pub(crate) struct Figures {
    pub(crate) parameters: Parameters,
    pub(crate) expected: Expected,
    /// The gateway's memory before the invites, in bytes.
    pub(crate) idle_rss: u64,
    /// At the start of the steady part, and at the end of each window.
    pub(crate) samples: Vec<Sample>,
    pub(crate) whole: Whole,
    pub(crate) counters: Counters,
    pub(crate) frames_left_out: u64,
}

/// The steady part or a window of it.
#[derive(Clone, Copy, Debug)]
struct Span {
    time: Duration,
    gateway: Duration,
    farm: Duration,
    platform: Duration,
    rss: u64,
    payload_bits: u64,
    frames: u64,
    packets: u64,
    lost: u64,
}

impl Span {
    fn between(from: &Sample, to: &Sample) -> Self {
        Self {
            time: to.at - from.at,
            gateway: to.gateway.cpu - from.gateway.cpu,
            farm: to.farm.cpu - from.farm.cpu,
            platform: to.platform.cpu - from.platform.cpu,
            rss: to.gateway.rss,
            payload_bits: to.totals.payload_bits() - from.totals.payload_bits(),
            frames: to.totals.frames - from.totals.frames,
            packets: to.totals.packets - from.totals.packets,
            lost: to.totals.lost - from.totals.lost,
        }
    }

    fn bits_per_second(&self) -> f64 {
        self.payload_bits as f64 / self.time.as_secs_f64()
    }

    fn cores(&self, cpu: Duration) -> f64 {
        cpu.as_secs_f64() / self.time.as_secs_f64()
    }

    /// CPU seconds of the gateway for 10⁹ bits relayed, which is cores per Gbit/s.
    fn cores_per_gigabit(&self) -> f64 {
        self.gateway.as_secs_f64() * 1e9 / self.payload_bits.max(1) as f64
    }

    fn row(&self, name: &str) -> String {
        format!(
            "{name:<6} {:>8.1} {:>9} {:>5} {:>8.3} {:>13.3} {:>8.1} {:>11.3} {:>15.3}\n",
            self.bits_per_second() / 1e6,
            self.packets,
            self.lost,
            self.cores(self.gateway),
            self.cores_per_gigabit(),
            self.rss as f64 / MEBIBYTE,
            self.cores(self.farm),
            self.cores(self.platform),
        )
    }
}

impl Figures {
    fn windows(&self) -> Vec<Span> {
        let pairs = self.samples.windows(2);
        pairs
            .map(|pair| Span::between(&pair[0], &pair[1]))
            .collect()
    }

    fn steady(&self) -> Option<Span> {
        Some(Span::between(self.samples.first()?, self.samples.last()?))
    }

    fn rss_a_stream(&self) -> u64 {
        let most = self.samples.iter().map(|sample| sample.gateway.rss).max();
        most.unwrap_or_default().saturating_sub(self.idle_rss) / self.parameters.cameras as u64
    }

    /// Bytes that the gateway sent by its own count and nobody got, those of TCP's lengths left out.
    fn bytes_missing(&self) -> u64 {
        let prefixes = match self.parameters.transport {
            Media::Udp => 0,
            Media::TcpPassive | Media::TcpActive => LENGTH_BYTES * self.whole.totals.packets,
        };
        // A frame that a BYE cut off may have arrived without being counted.
        let arrived = self.whole.totals.bytes + prefixes;
        self.counters.bytes_sent.saturating_sub(arrived)
    }

    /// Why the figures do not count; empty when they do.
    pub(crate) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut none_of = |count: u64, what: &str| {
            if count > 0 {
                faults.push(format!("{count} {what}"));
            }
        };
        none_of(self.whole.totals.lost, "packets lost on the way");
        none_of(self.whole.totals.reordered, "packets late or twice");
        none_of(self.bytes_missing(), "bytes sent that did not arrive");
        none_of(
            self.counters.frames_dropped,
            "frames dropped by the gateway",
        );
        none_of(
            self.counters.source_packets_lost,
            "packets of cameras missing at the gateway",
        );
        none_of(self.frames_left_out, "frames left out by the cameras");
        none_of(self.whole.totals.violations, "rules of RTP broken");
        faults.extend(self.whole.violations.first().cloned());
        if let Some(steady) = self.steady() {
            faults.extend(self.wrong_rate(&steady));
        }
        faults
    }

    fn wrong_rate(&self, steady: &Span) -> Vec<String> {
        let seconds = steady.time.as_secs_f64();
        let expected = &self.expected;
        let rates = [
            ("frames", steady.frames as f64, expected.frames, 1.0),
            (
                "bits",
                steady.payload_bits as f64,
                expected.payload_bits,
                expected.frame_bits_max,
            ),
        ];
        let mut faults = Vec::new();
        for (what, seen, a_second, at_the_edge) in rates {
            let wanted = a_second * seconds;
            let ratio = seen / self.parameters.cameras as f64 / wanted;
            if (ratio - 1.0).abs() > RATE_TOLERANCE + at_the_edge / wanted {
                faults.push(format!("{ratio:.3} of the {what} that the clips have"));
            }
        }
        faults
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parameters = &self.parameters;
        let audio = parameters.audio.map(|audio| format!(" and {audio}"));
        writeln!(
            f,
            "{} cameras of {}{}, one PS session each over {}; bits are those of RTP payload at the receiver",
            parameters.cameras,
            parameters.video,
            audio.unwrap_or_default(),
            parameters.transport.name(),
        )?;
        writeln!(
            f,
            "window   Mbit/s   packets  lost    cores  cores/Gbit/s  RSS MiB  farm cores  platform cores"
        )?;
        let windows = self.windows();
        for (n, window) in windows.iter().enumerate() {
            f.write_str(&window.row(&(n + 1).to_string()))?;
        }
        let Some(steady) = self.steady() else {
            return Ok(());
        };
        f.write_str(&steady.row("all"))?;
        let costs = windows.iter().map(Span::cores_per_gigabit);
        let (least, most) = costs.fold((f64::MAX, 0.0_f64), |(least, most), cost| {
            (least.min(cost), most.max(cost))
        });
        let whole = &self.whole.totals;
        writeln!(
            f,
            "cores per Gbit/s: {:.3} ({least:.3} to {most:.3} in {} windows of {:?}, spread {:.1} %)",
            steady.cores_per_gigabit(),
            windows.len(),
            parameters.window(),
            (most - least) / steady.cores_per_gigabit() * 100.0,
        )?;
        writeln!(
            f,
            "RSS a stream: {:.0} KiB ({:.1} MiB before the invites)",
            self.rss_a_stream() as f64 / 1024.0,
            self.idle_rss as f64 / MEBIBYTE,
        )?;
        writeln!(
            f,
            "packets from INVITE to BYE: {} sent, {} received, {} lost",
            whole.packets + whole.lost,
            whole.packets,
            whole.lost,
        )
    }
}

const RTP_HEADER_BYTES: u64 = 12;
/// RFC 4571: before each packet on TCP.
const LENGTH_BYTES: u64 = 2;
const START_CODE_BYTES: usize = 4;
const ADTS_BYTES: usize = 7;
const PACK_HEADER_BYTES: usize = 14;
/// A header with a PTS alone.
const PES_BYTES: usize = 14;
const MEBIBYTE: f64 = 1_048_576.0;
/// System headers, stream maps, and further PES headers of large frames.
const RATE_TOLERANCE: f64 = 0.03;
