//! What cameras give in a time, by their clips.

use std::time::Duration;

use huiju_sim::clips::{CLOCK, Clip, Codec};

/// What a camera gives.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expected {
    tracks: Vec<Track>,
}

/// A clip over and over.
#[derive(Clone, Debug)]
struct Track {
    /// Ticks of a turn.
    period: u64,
    /// When each frame is due, in ticks.
    due: Vec<u64>,
    /// Bytes of each frame as the encoder wrote it, start codes left out.
    frames: Vec<u64>,
    /// Bytes of each in a program stream.
    packs: Vec<u64>,
    /// How many of them decoding may start at.
    keys: u64,
}

/// How much it is at least and at most, whenever the time begins.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bounds {
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Expected {
    /// Reads it off the clips.
    pub(crate) fn of<'a>(clips: impl Iterator<Item = &'a Clip>) -> Self {
        Self {
            tracks: clips.map(Track::of).collect(),
        }
    }

    /// Bits of frames in a second.
    pub(crate) fn bits_per_second(&self) -> f64 {
        let tracks = self.tracks.iter();
        tracks
            .map(|track| {
                let bytes: u64 = track.frames.iter().sum();
                (bytes * 8 * CLOCK) as f64 / track.period as f64
            })
            .sum()
    }

    /// Bytes of a frame of video, on average.
    pub(crate) fn frame_bytes(&self) -> usize {
        let track = self.tracks.first();
        track.map_or(1, |track| {
            track.frames.iter().sum::<u64>() as usize / track.frames.len().max(1)
        })
    }

    /// Bytes of a group of pictures, on average.
    pub(crate) fn group_bytes(&self) -> f64 {
        let track = self.tracks.first();
        track.map_or(0.0, |track| {
            track.frames.iter().sum::<u64>() as f64 / track.keys.max(1) as f64
        })
    }

    /// Frames in a time.
    pub(crate) fn frames(&self, time: Duration) -> Bounds {
        self.bounds(time, |track| vec![1; track.due.len()])
    }

    /// Bits of frames in a time.
    pub(crate) fn frame_bits(&self, time: Duration) -> Bounds {
        self.bounds(time, |track| {
            track.frames.iter().map(|bytes| bytes * 8).collect()
        })
    }

    /// Bits of a program stream in a time, as far as they do not depend on the muxer's choices.
    pub(crate) fn pack_bits(&self, time: Duration) -> Bounds {
        self.bounds(time, |track| {
            track.packs.iter().map(|bytes| bytes * 8).collect()
        })
    }

    fn bounds(&self, time: Duration, weights: impl Fn(&Track) -> Vec<u64>) -> Bounds {
        let mut sum = Bounds::default();
        for track in &self.tracks {
            let bounds = track.bounds(time, &weights(track));
            sum.least += bounds.least;
            sum.most += bounds.most;
        }
        sum
    }
}

impl Track {
    fn of(clip: &Clip) -> Self {
        let units = clip.units();
        let per_nal = match clip.codec() {
            Codec::H264 | Codec::H265 => START_CODE_BYTES,
            Codec::Aac => ADTS_BYTES,
            Codec::G711A | Codec::G711U => 0,
        };
        let bytes = |per_nal: usize| {
            let bytes = move |nal: &[u8]| (nal.len() + per_nal) as u64;
            let frames = units.iter();
            frames.map(move |unit| unit.nals.iter().map(|nal| bytes(nal)).sum::<u64>())
        };
        Self {
            period: clip.period(),
            due: units.iter().map(|unit| unit.dts).collect(),
            frames: bytes(0).collect(),
            keys: units.iter().filter(|unit| unit.is_key).count() as u64,
            packs: bytes(per_nal)
                .map(|bytes| bytes + (PACK_HEADER_BYTES + PES_BYTES) as u64)
                .collect(),
        }
    }

    /// Adds up the weights of the frames in a time that begins at any frame; a frame at either edge may be in or out.
    fn bounds(&self, time: Duration, weights: &[u64]) -> Bounds {
        let ticks = (time.as_secs_f64() * CLOCK as f64) as u64;
        let turns = ticks / self.period * weights.iter().sum::<u64>();
        let rest = ticks % self.period;
        let from = |start: usize| -> u64 {
            let ahead =
                |n: &usize| (self.due[*n] + self.period - self.due[start]) % self.period < rest;
            (0..weights.len()).filter(ahead).map(|n| weights[n]).sum()
        };
        let sums = (0..weights.len()).map(from);
        let (least, most) = sums.fold((u64::MAX, 0), |(least, most), sum| {
            (least.min(sum), most.max(sum))
        });
        let largest = weights.iter().max().copied().unwrap_or_default();
        Bounds {
            least: (turns + least).saturating_sub(largest) as f64,
            most: (turns + most + largest) as f64,
        }
    }
}

const START_CODE_BYTES: usize = 4;
const ADTS_BYTES: usize = 7;
/// ISO/IEC 13818-1 §2.5.3.
const PACK_HEADER_BYTES: usize = 14;
/// ISO/IEC 13818-1 §2.4.3.6: a header with a PTS alone.
const PES_BYTES: usize = 14;
