//! A camera that plays: the least of RTSP (RFC 2326) that starts its media over TCP, and keeps it alive.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};

/// A connection to a camera.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) stream: TcpStream,
    url: String,
    session: Option<String>,
    sequence: u32,
    /// What was read and not used yet.
    inbox: Vec<u8>,
}

impl Source {
    /// Connects, and sets up every track.
    pub(super) fn set_up(url: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect_timeout(&address(url)?, LIMIT)?;
        stream.set_read_timeout(Some(LIMIT))?;
        let mut source = Self {
            stream,
            url: url.to_owned(),
            session: None,
            sequence: 0,
            inbox: Vec::new(),
        };
        let description = source
            .ask("DESCRIBE", url, "Accept: application/sdp\r\n")?
            .body;
        let controls = controls(&description);
        ensure!(!controls.is_empty(), "its description names no track");
        for (n, control) in controls.iter().enumerate() {
            let (rtp, rtcp) = (2 * n, 2 * n + 1);
            let transport = format!("Transport: RTP/AVP/TCP;unicast;interleaved={rtp}-{rtcp}\r\n");
            let answer = source.ask("SETUP", &format!("{url}/{control}"), &transport)?;
            source.session = answer.session;
        }
        Ok(source)
    }

    /// Lets it play; returns the first bytes of its media, which came with the answer.
    pub(super) fn play(&mut self) -> anyhow::Result<Vec<u8>> {
        let url = self.url.clone();
        self.ask("PLAY", &url, "")?;
        self.stream.set_nonblocking(true)?;
        Ok(std::mem::take(&mut self.inbox))
    }

    /// Asks for something, so that the session does not expire; the answer is read with the media.
    pub(super) fn keep_alive(&mut self) -> anyhow::Result<()> {
        let url = self.url.clone();
        self.request("OPTIONS", &url, "")
    }

    fn request(&mut self, method: &str, url: &str, headers: &str) -> anyhow::Result<()> {
        self.sequence += 1;
        let sequence = self.sequence;
        let session = match &self.session {
            Some(id) => format!("Session: {id}\r\n"),
            None => String::new(),
        };
        let request =
            format!("{method} {url} RTSP/1.0\r\nCSeq: {sequence}\r\n{session}{headers}\r\n");
        Ok(self.stream.write_all(request.as_bytes())?)
    }

    fn ask(&mut self, method: &str, url: &str, headers: &str) -> anyhow::Result<Answer> {
        self.request(method, url, headers)?;
        let answer = self.answer();
        answer.with_context(|| format!("{method} {url}"))
    }

    fn answer(&mut self) -> anyhow::Result<Answer> {
        loop {
            if let Some((answer, length)) = Answer::take(&self.inbox)? {
                self.inbox.drain(..length);
                return Ok(answer);
            }
            ensure!(self.inbox.len() < ANSWER_MAX, "the answer does not end");
            let mut piece = [0; 4096];
            let length = self.stream.read(&mut piece)?;
            ensure!(length > 0, "the camera hung up");
            self.inbox.extend_from_slice(&piece[..length]);
        }
    }
}

/// What of an answer is of use.
#[derive(Debug, Eq, PartialEq)]
struct Answer {
    session: Option<String>,
    body: String,
}

impl Answer {
    /// Reads an answer at the start of `bytes`, and how long it is; `None` when it has not come as a whole.
    fn take(bytes: &[u8]) -> anyhow::Result<Option<(Self, usize)>> {
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
            return Ok(None);
        };
        let head = std::str::from_utf8(&bytes[..end])?;
        let Some(headers) = head.strip_prefix("RTSP/1.0 200 ") else {
            bail!("answered {:?}", head.lines().next().unwrap_or_default());
        };
        let header = |name: &str| {
            let mut pairs = headers.lines().filter_map(|line| line.split_once(':'));
            pairs
                .find(|(known, _)| known.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.trim())
        };
        let body = end + 4;
        let length = body + header("Content-Length").unwrap_or("0").parse::<usize>()?;
        let Some(body) = bytes.get(body..length) else {
            return Ok(None);
        };
        let session = header("Session").and_then(|value| value.split(';').next());
        let answer = Self {
            session: session.map(str::to_owned),
            body: String::from_utf8(body.to_vec())?,
        };
        Ok(Some((answer, length)))
    }
}

/// The `a=control:` of each media line.
fn controls(description: &str) -> Vec<&str> {
    let lines = description.lines();
    lines
        .skip_while(|line| !line.starts_with("m="))
        .filter_map(|line| line.strip_prefix("a=control:"))
        .collect()
}

fn address(url: &str) -> anyhow::Result<SocketAddr> {
    let host = url
        .strip_prefix("rtsp://")
        .and_then(|rest| rest.split('/').next());
    host.and_then(|host| host.parse().ok())
        .with_context(|| format!("{url} is no rtsp://ADDRESS:PORT/PATH"))
}

/// How long a step may take.
const LIMIT: Duration = Duration::from_secs(10);
/// Bytes of an answer, at most.
const ANSWER_MAX: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_ends_where_its_length_says_and_media_follows() {
        let bytes = b"RTSP/1.0 200 OK\r\nSession: ab;timeout=60\r\ncontent-length: 2\r\n\r\nhi$\0";
        let (answer, length) = Answer::take(bytes).unwrap().unwrap();
        assert_eq!(
            (answer.session.as_deref(), answer.body.as_str()),
            (Some("ab"), "hi")
        );
        assert_eq!(&bytes[length..], b"$\0");
        assert_eq!(Answer::take(&bytes[..length - 1]).unwrap(), None);
    }

    #[test]
    fn an_answer_of_another_status_is_an_error() {
        let error = Answer::take(b"RTSP/1.0 404 Not Found\r\n\r\n").unwrap_err();
        assert!(error.to_string().contains("404"));
    }

    #[test]
    fn tracks_are_named_behind_their_media_lines() {
        let description = "v=0\r\na=control:*\r\nm=video 0 RTP/AVP 96\r\na=control:trackID=0\r\n\
                           m=audio 0 RTP/AVP 8\r\na=control:trackID=1\r\n";
        assert_eq!(controls(description), ["trackID=0", "trackID=1"]);
    }
}
