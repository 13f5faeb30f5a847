//! Which clips there are, and the FFmpeg arguments that make each.

use std::fmt;
use std::str::FromStr;

/// How a clip is coded.
#[derive(Debug, Clone, Copy, Eq, PartialEq, Hash)]
pub enum Codec {
    /// H.264, raw Annex B.
    H264,
    /// H.265, raw Annex B.
    H265,
    /// AAC-LC, in ADTS.
    Aac,
    /// G.711 A-law, 8 kHz mono.
    G711A,
    /// G.711 µ-law, 8 kHz mono.
    G711U,
}

impl Codec {
    /// Returns its name as the manifest writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::H264 => "h264",
            Self::H265 => "h265",
            Self::Aac => "aac",
            Self::G711A => "g711a",
            Self::G711U => "g711u",
        }
    }

    /// Returns whether it codes pictures.
    pub fn is_video(self) -> bool {
        matches!(self, Self::H264 | Self::H265)
    }

    /// Returns whether a NAL unit is a parameter set.
    pub fn is_parameter_set(self, nal: &[u8]) -> bool {
        match (self, nal.first()) {
            (Self::H264, Some(header)) => matches!(header & 0x1f, 7 | 8),
            (Self::H265, Some(header)) => matches!(header >> 1 & 0x3f, 32..=34),
            _ => false,
        }
    }

    /// Returns whether a NAL unit holds a part of a picture.
    pub fn is_slice(self, nal: &[u8]) -> bool {
        match (self, nal.first()) {
            (Self::H264, Some(header)) => matches!(header & 0x1f, 1..=5),
            (Self::H265, Some(header)) => header >> 1 & 0x3f < 32,
            _ => false,
        }
    }

    /// Returns whether decoding may start at the picture that a NAL unit is a slice of.
    pub fn is_key_slice(self, nal: &[u8]) -> bool {
        match (self, nal.first()) {
            (Self::H264, Some(header)) => header & 0x1f == 5,
            (Self::H265, Some(header)) => matches!(header >> 1 & 0x3f, 16..=23),
            _ => false,
        }
    }

    pub(super) fn extension(self) -> &'static str {
        match self {
            Self::H264 => "h264",
            Self::H265 => "h265",
            Self::Aac => "aac",
            Self::G711A => "alaw",
            Self::G711U => "mulaw",
        }
    }
}

/// The clips there are. Video lasts 4 s at 25 frames a second, in closed groups of 25 frames.
#[derive(Debug, Clone, Copy, Eq, PartialEq, Hash)]
pub enum ClipKind {
    /// H.264 Main, 1080p, no B-frames.
    H264Main1080p,
    /// H.264 Baseline, 720p, four slices a picture.
    H264Baseline720p,
    /// H.264 High, 720p, two B-frames between the others, one of them a reference.
    H264BFrames,
    /// H.264 High, 720p: groups take turns between two SPS and PPS, both before each key frame; AUD and SEI in each
    /// access unit.
    H264TwoPpsSeiAud,
    /// H.264 Main, 2160p.
    H2644k,
    /// H.265 Main, 720p, with AUD.
    H265720p,
    /// H.265 Main, 1080p.
    H2651080p,
    /// H.265 Main, 720p, three B-frames between the others, one of them a reference.
    H265BFrames,
    /// H.264, 352×288 at about 128 kbit/s, for load.
    H264Small,
    /// H.264, 720p at 2 Mbit/s, constant rate with filler, for load.
    H264Load2m,
    /// H.264, 1080p at 4 Mbit/s, constant rate with filler, for load.
    H264Load4m,
    /// AAC-LC, 48 kHz mono, 64 kbit/s.
    Aac48k,
    /// AAC-LC, 16 kHz mono, 32 kbit/s, as most cameras send it.
    Aac16k,
    /// G.711 A-law.
    G711A,
    /// G.711 µ-law.
    G711U,
}

impl ClipKind {
    /// Every clip there is.
    pub const ALL: [Self; 15] = [
        Self::H264Main1080p,
        Self::H264Baseline720p,
        Self::H264BFrames,
        Self::H264TwoPpsSeiAud,
        Self::H2644k,
        Self::H265720p,
        Self::H2651080p,
        Self::H265BFrames,
        Self::H264Small,
        Self::H264Load2m,
        Self::H264Load4m,
        Self::Aac48k,
        Self::Aac16k,
        Self::G711A,
        Self::G711U,
    ];

