//! RTSP messages as a server reads and writes them (RFC 2326 §4, §10.12).

use std::fmt::Write as _;

use anyhow::{Context as _, bail, ensure};
use bytes::{Buf as _, BytesMut};

use super::description::NO_CONTENT_TYPE;

/// Bytes of a request's head and of its body, at most.
const PART_MAX: usize = 16 * 1024;

/// What a client sent.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Incoming {
    Request(Request),
    /// An interleaved packet: RTCP, since nobody sends media to a camera.
    Packet,
    /// An answer to what the camera asked.
    Answer,
}

/// A request.
#[derive(Debug, Clone, Eq, PartialEq)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) uri: String,
    headers: Vec<(String, String)>,
}

impl Request {
    /// Returns a header's value.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Returns the same request with another CSeq.
    pub(super) fn with_sequence(&self, sequence: &str) -> Self {
        let mut request = self.clone();
        for (name, value) in &mut request.headers {
            if name.eq_ignore_ascii_case("CSeq") {
                sequence.clone_into(value);
            }
        }
        request
    }

    /// Returns the path of the URI, which may lack its scheme or be the path's end alone, if a client was told so.
    pub(super) fn path(&self) -> &str {
        let (_, after_scheme) = self.uri.split_once("://").unwrap_or(("", &self.uri));
        let path = match after_scheme.find('/') {
            Some(at) => &after_scheme[at..],
            None if after_scheme.len() == self.uri.len() => after_scheme,
            None => "",
        };
        path.trim_end_matches('/')
    }

    /// Returns the session's id without its parameters.
    pub(super) fn session(&self) -> Option<&str> {
        self.header("Session")
            .and_then(|value| value.split(';').next())
            .map(str::trim)
    }
}

/// Takes the next whole message out of `inbox`; `None` when there is none yet.
///
/// # Errors
/// When the bytes are no RTSP; the connection is of no use then.
pub(super) fn take(inbox: &mut BytesMut) -> anyhow::Result<Option<Incoming>> {
    while inbox.starts_with(b"\r\n") {
        inbox.advance(2);
    }
    if inbox.first() == Some(&b'$') {
        let Some(length) = inbox.get(2..4) else {
            return Ok(None);
        };
        let whole = 4 + usize::from(u16::from_be_bytes([length[0], length[1]]));
        if inbox.len() < whole {
            return Ok(None);
        }
        inbox.advance(whole);
        return Ok(Some(Incoming::Packet));
    }
    let Some(head_end) = inbox.windows(4).position(|window| window == b"\r\n\r\n") else {
        ensure!(inbox.len() <= PART_MAX, "a request's head is too long");
        return Ok(None);
    };
    let head = std::str::from_utf8(&inbox[..head_end]).context("a request's head is not text")?;
    if head.starts_with("RTSP/1.0 ") {
        inbox.advance(head_end + 4);
        return Ok(Some(Incoming::Answer));
    }
    let request = parse(head)?;
    let body: usize = request
        .header("Content-Length")
        .map_or(Ok(0), str::parse)
        .context("bad Content-Length")?;
    ensure!(body <= PART_MAX, "a request's body is too long");
    let whole = head_end + 4 + body;
    if inbox.len() < whole {
        return Ok(None);
    }
    inbox.advance(whole);
    Ok(Some(Incoming::Request(request)))
}

fn parse(head: &str) -> anyhow::Result<Request> {
    let mut lines = head.split("\r\n");
    let first: Vec<&str> = lines.next().unwrap_or_default().split(' ').collect();
    let [method, uri, "RTSP/1.0"] = first[..] else {
        bail!("bad request line {first:?}")
    };
    let header = |line: &str| {
        let (name, value) = line
            .split_once(':')
            .with_context(|| format!("bad header {line:?}"))?;
        Ok((name.trim().to_owned(), value.trim().to_owned()))
    };
    let headers = lines.map(header).collect::<anyhow::Result<_>>()?;
    Ok(Request {
        method: method.to_owned(),
        uri: uri.to_owned(),
        headers,
    })
}

/// An answer.
#[derive(Debug)]
pub(super) struct Response {
    head: String,
    content_type: &'static str,
    body: Vec<u8>,
}

impl Response {
    /// Starts an answer to a request.
    pub(super) fn new(status: &str, request: &Request) -> Self {
        let response = Self {
            head: format!("RTSP/1.0 {status}\r\n"),
            content_type: "",
            body: Vec::new(),
        };
        match request.header("CSeq") {
            Some(sequence) => response.header("CSeq", sequence),
            None => response,
        }
    }

    /// Adds a header.
    pub(super) fn header(mut self, name: &str, value: &str) -> Self {
        // Writing to a string does not fail.
        let _infallible = write!(self.head, "{name}: {value}\r\n");
        self
    }

    /// Adds a body with its type.
    pub(super) fn body(self, content_type: &'static str, body: Vec<u8>) -> Self {
        Self {
            content_type,
            body,
            ..self
        }
    }

    /// Adds bytes to the end of the body; nothing when there is none.
    pub(super) fn extend_body(&mut self, bytes: &[u8]) {
        if !self.content_type.is_empty() {
            self.body.extend_from_slice(bytes);
        }
    }

    /// Returns the bytes to send.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        let Self {
            head,
            content_type,
            body,
        } = self;
        let length = body.len();
        let content = match content_type {
            "" => String::new(),
            NO_CONTENT_TYPE => format!("Content-Length: {length}\r\n"),
            _ => format!("Content-Type: {content_type}\r\nContent-Length: {length}\r\n"),
        };
        [head.as_bytes(), content.as_bytes(), b"\r\n", &body].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_packets_are_taken_apart() {
        let mut inbox = BytesMut::from(
            &b"$\x01\x00\x02abSET_PARAMETER rtsp://h/stream/main/ RTSP/1.0\r\nCSeq: 2\r\nsession: 9;timeout=60\r\nContent-Length: 3\r\n\r\nabcOPT"[..],
        );
        assert_eq!(take(&mut inbox).unwrap(), Some(Incoming::Packet));
        let Some(Incoming::Request(request)) = take(&mut inbox).unwrap() else {
            panic!("no request")
        };
        assert_eq!(
            (request.method.as_str(), request.path()),
            ("SET_PARAMETER", "/stream/main")
        );
        assert_eq!(
            (request.header("cseq"), request.session()),
            (Some("2"), Some("9"))
        );
        assert_eq!(take(&mut inbox).unwrap(), None);
        assert_eq!(&inbox[..], b"OPT");
    }

    #[test]
    fn what_is_no_rtsp_is_an_error() {
        assert!(take(&mut BytesMut::from(&b"GET / HTTP/1.1\r\n\r\n"[..])).is_err());
    }

    #[test]
    fn an_answer_repeats_the_sequence_number() {
        let request = parse("DESCRIBE rtsp://h/ RTSP/1.0\r\nCSeq: 7").unwrap();
        let bytes = Response::new("200 OK", &request)
            .body("application/sdp", b"v=0\r\n".to_vec())
            .into_bytes();
        let expected = "RTSP/1.0 200 OK\r\nCSeq: 7\r\nContent-Type: application/sdp\r\nContent-Length: 5\r\n\r\nv=0\r\n";
        assert_eq!(String::from_utf8(bytes).unwrap(), expected);
    }
}
