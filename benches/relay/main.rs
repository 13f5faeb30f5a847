//! What relaying costs the gateway, beside what it costs at least and what it costs others.
//!
//! Each program is a process of its own and gets the same cameras from one farm; the receivers are in this process and
//! only count. The programs run by turns: the gateway; the floor, which reads the same bytes and sends as many; FFmpeg
//! and GStreamer, which make a transport stream of them. Only a program's own CPU time counts. A figure counts only
//! when nothing was lost and the rate is that of the clips. Cameras send on beats of their own, so that all programs get
//! their frames equally scattered.
//!
//! ```text
//! huiju-sim farm ──RTSP──▶ huiju run ──────────PS over RTP──▶ Platform (here)
//!                ──RTSP──▶ huiju-sim floor ───────bytes──────▶ Receivers (here)
//!                ──RTSP──▶ ffmpeg, gst-launch ─TS over RTP──▶ Receivers (here)
//! ```
//!
//! `cargo bench --bench relay -- 200x4m fanout` measures these cases; [`parameters`] lists what can be changed.
//! `-- growth` measures how the cost grows with cameras and sessions, `-- sessions` the latter alone, `-- catalogue` what
//! cameras cost that are only listed.
//!
//! | column | what |
//! |---|---|
//! | Mbit/s | payload at the receivers: the program stream, the transport stream, or the floor's bytes |
//! | cores | CPU time of the program, user and system, in a second |
//! | cores/Gbit/s | cores for 10⁹ bits a second of the cameras' frames, containers left out, once for each stream |
//! | KiB/stream | memory of the gateway beyond what it had before the invites |
//! | p50, p99 ms | how long the gateway had a frame, from its last byte to its last packet, interpolated between buckets |
//! | other cores | what the rest of the machine did meanwhile; a quiet machine is near 0 |

#![expect(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a bench prints its figures"
)]

mod cases;
mod catalogue;
mod expected;
mod farm;
mod floor;
mod gateway;
mod growth;
mod measured;
mod parameters;
mod peers;
mod processes;
mod queries;
mod receivers;
mod relayed;
mod report;
mod rounds;
mod spread;
mod usage;
mod world;

use std::process::ExitCode;

use crate::parameters::{Parameters, Task};
use crate::report::Report;

#[tokio::main]
async fn main() -> ExitCode {
    // As every bench does: `cargo test --benches` runs it without this.
    if !std::env::args().any(|argument| argument == "--bench") {
        println!("relay measures under `cargo bench` only");
        return ExitCode::SUCCESS;
    }
    let parameters = match Parameters::read() {
        Ok(parameters) => parameters,
        Err(error) => {
            eprintln!("relay: {error:#}");
            return ExitCode::from(2);
        }
    };
    match Box::pin(run(&parameters)).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("relay: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Measures all that is asked for; returns whether every run counts, and what must hold does.
async fn run(parameters: &Parameters) -> anyhow::Result<bool> {
    let mut report = Report::create()?;
    let mut all_count = true;
    for task in &parameters.tasks {
        all_count &= match task {
            Task::Case(case) => {
                let rounds = parameters.rounds.unwrap_or(ROUNDS);
                let outcome = rounds::measure(*case, parameters.seconds, rounds, &mut report);
                Box::pin(outcome).await?.counts()
            }
            Task::Growth => Box::pin(growth::measure(parameters, &mut report)).await?,
            Task::Sessions => growth::measure_sessions(parameters, &mut report).await?,
            Task::Catalogue => Box::pin(catalogue::measure(parameters, &mut report)).await?,
        };
    }
    Ok(all_count)
}

/// How often each program runs in a case.
const ROUNDS: usize = 5;
