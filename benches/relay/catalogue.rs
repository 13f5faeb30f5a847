//! `catalogue`: what cameras cost that are listed, shared with a platform, and looked at by nobody.
//!
//! Nothing is at their addresses, and the gateway asks nothing there. The platform is not there either: the tree of a
//! platform is made when it is told, and is not among the figures.

use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use anyhow::ensure;
use huiju_sim::chart::{self, Chart, Line};
use huiju_sim::farm::DEPARTMENTS;
use serde_json::json;
use tokio::time::Instant;

use crate::gateway::{Gateway, Setup};
use crate::measured;
use crate::parameters::Parameters;
use crate::queries;
use crate::report::Report;
use crate::spread::slope;

/// A catalogue that was started.
#[derive(Clone, Copy, Debug)]
struct Point {
    cameras: usize,
    /// Knowing nothing of them.
    first: Start,
    /// Their codes are in the store.
    again: Start,
}

/// A start of the gateway.
#[derive(Clone, Copy, Debug)]
struct Start {
    /// Until it says that it is ready.
    took: Duration,
    /// Bytes it has then.
    rss: u64,
}

/// Starts the gateway with more and more cameras; returns whether memory grows as it may, and questions are answered in
/// time.
pub(crate) async fn measure(parameters: &Parameters, report: &mut Report) -> anyhow::Result<bool> {
    println!("| cameras | question | p50, ms | p99, ms | 10 ms |");
    println!("|---|---|---|---|---|");
    let (mut points, mut are_quick) = (Vec::new(), true);
    for cameras in SIZES.into_iter().filter(|size| *size <= parameters.most) {
        let (point, is_quick) = Point::measure(cameras, report).await?;
        are_quick &= is_quick;
        points.push(point);
    }
    println!("\n| cameras | first start, s | RSS, MiB | start, s | RSS, MiB |");
    println!("|---|---|---|---|---|");
    for point in &points {
        point.write(report)?;
    }
    println!();
    if let Some(folder) = &parameters.charts {
        write_chart(folder, &points)?;
    }
    Ok(judge(&points, report)? && are_quick)
}

impl Point {
    /// Returns whether its questions are answered in time, too.
    async fn measure(cameras: usize, report: &mut Report) -> anyhow::Result<(Self, bool)> {
        let setup = Setup {
            inventory: inventory(cameras)?,
            network: NETWORK,
            port: PORT,
            pull: "on_demand",
            probe: "none",
            sessions: 1,
            burst: "32KiB",
        };
        let began = Instant::now();
        let (first, gateway) = Start::measure(began, Gateway::start(&setup)?, cameras).await?;
        gateway.stop().await?;
        let began = Instant::now();
        let (again, gateway) = Start::measure(began, Gateway::start_again()?, cameras).await?;
        let is_quick = queries::measure(cameras, report).await?;
        gateway.stop().await?;
        let point = Self {
            cameras,
            first,
            again,
        };
        Ok((point, is_quick))
    }

    /// The most memory it had after a start.
    fn rss(&self) -> f64 {
        self.first.rss.max(self.again.rss) as f64
    }

    fn write(&self, report: &mut Report) -> anyhow::Result<()> {
        let Self {
            cameras,
            first,
            again,
        } = self;
        println!(
            "| {cameras} | {:.2} | {:.1} | {:.2} | {:.1} |",
            first.took.as_secs_f64(),
            first.rss as f64 / MEBIBYTE,
            again.took.as_secs_f64(),
            again.rss as f64 / MEBIBYTE,
        );
        report.write(&json!({
            "case": "catalogue",
            "cameras": cameras,
            "first_start_seconds": first.took.as_secs_f64(),
            "first_rss": first.rss,
            "start_seconds": again.took.as_secs_f64(),
            "rss": again.rss,
        }))
    }
}

impl Start {
    async fn measure(
        began: Instant,
        mut gateway: Gateway,
        cameras: usize,
    ) -> anyhow::Result<(Self, Gateway)> {
        gateway.ready(READY_LIMIT).await?;
        let took = began.elapsed();
        measured::settle().await;
        let listed = gateway.cameras().await?;
        ensure!(
            listed == cameras as u64,
            "the gateway knows {listed} of {cameras} cameras"
        );
        let rss = gateway.usage()?.rss;
        Ok((Self { took, rss }, gateway))
    }
}

