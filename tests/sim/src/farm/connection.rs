//! One RTSP connection: reads requests, writes answers, and paces the media of its session.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bytes::BytesMut;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::watch;
use tokio::time::Instant;

use super::camera::Shared;
use super::player::Player;
use super::request::{self, Incoming, Request};
use super::rtsp::{Follow, Session};

/// How often sender reports go out.
const REPORT_INTERVAL: Duration = Duration::from_secs(5);

/// How late media may be before frames are left out.
const LATE_MAX: Duration = Duration::from_secs(2);

/// How long a write may take before the client is taken for gone.
const WRITE_MAX: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(super) struct Connection {
    camera: Arc<Shared>,
    reader: OwnedReadHalf,
    writer: OwnedWriteHalf,
    inbox: BytesMut,
    outbox: BytesMut,
    session: Session,
    show: Option<Show>,
    stalled: watch::Receiver<bool>,
    last_request: Instant,
}

/// Why a connection ended.
#[derive(Debug)]
pub(super) enum End {
    /// The client closed it, does not read, or speaks no RTSP.
    ClientLeft,
    /// No request came in time.
    TimedOut,
    /// The camera died.
    Dead,
}

/// A session that plays.
#[derive(Debug)]
struct Show {
    player: Player,
    began: Instant,
    report_due: Instant,
    was_stalled: bool,
}

impl Connection {
    pub(super) fn new(camera: Arc<Shared>, stream: TcpStream) -> Self {
        // Frames must not wait for the acknowledgement of the one before; without the option they are only later.
        let _best_effort = stream.set_nodelay(true);
        let (reader, writer) = stream.into_split();
        let stalled = camera.stalled();
        Self {
            camera,
            reader,
            writer,
            inbox: BytesMut::with_capacity(4096),
            outbox: BytesMut::new(),
            session: Session::default(),
            show: None,
            stalled,
            last_request: Instant::now(),
        }
    }

    /// Serves the client until one of both ends the connection.
    pub(super) async fn run(&mut self) -> End {
        loop {
            match self.step().await {
                Ok(None) => {}
                Ok(Some(end)) => return end,
                // A client that speaks no RTSP, or does not read, loses its connection; there is nobody else to tell.
                Err(_) => return End::ClientLeft,
            }
        }
    }

    async fn step(&mut self) -> anyhow::Result<Option<End>> {
        let media_due = self.media_due();
        let report_due = self.show.as_ref().map(|show| show.report_due);
        let expires = self
            .session
            .is_open()
            .then(|| self.last_request + self.camera.settings.session_timeout);
        tokio::select! {
            read = self.reader.read_buf(&mut self.inbox) => {
                if read? == 0 {
                    return Ok(Some(End::ClientLeft));
                }
                self.handle_input().await?;
            }
            () = sleep_until(media_due) => self.send_media().await?,
            () = sleep_until(report_due) => self.send_reports().await?,
            changed = self.stalled.changed() => changed.context("the camera is gone")?,
            () = sleep_until(expires) => {
                self.camera.count(|stats| stats.sessions_timed_out += 1);
                return Ok(Some(End::TimedOut));
            }
        }
        Ok(None)
    }

    /// Closes the connection, and returns its session, which may be open still.
    pub(super) fn into_session(self) -> Session {
        self.session
    }

    async fn handle_input(&mut self) -> anyhow::Result<()> {
        while let Some(incoming) = request::take(&mut self.inbox)? {
            match incoming {
                Incoming::Packet => self.camera.count(|stats| stats.rtcp_received += 1),
                Incoming::Request(request) => self.answer(&request).await?,
            }
        }
        Ok(())
    }

    async fn answer(&mut self, request: &Request) -> anyhow::Result<()> {
        self.last_request = Instant::now();
        let reply = self.session.handle(request, &self.camera);
        if !reply.delay.is_zero() {
            tokio::time::sleep(reply.delay).await;
        }
        self.outbox.extend_from_slice(&reply.response.into_bytes());
        self.flush().await?;
        match reply.follow {
            Follow::Nothing => {}
            Follow::Play(player) => {
                let now = Instant::now();
                self.camera.played_at(now);
                self.show = Some(Show {
                    player,
                    began: now,
                    report_due: now,
                    was_stalled: false,
                });
            }
            Follow::Pause | Follow::End => self.show = None,
        }
        Ok(())
    }

    /// Returns when the next frame is to be sent; never while the camera is stalled.
    fn media_due(&mut self) -> Option<Instant> {
        let now = Instant::now();
        let show = self.show.as_mut()?;
        let age = now.duration_since(show.began);
        let is_stalled = *self.stalled.borrow_and_update()
            || self
                .camera
                .settings
                .faults
                .stall_after
                .is_some_and(|time| age >= time);
        if std::mem::replace(&mut show.was_stalled, is_stalled) && !is_stalled {
            show.player.skip_to(age);
        }
        let due = show.player.poll_due()?;
        (!is_stalled).then(|| show.began + due)
    }

    async fn send_media(&mut self) -> anyhow::Result<()> {
        let Some(show) = &mut self.show else {
            return Ok(());
        };
        let now = show.began.elapsed();
        let is_late = show
            .player
            .poll_due()
            .is_some_and(|due| due + LATE_MAX < now);
        let skipped = if is_late { show.player.skip_to(now) } else { 0 };
        let sent = show.player.write_due(now, &mut self.outbox);
        self.flush().await?;
        self.camera.count(|stats| {
            stats.frames_skipped += skipped;
            stats.video.add(sent.video);
            stats.audio.add(sent.audio);
            stats.packets_dropped += sent.packets_dropped;
            stats.bits_flipped += sent.bits_flipped;
        });
        Ok(())
    }

    async fn send_reports(&mut self) -> anyhow::Result<()> {
        let Some(show) = &mut self.show else {
            return Ok(());
        };
        show.report_due += REPORT_INTERVAL;
        show.player
            .write_reports(show.began.elapsed(), wall_clock(), &mut self.outbox);
        self.flush().await
    }

    async fn flush(&mut self) -> anyhow::Result<()> {
        let written = tokio::time::timeout(WRITE_MAX, self.writer.write_all(&self.outbox)).await;
        self.outbox.clear();
        written
            .context("the client does not read")?
            .context("the client is gone")
    }
}

async fn sleep_until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// Returns the time since the epoch of Unix, which reports tie RTP time to.
#[expect(
    clippy::disallowed_methods,
    reason = "a sender report says what time it is, and nothing depends on it"
)]
fn wall_clock() -> Duration {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default()
}
