//! SIP messages (RFC 3261 §7): read liberally, written plainly.

use std::fmt;
use std::net::SocketAddr;

/// A request or a response.
#[derive(Clone, Debug)]
pub struct Message {
    /// The first line.
    pub start: Start,
    /// The header fields in their order, names in their long form.
    pub headers: Vec<(String, String)>,
    /// What follows the empty line.
    pub body: Vec<u8>,
}

/// The first line of a message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Start {
    /// `METHOD uri SIP/2.0`
    Request {
        /// The method, as written.
        method: String,
        /// The Request-URI.
        uri: String,
    },
    /// `SIP/2.0 code reason`
    Response {
        /// The status code.
        code: u16,
        /// The reason phrase.
        reason: String,
    },
}

/// Why bytes are no SIP message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Malformed(pub String);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "malformed SIP message: {}", self.0)
    }
}

impl std::error::Error for Malformed {}

impl Message {
    /// Reads one datagram.
    ///
    /// # Errors
    /// When the first line or a header line is not SIP, or the body is shorter than announced.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let end = head_end(bytes).ok_or_else(|| Malformed("no empty line".into()))?;
        let mut message = Self::parse_head(&bytes[..end])?;
        let rest = &bytes[end..];
        let length = message.content_length()?.unwrap_or(rest.len());
        if rest.len() < length {
            return Err(Malformed(format!(
                "Content-Length {length}, body has {}",
                rest.len()
            )));
        }
        message.body = rest[..length].to_vec();
        Ok(message)
    }

    /// Reads the head up to and with its empty line.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn parse_head(head: &[u8]) -> Result<Self, Malformed> {
        let text = String::from_utf8_lossy(head);
        let mut lines = text.split("\r\n");
        let start = parse_start(lines.next().unwrap_or_default())?;
        let mut headers: Vec<(String, String)> = Vec::new();
        for line in lines.take_while(|line| !line.is_empty()) {
            if let (true, Some(last)) = (line.starts_with([' ', '\t']), headers.last_mut()) {
                last.1.push(' ');
                last.1.push_str(line.trim());
                continue;
            }
            let (name, value) = line
                .split_once(':')
                .ok_or_else(|| Malformed(format!("header line {line:?}")))?;
            headers.push((long_name(name.trim()).to_owned(), value.trim().to_owned()));
        }
        Ok(Self {
            start,
            headers,
            body: Vec::new(),
        })
    }

    /// Begins a request.
    pub fn request(method: &str, uri: &str) -> Self {
        let start = Start::Request {
            method: method.to_owned(),
            uri: uri.to_owned(),
        };
        Self {
            start,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// Begins the answer to a request that came from `source`; `tag` is put into To where it has none.
    pub fn answer(request: &Self, code: u16, tag: &str, source: SocketAddr) -> Self {
        let start = Start::Response {
            code,
            reason: reason(code).to_owned(),
        };
        let mut answer = Self {
            start,
            headers: Vec::new(),
            body: Vec::new(),
        };
        for (name, value) in &request.headers {
            let value = match name.as_str() {
                "Via" if answer.header("Via").is_none() => with_received(value, source),
                "To" if parameter(value, "tag").is_none() && code > 100 => {
                    format!("{value};tag={tag}")
                }
                "Via" | "From" | "To" | "Call-ID" | "CSeq" => value.clone(),
                _ => continue,
            };
            answer.headers.push((name.clone(), value));
        }
        answer
    }

    /// Adds a header field.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Adds a body and its type.
    #[must_use]
    pub fn with_body(self, content_type: &str, body: Vec<u8>) -> Self {
        let mut message = self.with("Content-Type", content_type);
        message.body = body;
        message
    }

    /// The message as it goes on the wire, with its Content-Length.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut head = match &self.start {
            Start::Request { method, uri } => format!("{method} {uri} SIP/2.0\r\n"),
            Start::Response { code, reason } => format!("SIP/2.0 {code} {reason}\r\n"),
        };
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("Content-Length: {}\r\n\r\n", self.body.len()));
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// The first header field of that name (long form, any case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The announced length of the body.
    ///
    /// # Errors
    /// When it is no number.
    pub fn content_length(&self) -> Result<Option<usize>, Malformed> {
        let Some(value) = self.header("Content-Length") else {
            return Ok(None);
        };
        value
            .parse()
            .map(Some)
            .map_err(|_| Malformed(format!("Content-Length {value:?}")))
    }

    /// The method of a request, or the method that a response's CSeq names.
    pub fn method(&self) -> &str {
        match &self.start {
            Start::Request { method, .. } => method,
            Start::Response { .. } => self
                .header("CSeq")
                .and_then(|cseq| cseq.split(' ').nth(1))
                .unwrap_or_default(),
        }
    }

    /// The status code; 0 for a request.
    pub fn code(&self) -> u16 {
        match self.start {
            Start::Response { code, .. } => code,
            Start::Request { .. } => 0,
        }
    }

    /// The number of CSeq.
    pub fn cseq(&self) -> Option<u32> {
        self.header("CSeq")?.split(' ').next()?.parse().ok()
    }

    /// The branch of the topmost Via.
    pub fn branch(&self) -> Option<&str> {
        parameter(self.header("Via")?, "branch")
    }

    /// The user part of the URI in that header field.
    pub fn user(&self, header: &str) -> Option<&str> {
        self.header(header).and_then(user)
    }
}

