//! Why a session with a camera did not come to be, or ended.

use std::io;

use tokio::time::Instant;

use crate::ledger::{Cause, StateCause};
use crate::proto::rtsp::ParseError;

/// Why a session did not come to be, or ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::source) struct Failure {
    pub(in crate::source) cause: Cause,
    /// For the log and for `why`: a sentence of ours, nothing that the camera sent.
    pub(in crate::source) detail: String,
    /// Media had come: the camera is asked again before it is called off line.
    pub(in crate::source) had_media: bool,
    /// Until when its account is left alone.
    pub(in crate::source) locked_until: Option<Instant>,
    /// The camera itself said no, in this try.
    pub(in crate::source) is_refusal: bool,
    /// A password was sent, and refused.
    pub(in crate::source) is_wrong_password: bool,
}

impl Failure {
    pub(in crate::source) fn new(cause: Cause, detail: impl Into<String>) -> Self {
        Self {
            cause,
            detail: detail.into(),
            had_media: false,
            locked_until: None,
            is_refusal: false,
            is_wrong_password: false,
        }
    }

    /// An account that is left alone until then.
    pub(in crate::source) fn locked(until: Instant) -> Self {
        let detail = format!("the account is left alone for {:?}", until - Instant::now());
        Self {
            locked_until: Some(until),
            ..Self::new(Cause::AuthLocked, detail)
        }
    }

    /// A limit of the department.
    pub(in crate::source) fn limit(state: StateCause) -> Self {
        Self::new(state.cause(), "a limit of its department is reached")
    }

    /// Whether it is our own limits, and not the camera.
    pub(in crate::source) fn is_ours(&self) -> bool {
        matches!(
            self.cause,
            Cause::BandwidthLimit | Cause::SessionLimit | Cause::Gateway
        )
    }

    /// The state that it puts the camera in.
    pub(in crate::source) fn state(&self) -> StateCause {
        if self.cause == Cause::BandwidthLimit {
            StateCause::BANDWIDTH_LIMIT
        } else {
            StateCause::offline(self.cause)
        }
    }

    /// A status that is no success.
    pub(super) fn status(method: &str, status: u16) -> Self {
        let cause = match status {
            401 | 403 => Cause::AuthFailed,
            404 | 410 => Cause::NotFound,
            300..=399 => Cause::RedirectRefused,
            453 | 503 => Cause::SourceLimit,
            _ => Cause::RtspError,
        };
        Self::new(cause, format!("{status} to {method}"))
    }

    /// No connection came to be.
    pub(super) fn unconnected(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => {
                Self::new(Cause::Refused, "it refuses the connection")
            }
            io::ErrorKind::ConnectionReset => {
                Self::new(Cause::RtspError, "it resets the connection")
            }
            _ => Self::new(Cause::Timeout, "it cannot be reached"),
        }
    }

    /// The connection broke, or what came over it cannot be read; `step` is what was under way.
    pub(super) fn broken(step: &str, broken: &Broken) -> Self {
        let detail = match broken {
            Broken::Ended => format!("it ended the connection ({step})"),
            Broken::Torn(kind) => format!("the connection broke: {kind} ({step})"),
            Broken::NoRtsp(error) => format!("it sent {error} ({step})"),
            Broken::Deaf => format!("it does not read what is sent to it ({step})"),
        };
        Self::new(Cause::RtspError, detail)
    }
}

/// Why a connection is of no more use.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Broken {
    /// The camera closed it.
    Ended,
    /// As the kernel says.
    Torn(io::ErrorKind),
    /// What came cannot be read.
    NoRtsp(ParseError),
    /// A request does not fit what it has not read yet.
    Deaf,
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::Torn(error.kind())
    }
}

impl From<ParseError> for Broken {
    fn from(error: ParseError) -> Self {
        Self::NoRtsp(error)
    }
}
