//! The beat of an encoder: when frames come does not depend on when somebody asked for them.

use std::time::Duration;

use tokio::time::Instant;

/// When the frames of a camera come.
#[derive(Debug, Clone, Copy, Eq, PartialEq)]
pub(super) struct Beat {
    /// From one to the next.
    every: Duration,
    /// From the camera's start to the first.
    phase: Duration,
}

impl Beat {
    pub(super) fn new(every: Duration, phase: Duration) -> Self {
        Self {
            every: every.max(Duration::from_millis(1)),
            phase,
        }
    }

    /// Returns the first beat that is not before `now`.
    pub(super) fn next(&self, born: Instant, now: Instant) -> Instant {
        let first = born + self.phase;
        let behind = now.saturating_duration_since(first);
        let beats = behind.as_nanos().div_ceil(self.every.as_nanos());
        first + self.every * u32::try_from(beats).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn who_asks_between_two_beats_waits_for_the_second() {
        let born = Instant::now();
        let beat = Beat::new(40 * MS, 13 * MS);
        let next = |after: u32| beat.next(born, born + after * MS) - born;
        let waits = [0, 13, 14, 53, 54].map(next);
        assert_eq!(waits, [13, 13, 53, 53, 93].map(|after| after * MS));
    }
}
