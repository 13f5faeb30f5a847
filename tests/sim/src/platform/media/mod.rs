//! The receiving end of media: RTP and PS are checked while they come, and kept as asked.

pub mod checker;
mod elementary;
pub mod ps;
pub(super) mod receiver;
pub mod recording;
pub mod rtcp;
pub mod rtp;

pub use recording::{Keep, Recording, Stats, Unit};
