//! Misbehaviours that cameras show in the field, for a test to script.
//!
//! A [`Fault`] is put into [`super::CameraSettings`] before the camera starts, or into its handle while it runs; a fault
//! takes the place of an earlier one of its kind. Connections look at what is set each time they act.

mod handshake;

use std::collections::BTreeMap;
use std::time::Duration;

pub use handshake::{Challenge, Misdeed, Step, Target};
pub(super) use handshake::{FLOOD_PIECE, GARBAGE, HTTP_ANSWER, flood_head, long_head, status_line};

/// A misbehaviour.
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
    pub(super) stall_after: Option<Duration>,
    pub(super) flip_every: Option<u64>,
    pub(super) drop_every: Option<u64>,
    pub(super) ssrc_change_after: Option<u64>,
    pub(super) timestamp_jump: Option<(u64, u32)>,
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

    /// Returns whether credentials are asked for at a step.
    pub(super) fn asks_at(&self, step: Step) -> bool {
        self.auth_only_at.is_none_or(|only| only == step)
    }
}
