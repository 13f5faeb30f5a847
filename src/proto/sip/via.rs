//! The Via header (RFC 3261 §20.42, RFC 3581).

use super::name_address::parameter;

/// What the gateway reads of a Via.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Via {
    /// `UDP`, `TCP` …
    pub transport: String,
    /// Host and port as the sender wrote them.
    pub sent_by: String,
    /// The branch; may lack the cookie `z9hG4bK`, and may be missing.
    pub branch: Option<String>,
    /// `received`, where a server added it.
    pub received: Option<String>,
    /// `rport`: `Some(None)` where the parameter has no value yet.
    pub rport: Option<Option<u16>>,
}

impl Via {
    /// Reads a header's value.
    pub fn parse(value: &str) -> Option<Self> {
        let (head, parameters) = value.split_once(';').unwrap_or((value, ""));
        let mut words = head.split_whitespace();
        let transport = words.next()?.rsplit('/').next()?.to_ascii_uppercase();
        let sent_by = words.next()?.to_owned();
        Some(Self {
            transport,
            sent_by,
            branch: parameter(parameters, "branch")
                .filter(|b| !b.is_empty())
                .map(str::to_owned),
            received: parameter(parameters, "received").map(str::to_owned),
            rport: parameter(parameters, "rport").map(|port| port.parse().ok()),
        })
    }

    /// Host and port that the sender names, the default port added; the host may be a name.
    pub fn host_and_port(&self) -> (&str, u16) {
        match self.sent_by.rsplit_once(':') {
            Some((host, port)) => (host.trim(), port.trim().parse().unwrap_or(DEFAULT_PORT)),
            None => (&self.sent_by, DEFAULT_PORT),
        }
    }
}

const DEFAULT_PORT: u16 = 5060;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_with_and_without_value_are_read() {
        let via =
            Via::parse("SIP/2.0/UDP 10.0.0.1:5070;rport;branch=branch1;received=1.2.3.4").unwrap();
        assert_eq!(via.rport, Some(None));
        assert_eq!(via.branch.as_deref(), Some("branch1"));
        assert_eq!(via.host_and_port(), ("10.0.0.1", 5070));
        assert_eq!(
            Via::parse("SIP/2.0/TCP host;rport=").unwrap().rport,
            Some(None)
        );
        assert!(Via::parse("SIP/2.0/UDP").is_none());
    }
}
