//! Program stream packs (ISO/IEC 13818-1 §2.5), read strictly: what is not exactly right is an error.
//!
//! ```text
//! key frame:  pack header | system header | stream map | PES …
//! other:      pack header | PES …
//! ```

use std::ops::Range;

/// One pack, as far as GB/T 28181-2016 annex C uses it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Pack {
    /// System clock reference in 27 MHz ticks.
    pub scr: u64,
    /// A system header was in it.
    pub has_system_header: bool,
    /// The streams of its map, as (stream type, stream id).
    pub map: Option<Vec<(u8, u8)>>,
    /// Its PES in their order.
    pub pes: Vec<Pes>,
}

/// One PES of a pack.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pes {
    /// 0xE0 is video, 0xC0 audio.
    pub stream_id: u8,
    /// Presentation time, 90 kHz.
    pub pts: Option<u64>,
    /// Decoding time where it differs.
    pub dts: Option<u64>,
    /// Where its payload lies in the pack.
    pub payload: Range<usize>,
}

/// Reads the bytes of one whole frame, which must be one whole pack.
///
/// # Errors
/// In words, what is not as the standard has it, and at which byte.
pub fn parse(bytes: &[u8]) -> Result<Pack, String> {
    let mut pack = Pack::default();
    let mut at = pack_header(bytes, &mut pack)?;
    while at < bytes.len() {
        let unit = &bytes[at..];
        let [0, 0, 1, id, high, low, ..] = unit else {
            return Err(format!("no start code at byte {at} of {}", bytes.len()));
        };
        let length = 6 + usize::from(u16::from_be_bytes([*high, *low]));
        let body = unit
            .get(6..length)
            .ok_or_else(|| format!("unit {id:02x} at byte {at} passes the end of the pack"))?;
        match id {
            0xBB if !pack.has_system_header && pack.map.is_none() && pack.pes.is_empty() => {
                system_header(body)?;
                pack.has_system_header = true;
            }
            0xBC if pack.map.is_none() && pack.pes.is_empty() => {
                pack.map = Some(stream_map(&unit[..length])?);
            }
            0xC0..=0xEF => {
                let mut pes = pes(*id, body)?;
                pes.payload = at + 6 + pes.payload.start..at + 6 + pes.payload.end;
                pack.pes.push(pes);
            }
            0xBE => {}
            other => return Err(format!("unit {other:02x} at byte {at} is not for here")),
        }
        at += length;
    }
    if pack.pes.is_empty() {
        Err("pack without PES".into())
    } else {
        Ok(pack)
    }
}

fn pack_header(bytes: &[u8], pack: &mut Pack) -> Result<usize, String> {
    let Some(([0, 0, 1, 0xBA], rest)) = bytes.split_first_chunk::<4>() else {
        return Err("frame does not begin with a pack header".into());
    };
    let [a, b, c, d, e, f, g, h, i, stuffing, ..] = rest else {
        return Err("pack header cut off".into());
    };
    let markers = [
        a >> 6 == 0b01,
        a & 4 != 0,
        c & 4 != 0,
        e & 4 != 0,
        f & 1 != 0,
        i & 3 == 3,
    ];
    if markers.contains(&false) {
        return Err(format!("marker bits of the pack header: {markers:?}"));
    }
    let (a, b, c, d, e, f) = (
        u64::from(*a),
        u64::from(*b),
        u64::from(*c),
        u64::from(*d),
        u64::from(*e),
        u64::from(*f),
    );
    let base = (a >> 3 & 7) << 30
        | (a & 3) << 28
        | b << 20
        | (c >> 3) << 15
        | (c & 3) << 13
        | d << 5
        | e >> 3;
    let extension = (e & 3) << 7 | f >> 1;
    let rate = u32::from(*g) << 14 | u32::from(*h) << 6 | u32::from(*i) >> 2;
    if extension >= 300 || rate == 0 {
        return Err(format!(
            "SCR extension {extension}, program_mux_rate {rate}"
        ));
    }
    pack.scr = base * 300 + extension;
    let stuffing = usize::from(stuffing & 7);
    if rest
        .get(10..10 + stuffing)
        .is_none_or(|bytes| bytes.iter().any(|byte| *byte != 0xFF))
    {
        return Err("stuffing of the pack header".into());
    }
    Ok(14 + stuffing)
}

