//! Reads the command line and does what it says.

use std::process::ExitCode;

use clap::Parser;
use huiju::cli::Cli;

#[tokio::main]
async fn main() -> ExitCode {
    Cli::parse().run().await
}
