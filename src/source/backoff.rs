//! How long to wait before the next try: full jitter, reset only after good media. Pure.

use std::time::{Duration, Instant};

/// The waits between the tries of one camera.
#[derive(Debug, Default)]
pub struct Backoff {
    failures: u32,
    down_since: Option<Instant>,
    good_since: Option<Instant>,
}

impl Backoff {
    /// Notes that media comes.
    pub fn handle_media(&mut self, now: Instant) {
        let since = *self.good_since.get_or_insert(now);
        if now.duration_since(since) >= GOOD_AFTER {
            self.failures = 0;
            self.down_since = None;
        }
    }

    /// Notes a failure and returns how long to wait; `jitter` is drawn from 0 … 1.
    pub fn handle_failure(&mut self, now: Instant, jitter: f64) -> Duration {
        self.good_since = None;
        let down_since = *self.down_since.get_or_insert(now);
        let ceiling = FIRST * 2u32.saturating_pow(self.failures.min(10));
        let longest = if now.duration_since(down_since) >= LONG_DOWN {
            LONGEST_WHEN_DOWN
        } else {
            LONGEST
        };
        self.failures = self.failures.saturating_add(1);
        ceiling.min(longest).mul_f64(jitter)
    }
}

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);
/// A camera that was down for an hour is asked less often.
const LONG_DOWN: Duration = Duration::from_secs(3600);
const LONGEST_WHEN_DOWN: Duration = Duration::from_secs(300);
/// A brief success must not start the storm anew.
const GOOD_AFTER: Duration = Duration::from_secs(60);
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_minute_and_to_five_once_down_for_an_hour() {
        let (mut backoff, mut now) = (Backoff::default(), start());
        let mut waits = Vec::new();
        for _ in 0..8 {
            waits.push(backoff.handle_failure(now, 1.0).as_secs());
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        now += LONG_DOWN;
        assert_eq!(backoff.handle_failure(now, 1.0).as_secs(), 256);
        assert_eq!(backoff.handle_failure(now, 1.0).as_secs(), 300);
        assert_eq!(backoff.handle_failure(now, 0.0).as_secs(), 0, "full jitter");
    }

    #[test]
    fn only_a_minute_of_good_media_resets() {
        let (mut backoff, now) = (Backoff::default(), start());
        for _ in 0..5 {
            backoff.handle_failure(now, 1.0);
        }
        backoff.handle_media(now);
        backoff.handle_media(now + Duration::from_secs(2));
        assert_eq!(backoff.handle_failure(now, 1.0).as_secs(), 32);
        backoff.handle_media(now);
        backoff.handle_media(now + GOOD_AFTER);
        assert_eq!(backoff.handle_failure(now, 1.0).as_secs(), 1);
    }

    #[expect(clippy::disallowed_methods, reason = "any instant will do")]
    fn start() -> Instant {
        Instant::now()
    }
}
