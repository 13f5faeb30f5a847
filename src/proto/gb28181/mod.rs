//! The lower-level platform's side of GB/T 28181 (edition 2016): what is said, and when.
//!
//! Pure. Bodies are `manscdp`; [`Registration`] and [`Heartbeat`] say when to send what;
//! `sink::gb28181` owns sockets, clock and sessions.

pub mod answer;
pub mod catalogue;
mod charset;
mod heartbeat;
mod manscdp;
mod notices;
pub mod notify;
mod registration;
mod xml;

pub use charset::Charset;
pub use heartbeat::{Heartbeat, HeartbeatEvent};
pub use manscdp::{Ask, AskError, AskKind, CONTENT_TYPE};
pub use notices::{Notice, Notices};
pub use registration::{Outcome, Registration};
