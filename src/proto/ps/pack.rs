//! Turns a frame into a pack.

use bytes::{BufMut, Bytes};

use super::crc::crc32;
use crate::media::{AudioCodec, Frame, MediaTime, Payload, VideoCodec};

/// One pack of a program stream: its headers, and the frame's bytes between them.
#[derive(Clone, Debug)]
pub struct Pack {
    /// All that stands before the frame's first byte, then the header of each further PES.
    headers: Vec<u8>,
    /// How many bytes stand before the frame's first.
    first: usize,
    data: Bytes,
    time: u32,
}

impl Pack {
    /// Makes the pack of `frame`.
    pub fn of(frame: &Frame) -> Self {
        let mut parts = frame.data.chunks(PES_BYTES_MAX).map(<[u8]>::len);
        let further = frame.data.len().saturating_sub(1) / PES_BYTES_MAX;
        let mut headers = Vec::with_capacity(FIRST_BYTES_MAX + further * PES_HEADER_LEN);
        put_pack_header(frame.scr, &mut headers);
        let stream_id = match frame.payload {
            Payload::Video {
                codec,
                is_key,
                audio,
            } => {
                if is_key {
                    put_system_header(audio.is_some(), &mut headers);
                    put_stream_map(codec, audio, &mut headers);
                }
                VIDEO_STREAM
            }
            Payload::Audio(_) => AUDIO_STREAM,
        };
        let stamp = Some((frame.pts, frame.dts));
        put_pes_header(
            stream_id,
            stamp,
            parts.next().unwrap_or_default(),
            &mut headers,
        );
        let first = headers.len();
        for bytes in parts {
            put_pes_header(stream_id, None, bytes, &mut headers);
        }
        Self {
            headers,
            first,
            data: frame.data.clone(),
            time: frame.dts.to_rtp(),
        }
    }

    /// The pieces that follow one another: headers and parts of the frame.
    pub fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let (first, further) = self.headers.split_at(self.first);
        let headers = std::iter::once(first).chain(further.chunks(PES_HEADER_LEN));
        // A frame without bytes has a header too.
        let parts = self.data.chunks(PES_BYTES_MAX).chain([&[][..]]);
        headers.zip(parts).flat_map(<[&[u8]; 2]>::from)
    }

    /// The bytes of the frame.
    pub fn data(&self) -> &Bytes {
        &self.data
    }

    /// How many bytes the pieces have together.
    #[expect(
        clippy::len_without_is_empty,
        reason = "a pack has a header and is never empty"
    )]
    pub fn len(&self) -> usize {
        self.headers.len() + self.data.len()
    }

    /// The RTP time of every packet of the pack: its DTS.
    pub fn time(&self) -> u32 {
        self.time
    }
}

/// §2.5.3.3: start code, SCR in 6 bytes, rate in 3, stuffing length.
fn put_pack_header(scr: MediaTime, out: &mut Vec<u8>) {
    let scr = (scr.0 & TIME_MASK) as u64;
    out.put_u32(PACK_START);
    out.put_u8((0x44 | scr >> 27 & 0x38 | scr >> 28 & 0x03) as u8);
    out.put_u8((scr >> 20) as u8);
    out.put_u8((scr >> 12 & 0xf8 | 0x04 | scr >> 13 & 0x03) as u8);
    out.put_u8((scr >> 5) as u8);
    out.put_u8((scr << 3) as u8 | 0x04);
    out.put_u8(0x01); // SCR extension 0, marker
    out.put_u8((MUX_RATE >> 14) as u8);
    out.put_u8((MUX_RATE >> 6) as u8);
    out.put_u8((MUX_RATE << 2) as u8 | 0x03);
    out.put_u8(0xf8); // no stuffing
}

