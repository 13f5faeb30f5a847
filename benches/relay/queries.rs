//! How long the gateway takes to say which cameras are where, to add one, and to take a spreadsheet over.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use huiju_sim::farm::DEPARTMENTS;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::time::Instant;

use crate::gateway::Gateway;
use crate::report::Report;

/// A kind of question, asked of many places.
struct Kind {
    name: &'static str,
    /// Path and body for a place in the catalogue, 0 … 1 to the east and to the north.
    question: fn(f64, f64) -> (String, Option<Value>),
}

const KINDS: [Kind; 5] = [
    Kind {
        name: "near, 500 m",
        question: |east, north| {
            let (longitude, latitude) = place(east, north);
            (format!("/api/v1/cameras?near={longitude},{latitude}"), None)
        },
    },
    Kind {
        name: "near, 5,000 m",
        question: |east, north| {
            let (longitude, latitude) = place(east, north);
            let path = format!("/api/v1/cameras?near={longitude},{latitude}&radius=5000");
            (path, None)
        },
    },
    Kind {
        name: "polygon of 1,000 positions",
        question: |east, north| {
            let (longitude, latitude) = place(east, north);
            let corner = |n: usize| {
                let turn = n as f64 / 999.0 * std::f64::consts::TAU;
                // A flower, so that its edge is long.
                let radius = 0.01 * (1.0 + 0.5 * (turn * 9.0).sin());
                json!([
                    longitude + radius * turn.cos(),
                    latitude + radius * turn.sin()
                ])
            };
            let mut ring: Vec<Value> = (0..999).map(corner).collect();
            ring.push(ring[0].clone());
            let body = json!({"type": "Polygon", "coordinates": [ring]});
            ("/api/v1/cameras/search".to_owned(), Some(body))
        },
    },
    Kind {
        name: "corridor of 1,000 positions",
        question: |east, north| {
            let (longitude, latitude) = place(east, north);
            let at = |n: usize| {
                let part = n as f64 / 1000.0;
                json!([
                    longitude + 0.05 * part,
                    latitude + 0.005 * (part * 40.0).sin()
                ])
            };
            let line: Vec<Value> = (0..1000).map(at).collect();
            let body = json!({"type": "LineString", "coordinates": line, "buffer": 50});
            ("/api/v1/cameras/search".to_owned(), Some(body))
        },
    },
    Kind {
        name: "page of a list",
        question: |_, _| ("/api/v1/cameras?limit=100&point_class=2".to_owned(), None),
    },
];

/// Asks each kind of question of many places, in rounds; returns whether the slowest hundredth of the middle round is
/// quick enough: another program that takes the processor for a moment spoils one round.
pub(crate) async fn measure(cameras: usize, report: &mut Report) -> anyhow::Result<bool> {
    let mut rounds = KINDS.each_ref().map(|_| Vec::new());
    for round in 0..ROUNDS {
        for (kind, rounds) in KINDS.iter().zip(&mut rounds) {
            rounds.push(kind.ask_round(round, cameras).await?);
        }
    }
    let mut all_hold = true;
    for (kind, mut rounds) in KINDS.iter().zip(rounds) {
        rounds.sort_by_key(|times| slow_of(times));
        let middle = rounds.swap_remove(ROUNDS / 2);
        all_hold &= judge(cameras, kind.name, middle, SLOW_MAX, report)?;
    }
    all_hold &= write(cameras, report).await?;
    all_hold &= import(cameras, report).await?;
    Ok(all_hold)
}

impl Kind {
    /// How long the questions of a round took, the quickest first.
    async fn ask_round(&self, round: usize, cameras: usize) -> anyhow::Result<Vec<Duration>> {
        let mut times = Vec::new();
        let mut found = 0;
        for n in round * QUESTIONS..(round + 1) * QUESTIONS {
            let part = |prime: usize| (n * prime % 997) as f64 / 997.0;
            let (path, body) = (self.question)(part(31), part(571));
            let body = body.map(|body| body.to_string());
            let began = Instant::now();
            let answer = ask(&path, body.as_deref(), "200").await?;
            times.push(began.elapsed());
            let page: Value = serde_json::from_str(&answer)?;
            found += page["items"].as_array().context("no items")?.len();
        }
        let is_empty = found == 0 && cameras >= LIMITED_FROM;
        ensure!(!is_empty, "{}: nothing was found", self.name);
        times.sort();
        Ok(times)
    }
}

/// What the slowest hundredth took at least; `times` are sorted.
fn slow_of(times: &[Duration]) -> Duration {
    times[times.len() * 99 / 100]
}

