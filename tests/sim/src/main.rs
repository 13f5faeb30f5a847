//! `huiju-sim`: starts the cameras or the upper platform of the tests as a process of its own.

#![expect(clippy::print_stderr, reason = "a command complains there")]

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next().unwrap_or_default();
    let rest: Vec<String> = arguments.collect();
    let outcome = match command.as_str() {
        "clips" => huiju_sim::clips::cli::run(&rest).await,
        "farm" => huiju_sim::farm::cli::run(&rest).await,
        "platform" => huiju_sim::platform::cli::run(&rest).await,
        _ => {
            eprintln!("usage: huiju-sim clips|farm|platform [--help]");
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