/// §2.5.3.5: bounds, then stream id and buffer size of each stream.
fn put_system_header(has_audio: bool, out: &mut Vec<u8>) {
    out.put_u32(SYSTEM_START);
    out.put_u16(if has_audio { 12 } else { 9 });
    out.put_u8(0x80 | (MUX_RATE >> 15) as u8);
    out.put_u8((MUX_RATE >> 7) as u8);
    out.put_u8((MUX_RATE << 1) as u8 | 0x01);
    out.put_u8(u8::from(has_audio) << 2); // audio bound, variable rate, not constrained
    out.put_u8(0x21); // no locks, marker, video bound 1
    out.put_u8(0x7f);
    out.put_u8(VIDEO_STREAM);
    out.put_u16(0xc000 | 0x2000 | VIDEO_BUFFER_KIB);
    if has_audio {
        out.put_u8(AUDIO_STREAM);
        out.put_u16(0xc000 | AUDIO_BUFFER_128);
    }
}

/// §2.5.4.1: which stream is coded how, with a CRC-32.
fn put_stream_map(video: VideoCodec, audio: Option<AudioCodec>, out: &mut Vec<u8>) {
    let start = out.len();
    let streams = 1 + u16::from(audio.is_some());
    out.put_u32(MAP_START);
    out.put_u16(6 + 4 * streams + 4);
    out.put_u8(0xe0 | map_version(audio)); // current
    out.put_u8(0xff);
    out.put_u16(0); // no program descriptors
    out.put_u16(4 * streams);
    out.put_slice(&[video_type(video), VIDEO_STREAM, 0, 0]);
    if let Some(audio) = audio {
        out.put_slice(&[audio_type(audio), AUDIO_STREAM, 0, 0]);
    }
    let crc = crc32(out.get(start..).unwrap_or_default());
    out.put_u32(crc);
}

/// §2.4.3.6: the first PES of a frame has its PTS, and its DTS where they differ.
fn put_pes_header(
    stream_id: u8,
    stamp: Option<(MediaTime, MediaTime)>,
    bytes: usize,
    out: &mut Vec<u8>,
) {
    let (flags, times) = match stamp {
        None => (0x00, 0),
        Some((pts, dts)) if pts == dts => (0x80, 5),
        Some(_) => (0xc0, 10),
    };
    out.put_slice(&[0, 0, 1, stream_id]);
    out.put_u16((3 + times + bytes) as u16);
    out.put_u8(if stamp.is_some() { 0x84 } else { 0x80 }); // aligned: a frame begins here
    out.put_u8(flags);
    out.put_u8(times as u8);
    match stamp {
        Some((pts, dts)) if pts == dts => put_time(0x20, pts, out),
        Some((pts, dts)) => {
            put_time(0x30, pts, out);
            put_time(0x10, dts, out);
        }
        None => {}
    }
}

/// A 33-bit time in five bytes behind a four-bit prefix, with marker bits.
fn put_time(prefix: u8, time: MediaTime, out: &mut Vec<u8>) {
    let time = (time.0 & TIME_MASK) as u64;
    out.put_u8(prefix | (time >> 29) as u8 & 0x0e | 1);
    out.put_u16((time >> 14) as u16 & 0xfffe | 1);
    out.put_u16((time << 1) as u16 & 0xfffe | 1);
}

/// Table 2-34 and GB/T 28181-2016 annex C.
fn video_type(codec: VideoCodec) -> u8 {
    match codec {
        VideoCodec::H264 => 0x1b,
        VideoCodec::H265 => 0x24,
    }
}

/// Table 2-34 and GB/T 28181-2016 annex C.
fn audio_type(codec: AudioCodec) -> u8 {
    match codec {
        AudioCodec::Aac => 0x0f,
        AudioCodec::G711A => 0x90,
        AudioCodec::G711U => 0x91,
    }
}

/// A map that changes has another version (§2.5.4.2).
fn map_version(audio: Option<AudioCodec>) -> u8 {
    match audio {
        None => 0,
        Some(AudioCodec::Aac) => 1,
        Some(AudioCodec::G711A) => 2,
        Some(AudioCodec::G711U) => 3,
    }
}