/// Cameras as departments list them.
fn inventory(cameras: usize) -> anyhow::Result<String> {
    let mut rows =
        "name,department,url,source_id,username,password,manufacturer,model,address,longitude,latitude,datum,civil_code\n"
            .to_owned();
    for n in 0..cameras {
        let department = DEPARTMENTS[n % DEPARTMENTS.len()].id;
        let host = Ipv4Addr::from_bits(FIRST_HOST.to_bits() + u32::try_from(n)?);
        let (east, north) = (n % 300, n / 300);
        writeln!(
            rows,
            "天元区第{n:06}号监控点,{department},rtsp://{host}:{PORT}/Streaming/Channels/101,point-{n:06},operator,\
             a-password-of-benches,Huiju,SIM-1,株洲市天元区第{n:06}号,{:.4},{:.4},wgs84,430211",
            113.05 + east as f64 * 0.0005,
            27.80 + north as f64 * 0.0005,
        )?;
    }
    Ok(rows)
}

/// Writes whether memory is within its limits.
fn judge(points: &[Point], report: &mut Report) -> anyhow::Result<bool> {
    let [least, .., most] = points else {
        anyhow::bail!("HUIJU_BENCH_MOST leaves out all but one catalogue: it must be 1000 or more");
    };
    let rise = slope(
        (least.cameras as f64, least.rss()),
        (most.cameras as f64, most.rss()),
    );
    let holds = |holds| if holds { "holds" } else { "does not hold" };
    let rises_little = rise <= CAMERA_BYTES_MAX;
    println!(
        "catalogue: {rise:.0} bytes a camera from {} to {}; {CAMERA_BYTES_MAX} at most, {}",
        least.cameras,
        most.cameras,
        holds(rises_little)
    );
    let fits = most.rss() <= RSS_MAX;
    println!(
        "catalogue: {:.1} MiB with {} cameras; {:.0} MiB at most, {}",
        most.rss() / MEBIBYTE,
        most.cameras,
        RSS_MAX / MEBIBYTE,
        holds(fits)
    );
    let start = most.first.took.max(most.again.took);
    let is_quick = start <= START_MAX;
    println!(
        "catalogue: {:.2} s to start with {} cameras; {START_MAX:?} at most, {}\n",
        start.as_secs_f64(),
        most.cameras,
        holds(is_quick)
    );
    report.write(&json!({
        "finding": "catalogue",
        "bytes_a_camera": rise,
        "bytes_a_camera_at_most": CAMERA_BYTES_MAX,
        "cameras": most.cameras,
        "rss": most.rss(),
        "rss_at_most": RSS_MAX,
        "start_seconds": start.as_secs_f64(),
        "start_seconds_at_most": START_MAX.as_secs_f64(),
        "holds": rises_little && fits && is_quick,
    }))?;
    Ok(rises_little && fits && is_quick)
}

/// Writes `performance-catalogue.svg`.
fn write_chart(folder: &Path, points: &[Point]) -> anyhow::Result<()> {
    let line = |name: &str, value: &dyn Fn(&Point) -> f64| Line {
        name: name.to_owned(),
        points: points
            .iter()
            .map(|point| (point.cameras as f64, value(point)))
            .collect(),
    };
    let chart = |title: &str, y: &str, lines| Chart {
        title: title.to_owned(),
        x: "cameras".to_owned(),
        y: y.to_owned(),
        lines,
    };
    let memory = vec![
        line("first start", &|point| point.first.rss as f64 / MEBIBYTE),
        line("start", &|point| point.again.rss as f64 / MEBIBYTE),
    ];
    let time = vec![
        line("first start", &|point| point.first.took.as_secs_f64()),
        line("start", &|point| point.again.took.as_secs_f64()),
    ];
    let charts = [
        chart(
            "目录：常驻内存 · resident memory of a catalogue",
            "MiB",
            memory,
        ),
        chart("目录：启动时间 · time to be ready", "s", time),
    ];
    chart::write(&folder.join("performance-catalogue.svg"), &charts)
}

const SIZES: [usize; 4] = [100, 1000, 10_000, 100_000];
/// For tests of networks (RFC 2544): nobody is there.
const NETWORK: &str = "198.18.0.0/15";
const FIRST_HOST: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);
const PORT: u16 = 554;
const READY_LIMIT: Duration = Duration::from_secs(300);
/// From the smallest catalogue to the largest.
const CAMERA_BYTES_MAX: f64 = 8192.0;
/// With 100,000 cameras; fewer must have less.
const RSS_MAX: f64 = 800.0 * MEBIBYTE;
/// With 100,000 cameras; fewer must take no longer.
const START_MAX: Duration = Duration::from_secs(3);
const MEBIBYTE: f64 = 1_048_576.0;