/// Adds cameras one by one: each is durable and found when it is answered.
async fn write(cameras: usize, report: &mut Report) -> anyhow::Result<bool> {
    let mut times = Vec::new();
    for n in 0..WRITES {
        let (longitude, latitude) = place(n as f64 / WRITES as f64, 0.5);
        let body = json!({
            "name": format!("新增{n}号"), "department": DEPARTMENTS[0].id, "source_id": format!("new-{cameras}-{n}"),
            "url": format!("rtsp://198.18.0.1:554/new/{n}"), "longitude": longitude, "latitude": latitude, "datum": "wgs84",
        });
        let began = Instant::now();
        ask("/api/v1/cameras", Some(&body.to_string()), "201").await?;
        times.push(began.elapsed());
    }
    judge(cameras, "a camera added", times, WRITE_MAX, report)
}

/// Looks at a sheet of 50,000 rows, of which all are new, and takes it over.
async fn import(cameras: usize, report: &mut Report) -> anyhow::Result<bool> {
    let mut sheet =
        "名称,所属部门,主码流地址,编号,用户名,密码,厂商,安装地址,经度,纬度,坐标系,朝向\n"
            .to_owned();
    for n in 0..ROWS {
        let (longitude, latitude) = place((n % 300) as f64 / 300.0, n as f64 / ROWS as f64);
        let (third, fourth) = (n >> 8, n & 255);
        writeln!(
            sheet,
            "第{n:06}号,{},rtsp://198.18.{third}.{fourth}:554/sheet,sheet-{cameras}-{n},admin,a-password-of-benches,海康威视,\
             株洲市天元区第{n:06}号,{longitude:.6},{latitude:.6},WGS84,朝东",
            DEPARTMENTS[n % DEPARTMENTS.len()].id
        )?;
    }
    let file = Gateway::folder()?.join("sheet.csv");
    std::fs::write(&file, sheet)?;
    let (began, mut times) = (Instant::now(), Vec::new());
    let planned =
        Gateway::command(&["import".as_ref(), file.as_os_str(), "--json".as_ref()]).await?;
    times.push(began.elapsed());
    let planned: Value = serde_json::from_str(&planned)?;
    ensure!(
        planned["summary"]["add"] == ROWS,
        "not all rows are new: {}",
        planned["summary"]
    );
    let id = planned["id"].to_string();
    Gateway::command(&["import".as_ref(), "apply".as_ref(), id.as_ref()]).await?;
    times.push(began.elapsed());
    judge(
        cameras,
        "50,000 rows looked at and taken over",
        times,
        IMPORT_MAX,
        report,
    )
}

/// Writes how long something took; returns whether the slowest hundredth is within the limit, where it holds.
fn judge(
    cameras: usize,
    what: &str,
    mut times: Vec<Duration>,
    limit: Duration,
    report: &mut Report,
) -> anyhow::Result<bool> {
    times.sort();
    let (median, slow) = (times[times.len() / 2], slow_of(&times));
    let holds = slow <= limit;
    let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
    println!(
        "| {cameras} | {what} | {:.2} | {:.2} | {} |",
        milliseconds(median),
        milliseconds(slow),
        if holds { "holds" } else { "does not hold" },
    );
    report.write(&json!({
        "case": "queries",
        "cameras": cameras,
        "query": what,
        "p50_seconds": median.as_secs_f64(),
        "p99_seconds": slow.as_secs_f64(),
        "holds": holds,
    }))?;
    Ok(holds || cameras < LIMITED_FROM)
}

/// Longitude and latitude of a place in the middle of the catalogue of `catalogue::inventory`.
fn place(east: f64, north: f64) -> (f64, f64) {
    (113.06 + 0.07 * east, 27.81 + 0.14 * north)
}

/// The answer at the admin socket, which must have that status.
async fn ask(path: &str, body: Option<&str>, status: &str) -> anyhow::Result<String> {
    let mut stream = UnixStream::connect(Gateway::admin_socket()?).await?;
    let method = if body.is_some() { "POST" } else { "GET" };
    let body = body.unwrap_or_default();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: huiju\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let is_it = answer.starts_with(&format!("HTTP/1.1 {status}"));
    ensure!(is_it, "{path}: {answer}");
    let (_, body) = answer.split_once("\r\n\r\n").context("no body")?;
    Ok(body.to_owned())
}

const ROUNDS: usize = 3;
/// In a round.
const QUESTIONS: usize = 300;
const WRITES: usize = 100;
const ROWS: usize = 50_000;
/// With fewer cameras it is measured, and no limit is set.
const LIMITED_FROM: usize = 100_000;
/// With 100,000 cameras; the connection and the reading of the answer are in it.
const SLOW_MAX: Duration = Duration::from_millis(10);
const WRITE_MAX: Duration = Duration::from_millis(50);
/// With 100,000 cameras besides.
const IMPORT_MAX: Duration = Duration::from_secs(10);
