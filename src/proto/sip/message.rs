//! A SIP message: its start line, its headers in order, its body as bytes.

use bytes::{BufMut, Bytes, BytesMut};

use super::{NameAddress, Via};

/// What a request asks. Any token is a method; those that matter are named.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Method {
    /// RFC 3261 §13.
    Ack,
    /// RFC 3261 §15.
    Bye,
    /// RFC 3261 §9.
    Cancel,
    /// RFC 6086.
    Info,
    /// RFC 3261 §13.
    Invite,
    /// RFC 3428: queries, answers and controls of GB/T 28181.
    Message,
    /// RFC 6665.
    Notify,
    /// RFC 3261 §11.
    Options,
    /// RFC 3261 §10.
    Register,
    /// RFC 6665.
    Subscribe,
    /// Any other.
    Other(String),
}

impl Method {
    /// Reads a method's name; capitals are not insisted on.
    pub fn parse(name: &str) -> Self {
        match name.to_ascii_uppercase().as_str() {
            "ACK" => Self::Ack,
            "BYE" => Self::Bye,
            "CANCEL" => Self::Cancel,
            "INFO" => Self::Info,
            "INVITE" => Self::Invite,
            "MESSAGE" => Self::Message,
            "NOTIFY" => Self::Notify,
            "OPTIONS" => Self::Options,
            "REGISTER" => Self::Register,
            "SUBSCRIBE" => Self::Subscribe,
            other => Self::Other(other.to_owned()),
        }
    }

    /// The method's name.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Ack => "ACK",
            Self::Bye => "BYE",
            Self::Cancel => "CANCEL",
            Self::Info => "INFO",
            Self::Invite => "INVITE",
            Self::Message => "MESSAGE",
            Self::Notify => "NOTIFY",
            Self::Options => "OPTIONS",
            Self::Register => "REGISTER",
            Self::Subscribe => "SUBSCRIBE",
            Self::Other(name) => name,
        }
    }
}

/// Header lines in their order. Names compare without case; compact names are written out.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// Appends a header. Line breaks in the value cannot split it: they become blanks.
    pub fn push(&mut self, name: &str, value: impl Into<String>) {
        let mut value = value.into();
        if value.contains(['\r', '\n']) {
            value = value.replace(['\r', '\n'], " ");
        }
        self.0.push((full_name(name).to_owned(), value));
    }

    /// Replaces the value of the first header of that name; adds it where there is none.
    pub fn replace_first(&mut self, name: &str, value: impl Into<String>) {
        match self
            .0
            .iter_mut()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
        {
            Some((_, old)) => *old = value.into(),
            None => self.push(name, value),
        }
    }

    /// The value of the first header of that name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| v.as_str())
    }

    /// The values of all headers of that name, in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| v.as_str())
    }

    /// How many headers there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The number and method of CSeq.
    pub fn cseq(&self) -> Option<(u32, Method)> {
        let (number, method) = self.get("CSeq")?.trim().split_once(char::is_whitespace)?;
        Some((number.parse().ok()?, Method::parse(method.trim())))
    }

    /// The Call-ID.
    pub fn call_id(&self) -> Option<&str> {
        self.get("Call-ID").map(str::trim)
    }

    /// The From header.
    pub fn from(&self) -> Option<NameAddress> {
        self.get("From").and_then(NameAddress::parse)
    }

    /// The To header.
    pub fn to(&self) -> Option<NameAddress> {
        self.get("To").and_then(NameAddress::parse)
    }

    /// The topmost Via.
    pub fn via(&self) -> Option<Via> {
        self.get("Via").and_then(Via::parse)
    }

    /// A number of seconds such as Expires.
    pub fn seconds(&self, name: &str) -> Option<u32> {
        self.get(name)?.trim().parse().ok()
    }
}

/// A request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Request {
    /// What it asks.
    pub method: Method,
    /// The Request-URI as written.
    pub uri: String,
    /// Its headers.
    pub headers: Headers,
    /// Its body; the charset is the body's own affair.
    pub body: Bytes,
}

/// An answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Response {
    /// The status, 100 … 699.
    pub code: u16,
    /// The words behind the status.
    pub reason: String,
    /// Its headers.
    pub headers: Headers,
    /// Its body.
    pub body: Bytes,
}

/// A request or an answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Message {
    /// A request.
    Request(Request),
    /// An answer.
    Response(Response),
}

impl Message {
    /// The headers.
    pub fn headers(&self) -> &Headers {
        match self {
            Self::Request(request) => &request.headers,
            Self::Response(response) => &response.headers,
        }
    }

    /// The message as bytes, its Content-Length included.
    pub fn to_bytes(&self) -> Bytes {
        match self {
            Self::Request(request) => request.to_bytes(),
            Self::Response(response) => response.to_bytes(),
        }
    }
}

