//! What flows through the gateway: frames of tracks, their codecs and their time.
//!
//! Pure: no I/O and no clock. Sources make frames, the bus carries them, sinks serve them.

pub mod annexb;
mod bits;
mod frame;
pub mod h264;
pub mod h265;
mod timeline;

pub use frame::{AudioCodec, Frame, MediaTime, Payload, VideoCodec};
pub use timeline::{Stamp, Timeline};
