//! What the foreign camera shows: a file by FFmpeg's encoders, played by GStreamer in real time.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use super::tools::{program, run};

/// A film with sound.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Recording {
    name: &'static str,
    video: &'static str,
    audio: &'static str,
    /// From Matroska to RTP, by GStreamer.
    payloaders: [&'static str; 2],
    /// The stream types that the map must name (GB/T 28181-2016 annex C).
    pub(super) stream_types: [u8; 2],
    /// The muxer that writes the sound as it is in the stream; `None` where FFmpeg decodes it.
    pub(super) raw_audio: Option<&'static str>,
}

/// H.264 with B-frames, and G.711 A-law.
pub(super) const H264_B_FRAMES_G711A: Recording = Recording {
    name: "h264-b-frames-g711a",
    video: "-c:v libx264 -preset superfast -bf 2 -g 25 -keyint_min 25 -sc_threshold 0 \
            -x264-params open-gop=0:b-adapt=0",
    audio: "-c:a pcm_alaw -ar 8000 -ac 1",
    payloaders: [
        "h264parse ! rtph264pay name=pay0 pt=96",
        "rtppcmapay name=pay1 pt=8",
    ],
    stream_types: [0x1b, 0x90],
    raw_audio: Some("alaw"),
};

/// H.264 and AAC.
pub(super) const H264_AAC: Recording = Recording {
    name: "h264-aac",
    video: "-c:v libx264 -preset superfast -bf 0 -g 25 -keyint_min 25 -sc_threshold 0",
    audio: "-c:a aac -b:a 32k -ar 16000 -ac 1",
    payloaders: [
        "h264parse ! rtph264pay name=pay0 pt=96",
        "aacparse ! rtpmp4gpay name=pay1 pt=97",
    ],
    stream_types: [0x1b, 0x0f],
    raw_audio: None,
};

/// H.265 and G.711 µ-law.
pub(super) const H265_G711U: Recording = Recording {
    name: "h265-g711u",
    video: "-c:v libx265 -preset ultrafast \
            -x265-params keyint=25:min-keyint=25:scenecut=0:open-gop=0:bframes=0:log-level=error",
    audio: "-c:a pcm_mulaw -ar 8000 -ac 1",
    payloaders: [
        "h265parse ! rtph265pay name=pay0 pt=96",
        "rtppcmupay name=pay1 pt=0",
    ],
    stream_types: [0x24, 0x91],
    raw_audio: Some("mulaw"),
};

/// Pictures from one key frame to the next, in all of them.
pub(super) const GOP: usize = 25;

impl Recording {
    /// Makes the file, unless it is there.
    pub(super) async fn file(&self) -> PathBuf {
        let mut hash = DefaultHasher::new();
        (SOURCE, self).hash(&mut hash);
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/judges");
        let file = folder.join(format!("{}-{:016x}.mkv", self.name, hash.finish()));
        if !file.exists() {
            std::fs::create_dir_all(&folder).unwrap();
            // Two processes do not meet in one file, and a killed one leaves none under this name.
            let made = folder.join(format!("{}-{}.mkv", self.name, std::process::id()));
            let options = [SOURCE, self.video, self.audio].join(" ");
            let mut ffmpeg = program("ffmpeg");
            ffmpeg
                .args(["-v", "error", "-y"])
                .args(options.split_ascii_whitespace());
            run(ffmpeg.arg(&made)).await;
            std::fs::rename(&made, &file).unwrap();
        }
        file
    }

    /// What GStreamer calls the pictures.
    pub(super) fn caps(&self) -> &'static str {
        match self.stream_types[0] {
            0x1b => "x-h264",
            _ => "x-h265",
        }
    }

    /// The pipeline by which GStreamer's server plays the file.
    pub(super) fn pipeline(&self, file: &Path) -> String {
        let [video, audio] = self.payloaders;
        format!(
            "( filesrc location=\"{}\" ! matroskademux name=file file. ! queue ! {video} file. ! queue ! {audio} )",
            file.display()
        )
    }
}

/// Half a minute: longer than any test looks.
const SOURCE: &str = "-f lavfi -i testsrc2=size=352x288:rate=25:duration=30 \
                      -f lavfi -i sine=frequency=440:duration=30 -pix_fmt yuv420p";
