//! AAC in RTP, mode AAC-hbr (RFC 3640 §3.3.6): one access unit a packet, or its fragments.

use bytes::Bytes;

use super::{PAYLOAD_MAX, Writer};

/// Bits of the AU headers that follow: one header, 13 bits of size and 3 of index.
const AU_HEADERS_LENGTH: [u8; 2] = [0, 16];

pub(super) fn aac(payload: &Bytes, writer: &mut Writer) {
    // Fragments all carry the size of the whole unit (RFC 3640 §3.1).
    let au_header = ((payload.len() as u16) << 3).to_be_bytes();
    for chunk in payload.chunks(PAYLOAD_MAX - 4) {
        writer.packet(&[&AU_HEADERS_LENGTH, &au_header, chunk]);
    }
}
