//! What the allocator is asked for a frame, once a camera has been relayed for a while.
//!
//! `cargo bench --bench allocations` holds the counts to `benches/path/allocations.json`; `-- record` writes it.

#![expect(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a bench prints its figures"
)]

mod budget;
mod camera;
mod relay;

use std::collections::BTreeMap;
use std::process::ExitCode;

use crate::relay::{CASES, Case, Relay};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

fn main() -> ExitCode {
    // As every bench does: `cargo test --benches` runs it without this.
    if !std::env::args().any(|argument| argument == "--bench") {
        return ExitCode::SUCCESS;
    }
    match measure() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("allocations: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn measure() -> anyhow::Result<bool> {
    let mut figures = BTreeMap::new();
    for case in CASES {
        let case = Case::named(case.name)?;
        let mut relay = Relay::new(&case);
        relay.run(FRAMES)?;
        let _profiler = dhat::Profiler::builder().testing().build();
        let before = dhat::HeapStats::get();
        let (read, _) = relay.run(FRAMES)?;
        let after = dhat::HeapStats::get();
        let blocks = (after.total_blocks - before.total_blocks) as f64;
        let bytes = (after.total_bytes - before.total_bytes) as f64;
        figures.insert(
            case.name.to_owned(),
            BTreeMap::from([
                (
                    "allocations per frame".to_owned(),
                    rounded(blocks / f64::from(FRAMES)),
                ),
                (
                    "bytes allocated per byte read".to_owned(),
                    rounded(bytes / read as f64),
                ),
            ]),
        );
    }
    budget::settle("allocations.json", &figures, TOLERANCE)
}

fn rounded(figure: f64) -> f64 {
    (figure * 1000.0).round() / 1000.0
}

/// Whole groups of pictures.
const FRAMES: u32 = 250;
/// The counts are the same in every run; this is for their last digit.
const TOLERANCE: f64 = 0.001;