impl Request {
    /// Starts a request without headers.
    pub fn new(method: Method, uri: impl Into<String>) -> Self {
        Self {
            method,
            uri: uri.into(),
            headers: Headers::default(),
            body: Bytes::new(),
        }
    }

    /// The request as bytes.
    pub fn to_bytes(&self) -> Bytes {
        let start = format!("{} {} SIP/2.0", self.method.as_str(), self.uri);
        write(&start, &self.headers, &self.body)
    }

    /// The user part of the Request-URI: the channel or platform it is for.
    pub fn uri_user(&self) -> Option<&str> {
        let (_, rest) = self.uri.split_once(':')?;
        Some(rest.split_once('@')?.0)
    }

    /// Starts an answer: Via, From, To, Call-ID and CSeq are the request's, letter for letter
    /// (RFC 3261 §8.2.6.2); `to_tag` is added where the request has none.
    pub fn answer(&self, code: u16, to_tag: &str) -> Response {
        let mut headers = Headers::default();
        for via in self.headers.all("Via") {
            headers.push("Via", via);
        }
        for name in ["From", "To", "Call-ID", "CSeq"] {
            let Some(value) = self.headers.get(name) else {
                continue;
            };
            let has_tag = NameAddress::parse(value).is_some_and(|address| address.tag.is_some());
            if name == "To" && code > 100 && !has_tag {
                headers.push(name, format!("{value};tag={to_tag}"));
            } else {
                headers.push(name, value);
            }
        }
        Response {
            code,
            reason: reason_phrase(code).to_owned(),
            headers,
            body: Bytes::new(),
        }
    }
}

impl Response {
    /// The answer as bytes.
    pub fn to_bytes(&self) -> Bytes {
        write(
            &format!("SIP/2.0 {} {}", self.code, self.reason),
            &self.headers,
            &self.body,
        )
    }

    /// Adds a header.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push(name, value);
        self
    }

    /// Sets the body and its type.
    #[must_use]
    pub fn with_body(mut self, content_type: &str, body: impl Into<Bytes>) -> Self {
        self.headers.push("Content-Type", content_type);
        self.body = body.into();
        self
    }
}

fn write(start: &str, headers: &Headers, body: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(512 + body.len());
    out.put_slice(start.as_bytes());
    out.put_slice(b"\r\n");
    for (name, value) in &headers.0 {
        if name.eq_ignore_ascii_case("Content-Length") {
            continue;
        }
        out.put_slice(name.as_bytes());
        out.put_slice(b": ");
        out.put_slice(value.as_bytes());
        out.put_slice(b"\r\n");
    }
    out.put_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
    out.put_slice(body);
    out.freeze()
}

/// The full name behind a compact one (RFC 3261 §7.3.3, RFC 6665).
fn full_name(name: &str) -> &str {
    match name {
        "c" | "C" => "Content-Type",
        "f" | "F" => "From",
        "i" | "I" => "Call-ID",
        "l" | "L" => "Content-Length",
        "m" | "M" => "Contact",
        "o" | "O" => "Event",
        "s" | "S" => "Subject",
        "t" | "T" => "To",
        "v" | "V" => "Via",
        other => other,
    }
}

/// The usual words of a status (RFC 3261 §21).
pub fn reason_phrase(code: u16) -> &'static str {
    match code {
        100 => "Trying",
        200 => "OK",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        415 => "Unsupported Media Type",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        486 => "Busy Here",
        487 => "Request Terminated",
        488 => "Not Acceptable Here",
        489 => "Bad Event",
        491 => "Request Pending",
        500 => "Server Internal Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        _ => "Unspecified",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_repeats_the_request_and_adds_one_tag() {
        let mut request = Request::new(Method::Message, "sip:1@2");
        request
            .headers
            .push("v", "SIP/2.0/UDP 10.0.0.1:5060;branch=1");
        request.headers.push("From", "<sip:1@2>;tag=a");
        request.headers.push("To", "<sip:3@4>");
        request.headers.push("Call-ID", "x");
        request.headers.push("CSeq", "7 MESSAGE");
        let answer = request.answer(200, "mine");
        assert_eq!(answer.headers.get("to"), Some("<sip:3@4>;tag=mine"));
        assert_eq!(
            answer.headers.get("Via"),
            Some("SIP/2.0/UDP 10.0.0.1:5060;branch=1")
        );
        assert_eq!(answer.headers.cseq(), Some((7, Method::Message)));
    }

    #[test]
    fn a_line_break_in_a_value_cannot_make_a_header() {
        let mut headers = Headers::default();
        headers.push("Subject", "a\r\nEvil: 1");
        assert_eq!(headers.get("Subject"), Some("a  Evil: 1"));
        assert_eq!(headers.get("Evil"), None);
    }
}
