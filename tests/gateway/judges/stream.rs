//! Readers of a program stream: FFmpeg, GStreamer's mpegpsdemux, the mpeg-ps crate and tshark.

use std::path::Path;

use mpeg_ps::program_stream::{Pack, parse_all_packs, parse_pack};

use super::recording::{GOP, Recording};
use super::tools::{program, run, script};

/// What the mpeg-ps crate finds in a stream.
#[derive(Debug)]
pub(super) struct Packs {
    /// How many packs: one a frame.
    pub(super) count: usize,
    /// Packs with pictures.
    pub(super) pictures: usize,
    /// The stream types of the last map.
    pub(super) stream_types: Vec<u8>,
    /// The sound, put together.
    pub(super) sound: Vec<u8>,
}

impl Packs {
    /// Reads every pack to the last byte.
    pub(super) fn read(stream: &[u8]) -> Self {
        let (stream, heads) = apart(stream);
        let maps: Vec<Vec<u8>> = heads.iter().map(|head| map_of(head)).collect();
        let (packs, rest) = parse_all_packs(&stream).expect("mpeg-ps reads every pack");
        assert!(rest.is_empty(), "{} bytes are left", rest.len());
        let clocks: Vec<u64> = packs.iter().map(|p| p.pack_header.scr.ticks()).collect();
        assert!(clocks.is_sorted_by(|a, b| a < b), "SCR: {clocks:?}");
        let has_header = |pack: &&Pack<'_>| pack.system_header.is_some();
        assert!(packs.first().as_ref().is_some_and(has_header));
        assert_eq!(packs.iter().filter(has_header).count(), heads.len());
        let has = |id: u8| {
            packs.iter().filter(move |pack| {
                let mut units = pack.pes_packets.iter();
                units.any(|unit| unit.stream_id.0 == id)
            })
        };
        let sound = has(AUDIO).flat_map(|pack| &pack.pes_packets);
        Self {
            count: packs.len(),
            pictures: has(VIDEO).count(),
            stream_types: maps.last().expect("there is a map").clone(),
            sound: sound.flat_map(|unit| unit.payload).copied().collect(),
        }
    }
}

/// Takes the maps out of a stream; returns the rest, and each pack header, system header and map.
///
/// Version 0.6.0 of mpeg-ps takes the length of a map to be without its CRC-32, unlike the standard
/// (ISO/IEC 13818-1 §2.5.4.2), FFmpeg, GStreamer and tshark; so the maps are given to it one by one.
fn apart(stream: &[u8]) -> (Vec<u8>, Vec<Vec<u8>>) {
    let mut rest = Vec::new();
    let mut heads = Vec::new();
    let mut from = 0;
    for start in 0..stream.len() {
        let Some(header) = stream[start..].strip_prefix(PACK) else {
            continue;
        };
        // A pack header has 14 bytes; the length of what follows counts from behind its own field.
        let system = start + 14;
        if !header[10..].starts_with(SYSTEM) {
            continue;
        }
        let map = system + 6 + length(&stream[system..]);
        assert!(
            stream[map..].starts_with(MAP),
            "a system header brings a map"
        );
        let end = map + 6 + length(&stream[map..]);
        rest.extend_from_slice(&stream[from..map]);
        heads.push(stream[start..end].to_vec());
        from = end;
    }
    rest.extend_from_slice(&stream[from..]);
    (rest, heads)
}

/// The stream types of a map, by mpeg-ps: the CRC-32 over a map and its own CRC-32 is nought, which is
/// what it is given as the one that it looks for behind them.
fn map_of(head: &[u8]) -> Vec<u8> {
    let head = [head, &[0; 4]].concat();
    let (pack, _) = parse_pack(&head).expect("mpeg-ps reads the map");
    let map = pack.and_then(|pack| pack.psm).expect("a map");
    let rows = map.elementary_stream_map.iter();
    rows.map(|row| row.stream_type).collect()
}

fn length(packet: &[u8]) -> usize {
    usize::from(u16::from_be_bytes([packet[4], packet[5]]))
}

