//! Holds the packets of one session against GB/T 28181-2016 annex C and RFC 3550, and keeps what is asked.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use anyhow::Context as _;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use super::elementary;
use super::ps::{self, Pack};
use super::recording::{Keep, Recording, Stats, Unit};
use super::rtp::{Order, PAYLOAD_BYTES_MAX, Packet, Sequence};

/// The checks of one session.
#[derive(Debug)]
pub struct Checker {
    keep: Keep,
    ssrc: Option<u32>,
    sequence: Sequence,
    frame: Frame,
    last_timestamp: Option<u32>,
    clock: Clock,
    files: Option<Files>,
    recording: Recording,
}

/// The frame whose packets are coming.
#[derive(Debug, Default)]
struct Frame {
    bytes: Vec<u8>,
    timestamp: Option<u32>,
    is_damaged: bool,
}

/// The times of the packs so far.
#[derive(Debug, Default)]
struct Clock {
    scr: Option<u64>,
    dts: BTreeMap<u8, u64>,
    rtp_offset: Option<u32>,
}

#[derive(Debug)]
struct Files {
    ps: BufWriter<File>,
    audio: BufWriter<File>,
}

impl Checker {
    /// Starts the checks; `ssrc` is what the answer's `y=` names.
    ///
    /// # Errors
    /// When the files of [`Keep::Record`] cannot be made.
    pub fn new(keep: Keep, ssrc: Option<u32>) -> anyhow::Result<Self> {
        let mut recording = Recording::default();
        let files = match &keep {
            Keep::Record(path) => {
                let (ps, audio) = (path.with_extension("ps"), path.with_extension("audio"));
                let files = Files {
                    ps: create(&ps)?,
                    audio: create(&audio)?,
                };
                (recording.ps, recording.audio) = (Some(ps), Some(audio));
                Some(files)
            }
            Keep::Count | Keep::Hash => None,
        };
        Ok(Self {
            keep,
            ssrc,
            sequence: Sequence::default(),
            frame: Frame::default(),
            last_timestamp: None,
            clock: Clock::default(),
            files,
            recording,
        })
    }

    /// The state so far.
    pub fn stats(&self) -> &Stats {
        &self.recording.stats
    }

    /// The RTP time of now, by the last whole frame and the time that has passed since the last packet, and
    /// the SSRC.
    pub fn rtp_time(&self, now: Instant) -> Option<(u32, u32)> {
        let silence = now.duration_since(self.recording.stats.last_packet?);
        // Modulo 2³² as RTP time is (RFC 3550 §5.1), at 90 ticks a millisecond.
        let ticks = (silence.as_millis() * 90) as u32;
        Some((self.last_timestamp?.wrapping_add(ticks), self.ssrc?))
    }

    /// Notes a broken rule; the first of them are kept in words.
    pub fn violation(&mut self, what: impl Into<String>) {
        self.recording.stats.violations += 1;
        if self.recording.violations.len() < VIOLATIONS_KEPT_MAX {
            let what = what.into();
            self.recording
                .violations
                .push(format!("packet {}: {what}", self.recording.stats.packets));
        }
    }

    /// Counts a sender report.
    pub fn handle_sender_report(&mut self) {
        self.recording.stats.sender_reports += 1;
    }

    /// Notes that the peer closed.
    pub fn handle_close(&mut self) {
        self.recording.stats.is_closed = true;
    }

    /// Takes one RTP packet.
    pub fn handle_packet(&mut self, now: Instant, bytes: &[u8]) {
        let stats = &mut self.recording.stats;
        stats.packets += 1;
        stats.bytes += bytes.len() as u64;
        stats.first_packet.get_or_insert(now);
        stats.last_packet = Some(now);
        let packet = match Packet::parse(bytes) {
            Ok(packet) => packet,
            Err(what) => return self.violation(what),
        };
        self.check_header(&packet);
        match self.sequence.handle(packet.sequence) {
            Order::Next => {}
            Order::Gap(missing) => {
                self.recording.stats.lost += u64::from(missing);
                self.frame.is_damaged = true;
            }
            Order::Late => {
                self.recording.stats.reordered += 1;
                return;
            }
        }
        self.check_timestamp(packet.timestamp);
        if self.keep != Keep::Count {
            self.frame
                .bytes
                .extend_from_slice(&bytes[packet.payload.clone()]);
        }
        if packet.marker {
            self.finish_frame(now, packet.timestamp);
        }
    }

    /// Ends the session; a frame without its marker is left out.
    ///
    /// # Errors
    /// When the files cannot be written.
    pub fn finish(mut self) -> anyhow::Result<Recording> {
        if let Some(files) = &mut self.files {
            files.ps.flush()?;
            files.audio.flush()?;
        }
        Ok(self.recording)
    }

