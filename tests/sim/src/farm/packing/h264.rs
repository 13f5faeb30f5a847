//! H.264 in RTP, packetization mode 1 (RFC 6184): single NAL units, STAP-A, FU-A.

use bytes::Bytes;

use super::{PAYLOAD_MAX, Writer, groups};

const STAP_A: u8 = 24;
const FU_A: u8 = 28;
const NRI: u8 = 0x60;
const TYPE: u8 = 0x1f;

pub(super) fn pack(nals: &[&Bytes], aggregate: bool, writer: &mut Writer) {
    for group in groups(nals, aggregate, 1) {
        match group {
            [nal] if nal.len() <= PAYLOAD_MAX => writer.packet(&[nal]),
            [nal] => fragments(nal, writer),
            nals => together(nals, writer),
        }
    }
}

/// RFC 6184 §5.7.1: the packet takes the highest NRI of the units in it.
fn together(nals: &[&Bytes], writer: &mut Writer) {
    let nri = nals
        .iter()
        .map(|nal| nal[0] & NRI)
        .max()
        .unwrap_or_default();
    let mut payload = vec![nri | STAP_A];
    for nal in nals {
        payload.extend_from_slice(&(nal.len() as u16).to_be_bytes());
        payload.extend_from_slice(nal);
    }
    writer.packet(&[&payload]);
}

/// RFC 6184 §5.8: the unit's header is spread over indicator and FU header.
fn fragments(nal: &Bytes, writer: &mut Writer) {
    let chunks = nal[1..].chunks(PAYLOAD_MAX - 2);
    let last = chunks.len() - 1;
    for (n, chunk) in chunks.enumerate() {
        let start = if n == 0 { 0x80 } else { 0 };
        let end = if n == last { 0x40 } else { 0 };
        writer.packet(&[&[nal[0] & NRI | FU_A, start | end | nal[0] & TYPE], chunk]);
    }
}
