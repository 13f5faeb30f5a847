//! Cuts a clip into RTP packets that are ready to send but for what differs between sessions.
//!
//! ```text
//! frame:   packet | packet | …
//! packet:  '$' channel length(2) | RTP header (12) | payload      (RFC 2326 §10.12, RFC 3550 §5.1)
//!              ^^^^^^^                ^ sequence, time and SSRC are patched when sent
//! ```

mod audio;
mod h264;
mod h265;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::Bytes;

use crate::clips::{AccessUnit, CLOCK, Clip, Codec};

/// Bytes of an RTP packet with its header, at most.
const PACKET_MAX: usize = 1_400;

/// Bytes of an RTP payload, at most.
const PAYLOAD_MAX: usize = PACKET_MAX - RTP_HEADER;

/// Bytes of the interleaved frame's header.
const INTERLEAVED_HEADER: usize = 4;

/// Bytes of an RTP header without CSRC and extension.
const RTP_HEADER: usize = 12;

/// Bytes before the payload.
pub(super) const HEADERS: usize = INTERLEAVED_HEADER + RTP_HEADER;

/// How a clip becomes packets.
#[derive(Debug, Clone, Copy, Eq, PartialEq, Hash)]
pub(super) struct Packing {
    /// Leave parameter sets out of the band.
    pub(super) strip_parameter_sets: bool,
    /// Put small NAL units together into one packet (STAP-A, AP).
    pub(super) aggregate: bool,
}

/// An access unit as packets.
#[derive(Debug)]
pub(super) struct PackedFrame {
    /// All packets of the frame, one behind the other.
    pub(super) bytes: Bytes,
    /// Where each packet begins.
    pub(super) packets: Vec<usize>,
    /// Presentation time within the clip, in ticks of the track's RTP clock.
    pub(super) time: u64,
    /// Sending time within the clip, in ticks of [`CLOCK`].
    pub(super) due: u64,
    pub(super) is_key: bool,
    /// A byte inside a slice's payload whose sixth bit can be flipped without making or breaking a start code.
    pub(super) flippable: Option<usize>,
}

/// A clip as packets.
#[derive(Debug)]
pub(super) struct PackedTrack {
    pub(super) clip: Arc<Clip>,
    pub(super) packing: Packing,
    pub(super) payload_type: u8,
    pub(super) clock_rate: u32,
    pub(super) frames: Vec<PackedFrame>,
    /// How long the clip lasts, in ticks of [`CLOCK`].
    pub(super) period: u64,
}

impl PackedTrack {
    /// Returns the clip's packets, which all cameras with the same clip and packing share.
    pub(super) fn shared(clip: &Arc<Clip>, packing: Packing) -> Arc<Self> {
        type Tracks = HashMap<(u64, Packing), Weak<PackedTrack>>;
        static SHARED: Mutex<Option<Tracks>> = Mutex::new(None);
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        let tracks = shared.get_or_insert_default();
        let key = (clip.serial(), packing);
        if let Some(track) = tracks.get(&key).and_then(Weak::upgrade) {
            return track;
        }
        let track = Arc::new(Self::new(clip, packing));
        tracks.retain(|_, track| track.strong_count() > 0);
        tracks.insert(key, Arc::downgrade(&track));
        track
    }

    fn new(clip: &Arc<Clip>, packing: Packing) -> Self {
        let clock_rate = clip.audio().map_or(CLOCK as u32, |audio| audio.sample_rate);
        let payload_type = payload_type(clip.codec());
        let frame = |unit| frame(clip.codec(), unit, packing, payload_type, clock_rate);
        let frames = clip.units().iter().map(frame).collect();
        Self {
            clip: clip.clone(),
            packing,
            payload_type,
            clock_rate,
            frames,
            period: clip.period(),
        }
    }

    /// Returns ticks of [`CLOCK`] in ticks of the track's RTP clock.
    pub(super) fn rtp_ticks(&self, ticks: u64) -> u64 {
        ticks * u64::from(self.clock_rate) / CLOCK
    }
}

/// G.711 has its static types (RFC 3551 §6), the others take dynamic ones.
fn payload_type(codec: Codec) -> u8 {
    match codec {
        Codec::G711U => 0,
        Codec::G711A => 8,
        Codec::H264 | Codec::H265 => 96,
        Codec::Aac => 97,
    }
}

