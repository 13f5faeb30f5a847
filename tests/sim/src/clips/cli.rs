//! `huiju-sim clips`: makes the clips, so that what needs them later finds them made.

#![expect(clippy::print_stdout, reason = "what a command finds goes to stdout")]

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};

use super::{ClipKind, prepare};

const HELP: &str = "usage: huiju-sim clips [--dir DIR] [NAME…]

Makes the test clips in DIR (target/clips), all of them unless named, and prints where each lies.";

/// Runs the command.
///
/// # Errors
/// On a wrong argument, and when a clip cannot be made.
pub async fn run(arguments: &[String]) -> anyhow::Result<ExitCode> {
    let mut dir = PathBuf::from("target/clips");
    let mut wanted: Vec<ClipKind> = Vec::new();
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--help" | "-h" => {
                println!("{HELP}");
                return Ok(ExitCode::SUCCESS);
            }
            "--dir" => dir = arguments.next().context("--dir needs a directory")?.into(),
            option if option.starts_with('-') => bail!("unknown option {option}\n{HELP}"),
            name => wanted.push(name.parse()?),
        }
    }
    if wanted.is_empty() {
        wanted.extend(ClipKind::ALL);
    }
    let clips = tokio::task::spawn_blocking(move || prepare(&dir, &wanted)).await??;
    for clip in clips {
        println!("{} {}", clip.kind(), clip.path().display());
    }
    Ok(ExitCode::SUCCESS)
}
