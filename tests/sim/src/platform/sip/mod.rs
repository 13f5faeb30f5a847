//! A small SIP of the simulator's own (RFC 3261): messages, framing on TCP, digest access.

pub mod digest;
pub mod framer;
pub mod message;

pub use message::{Message, Start};
