//! Protocol cores: bytes and `now` in; bytes, deadlines and events out. No socket, no clock, no task.

pub mod gb28181;
mod head;
pub mod ps;
pub mod rtp;
pub mod rtsp;
pub mod sdp;
pub mod sip;
