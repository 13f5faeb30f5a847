//! Reads the command line and does what it says.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use huiju::cli::Cli;
use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return huiju::cli::fail(&format!("huiju: no runtime: {error}")),
    };
    let code = runtime.block_on(cli.run());
    // A name that is still looked up must not hold the exit.
    runtime.shutdown_timeout(Duration::from_millis(500));
    code
}
