//! A client for tests: it asks, and takes apart what comes.

use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::super::{CameraHandle, Step};
use super::LIMIT;

pub(super) struct Client {
    stream: TcpStream,
    inbox: BytesMut,
    url: String,
    session: String,
    sequence: u32,
    began: Instant,
}

pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: Bytes,
}

impl Answer {
    /// A header's value.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let start = format!("{name}: ");
        self.head.lines().find_map(|line| line.strip_prefix(&start))
    }
}

/// How the camera ended a connection.
#[derive(Debug, Clone, Copy, Eq, PartialEq)]
pub(super) enum End {
    Closed,
    Reset,
}

pub(super) enum Incoming {
    Answer(Answer),
    Packet(u8, Bytes),
}

impl Client {
    pub(super) const RTP_CHANNEL: u8 = 6;
    pub(super) const RTCP_CHANNEL: u8 = 7;

    pub(super) async fn connect(camera: &CameraHandle) -> Self {
        Self::try_connect(camera).await.expect("a camera accepts")
    }

    /// A client, or none when the camera refuses.
    pub(super) async fn try_connect(camera: &CameraHandle) -> Option<Self> {
        let stream = TcpStream::connect(camera.address()).await.ok()?;
        Some(Self {
            stream,
            inbox: BytesMut::new(),
            url: camera.url(),
            session: String::new(),
            sequence: 0,
            began: Instant::now(),
        })
    }

    /// A client that plays the first track.
    pub(super) async fn playing(camera: &CameraHandle) -> Self {
        let mut client = Self::connect(camera).await;
        assert_eq!(client.set_up().await.status, 200);
        assert_eq!(client.request("PLAY", "").await.status, 200);
        client
    }

    pub(super) async fn set_up(&mut self) -> Answer {
        let path = self.path();
        self.set_up_at(&format!("{path}/trackID=0")).await
    }

    fn path(&self) -> String {
        let (_, rest) = self.url.split_once("://").unwrap();
        rest[rest.find('/').unwrap()..].to_owned()
    }

    pub(super) async fn set_up_at(&mut self, path: &str) -> Answer {
        let transport = "Transport: RTP/AVP/TCP;unicast;interleaved=6-7\r\n";
        let answer = self.request_to(path, "SETUP", transport).await;
        let session = answer
            .head
            .split("Session: ")
            .nth(1)
            .and_then(|rest| rest.split(';').next());
        if let Some(session) = session {
            self.session = format!("Session: {session}\r\n");
        }
        answer
    }

    pub(super) async fn request(&mut self, method: &str, headers: &str) -> Answer {
        self.request_url(&self.url.clone(), method, headers).await
    }

    pub(super) async fn request_to(&mut self, path: &str, method: &str, headers: &str) -> Answer {
        let (scheme, rest) = self.url.split_once("://").unwrap();
        let host = rest.split('/').next().unwrap();
        let host = format!("{scheme}://{host}");
        self.request_url(&format!("{host}{path}"), method, headers)
            .await
    }

    async fn request_url(&mut self, url: &str, method: &str, headers: &str) -> Answer {
        self.send(url, method, headers).await;
        self.answer().await
    }

    async fn send(&mut self, url: &str, method: &str, headers: &str) {
        self.sequence += 1;
        let text = format!(
            "{method} {url} RTSP/1.0\r\nCSeq: {}\r\n{}{headers}\r\n",
            self.sequence, self.session
        );
        self.stream.write_all(text.as_bytes()).await.unwrap();
    }

    /// Waits for the next answer.
    pub(super) async fn answer(&mut self) -> Answer {
        loop {
            match self.next().await {
                Some(Incoming::Answer(answer)) => return answer,
                Some(Incoming::Packet(..)) => {}
                None => panic!("closed instead of answering"),
            }
        }
    }

