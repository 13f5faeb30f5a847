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
            line,
        })
    }

    /// What its tracks are of.
    pub(super) fn kinds(&self) -> impl Iterator<Item = TrackKind> {
        self.media.kinds()
    }

    /// Waits for what comes next, and hands completed frames to `sink`. Safe to cancel.
    pub(super) async fn receive(&mut self, sink: &mut Sink<'_>) -> Result<Received, Failure> {
        let mut received = Received::default();
        for (channel, bytes) in std::mem::take(&mut self.early) {
            self.media.take(channel, &bytes, &mut received, sink);
        }
        if received.video > 0 {
            return Ok(received);
        }
        let (line, media) = (&mut self.line, &mut self.media);
        let mut aside = Aside::default();
        let mut handle = |message: Message<'_>| match message {
            Message::Packet { channel, bytes } => media.take(channel, bytes, &mut received, sink),
            other => aside.note(other),
        };
        let broken = |broken| Failure::broken("PLAY", &broken);
        line.read(&mut handle).await.map_err(broken)?;
        line.reply(&mut aside).map_err(broken)?;
        for answer in &aside.answers {
            self.keepalive.handle_answer(answer);
            if answer.status == 401 {
                self.line.note_challenge(answer);
                received.refused_keepalives = self.keepalive.refused;
            }
        }
        // Whether the camera answers is its affair: it is well while it sends media.
        if let Some(method) = self.keepalive.due(Instant::now()) {
            self.line.tell(method).map_err(broken)?;
        }
        Ok(received)
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

    fn handle_answer(&mut self, answer: &Response) {
        match answer.status {
            // Perhaps for its nonce alone: asked again soon, and then no more.
            401 => {
                self.refused += 1;
                self.at = self.at - self.interval + KEEPALIVE_MIN;
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
const KEEPALIVE_MIN: Duration = Duration::from_secs(1);
const KEEPALIVE_MAX: Duration = Duration::from_secs(30);
