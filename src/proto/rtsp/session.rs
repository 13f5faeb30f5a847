//! What a session is set up with: URLs of its tracks, its id and timeout, its channels.

use std::time::Duration;

use super::Headers;

/// What the controls of an SDP are relative to (RFC 2326 appendix C.1.1).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Base(String);

impl Base {
    /// The base that an answer to DESCRIBE names, else the URL that was asked for.
    pub fn of(headers: &Headers, url: &str) -> Self {
        let named = ["Content-Base", "Content-Location"]
            .iter()
            .find_map(|name| headers.get(name).filter(|value| is_absolute(value)));
        Self(named.unwrap_or(url).to_owned())
    }

    /// The URL of a control. As cameras mean it, and not as RFC 3986 has it: what is relative is appended,
    /// behind a query too.
    pub fn control(&self, control: Option<&str>) -> String {
        match control.map(str::trim) {
            None | Some("" | "*") => self.0.clone(),
            Some(control) if is_absolute(control) => control.to_owned(),
            Some(control) => {
                let base = self.0.trim_end_matches('/');
                format!("{base}/{}", control.trim_start_matches('/'))
            }
        }
    }
}

fn is_absolute(url: &str) -> bool {
    let scheme = url.get(..7).unwrap_or_default();
    scheme.eq_ignore_ascii_case("rtsp://")
}

/// The `Session` header of an answer to SETUP (RFC 2326 §12.37).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SessionHeader {
    /// What is sent back with every request of the session.
    pub id: String,
    /// After what silence of ours the camera ends the session: 60 s unless it says otherwise.
    pub timeout: Duration,
}

impl SessionHeader {
    /// Reads `id;timeout=60`.
    pub fn parse(value: &str) -> Option<Self> {
        let mut parts = value.split(';').map(str::trim);
        let id = parts.next().filter(|id| !id.is_empty())?;
        let seconds = parts.find_map(|part| {
            let (name, value) = part.split_once('=')?;
            let is_timeout = name.trim().eq_ignore_ascii_case("timeout");
            is_timeout.then(|| value.trim().parse().ok())?
        });
        Some(Self {
            id: id.to_owned(),
            timeout: Duration::from_secs(seconds.unwrap_or(SESSION_SECONDS)),
        })
    }
}

/// The channel of RTP that a `Transport` header names (RFC 2326 §12.39): `interleaved=0-1`.
pub fn parse_interleaved(transport: &str) -> Option<u8> {
    let value = transport.split(';').find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("interleaved")
            .then_some(value)
    })?;
    let first = value.split('-').next().unwrap_or_default();
    first.trim().parse().ok()
}

const SESSION_SECONDS: u64 = 60;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::rtsp::{Message, Reader};

    #[test]
    fn controls_are_joined_as_cameras_mean_them() {
        let base = Base("rtsp://10.0.0.1/cam/realmonitor?channel=1&subtype=0/".to_owned());
        let joined = [
            (
                Some("trackID=0"),
                "rtsp://10.0.0.1/cam/realmonitor?channel=1&subtype=0/trackID=0",
            ),
            (
                Some("/track1"),
                "rtsp://10.0.0.1/cam/realmonitor?channel=1&subtype=0/track1",
            ),
            (Some("RTSP://10.0.0.2/x"), "RTSP://10.0.0.2/x"),
            (
                Some("*"),
                "rtsp://10.0.0.1/cam/realmonitor?channel=1&subtype=0/",
            ),
            (None, "rtsp://10.0.0.1/cam/realmonitor?channel=1&subtype=0/"),
        ];
        for (control, url) in joined {
            assert_eq!(base.control(control), url);
        }
    }

    #[test]
    fn a_base_that_is_no_url_is_passed_over() {
        let base = |headers: &str| {
            let head = format!("RTSP/1.0 200 OK\r\n{headers}\r\n\r\n");
            match Reader::default().next(head.as_bytes()) {
                Ok(Some((Message::Response(response), _))) => {
                    Base::of(&response.headers, "rtsp://a/b").0
                }
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(base("Content-Base: rtsp://c/d/"), "rtsp://c/d/");
        assert_eq!(
            base("Content-Base: \r\nContent-Location: rtsp://e"),
            "rtsp://e"
        );
        assert_eq!(base("Content-Base: live"), "rtsp://a/b");
    }

    #[test]
    fn session_and_transport_are_read() {
        let session = |value| SessionHeader::parse(value).map(|s| (s.id, s.timeout.as_secs()));
        assert_eq!(session("7A;timeout=30"), Some(("7A".to_owned(), 30)));
        assert_eq!(session(" 7A ; Timeout = x"), Some(("7A".to_owned(), 60)));
        assert_eq!(session(";timeout=3"), None);
        let channel = "RTP/AVP/TCP;unicast;Interleaved=4-5;ssrc=1";
        assert_eq!(parse_interleaved(channel), Some(4));
        assert_eq!(parse_interleaved("RTP/AVP;unicast;client_port=1-2"), None);
    }
}
