//! SIP (RFC 3261) as GB/T 28181 needs it of a lower-level platform: messages, digest, transactions.
//!
//! Pure. Why it is our own and not a library's is in ARCHITECTURE.md: what platforms send in the field
//! (GBK in headers, no Content-Length, bare line feeds, branches without the cookie, answers that are
//! never acknowledged) must survive reading, and every queue must have a limit.
//!
//! [`Message`] is one message; [`Agent`] has the transactions of one peer; `sink::gb28181` owns sockets
//! and clock.

mod agent;
mod authenticate;
mod digest;
mod message;
mod name_address;
mod parse;
mod via;

pub use agent::{Agent, Event, Target, TransactionId, Transmit, Transport};
pub use authenticate::Challenge;
pub use digest::{Algorithm, Credentials};
pub use message::{Headers, Message, Method, Request, Response, reason_phrase};
pub use name_address::NameAddress;
pub use parse::{ParseError, frame_length, parse_datagram, parse_stream};
pub use via::Via;

/// The most bytes of a message's head that are read.
pub const HEAD_BYTES_MAX: usize = 64 * 1024;
/// The most header lines of a message that are read.
pub const HEADERS_MAX: usize = 128;
/// The most bytes of a body that are read.
pub const BODY_BYTES_MAX: usize = 64 * 1024;
