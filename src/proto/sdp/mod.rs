//! SDP (RFC 4566): what a camera describes, what a platform offers and what it is answered.

mod camera;
mod platform;

pub use camera::{CameraDescription, CameraMedia, CameraTrack, parse_camera};
pub use platform::{Answer, MediaTransport, Offer, OfferError, SessionName};
