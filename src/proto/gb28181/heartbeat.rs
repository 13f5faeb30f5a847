//! The heartbeat of a registered platform (GB/T 28181-2016 §9.6).

use std::time::{Duration, Instant};

/// Says when to send a Keepalive, and when the platform must be taken for lost.
#[derive(Debug)]
pub struct Heartbeat {
    interval: Duration,
    missed_max: u32,
    missed: u32,
    /// Sent and neither answered nor given up.
    open: u32,
    due_at: Instant,
}

/// What the owner of a [`Heartbeat`] does next.
#[derive(Debug, Eq, PartialEq)]
pub enum HeartbeatEvent {
    /// Send a Keepalive.
    Beat,
    /// Register anew: too many Keepalives were not answered.
    Lost,
}

impl Heartbeat {
    /// Starts a heartbeat whose first beat is due at once.
    pub fn new(interval: Duration, missed_max: u32, now: Instant) -> Self {
        Self {
            interval,
            missed_max,
            missed: 0,
            open: 0,
            due_at: now,
        }
    }

    /// Takes a good answer to a Keepalive.
    pub fn handle_answer(&mut self) {
        self.missed = 0;
        self.open = 0;
    }

    /// Takes a 5xx or 408, which count as no answer.
    pub fn handle_failure(&mut self) {
        self.open = self.open.saturating_sub(1);
        self.missed += 1;
    }

    /// Moves time forward; call it at [`Self::poll_timeout`].
    ///
    /// A beat that is still open when the next is due has been missed.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<HeartbeatEvent> {
        if self.missed + self.open >= self.missed_max && now >= self.due_at {
            return Some(HeartbeatEvent::Lost);
        }
        if now < self.due_at {
            return None;
        }
        self.missed += self.open;
        self.open = 1;
        self.due_at = now + self.interval;
        Some(HeartbeatEvent::Beat)
    }

    /// Returns when time matters next.
    pub fn poll_timeout(&self) -> Instant {
        self.due_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_unanswered_beats_lose_the_platform() {
        let mut heartbeat = Heartbeat::new(INTERVAL, 3, start());
        let events = run(&mut heartbeat, 4);
        use HeartbeatEvent::{Beat, Lost};
        assert_eq!(events, [Beat, Beat, Beat, Lost]);
    }

    #[test]
    fn an_answer_starts_the_count_anew() {
        let mut heartbeat = Heartbeat::new(INTERVAL, 3, start());
        run(&mut heartbeat, 3);
        heartbeat.handle_answer();
        assert_eq!(run(&mut heartbeat, 1), [HeartbeatEvent::Beat]);
    }

    #[test]
    fn a_server_error_counts_as_missed() {
        let mut heartbeat = Heartbeat::new(INTERVAL, 3, start());
        for _ in 0..3 {
            assert_eq!(run(&mut heartbeat, 1), [HeartbeatEvent::Beat]);
            heartbeat.handle_failure();
        }
        assert_eq!(run(&mut heartbeat, 1), [HeartbeatEvent::Lost]);
    }

    const INTERVAL: Duration = Duration::from_secs(60);

    fn run(heartbeat: &mut Heartbeat, beats: usize) -> Vec<HeartbeatEvent> {
        (0..beats)
            .filter_map(|_| heartbeat.handle_timeout(heartbeat.poll_timeout()))
            .collect()
    }

    #[expect(clippy::disallowed_methods, reason = "any instant will do")]
    fn start() -> Instant {
        Instant::now()
    }
}
