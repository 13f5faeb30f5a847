//! What is known of a camera that was tried.

use std::net::IpAddr;
use std::time::SystemTime;

use crate::catalog::CameraId;
use crate::ledger::{Cause, StateCause};
use crate::media::{AudioCodec, VideoCodec};

/// A camera's state, and what was seen of it.
#[derive(Clone, Debug)]
pub struct Status {
    /// State and cause.
    pub state: StateCause,
    /// Since when.
    pub since: SystemTime,
    /// Whether media comes now.
    pub is_live: bool,
    /// The last verdict since the start: whether a try ended well.
    pub verified: Option<bool>,
    /// How many tries have begun since the start.
    pub tries: u64,
    /// The number of the last try that had a verdict.
    pub judged: u64,
    /// How many tries have had a verdict since the start.
    pub verdicts: u64,
    /// How many of them failed: tells a waiting viewer that one did.
    pub failures: u64,
    /// The last failure since the start.
    pub last_failure: Option<Evidence>,
    /// When its last key frame came.
    pub last_key_frame: Option<SystemTime>,
    /// When it is tried next, while it waits for that.
    pub next_try: Option<SystemTime>,
    /// Where it was found.
    pub address: Option<IpAddr>,
    /// What its media is like.
    pub observed: Observed,
}

/// What a failed try showed: parsed status and step, never raw bytes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Evidence {
    /// The cause.
    pub cause: Cause,
    /// What was seen.
    pub detail: String,
    /// When.
    pub at: SystemTime,
}

/// What was seen of a camera's media.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Observed {
    /// How its video is coded.
    pub video: Option<VideoCodec>,
    /// How its audio is coded.
    pub audio: Option<AudioCodec>,
    /// Width and height in pixels.
    pub size: Option<(u32, u32)>,
}

/// A state that a camera has entered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Change {
    /// The camera.
    pub camera: CameraId,
    /// Its state from now on.
    pub state: StateCause,
    /// When it entered it.
    pub at: SystemTime,
}

impl Status {
    /// Notes that the try under way has its verdict.
    pub(super) fn note_verdict(&mut self) {
        self.verdicts += 1;
        self.judged = self.tries;
    }

    /// A camera that was not tried.
    pub fn new(state: StateCause, since: SystemTime) -> Self {
        Self {
            state,
            since,
            is_live: false,
            verified: None,
            tries: 0,
            judged: 0,
            verdicts: 0,
            failures: 0,
            last_failure: None,
            last_key_frame: None,
            next_try: None,
            address: None,
            observed: Observed::default(),
        }
    }
}
