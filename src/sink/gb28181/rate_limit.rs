//! What strangers get of us: some lines of the log and some answers a second.

use std::time::Duration;

use tokio::time::Instant;

/// So many a second, the rest not.
#[derive(Debug)]
pub(super) struct RateLimit {
    left: u32,
    since: Instant,
}

impl RateLimit {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            left: PER_SECOND,
            since: now,
        }
    }

    /// Whether one more may be.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        if now.duration_since(self.since) >= Duration::from_secs(1) {
            *self = Self::new(now);
        }
        let is_left = self.left > 0;
        self.left = self.left.saturating_sub(1);
        is_left
    }
}

const PER_SECOND: u32 = 10;