    /// Goes through the steps before this one, and asks for it without waiting for the answer.
    pub(super) async fn go_to(&mut self, step: Step) {
        if matches!(step, Step::Play | Step::Keepalive | Step::Teardown) {
            assert_eq!(self.set_up().await.status, 200);
        }
        let url = self.url.clone();
        let track = format!("{url}/trackID=0");
        let transport = "Transport: RTP/AVP/TCP;unicast;interleaved=6-7\r\n";
        match step {
            Step::Accept | Step::Every => {}
            Step::Options | Step::Keepalive => self.send(&url, "OPTIONS", "").await,
            Step::Describe => self.send(&url, "DESCRIBE", "").await,
            Step::Setup => self.send(&track, "SETUP", transport).await,
            Step::Play => self.send(&url, "PLAY", "").await,
            Step::Teardown => self.send(&url, "TEARDOWN", "").await,
        }
    }

    /// Reads at least `bytes` bytes, or up to the end; says whether it ended, and how.
    pub(super) async fn read_raw(&mut self, bytes: usize) -> (Vec<u8>, Option<End>) {
        let mut end = None;
        while self.inbox.len() < bytes && end.is_none() {
            let read = timeout(LIMIT, self.stream.read_buf(&mut self.inbox)).await;
            end = match read.expect("silence") {
                Ok(0) => Some(End::Closed),
                Ok(_) => None,
                Err(_) => Some(End::Reset),
            };
        }
        (self.inbox.split().to_vec(), end)
    }

    /// Waits for an RTP packet, and returns its sequence number.
    pub(super) async fn media(&mut self) -> u16 {
        loop {
            match self.next().await {
                Some(Incoming::Packet(Self::RTP_CHANNEL, packet)) => {
                    return u16::from_be_bytes([packet[2], packet[3]]);
                }
                Some(_) => {}
                None => panic!("closed instead of sending media"),
            }
        }
    }

    /// Waits for the next packet of a channel.
    pub(super) async fn packet(&mut self, channel: u8) -> Bytes {
        loop {
            match self.next().await {
                Some(Incoming::Packet(on, packet)) if on == channel => return packet,
                Some(_) => {}
                None => panic!("closed instead of sending on channel {channel}"),
            }
        }
    }

    /// Reads until the camera closes the connection, and returns how many packets came.
    pub(super) async fn until_closed(&mut self) -> u64 {
        let mut packets = 0;
        while self.next().await.is_some() {
            packets += 1;
        }
        packets
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Returns what comes next; `None` when the connection is closed.
    pub(super) async fn next(&mut self) -> Option<Incoming> {
        loop {
            if let Some(incoming) = self.take() {
                return Some(incoming);
            }
            let read = timeout(LIMIT, self.stream.read_buf(&mut self.inbox))
                .await
                .expect("silence");
            if !read.is_ok_and(|bytes| bytes > 0) {
                return None;
            }
        }
    }

    fn take(&mut self) -> Option<Incoming> {
        if self.inbox.first() == Some(&b'$') {
            let header = self.inbox.get(..4)?;
            let (channel, length) = (
                header[1],
                usize::from(u16::from_be_bytes([header[2], header[3]])),
            );
            self.inbox.get(4..4 + length)?;
            self.inbox.advance(4);
            return Some(Incoming::Packet(
                channel,
                self.inbox.split_to(length).freeze(),
            ));
        }
        let end = self
            .inbox
            .windows(4)
            .position(|window| window == b"\r\n\r\n")?
            + 4;
        let head = String::from_utf8(self.inbox[..end].to_vec()).unwrap();
        let length = head
            .split("Content-Length: ")
            .nth(1)
            .and_then(|rest| rest.split("\r\n").next());
        let body: usize = length.map_or(0, |length| length.parse().unwrap());
        self.inbox.get(end..end + body)?;
        self.inbox.advance(end);
        let body = self.inbox.split_to(body).freeze();
        let status = head
            .split(' ')
            .nth(1)?
            .parse()
            .expect("a status is a number");
        Some(Incoming::Answer(Answer { status, head, body }))
    }
}
