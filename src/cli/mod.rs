//! The command line: one file a subcommand. Exit 0 done, 1 refused or failed, 2 wrong usage, 78 wrong
//! configuration.

mod cameras;
mod check;
mod client;
mod platforms;
mod run;
mod status;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{Config, DEFAULT_PATH};

/// huiju (汇聚): takes department cameras in by RTSP and republishes them by GB/T 28181.
#[derive(Debug, Parser)]
#[command(name = "huiju", version, about)]
pub struct Cli {
    /// The configuration file.
    #[arg(long, global = true, env = "HUIJU_CONFIG", default_value = DEFAULT_PATH)]
    config: PathBuf,
    /// Print JSON, as the API answers it.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway until it is told to stop.
    Run,
    /// Check configuration and inventory; nothing is started.
    Check,
    /// The running gateway in a few lines.
    Status,
    /// Cameras of the running gateway.
    #[command(subcommand)]
    Camera(CameraCommand),
    /// Platforms of the running gateway.
    #[command(subcommand)]
    Platform(PlatformCommand),
}

#[derive(Debug, Subcommand)]
enum CameraCommand {
    /// All cameras with their states.
    List(cameras::Filter),
}

#[derive(Debug, Subcommand)]
enum PlatformCommand {
    /// All platforms with their registrations.
    List,
}

impl Cli {
    /// Does what the command line says.
    pub async fn run(self) -> ExitCode {
        let config = match Config::load(&self.config) {
            Ok(config) => config,
            Err(problems) => return wrong_config(&problems),
        };
        match self.command {
            Command::Run => run::run(config).await,
            Command::Check => check::run(&config, self.json),
            Command::Status => status::run(&config, self.json).await,
            Command::Camera(CameraCommand::List(filter)) => {
                cameras::list(&config, &filter, self.json).await
            }
            Command::Platform(PlatformCommand::List) => platforms::list(&config, self.json).await,
        }
    }
}

/// Prints what is wrong with the configuration; sysexits' EX_CONFIG.
fn wrong_config(problems: &[crate::problem::Problem]) -> ExitCode {
    for problem in problems {
        complain(&problem.to_string());
    }
    ExitCode::from(78)
}

#[expect(clippy::print_stderr, reason = "a command's complaints")]
fn complain(text: &str) {
    eprintln!("{text}");
}

#[expect(clippy::print_stdout, reason = "a command's output")]
fn say(text: &str) {
    println!("{text}");
}
