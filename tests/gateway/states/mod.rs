//! The states of cameras over time: what platforms are told, when a camera is tried again, and within which
//! limits.

mod limits;
mod logins;
mod platforms;
mod probes;
mod return_of_many;
mod storm;
mod waits;

use std::time::Duration;

use tokio::time::Instant;

/// Whether these moments are never more than so many a second, over whatever stretch of time. Where the
/// machine is busy some are seen late, and others right behind them.
fn are_within_rate(mut moments: Vec<Instant>, rate: usize) -> bool {
    moments.sort();
    let within = |at: usize| {
        let stretches = moments[at..].iter().zip(1usize..);
        let mut counts = stretches.map(|(moment, count)| (*moment - moments[at] + LATE, count));
        counts.all(|(stretch, count)| count as f64 <= 1.0 + rate as f64 * stretch.as_secs_f64())
    };
    (0..moments.len()).all(within)
}

/// How late a busy machine sees what happens.
const LATE: Duration = Duration::from_millis(400);
