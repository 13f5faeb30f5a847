//! Starts at even intervals, so many a second. Pure.

use std::time::{Duration, Instant};

/// When the next start may be.
#[derive(Debug)]
pub(super) struct Pace {
    interval: Duration,
    next: Option<Instant>,
}

impl Pace {
    /// So many starts a second; at least one in ten seconds.
    pub(super) fn new(per_second: f64) -> Self {
        Self {
            interval: interval(per_second),
            next: None,
        }
    }

    /// Changes the rate from the next start on.
    pub(super) fn set(&mut self, per_second: f64) {
        self.interval = interval(per_second);
    }

    /// When the next start may be; in the past where it may be now.
    pub(super) fn ready_at(&self, now: Instant) -> Instant {
        self.next.unwrap_or(now)
    }

    /// Notes a start.
    pub(super) fn start(&mut self, now: Instant) {
        self.next = Some(now + self.interval);
    }

    /// Takes back the start of this moment.
    pub(super) fn undo(&mut self, now: Instant) {
        self.next = Some(now);
    }
}

fn interval(per_second: f64) -> Duration {
    Duration::from_secs_f64(1.0 / per_second.max(0.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_never_more_starts_in_a_second_than_the_rate() {
        let mut pace = Pace::new(50.0);
        let begin = start();
        let mut now = begin;
        let mut starts = Vec::new();
        for wait in 0..200u32 {
            // A caller that comes late does not make up for it in a burst.
            now = pace
                .ready_at(now)
                .max(now + Duration::from_millis(u64::from(wait % 7)));
            pace.start(now);
            starts.push(now);
        }
        for (number, first) in starts.iter().enumerate() {
            let within = starts[number..]
                .iter()
                .take_while(|at| **at < *first + Duration::from_secs(1));
            assert!(within.count() <= 50);
        }
        assert!(*starts.last().unwrap() < begin + Duration::from_secs(6));
    }

    #[expect(clippy::disallowed_methods, reason = "any instant will do")]
    fn start() -> Instant {
        Instant::now()
    }
}
