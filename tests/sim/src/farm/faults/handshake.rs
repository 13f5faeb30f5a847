//! What goes wrong at a step of RTSP, from the acceptance of the connection to TEARDOWN.

use std::time::Duration;

use super::super::request::Request;

/// A step of a client's way through RTSP.
#[derive(Debug, Clone, Copy, Eq, PartialEq, Ord, PartialOrd)]
pub enum Step {
    /// The connection was accepted, and no request came yet.
    Accept,
    /// OPTIONS without a session.
    Options,
    /// DESCRIBE.
    Describe,
    /// SETUP.
    Setup,
    /// PLAY.
    Play,
    /// OPTIONS, GET_PARAMETER or SET_PARAMETER inside a session.
    Keepalive,
    /// TEARDOWN.
    Teardown,
    /// Every request that has no misdeed of its own.
    Every,
}

impl Step {
    /// Returns the step that a request is.
    pub(in super::super) fn of(request: &Request, has_session: bool) -> Self {
        match request.method.as_str() {
            "OPTIONS" if !has_session => Self::Options,
            "OPTIONS" | "GET_PARAMETER" | "SET_PARAMETER" => Self::Keepalive,
            "DESCRIBE" => Self::Describe,
            "SETUP" => Self::Setup,
            "PLAY" => Self::Play,
            "TEARDOWN" => Self::Teardown,
            _ => Self::Every,
        }
    }
}

/// What a camera does at a step in place of a sound answer.
///
/// At [`Step::Accept`] only those make sense that need no request: silence (for good), delay, close, reset, garbage, HTTP
/// and the endless ones.
#[derive(Debug, Clone, Eq, PartialEq)]
pub enum Misdeed {
    /// It answers nothing, and keeps the connection.
    Silence,
    /// It answers soundly, but so late.
    Delay(Duration),
    /// It answers soundly, with this pause after each byte.
    Trickle(Duration),
    /// It closes the connection.
    Close,
    /// It resets the connection (RST).
    Reset,
    /// It sends half of a sound answer, and nothing ever after.
    HalfThenSilence,
    /// It sends half of a sound answer, and closes the connection.
    HalfThenClose,
    /// It announces a body of 1 GB, and sends till the client is gone.
    EndlessBody,
    /// It sends a header line that does not end, till the client is gone.
    EndlessHead,
    /// It puts so many headers before those of a sound answer.
    Headers(usize),
    /// It puts a line of so many bytes at the end of the body of a sound answer.
    LongLine(usize),
    /// It sends bytes that are no RTSP.
    Garbage,
    /// It answers as a web server does.
    Http,
    /// It answers soundly, but to another CSeq.
    WrongSequence,
    /// It answers with this status.
    Status(u16),
    /// It answers with this status (301, 302) and a Location.
    Redirect(u16, Target),
    /// It answers 401, whatever the credentials.
    Unauthorized(Challenge),
}

/// Where a redirect leads.
#[derive(Debug, Clone, Eq, PartialEq)]
pub enum Target {
    /// To `/moved` under its path, where it answers soundly.
    SameHost,
    /// To where the client was: a loop.
    Loop,
    /// To this URL.
    Url(String),
}

/// How a 401 challenges.
#[derive(Debug, Clone, Copy, Eq, PartialEq)]
pub enum Challenge {
    /// With a fresh nonce each time, as to a wrong password.
    Digest,
    /// With a fresh nonce each time, and the client's called stale.
    Stale,
    /// With Basic.
    Basic,
    /// Not at all: without WWW-Authenticate.
    Missing,
    /// With a scheme that nobody knows.
    UnknownScheme,
    /// With Digest by an algorithm that nobody knows.
    UnknownAlgorithm,
}

impl Challenge {
    /// Returns the value of WWW-Authenticate.
    pub(in super::super) fn header(self, nonce: &str) -> Option<String> {
        let digest = |more: &str| {
            Some(format!(
                "Digest realm=\"IP Camera\", nonce=\"{nonce}\"{more}"
            ))
        };
        match self {
            Self::Digest => digest(", stale=\"FALSE\""),
            Self::Stale => digest(", stale=\"TRUE\""),
            Self::Basic => Some("Basic realm=\"IP Camera\"".to_owned()),
            Self::Missing => None,
            Self::UnknownScheme => Some("Vendor realm=\"IP Camera\", token=\"1\"".to_owned()),
            Self::UnknownAlgorithm => digest(", algorithm=VENDOR-1"),
        }
    }
}

/// Bytes of a stream that does not end, between two pauses.
pub(in super::super) const FLOOD_PIECE: [u8; 16 * 1024] = [b'a'; 16 * 1024];

/// Bytes that are neither a head nor a frame; none of them is `$`.
pub(in super::super) const GARBAGE: &[u8] =
    b"\x16\x03\x01\x02\x00\x01\x00\xfc\x03\x03\xff\xfe\x00\x80 \r\n\r\n";

/// What a web server says to RTSP.
pub(in super::super) const HTTP_ANSWER: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\nContent-Length: 13\r\nConnection: close\r\n\r\n<html></html>";

/// Returns the beginning of an answer that does not end, in its body or in its head.
pub(in super::super) fn flood_head(misdeed: &Misdeed, request: Option<&Request>) -> Option<String> {
    let sequence = request
        .and_then(|request| request.header("CSeq"))
        .unwrap_or("1");
    let head = format!("RTSP/1.0 200 OK\r\nCSeq: {sequence}\r\n");
    match misdeed {
        Misdeed::EndlessBody => Some(format!(
            "{head}Content-Type: application/sdp\r\nContent-Length: 1000000000\r\n\r\n"
        )),
        Misdeed::EndlessHead => Some(format!("{head}X-Endless: ")),
        _ => None,
    }
}

/// Puts so many headers behind the first line of an answer.
pub(in super::super) fn long_head(answer: &[u8], headers: usize) -> Vec<u8> {
    let first = answer
        .windows(2)
        .position(|window| window == b"\r\n")
        .map_or(0, |at| at + 2);
    let (line, rest) = answer.split_at(first);
    [line, &b"X-Filler: 0\r\n".repeat(headers), rest].concat()
}

/// Returns a status with its reason (RFC 2326 §7.1.1).
pub(in super::super) fn status_line(code: u16) -> String {
    let reason = match code {
        200 => "OK",
        301 => "Moved Permanently",
        302 => "Moved Temporarily",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        451 => "Parameter Not Understood",
        453 => "Not Enough Bandwidth",
        454 => "Session Not Found",
        455 => "Method Not Valid in This State",
        457 => "Invalid Range",
        459 => "Aggregate Operation Not Allowed",
        461 => "Unsupported Transport",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        505 => "RTSP Version Not Supported",
        551 => "Option Not Supported",
        _ => "Unknown",
    };
    format!("{code} {reason}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_go_between_the_first_line_and_the_others() {
        let long = long_head(b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\nbody", 2);
        let expected = b"RTSP/1.0 200 OK\r\nX-Filler: 0\r\nX-Filler: 0\r\nCSeq: 1\r\n\r\nbody";
        assert_eq!(long, expected);
    }

    #[test]
    fn a_challenge_may_lack_its_header() {
        assert_eq!(Challenge::Missing.header("n"), None);
        assert!(
            Challenge::Stale
                .header("n")
                .unwrap()
                .contains("nonce=\"n\", stale=\"TRUE\"")
        );
    }
}