    fn check_header(&mut self, packet: &Packet) {
        if packet.payload_type != 96 {
            self.violation(format!("payload type {}", packet.payload_type));
        }
        let expected = *self.ssrc.get_or_insert(packet.ssrc);
        if packet.ssrc != expected {
            self.violation(format!("SSRC {} instead of {expected}", packet.ssrc));
        }
        if packet.payload.len() > PAYLOAD_BYTES_MAX || packet.payload.is_empty() {
            self.violation(format!("payload of {} bytes", packet.payload.len()));
        }
    }

    fn check_timestamp(&mut self, timestamp: u32) {
        match self.frame.timestamp {
            Some(open) if open == timestamp => return,
            Some(open) if !self.frame.is_damaged => {
                self.violation(format!(
                    "timestamp {open} became {timestamp} inside a frame"
                ));
                self.frame.is_damaged = true;
            }
            None if self.last_timestamp == Some(timestamp) && !self.frame.is_damaged => {
                self.violation(format!("two frames with the timestamp {timestamp}"));
            }
            Some(_) | None => {}
        }
        self.frame.bytes.clear();
        self.frame.timestamp = Some(timestamp);
    }

    fn finish_frame(&mut self, now: Instant, timestamp: u32) {
        let is_damaged = std::mem::take(&mut self.frame.is_damaged);
        self.frame.timestamp = None;
        self.last_timestamp = Some(timestamp);
        self.recording.stats.frames += 1;
        if self.keep == Keep::Count {
            self.recording.stats.first_key_frame.get_or_insert(now);
            return;
        }
        let bytes = std::mem::take(&mut self.frame.bytes);
        if !is_damaged {
            match ps::parse(&bytes) {
                Ok(pack) => self.handle_pack(now, timestamp, &pack, &bytes),
                Err(what) => self.violation(what),
            }
        }
        self.frame.bytes = bytes;
        self.frame.bytes.clear();
    }

    fn handle_pack(&mut self, now: Instant, timestamp: u32, pack: &Pack, bytes: &[u8]) {
        let is_key = pack.map.is_some();
        if is_key != pack.has_system_header {
            self.violation("stream map and system header do not come together");
        }
        if is_key {
            self.recording.stats.key_frames += 1;
            self.recording.stats.first_key_frame.get_or_insert(now);
        } else if self.recording.stats.key_frames == 0 {
            self.violation("the session does not begin with a key frame");
        }
        if let Some(map) = &pack.map {
            self.check_map(map);
        }
        let Some((stream_id, pts, dts)) = self.check_times(timestamp, pack) else {
            return;
        };
        let mut payload = Vec::with_capacity(bytes.len());
        for pes in &pack.pes {
            payload.extend_from_slice(&bytes[pes.payload.clone()]);
        }
        let kind = self
            .recording
            .map
            .iter()
            .find(|(_, id)| *id == stream_id)
            .map(|(kind, _)| *kind);
        let wrong = match kind {
            Some(kind) => elementary::wrong_with(kind, is_key, &payload),
            None => Some("a stream that the map does not name".into()),
        };
        if let Some(what) = wrong {
            self.violation(format!("{stream_id:02x}: {what}"));
        }
        if self.keep == Keep::Hash {
            let sha256 = Sha256::digest(&payload).into();
            self.recording.units.push(Unit {
                stream_id,
                is_key,
                pts,
                dts,
                bytes: payload.len(),
                sha256,
            });
        }
        let is_audio = stream_id < 0xE0;
        if is_audio {
            self.recording.audio_bytes += payload.len() as u64;
        }
        let written = self.files.as_mut().map(|files| {
            files.ps.write_all(bytes)?;
            if is_audio {
                files.audio.write_all(&payload)
            } else {
                Ok(())
            }
        });
        if let Some(Err(error)) = written {
            self.violation(format!("cannot record: {error}"));
        }
    }

    fn check_map(&mut self, map: &[(u8, u8)]) {
        for (kind, id) in map {
            let range = if matches!(kind, 0x10 | 0x1B | 0x24 | 0x80) {
                0xE0..0xF0
            } else {
                0xC0..0xE0
            };
            if !matches!(kind, 0x10 | 0x1B | 0x24 | 0x80 | 0x0F | 0x90 | 0x91)
                || !range.contains(id)
            {
                self.violation(format!("map has stream type {kind:02x} as {id:02x}"));
            }
        }
        if self.recording.map != map {
            self.recording.map = map.to_vec();
        }
    }