/// FFmpeg decodes without a word, and every picture is the recording's own, in order, from a key frame on.
pub(super) async fn ffmpeg_sees(stream: &Path, recording: &Recording, original: &Path) -> usize {
    let (seen, said) = pictures(stream).await;
    let trouble: Vec<&str> = said
        .lines()
        .filter(|line| !(recording.raw_audio.is_some() && is_taken_for_mp2(line)))
        .collect();
    assert!(trouble.is_empty(), "FFmpeg: {}", trouble.join("\n"));
    let (shown, said) = pictures(original).await;
    assert_eq!(said, "", "FFmpeg on the recording itself");
    let starts = (0..shown.len()).step_by(GOP);
    let same = starts.filter(|start| shown[*start..].starts_with(&seen));
    assert_eq!(
        same.count(),
        1,
        "the pictures are not those of the recording"
    );
    if recording.raw_audio.is_none() {
        let mut ffmpeg = program("ffmpeg");
        ffmpeg.args(["-v", "error", "-i"]).arg(stream);
        let output = run(ffmpeg.args(["-map", "0:a", "-f", "null", "-"])).await;
        assert!(output.stderr.is_empty(), "FFmpeg: {output:?}");
    }
    seen.len()
}

/// The sound is a piece of the recording's, byte by byte.
pub(super) async fn sound_is_of(recording: &Recording, original: &Path, sound: &[u8]) {
    let Some(muxer) = recording.raw_audio else {
        return;
    };
    let mut ffmpeg = program("ffmpeg");
    ffmpeg.args(["-v", "error", "-i"]).arg(original);
    ffmpeg.args(["-map", "0:a", "-c", "copy", "-f", muxer, "-"]);
    let whole = run(&mut ffmpeg).await.stdout;
    assert!(sound.len() > 8000, "only {} samples of sound", sound.len());
    let is_piece = whole.windows(sound.len()).any(|piece| piece == sound);
    assert!(is_piece, "the sound is not the recording's");
}

/// What GStreamer found and decoded: `video x-h264 UNITS PICTURES`, and sound where it knows it.
pub(super) async fn gstreamer_sees(stream: &Path) -> Vec<String> {
    let output = run(script("ps_reader.py").arg(stream)).await;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().map(str::to_owned).collect()
}

/// How many packs tshark finds, which must find nothing malformed in them.
pub(super) async fn tshark_sees(stream: &Path) -> usize {
    let mut tshark = program("tshark");
    tshark.arg("-r").arg(stream);
    let lines = run(&mut tshark).await.stdout;
    let lines = String::from_utf8_lossy(&lines);
    let trouble = lines.lines().find(|line| line.contains("Malformed"));
    assert!(trouble.is_none(), "tshark: {trouble:?}");
    let packs = lines.lines().filter(|line| line.contains("pack-header"));
    packs.count()
}

async fn pictures(file: &Path) -> (Vec<String>, String) {
    let mut ffmpeg = program("ffmpeg");
    ffmpeg.args(["-v", "error", "-i"]).arg(file);
    let output = run(ffmpeg.args(["-map", "0:v", "-f", "framemd5", "-"])).await;
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    let hashes = lines.lines().filter(|line| !line.starts_with('#'));
    let hash = |line: &str| {
        line.rsplit(',')
            .next()
            .unwrap_or_default()
            .trim()
            .to_owned()
    };
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (hashes.map(hash).collect(), said)
}

/// FFmpeg knows no G.711 in a program stream, whatever the map says, and tries its decoder for MPEG audio.
fn is_taken_for_mp2(line: &str) -> bool {
    line.starts_with("[mp2 @") && line.ends_with("Header missing")
}

const PACK: &[u8] = &[0, 0, 1, 0xba];
const SYSTEM: &[u8] = &[0, 0, 1, 0xbb];
const MAP: &[u8] = &[0, 0, 1, 0xbc];
const VIDEO: u8 = 0xe0;
const AUDIO: u8 = 0xc0;
