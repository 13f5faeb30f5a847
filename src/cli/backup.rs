//! `huiju backup` and `huiju restore`: what must survive, in one file.

use std::path::Path;
use std::process::ExitCode;

use super::{complain, fail, say};
use crate::config::Config;
use crate::gateway;

/// Copies the store; the daemon may run meanwhile.
pub(super) fn back_up(config: &Config, to: &Path) -> ExitCode {
    match gateway::back_up(config, to) {
        Ok(()) => {
            say(&format!("{}: ids, codes and states", to.display()));
            ExitCode::SUCCESS
        }
        Err(error) => fail(&format!("no backup was made: {error}")),
    }
}

/// Puts a backup in the place of the store; the daemon must not run.
pub(super) fn restore(config: &Config, from: &Path) -> ExitCode {
    match gateway::restore(config, from) {
        Ok(former) => {
            say("restored");
            if let Some(former) = former {
                complain(&format!("what was there before is {}", former.display()));
            }
            ExitCode::SUCCESS
        }
        Err(error) => fail(&format!("nothing was restored: {error}")),
    }
}
