//! Reads a clip's files into access units.

use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;

use super::encode::index_of;
use super::kind::{ClipKind, Codec};
use super::{AccessUnit, AudioFormat, CLOCK, Clip};

/// Bytes of G.711 in a packet: 20 ms at 8 kHz.
const G711_PACKET: usize = 160;

/// Samples in an AAC-LC frame.
const AAC_SAMPLES: u64 = 1024;

/// Sampling rates by the index of ADTS and AudioSpecificConfig (ISO/IEC 14496-3 table 1.18).
const AAC_RATES: [u32; 13] = [
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000,
    7_350,
];

pub(super) fn load(kind: ClipKind, media: &Path) -> anyhow::Result<Clip> {
    let bytes = Bytes::from(std::fs::read(media)?);
    let (units, period, audio) = match kind.codec() {
        Codec::H264 | Codec::H265 => {
            let (units, period) = video(
                kind.codec(),
                &bytes,
                &std::fs::read_to_string(index_of(media))?,
            )?;
            (units, period, None)
        }
        Codec::Aac => aac(&bytes)?,
        Codec::G711A | Codec::G711U => g711(&bytes),
    };
    ensure!(
        units.first().is_some_and(|unit| unit.is_key),
        "does not begin with a key frame"
    );
    Ok(Clip::new(kind, media.to_owned(), units, period, audio))
}

/// A line of FFmpeg's `framecrc`: `stream, dts, pts, duration, size, checksum, …`.
pub(super) struct Packet {
    pub(super) dts: i64,
    pub(super) pts: i64,
    pub(super) duration: i64,
    pub(super) size: usize,
}

/// Reads a packet list; its times are in frames of 1/25 s.
pub(super) fn packets(index: &str) -> anyhow::Result<Vec<Packet>> {
    let frames_are_ticks = index.lines().any(|line| line.trim() == "#tb 0: 1/25");
    ensure!(frames_are_ticks, "the packet list is not timed in 1/25 s");
    let lines = index.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| packet(line).with_context(|| format!("packet list line {line:?}")))
        .collect()
}

fn packet(line: &str) -> anyhow::Result<Packet> {
    let fields: Vec<&str> = line.split(',').map(str::trim).collect();
    let [_, dts, pts, duration, size, ..] = fields[..] else {
        bail!("fields are missing")
    };
    Ok(Packet {
        dts: dts.parse()?,
        pts: pts.parse()?,
        duration: duration.parse()?,
        size: size.parse()?,
    })
}

fn video(codec: Codec, bytes: &Bytes, index: &str) -> anyhow::Result<(Vec<AccessUnit>, u64)> {
    const FRAME: i64 = CLOCK as i64 / 25;
    let packets = packets(index)?;
    let first = packets.first().context("the packet list is empty")?.dts;
    let ticks =
        |frames: i64| u64::try_from((frames - first) * FRAME).context("time runs backwards");
    let mut units = Vec::with_capacity(packets.len());
    let mut at = 0;
    for packet in &packets {
        let end = at + packet.size;
        ensure!(
            end <= bytes.len(),
            "the media file is shorter than its packet list"
        );
        let nals = nals(&bytes.slice(at..end));
        let is_key = nals.iter().any(|nal| codec.is_key_slice(nal));
        units.push(AccessUnit {
            nals,
            pts: ticks(packet.pts)?,
            dts: ticks(packet.dts)?,
            is_key,
        });
        at = end;
    }
    ensure!(
        at == bytes.len(),
        "the media file is longer than its packet list"
    );
    let end = packets.last().map_or(0, |last| last.dts + last.duration);
    Ok((units, ticks(end)?))
}

/// Cuts Annex B bytes into NAL units (ITU-T H.264 annex B.1): three-byte start codes, with zeros around them.
pub(super) fn nals(bytes: &Bytes) -> Vec<Bytes> {
    let mut starts: Vec<usize> = Vec::new();
    let mut at = 0;
    while at + 3 <= bytes.len() {
        // The third byte decides how far the next start code is at least.
        match bytes[at + 2] {
            0 => at += 1,
            1 if bytes[at] == 0 && bytes[at + 1] == 0 => {
                starts.push(at + 3);
                at += 3;
            }
            _ => at += 3,
        }
    }
    let ends = starts
        .iter()
        .skip(1)
        .map(|next| next - 3)
        .chain([bytes.len()]);
    let trimmed = |start: usize, end: usize| {
        let length = bytes[start..end]
            .iter()
            .rposition(|byte| *byte != 0)
            .map_or(0, |last| last + 1);
        bytes.slice(start..start + length)
    };
    starts
        .iter()
        .zip(ends)
        .map(|(start, end)| trimmed(*start, end))
        .filter(|nal| !nal.is_empty())
        .collect()
}

