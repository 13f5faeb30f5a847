//! When connections came, for a test to judge how often a client tries.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

/// Times that are kept; older ones are forgotten.
const ARRIVALS_MAX: usize = 10_000;

/// The times of the last connections.
#[derive(Debug, Default)]
pub(super) struct Arrivals(Mutex<VecDeque<Instant>>);

impl Arrivals {
    pub(super) fn push(&self, time: Instant) {
        let mut times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if times.len() == ARRIVALS_MAX {
            times.pop_front();
        }
        times.push_back(time);
    }

    /// Returns the times, oldest first.
    pub(super) fn times(&self) -> Vec<Instant> {
        let times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        times.iter().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_oldest_times_are_forgotten() {
        let arrivals = Arrivals::default();
        let start = Instant::now();
        for n in 0..ARRIVALS_MAX as u64 + 2 {
            arrivals.push(start + Duration::from_millis(n));
        }
        let times = arrivals.times();
        assert_eq!(times.len(), ARRIVALS_MAX);
        assert_eq!(times[0], start + Duration::from_millis(2));
    }
}