    /// Returns the name that the command line and file names use.
    pub fn name(self) -> &'static str {
        match self {
            Self::H264Main1080p => "h264_1080p",
            Self::H264Baseline720p => "h264_baseline_720p",
            Self::H264BFrames => "h264_bframes",
            Self::H264TwoPpsSeiAud => "h264_two_pps_sei_aud",
            Self::H2644k => "h264_4k",
            Self::H265720p => "h265_720p",
            Self::H2651080p => "h265_1080p",
            Self::H265BFrames => "h265_bframes",
            Self::H264Small => "h264_small",
            Self::H264Load2m => "h264_2m",
            Self::H264Load4m => "h264_4m",
            Self::Aac48k => "aac_48k",
            Self::Aac16k => "aac_16k",
            Self::G711A => "g711a",
            Self::G711U => "g711u",
        }
    }

    /// Returns the codec.
    pub fn codec(self) -> Codec {
        match self {
            Self::H264Main1080p
            | Self::H264Baseline720p
            | Self::H264BFrames
            | Self::H264TwoPpsSeiAud
            | Self::H2644k
            | Self::H264Small
            | Self::H264Load2m
            | Self::H264Load4m => Codec::H264,
            Self::H265720p | Self::H2651080p | Self::H265BFrames => Codec::H265,
            Self::Aac48k | Self::Aac16k => Codec::Aac,
            Self::G711A => Codec::G711A,
            Self::G711U => Codec::G711U,
        }
    }

    /// Returns the encoder runs: one, or two whose groups take turns.
    pub(super) fn runs(self) -> Vec<Vec<String>> {
        match self {
            Self::H264Main1080p => vec![h264(
                "1920x1080",
                "-profile:v main -b:v 4M -maxrate 4M -bufsize 4M",
                "",
            )],
            Self::H264Baseline720p => {
                vec![h264(
                    "1280x720",
                    "-profile:v baseline -b:v 2M -maxrate 2M -bufsize 2M",
                    "slices=4",
                )]
            }
            Self::H264BFrames => vec![h264(
                "1280x720",
                "-profile:v high -bf 2 -b:v 2M -maxrate 2M -bufsize 2M",
                "b-adapt=0:b-pyramid=normal",
            )],
            Self::H264TwoPpsSeiAud => [0, 1].map(two_pps).to_vec(),
            Self::H2644k => vec![h264(
                "3840x2160",
                "-preset ultrafast -b:v 8M -maxrate 8M -bufsize 8M",
                "",
            )],
            Self::H265720p => vec![h265("1280x720", "-b:v 2M", "bframes=0:aud=1")],
            Self::H2651080p => vec![h265("1920x1080", "-b:v 3M", "bframes=0")],
            Self::H265BFrames => vec![h265(
                "1280x720",
                "-b:v 2M",
                "bframes=3:b-adapt=0:b-pyramid=1",
            )],
            Self::H264Small => vec![h264("352x288", "-b:v 128k -maxrate 128k -bufsize 128k", "")],
            Self::H264Load2m => vec![constant_rate("1280x720", "2M", "1M")],
            Self::H264Load4m => vec![constant_rate("1920x1080", "4M", "2M")],
            Self::Aac48k => vec![audio(48_000, "-c:a aac -b:a 64k -f adts")],
            Self::Aac16k => vec![audio(16_000, "-c:a aac -b:a 32k -f adts")],
            Self::G711A => vec![audio(8_000, "-c:a pcm_alaw -f alaw")],
            Self::G711U => vec![audio(8_000, "-c:a pcm_mulaw -f mulaw")],
        }
    }
}

impl fmt::Display for ClipKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for ClipKind {
    type Err = anyhow::Error;

    fn from_str(name: &str) -> anyhow::Result<Self> {
        let known = Self::ALL.iter().find(|kind| kind.name() == name);
        known.copied().ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|kind| kind.name()).collect();
            anyhow::anyhow!("no clip is named {name}; there are {}", names.join(", "))
        })
    }
}

fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split_ascii_whitespace().map(str::to_owned)
}

/// Noise keeps the encoder from coding most of a picture as skipped.
fn video(size: &str) -> Vec<String> {
    let source =
        format!("testsrc2=size={size}:rate=25:duration=4,noise=alls=6:allf=t,format=yuv420p");
    vec!["-f".to_owned(), "lavfi".to_owned(), "-i".to_owned(), source]
}

fn h264(size: &str, options: &str, x264: &str) -> Vec<String> {
    let mut run = video(size);
    run.extend(words(
        "-c:v libx264 -preset superfast -bf 0 -g 25 -keyint_min 25 -sc_threshold 0",
    ));
    run.extend(words(options));
    let separator = if x264.is_empty() { "" } else { ":" };
    run.extend([
        "-x264-params".to_owned(),
        format!("open-gop=0{separator}{x264}"),
    ]);
    run
}

fn two_pps(id: u8) -> Vec<String> {
    let x264 = format!("sps-id={id}:aud=1:nal-hrd=vbr:pic-struct=1");
    h264(
        "1280x720",
        "-profile:v high -b:v 2M -maxrate 2M -bufsize 1M",
        &x264,
    )
}

fn constant_rate(size: &str, rate: &str, buffer: &str) -> Vec<String> {
    let options =
        format!("-profile:v high -b:v {rate} -minrate {rate} -maxrate {rate} -bufsize {buffer}");
    h264(size, &options, "nal-hrd=cbr")
}

fn h265(size: &str, options: &str, x265: &str) -> Vec<String> {
    let mut run = video(size);
    run.extend(words("-c:v libx265 -preset ultrafast"));
    run.extend(words(options));
    let fixed = "log-level=error:keyint=25:min-keyint=25:scenecut=0:open-gop=0:repeat-headers=1";
    run.extend(["-x265-params".to_owned(), format!("{fixed}:{x265}")]);
    run
}

fn audio(sample_rate: u32, options: &str) -> Vec<String> {
    let source = format!("sine=frequency=440:beep_factor=4:sample_rate={sample_rate}:duration=4");
    let mut run = vec!["-f".to_owned(), "lavfi".to_owned(), "-i".to_owned(), source];
    run.extend(words("-ac 1"));
    run.extend(words(options));
    run
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_found_by_its_name() {
        for kind in ClipKind::ALL {
            assert_eq!(kind.name().parse::<ClipKind>().unwrap(), kind);
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_known_ones() {
        let error = "h266".parse::<ClipKind>().unwrap_err();
        assert!(error.to_string().contains("h265_1080p"));
    }
}