type Audio = (Vec<AccessUnit>, u64, Option<AudioFormat>);

fn g711(bytes: &Bytes) -> Audio {
    let duration = CLOCK / 50;
    let whole = bytes.len() / G711_PACKET;
    let units = (0..whole).map(|n| {
        let payload = bytes.slice(n * G711_PACKET..(n + 1) * G711_PACKET);
        audio_unit(payload, n as u64 * duration)
    });
    let format = AudioFormat {
        sample_rate: 8_000,
        channels: 1,
        config: None,
    };
    (units.collect(), whole as u64 * duration, Some(format))
}

/// Reads ADTS frames (ISO/IEC 13818-7 §6.2).
fn aac(bytes: &Bytes) -> anyhow::Result<Audio> {
    let mut format = None;
    let mut units = Vec::new();
    let mut at = 0;
    let mut duration = 0;
    while at < bytes.len() {
        let header = bytes.get(at..at + 7).context("an ADTS header is cut off")?;
        ensure!(
            header[0] == 0xff && header[1] & 0xf6 == 0xf0,
            "no ADTS syncword at byte {at}"
        );
        let has_crc = header[1] & 1 == 0;
        let object_type = (header[2] >> 6) + 1;
        let rate_index = header[2] >> 2 & 0xf;
        let channels = (header[2] & 1) << 2 | header[3] >> 6;
        let length = usize::from(header[3] & 3) << 11
            | usize::from(header[4]) << 3
            | usize::from(header[5]) >> 5;
        let payload_at = at + if has_crc { 9 } else { 7 };
        ensure!(
            payload_at < at + length && at + length <= bytes.len(),
            "bad ADTS length at byte {at}"
        );

        let sample_rate = *AAC_RATES
            .get(usize::from(rate_index))
            .context("reserved sampling rate")?;
        let config = [
            object_type << 3 | rate_index >> 1,
            rate_index << 7 | channels << 3,
        ];
        format = Some(AudioFormat {
            sample_rate,
            channels,
            config: Some(config),
        });
        duration = CLOCK * AAC_SAMPLES / u64::from(sample_rate);
        units.push(audio_unit(
            bytes.slice(payload_at..at + length),
            units.len() as u64 * duration,
        ));
        at += length;
    }
    let period = units.len() as u64 * duration;
    Ok((units, period, format))
}

fn audio_unit(payload: Bytes, time: u64) -> AccessUnit {
    AccessUnit {
        nals: vec![payload],
        pts: time,
        dts: time,
        is_key: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nal_units_are_cut_at_start_codes_of_either_length() {
        let bytes = Bytes::from_static(&[
            0, 0, 0, 1, 0x67, 1, 0, 0, 1, 0x68, 2, 0, 0, 0, 1, 0x65, 0, 0, 3, 1,
        ]);
        let cut: Vec<Vec<u8>> = nals(&bytes).iter().map(|nal| nal.to_vec()).collect();
        assert_eq!(cut, [vec![0x67, 1], vec![0x68, 2], vec![0x65, 0, 0, 3, 1]]);
    }

    #[test]
    fn decoding_times_start_at_zero_and_the_reorder_delay_stays() {
        let index = "#tb 0: 1/25\n0, -2, 0, 1, 6, 0xb0\n0, -1, 3, 1, 5, 0xc0\n";
        let bytes = Bytes::from_static(&[0, 0, 0, 1, 0x65, 9, 0, 0, 1, 0x41, 9]);
        let (units, period) = video(Codec::H264, &bytes, index).unwrap();
        let times: Vec<(u64, u64, bool)> = units
            .iter()
            .map(|unit| (unit.dts, unit.pts, unit.is_key))
            .collect();
        assert_eq!(times, [(0, 7200, true), (3600, 18_000, false)]);
        assert_eq!(period, 7200);
    }

    #[test]
    fn an_adts_header_becomes_an_audio_specific_config() {
        // AAC-LC, 48 kHz, mono, 9 bytes in all.
        let bytes = Bytes::from_static(&[0xff, 0xf1, 0x4c, 0x40, 0x01, 0x3f, 0xfc, 0x12, 0x34]);
        let (units, period, format) = aac(&bytes).unwrap();
        let format = format.unwrap();
        assert_eq!(
            (format.sample_rate, format.channels, format.config),
            (48_000, 1, Some([0x11, 0x88]))
        );
        assert_eq!(units[0].nals, [Bytes::from_static(&[0x12, 0x34])]);
        assert_eq!(period, 1920);
    }

    #[test]
    fn a_media_file_that_does_not_fit_its_packet_list_is_refused() {
        let bytes = Bytes::from_static(&[0, 0, 1, 0x65]);
        assert!(video(Codec::H264, &bytes, "#tb 0: 1/25\n0, 0, 0, 1, 9, 0xb0\n").is_err());
    }
}