/// The user part of a URI or of a name-addr.
pub fn user(value: &str) -> Option<&str> {
    let after = value.split_once("sip:")?.1;
    Some(after.split(['@', '>', ';']).next().unwrap_or(after))
}

/// A parameter after the URI of a header value; a flag without value is the empty string.
pub fn parameter<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    let outside = value.rsplit_once('>').map_or(value, |(_, after)| after);
    outside.split(';').skip(1).find_map(|part| {
        let (found, text) = part.split_once('=').unwrap_or((part, ""));
        found.trim().eq_ignore_ascii_case(name).then(|| text.trim())
    })
}

/// The offset behind the first empty line.
pub fn head_end(bytes: &[u8]) -> Option<usize> {
    bytes
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .map(|at| at + 4)
}

fn parse_start(line: &str) -> Result<Start, Malformed> {
    let malformed = || Malformed(format!("first line {line:?}"));
    if let Some(rest) = line.strip_prefix("SIP/2.0 ") {
        let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
        let code = code.parse().map_err(|_| malformed())?;
        return Ok(Start::Response {
            code,
            reason: reason.to_owned(),
        });
    }
    let mut words = line.split(' ');
    match (words.next(), words.next(), words.next(), words.next()) {
        (Some(method), Some(uri), Some("SIP/2.0"), None) if !method.is_empty() => {
            Ok(Start::Request {
                method: method.to_owned(),
                uri: uri.to_owned(),
            })
        }
        _ => Err(malformed()),
    }
}

fn with_received(via: &str, source: SocketAddr) -> String {
    via.split(';')
        .map(|part| match part.trim() {
            "rport" => format!("rport={};received={}", source.port(), source.ip()),
            other => other.to_owned(),
        })
        .collect::<Vec<_>>()
        .join(";")
}

fn long_name(name: &str) -> &str {
    const NAMES: [(&str, &str); 18] = [
        ("v", "Via"),
        ("f", "From"),
        ("t", "To"),
        ("i", "Call-ID"),
        ("m", "Contact"),
        ("l", "Content-Length"),
        ("c", "Content-Type"),
        ("s", "Subject"),
        ("o", "Event"),
        ("e", "Content-Encoding"),
        ("via", "Via"),
        ("from", "From"),
        ("to", "To"),
        ("call-id", "Call-ID"),
        ("cseq", "CSeq"),
        ("contact", "Contact"),
        ("content-length", "Content-Length"),
        ("content-type", "Content-Type"),
    ];
    NAMES
        .iter()
        .find(|(short, _)| short.eq_ignore_ascii_case(name))
        .map_or(name, |(_, long)| long)
}

fn reason(code: u16) -> &'static str {
    match code {
        100 => "Trying",
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        481 => "Call/Transaction Does Not Exist",
        500 => "Server Internal Error",
        503 => "Service Unavailable",
        _ => "Answer",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGISTER: &str = "REGISTER sip:4301@10.0.0.1:5060 SIP/2.0\r\n\
        v: SIP/2.0/UDP 10.0.0.2:5060;rport;branch=z9hG4bK1\r\n\
        f: <sip:43021100002000000002@4302110000>;tag=7\r\nTo: <sip:43021100002000000002@4302110000>\r\n\
        i: a@b\r\nCSeq: 1 REGISTER\r\nExpires:\r\n 3600\r\nl: 2\r\n\r\nhi";

    #[test]
    fn compact_names_and_folded_lines_are_read() {
        let message = Message::parse(REGISTER.as_bytes()).unwrap();
        assert_eq!(
            message.header("via").unwrap(),
            "SIP/2.0/UDP 10.0.0.2:5060;rport;branch=z9hG4bK1"
        );
        assert_eq!(message.header("Expires").unwrap().trim(), "3600");
        assert_eq!(message.user("From"), Some("43021100002000000002"));
        assert_eq!(
            (message.branch(), message.cseq()),
            (Some("z9hG4bK1"), Some(1))
        );
        assert_eq!(message.body, b"hi");
    }

    #[test]
    fn an_answer_repeats_the_five_fields_and_says_where_the_request_came_from() {
        let request = Message::parse(REGISTER.as_bytes()).unwrap();
        let answer = Message::answer(&request, 401, "x", "10.0.0.9:6000".parse().unwrap());
        let answer = Message::parse(&answer.to_bytes()).unwrap();
        assert_eq!(answer.code(), 401);
        assert_eq!(answer.method(), "REGISTER");
        assert_eq!(parameter(answer.header("To").unwrap(), "tag"), Some("x"));
        let via = answer.header("Via").unwrap();
        assert_eq!(
            (parameter(via, "rport"), parameter(via, "received")),
            (Some("6000"), Some("10.0.0.9"))
        );
    }

    #[test]
    fn a_body_shorter_than_announced_is_refused() {
        let short = REGISTER.replace("l: 2", "l: 3");
        assert!(Message::parse(short.as_bytes()).is_err());
        assert!(Message::parse(b"REGISTER\r\n\r\n").is_err());
    }
}
