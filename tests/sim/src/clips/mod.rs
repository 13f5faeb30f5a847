//! Short test clips, made by real encoders at test time and kept in a cache.
//!
//! The encoder's own file stays beside what is read from it, so that a judge can compare it with what came out at the
//! far end. Nothing here parses slices: an encoder's packet list (FFmpeg's `framecrc`) says where access units end.

pub mod cli;
mod encode;
mod kind;
mod load;
mod splice;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use bytes::Bytes;

pub use kind::{ClipKind, Codec};

/// Ticks in a second of the clock that clips are timed by.
pub const CLOCK: u64 = 90_000;

/// An access unit of video, or a packet of audio.
#[derive(Debug, Clone, Eq, PartialEq)]
pub struct AccessUnit {
    /// NAL units in their order, without start codes; for audio one element, the bare payload.
    pub nals: Vec<Bytes>,
    /// When it is shown, in ticks of [`CLOCK`] from the clip's first DTS.
    pub pts: u64,
    /// When it is decoded, in ticks of [`CLOCK`] from the clip's first DTS.
    pub dts: u64,
    /// Whether decoding may start here.
    pub is_key: bool,
}

/// How an AAC or G.711 clip is sampled.
#[derive(Debug, Clone, Copy, Eq, PartialEq)]
pub struct AudioFormat {
    /// Samples a second.
    pub sample_rate: u32,
    /// Channels.
    pub channels: u8,
    /// The two bytes of AAC's AudioSpecificConfig (ISO/IEC 14496-3 §1.6.2.1).
    pub config: Option<[u8; 2]>,
}

/// An encoder's output: the file, and the same as access units in decoding order.
#[derive(Debug)]
pub struct Clip {
    kind: ClipKind,
    path: PathBuf,
    units: Vec<AccessUnit>,
    period: u64,
    audio: Option<AudioFormat>,
    serial: u64,
}

impl Clip {
    fn new(
        kind: ClipKind,
        path: PathBuf,
        units: Vec<AccessUnit>,
        period: u64,
        audio: Option<AudioFormat>,
    ) -> Self {
        static SERIALS: AtomicU64 = AtomicU64::new(0);
        Self {
            kind,
            path,
            units,
            period,
            audio,
            serial: SERIALS.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// Returns which of the known clips this is.
    pub fn kind(&self) -> ClipKind {
        self.kind
    }

    /// Returns the codec.
    pub fn codec(&self) -> Codec {
        self.kind.codec()
    }

    /// Returns the encoder's own file: raw Annex B, ADTS or G.711 bytes.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the access units in decoding order.
    pub fn units(&self) -> &[AccessUnit] {
        &self.units
    }

    /// Returns how long the clip lasts when it is looped, in ticks of [`CLOCK`].
    pub fn period(&self) -> u64 {
        self.period
    }

    /// Returns how audio is sampled; `None` for video.
    pub fn audio(&self) -> Option<AudioFormat> {
        self.audio
    }

    /// Returns the distinct parameter sets in the order of their first appearance.
    pub fn parameter_sets(&self) -> Vec<Bytes> {
        let mut sets: Vec<Bytes> = Vec::new();
        for nal in self.units.iter().flat_map(|unit| &unit.nals) {
            if self.codec().is_parameter_set(nal) && !sets.contains(nal) {
                sets.push(nal.clone());
            }
        }
        sets
    }

    /// A clip that no encoder made.
    #[cfg(test)]
    pub(crate) fn for_tests(kind: ClipKind, units: Vec<AccessUnit>, period: u64) -> Self {
        Self::new(kind, PathBuf::new(), units, period, None)
    }

    /// Returns a number that no other clip of this process has.
    pub(crate) fn serial(&self) -> u64 {
        self.serial
    }
}

/// Makes the wanted clips in `cache` unless they are there, and reads them, in the order asked for.
///
/// It blocks for as long as the encoders run, one after the other.
///
/// # Errors
/// When FFmpeg is missing or fails, or `cache` cannot be written.
pub fn prepare(cache: &Path, wanted: &[ClipKind]) -> anyhow::Result<Vec<Arc<Clip>>> {
    // Two tests of one process would otherwise run the same encoder twice at the same time.
    static ENCODING: Mutex<()> = Mutex::new(());
    let _turn = ENCODING.lock().unwrap_or_else(PoisonError::into_inner);

    std::fs::create_dir_all(cache).with_context(|| format!("cannot create {}", cache.display()))?;
    let cache = cache
        .canonicalize()
        .with_context(|| format!("cannot resolve {}", cache.display()))?;
    let clip = |kind: &ClipKind| {
        let file = encode::ensure(&cache, *kind).with_context(|| format!("clip {kind}"))?;
        load::load(*kind, &file)
            .map(Arc::new)
            .with_context(|| format!("clip {kind}, {}", file.display()))
    };
    wanted.iter().map(clip).collect()
}
