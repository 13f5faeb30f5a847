//! The wall clock, as SIP's Date and RTCP need it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Time since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "a simulator of a host has a wall clock"
)]
pub(super) fn unix_time() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// Local time of China without zone, as the Date of an answer to REGISTER has it.
pub(super) fn date(unix: Duration) -> String {
    let seconds = unix.as_secs() + 8 * 3600;
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!(
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}",
        unix.subsec_millis()
    )
}

/// The proleptic Gregorian date of a day counted from 1970-01-01.
fn civil(days: u64) -> (u64, u64, u64) {
    let mut year = 1970;
    let mut left = days;
    loop {
        let length = if is_leap(year) { 366 } else { 365 };
        if left < length {
            break;
        }
        left -= length;
        year += 1;
    }
    let february = if is_leap(year) { 29 } else { 28 };
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if left < length {
            break;
        }
        left -= length;
        month += 1;
    }
    (year, month, left + 1)
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_is_local_time_with_milliseconds() {
        let unix = Duration::from_millis(1_795_487_034_668);
        assert_eq!(date(unix), "2026-11-24T10:23:54.668");
        assert_eq!(
            date(Duration::from_secs(951_753_600)),
            "2000-02-29T00:00:00.000"
        );
    }
}