fn system_header(body: &[u8]) -> Result<(), String> {
    let (fixed, mut streams) = body.split_at_checked(6).ok_or("system header cut off")?;
    if fixed[0] & 0x80 == 0 || fixed[2] & 1 == 0 || fixed[4] & 0x20 == 0 {
        return Err("marker bits of the system header".into());
    }
    while let [id, bound, _, rest @ ..] = streams {
        if *id < 0xB8 || bound >> 6 != 0b11 {
            return Err(format!("stream {id:02x} of the system header"));
        }
        streams = rest;
    }
    if streams.is_empty() {
        Ok(())
    } else {
        Err("system header has bytes left over".into())
    }
}

/// Reads a program stream map, start code and CRC included.
fn stream_map(unit: &[u8]) -> Result<Vec<(u8, u8)>, String> {
    let cut_off = || "stream map cut off".to_owned();
    if crc32(unit) != 0 {
        return Err("CRC-32 of the stream map".into());
    }
    let body = unit
        .get(6..unit.len().saturating_sub(4))
        .ok_or_else(cut_off)?;
    let [version, marker, i1, i2, rest @ ..] = body else {
        return Err(cut_off());
    };
    if version & 0x80 == 0 || marker & 1 == 0 {
        return Err("stream map is not current, or its marker bit is missing".into());
    }
    let info = usize::from(u16::from_be_bytes([*i1, *i2]));
    let [m1, m2, rest @ ..] = rest.get(info..).ok_or_else(cut_off)? else {
        return Err(cut_off());
    };
    if usize::from(u16::from_be_bytes([*m1, *m2])) != rest.len() {
        return Err(format!(
            "elementary_stream_map_length is not {}",
            rest.len()
        ));
    }
    let mut streams = Vec::new();
    let mut left = rest;
    while let [stream_type, id, l1, l2, after @ ..] = left {
        streams.push((*stream_type, *id));
        left = after
            .get(usize::from(u16::from_be_bytes([*l1, *l2]))..)
            .ok_or_else(cut_off)?;
    }
    if left.is_empty() && !streams.is_empty() {
        Ok(streams)
    } else {
        Err("stream map has bytes left over".into())
    }
}

fn pes(stream_id: u8, body: &[u8]) -> Result<Pes, String> {
    let wrong = |what: &str| format!("PES {stream_id:02x}: {what}");
    let [first, flags, header, rest @ ..] = body else {
        return Err(wrong("header cut off"));
    };
    if first >> 6 != 0b10 {
        return Err(wrong("marker bits"));
    }
    let header = usize::from(*header);
    let fields = rest.get(..header).ok_or_else(|| wrong("header length"))?;
    let (pts, dts) = match flags >> 6 {
        0b00 => (None, None),
        0b10 => (Some(time(fields, 0b0010)), None),
        0b11 => (
            Some(time(fields, 0b0011)),
            Some(time(fields.get(5..).unwrap_or_default(), 0b0001)),
        ),
        _ => return Err(wrong("PTS_DTS_flags 01")),
    };
    let pts = pts.transpose().map_err(|what| wrong(&what))?;
    let dts = dts.transpose().map_err(|what| wrong(&what))?;
    if header == rest.len() {
        return Err(wrong("no payload"));
    }
    Ok(Pes {
        stream_id,
        pts,
        dts,
        payload: 3 + header..body.len(),
    })
}

fn time(fields: &[u8], prefix: u8) -> Result<u64, String> {
    let [a, b, c, d, e, ..] = fields else {
        return Err("time cut off".into());
    };
    if a >> 4 != prefix || a & c & e & 1 == 0 {
        return Err("marker bits of a time".into());
    }
    let (a, b, c, d, e) = (
        u64::from(*a),
        u64::from(*b),
        u64::from(*c),
        u64::from(*d),
        u64::from(*e),
    );
    Ok((a >> 1 & 7) << 30 | b << 22 | (c >> 1) << 15 | d << 7 | e >> 1)
}

/// CRC-32 of ISO/IEC 13818-1 annex A; over a section with its own CRC it is 0.
pub fn crc32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte) << 24, |crc, _| {
            if crc >> 31 == 1 {
                crc << 1 ^ 0x04C1_1DB7
            } else {
                crc << 1
            }
        })
    })
}

#[cfg(test)]
pub(in crate::platform) mod tests {
    use super::*;

    /// A pack by hand: system header and map on key frames, one PES with PTS.
    pub(in crate::platform) fn pack(
        time: u64,
        map: Option<&[(u8, u8)]>,
        stream_id: u8,
        payload: &[u8],
    ) -> Vec<u8> {
        let mut out = pack_start(time, map);
        pes_by_hand(&mut out, stream_id, (time, None), payload);
        out
    }