fn frame(
    codec: Codec,
    unit: &AccessUnit,
    packing: Packing,
    payload_type: u8,
    clock_rate: u32,
) -> PackedFrame {
    let mut writer = Writer::new(payload_type);
    let stripped = |nal: &&Bytes| !(packing.strip_parameter_sets && codec.is_parameter_set(nal));
    let nals: Vec<&Bytes> = unit.nals.iter().filter(stripped).collect();
    match codec {
        Codec::H264 => h264::pack(&nals, packing.aggregate, &mut writer),
        Codec::H265 => h265::pack(&nals, packing.aggregate, &mut writer),
        Codec::Aac => nals
            .iter()
            .for_each(|payload| audio::aac(payload, &mut writer)),
        Codec::G711A | Codec::G711U => nals.iter().for_each(|payload| writer.packet(&[payload])),
    }
    // RFC 3551 §4.1: on audio the marker begins a talkspurt, and ours never pauses; AAC frames end as video's do.
    let ends_with_marker = !matches!(codec, Codec::G711A | Codec::G711U);
    let (bytes, packets) = writer.finish(ends_with_marker);
    let ends_in_slice = nals.last().is_some_and(|nal| codec.is_slice(nal));
    let flippable = if ends_in_slice {
        flippable(&bytes, &packets)
    } else {
        None
    };
    let time = unit.pts * u64::from(clock_rate) / CLOCK;
    PackedFrame {
        bytes,
        packets,
        time,
        due: unit.dts,
        is_key: unit.is_key,
        flippable,
    }
}

/// Finds a byte in the middle of the frame's last packet, which holds the end of its last slice.
fn flippable(bytes: &[u8], packets: &[usize]) -> Option<usize> {
    const NAL_HEADERS: usize = 3;
    let payload = packets.last()? + HEADERS + NAL_HEADERS;
    let middle = payload + bytes.len().checked_sub(payload)? / 2;
    // Neither the byte nor its neighbours may be or become one of 0…3, which start codes and their guards are made of.
    let is_plain = |at: usize| bytes.get(at).is_some_and(|byte| byte & !FLIP > 3);
    (middle..bytes.len()).find(|at| is_plain(at - 1) && is_plain(*at) && is_plain(at + 1))
}

/// The bit that [`PackedFrame::flippable`] allows to flip.
pub(super) const FLIP: u8 = 0x40;

/// Writes the packets of one frame.
#[derive(Debug)]
struct Writer {
    payload_type: u8,
    bytes: Vec<u8>,
    packets: Vec<usize>,
}

impl Writer {
    fn new(payload_type: u8) -> Self {
        Self {
            payload_type,
            bytes: Vec::new(),
            packets: Vec::new(),
        }
    }

    /// Adds a packet whose payload is `parts`, one behind the other.
    fn packet(&mut self, parts: &[&[u8]]) {
        let payload: usize = parts.iter().map(|part| part.len()).sum();
        let length = (RTP_HEADER + payload) as u16;
        self.packets.push(self.bytes.len());
        self.bytes.extend_from_slice(&[b'$', 0]);
        self.bytes.extend_from_slice(&length.to_be_bytes());
        self.bytes.extend_from_slice(&[0x80, self.payload_type]);
        self.bytes.extend_from_slice(&[0; RTP_HEADER - 2]);
        for part in parts {
            self.bytes.extend_from_slice(part);
        }
    }

    fn finish(mut self, ends_with_marker: bool) -> (Bytes, Vec<usize>) {
        if let (true, Some(last)) = (ends_with_marker, self.packets.last()) {
            self.bytes[last + INTERLEAVED_HEADER + 1] |= 0x80;
        }
        (self.bytes.into(), self.packets)
    }
}

