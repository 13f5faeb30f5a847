//! What a camera puts between its interleaved frames.

use bytes::{BufMut as _, BytesMut};

/// A piece that is no packet of a track.
#[derive(Debug, Clone, Copy, Eq, PartialEq)]
pub enum Insertion {
    /// So many bytes that are neither RTSP nor begin a frame.
    Garbage(usize),
    /// A frame of no bytes on the video's channel.
    EmptyFrame,
    /// A frame of 65,535 zeros on the video's channel.
    OversizedFrame,
    /// A frame that announces 1,000 bytes more than it has.
    ShortFrame,
    /// A frame on a channel that nobody set up.
    UnknownChannel,
    /// A request of the camera's (OPTIONS), which some use to see whether the client lives.
    Request,
    /// An answer that nobody asked for.
    Answer,
}

/// Writes a piece.
pub(in super::super) fn insert(insertion: Insertion, channel: u8, out: &mut BytesMut) {
    const UNKNOWN_CHANNEL: u8 = 201;
    match insertion {
        Insertion::Garbage(bytes) => out.put_bytes(0xfe, bytes),
        Insertion::EmptyFrame => frame(channel, 0, 0, out),
        Insertion::OversizedFrame => frame(channel, u16::MAX, u16::MAX, out),
        Insertion::ShortFrame => frame(channel, 1_100, 100, out),
        Insertion::UnknownChannel => frame(UNKNOWN_CHANNEL, 100, 100, out),
        Insertion::Request => out.put_slice(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n"),
        Insertion::Answer => out.put_slice(b"RTSP/1.0 200 OK\r\nCSeq: 1048576\r\n\r\n"),
    }
}

fn frame(channel: u8, announced: u16, bytes: u16, out: &mut BytesMut) {
    out.put_slice(&[b'$', channel]);
    out.put_u16(announced);
    out.put_bytes(0, usize::from(bytes));
}
