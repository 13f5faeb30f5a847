//! A farm of RTSP cameras (RFC 2326) that loop real encoders' clips, with the faults that cameras have.
//!
//! A clip is cut into RTP packets once and shared by all cameras that show it; sending a frame is one copy, a few
//! bytes patched and one write. RTP is interleaved in the RTSP connection; there is none over UDP.
//!
//! ```text
//! clip ─▶ packing ─▶ PackedTrack (shared) ─▶ Player (one a session) ─▶ connection
//! ```

mod arrivals;
mod auth;
mod beat;
mod camera;
pub mod cli;
mod connection;
mod description;
mod faults;
mod group;
mod host;
mod inventory;
mod load;
mod nvr;
mod odd;
mod packing;
mod player;
mod presence;
mod quickstart;
mod request;
mod rtcp;
mod rtsp;
mod sdp;
mod settings;
mod stats;
#[cfg(test)]
mod tests;
mod track;
mod visit;

pub use camera::{Camera, CameraHandle};
pub use faults::{
    Challenge, Damage, Ending, Fault, Insertion, KeyFrames, Misdeed, ReportClock, Step, Target,
};
pub use group::{Group, GroupStats};
pub use inventory::{DEPARTMENTS, Department, Entry};
pub use load::{Load, load};
pub use nvr::{Nvr, NvrHandle};
pub use odd::{Expected, Failure, OddSdp, odd};
pub use quickstart::quickstart;
pub use settings::{Auth, CameraSettings, ParameterSets};
pub use stats::{CameraStats, RequestStats, TrackStats};
