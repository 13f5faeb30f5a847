//! H.265 in RTP without decoding order numbers (RFC 7798): single NAL units, AP, FU.

use bytes::Bytes;

use super::{PAYLOAD_MAX, Writer, groups};

const AP: u8 = 48;
const FU: u8 = 49;

pub(super) fn pack(nals: &[&Bytes], aggregate: bool, writer: &mut Writer) {
    for group in groups(nals, aggregate, 2) {
        match group {
            [nal] if nal.len() <= PAYLOAD_MAX => writer.packet(&[nal]),
            [nal] => fragments(nal, writer),
            nals => together(nals, writer),
        }
    }
}

/// RFC 7798 §4.4.2: layer and temporal id are the lowest of the units in the packet.
fn together(nals: &[&Bytes], writer: &mut Writer) {
    let layer = nals
        .iter()
        .map(|nal| (nal[0] & 1) << 5 | nal[1] >> 3)
        .min()
        .unwrap_or_default();
    let temporal = nals.iter().map(|nal| nal[1] & 7).min().unwrap_or_default();
    let mut payload = vec![AP << 1 | layer >> 5, layer << 3 | temporal];
    for nal in nals {
        payload.extend_from_slice(&(nal.len() as u16).to_be_bytes());
        payload.extend_from_slice(nal);
    }
    writer.packet(&[&payload]);
}

/// RFC 7798 §4.4.3: the unit's type moves to the FU header.
fn fragments(nal: &Bytes, writer: &mut Writer) {
    let header = [nal[0] & 0x81 | FU << 1, nal[1]];
    let unit_type = nal[0] >> 1 & 0x3f;
    let chunks = nal[2..].chunks(PAYLOAD_MAX - 3);
    let last = chunks.len() - 1;
    for (n, chunk) in chunks.enumerate() {
        let start = if n == 0 { 0x80 } else { 0 };
        let end = if n == last { 0x40 } else { 0 };
        writer.packet(&[&header, &[start | end | unit_type], chunk]);
    }
}
