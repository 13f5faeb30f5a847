//! The charts of a growth, for the documentation.

use std::path::Path;

use huiju_sim::chart::{self, Chart, Line};

use super::Unit;
use super::curve::{Curve, MEBIBYTE, Point};

/// Writes `performance-streams.svg`, `performance-sessions.svg` and `performance-latency.svg`.
pub(super) fn write(folder: &Path, [small, large, sessions]: [&Curve; 3]) -> anyhow::Result<()> {
    let files = [
        (
            "performance-streams.svg",
            vec![cores(small), cores(large), memory(large)],
        ),
        ("performance-sessions.svg", vec![cores(sessions)]),
        (
            "performance-latency.svg",
            vec![latency(small), latency(large), latency(sessions)],
        ),
    ];
    for (name, mut charts) in files {
        // A size alone is no line.
        charts.retain(|chart| chart.lines.iter().all(|line| line.points.len() > 1));
        if !charts.is_empty() {
            chart::write(&folder.join(name), &charts)?;
        }
    }
    Ok(())
}

fn cores(curve: &Curve) -> Chart {
    let lines = vec![
        line(curve, "huiju", |point| Some(point.gateway.cores)),
        line(curve, "floor", |point| Some(point.floor.cores)),
    ];
    chart(curve, "处理器核", "cores", "", lines)
}

fn memory(curve: &Curve) -> Chart {
    let resident = |point: &Point| Some(point.gateway.rss / MEBIBYTE);
    let lines = vec![line(curve, "huiju", resident)];
    chart(curve, "常驻内存", "resident memory", "MiB", lines)
}

fn latency(curve: &Curve) -> Chart {
    let lines = vec![
        line(curve, "p50", |point| Some(point.gateway.p50? * 1e3)),
        line(curve, "p99", |point| Some(point.gateway.p99? * 1e3)),
    ];
    chart(curve, "转发延迟", "time in the gateway", "ms", lines)
}

fn chart(curve: &Curve, zh: &str, en: &str, y: &str, lines: Vec<Line>) -> Chart {
    let of = match curve.series.unit {
        Unit::Cameras => curve.series.video.to_string(),
        Unit::Sessions => format!("1 × {}", curve.series.video),
    };
    Chart {
        title: format!("{zh} · {en} ({of})"),
        x: curve.series.unit.name().to_owned(),
        y: y.to_owned(),
        lines,
    }
}

fn line(curve: &Curve, name: &str, value: impl Fn(&Point) -> Option<f64>) -> Line {
    let points = curve.points.iter();
    let points = points.filter_map(|point| Some((point.size as f64, value(point)?)));
    Line {
        name: name.to_owned(),
        points: points.collect(),
    }
}
