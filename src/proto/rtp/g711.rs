//! G.711 from RTP (RFC 3551 §4.5.14): a packet's payload is the samples.

use bytes::Bytes;

use super::{Packet, RawFrame};

/// Hands a packet on as a frame.
pub(super) fn push(packet: &Packet<'_>, sink: &mut dyn FnMut(RawFrame)) {
    if packet.payload.is_empty() {
        return;
    }
    sink(RawFrame {
        time: packet.time,
        is_key: false,
        reorder_depth: None,
        size: None,
        data: Bytes::copy_from_slice(packet.payload),
    });
}
