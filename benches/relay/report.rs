//! The figures: a table on stdout, and the same as lines of JSON.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::cases::Case;
use crate::measured::{Program, Run};
use crate::spread::Spread;

/// The file of all cases.
#[derive(Debug)]
pub(crate) struct Report(File);

impl Report {
    /// Makes `bench/relay.jsonl` in cargo's target directory anew.
    pub(crate) fn create() -> anyhow::Result<Self> {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench");
        let path = folder.join("relay.jsonl");
        let file = std::fs::create_dir_all(&folder).and_then(|()| File::create(&path));
        Ok(Self(file.with_context(|| {
            format!("cannot write {}", path.display())
        })?))
    }

    /// Begins the table of a case, whose cameras give so many bits a second each.
    pub(crate) fn begin(&mut self, case: &Case, camera_bits: f64) -> anyhow::Result<Table<'_>> {
        println!("{}", case.describe());
        println!("{}", HEADER.join("  "));
        Ok(Table {
            report: self,
            case: *case,
            camera_bits,
        })
    }

    /// Writes a line of JSON.
    pub(crate) fn write(&mut self, line: &Value) -> anyhow::Result<()> {
        Ok(writeln!(self.0, "{line}")?)
    }
}

/// The table of a case.
#[derive(Debug)]
pub(crate) struct Table<'a> {
    report: &'a mut Report,
    case: Case,
    /// Bits a second of a camera's frames, by its clips: the same for all programs, whatever their containers add.
    camera_bits: f64,
}

impl Table<'_> {
    /// Writes a run.
    pub(crate) fn row(&mut self, round: usize, run: &Run) -> anyhow::Result<()> {
        let steady = &run.steady;
        let round = round + 1;
        let rss = run.rss_a_stream();
        let fields = [
            round.to_string(),
            run.program.name().to_owned(),
            run.streams.to_string(),
            or_dash(steady.bits_per_second(), |bits| {
                format!("{:.1}", bits / 1e6)
            }),
            steady.received.packets.to_string(),
            steady.received.lost.to_string(),
            format!("{:.4}", run.cores()),
            format!("{:.3}", run.cores_a_stream() * 1e3),
            format!("{:.3}", run.cores_per_gigabit(self.camera_bits)),
            format!("{:.1}", steady.rss as f64 / MEBIBYTE),
            or_dash(rss, |rss| (rss / 1024).to_string()),
            or_dash(run.latency, |latency| format!("{:.3}", latency.p50 * 1e3)),
            or_dash(run.latency, |latency| format!("{:.3}", latency.p99 * 1e3)),
            format!("{:.3}", steady.cores(steady.farm)),
            format!("{:.3}", steady.cores(steady.bench)),
            format!("{:.3}", steady.cores(steady.others)),
        ];
        let cells = HEADER.iter().zip(&fields);
        let cells = cells.map(|(header, field)| format!("{field:>width$}", width = header.len()));
        println!("{}", cells.collect::<Vec<_>>().join("  "));
        for fault in &run.faults {
            println!("does not count: {fault}");
        }
        self.report.write(&json!({
            "case": self.case.name,
            "round": round,
            "program": run.program.name(),
            "clip": self.case.video.name(),
            "cameras": self.case.cameras,
            "streams": run.streams,
            "seconds": steady.time.as_secs_f64(),
            "bits_per_second": steady.bits_per_second(),
            "packets": steady.received.packets,
            "lost": steady.received.lost,
            "cores": run.cores(),
            "cores_a_stream": run.cores_a_stream(),
            "cores_per_gigabit": run.cores_per_gigabit(self.camera_bits),
            "rss": steady.rss,
            "rss_a_stream": rss,
            "p50_seconds": run.latency.map(|latency| latency.p50),
            "p99_seconds": run.latency.map(|latency| latency.p99),
            "farm_cores": steady.cores(steady.farm),
            "bench_cores": steady.cores(steady.bench),
            "other_cores": steady.cores(steady.others),
            "faults": run.faults,
        }))
    }

    /// Writes how often the gateway costs a stream what another program does: at as many streams as the other has, and
    /// at all streams of the case, where the others are too many processes for the machine.
    pub(crate) fn ratios(&mut self, rounds: &[Vec<Run>]) -> anyhow::Result<()> {
        let all = self.case.streams(self.case.cameras);
        let peers = self.case.streams(self.case.peers);
        for (other, streams) in [
            (Program::Floor, all),
            (Program::Ffmpeg, peers),
            (Program::Gstreamer, peers),
        ] {
            self.ratio(rounds, other, streams, streams)?;
            if all != streams {
                self.ratio(rounds, other, all, streams)?;
            }
        }
        println!();
        Ok(())
    }

    fn ratio(
        &mut self,
        rounds: &[Vec<Run>],
        other: Program,
        streams: usize,
        others: usize,
    ) -> anyhow::Result<()> {
        let ratio = |runs: &Vec<Run>| {
            let gateway = cost(runs, Program::Gateway, streams)?;
            Some(gateway / cost(runs, other, others)?)
        };
        let Some(spread) = Spread::of(rounds.iter().filter_map(ratio).collect()) else {
            return Ok(());
        };
        let name = format!("gateway/{}", other.name());
        println!(
            "{name:<17} a stream, of {streams} and {others}: {:.2} ({:.2} to {:.2} in {} pairs)",
            spread.median, spread.least, spread.most, spread.count
        );
        self.report.write(&json!({
            "case": self.case.name,
            "ratio": name,
            "streams": streams,
            "streams_of_other": others,
            "median": spread.median,
            "least": spread.least,
            "most": spread.most,
            "pairs": spread.count,
        }))
    }
}

fn or_dash<T>(value: Option<T>, write: impl Fn(T) -> String) -> String {
    value.map_or_else(|| "-".to_owned(), write)
}

/// What a stream of a program costs, if its run with so many streams counts.
fn cost(runs: &[Run], program: Program, streams: usize) -> Option<f64> {
    let is_it = |run: &&Run| run.program == program && run.streams == streams && run.counts();
    Some(runs.iter().find(is_it)?.cores_a_stream())
}

/// As wide as their columns.
const HEADER: [&str; 16] = [
    "round",
    "  program",
    "streams",
    "Mbit/s",
    " packets",
    "lost",
    " cores",
    "mcores/stream",
    "cores/Gbit/s",
    "RSS MiB",
    "KiB/stream",
    " p50 ms",
    " p99 ms",
    "farm cores",
    "bench cores",
    "other cores",
];
const MEBIBYTE: f64 = 1_048_576.0;
