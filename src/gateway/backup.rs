//! The store in one file, and back.

use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::store;

/// Copies what must survive into `to`; a gateway may be at work with it.
///
/// # Errors
///
/// Why there is no copy.
pub fn back_up(config: &Config, to: &Path) -> Result<(), store::Error> {
    store::back_up(&config.gateway.data_dir, to)
}

/// Puts a copy in the place of what is there, and returns where that is now.
///
/// # Errors
///
/// Why nothing has changed: a gateway is at work with it, or the copy cannot be used.
pub fn restore(config: &Config, from: &Path) -> Result<Option<PathBuf>, store::Error> {
    store::restore(&config.gateway.data_dir, from)
}
