//! The states of cameras over time: what platforms are told, when a camera is tried again, and within which
//! limits.

mod limits;
mod logins;
mod platforms;
mod probes;
mod storm;
mod waits;

use std::time::Duration;

use tokio::time::Instant;

/// The most of these moments that lie within one second. Two that the gateway made a second apart may come
/// a little closer.
fn most_in_a_second(mut moments: Vec<Instant>) -> usize {
    moments.sort();
    let second = Duration::from_millis(960);
    let within = |(at, first): (usize, &Instant)| {
        let others = moments[at..].iter();
        others
            .take_while(|moment| **moment < *first + second)
            .count()
    };
    moments.iter().enumerate().map(within).max().unwrap_or(0)
}
