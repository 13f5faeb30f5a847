//! RTSP 1.0 (RFC 2326) as a client of cameras hears it: messages and interleaved packets out of the bytes of
//! a connection, and the headers and URLs that a session is set up with.
//!
//! Cameras in the field break the grammar in many ways that do no harm; those are taken. What has no end
//! within the limits is an error.

mod message;
mod session;

pub use message::{Headers, Message, ParseError, Reader, Request, Response};
pub use session::{Base, SessionHeader, parse_interleaved};

/// The most bytes of a message's head.
pub const HEAD_BYTES_MAX: usize = 32 * 1024;
/// The most header lines of a message.
pub const HEADERS_MAX: usize = 256;
/// The most bytes of a message's body: an SDP is some hundred.
pub const BODY_BYTES_MAX: usize = 256 * 1024;