/// Groups NAL units: a run of small ones that fits one aggregation packet, or a single one.
///
/// `header` is what the aggregate itself takes; each unit in it takes two bytes for its size.
fn groups<'a>(nals: &'a [&'a Bytes], aggregate: bool, header: usize) -> Vec<&'a [&'a Bytes]> {
    let mut groups = Vec::new();
    let mut rest = nals;
    while !rest.is_empty() {
        let sizes = rest.iter().scan(header, |size, nal| {
            *size += 2 + nal.len();
            Some(*size)
        });
        let fitting = sizes
            .take_while(|size| aggregate && *size <= PAYLOAD_MAX)
            .count();
        let (group, after) = rest.split_at(fitting.max(1));
        groups.push(group);
        rest = after;
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packets_of(codec: Codec, nals: &[Bytes], aggregate: bool) -> Vec<Vec<u8>> {
        let unit = AccessUnit {
            nals: nals.to_vec(),
            pts: 7200,
            dts: 0,
            is_key: true,
        };
        let packing = Packing {
            strip_parameter_sets: false,
            aggregate,
        };
        let frame = frame(codec, &unit, packing, 96, 90_000);
        let ends = frame
            .packets
            .iter()
            .skip(1)
            .copied()
            .chain([frame.bytes.len()]);
        frame
            .packets
            .iter()
            .zip(ends)
            .map(|(start, end)| frame.bytes[*start..end].to_vec())
            .collect()
    }

    fn nal(header: &[u8], length: usize) -> Bytes {
        let body = (0..length - header.len()).map(|n| (n % 251) as u8);
        header
            .iter()
            .copied()
            .chain(body)
            .collect::<Vec<u8>>()
            .into()
    }

    #[test]
    fn interleaved_lengths_and_the_marker_are_right() {
        let packets = packets_of(Codec::H264, &[nal(&[0x67], 20), nal(&[0x65], 4000)], false);
        for packet in &packets {
            assert_eq!(
                usize::from(u16::from_be_bytes([packet[2], packet[3]])),
                packet.len() - 4
            );
            assert!(packet.len() - 4 <= PACKET_MAX);
        }
        let markers: Vec<bool> = packets.iter().map(|packet| packet[5] & 0x80 != 0).collect();
        assert_eq!(markers, [false, false, false, true]);
    }

    #[test]
    fn h264_fragments_join_to_the_nal_unit_again() {
        let whole = nal(&[0x65], 4000);
        let mut joined = vec![];
        for packet in packets_of(Codec::H264, std::slice::from_ref(&whole), true) {
            let payload = &packet[HEADERS..];
            assert_eq!(payload[0], 0x7c, "FU-A with the NRI of the unit");
            if joined.is_empty() {
                assert_eq!(payload[1] & 0xc0, 0x80, "the first has the start bit alone");
                joined.push(payload[0] & 0x60 | payload[1] & 0x1f);
            }
            joined.extend_from_slice(&payload[2..]);
        }
        assert_eq!(joined, whole);
    }

    #[test]
    fn h265_fragments_join_to_the_nal_unit_again() {
        let whole = nal(&[0x26, 0x01], 4000);
        let mut joined = vec![];
        for packet in packets_of(Codec::H265, std::slice::from_ref(&whole), true) {
            let payload = &packet[HEADERS..];
            assert_eq!(
                payload[..2],
                [0x62, 0x01],
                "FU with layer and temporal id of the unit"
            );
            if joined.is_empty() {
                joined.extend_from_slice(&[(payload[2] & 0x3f) << 1, payload[1]]);
            }
            joined.extend_from_slice(&payload[3..]);
        }
        assert_eq!(joined, whole);
    }

    #[test]
    fn small_units_share_a_packet_only_when_asked() {
        let nals = [nal(&[0x67], 20), nal(&[0x68], 5), nal(&[0x65], 4000)];
        assert_eq!(packets_of(Codec::H264, &nals, false).len(), 5);
        let packets = packets_of(Codec::H264, &nals, true);
        assert_eq!(packets.len(), 4);
        assert_eq!(packets[0][HEADERS..HEADERS + 4], [0x78, 0, 20, 0x67]);
    }

    #[test]
    fn parameter_sets_can_be_left_out_of_the_band() {
        let unit = AccessUnit {
            nals: vec![nal(&[0x67], 20), nal(&[0x65], 40)],
            pts: 0,
            dts: 0,
            is_key: true,
        };
        let packing = Packing {
            strip_parameter_sets: true,
            aggregate: true,
        };
        let frame = frame(Codec::H264, &unit, packing, 96, 90_000);
        assert_eq!(frame.bytes.len(), HEADERS + 40);
    }

    #[test]
    fn the_byte_to_flip_keeps_clear_of_start_codes() {
        let unit = AccessUnit {
            nals: vec![nal(&[0x65], 3000)],
            pts: 0,
            dts: 0,
            is_key: true,
        };
        let packing = Packing {
            strip_parameter_sets: false,
            aggregate: true,
        };
        let frame = frame(Codec::H264, &unit, packing, 96, 90_000);
        let at = frame.flippable.unwrap();
        assert!(frame.bytes[at] & !FLIP > 3);
        assert!(at > frame.packets[frame.packets.len() - 1] + HEADERS);
    }
}
