//! When the packets of a session may leave: a burst must not overrun the buffers on its way. Pure.

use std::time::Duration;

use tokio::time::Instant;

/// Spreads what is more than a burst. A frame leaves in pieces of a burst each, the last of them within half a
/// frame interval; frames that follow one another at once, as those of the cache do when a session starts, leave at
/// [`PACED_RATE`].
#[derive(Debug)]
pub(super) struct Pacer {
    /// The most bytes that leave at once; `None`: frames leave whole.
    burst: Option<usize>,
    /// Bits a second at which the frame at hand leaves.
    rate: u64,
    /// When what was sent will have left at that rate.
    free_at: Option<Instant>,
}

impl Pacer {
    /// Begins, with the most bytes that leave at once.
    pub(super) fn new(burst: Option<usize>) -> Self {
        Self {
            burst,
            rate: PACED_RATE,
            free_at: None,
        }
    }

    /// Begins a frame of so many bytes, that comes so long after the one before.
    pub(super) fn begin(&mut self, bytes: usize, interval: Duration) {
        let time = interval.max(INTERVAL_MIN) / 2;
        let bits = bytes as u64 * 8;
        let rate = u128::from(bits) * 1_000_000_000 / time.as_nanos().max(1);
        self.rate = PACED_RATE.max(rate.try_into().unwrap_or(u64::MAX));
    }

    /// How many packets of the `left` bytes of a frame leave at once: all that are a burst together, one at least.
    pub(super) fn piece(&self, left: usize, packet: usize) -> usize {
        match self.burst {
            Some(burst) if left > burst => (burst / packet).max(1),
            _ => left.div_ceil(packet),
        }
    }

    /// When a piece of so many bytes may leave; `None` at once.
    pub(super) fn wait_until(&self, piece: usize, now: Instant) -> Option<Instant> {
        // What has not left yet and the piece are no more than a burst.
        let room = self.burst.unwrap_or(BURST_UNPACED).saturating_sub(piece);
        let at = self.free_at?.checked_sub(self.takes(room))?;
        (at > now).then_some(at)
    }

    /// Notes what was sent.
    pub(super) fn note(&mut self, bytes: usize, now: Instant) {
        let free_at = self.free_at.map_or(now, |at| at.max(now));
        self.free_at = Some(free_at + self.takes(bytes));
    }

    fn takes(&self, bytes: usize) -> Duration {
        Duration::from_nanos((bytes as u64 * 8).saturating_mul(1_000_000_000) / self.rate)
    }
}

/// Bits a second of frames that follow one another at once: a tenth of what a port of 1 Gbit/s carries.
const PACED_RATE: u64 = 100_000_000;
/// Times that jump, or stand still, tell no interval.
const INTERVAL_MIN: Duration = Duration::from_millis(10);
/// What leaves at once of frames that leave whole, when one comes right behind another.
const BURST_UNPACED: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_key_frame_leaves_in_bursts_within_half_a_frame_interval() {
        for bytes in [40_000, 160_000, 1_000_000, 6_000_000] {
            let sent = times(&mut Pacer::new(Some(32_000)), bytes, INTERVAL);
            assert_eq!(sent.len(), bytes.div_ceil(22 * PACKET));
            assert!(*sent.last().unwrap() < INTERVAL / 2, "{bytes}: {sent:?}");
            let between = |pair: &[Duration]| pair[1] - pair[0];
            let gaps: Vec<_> = sent.windows(2).map(between).collect();
            let most = Duration::from_nanos(32_000 * 8_000_000_000 / PACED_RATE);
            // The last is smaller, and may leave sooner.
            let gaps = &gaps[..gaps.len() - 1];
            assert!(
                gaps.iter().all(|gap| *gap > Duration::ZERO && *gap <= most),
                "{gaps:?}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_frame_within_the_burst_leaves_at_once_whatever_its_interval() {
        let mut pacer = Pacer::new(Some(32_000));
        for interval in [Duration::ZERO, INTERVAL] {
            tokio::time::advance(INTERVAL).await;
            assert_eq!(times(&mut pacer, 32_000, interval), [Duration::ZERO]);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn frames_of_the_cache_leave_at_the_paced_rate() {
        let mut pacer = Pacer::new(Some(32_000));
        let start = Instant::now();
        for _ in 0..50 {
            times(&mut pacer, 20_000, INTERVAL);
        }
        let took = pacer.free_at.unwrap() - start;
        assert_eq!(
            took,
            Duration::from_nanos(50 * 20_000 * 8_000_000_000 / PACED_RATE)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_burst_a_frame_leaves_whole() {
        let mut pacer = Pacer::new(None);
        assert_eq!(times(&mut pacer, 1_000_000, INTERVAL), [Duration::ZERO]);
        tokio::time::advance(INTERVAL).await;
        assert_eq!(times(&mut pacer, 1_000_000, INTERVAL), [Duration::ZERO]);
    }

    /// Sends a frame piece by piece, each as soon as it may leave; returns when they left. The clock stands.
    fn times(pacer: &mut Pacer, bytes: usize, interval: Duration) -> Vec<Duration> {
        let start = Instant::now();
        let (mut now, mut left, mut sent) = (start, bytes, Vec::new());
        pacer.begin(bytes, interval);
        while left > 0 {
            let piece = left.min(PACKET * pacer.piece(left, PACKET));
            now = pacer.wait_until(piece, now).unwrap_or(now);
            pacer.note(piece, now);
            sent.push(now - start);
            left -= piece;
        }
        sent
    }

    const INTERVAL: Duration = Duration::from_millis(40);
    /// A burst has 22 and a part.
    const PACKET: usize = 1412;
}
