//! States and causes: closed sets, and only legal pairs can be made.

use std::fmt;

/// How a camera is.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum State {
    /// Never tried since the start.
    #[default]
    Unknown,
    /// Being tried.
    Connecting,
    /// A decodable key frame came within the time that the configuration sets.
    Online,
    /// Media comes, but not well.
    Degraded,
    /// It gives nothing.
    Offline,
    /// Out of service.
    Disabled,
}

/// Why it is so.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Cause {
    /// No reason needed.
    #[default]
    None,
    /// No try since the start.
    NeverTried,
    /// Its name does not resolve.
    Dns,
    /// It refuses the connection.
    Refused,
    /// It does not answer in time.
    Timeout,
    /// It refuses user and password.
    AuthFailed,
    /// It refused user and password too often: no try for a while.
    AuthLocked,
    /// It does not know the path.
    NotFound,
    /// It answers RTSP with an error.
    RtspError,
    /// It accepts PLAY and sends nothing.
    NoMedia,
    /// Its media stopped.
    Stalled,
    /// Media without a key frame.
    NoKeyFrame,
    /// Media that cannot be put together to frames.
    BadBitstream,
    /// Its video is coded in a way that is not passed on.
    CodecUnsupported,
    /// It serves as many as it can.
    SourceLimit,
    /// Its department's bandwidth is used up.
    BandwidthLimit,
    /// Its department's streams are used up.
    SessionLimit,
    /// Its TLS is not right.
    Tls,
    /// It sends us elsewhere.
    RedirectRefused,
    /// Its address is not its department's, or the law allows no camera there.
    NotAllowed,
    /// The gateway itself is the reason.
    Gateway,
    /// An operator took it out of service.
    Maintenance,
}

impl State {
    /// All states.
    pub const ALL: [Self; 6] = [
        Self::Unknown,
        Self::Connecting,
        Self::Online,
        Self::Degraded,
        Self::Offline,
        Self::Disabled,
    ];

    /// The state of that name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// The name in API and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Connecting => "connecting",
            Self::Online => "online",
            Self::Degraded => "degraded",
            Self::Offline => "offline",
            Self::Disabled => "disabled",
        }
    }
}

impl Cause {
    /// All causes.
    pub const ALL: [Self; 22] = [
        Self::None,
        Self::NeverTried,
        Self::Dns,
        Self::Refused,
        Self::Timeout,
        Self::AuthFailed,
        Self::AuthLocked,
        Self::NotFound,
        Self::RtspError,
        Self::NoMedia,
        Self::Stalled,
        Self::NoKeyFrame,
        Self::BadBitstream,
        Self::CodecUnsupported,
        Self::SourceLimit,
        Self::BandwidthLimit,
        Self::SessionLimit,
        Self::Tls,
        Self::RedirectRefused,
        Self::NotAllowed,
        Self::Gateway,
        Self::Maintenance,
    ];

    /// The cause of that name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.name() == name)
    }

    /// The name in API and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::NeverTried => "never_tried",
            Self::Dns => "dns",
            Self::Refused => "refused",
            Self::Timeout => "timeout",
            Self::AuthFailed => "auth_failed",
            Self::AuthLocked => "auth_locked",
            Self::NotFound => "not_found",
            Self::RtspError => "rtsp_error",
            Self::NoMedia => "no_media",
            Self::Stalled => "stalled",
            Self::NoKeyFrame => "no_key_frame",
            Self::BadBitstream => "bad_bitstream",
            Self::CodecUnsupported => "codec_unsupported",
            Self::SourceLimit => "source_limit",
            Self::BandwidthLimit => "bandwidth_limit",
            Self::SessionLimit => "session_limit",
            Self::Tls => "tls",
            Self::RedirectRefused => "redirect_refused",
            Self::NotAllowed => "not_allowed",
            Self::Gateway => "gateway",
            Self::Maintenance => "maintenance",
        }
    }
}

