//! Measures a rate from a counter of bytes, from sample to sample.

use std::time::Duration;

use tokio::time::Instant;

/// Bits a second between two samples that are at least so far apart.
#[derive(Debug)]
pub struct Meter {
    sample_time: Duration,
    last: Option<(Instant, u64)>,
    bits_per_second: u64,
}

impl Meter {
    /// Samples are at least `sample_time` apart.
    pub fn new(sample_time: Duration) -> Self {
        Self {
            sample_time,
            last: None,
            bits_per_second: 0,
        }
    }

    /// The rate when so many `bytes` have been counted in all; nothing before the second sample.
    pub fn sample(&mut self, now: Instant, bytes: u64) -> u64 {
        let (at, before) = *self.last.get_or_insert((now, bytes));
        let elapsed = now - at;
        if elapsed >= self.sample_time {
            let bits = bytes.saturating_sub(before) as f64 * 8.0;
            self.bits_per_second = (bits / elapsed.as_secs_f64()) as u64;
            self.last = Some((now, bytes));
        }
        self.bits_per_second
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_rate_is_measured_between_samples_that_are_far_enough_apart() {
        let (mut meter, begin) = (Meter::new(Duration::from_secs(1)), Instant::now());
        let after = |ms| begin + Duration::from_millis(ms);
        assert_eq!(
            meter.sample(begin, 1_000_000),
            0,
            "what came before is not of now"
        );
        assert_eq!(meter.sample(after(500), 9_000_000), 0, "too early");
        assert_eq!(meter.sample(after(2_000), 1_250_000), 1_000_000);
        assert_eq!(meter.sample(after(2_500), 9_000_000), 1_000_000);
        assert_eq!(meter.sample(after(4_000), 1_250_000), 0);
    }
}