const PACK_START: u32 = 0x0000_01ba;
const SYSTEM_START: u32 = 0x0000_01bb;
const MAP_START: u32 = 0x0000_01bc;
const VIDEO_STREAM: u8 = 0xe0;
const AUDIO_STREAM: u8 = 0xc0;
/// PTS, DTS and SCR have 33 bits.
const TIME_MASK: i64 = (1 << 33) - 1;
/// In units of 50 bytes a second: 80 Mbit/s, above any camera; 22 bits.
const MUX_RATE: u32 = 200_000;
/// In KiB; 13 bits.
const VIDEO_BUFFER_KIB: u16 = 4096;
/// In 128 bytes; 13 bits.
const AUDIO_BUFFER_128: u16 = 64;
/// Frame bytes in one PES: with the longest header they fit its 16-bit length.
const PES_BYTES_MAX: usize = 65_535 - 13;
/// Pack header, system header, stream map and PES header of a key frame with audio: 14 + 18 + 24 + 19.
const FIRST_BYTES_MAX: usize = 75;
/// A PES header without times.
const PES_HEADER_LEN: usize = 9;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_frame_has_system_header_and_map_and_another_has_not() {
        let key = bytes_of(&video(true, Some(AudioCodec::G711A), 100));
        assert_eq!(key[..4], [0, 0, 1, 0xba]);
        assert_eq!(key[14..18], [0, 0, 1, 0xbb]);
        assert_eq!(key[32..36], [0, 0, 1, 0xbc]);
        let map = &key[32..32 + 6 + 18];
        assert_eq!(crc32(map), 0, "a CRC over itself is zero");
        assert_eq!(map[12..20], [0x1b, 0xe0, 0, 0, 0x90, 0xc0, 0, 0]);
        let other = bytes_of(&video(false, None, 100));
        assert_eq!(other[14..18], [0, 0, 1, 0xe0]);
    }

    #[test]
    fn a_large_frame_is_split_and_only_its_first_pes_has_times() {
        let frame = video(false, None, 150_000);
        let whole = bytes_of(&frame);
        let mut at = 14;
        let mut parts = Vec::new();
        let mut data = Vec::new();
        while at < whole.len() {
            let len = usize::from(u16::from_be_bytes([whole[at + 4], whole[at + 5]]));
            let header = usize::from(whole[at + 8]);
            parts.push(whole[at + 7]);
            data.extend_from_slice(&whole[at + 9 + header..at + 6 + len]);
            at += 6 + len;
        }
        assert_eq!(parts, [0xc0, 0, 0]);
        assert_eq!(data, frame.data);
    }

    #[test]
    fn the_first_headers_have_their_room_and_a_frame_without_bytes_has_headers() {
        let key = Pack::of(&video(true, Some(AudioCodec::G711A), 100));
        assert_eq!((key.headers.len(), key.headers.capacity()), (75, 75));
        assert_eq!(bytes_of(&video(false, None, 0)).len(), 14 + 19);
    }

    #[test]
    fn times_carry_33_bits() {
        let mut out = Vec::new();
        put_time(0x20, MediaTime(0x1_ffff_ffff), &mut out);
        assert_eq!(out[..], [0x2f, 0xff, 0xff, 0xff, 0xff]);
        put_pack_header(MediaTime(0x1_ffff_ffff), &mut out);
        assert_eq!(out[9..14], [0x7f, 0xff, 0xff, 0xff, 0xfc]);
    }

    fn bytes_of(frame: &Frame) -> Vec<u8> {
        Pack::of(frame).pieces().flatten().copied().collect()
    }

    fn video(is_key: bool, audio: Option<AudioCodec>, bytes: usize) -> Frame {
        Frame {
            payload: Payload::Video {
                codec: VideoCodec::H264,
                is_key,
                audio,
            },
            pts: MediaTime(7200),
            dts: MediaTime(3600),
            scr: MediaTime(3600),
            data: (0..bytes).map(|n| n as u8).collect::<Vec<_>>().into(),
        }
    }
}