/// A state with its cause; only legal pairs exist.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct StateCause(State, Cause);

impl StateCause {
    /// Not tried since the start.
    pub const UNKNOWN: Self = Self(State::Unknown, Cause::NeverTried);
    /// Being tried.
    pub const CONNECTING: Self = Self(State::Connecting, Cause::None);
    /// As it should be.
    pub const ONLINE: Self = Self(State::Online, Cause::None);
    /// Taken out of service by its owner.
    pub const DISABLED: Self = Self(State::Disabled, Cause::None);
    /// The law allows no camera there.
    pub const NOT_ALLOWED: Self = Self(State::Disabled, Cause::NotAllowed);
    /// Its department's streams are used up.
    pub const SESSION_LIMIT: Self = Self(State::Offline, Cause::SessionLimit);
    /// Its department's bandwidth is used up.
    pub const BANDWIDTH_LIMIT: Self = Self(State::Degraded, Cause::BandwidthLimit);
    /// Taken out of service by an operator.
    pub const MAINTENANCE: Self = Self(State::Disabled, Cause::Maintenance);

    /// The pair, where the set of legal pairs has it.
    pub fn new(state: State, cause: Cause) -> Option<Self> {
        Self::legal().find(|pair| *pair == Self(state, cause))
    }

    /// Offline for `cause`; a cause that cannot put a camera off line reads as the gateway's own.
    pub fn offline(cause: Cause) -> Self {
        Self::new(State::Offline, cause).unwrap_or(Self(State::Offline, Cause::Gateway))
    }

    /// Degraded for `cause`; a cause that is no degradation reads as stalled.
    pub fn degraded(cause: Cause) -> Self {
        Self::new(State::Degraded, cause).unwrap_or(Self(State::Degraded, Cause::Stalled))
    }

    /// The state.
    pub fn state(self) -> State {
        self.0
    }

    /// The cause.
    pub fn cause(self) -> Cause {
        self.1
    }

    /// All legal pairs.
    pub fn legal() -> impl Iterator<Item = Self> {
        LEGAL
            .iter()
            .flat_map(|(state, causes)| causes.iter().map(|cause| Self(*state, *cause)))
    }
}

impl fmt::Display for StateCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            Cause::None => f.write_str(self.0.name()),
            cause => write!(f, "{}/{}", self.0.name(), cause.name()),
        }
    }
}

const LEGAL: &[(State, &[Cause])] = &[
    (State::Unknown, &[Cause::NeverTried]),
    (State::Connecting, &[Cause::None]),
    (State::Online, &[Cause::None]),
    (
        State::Degraded,
        &[
            Cause::Stalled,
            Cause::NoKeyFrame,
            Cause::BadBitstream,
            Cause::BandwidthLimit,
        ],
    ),
    (
        State::Offline,
        &[
            Cause::Dns,
            Cause::Refused,
            Cause::Timeout,
            Cause::AuthFailed,
            Cause::AuthLocked,
            Cause::NotFound,
            Cause::RtspError,
            Cause::NoMedia,
            Cause::Stalled,
            Cause::CodecUnsupported,
            Cause::SourceLimit,
            Cause::SessionLimit,
            Cause::Tls,
            Cause::RedirectRefused,
            Cause::NotAllowed,
            Cause::Gateway,
        ],
    ),
    (
        State::Disabled,
        &[Cause::None, Cause::NotAllowed, Cause::Maintenance],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_legal_pairs_can_be_made() {
        assert_eq!(StateCause::new(State::Online, Cause::Dns), None);
        assert_eq!(StateCause::offline(Cause::None).cause(), Cause::Gateway);
        assert_eq!(
            Cause::ALL.map(|cause| Cause::of(cause.name())),
            Cause::ALL.map(Some)
        );
        assert_eq!(StateCause::legal().count(), 26);
        assert_eq!(
            StateCause::offline(Cause::Refused).to_string(),
            "offline/refused"
        );
    }
}