    /// Checks the clocks of a pack and returns its stream with PTS and DTS.
    fn check_times(&mut self, timestamp: u32, pack: &Pack) -> Option<(u8, u64, u64)> {
        let first = pack.pes.first()?;
        let Some(pts) = first.pts else {
            self.violation("the first PES has no PTS");
            return None;
        };
        let dts = first.dts.unwrap_or(pts);
        if pack.pes.iter().any(|pes| pes.stream_id != first.stream_id) {
            self.violation("two streams in one pack");
        }
        if pts < dts {
            self.violation(format!("PTS {pts} before DTS {dts}"));
        }
        if let Some(scr) = self.clock.scr.replace(pack.scr)
            && scr >= pack.scr
        {
            self.violation(format!("SCR {} after {scr}", pack.scr));
        }
        if pack.scr / 300 > dts {
            self.violation(format!("SCR {} behind DTS {dts}", pack.scr / 300));
        }
        if let Some(last) = self.clock.dts.insert(first.stream_id, dts)
            && last >= dts
        {
            self.violation(format!("{:02x}: DTS {dts} after {last}", first.stream_id));
        }
        let low = u32::try_from(dts & u64::from(u32::MAX)).unwrap_or_default();
        let offset = timestamp.wrapping_sub(low);
        let drift = offset.wrapping_sub(*self.clock.rtp_offset.get_or_insert(offset));
        if drift.min(drift.wrapping_neg()) > RTP_DRIFT_TICKS_MAX {
            self.violation(format!(
                "RTP timestamp {timestamp} does not follow DTS {dts}"
            ));
            self.clock.rtp_offset = Some(offset);
        }
        Some((first.stream_id, pts, dts))
    }
}

fn create(path: &Path) -> anyhow::Result<BufWriter<File>> {
    let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(BufWriter::with_capacity(1 << 20, file))
}

/// Enough to see what is wrong.
const VIOLATIONS_KEPT_MAX: usize = 20;

/// Timestamps of neighbouring audio and video frames may be moved apart by a little.
const RTP_DRIFT_TICKS_MAX: u32 = 90;

#[cfg(test)]
mod tests {
    use super::super::ps::tests::pack;
    use super::*;

    const MAP: &[(u8, u8)] = &[(0x1B, 0xE0)];
    const IDR: &[u8] = &[0, 0, 0, 1, 0x67, 1, 0, 0, 1, 0x65, 9];
    const SLICE: &[u8] = &[0, 0, 0, 1, 0x41, 9];

    /// Two frames, the first of two packets, as (sequence, timestamp, marker, payload).
    fn session() -> Vec<(u16, u32, bool, Vec<u8>)> {
        let key = pack(3600, Some(MAP), 0xE0, IDR);
        let (head, tail) = key.split_at(40);
        vec![
            (9, 3600, false, head.to_vec()),
            (10, 3600, true, tail.to_vec()),
            (11, 7200, true, pack(7200, None, 0xE0, SLICE)),
        ]
    }

    fn check(packets: &[(u16, u32, bool, Vec<u8>)]) -> Recording {
        let mut checker = Checker::new(Keep::Hash, Some(5)).unwrap();
        for (sequence, timestamp, marker, payload) in packets {
            let mut bytes = vec![0x80, 96 | u8::from(*marker) << 7];
            bytes.extend(sequence.to_be_bytes());
            bytes.extend(timestamp.to_be_bytes());
            bytes.extend(5_u32.to_be_bytes());
            bytes.extend(payload);
            checker.handle_packet(Instant::now(), &bytes);
        }
        checker.finish().unwrap()
    }

    #[test]
    fn a_right_session_breaks_no_rule() {
        let recording = check(&session());
        assert_eq!(recording.violations, Vec::<String>::new());
        assert_eq!(
            (
                recording.stats.frames,
                recording.stats.key_frames,
                recording.units.len()
            ),
            (2, 1, 2)
        );
        assert_eq!(
            recording.units[0].sha256,
            <[u8; 32]>::from(Sha256::digest(IDR))
        );
        assert_eq!(recording.video_type(), Some(0x1B));
    }

    #[test]
    fn what_does_not_begin_with_a_key_frame_is_found() {
        let recording = check(&session()[2..]);
        assert!(
            recording.violations[0].contains("begin with a key frame"),
            "{:?}",
            recording.violations
        );
    }

    #[test]
    fn one_marker_and_one_timestamp_a_frame_are_asked() {
        let mut packets = session();
        packets[1].2 = false;
        assert!(check(&packets).violations[0].contains("inside a frame"));
        let mut packets = session();
        packets[2].1 = 3600;
        assert!(check(&packets).violations[0].contains("two frames"));
    }

    #[test]
    fn a_lost_packet_is_counted_and_its_frame_left_out() {
        let mut packets = session();
        packets.remove(1);
        let recording = check(&packets);
        assert_eq!((recording.stats.lost, recording.units.len()), (1, 0));
        assert_eq!(recording.violations, Vec::<String>::new());
    }

    #[test]
    fn a_clock_that_stands_still_is_found() {
        let mut packets = session();
        packets[2].3 = pack(3600, None, 0xE0, SLICE);
        let violations = check(&packets).violations;
        assert!(
            violations.iter().any(|what| what.contains("SCR")),
            "{violations:?}"
        );
        assert!(
            violations
                .iter()
                .any(|what| what.contains("DTS 3600 after 3600")),
            "{violations:?}"
        );
    }

    #[test]
    fn audio_before_the_map_names_it_is_found() {
        let mut packets = session();
        packets.push((12, 7300, true, pack(7300, None, 0xC0, &[1; 160])));
        assert!(check(&packets).violations[0].contains("map does not name"));
    }
}
