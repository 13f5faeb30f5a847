//! Sender reports (RFC 3550 §6.4.1), interleaved.

use std::time::Duration;

use bytes::{BufMut as _, BytesMut};

/// Seconds from the epoch of NTP (1900) to that of Unix.
const NTP_OFFSET: u64 = 2_208_988_800;

const SENDER_REPORT: u8 = 200;
const SOURCE_DESCRIPTION: u8 = 202;
const BYE: u8 = 203;
const CNAME: &[u8; 6] = b"camera";

/// What a sender says of its stream.
#[derive(Debug)]
pub(super) struct SenderReport {
    pub(super) ssrc: u32,
    /// Now, since the epoch of Unix.
    pub(super) wall_clock: Duration,
    /// The RTP timestamp of now.
    pub(super) timestamp: u32,
    pub(super) packets: u32,
    pub(super) octets: u32,
}

/// Writes a report and a CNAME as one compound packet (RFC 3550 §6.1).
pub(super) fn write(report: &SenderReport, channel: u8, out: &mut BytesMut) {
    const REPORT_WORDS: u16 = 6;
    const DESCRIPTION_WORDS: u16 = 4;
    const BYTES: u16 = 4 * (REPORT_WORDS + 1 + DESCRIPTION_WORDS + 1);
    out.put_slice(&[b'$', channel]);
    out.put_u16(BYTES);

    out.put_slice(&[0x80, SENDER_REPORT]);
    out.put_u16(REPORT_WORDS);
    out.put_u32(report.ssrc);
    out.put_u32((report.wall_clock.as_secs() + NTP_OFFSET) as u32);
    out.put_u32(((u64::from(report.wall_clock.subsec_nanos()) << 32) / 1_000_000_000) as u32);
    out.put_u32(report.timestamp);
    out.put_u32(report.packets);
    out.put_u32(report.octets);

    out.put_slice(&[0x81, SOURCE_DESCRIPTION]);
    out.put_u16(DESCRIPTION_WORDS);
    out.put_u32(report.ssrc);
    out.put_slice(&[1, CNAME.len() as u8]);
    out.put_slice(CNAME);
    // An item list ends with a zero and is filled up to a word.
    out.put_bytes(0, 4);
}

/// Writes a BYE behind an empty receiver report (RFC 3550 §6.1, §6.6).
pub(super) fn write_bye(ssrc: u32, channel: u8, out: &mut BytesMut) {
    const RECEIVER_REPORT: u8 = 201;
    out.put_slice(&[b'$', channel]);
    out.put_u16(16);
    for header in [[0x80, RECEIVER_REPORT], [0x81, BYE]] {
        out.put_slice(&header);
        out.put_u16(1);
        out.put_u32(ssrc);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_as_long_as_its_headers_say() {
        let wall_clock = Duration::new(1, 500_000_000);
        let report = SenderReport {
            ssrc: 1,
            wall_clock,
            timestamp: 2,
            packets: 3,
            octets: 4,
        };
        let mut out = BytesMut::new();
        write(&report, 1, &mut out);
        assert_eq!(
            out.len(),
            4 + usize::from(u16::from_be_bytes([out[2], out[3]]))
        );
        assert_eq!(out.len(), 4 + 28 + 20);
        assert_eq!(out[12..20], [0x83, 0xaa, 0x7e, 0x81, 0x80, 0, 0, 0]);
    }
}
