//! `huiju run`.

use std::path::PathBuf;
use std::process::ExitCode;

use tracing_subscriber::EnvFilter;

use super::complain;
use crate::config::Config;
use crate::gateway;

/// Runs the gateway; logs go to standard error, levels by `RUST_LOG`.
pub(super) async fn run(path: PathBuf, config: Config) -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
    match gateway::run(path, config).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error @ gateway::Error::Problems(_)) => {
            complain(&error.to_string());
            ExitCode::from(78)
        }
        Err(error) => {
            complain(&format!("huiju: {error}"));
            ExitCode::FAILURE
        }
    }
}
