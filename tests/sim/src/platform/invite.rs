//! What an INVITE asks, and why it may give no session (GB/T 28181-2016 §9.2).

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use super::media::Keep;
use super::sdp::Y;
use super::sip::Message;

/// The body of an INVITE.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Body {
    /// An offer of live video.
    #[default]
    Play,
    /// An offer of voice.
    Talk,
    /// None.
    Absent,
}

/// When the answer is acknowledged.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Ack {
    /// As it comes.
    #[default]
    AtOnce,
    /// So much later.
    After(Duration),
    /// From another port of the same host (UDP only).
    FromElsewhere,
    /// Not at all.
    Never,
}

/// When a CANCEL is sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CancelAt {
    /// Right behind the INVITE, before anything came (RFC 3261 §9.1 forbids it).
    Once,
    /// When the first provisional answer came.
    Trying,
    /// When the 200 came, before its ACK.
    Answer,
    /// Behind the ACK.
    Established,
}

/// How an INVITE is sent again, whatever comes meanwhile.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Repeats {
    /// How often.
    pub times: u32,
    /// The time before each.
    pub every: Duration,
    /// Each has another branch.
    pub other_branch: bool,
}

/// What one INVITE does otherwise than usual.
#[derive(Clone, Debug)]
pub struct Options {
    /// What is kept of the media.
    pub keep: Keep,
    /// Its `y=`.
    pub y: Y,
    /// Payload types offered beyond the usual ones, with their encoding.
    pub extra_types: Vec<(u8, String)>,
    /// Another address in `c=` than the platform's own.
    pub media_address: Option<IpAddr>,
    /// Its body.
    pub body: Body,
    /// Sends the same request twice.
    pub is_doubled: bool,
    /// When the answer is acknowledged.
    pub ack: Ack,
    /// Cancels when no final answer came within this.
    pub cancel_after: Option<Duration>,
    /// Cancels at that stage; what the CANCEL got is in [`Session::cancelled`](super::Session).
    pub cancel: Option<CancelAt>,
    /// Sends the request again.
    pub repeats: Repeats,
    /// The receive buffer of a TCP socket, small for readers that shall be slow.
    pub receive_buffer: Option<usize>,
    /// Sends RTCP receiver reports.
    pub receiver_reports: bool,
    /// How long a final answer, and a connection, are waited for.
    pub limit: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            keep: Keep::default(),
            y: Y::default(),
            extra_types: Vec::new(),
            media_address: None,
            body: Body::default(),
            is_doubled: false,
            ack: Ack::default(),
            cancel_after: None,
            cancel: None,
            repeats: Repeats::default(),
            receive_buffer: None,
            receiver_reports: false,
            limit: Duration::from_secs(30),
        }
    }
}

/// A final answer of 300 or above.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    /// The status code.
    pub code: u16,
    /// The header Reason.
    pub reason: Option<String>,
    /// The header Warning.
    pub warning: Option<String>,
    /// The header Retry-After.
    pub retry_after: Option<String>,
}

/// Why an INVITE gave no session, or a SUBSCRIBE no subscription.
#[derive(Debug)]
pub enum InviteError {
    /// The lower platform refused.
    Refused(Refusal),
    /// It did not answer, or its answer is unusable.
    Failed(anyhow::Error),
}

impl fmt::Display for InviteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => {
                write!(f, "refused with {}", refusal.code)?;
                let said = refusal.reason.as_ref().or(refusal.warning.as_ref());
                said.map_or(Ok(()), |said| write!(f, " ({said})"))
            }
            Self::Failed(error) => write!(f, "{error:#}"),
        }
    }
}

impl std::error::Error for InviteError {}

impl From<anyhow::Error> for InviteError {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

impl InviteError {
    /// The status code of a refusal.
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Refused(refusal) => Some(refusal.code),
            Self::Failed(_) => None,
        }
    }
}

impl Refusal {
    pub(super) fn read(response: &Message) -> Self {
        let header = |name: &str| response.header(name).map(str::to_owned);
        Self {
            code: response.code(),
            reason: header("Reason"),
            warning: header("Warning"),
            retry_after: header("Retry-After"),
        }
    }
}
