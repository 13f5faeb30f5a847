//! Messages and interleaved packets, cut out of the bytes of a connection.

use super::{BODY_BYTES_MAX, HEAD_BYTES_MAX, HEADERS_MAX};
use crate::proto::head::{find_end, lines};

/// What a camera sends.
#[derive(Debug)]
pub enum Message<'a> {
    /// An interleaved packet (RFC 2326 §10.12).
    Packet {
        /// Its channel.
        channel: u8,
        /// RTP or RTCP.
        bytes: &'a [u8],
    },
    /// An answer to a request of ours.
    Response(Response),
    /// A request of its own.
    Request(Request),
}

/// An answer.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Response {
    /// 100 to 999.
    pub status: u16,
    /// Its headers.
    pub headers: Headers,
    /// Its body.
    pub body: Vec<u8>,
}

/// A camera's request; its body is of no use to us.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Request {
    /// As it is written.
    pub method: String,
    /// Its headers.
    pub headers: Headers,
}

/// Header lines in their order. Names compare without case.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// The first value of that name, unless it is empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).find(|value| !value.is_empty())
    }

    /// All values of that name.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .filter(move |(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The number of the request that is answered; `None` where there is none that can be read.
    pub fn sequence(&self) -> Option<u32> {
        self.get("CSeq")?.parse().ok()
    }
}

/// Why a connection cannot be read on.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ParseError {
    /// Neither a message begins here nor a packet.
    #[error("what is no RTSP")]
    NoMessage,
    /// The head passes [`HEAD_BYTES_MAX`] or [`HEADERS_MAX`].
    #[error("a head beyond {HEAD_BYTES_MAX} bytes or {HEADERS_MAX} lines")]
    HeadTooLarge,
    /// The body passes [`BODY_BYTES_MAX`], or its length is no number.
    #[error("a body beyond {BODY_BYTES_MAX} bytes, or of no length")]
    Body,
}

/// Cuts a connection's bytes into messages. It remembers how far it has looked, so that bytes that come one
/// by one are not looked at again and again.
#[derive(Debug, Default)]
pub struct Reader {
    /// Bytes of an unfinished head without a blank line.
    looked_at: usize,
    /// Bytes of an unfinished message whose length is known.
    whole: usize,
}

impl Reader {
    /// The first message of `bytes`, and how many bytes it has; `None` until more have come. `bytes` begins
    /// where the message before ended, and grows only at its end.
    ///
    /// # Errors
    ///
    /// The connection cannot be read on.
    pub fn next<'a>(
        &mut self,
        bytes: &'a [u8],
    ) -> Result<Option<(Message<'a>, usize)>, ParseError> {
        if let [b'$', channel, high, low, rest @ ..] = bytes {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            let packet = rest.get(..length).map(|bytes| Message::Packet {
                channel: *channel,
                bytes,
            });
            return Ok(packet.map(|packet| (packet, PACKET_HEAD + length)));
        }
        match bytes.first() {
            None | Some(b'$') => Ok(None),
            Some(_) => self.next_message(bytes),
        }
    }

    fn next_message<'a>(
        &mut self,
        bytes: &'a [u8],
    ) -> Result<Option<(Message<'a>, usize)>, ParseError> {
        if bytes.len() < self.whole {
            return Ok(None);
        }
        // Blank lines between messages are passed over (RFC 2326 §4.1).
        let blank = bytes
            .iter()
            .take_while(|byte| b"\r\n".contains(byte))
            .count();
        let message = bytes.get(blank..).unwrap_or_default();
        if message.is_empty() && blank <= HEAD_BYTES_MAX {
            return Ok(None);
        }
        if blank > 0 && message.first() == Some(&b'$') {
            let packet = self.next(message)?;
            return Ok(packet.map(|(packet, length)| (packet, blank + length)));
        }
        check_beginning(message)?;
        let Some((head_end, body_start)) = find_end(message, self.looked_at) else {
            self.looked_at = message.len();
            return if bytes.len() > HEAD_BYTES_MAX {
                Err(ParseError::HeadTooLarge)
            } else {
                Ok(None)
            };
        };
        if head_end > HEAD_BYTES_MAX {
            return Err(ParseError::HeadTooLarge);
        }
        let head = String::from_utf8_lossy(message.get(..head_end).unwrap_or_default());
        let headers = read_headers(&head)?;
        let body_end = body_start + body_length(&headers)?;
        let Some(body) = message.get(body_start..body_end) else {
            self.whole = blank + body_end;
            return Ok(None);
        };
        *self = Self::default();
        let message = read_message(&head, headers, body)?;
        Ok(Some((message, blank + body_end)))
    }
}

/// What begins neither an answer nor a request never will.
fn check_beginning(message: &[u8]) -> Result<(), ParseError> {
    let word = message
        .iter()
        .take(METHOD_BYTES_MAX)
        .take_while(|byte| **byte != b' ');
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-".contains(byte);
    if word.clone().all(is_token) && word.count() < METHOD_BYTES_MAX {
        Ok(())
    } else {
        Err(ParseError::NoMessage)
    }
}

fn read_headers(head: &str) -> Result<Headers, ParseError> {
    let lines = lines(head, HEADERS_MAX).ok_or(ParseError::HeadTooLarge)?;
    // A line without a colon is nobody's header: it is passed over.
    let headers = lines
        .iter()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()));
    Ok(Headers(headers.collect()))
}

