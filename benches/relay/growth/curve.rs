//! A series that was measured.

use super::Series;
use crate::expected::Expected;
use crate::measured::{Program, Run};
use crate::parameters::Parameters;
use crate::report::Report;
use crate::rounds::{self, Outcome};
use crate::spread::Spread;

/// A series that was measured.
#[derive(Debug)]
pub(super) struct Curve {
    pub(super) series: Series,
    /// From the fewest to the most; a size none of whose runs count is left out.
    pub(super) points: Vec<Point>,
    pub(super) all_count: bool,
    /// What each camera gave; none where nothing was measured.
    pub(super) expected: Option<Expected>,
}

/// A size of a series.
#[derive(Clone, Copy, Debug)]
pub(super) struct Point {
    pub(super) size: usize,
    pub(super) gateway: Cost,
    pub(super) floor: Cost,
}

/// What a program costs at a size: medians of the rounds that count.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost {
    pub(super) cores: f64,
    pub(super) cores_per_gigabit: f64,
    /// Bytes.
    pub(super) rss: f64,
    /// Bytes; of the gateway only, as what follows.
    pub(super) rss_a_stream: Option<f64>,
    /// Seconds.
    pub(super) p50: Option<f64>,
    pub(super) p99: Option<f64>,
}

impl Curve {
    /// Measures the sizes that are not too large.
    pub(super) async fn measure(
        series: &Series,
        parameters: &Parameters,
        report: &mut Report,
    ) -> anyhow::Result<Self> {
        let mut curve = Self {
            series: *series,
            points: Vec::new(),
            all_count: true,
            expected: None,
        };
        let rounds = parameters.rounds.unwrap_or(ROUNDS);
        let sizes = series.sizes.iter().copied();
        for size in sizes.filter(|size| *size <= parameters.most) {
            let measured = rounds::measure(series.case(size), parameters.seconds, rounds, report);
            let outcome = Box::pin(measured).await?;
            curve.all_count &= outcome.counts();
            curve.points.extend(Point::of(size, &outcome));
            curve.expected = Some(outcome.expected);
        }
        Ok(curve)
    }

    /// The point of a size.
    pub(super) fn at(&self, size: usize) -> Option<&Point> {
        self.points.iter().find(|point| point.size == size)
    }

    /// Prints a table, in Markdown.
    pub(super) fn print(&self) {
        let Series {
            name, unit, video, ..
        } = self.series;
        println!("{name}, {video}");
        println!(
            "| {} | cores | floor's | ÷ floor | cores per Gbit/s | RSS, MiB | KiB a stream | p50, ms | p99, ms |",
            unit.name()
        );
        println!("|---|---|---|---|---|---|---|---|---|");
        for point in &self.points {
            point.print();
        }
        println!();
    }
}

impl Point {
    fn of(size: usize, outcome: &Outcome) -> Option<Self> {
        let camera_bits = outcome.expected.bits_per_second();
        let cost = |program| {
            let runs = outcome.runs();
            let runs = runs.filter(|run| run.program == program && run.counts());
            Cost::of(&runs.collect::<Vec<_>>(), camera_bits)
        };
        Some(Self {
            size,
            gateway: cost(Program::Gateway)?,
            floor: cost(Program::Floor)?,
        })
    }

    fn print(&self) {
        let Self {
            size,
            gateway,
            floor,
        } = self;
        let number = |value: Option<f64>, scale: f64, decimals: usize| {
            value.map_or_else(
                || "–".to_owned(),
                |value| format!("{:.decimals$}", value * scale),
            )
        };
        println!(
            "| {size} | {:.4} | {:.4} | {:.2} | {:.3} | {:.1} | {} | {} | {} |",
            gateway.cores,
            floor.cores,
            gateway.cores / floor.cores,
            gateway.cores_per_gigabit,
            gateway.rss / MEBIBYTE,
            number(gateway.rss_a_stream, 1.0 / 1024.0, 0),
            number(gateway.p50, 1e3, 3),
            number(gateway.p99, 1e3, 3),
        );
    }
}

impl Cost {
    fn of(runs: &[&Run], camera_bits: f64) -> Option<Self> {
        let median = |value: &dyn Fn(&Run) -> Option<f64>| {
            let values = runs.iter().filter_map(|run| value(run));
            Some(Spread::of(values.collect())?.median)
        };
        Some(Self {
            cores: median(&|run| Some(run.cores()))?,
            cores_per_gigabit: median(&|run| Some(run.cores_per_gigabit(camera_bits)))?,
            rss: median(&|run| Some(run.steady.rss as f64))?,
            rss_a_stream: median(&|run| Some(run.rss_a_stream()? as f64)),
            p50: median(&|run| Some(run.latency?.p50)),
            p99: median(&|run| Some(run.latency?.p99)),
        })
    }
}

/// How often each program runs when nothing else is said.
const ROUNDS: usize = 1;
pub(super) const MEBIBYTE: f64 = 1_048_576.0;
