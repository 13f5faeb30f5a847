//! What a megabyte from a camera costs inside the gateway, in instructions.
//!
//! The way of a frame ([`relay`]) runs in one thread under valgrind's callgrind, which counts instructions whatever the
//! machine does meanwhile. A short and a long run are compared, so that the start is not counted. The kernel's part is
//! not in it; `benches/relay` measures that.
//!
//! `cargo bench --bench path` holds the figures to `benches/path/instructions.json` within 5 %; `-- record` writes it.
//! Copying is done by the variant of glibc that every x86-64 processor has, so that the count is the same on all.

#![expect(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a bench prints its figures"
)]

mod budget;
mod camera;
mod relay;

use std::collections::BTreeMap;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, ensure};

use crate::relay::{CASES, Case, Relay};

/// That of the daemon.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["run", case, frames] => run(case, frames),
        // `cargo test --benches` runs it without this.
        _ if !words.iter().any(|word| word == "--bench") => Ok(true),
        _ => measure(),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("path: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// What is counted.
fn run(case: &str, frames: &str) -> anyhow::Result<bool> {
    let (read, sent) = Relay::new(&Case::named(case)?).run(frames.parse()?)?;
    println!("{read} bytes read, {sent} bytes sent");
    Ok(true)
}

fn measure() -> anyhow::Result<bool> {
    let mut figures = BTreeMap::new();
    for case in CASES {
        let (short, short_bytes) = count(&case, SHORT_FRAMES)?;
        let (long, long_bytes) = count(&case, LONG_FRAMES)?;
        let megabytes = (long_bytes - short_bytes) / 1e6;
        let figure = ((long - short) / megabytes).round();
        figures.insert(
            case.name.to_owned(),
            BTreeMap::from([("instructions per megabyte".to_owned(), figure)]),
        );
    }
    budget::settle("instructions.json", &figures, TOLERANCE)
}

/// Returns how many instructions a run has, and how many bytes it reads.
fn count(case: &Case, frames: u32) -> anyhow::Result<(f64, f64)> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args(["run", case.name, &frames.to_string()])
        .env("GLIBC_TUNABLES", PLAIN_COPIES)
        .output()
        .context("valgrind, which Debian has in the package of that name")?;
    let (out, log) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    ensure!(output.status.success(), "{out}{log}");
    let number = |text: &str, before: &str| -> anyhow::Result<f64> {
        let at = text.find(before).with_context(|| text.to_owned())?;
        let digits = text[at + before.len()..].split_whitespace().next();
        Ok(digits.unwrap_or_default().parse()?)
    };
    Ok((number(&log, "Collected :")?, number(&out, "")?))
}

/// Whole groups of pictures, and so many that what the allocator does by its own clock does not show.
const SHORT_FRAMES: u32 = 250;
const LONG_FRAMES: u32 = 2250;
const TOLERANCE: f64 = 0.05;
const PLAIN_COPIES: &str = "glibc.cpu.hwcaps=-AVX_Fast_Unaligned_Load,-AVX2,-AVX2_Usable,-AVX512F,-AVX512VL,-AVX512BW,-ERMS,-FSRM";
