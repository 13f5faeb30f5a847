//! Frames of any kind and size become packs and RTP packets, and the simulated platform reads them back
//! byte for byte: `proto::ps::Pack`, `proto::rtp::Packetizer`.

#![no_main]

use huiju::media::{AudioCodec, Frame, MediaTime, Payload, VideoCodec};
use huiju::proto::ps::Pack;
use huiju::proto::rtp::{Framing, HEADER_LEN, Heads, PAYLOAD_MAX, Packetizer, Slices, Ssrc};
use huiju_fuzz::Input;
use huiju_sim::platform::media::{ps, rtp};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let start = u16::from(input.byte()) << 8 | 0xff;
    let mut datagrams = Sender::new(Framing::Datagrams, start);
    let mut connection = Sender::new(Framing::Lengths, start);
    let mut bytes_left = BYTES_MAX;
    while !input.is_empty() {
        let frame = read_frame(&mut input);
        let Some(left) = bytes_left.checked_sub(frame.data.len()) else {
            break;
        };
        bytes_left = left;
        let pack = Pack::of(&frame);
        let bytes = pack.pieces().collect::<Vec<_>>().concat();
        assert_eq!(bytes.len(), pack.len());
        check_pack(&frame, &bytes);
        datagrams.check(&pack, &bytes);
        connection.check(&pack, &bytes);
    }
});

/// ```text
/// kind | audio of it | SCR (4) | DTS - SCR | PTS - DTS | thousands of bytes | length | data
/// ```
fn read_frame(input: &mut Input<'_>) -> Frame {
    let kind = input.byte();
    let audio = [AudioCodec::Aac, AudioCodec::G711A, AudioCodec::G711U];
    let codec = [VideoCodec::H264, VideoCodec::H265][usize::from(kind >> 1 & 1)];
    let payload = match kind & 1 {
        0 => Payload::Video {
            codec,
            is_key: kind & 4 != 0,
            audio: audio.get(input.index(4)).copied(),
        },
        _ => Payload::Audio(audio[input.index(3)]),
    };
    let scr = i64::from(input.number()) * 9;
    let dts = scr + 3600 * i64::from(input.byte());
    let pts = dts + 3600 * i64::from(input.byte());
    let fill = 1000 * usize::from(input.byte());
    let mut data = input.chunk().to_vec();
    data.resize((data.len() + fill).max(1), 0x55);
    Frame {
        payload,
        pts: MediaTime(pts),
        dts: MediaTime(dts),
        scr: MediaTime(scr),
        data: data.into(),
    }
}

fn check_pack(frame: &Frame, bytes: &[u8]) {
    let pack = ps::parse(bytes).expect("a pack that reads");
    let parts: Vec<_> = pack
        .pes
        .iter()
        .map(|pes| &bytes[pes.payload.clone()])
        .collect();
    let data = parts.concat();
    assert_eq!(data, frame.data);
    let [pts, dts, scr] =
        [frame.pts, frame.dts, frame.scr].map(|time| time.0 as u64 & ((1 << 33) - 1));
    assert_eq!(pack.scr, scr * 300);
    let times = pack.pes.iter().map(|pes| (pes.pts, pes.dts));
    let first = (Some(pts), Some(dts).filter(|dts| *dts != pts));
    let rest = std::iter::repeat_n((None, None), pack.pes.len() - 1);
    assert!(times.eq(std::iter::once(first).chain(rest)));
    let (stream_id, map) = match frame.payload {
        Payload::Audio(_) => (0xc0, None),
        Payload::Video { codec, audio, .. } => (0xe0, frame.is_key().then(|| map(codec, audio))),
    };
    assert!(pack.pes.iter().all(|pes| pes.stream_id == stream_id));
    assert_eq!(pack.map, map);
    assert_eq!(pack.has_system_header, frame.is_key());
}

/// GB/T 28181-2016 annex C.
fn map(codec: VideoCodec, audio: Option<AudioCodec>) -> Vec<(u8, u8)> {
    let video = match codec {
        VideoCodec::H264 => 0x1b,
        VideoCodec::H265 => 0x24,
    };
    let audio = audio.map(|audio| match audio {
        AudioCodec::Aac => (0x0f, 0xc0),
        AudioCodec::G711A => (0x90, 0xc0),
        AudioCodec::G711U => (0x91, 0xc0),
    });
    std::iter::once((video, 0xe0)).chain(audio).collect()
}

/// A session's packets, as they go by UDP or by TCP.
struct Sender {
    framing: Framing,
    packetizer: Packetizer,
    sequence: u16,
    last_time: Option<u32>,
}

impl Sender {
    fn new(framing: Framing, sequence: u16) -> Self {
        Self {
            framing,
            packetizer: Packetizer::new(Ssrc(7), 96, sequence),
            sequence,
            last_time: None,
        }
    }

    fn check(&mut self, pack: &Pack, bytes: &[u8]) {
        let packets = self.packetizer.cut(pack, self.framing);
        let (count, mut out) = (packets.count(), Vec::new());
        while out.len() < packets.len() {
            let (mut heads, mut slices) = (Heads::default(), Slices::default());
            packets.gather(out.len(), usize::MAX, &mut heads, &mut slices);
            for slice in slices.get() {
                out.extend_from_slice(slice);
            }
        }
        let packets = cut(self.framing, &out);
        assert_eq!(packets.len(), count);
        let mut payload = Vec::new();
        for (at, packet) in packets.iter().enumerate() {
            let read = rtp::Packet::parse(packet).expect("a packet that reads");
            assert_eq!((read.ssrc, read.payload_type), (7, 96));
            assert_eq!(read.sequence, self.sequence);
            assert_eq!(read.marker, at == count - 1);
            assert!(
                at > 0 || self.last_time != Some(read.timestamp),
                "two frames of one time"
            );
            assert!(
                at == 0 || self.last_time == Some(read.timestamp),
                "two times of one frame"
            );
            self.last_time = Some(read.timestamp);
            self.sequence = self.sequence.wrapping_add(1);
            payload.extend_from_slice(&packet[read.payload]);
        }
        assert_eq!(payload, bytes);
    }
}

fn cut(framing: Framing, mut bytes: &[u8]) -> Vec<&[u8]> {
    if framing == Framing::Datagrams {
        return bytes.chunks(HEADER_LEN + PAYLOAD_MAX).collect();
    }
    let mut packets = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<2>() {
        let (packet, rest) = rest.split_at(usize::from(u16::from_be_bytes(*length)));
        packets.push(packet);
        bytes = rest;
    }
    packets
}

const BYTES_MAX: usize = 400_000;
