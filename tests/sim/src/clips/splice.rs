//! Joins two encodings of the same pictures into one stream whose groups take turns between them.
//!
//! Each key frame carries the parameter sets of both, as cameras with two encoders behind one stream send them.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use bytes::Bytes;

use super::kind::Codec;
use super::load::{Packet, nals, packets};

/// A media file and its packet list.
pub(super) type Files = (PathBuf, PathBuf);

struct Encoding {
    packets: Vec<Packet>,
    units: Vec<Vec<Bytes>>,
}

/// Writes the groups of `first` and `second` in turns to `out`.
pub(super) fn alternate(
    codec: Codec,
    first: &Files,
    second: &Files,
    out: &Files,
) -> anyhow::Result<()> {
    let encodings = [read(first)?, read(second)?];
    ensure!(
        encodings[0].units.len() == encodings[1].units.len(),
        "the two encodings differ in length"
    );
    let sets: Vec<Bytes> = encodings
        .iter()
        .flat_map(|encoding| first_sets(codec, encoding))
        .collect();

    let mut media: Vec<u8> = Vec::new();
    let mut index = "#tb 0: 1/25\n".to_owned();
    let mut turn = 1;
    for n in 0..encodings[0].units.len() {
        let is_key = |unit: &[Bytes]| unit.iter().any(|nal| codec.is_key_slice(nal));
        let keys = [0, 1].map(|of| is_key(&encodings[of].units[n]));
        ensure!(
            keys[0] == keys[1],
            "the two encodings differ in where groups begin"
        );
        turn = if keys[0] { 1 - turn } else { turn };
        let unit = &encodings[turn].units[n];
        let nals = if keys[0] {
            with_all_sets(codec, unit, &sets)
        } else {
            unit.clone()
        };

        let before = media.len();
        for nal in nals {
            media.extend_from_slice(&[0, 0, 0, 1]);
            media.extend_from_slice(&nal);
        }
        let Packet {
            dts, pts, duration, ..
        } = encodings[turn].packets[n];
        writeln!(
            index,
            "0, {dts}, {pts}, {duration}, {}, 0x0",
            media.len() - before
        )?;
    }
    std::fs::write(&out.0, media).context("cannot write the joined media file")?;
    std::fs::write(&out.1, index).context("cannot write the joined packet list")
}

fn read((media, index): &Files) -> anyhow::Result<Encoding> {
    let bytes = Bytes::from(std::fs::read(media)?);
    let packets = packets(&std::fs::read_to_string(index)?)?;
    let mut units = Vec::with_capacity(packets.len());
    let mut at = 0;
    for packet in &packets {
        let end = at + packet.size;
        ensure!(
            end <= bytes.len(),
            "{} is shorter than its packet list",
            media.display()
        );
        units.push(nals(&bytes.slice(at..end)));
        at = end;
    }
    Ok(Encoding { packets, units })
}

fn first_sets(codec: Codec, encoding: &Encoding) -> Vec<Bytes> {
    let first = encoding.units.first().into_iter().flatten();
    first
        .filter(|nal| codec.is_parameter_set(nal))
        .cloned()
        .collect()
}

/// Puts `sets` where the unit's own parameter sets stand, which is after its delimiter.
fn with_all_sets(codec: Codec, unit: &[Bytes], sets: &[Bytes]) -> Vec<Bytes> {
    let at = unit
        .iter()
        .position(|nal| codec.is_parameter_set(nal))
        .unwrap_or_default();
    let (before, rest) = unit.split_at(at);
    let rest = rest.iter().filter(|nal| !codec.is_parameter_set(nal));
    before.iter().chain(sets).chain(rest).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_frame_gets_both_pairs_of_sets_after_its_delimiter() {
        let nal = |header: u8, mark: u8| Bytes::from(vec![header, mark]);
        let unit = [
            nal(9, 0),
            nal(0x67, 1),
            nal(0x68, 1),
            nal(6, 0),
            nal(0x65, 0),
        ];
        let sets = [nal(0x67, 0), nal(0x68, 0), nal(0x67, 1), nal(0x68, 1)];
        let joined = with_all_sets(Codec::H264, &unit, &sets);
        let headers: Vec<u8> = joined.iter().map(|nal| nal[0]).collect();
        assert_eq!(headers, [9, 0x67, 0x68, 0x67, 0x68, 6, 0x65]);
    }
}
