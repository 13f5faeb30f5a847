//! When a camera is there and when it is not: killed, dead, or flapping.
//!
//! Pure: the time is an argument.

use std::time::Duration;

use tokio::time::Instant;

/// Whether a camera is there, now and later.
#[derive(Debug, Clone, Default)]
pub(super) struct Presence {
    pub(super) is_killed: bool,
    /// When `die_after` ends it; set by the first PLAY.
    pub(super) dies_at: Option<Instant>,
    pub(super) flap: Option<Flap>,
}

/// A camera that comes and goes.
#[derive(Debug, Clone, Copy, Eq, PartialEq)]
pub(super) struct Flap {
    pub(super) since: Instant,
    pub(super) up: Duration,
    pub(super) down: Duration,
}

impl Presence {
    pub(super) fn is_up(&self, now: Instant) -> bool {
        let is_dead = self.dies_at.is_some_and(|time| time <= now);
        let is_away = self.flap.is_some_and(|flap| !flap.phase(now).0);
        !self.is_killed && !is_dead && !is_away
    }

    /// Returns when the answer may change by itself.
    pub(super) fn poll_change(&self, now: Instant) -> Option<Instant> {
        let death = self.dies_at.filter(|time| *time > now);
        let flap = self.flap.map(|flap| flap.phase(now).1);
        death.into_iter().chain(flap).min()
    }
}

impl Flap {
    /// Returns whether it is up, and when that changes.
    fn phase(&self, now: Instant) -> (bool, Instant) {
        let age = now.saturating_duration_since(self.since);
        let period = (self.up + self.down).max(Duration::from_millis(1));
        let turns = u32::try_from(age.as_nanos() / period.as_nanos()).unwrap_or(u32::MAX);
        let turn = self.since + period * turns;
        let ends = turn + self.up;
        if now < ends {
            (true, ends)
        } else {
            (false, turn + period)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_flapping_camera_is_up_and_down_by_turns() {
        let since = Instant::now();
        let presence = Presence {
            flap: Some(Flap {
                since,
                up: 2 * SECOND,
                down: SECOND,
            }),
            ..Presence::default()
        };
        let seen: Vec<bool> = (0..7).map(|n| presence.is_up(since + n * SECOND)).collect();
        assert_eq!(seen, [true, true, false, true, true, false, true]);
        let change = |after: u32| presence.poll_change(since + after * SECOND);
        assert_eq!(change(0), Some(since + 2 * SECOND));
        assert_eq!(change(2), Some(since + 3 * SECOND));
        assert_eq!(change(4), Some(since + 5 * SECOND));
    }

    #[test]
    fn death_is_for_good() {
        let start = Instant::now();
        let presence = Presence {
            dies_at: Some(start + SECOND),
            ..Presence::default()
        };
        assert!(presence.is_up(start));
        assert_eq!(presence.poll_change(start), Some(start + SECOND));
        assert!(!presence.is_up(start + SECOND));
        assert_eq!(presence.poll_change(start + SECOND), None);
    }
}
