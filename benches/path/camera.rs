//! A camera without a clock or an encoder: the bytes that it would send on its connection.

/// What it sends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Codec {
    H264,
    H265,
}

/// Its connection, as it is read: interleaved RTP (RFC 2326 §10.12). A key frame of 100 KB and 24 others of 16.6 KB are a
/// second, 4 Mbit/s in all. They are made once and sent again and again, with new numbers and times.
#[derive(Debug)]
pub(crate) struct Camera {
    codec: Codec,
    /// A group of pictures.
    frames: Vec<Vec<u8>>,
    sent: usize,
    sequence: u16,
}

impl Camera {
    pub(crate) fn new(codec: Codec) -> Self {
        let mut seed = 0x2545_f491_u32;
        let mut next = || {
            seed ^= seed << 13;
            seed ^= seed >> 17;
            seed ^= seed << 5;
            // Of all bytes but zeros, so that no start code is among them.
            (seed % 255 + 1) as u8
        };
        let mut camera = Self {
            codec,
            frames: Vec::new(),
            sent: 0,
            sequence: 0,
        };
        for n in 0..GROUP_FRAMES {
            let bytes = if n == 0 { KEY_BYTES } else { OTHER_BYTES };
            let slice: Vec<u8> = (0..bytes).map(|_| next()).collect();
            camera.frames.push(camera.frame(n == 0, &slice));
        }
        camera
    }

    /// Sends the next frame.
    pub(crate) fn frame_bytes(&mut self) -> &[u8] {
        let time = (self.sent as u32).wrapping_mul(FRAME_TICKS);
        let frame = &mut self.frames[self.sent % GROUP_FRAMES];
        let mut at = 0;
        while let Some(head) = frame.get_mut(at..at + 12) {
            head[6..8].copy_from_slice(&self.sequence.to_be_bytes());
            head[8..12].copy_from_slice(&time.to_be_bytes());
            at += 4 + usize::from(u16::from_be_bytes([head[2], head[3]]));
            self.sequence = self.sequence.wrapping_add(1);
        }
        self.sent += 1;
        frame
    }

    fn frame(&self, is_key: bool, slice: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        if is_key {
            for set in self.parameter_sets() {
                write_packet(set, &[], false, &mut out);
            }
        }
        let (header, kind): (&[u8], u8) = match (self.codec, is_key) {
            (Codec::H264, true) => (&[0x7c], 5),
            (Codec::H264, false) => (&[0x5c], 1),
            (Codec::H265, true) => (&[0x62, 0x01], 19),
            (Codec::H265, false) => (&[0x62, 0x01], 1),
        };
        let room = PACKET_BYTES - header.len() - 1;
        let count = slice.len().div_ceil(room);
        for (n, fragment) in slice.chunks(room).enumerate() {
            let start = if n == 0 { 0x80 } else { 0 };
            let end = if n + 1 == count { 0x40 } else { 0 };
            let head = [header, &[start | end | kind]].concat();
            write_packet(&head, fragment, n + 1 == count, &mut out);
        }
        out
    }

    /// Of 1920 × 1080 pixels, without reordering; made by an encoder.
    fn parameter_sets(&self) -> &'static [&'static [u8]] {
        match self.codec {
            Codec::H264 => &[
                &[
                    0x67, 0x42, 0xc0, 0x28, 0xd9, 0x00, 0x78, 0x02, 0x27, 0xe5, 0x84, 0x00, 0x00,
                    0x03, 0x00, 0x04, 0x00, 0x00, 0x03, 0x00, 0xc8, 0x3c, 0x60, 0xc9, 0x20,
                ],
                &[0x68, 0xcb, 0x83, 0xcb, 0x20],
            ],
            Codec::H265 => &[
                &[0x40, 0x01, 0x0c, 0x01, 0xff, 0xff],
                &[0x42, 0x01, 0x01, 0x01, 0x60, 0x00],
                &[0x44, 0x01, 0xc1, 0x72],
            ],
        }
    }
}

/// Writes a packet whose number and time are still missing.
fn write_packet(head: &[u8], payload: &[u8], is_last: bool, out: &mut Vec<u8>) {
    let length = (12 + head.len() + payload.len()) as u16;
    out.extend_from_slice(&[b'$', 0]);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&[0x80, 96 | if is_last { 0x80 } else { 0 }]);
    out.extend_from_slice(&[0; 6]);
    out.extend_from_slice(&SSRC.to_be_bytes());
    out.extend_from_slice(head);
    out.extend_from_slice(payload);
}

/// A second of pictures.
const GROUP_FRAMES: usize = 25;
const KEY_BYTES: usize = 100_000;
const OTHER_BYTES: usize = 16_600;
const FRAME_TICKS: u32 = 3600;
/// Of RTP payload.
const PACKET_BYTES: usize = 1400;
const SSRC: u32 = 0x1234_5678;
