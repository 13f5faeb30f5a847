//! Misbehaviours that cameras show in the field, for a test to script.
//!
//! A [`Fault`] is put into [`super::CameraSettings`] before the camera starts, or into its handle while it runs; a fault
//! takes the place of an earlier one of its kind. Connections look at what is set each time they act.

mod handshake;
mod insertions;
mod packets;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::clips::Clip;

pub use handshake::{Challenge, Misdeed, Step, Target};
pub(super) use handshake::{FLOOD_PIECE, GARBAGE, HTTP_ANSWER, flood_head, long_head, status_line};
pub use insertions::Insertion;
pub(super) use insertions::insert;
pub use packets::Damage;
pub(super) use packets::{Way, damage};

/// A misbehaviour.
///
/// Frames are the session's frames of video that were sent; those that count from `after_frames` 0 begin with PLAY, or at
/// once when they come to a session that plays. Faults of media are the video's; a camera without video has none of them
/// but stalls and ends.
#[derive(Debug, Clone)]
pub enum Fault {
    /// What it does at a step of RTSP in place of a sound answer.
    At(Step, Misdeed),
    /// It asks for its credentials at this step only.
    AuthOnlyAt(Step),
    /// It writes to the connection in pieces of so many bytes.
    Slices(usize),
    /// It is there for `up` and away for `down`, by turns, from now on; away is as if killed.
    Flap {
        /// How long it is there.
        up: Duration,
        /// How long it is away.
        down: Duration,
    },
    /// Media stop; RTSP and RTCP go on.
    Stall {
        /// After so many frames; 0 for no media at all.
        after_frames: u64,
        /// For how long; `None` for ever.
        resumes_after: Option<Duration>,
    },
    /// Media stop this long after PLAY.
    StallAfter(Duration),
    /// It sends no sender reports.
    NoReports,
    /// Its sender reports say another time than it is.
    ReportClock(ReportClock),
    /// So many RTP packets in a thousand are lost.
    Loss(u32),
    /// Each `n`th RTP packet is lost.
    LossEvery(u64),
    /// So many RTP packets in a thousand come twice.
    Duplicates(u32),
    /// So many RTP packets in a thousand are overtaken by the next one.
    Reorder(u32),
    /// RTP is on this interleaved channel, whatever SETUP agreed on.
    Channel(u8),
    /// It puts a piece behind each `every`th frame.
    Insert {
        /// What it is.
        what: Insertion,
        /// Each how many frames.
        every: u64,
    },
    /// Packets of each `every`th frame are damaged.
    Damage {
        /// How.
        how: Damage,
        /// Each how many frames.
        every: u64,
    },
    /// A bit in a slice of each `n`th frame is flipped.
    FlipEvery(u64),
    /// Key frames, with the parameter sets in them, are left out.
    KeyFrames(KeyFrames),
    /// Timestamps jump by ticks of 90 kHz, back when negative.
    TimestampJump {
        /// After so many frames.
        after_frames: u64,
        /// How far.
        ticks: i64,
    },
    /// Timestamps stand still.
    TimestampStands {
        /// After so many frames.
        after_frames: u64,
    },
    /// The SSRC changes.
    SsrcChange {
        /// After so many frames.
        after_frames: u64,
    },
    /// Sequence numbers begin anew, once a session.
    SequenceReset {
        /// After so many frames.
        after_frames: u64,
        /// With this number.
        to: u16,
    },
    /// It shows another clip, of another size for instance, from its first frame on; the SDP stays as it was.
    Switch {
        /// After so many frames.
        after_frames: u64,
        /// The clip.
        clip: Arc<Clip>,
    },
    /// It ends the session.
    End {
        /// After so many frames.
        after_frames: u64,
        /// How.
        how: Ending,
    },
}

/// What time sender reports say it is.
#[derive(Debug, Clone, Copy, Eq, PartialEq)]
pub enum ReportClock {
    /// The time since PLAY, from 1970-01-01 on, as with a camera that was never told the time.
    Since1970,
    /// So many seconds more than it is, or less.
    Shift(i64),
}

impl ReportClock {
    /// Returns the time that it says, since the epoch of Unix.
    pub(super) fn read(self, wall_clock: Duration, since_play: Duration) -> Duration {
        match self {
            Self::Since1970 => since_play,
            Self::Shift(seconds) if seconds < 0 => {
                wall_clock.saturating_sub(Duration::from_secs(seconds.unsigned_abs()))
            }
            Self::Shift(seconds) => wall_clock + Duration::from_secs(seconds.unsigned_abs()),
        }
    }
}

/// Which key frames there are.
#[derive(Debug, Clone, Copy, Eq, PartialEq)]
pub enum KeyFrames {
    /// None.
    Never,
    /// The first, and those at least so long after the last one.
    Every(Duration),
}

