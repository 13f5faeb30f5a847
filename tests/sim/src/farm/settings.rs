//! How a camera behaves.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::beat::Beat;
use super::description::Description;
use super::faults::{Fault, Faults, Misdeed, Step};
use super::group::Group;
use super::odd::OddSdp;
use super::packing::{PackedTrack, Packing};
use super::sdp;
use crate::clips::Clip;

/// How a camera asks for credentials.
#[derive(Debug, Clone, Default, Eq, PartialEq)]
pub enum Auth {
    /// It does not.
    #[default]
    Open,
    /// Basic (RFC 7617).
    Basic {
        /// The user it knows.
        username: String,
        /// Their password.
        password: String,
    },
    /// Digest with MD5 and no qop (RFC 2617), as cameras do it.
    Digest {
        /// The user it knows.
        username: String,
        /// Their password.
        password: String,
        /// After how many requests a nonce becomes stale; `None` for never.
        nonce_uses: Option<u32>,
    },
}

/// Where a camera puts its video's parameter sets.
#[derive(Debug, Clone, Copy, Default, Eq, PartialEq)]
pub enum ParameterSets {
    /// In the band, as the encoder put them, and in the SDP.
    #[default]
    InBandAndSdp,
    /// In the SDP alone; they are taken out of the band.
    SdpOnly,
    /// In the band alone.
    InBandOnly,
}

impl ParameterSets {
    /// Returns its name as the manifest writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::InBandAndSdp => "in_band_and_sdp",
            Self::SdpOnly => "sdp_only",
            Self::InBandOnly => "in_band_only",
        }
    }
}

/// How a camera behaves; a sound one unless told otherwise.
#[derive(Debug, Clone)]
pub struct CameraSettings {
    pub(super) video: Option<Arc<Clip>>,
    pub(super) audio: Option<Arc<Clip>>,
    pub(super) path: String,
    pub(super) auth: Auth,
    pub(super) parameter_sets: ParameterSets,
    pub(super) aggregate: bool,
    pub(super) group: Option<Group>,
    pub(super) session_max: Option<u64>,
    pub(super) session_max_status: u16,
    pub(super) session_timeout: Duration,
    pub(super) keeps_abandoned: bool,
    pub(super) first_frame: usize,
    pub(super) slow_motion: u32,
    pub(super) beat: Option<Beat>,
    pub(super) rtp_start: Option<(u16, u32)>,
    pub(super) odd_sdp: Option<&'static OddSdp>,
    pub(super) faults: Faults,
}

impl Default for CameraSettings {
    fn default() -> Self {
        Self {
            video: None,
            audio: None,
            path: "/stream/main".to_owned(),
            auth: Auth::Open,
            parameter_sets: ParameterSets::InBandAndSdp,
            aggregate: true,
            group: None,
            session_max: None,
            session_max_status: 453,
            session_timeout: Duration::from_secs(60),
            keeps_abandoned: false,
            first_frame: 0,
            slow_motion: 1,
            beat: None,
            rtp_start: None,
            odd_sdp: None,
            faults: Faults::default(),
        }
    }
}

impl CameraSettings {
    /// A camera that shows `video`.
    pub fn new(video: &Arc<Clip>) -> Self {
        Self {
            video: Some(video.clone()),
            ..Self::default()
        }
    }

    /// Adds an audio track.
    pub fn audio(mut self, audio: &Arc<Clip>) -> Self {
        self.audio = Some(audio.clone());
        self
    }

    /// Sets the path of its URL; `/stream/main` by default.
    pub fn path(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }

    /// Makes it ask for credentials, by digest.
    pub fn digest(self, username: &str, password: &str) -> Self {
        let (username, password) = (username.to_owned(), password.to_owned());
        self.auth(Auth::Digest {
            username,
            password,
            nonce_uses: None,
        })
    }

    /// Makes it ask for credentials.
    pub fn auth(mut self, auth: Auth) -> Self {
        self.auth = auth;
        self
    }

    /// Sets where the parameter sets are.
    pub fn parameter_sets(mut self, parameter_sets: ParameterSets) -> Self {
        self.parameter_sets = parameter_sets;
        self
    }

    /// Sets whether small NAL units share an RTP packet (STAP-A, AP); they do by default.
    pub fn aggregate(mut self, aggregate: bool) -> Self {
        self.aggregate = aggregate;
        self
    }

    /// Limits the sessions that may be set up at the same time; more are answered with 453, or as
    /// [`Self::session_max_status`] says.
    pub fn session_max(mut self, sessions: u64) -> Self {
        self.session_max = Some(sessions);
        self
    }

    /// Makes it a member of a group, with joint counts and a joint limit.
    pub fn group(mut self, group: &Group) -> Self {
        self.group = Some(group.clone());
        self
    }

    /// Sets the status that answers a session too many: 453 by default, 503 with some cameras.
    pub fn session_max_status(mut self, status: u16) -> Self {
        self.session_max_status = status;
        self
    }

