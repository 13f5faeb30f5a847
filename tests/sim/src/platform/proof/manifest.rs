//! The manifest of a camera farm: what each camera sends.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Deserialize;

/// What a farm says of its cameras.
#[derive(Clone, Debug, Deserialize)]
pub struct Manifest {
    /// Its cameras.
    pub cameras: Vec<Camera>,
}

/// One camera of a farm.
#[derive(Clone, Debug, Deserialize)]
pub struct Camera {
    /// Its name, unique.
    pub name: String,
    /// The id of its department.
    pub department: String,
    /// The name of its department.
    pub department_name: String,
    /// Its video.
    pub video: Video,
    /// Its audio, if it has any.
    pub audio: Option<Audio>,
}

/// The video of a camera.
#[derive(Clone, Debug, Deserialize)]
pub struct Video {
    /// What it is coded in.
    pub codec: VideoCodec,
    /// The encoder's own file, repeated endlessly.
    pub file: PathBuf,
    /// Where its parameter sets travel.
    pub parameter_sets: ParameterSets,
}

/// The audio of a camera.
#[derive(Clone, Debug, Deserialize)]
pub struct Audio {
    /// What it is coded in.
    pub codec: AudioCodec,
    /// The encoder's own file, repeated endlessly.
    pub file: PathBuf,
}

/// Codecs of video.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum VideoCodec {
    /// H.264.
    H264,
    /// H.265.
    H265,
}

impl VideoCodec {
    /// Its stream type in a map (GB/T 28181-2016 annex C).
    pub fn stream_type(self) -> u8 {
        match self {
            Self::H264 => 0x1B,
            Self::H265 => 0x24,
        }
    }

    /// The option of ffmpeg's filter_units that keeps what shall be compared.
    pub(super) fn units_to_compare(self, parameter_sets: ParameterSets) -> &'static str {
        match (self, parameter_sets) {
            // The gateway inserts what never travelled in the band: less that, both sides must be the same.
            (Self::H264, ParameterSets::SdpOnly) => "remove_types=7-8",
            (Self::H265, ParameterSets::SdpOnly) => "remove_types=32-34",
            (Self::H264, _) => "pass_types=0-31",
            (Self::H265, _) => "pass_types=0-63",
        }
    }
}

/// Codecs of audio.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum AudioCodec {
    /// AAC.
    Aac,
    /// G.711 A-law.
    #[serde(alias = "alaw", alias = "pcma", alias = "pcm_alaw")]
    G711a,
    /// G.711 µ-law.
    #[serde(alias = "mulaw", alias = "pcmu", alias = "pcm_mulaw")]
    G711u,
}

impl AudioCodec {
    /// Its stream type in a map (GB/T 28181-2016 annex C).
    pub fn stream_type(self) -> u8 {
        match self {
            Self::Aac => 0x0F,
            Self::G711a => 0x90,
            Self::G711u => 0x91,
        }
    }
}

/// Where the parameter sets of a camera travel.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum ParameterSets {
    /// Both ways.
    #[serde(alias = "both", alias = "in_band_and_sdp")]
    InBandAndSdp,
    /// Only in the description.
    SdpOnly,
    /// Only in the stream.
    InBandOnly,
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// When the file cannot be read or is no manifest.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let mut manifest: Self = serde_json::from_str(&text)
            .with_context(|| format!("{} is no manifest", path.display()))?;
        // Files named relatively lie beside the manifest, or where this was started.
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        for camera in &mut manifest.cameras {
            let files = std::iter::once(&mut camera.video.file)
                .chain(camera.audio.as_mut().map(|audio| &mut audio.file));
            for file in files {
                let beside = folder.join(&*file);
                if beside.exists() {
                    *file = beside;
                }
            }
        }
        Ok(manifest)
    }
}