    /// A pack header, system header and map where wanted.
    pub(in crate::platform) fn pack_start(scr: u64, map: Option<&[(u8, u8)]>) -> Vec<u8> {
        let mut out = vec![0, 0, 1, 0xBA];
        out.push(byte(0x44 | (scr >> 30 & 7) << 3 | scr >> 28 & 3));
        out.push(byte(scr >> 20));
        out.push(byte((scr >> 15 & 0x1F) << 3 | 4 | scr >> 13 & 3));
        out.push(byte(scr >> 5));
        out.push(byte((scr & 0x1F) << 3 | 4));
        out.extend([1, 0, 0xFF, 0xFF, 0xF8]);
        if let Some(streams) = map {
            out.extend([
                0, 0, 1, 0xBB, 0, 12, 0x80, 0xC3, 0x51, 0, 0x20, 0xFF, 0xE0, 0xE0, 0x80, 0xC0,
                0xC0, 0x20,
            ]);
            let length = u8::try_from(streams.len() * 4).unwrap();
            let mut unit = vec![0, 0, 1, 0xBC, 0, 10 + length, 0xE1, 0xFF, 0, 0, 0, length];
            for (stream_type, id) in streams {
                unit.extend([*stream_type, *id, 0, 0]);
            }
            let crc = crc32(&unit);
            unit.extend(crc.to_be_bytes());
            out.extend(unit);
        }
        out
    }

    /// One PES with (PTS, DTS).
    pub(in crate::platform) fn pes_by_hand(
        out: &mut Vec<u8>,
        stream_id: u8,
        times: (u64, Option<u64>),
        payload: &[u8],
    ) {
        let (pts, dts) = times;
        let fields = if dts.is_some() { 10 } else { 5 };
        out.extend([0, 0, 1, stream_id]);
        out.extend(
            u16::try_from(payload.len() + 3 + fields)
                .unwrap()
                .to_be_bytes(),
        );
        let (flags, prefix) = if dts.is_some() {
            (0xC0, 0x30)
        } else {
            (0x80, 0x20)
        };
        out.extend([0x80, flags, u8::try_from(fields).unwrap()]);
        for (time, prefix) in [(Some(pts), prefix), (dts, 0x10)] {
            let Some(time) = time else { continue };
            out.extend([
                byte(prefix | 1 | (time >> 30 & 7) << 1),
                byte(time >> 22),
                byte(time >> 14 | 1),
            ]);
            out.extend([byte(time >> 7), byte(time << 1 | 1)]);
        }
        out.extend(payload);
    }

    fn byte(value: u64) -> u8 {
        u8::try_from(value & 0xFF).unwrap()
    }

    const STREAMS: &[(u8, u8)] = &[(0x1B, 0xE0), (0x90, 0xC0)];

    #[test]
    fn a_key_frame_pack_is_read() {
        let time = 0x1_2345_6789;
        let bytes = pack(time, Some(STREAMS), 0xE0, b"abc");
        let pack = parse(&bytes).unwrap();
        assert_eq!(pack.scr, time * 300);
        assert_eq!(pack.map.as_deref(), Some(STREAMS));
        assert!(pack.has_system_header);
        assert_eq!((pack.pes[0].pts, pack.pes[0].dts), (Some(time), None));
        assert_eq!(&bytes[pack.pes[0].payload.clone()], b"abc");
    }

    #[test]
    fn every_flipped_bit_before_the_payload_is_found_or_changes_a_value() {
        let good = pack(90_000, Some(STREAMS), 0xE0, b"abc");
        let expected = parse(&good).unwrap();
        let map = good
            .windows(4)
            .position(|window| window == [0, 0, 1, 0xBC])
            .unwrap();
        for bit in map * 8..(map + 24) * 8 {
            let mut bytes = good.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(
                parse(&bytes).is_err() || parse(&bytes) != Ok(expected.clone()),
                "bit {bit}"
            );
        }
    }

    #[test]
    fn a_cut_pack_and_foreign_units_are_refused() {
        let good = pack(90_000, None, 0xE0, b"abc");
        for end in 0..good.len() {
            assert!(parse(&good[..end]).is_err(), "cut at {end}");
        }
        let mut private = good;
        private.extend([0, 0, 1, 0xBD, 0, 1, 0]);
        assert!(parse(&private).is_err());
    }

    #[test]
    fn the_crc_is_that_of_mpeg_2() {
        assert_eq!(crc32(b"123456789"), 0x0376_E6E7);
    }
}
