//! One RTSP connection: reads requests, writes answers, and paces the media of its session.

mod media;
mod misbehave;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bytes::BytesMut;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::watch;
use tokio::time::Instant;

use super::camera::{Shared, sleep_until};
use super::faults::{Faults, Misdeed, Step};
use super::request::{self, Incoming, Request};
use super::rtsp::{Follow, Session};
use super::visit::Visit;
use media::Show;

/// How long a write may take before the client is taken for gone.
const WRITE_MAX: Duration = Duration::from_secs(30);

/// Bytes that are read ahead of what is answered.
const INBOX_MAX: usize = 64 * 1024;

#[derive(Debug)]
pub(super) struct Connection {
    camera: Arc<Shared>,
    visit: Visit,
    reader: OwnedReadHalf,
    writer: OwnedWriteHalf,
    inbox: BytesMut,
    outbox: BytesMut,
    session: Session,
    show: Option<Show>,
    stalled: watch::Receiver<bool>,
    faults: watch::Receiver<Arc<Faults>>,
    last_request: Instant,
    /// Until when the camera thinks, and what it answers then.
    busy_until: Option<Instant>,
    pending: Option<Request>,
    /// It never answers again, because an answer of its was left in the middle.
    is_mute: bool,
    resets: bool,
}

/// Why a connection ended.
#[derive(Debug)]
pub(super) enum End {
    /// The client closed it, does not read, or speaks no RTSP.
    ClientLeft,
    /// No request came in time.
    TimedOut,
    /// The camera closed it.
    HungUp,
    /// The camera died.
    Dead,
}

impl Connection {
    /// Takes over a connection of which `inbox` was read already.
    pub(super) fn new(
        camera: Arc<Shared>,
        visit: Visit,
        stream: TcpStream,
        inbox: BytesMut,
    ) -> Self {
        // Frames must not wait for the acknowledgement of the one before; without the option they are only later.
        let _best_effort = stream.set_nodelay(true);
        let (reader, writer) = stream.into_split();
        Self {
            stalled: camera.stalled(),
            faults: camera.watch_faults(),
            camera,
            visit,
            reader,
            writer,
            inbox,
            outbox: BytesMut::new(),
            session: Session::default(),
            show: None,
            last_request: Instant::now(),
            busy_until: None,
            pending: None,
            is_mute: false,
            resets: false,
        }
    }

    /// Serves the client until one of both ends the connection.
    pub(super) async fn run(&mut self) -> End {
        let mut step = self.accepted().await;
        // A recorder has read the first request to find the camera.
        if let Ok(None) = step {
            step = self.handle_input().await;
        }
        loop {
            match step {
                Ok(None) => {}
                Ok(Some(end)) => return end,
                // A client that speaks no RTSP, or does not read, loses its connection; there is nobody else to tell.
                Err(_) => return End::ClientLeft,
            }
            step = self.step().await;
        }
    }

    async fn step(&mut self) -> anyhow::Result<Option<End>> {
        let (media_due, stall_ends) = self.media_due();
        let report_due = self.report_due();
        let expires = self
            .session
            .is_open()
            .then(|| self.last_request + self.camera.settings.session_timeout);
        tokio::select! {
            read = self.reader.read_buf(&mut self.inbox), if self.inbox.len() < INBOX_MAX => {
                if read? == 0 {
                    return Ok(Some(End::ClientLeft));
                }
                return self.handle_input().await;
            }
            () = sleep_until(self.busy_until) => return self.stop_thinking().await,
            () = sleep_until(media_due) => return self.send_media().await,
            () = sleep_until(stall_ends) => {}
            () = sleep_until(report_due) => self.send_reports().await?,
            changed = self.stalled.changed() => changed.context("the camera is gone")?,
            changed = self.faults.changed() => {
                changed.context("the camera is gone")?;
                self.take_faults();
            }
            () = sleep_until(expires) => {
                self.camera.count(|stats| stats.sessions_timed_out += 1);
                return Ok(Some(End::TimedOut));
            }
        }
        Ok(None)
    }

    /// Closes the connection, and returns its session, which may be open still.
    pub(super) fn into_session(self) -> Session {
        if self.resets {
            // Dropping this half would send a FIN before the reset.
            self.writer.forget();
        }
        self.session
    }

    async fn handle_input(&mut self) -> anyhow::Result<Option<End>> {
        while self.busy_until.is_none()
            && let Some(incoming) = request::take(&mut self.inbox)?
        {
            match incoming {
                Incoming::Packet => self.camera.count(|stats| stats.rtcp_received += 1),
                Incoming::Answer => {}
                Incoming::Request(request) => {
                    if let Some(end) = self.receive(request).await? {
                        return Ok(Some(end));
                    }
                }
            }
        }
        Ok(None)
    }

    async fn receive(&mut self, request: Request) -> anyhow::Result<Option<End>> {
        self.last_request = Instant::now();
        let has_credentials = request.header("Authorization").is_some();
        self.camera
            .count(|stats| stats.count_request(&request.method, has_credentials));
        let faults = self.faults.borrow().clone();
        if self.is_mute || faults.is_mute() {
            return Ok(None);
        }
        match faults.at(Step::of(&request, self.session.is_open())) {
            None => self.answer(&request).await?,
            Some(Misdeed::Delay(delay)) => {
                self.busy_until = Some(self.last_request + *delay);
                self.pending = Some(request);
            }
            Some(misdeed) => return self.misbehave(misdeed, &request).await,
        }
        Ok(None)
    }

    async fn stop_thinking(&mut self) -> anyhow::Result<Option<End>> {
        self.busy_until = None;
        if let Some(request) = self.pending.take() {
            self.answer(&request).await?;
        }
        self.handle_input().await
    }

    async fn answer(&mut self, request: &Request) -> anyhow::Result<()> {
        let reply = self.session.handle(request, &self.camera);
        self.outbox.extend_from_slice(&reply.response.into_bytes());
        self.flush().await?;
        self.follow(reply.follow);
        Ok(())
    }

    /// Does what comes after an answer.
    fn follow(&mut self, follow: Follow) {
        match follow {
            Follow::Nothing => {}
            Follow::Play(player) => {
                let now = Instant::now();
                self.camera.played_at(now);
                self.visit.end_handshake();
                let begins = self.camera.begins(now);
                self.show = Some(Show::new(player, self.camera.settings.slow_motion, begins));
            }
            Follow::Pause | Follow::End => self.show = None,
        }
    }

    async fn flush(&mut self) -> anyhow::Result<()> {
        let slices = self.faults.borrow().slices;
        let write = write(&mut self.writer, &self.outbox, slices);
        let written = tokio::time::timeout(WRITE_MAX, write).await;
        self.outbox.clear();
        written
            .context("the client does not read")?
            .context("the client is gone")
    }
}

/// Writes all of `bytes`, in pieces of `slices` bytes if there is such a fault.
async fn write(
    writer: &mut OwnedWriteHalf,
    bytes: &[u8],
    slices: Option<usize>,
) -> std::io::Result<()> {
    let Some(slices) = slices else {
        return writer.write_all(bytes).await;
    };
    for slice in bytes.chunks(slices) {
        writer.write_all(slice).await?;
        // So that the client reads before the next one comes.
        tokio::task::yield_now().await;
    }
    Ok(())
}
