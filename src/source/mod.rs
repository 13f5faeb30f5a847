//! Cameras in: each is pulled once, whatever the number of viewers.
//!
//! [`Sources`] hands out leases; a leased camera has one task (`pull`) that keeps its stream on the
//! bus alive and tells its state; the others are probed (`prober`). Every handshake goes through the
//! `gate`. What a camera's failure does stays with that camera.

mod backoff;
mod board;
mod entry;
mod flow;
mod gate;
mod logins;
mod opening;
mod pace;
mod places;
mod present;
mod prober;
mod pull;
mod quota;
mod recorder;
mod resolve;
mod rtsp;
mod schedule;
mod shared;
mod sources;
mod status;
mod verdict;

pub use backoff::Backoff;
pub use logins::{Account, Refusal};
pub use sources::{Beginning, Lease, Settings, Sources};
pub use status::{Change, Evidence, Observed, Status};
