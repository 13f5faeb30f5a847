//! One RTSP session with a camera, over TCP only: opened, kept alive, depacketised, and ended by TEARDOWN.

mod authorization;
mod connection;
mod failure;
mod handshake;
mod line;
mod media;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::yield_now;
use tokio::time::Instant;
use tracing::debug;

pub(super) use self::failure::Failure;
pub(super) use self::media::{Received, Sink, TrackKind};

use self::authorization::Authorization;
use self::line::{Aside, Line};
use self::media::Media;
use super::recorder::Leaving;
use crate::catalog::Camera;
use crate::proto::rtsp::{Message, Response};
use crate::task::Tasks;

/// A session that plays. Its drop says TEARDOWN.
pub(super) struct RtspSession {
    line: Line,
    media: Media,
    /// What came before anybody asked for it.
    early: Vec<(u8, Vec<u8>)>,
    keepalive: Keepalive,
    /// What ended the session behind the last packets that came.
    ended: Option<Failure>,
}

impl RtspSession {
    /// Connects to `address`, which was checked before, and starts to play. Whatever URLs the camera names,
    /// all is said on this one connection.
    pub(super) async fn open(
        camera: &Camera,
        address: IpAddr,
        leaving: Arc<Leaving>,
        tasks: Tasks,
    ) -> Result<Self, Failure> {
        let location = &camera.record.location;
        let login = camera.record.login.clone();
        let authorization =
            login.map(|(username, password)| Authorization::new(username, password));
        let address_and_port = SocketAddr::new(address, location.port);
        let url = location.to_url(address);
        let mut line = Line::open(address_and_port, url, authorization, leaving, tasks).await?;
        let mut aside = Aside::default();
        let media = handshake::shake_hands(&mut line, &mut aside).await?;
        let timeout = line.session().map(|session| session.timeout);
        Ok(Self {
            media,
            early: aside.into_packets(),
            keepalive: Keepalive::new(timeout.unwrap_or_default(), Instant::now()),
            ended: None,
            line,
        })
    }

    /// What its tracks are of.
    pub(super) fn kinds(&self) -> impl Iterator<Item = TrackKind> {
        self.media.kinds()
    }

    /// Waits for what comes next, and hands completed frames to `sink`. Safe to cancel.
    pub(super) async fn receive(&mut self, sink: &mut Sink<'_>) -> Result<Received, Failure> {
        if let Some(ended) = self.ended.take() {
            return Err(ended);
        }
        let mut received = Received::default();
        for (channel, bytes) in std::mem::take(&mut self.early) {
            self.media.take(channel, &bytes, &mut received, sink);
        }
        if received.video > 0 {
            return Ok(received);
        }
        let (line, media) = (&mut self.line, &mut self.media);
        let (mut aside, mut bytes_read) = (Aside::default(), 0);
        let mut handle = |message: Message<'_>| match message {
            Message::Packet { channel, bytes } => {
                bytes_read += bytes.len() + PACKET_HEAD;
                media.take(channel, bytes, &mut received, sink);
            }
            other => aside.note(other),
        };
        let broken = |broken| Failure::broken("PLAY", &broken);
        let read = line.read(&mut handle).await;
        let read = read.and_then(|()| line.reply(&mut aside)).map_err(broken);
        match read {
            // What came before the end counts.
            Err(ended) if received.video > 0 => self.ended = Some(ended),
            read => read?,
        }
        for answer in &aside.answers {
            self.take_answer(answer, &mut received);
        }
        // Whether the camera answers is its affair: it is well while it sends media.
        if let Some(method) = self.keepalive.due(Instant::now())
            && self.ended.is_none()
        {
            self.line.tell(method).map_err(broken)?;
        }
        if bytes_read > TURN_BYTES {
            // The others of the thread have their turn.
            yield_now().await;
        }
        Ok(received)
    }

    /// Takes the answer to a keepalive; others are nobody's.
    fn take_answer(&mut self, answer: &Response, received: &mut Received) {
        if !self.line.was_told(answer) {
            return;
        }
        let is_refusal = answer.status == 401 && self.line.is_authorized();
        self.keepalive.handle_answer(answer, is_refusal);
        if is_refusal {
            self.line.note_challenge(answer);
            if self.keepalive.refused == REFUSED_MAX {
                received.refused_keepalives = REFUSED_MAX;
            }
        }
    }
}

/// When and how a session is kept alive. Media comes often enough to look at it then.
#[derive(Debug)]
struct Keepalive {
    interval: Duration,
    at: Instant,
    method: &'static str,
    /// How many were refused for the password's sake, one after the other.
    refused: u32,
}

impl Keepalive {
    fn new(timeout: Duration, now: Instant) -> Self {
        let interval = (timeout / 2).clamp(KEEPALIVE_MIN, KEEPALIVE_MAX);
        Self {
            interval,
            at: now + interval,
            // Every camera knows it, and says what else it knows.
            method: "OPTIONS",
            refused: 0,
        }
    }

    /// The request that is due.
    fn due(&mut self, now: Instant) -> Option<&'static str> {
        if now < self.at || self.refused >= REFUSED_MAX {
            return None;
        }
        self.at = now + self.interval;
        Some(self.method)
    }

    fn handle_answer(&mut self, answer: &Response, is_refusal: bool) {
        match answer.status {
            // Perhaps for its nonce or its method alone: asked again soon, and then no more.
            401 if is_refusal => {
                self.refused += 1;
                self.at = self.at - self.interval + KEEPALIVE_MIN;
                self.method = "OPTIONS";
                return;
            }
            200..=299 if answer.headers.all("Public").any(knows_get_parameter) => {
                self.method = "GET_PARAMETER";
            }
            200..=299 => {}
            status => {
                debug!(status, "keepalive refused");
                self.method = "OPTIONS";
            }
        }
        self.refused = 0;
    }
}

fn knows_get_parameter(public: &str) -> bool {
    public
        .split(',')
        .any(|method| method.trim().eq_ignore_ascii_case("GET_PARAMETER"))
}

/// A password that was refused so often is no longer sent: the camera ends the session in its time.
const REFUSED_MAX: u32 = 2;
/// A camera that sends more at once waits till others of its thread were looked at.
const TURN_BYTES: usize = 64 * 1024;
/// What stands before a packet on the connection.
const PACKET_HEAD: usize = 4;
const KEEPALIVE_MIN: Duration = Duration::from_secs(1);
const KEEPALIVE_MAX: Duration = Duration::from_secs(30);
