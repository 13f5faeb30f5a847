//! Cameras in: each is pulled once, whatever the number of viewers.
//!
//! [`Sources`] hands out leases; a leased camera has one task (`pull`) that keeps its stream on the
//! bus alive and tells its state. What a camera's failure does stays with that camera.

mod backoff;
mod flow;
mod logins;
mod pull;
mod resolve;
mod rtsp;
mod sources;
mod status;

pub use backoff::Backoff;
pub use sources::{Lease, Settings, Sources};
pub use status::{Observed, Status};
