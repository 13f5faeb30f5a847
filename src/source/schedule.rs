//! When each idle camera of a department is probed next. Pure.
//!
//! Every camera once in the longer of its department's interval and what a fifth of the department's
//! rate of connections allows; new ones and those that are woken before all others.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::{Duration, Instant};

use super::pace::Pace;
use crate::catalog::CameraId;

/// The probes of one department.
#[derive(Debug)]
pub(super) struct Schedule {
    interval: Duration,
    per_second: f64,
    pace: Pace,
    due: BTreeSet<(Instant, CameraId)>,
    by_camera: HashMap<CameraId, Instant>,
}

impl Schedule {
    /// Without cameras; `connects_per_second` is the department's whole rate.
    pub(super) fn new(interval: Duration, connects_per_second: f64) -> Self {
        let per_second = connects_per_second * SHARE;
        Self {
            interval,
            per_second,
            pace: Pace::new(per_second),
            due: BTreeSet::new(),
            by_camera: HashMap::new(),
        }
    }

    /// Changes interval and rate.
    pub(super) fn set(&mut self, interval: Duration, connects_per_second: f64) {
        self.interval = interval;
        self.per_second = connects_per_second * SHARE;
        self.pace.set(self.per_second);
    }

    /// Takes these cameras, and only these; one that is new is due now.
    pub(super) fn follow(&mut self, cameras: &[CameraId], now: Instant) {
        let wanted: HashSet<_> = cameras.iter().copied().collect();
        self.due.retain(|(_, id)| wanted.contains(id));
        self.by_camera.retain(|id, _| wanted.contains(id));
        for id in wanted {
            self.add(id, now);
        }
    }

    /// Takes a camera; one that is new is due now.
    pub(super) fn add(&mut self, id: CameraId, now: Instant) {
        if !self.by_camera.contains_key(&id) {
            self.put(id, now);
        }
    }

    /// Probes a camera no more.
    pub(super) fn remove(&mut self, id: CameraId) {
        if let Some(due) = self.by_camera.remove(&id) {
            self.due.remove(&(due, id));
        }
    }

    /// Probes a camera before its time.
    pub(super) fn hurry(&mut self, id: CameraId, now: Instant) {
        if self.by_camera.get(&id).is_some_and(|due| *due > now) {
            self.put(id, now);
        }
    }

    /// Probes a camera at that time.
    pub(super) fn put_off(&mut self, id: CameraId, due: Instant) {
        if self.by_camera.contains_key(&id) {
            self.put(id, due);
        }
    }

    /// The camera to probe now; it is due again after a period.
    pub(super) fn poll(&mut self, now: Instant) -> Option<CameraId> {
        if self.pace.ready_at(now) > now {
            return None;
        }
        let (due, id) = self.due.first().copied()?;
        if due > now {
            return None;
        }
        self.pace.start(now);
        self.put(id, now + self.period());
        Some(id)
    }

    /// Gives back the turn of a camera that needed no probe.
    pub(super) fn skip(&mut self, now: Instant) {
        self.pace.undo(now);
    }

    /// When to poll again.
    pub(super) fn poll_timeout(&self, now: Instant) -> Option<Instant> {
        let (due, _) = self.due.first()?;
        Some(self.pace.ready_at(now).max(*due))
    }

    /// How far behind the oldest probe is.
    pub(super) fn lag(&self, now: Instant) -> Duration {
        let oldest = self.due.first().map_or(now, |(due, _)| *due);
        now.saturating_duration_since(oldest)
    }

    fn period(&self) -> Duration {
        let at_rate = self.by_camera.len() as f64 / self.per_second.max(0.1);
        self.interval.max(Duration::from_secs_f64(at_rate))
    }

    fn put(&mut self, id: CameraId, due: Instant) {
        if let Some(before) = self.by_camera.insert(id, due) {
            self.due.remove(&(before, id));
        }
        self.due.insert((due, id));
    }
}

/// Of the department's rate of connections.
const SHARE: f64 = 0.2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_probed_once_a_period_and_never_faster_than_a_fifth_of_the_rate() {
        let begin = start();
        let mut schedule = Schedule::new(Duration::from_secs(10), 50.0);
        let cameras: Vec<_> = (0..200).map(id).collect();
        schedule.follow(&cameras, begin);
        let (mut now, mut probes) = (begin, Vec::new());
        while now < begin + Duration::from_secs(60) {
            while let Some(id) = schedule.poll(now) {
                probes.push((now, id));
            }
            now = schedule.poll_timeout(now).unwrap();
        }
        // 200 cameras at 10 a second take 20 s, which is more than the interval.
        assert_eq!(probes.len(), 600);
        for (number, (at, _)) in probes.iter().enumerate() {
            let within = probes[number..]
                .iter()
                .take_while(|(other, _)| *other < *at + Duration::from_secs(1));
            assert!(within.count() <= 10);
        }
        for id in cameras {
            assert_eq!(probes.iter().filter(|(_, other)| *other == id).count(), 3);
        }
    }

    #[test]
    fn new_and_woken_cameras_come_first_and_the_lag_tells_what_waits() {
        let begin = start();
        let mut schedule = Schedule::new(Duration::from_secs(600), 50.0);
        schedule.follow(&[id(1), id(2)], begin);
        let first = schedule.poll(begin).unwrap();
        let now = begin + Duration::from_secs(1);
        assert_eq!(schedule.lag(now), Duration::from_secs(1));
        assert!(schedule.poll(now).is_some());
        assert_eq!(schedule.poll(now + Duration::from_secs(1)), None);
        assert_eq!(schedule.lag(now), Duration::ZERO);
        schedule.hurry(first, now + Duration::from_secs(1));
        assert_eq!(schedule.poll(now + Duration::from_secs(1)), Some(first));
        schedule.follow(&[id(1), id(2), id(3)], now + Duration::from_secs(2));
        assert_eq!(schedule.poll(now + Duration::from_secs(2)), Some(id(3)));
        schedule.remove(id(3));
        schedule.add(id(4), now + Duration::from_secs(3));
        assert_eq!(schedule.poll(now + Duration::from_secs(3)), Some(id(4)));
        schedule.follow(&[], now + Duration::from_secs(2));
        assert_eq!(schedule.poll_timeout(now), None);
    }

    fn id(number: u32) -> CameraId {
        CameraId::derive("education", &number.to_string(), 0)
    }

    #[expect(clippy::disallowed_methods, reason = "any instant will do")]
    fn start() -> Instant {
        Instant::now()
    }
}
