//! The one place that reads the wall clock; cores are given the time.

use std::time::SystemTime;

/// The wall clock now: for people, for the store and for platforms, never to measure with.
#[expect(clippy::disallowed_methods, reason = "the one place that reads it")]
pub fn wall_clock() -> SystemTime {
    SystemTime::now()
}
