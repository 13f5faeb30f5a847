//! The order of a camera's packets: what is missing before each, and its time without wrapping.

use super::Ssrc;
use crate::media::MediaTime;

/// What a header says (RFC 3550 §5.1), as far as order is concerned.
#[derive(Clone, Copy, Debug)]
pub struct Header {
    /// Whose packet it is.
    pub ssrc: Ssrc,
    /// Its number, modulo 2¹⁶.
    pub sequence: u16,
    /// Its time in ticks of the track's clock, modulo 2³².
    pub timestamp: u32,
}

/// A packet in its place.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Arrival {
    /// How many packets are missing before it; 1 where the camera has begun anew.
    pub lost: u16,
    /// The camera's time since its first packet.
    pub time: MediaTime,
}

/// Follows the packets of one track. Over TCP they come in order, unless the camera mixes them up.
#[derive(Debug)]
pub struct Reception {
    clock_rate: u32,
    last: Option<Header>,
    /// The number after one that came too late: if it comes next, the numbers begin anew.
    suspect: Option<u16>,
    /// Ticks since the first packet.
    elapsed: i64,
}

impl Reception {
    /// Begins; `clock_rate` in ticks a second.
    pub fn new(clock_rate: u32) -> Self {
        Self {
            clock_rate: clock_rate.max(1),
            last: None,
            suspect: None,
            elapsed: 0,
        }
    }

    /// Finds the place of a packet; `None` for one that came already, or too late: the packets behind it
    /// are gone on.
    pub fn place(&mut self, header: Header) -> Option<Arrival> {
        let lost = match self.last {
            None => 0,
            // Another source, as when an encoder starts anew.
            Some(last) if last.ssrc != header.ssrc => 1,
            Some(last) => match header.sequence.wrapping_sub(last.sequence) {
                0 => return None,
                step if step < DROPOUT_MAX => step - 1,
                step if step > u16::MAX - MISORDER_MAX && self.suspect != Some(header.sequence) => {
                    self.suspect = Some(header.sequence.wrapping_add(1));
                    return None;
                }
                // Its numbers begin anew.
                _ => 1,
            },
        };
        if let Some(last) = self.last {
            // Modulo 2³², forth or back: what a jump means is for the timeline to say.
            let ticks = header.timestamp.wrapping_sub(last.timestamp) as i32;
            self.elapsed = self.elapsed.saturating_add(ticks.into());
        }
        self.last = Some(header);
        self.suspect = None;
        let ticks = self.elapsed.saturating_mul(MediaTime::TICKS_PER_SECOND);
        Some(Arrival {
            lost,
            time: MediaTime(ticks / i64::from(self.clock_rate)),
        })
    }
}

/// RFC 3550 appendix A.1.
const DROPOUT_MAX: u16 = 3000;
/// RFC 3550 appendix A.1.
const MISORDER_MAX: u16 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_wrap_without_a_gap() {
        let mut reception = Reception::new(90_000);
        assert_eq!(place(&mut reception, 0xffff, u32::MAX), Some((0, 0)));
        assert_eq!(place(&mut reception, 0, 3599), Some((0, 3600)));
        assert_eq!(place(&mut reception, 1, 3599), Some((0, 3600)));
    }

    #[test]
    fn what_is_missing_is_counted_and_what_comes_again_is_dropped() {
        let mut reception = Reception::new(90_000);
        assert_eq!(place(&mut reception, 10, 0), Some((0, 0)));
        assert_eq!(place(&mut reception, 10, 0), None);
        assert_eq!(place(&mut reception, 13, 3600), Some((2, 3600)));
        assert_eq!(place(&mut reception, 12, 0), None);
        assert_eq!(place(&mut reception, 14, 7200), Some((0, 7200)));
    }

    #[test]
    fn numbers_that_begin_anew_are_one_loss() {
        let mut reception = Reception::new(90_000);
        assert_eq!(place(&mut reception, 10, 0), Some((0, 0)));
        assert_eq!(place(&mut reception, 40_000, 3600), Some((1, 3600)));
        assert_eq!(place(&mut reception, 40_001, 7200), Some((0, 7200)));
    }

    #[test]
    fn numbers_that_begin_anew_a_little_before_are_one_loss_too() {
        let mut reception = Reception::new(90_000);
        assert_eq!(place(&mut reception, 60, 0), Some((0, 0)));
        assert_eq!(place(&mut reception, 3, 3600), None);
        assert_eq!(place(&mut reception, 4, 7200), Some((1, 7200)));
        assert_eq!(place(&mut reception, 5, 10_800), Some((0, 10_800)));
    }

    #[test]
    fn another_source_is_one_loss() {
        let mut reception = Reception::new(8_000);
        assert_eq!(place(&mut reception, 10, 0), Some((0, 0)));
        let header = Header {
            ssrc: Ssrc(8),
            sequence: 10,
            timestamp: 160,
        };
        let arrival = reception.place(header).unwrap();
        assert_eq!((arrival.lost, arrival.time.0), (1, 1800));
    }

    #[test]
    fn times_go_back_where_frames_are_reordered() {
        let mut reception = Reception::new(90_000);
        let times = [0, 10_800, 3600, 7200].iter().enumerate();
        let seen: Vec<_> = times
            .map(|(n, time)| place(&mut reception, n as u16, *time).unwrap().1)
            .collect();
        assert_eq!(seen, [0, 10_800, 3600, 7200]);
    }

    fn place(reception: &mut Reception, sequence: u16, timestamp: u32) -> Option<(u16, i64)> {
        let header = Header {
            ssrc: Ssrc(7),
            sequence,
            timestamp,
        };
        let arrival = reception.place(header)?;
        Some((arrival.lost, arrival.time.0))
    }
}
