//! What is known of a camera that was tried.

use std::time::SystemTime;

use crate::ledger::StateCause;
use crate::media::{AudioCodec, VideoCodec};

/// A camera's state, and what was seen of it.
#[derive(Clone, Debug)]
pub struct Status {
    /// State and cause.
    pub state: StateCause,
    /// Since when.
    pub since: SystemTime,
    /// The last verdict since the start: whether a try ended well.
    pub verified: Option<bool>,
    /// How many tries failed since the start: tells a waiting viewer that one did.
    pub failures: u64,
    /// What its media is like.
    pub observed: Observed,
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

impl Status {
    /// A camera that was not tried.
    pub fn new(state: StateCause, since: SystemTime) -> Self {
        Self {
            state,
            since,
            verified: None,
            failures: 0,
            observed: Observed::default(),
        }
    }
}
