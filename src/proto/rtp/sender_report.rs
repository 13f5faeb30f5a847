//! The RTCP sender report with its CNAME (RFC 3550 §6.4.1, §6.5.1).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::{BufMut, BytesMut};

use super::Ssrc;

/// What a sender report says.
#[derive(Clone, Copy, Debug)]
pub struct SenderReport<'a> {
    /// Whose report it is.
    pub ssrc: Ssrc,
    /// The wall clock at `rtp_time`.
    pub wall: SystemTime,
    /// The RTP time at `wall`.
    pub rtp_time: u32,
    /// Packets sent so far, wrapping.
    pub packets: u32,
    /// Payload bytes sent so far, wrapping.
    pub octets: u32,
    /// The canonical name of the sender, at most 255 bytes.
    pub cname: &'a str,
}

impl SenderReport<'_> {
    /// Appends the compound packet to `out`.
    pub fn write(&self, out: &mut BytesMut) {
        let since = self
            .wall
            .duration_since(UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        out.put_slice(&[0x80, SENDER_REPORT, 0, 6]);
        out.put_u32(self.ssrc.0);
        out.put_u32((since.as_secs() + SECONDS_1900_TO_1970) as u32);
        out.put_u32(((u64::from(since.subsec_nanos()) << 32) / 1_000_000_000) as u32);
        out.put_u32(self.rtp_time);
        out.put_u32(self.packets);
        out.put_u32(self.octets);
        self.write_description(out);
    }

    fn write_description(&self, out: &mut BytesMut) {
        let name = self.cname.as_bytes();
        let name = name.get(..name.len().min(255)).unwrap_or_default();
        // SSRC, item type and length, the name, at least one null, padded to a word.
        let words = (4 + 2 + name.len() + 1).div_ceil(4);
        out.put_slice(&[0x81, SOURCE_DESCRIPTION, 0, words as u8]);
        out.put_u32(self.ssrc.0);
        out.put_slice(&[CNAME, name.len() as u8]);
        out.put_slice(name);
        out.put_bytes(0, words * 4 - 4 - 2 - name.len());
    }
}

const SENDER_REPORT: u8 = 200;
const SOURCE_DESCRIPTION: u8 = 202;
const CNAME: u8 = 1;
const SECONDS_1900_TO_1970: u64 = 2_208_988_800;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_and_its_name_fill_whole_words() {
        let mut out = BytesMut::new();
        let wall = UNIX_EPOCH + Duration::from_millis(1_500);
        SenderReport {
            ssrc: Ssrc(5),
            wall,
            rtp_time: 9,
            packets: 2,
            octets: 3,
            cname: "huiju",
        }
        .write(&mut out);
        assert_eq!(out.len() % 4, 0);
        assert_eq!(out[..4], [0x80, 200, 0, 6]);
        assert_eq!(out[8..16], [0x83, 0xaa, 0x7e, 0x81, 0x80, 0, 0, 0]);
        let length = usize::from(u16::from_be_bytes([out[30], out[31]]));
        assert_eq!(out.len(), 28 + 4 + length * 4);
    }
}
