//! RTCP (RFC 3550 §6.4): sender reports are read, receiver reports written.

use std::time::Duration;

/// A sender report.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SenderReport {
    /// Its sender.
    pub ssrc: u32,
    /// Seconds since 1900.
    pub ntp_seconds: u32,
    /// The same instant on the RTP clock.
    pub timestamp: u32,
    /// Packets sent so far.
    pub packets: u32,
    /// Payload bytes sent so far.
    pub octets: u32,
}

/// Reads the first sender report of a compound packet; `None` for other types.
///
/// # Errors
/// In words, what is malformed.
pub fn parse(bytes: &[u8]) -> Result<Option<SenderReport>, String> {
    let [first, kind, l1, l2, rest @ ..] = bytes else {
        return Err("RTCP packet cut off".into());
    };
    if first >> 6 != 2 {
        return Err(format!("RTCP version {}", first >> 6));
    }
    let length = usize::from(u16::from_be_bytes([*l1, *l2])) * 4;
    let body = rest
        .get(..length)
        .ok_or("RTCP length passes the datagram")?;
    if *kind != SENDER_REPORT {
        return Ok(None);
    }
    let word = |index: usize| -> Result<u32, String> {
        let bytes = body
            .get(index * 4..index * 4 + 4)
            .ok_or("sender report cut off")?;
        Ok(bytes
            .iter()
            .fold(0, |word, byte| word << 8 | u32::from(*byte)))
    };
    Ok(Some(SenderReport {
        ssrc: word(0)?,
        ntp_seconds: word(1)?,
        timestamp: word(3)?,
        packets: word(4)?,
        octets: word(5)?,
    }))
}

impl SenderReport {
    /// What is implausible about it; `media` is (RTP time of now, SSRC) by what came.
    pub fn wrong_with(&self, unix: Duration, media: Option<(u32, u32)>) -> Option<String> {
        let ntp = unix.as_secs() + UNIX_AFTER_NTP;
        if u64::from(self.ntp_seconds).abs_diff(ntp) > NTP_SECONDS_OFF_MAX {
            return Some(format!("SR has NTP {}, now is {ntp}", self.ntp_seconds));
        }
        let (timestamp, ssrc) = media?;
        if ssrc != self.ssrc {
            return Some(format!("SR of SSRC {}, media has {ssrc}", self.ssrc));
        }
        let away = self.timestamp.wrapping_sub(timestamp);
        let away = away.min(away.wrapping_neg());
        (away > RTP_TICKS_OFF_MAX)
            .then(|| format!("SR has RTP {}, media is at {timestamp}", self.timestamp))
    }
}

/// An empty receiver report about `source`, with its canonical name.
pub fn receiver_report(ours: u32, source: u32) -> Vec<u8> {
    let mut bytes = vec![0x81, 201, 0, 7];
    bytes.extend(ours.to_be_bytes());
    bytes.extend(source.to_be_bytes());
    bytes.extend([0; 20]);
    bytes.extend([0x81, 202, 0, 3]);
    bytes.extend(ours.to_be_bytes());
    bytes.extend([1, 3, b's', b'i', b'm', 0, 0, 0]);
    bytes
}

const SENDER_REPORT: u8 = 200;

/// Seconds from 1900 to 1970.
const UNIX_AFTER_NTP: u64 = 2_208_988_800;

/// Both ends run on one host.
const NTP_SECONDS_OFF_MAX: u64 = 2;

/// Two seconds: the report is of now, the media may have waited in queues.
const RTP_TICKS_OFF_MAX: u32 = 180_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn report(ntp: u32, timestamp: u32) -> Vec<u8> {
        let mut bytes = vec![0x80, 200, 0, 6];
        for word in [7_u32, ntp, 0, timestamp, 3, 4000] {
            bytes.extend(word.to_be_bytes());
        }
        bytes
    }

    #[test]
    fn a_sender_report_is_held_against_the_clock_and_the_media() {
        let unix = Duration::from_secs(1_000_000);
        let now = u32::try_from(unix.as_secs() + UNIX_AFTER_NTP).unwrap();
        let read = |ntp, timestamp| parse(&report(ntp, timestamp)).unwrap().unwrap();
        assert_eq!(read(now, 90_000).wrong_with(unix, Some((80_000, 7))), None);
        assert!(
            read(now - 60, 90_000)
                .wrong_with(unix, Some((80_000, 7)))
                .is_some()
        );
        assert!(
            read(now, 900_000)
                .wrong_with(unix, Some((80_000, 7)))
                .is_some()
        );
        assert!(
            read(now, 90_000)
                .wrong_with(unix, Some((80_000, 8)))
                .is_some()
        );
    }

    #[test]
    fn our_receiver_report_is_well_formed_and_no_sender_report() {
        let bytes = receiver_report(1, 2);
        assert_eq!(parse(&bytes), Ok(None));
        assert_eq!(parse(&bytes[32..]), Ok(None));
        assert_eq!(bytes.len(), 32 + 16);
    }
}
