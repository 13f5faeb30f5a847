//! What a department's cameras may use: streams, bandwidth, handshakes a second.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::gate::Lane;
use crate::catalog::DepartmentLimits;
use crate::ledger::StateCause;
use crate::meter::Meter;

/// What one department uses.
#[derive(Debug)]
pub(super) struct Quota {
    pub(super) lane: Lane,
    streams: AtomicUsize,
    bytes: AtomicU64,
    meter: Mutex<Meter>,
}

/// A stream that counts while it exists.
#[derive(Debug)]
pub(super) struct Running(Arc<Quota>);

impl Quota {
    pub(super) fn new(limits: DepartmentLimits) -> Self {
        Self {
            lane: Lane::new(limits.connects_per_second),
            streams: AtomicUsize::new(0),
            bytes: AtomicU64::new(0),
            meter: Mutex::new(Meter::new(SAMPLE_TIME)),
        }
    }

    /// Counts one more stream.
    ///
    /// # Errors
    ///
    /// A limit is reached: which.
    pub(super) fn begin(self: &Arc<Self>, limits: DepartmentLimits) -> Result<Running, StateCause> {
        let bytes = self.bytes.load(Ordering::Relaxed);
        let mut meter = self.meter.lock().unwrap_or_else(PoisonError::into_inner);
        if meter.sample(Instant::now(), bytes) >= limits.bandwidth {
            return Err(StateCause::BANDWIDTH_LIMIT);
        }
        let add = |streams: usize| (streams < limits.streams).then_some(streams + 1);
        let added = self
            .streams
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
        added.map_err(|_| StateCause::SESSION_LIMIT)?;
        Ok(Running(self.clone()))
    }
}

impl Running {
    /// Counts bytes that came from the camera.
    pub(super) fn count(&self, bytes: u64) {
        self.0.bytes.fetch_add(bytes, Ordering::Relaxed);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

const SAMPLE_TIME: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn streams_and_bandwidth_have_their_limits() {
        let limits = DepartmentLimits {
            streams: 2,
            bandwidth: 1_000_000,
            connects_per_second: 50.0,
        };
        let quota = Arc::new(Quota::new(limits));
        let first = quota.begin(limits).unwrap();
        let second = quota.begin(limits).unwrap();
        assert_eq!(quota.begin(limits).unwrap_err(), StateCause::SESSION_LIMIT);
        drop(second);
        tokio::time::advance(Duration::from_secs(2)).await;
        first.count(250_000);
        assert_eq!(
            quota.begin(limits).unwrap_err(),
            StateCause::BANDWIDTH_LIMIT
        );
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(quota.begin(limits).is_ok(), "nothing came for two seconds");
    }
}