/// How a camera ends a session.
#[derive(Debug, Clone, Copy, Eq, PartialEq)]
pub enum Ending {
    /// It closes the connection.
    Close,
    /// It resets the connection.
    Reset,
    /// It sends a TEARDOWN request, and closes the connection.
    Teardown,
    /// It sends an RTCP BYE and no more media, and keeps the connection.
    Bye,
}

/// A stall after so many frames.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stall {
    pub(super) after_frames: u64,
    pub(super) resumes_after: Option<Duration>,
}

/// The faults that a camera has; none by default.
#[derive(Debug, Clone, Default)]
pub(super) struct Faults {
    pub(super) steps: BTreeMap<Step, Misdeed>,
    pub(super) auth_only_at: Option<Step>,
    pub(super) slices: Option<usize>,
    /// How long the camera is there and how long away.
    pub(super) flap: Option<(Duration, Duration)>,
    pub(super) die_after: Option<Duration>,
    pub(super) stall: Option<Stall>,
    pub(super) stall_after: Option<Duration>,
    pub(super) no_reports: bool,
    pub(super) report_clock: Option<ReportClock>,
    pub(super) loss: u32,
    pub(super) drop_every: Option<u64>,
    pub(super) duplicates: u32,
    pub(super) reorder: u32,
    pub(super) channel: Option<u8>,
    pub(super) insert: Option<(Insertion, u64)>,
    pub(super) damage: Option<(Damage, u64)>,
    pub(super) flip_every: Option<u64>,
    pub(super) key_frames: Option<KeyFrames>,
    pub(super) timestamp_jump: Option<(u64, u32)>,
    pub(super) timestamp_stands: Option<u64>,
    pub(super) ssrc_change_after: Option<u64>,
    pub(super) sequence_reset: Option<(u64, u16)>,
    pub(super) switch: Option<(u64, Arc<Clip>)>,
    pub(super) end: Option<(u64, Ending)>,
}

impl Faults {
    /// Adds a fault, or replaces the one of its kind.
    pub(super) fn set(&mut self, fault: Fault) {
        match fault {
            Fault::At(step, misdeed) => {
                self.steps.insert(step, misdeed);
            }
            Fault::AuthOnlyAt(step) => self.auth_only_at = Some(step),
            Fault::Slices(bytes) => self.slices = Some(bytes.max(1)),
            Fault::Flap { up, down } => self.flap = Some((up, down)),
            Fault::Stall {
                after_frames,
                resumes_after,
            } => {
                self.stall = Some(Stall {
                    after_frames,
                    resumes_after,
                });
            }
            Fault::StallAfter(time) => self.stall_after = Some(time),
            Fault::NoReports => self.no_reports = true,
            Fault::ReportClock(clock) => self.report_clock = Some(clock),
            Fault::Loss(per_mille) => self.loss = per_mille,
            Fault::LossEvery(n) => self.drop_every = Some(n.max(1)),
            Fault::Duplicates(per_mille) => self.duplicates = per_mille,
            Fault::Reorder(per_mille) => self.reorder = per_mille,
            Fault::Channel(channel) => self.channel = Some(channel),
            Fault::Insert { what, every } => self.insert = Some((what, every.max(1))),
            Fault::Damage { how, every } => self.damage = Some((how, every.max(1))),
            Fault::FlipEvery(n) => self.flip_every = Some(n.max(1)),
            Fault::KeyFrames(key_frames) => self.key_frames = Some(key_frames),
            // RTP time is modulo 2³² (RFC 3550 §5.1).
            Fault::TimestampJump {
                after_frames,
                ticks,
            } => {
                self.timestamp_jump = Some((after_frames, ticks as u32));
            }
            Fault::TimestampStands { after_frames } => self.timestamp_stands = Some(after_frames),
            Fault::SsrcChange { after_frames } => self.ssrc_change_after = Some(after_frames),
            Fault::SequenceReset { after_frames, to } => {
                self.sequence_reset = Some((after_frames, to));
            }
            Fault::Switch { after_frames, clip } => self.switch = Some((after_frames, clip)),
            Fault::End { after_frames, how } => self.end = Some((after_frames, how)),
        }
    }

    /// Returns what is done at a step: what was set for it, or for every step.
    pub(super) fn at(&self, step: Step) -> Option<&Misdeed> {
        self.steps.get(&step).or_else(|| match step {
            Step::Accept => None,
            _ => self.steps.get(&Step::Every),
        })
    }

    /// Returns whether a connection is accepted and nothing on it ever answered.
    pub(super) fn is_mute(&self) -> bool {
        matches!(self.steps.get(&Step::Accept), Some(Misdeed::Silence))
    }

    /// Returns whether something happens after this frame of the session.
    pub(super) fn waits_for(&self, frames: u64) -> bool {
        let stall = self.stall.map(|stall| stall.after_frames);
        let end = self.end.map(|(after, _)| after);
        [stall, end].contains(&Some(frames))
    }

    /// Returns whether credentials are asked for at a step.
    pub(super) fn asks_at(&self, step: Step) -> bool {
        self.auth_only_at.is_none_or(|only| only == step)
    }
}
