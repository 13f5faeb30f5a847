//! What the fuzz targets share: taking an input apart, so that its bytes become packets, frames and steps.

mod input;
mod packets;

pub use input::Input;
pub use packets::{OwnedPacket, Packets};