    /// Sets how long a session lives without a request; 60 s by default. RTCP does not keep it alive.
    pub fn session_timeout(mut self, timeout: Duration) -> Self {
        self.session_timeout = timeout;
        self
    }

    /// Makes a session whose client left without TEARDOWN count towards `session_max` till its timeout, as with many
    /// cameras; by default it ends with its connection.
    pub fn keeps_abandoned_sessions(mut self) -> Self {
        self.keeps_abandoned = true;
        self
    }

    /// Sets which frame of the video clip a session begins with, to begin within a group; 0 by default.
    pub fn first_frame(mut self, frame: usize) -> Self {
        self.first_frame = frame;
        self
    }

    /// Sends its media so many times slower than it was recorded, so that thousands of cameras cost little; RTP time goes
    /// with it.
    pub fn slow_motion(mut self, times: u32) -> Self {
        self.slow_motion = times.max(1);
        self
    }

    /// Lets each session begin on a beat of the camera's own: `phase` after its start, and `every` so long again. By
    /// default it begins with its PLAY.
    pub fn beat(mut self, every: Duration, phase: Duration) -> Self {
        self.beat = Some(Beat::new(every, phase));
        self
    }

    /// Sets the first sequence number and timestamp, to see them wrap; random by default.
    pub fn rtp_start(mut self, sequence: u16, timestamp: u32) -> Self {
        self.rtp_start = Some((sequence, timestamp));
        self
    }

    /// Makes it die this long after its first PLAY: it closes all and refuses connections till it is revived.
    pub fn die_after(mut self, time: Duration) -> Self {
        self.faults.die_after = Some(time);
        self
    }

    /// Makes each session fall silent this long after its PLAY: RTSP and RTCP go on, RTP does not.
    pub fn stall_after(self, time: Duration) -> Self {
        self.fault(Fault::StallAfter(time))
    }

    /// Flips a bit in a slice of each `n`th access unit of video.
    pub fn flip_bit_in_access_unit(self, n: u64) -> Self {
        self.fault(Fault::FlipEvery(n))
    }

    /// Leaves out each `n`th RTP packet of video, so that the sequence has gaps.
    pub fn drop_rtp_every(self, n: u64) -> Self {
        self.fault(Fault::LossEvery(n))
    }

    /// Takes another SSRC after this many frames of video.
    pub fn ssrc_change_after(self, frames: u64) -> Self {
        self.fault(Fault::SsrcChange {
            after_frames: frames,
        })
    }

    /// Adds `ticks` of 90 kHz (modulo 2³², so it can go back too) to the video's timestamps after this many frames.
    pub fn timestamp_jump_after(self, frames: u64, ticks: u32) -> Self {
        self.fault(Fault::TimestampJump {
            after_frames: frames,
            ticks: i64::from(ticks),
        })
    }

    /// Makes it think this long before it answers DESCRIBE.
    pub fn describe_delay(self, delay: Duration) -> Self {
        self.fault(Fault::At(Step::Describe, Misdeed::Delay(delay)))
    }

    /// Gives it a fault from the start; the handle can take it away.
    pub fn fault(mut self, fault: Fault) -> Self {
        self.faults.set(fault);
        self
    }

    /// Gives it an odd session description; its clips must be of the codecs that this is made for.
    pub fn odd_sdp(mut self, odd: &'static OddSdp) -> Self {
        self.odd_sdp = Some(odd);
        self
    }

    pub(super) fn url(&self, address: SocketAddr) -> String {
        format!("rtsp://{address}{}", self.path)
    }

    /// Returns how it describes its tracks.
    pub(super) fn description(
        &self,
        address: SocketAddr,
        tracks: &[Arc<PackedTrack>],
    ) -> anyhow::Result<Description> {
        let url = self.url(address);
        let mut description = sdp::describe(address.ip(), &url, tracks, self.parameter_sets);
        if let Some(odd) = self.odd_sdp {
            let codec = |clip: &Option<Arc<Clip>>| clip.as_ref().map(|clip| clip.codec());
            let fits = codec(&self.video) == Some(odd.video) && codec(&self.audio) == odd.audio;
            anyhow::ensure!(fits, "{} is made for other codecs", odd.name);
            (odd.apply)(&mut description);
        }
        Ok(description)
    }

    /// Returns the tracks it sends: video, then audio.
    pub(super) fn tracks(&self) -> Vec<Arc<PackedTrack>> {
        let strip_parameter_sets = self.parameter_sets == ParameterSets::SdpOnly;
        let packing = Packing {
            strip_parameter_sets,
            aggregate: self.aggregate,
        };
        let audio_packing = Packing {
            strip_parameter_sets: false,
            aggregate: false,
        };
        let video = self
            .video
            .iter()
            .map(|clip| PackedTrack::shared(clip, packing));
        video
            .chain(
                self.audio
                    .iter()
                    .map(|clip| PackedTrack::shared(clip, audio_packing)),
            )
            .collect()
    }
}
