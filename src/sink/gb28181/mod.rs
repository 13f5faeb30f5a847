//! The lower-level platform of GB/T 28181: registers at platforms, answers them, sends them video.
//!
//! [`Platforms`] has one task a platform (`platform`) that owns registration, transactions and
//! dialogs, one task a media session (`session`), and the SIP sockets (`transport`) whose router
//! decides which platform a message belongs to. The rules are in `proto::gb28181`.

mod admission;
mod calls;
mod datagrams;
mod far_end;
mod media;
mod orders;
mod output;
mod pacer;
mod platform;
mod platforms;
mod ports;
mod queries;
mod rate_limit;
mod registering;
mod requests;
mod session;
mod settings;
mod subscription;
mod telling;
mod transport;
mod way;

pub use orders::SessionStatus;
pub use platforms::{Gateway, PlatformStatus, Platforms, PlatformsChange};
pub use ports::RtpPorts;
pub use settings::{Authority, Keepalive, Limits, Media, PlatformSettings, SsrcChoice};
pub use transport::{Sockets, bind};

/// The label of this sink.
const SINK: &str = "gb28181";
