//! Reads SIP messages as platforms really send them.
//!
//! Taken: bytes that are not UTF-8 in headers (each becomes a replacement character), bare line feeds,
//! folded lines, compact names, a datagram without Content-Length. Refused: what has no start line, or
//! passes a limit.

use bytes::Bytes;

use super::message::{Headers, Message, Method, Request, Response};
use super::{BODY_BYTES_MAX, HEAD_BYTES_MAX, HEADERS_MAX};
use crate::proto::head::{find_end, lines};

/// Why bytes are no message.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ParseError {
    /// The first line is neither a request line nor a status line.
    #[error("no SIP start line")]
    StartLine,
    /// Via, From, To, Call-ID or CSeq is missing or unreadable.
    #[error("header {0} is missing or unreadable")]
    Header(&'static str),
    /// More header lines than [`HEADERS_MAX`], or a head beyond [`HEAD_BYTES_MAX`].
    #[error("head is too large")]
    HeadTooLarge,
    /// A body beyond [`BODY_BYTES_MAX`], or a Content-Length that is no number.
    #[error("body is too large or its length unreadable")]
    Body,
}

/// Reads a message that fills a datagram: the body is what follows the head, at most Content-Length.
///
/// # Errors
///
/// Fails when the bytes are no usable message.
pub fn parse_datagram(datagram: &Bytes) -> Result<Message, ParseError> {
    let start = datagram
        .iter()
        .take_while(|byte| byte.is_ascii_whitespace())
        .count();
    let datagram = datagram.slice(start..);
    let (head_end, body_start) = find_end(&datagram, 0).unwrap_or((datagram.len(), datagram.len()));
    let body = datagram.slice(body_start..);
    parse_parts(datagram.get(..head_end).unwrap_or_default(), body)
}

/// Reads one message of a TCP connection, cut out by [`frame_length`].
///
/// # Errors
///
/// Fails when the bytes are no usable message.
pub fn parse_stream(frame: &Bytes) -> Result<Message, ParseError> {
    parse_datagram(frame)
}

/// Says how many bytes at the start of a TCP connection's buffer are one message; `None`: more are
/// needed. Blank lines between messages (RFC 5626 §3.5.1) count to the message they precede.
///
/// # Errors
///
/// The connection cannot be read on: the head or the body passes its limit, or has no length.
pub fn frame_length(buffer: &[u8]) -> Result<Option<usize>, ParseError> {
    let blank = buffer
        .iter()
        .take_while(|byte| byte.is_ascii_whitespace())
        .count();
    let message = buffer.get(blank..).unwrap_or_default();
    let Some((head_end, body_start)) = find_end(message, 0) else {
        let is_full = message.len() > HEAD_BYTES_MAX || blank > HEAD_BYTES_MAX;
        return if is_full {
            Err(ParseError::HeadTooLarge)
        } else {
            Ok(None)
        };
    };
    let head = String::from_utf8_lossy(message.get(..head_end).unwrap_or_default()).into_owned();
    let body = content_length(&parse_headers(&head)?)?.unwrap_or(0);
    let whole = blank + body_start + body;
    Ok((buffer.len() >= whole).then_some(whole))
}

fn parse_parts(head: &[u8], body: Bytes) -> Result<Message, ParseError> {
    if head.len() > HEAD_BYTES_MAX {
        return Err(ParseError::HeadTooLarge);
    }
    let head = String::from_utf8_lossy(head);
    let start = head.lines().next().unwrap_or_default().trim();
    let headers = parse_headers(&head)?;
    let length = content_length(&headers)?.map_or(body.len(), |length| length.min(body.len()));
    if length > BODY_BYTES_MAX {
        return Err(ParseError::Body);
    }
    let body = body.slice(..length);
    check_mandatory(&headers)?;
    let mut words = start.split_whitespace();
    let (first, second) = (words.next(), words.next());
    match (first, second, start.ends_with("SIP/2.0")) {
        (Some("SIP/2.0"), Some(code), _) => {
            let code = code.parse().ok().filter(|code| (100..700).contains(code));
            let code = code.ok_or(ParseError::StartLine)?;
            let reason = words.collect::<Vec<_>>().join(" ");
            Ok(Message::Response(Response {
                code,
                reason,
                headers,
                body,
            }))
        }
        (Some(method), Some(uri), true) if uri != "SIP/2.0" && !method.contains('/') => {
            Ok(Message::Request(Request {
                method: Method::parse(method),
                uri: uri.to_owned(),
                headers,
                body,
            }))
        }
        _ => Err(ParseError::StartLine),
    }
}

