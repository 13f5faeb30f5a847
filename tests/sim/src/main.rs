//! `huiju-sim`: starts the cameras or the upper platform of the tests, or a relay of bytes, as a process of its own.

#![expect(clippy::print_stderr, reason = "a command complains there")]

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next().unwrap_or_default();
    let rest: Vec<String> = arguments.collect();
    let outcome = match command.as_str() {
        "clips" | "farm" | "platform" => serve(&command, &rest),
        // Without a runtime: its threads would count.
        "floor" => huiju_sim::floor::cli::run(&rest),
        _ => {
            eprintln!("usage: huiju-sim clips|farm|floor|platform [--help]");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("huiju-sim {command}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn serve(command: &str, rest: &[String]) -> anyhow::Result<ExitCode> {
    match command {
        "clips" => huiju_sim::clips::cli::run(rest).await,
        "farm" => huiju_sim::farm::cli::run(rest).await,
        _ => huiju_sim::platform::cli::run(rest).await,
    }
}