fn body_length(headers: &Headers) -> Result<usize, ParseError> {
    let Some(length) = headers.get("Content-Length") else {
        return Ok(0);
    };
    let length: usize = length.parse().map_err(|_| ParseError::Body)?;
    if length > BODY_BYTES_MAX {
        return Err(ParseError::Body);
    }
    Ok(length)
}

fn read_message(head: &str, headers: Headers, body: &[u8]) -> Result<Message<'static>, ParseError> {
    let mut words = head.lines().next().unwrap_or_default().split_whitespace();
    let first = words.next().unwrap_or_default();
    if !first.starts_with("RTSP/") {
        let is_request = words
            .nth(1)
            .is_some_and(|version| version.starts_with("RTSP/"));
        let method = first.to_owned();
        let request = Message::Request(Request { method, headers });
        return is_request.then_some(request).ok_or(ParseError::NoMessage);
    }
    let status = words.next().and_then(|status| status.parse().ok());
    let status = status.filter(|status| (100..1000).contains(status));
    Ok(Message::Response(Response {
        status: status.ok_or(ParseError::NoMessage)?,
        headers,
        body: body.to_vec(),
    }))
}

/// `$`, channel and length.
const PACKET_HEAD: usize = 4;
/// No method and no version is longer.
const METHOD_BYTES_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_and_messages_follow_one_another() {
        let bytes = b"$\x02\x00\x03abcRTSP/1.0 200 OK\r\nCSeq: 4\r\nContent-Length: 2\r\n\r\nhi\
            \r\n$\x00\x00\x00OPTIONS * RTSP/1.0\r\ncseq: 9\r\n\r\n$\x00\x00\x09no";
        let seen = read_all(bytes, bytes.len()).unwrap();
        assert_eq!(
            seen,
            [
                "packet 2 abc",
                "answer 200 to 4: hi",
                "packet 0 ",
                "request OPTIONS 9",
                "left 6"
            ]
        );
        // However the bytes are cut.
        for step in [1, 2, 3, 7, 50] {
            assert_eq!(read_all(bytes, step).unwrap(), seen, "{step} at a time");
        }
    }

    #[test]
    fn heads_are_read_as_cameras_write_them() {
        let mut reader = Reader::default();
        let bytes = b"RTSP/1.0 401 \xce\xb4\xca\xda\xc8\xa8\nServer:\nNonsense\nWWW-Authenticate: Digest a\n\
            WWW-Authenticate: Basic b\n\n";
        let Some((Message::Response(response), length)) = reader.next(bytes).unwrap() else {
            panic!("no answer");
        };
        assert_eq!((response.status, length), (401, bytes.len()));
        assert_eq!(response.headers.get("server"), None, "empty");
        let challenges: Vec<_> = response.headers.all("www-authenticate").collect();
        assert_eq!(challenges, ["Digest a", "Basic b"]);
    }

    #[test]
    fn what_has_no_end_is_refused() {
        let endless = |bytes: &[u8]| Reader::default().next(bytes).map(|next| next.is_some());
        let line = b"RTSP/1.0 200 OK\r\nX: ".repeat(2000);
        assert_eq!(endless(&line), Err(ParseError::HeadTooLarge));
        let lines = [
            b"RTSP/1.0 200 OK\r\n".to_vec(),
            b"X: 1\r\n".repeat(300),
            b"\r\n".to_vec(),
        ];
        assert_eq!(endless(&lines.concat()), Err(ParseError::HeadTooLarge));
        let blank = b"\r\n".repeat(HEAD_BYTES_MAX);
        assert_eq!(endless(&blank), Err(ParseError::HeadTooLarge));
        for length in ["1000000000", "-1", "x"] {
            let head = format!("RTSP/1.0 200 OK\r\nContent-Length: {length}\r\n\r\n");
            assert_eq!(endless(head.as_bytes()), Err(ParseError::Body), "{length}");
        }
    }

    #[test]
    fn what_is_no_rtsp_is_told_at_once() {
        for bytes in [
            &b"\xfe\xfe\xfe"[..],
            b"HTTP/1.1 200 OK\r\n\r\n",
            &[b'A'; 40],
            b"RTSP/1.0 0 a\r\n\r\n",
        ] {
            let error = Reader::default().next(bytes).err();
            assert_eq!(error, Some(ParseError::NoMessage), "{bytes:?}");
        }
    }

    /// What is read when `step` bytes come at a time.
    fn read_all(bytes: &[u8], step: usize) -> Result<Vec<String>, ParseError> {
        let (mut reader, mut seen, mut start) = (Reader::default(), Vec::new(), 0);
        for end in (step..bytes.len()).step_by(step).chain([bytes.len()]) {
            while let Some((message, length)) = reader.next(&bytes[start..end])? {
                start += length;
                seen.push(match message {
                    Message::Packet { channel, bytes } => {
                        format!("packet {channel} {}", String::from_utf8_lossy(bytes))
                    }
                    Message::Response(Response {
                        status,
                        headers,
                        body,
                    }) => format!(
                        "answer {status} to {}: {}",
                        headers.sequence().unwrap(),
                        String::from_utf8_lossy(&body)
                    ),
                    Message::Request(Request { method, headers }) => {
                        format!("request {method} {}", headers.sequence().unwrap())
                    }
                });
            }
        }
        seen.push(format!("left {}", bytes.len() - start));
        Ok(seen)
    }
}