fn parse_headers(head: &str) -> Result<Headers, ParseError> {
    let lines = lines(head, HEADERS_MAX).ok_or(ParseError::HeadTooLarge)?;
    let mut headers = Headers::default();
    for line in &lines {
        // A line without a colon is nobody's header: it is passed over, not fatal.
        if let Some((name, value)) = line.split_once(':') {
            push_values(&mut headers, name.trim(), value.trim());
        }
    }
    // One line may hold any number of Vias.
    if headers.len() > HEADERS_MAX {
        return Err(ParseError::HeadTooLarge);
    }
    Ok(headers)
}

/// Several Vias may stand in one line (RFC 3261 §7.3.1).
fn push_values(headers: &mut Headers, name: &str, value: &str) {
    if name.eq_ignore_ascii_case("Via") || name.eq_ignore_ascii_case("v") {
        for via in value.split(',') {
            headers.push(name, via.trim());
        }
    } else {
        headers.push(name, value);
    }
}

fn content_length(headers: &Headers) -> Result<Option<usize>, ParseError> {
    let Some(value) = headers.get("Content-Length") else {
        return Ok(None);
    };
    let length: usize = value.trim().parse().map_err(|_| ParseError::Body)?;
    if length > BODY_BYTES_MAX {
        return Err(ParseError::Body);
    }
    Ok(Some(length))
}

fn check_mandatory(headers: &Headers) -> Result<(), ParseError> {
    headers.via().ok_or(ParseError::Header("Via"))?;
    headers.from().ok_or(ParseError::Header("From"))?;
    headers.to().ok_or(ParseError::Header("To"))?;
    headers
        .call_id()
        .filter(|id| !id.is_empty())
        .ok_or(ParseError::Header("Call-ID"))?;
    headers.cseq().ok_or(ParseError::Header("CSeq"))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_gbk_in_a_header_cost_neither_headers_nor_body() {
        let message = read(&message(b"Subject: \xca\xd3\xc6\xb5\r\n", b"<a/>"));
        assert_eq!(message.headers().call_id(), Some("c1"));
        assert_eq!(body(&message), b"<a/>");
    }

    #[test]
    fn a_datagram_without_length_has_the_rest_as_body() {
        assert_eq!(body(&read(&message(b"", b"<Query/>"))), b"<Query/>");
    }

    #[test]
    fn bare_line_feeds_and_folded_lines_are_taken() {
        let bytes = message(b"X-Long: a\r\n  b\r\n", b"hello");
        let bytes: Vec<u8> = bytes
            .iter()
            .copied()
            .filter(|byte| *byte != b'\r')
            .collect();
        let message = read(&bytes);
        assert_eq!(message.headers().get("x-long"), Some("a b"));
        assert_eq!(body(&message), b"hello");
    }

    #[test]
    fn tcp_is_cut_by_content_length() {
        let one = message(b"Content-Length: 3\r\n", b"abc");
        let mut two = b"\r\n\r\n".to_vec();
        two.extend_from_slice(&one);
        two.extend_from_slice(&one);
        assert_eq!(frame_length(&two), Ok(Some(4 + one.len())));
        assert_eq!(frame_length(&one[..one.len() - 1]), Ok(None));
        assert_eq!(frame_length(b"MESSAGE"), Ok(None));
    }

    #[test]
    fn absurd_lengths_end_the_connection() {
        for length in ["99999999999999999999", "-1", "x", "70000"] {
            let head = format!("Content-Length: {length}\r\n");
            assert_eq!(
                frame_length(&message(head.as_bytes(), b"")),
                Err(ParseError::Body)
            );
        }
    }

    #[test]
    fn garbage_is_refused() {
        let missing = b"MESSAGE sip:1@2 SIP/2.0\r\n\r\n";
        assert_eq!(parse(missing), Err(ParseError::Header("Via")));
        assert!(parse(b"").is_err());
        assert!(parse(&[0xff; 2000]).is_err());
        let many = "X: 1\r\n".repeat(HEADERS_MAX + 1);
        assert_eq!(
            parse(&message(many.as_bytes(), b"")),
            Err(ParseError::HeadTooLarge)
        );
    }

    fn message(extra: &[u8], body: &[u8]) -> Vec<u8> {
        let mut bytes = b"MESSAGE sip:2@10.0.0.2 SIP/2.0\r\nv: SIP/2.0/UDP 10.0.0.1;branch=1\r\n\
            f: <sip:1@2>;tag=a\r\nt: sip:2@2\r\ni: c1\r\nCSeq: 3 MESSAGE\r\n"
            .to_vec();
        bytes.extend_from_slice(extra);
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(body);
        bytes
    }

    fn parse(bytes: &[u8]) -> Result<Message, ParseError> {
        parse_datagram(&Bytes::copy_from_slice(bytes))
    }

    fn read(bytes: &[u8]) -> Message {
        parse(bytes).unwrap()
    }

    fn body(message: &Message) -> &[u8] {
        match message {
            Message::Request(request) => &request.body,
            Message::Response(response) => &response.body,
        }
    }
}
