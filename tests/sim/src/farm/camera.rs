//! A camera: its listener, its sessions, and the handle by which a test holds it.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::arrivals::Arrivals;
use super::auth::{Gatekeeper, Verdict};
use super::connection::{Connection, End};
use super::faults::{Fault, Faults};
use super::packing::PackedTrack;
use super::request::Request;
use super::settings::CameraSettings;
use super::stats::CameraStats;
use super::track::RtpStart;
use super::visit::Visit;

/// What a camera's connections share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) settings: CameraSettings,
    pub(super) tracks: Vec<Arc<PackedTrack>>,
    address: SocketAddr,
    stats: watch::Sender<CameraStats>,
    stalled: watch::Sender<bool>,
    faults: watch::Sender<Arc<Faults>>,
    arrivals: Arrivals,
    gatekeeper: Mutex<Gatekeeper>,
    /// When `die_after` ends the camera; set by the first PLAY.
    dies_at: watch::Sender<Option<Instant>>,
}

impl Shared {
    /// Changes the counters.
    pub(super) fn count(&self, change: impl FnOnce(&mut CameraStats)) {
        self.stats.send_modify(change);
    }

    /// Counts a new session, unless there are as many as there may be.
    pub(super) fn try_open_session(&self) -> bool {
        let mut opened = false;
        self.count(|stats| {
            opened = self
                .settings
                .session_max
                .is_none_or(|max| stats.sessions < max);
            if opened {
                stats.sessions += 1;
                stats.sessions_total += 1;
            } else {
                stats.sessions_refused += 1;
            }
        });
        opened
    }

    pub(super) fn judge(&self, request: &Request) -> Verdict {
        let mut gatekeeper = self
            .gatekeeper
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        gatekeeper.judge(request, nonce)
    }

    /// Takes note of a connection.
    pub(super) fn welcome(&self, now: Instant) {
        self.arrivals.push(now);
        self.count(CameraStats::open_connection);
    }

    /// Returns the faults of this moment.
    pub(super) fn faults(&self) -> Arc<Faults> {
        self.faults.borrow().clone()
    }

    pub(super) fn watch_faults(&self) -> watch::Receiver<Arc<Faults>> {
        self.faults.subscribe()
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn url(&self) -> String {
        format!("rtsp://{}{}", self.address, self.settings.path)
    }

    /// Chooses where a track's RTP begins.
    pub(super) fn rtp_start(&self, channel: u8, rtcp_channel: u8) -> RtpStart {
        let random = self.random();
        let (sequence, timestamp) = self
            .settings
            .rtp_start
            .unwrap_or((random as u16, (random >> 32) as u32));
        RtpStart {
            channel,
            rtcp_channel,
            ssrc: self.random() as u32,
            sequence,
            timestamp,
        }
    }

    pub(super) fn random(&self) -> u64 {
        random()
    }

    pub(super) fn stalled(&self) -> watch::Receiver<bool> {
        self.stalled.subscribe()
    }

    /// Takes note of a PLAY: the first one starts the clock of `die_after`.
    pub(super) fn played_at(&self, now: Instant) {
        let Some(time) = self.faults().die_after else {
            return;
        };
        self.dies_at.send_if_modified(|dies_at| {
            let is_first = dies_at.is_none();
            dies_at.get_or_insert(now + time);
            is_first
        });
    }
}

/// A number that nobody can guess: each hasher of the standard library has keys of its own.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

pub(super) fn nonce() -> String {
    format!("{:016x}{:016x}", random(), random())
}

/// Starts cameras.
#[derive(Debug)]
pub struct Camera;

impl Camera {
    /// Starts a camera that listens at `address`; port 0 chooses a free one.
    ///
    /// # Errors
    /// When it cannot listen there, or `settings` have neither video nor audio.
    pub async fn start(
        address: SocketAddr,
        settings: CameraSettings,
    ) -> anyhow::Result<CameraHandle> {
        let tracks = settings.tracks();
        anyhow::ensure!(!tracks.is_empty(), "a camera needs a clip to show");
        let listener = bind(address).await?;
        let gatekeeper = Mutex::new(Gatekeeper::new(settings.auth.clone(), nonce()));
        let faults = Arc::new(settings.faults.clone());
        let shared = Arc::new(Shared {
            settings,
            tracks,
            address: listener
                .local_addr()
                .context("cannot ask for the address")?,
            stats: watch::Sender::default(),
            stalled: watch::Sender::new(false),
            faults: watch::Sender::new(faults),
            arrivals: Arrivals::default(),
            gatekeeper,
            dies_at: watch::Sender::new(None),
        });
        let life = Mutex::new(Life::start(&shared, listener));
        Ok(CameraHandle { shared, life })
    }
}

async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen at {address}"))
}

/// The tasks of a camera from its start or revival to its death.
#[derive(Debug, Clone)]
struct Life {
    ended: CancellationToken,
    tasks: TaskTracker,
}

impl Life {
    fn start(shared: &Arc<Shared>, listener: TcpListener) -> Self {
        let life = Self {
            ended: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        life.tasks
            .spawn(life.clone().accept(shared.clone(), listener));
        life
    }

    async fn accept(self, shared: Arc<Shared>, listener: TcpListener) {
        let mut dies_at = shared.dies_at.subscribe();
        loop {
            let death = *dies_at.borrow_and_update();
            tokio::select! {
                () = self.ended.cancelled() => return,
                Ok(()) = dies_at.changed() => {}
                () = sleep_until(death) => {
                    self.ended.cancel();
                    return;
                }
                accepted = listener.accept() => {
                    if let Ok((stream, _)) = accepted {
                        self.tasks.spawn(serve(shared.clone(), stream, self.ended.clone()));
                    }
                }
            }
        }
    }
}

async fn sleep_until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

async fn serve(shared: Arc<Shared>, stream: TcpStream, ended: CancellationToken) {
    let visit = Visit::begin(&shared, Instant::now());
    let mut connection = Connection::new(shared.clone(), visit, stream);
    let end = tokio::select! {
        () = ended.cancelled() => End::Dead,
        end = connection.run() => end,
    };
    let mut session = connection.into_session();
    if session.is_open() && matches!(end, End::ClientLeft) {
        session.abandon(&shared);
        if shared.settings.keeps_abandoned {
            tokio::select! {
                () = ended.cancelled() => {}
                () = tokio::time::sleep(shared.settings.session_timeout) => {}
            }
        }
    }
    session.end(&shared);
}

/// A running camera; dropping it ends it.
#[derive(Debug)]
pub struct CameraHandle {
    shared: Arc<Shared>,
    life: Mutex<Life>,
}

impl CameraHandle {
    /// Returns the URL of its stream, without credentials.
    pub fn url(&self) -> String {
        self.shared.url()
    }

    /// Returns where it listens.
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// Kills it: connections are closed and new ones refused. Returns when all of it has ended.
    pub async fn kill(&self) {
        let life = self.life().clone();
        life.ended.cancel();
        life.tasks.close();
        life.tasks.wait().await;
    }

    /// Starts it again at the same address, after [`Self::kill`] or `die_after`; the latter does not strike again.
    ///
    /// # Errors
    /// When it cannot listen there.
    pub async fn revive(&self) -> anyhow::Result<()> {
        self.kill().await;
        self.shared.dies_at.send_replace(None);
        let listener = bind(self.shared.address).await?;
        *self.life() = Life::start(&self.shared, listener);
        Ok(())
    }

    /// Stops all media; RTSP and RTCP go on.
    pub fn stall(&self) {
        self.shared.stalled.send_replace(true);
    }

    /// Lets media flow again, from what it would be at by now.
    pub fn resume(&self) {
        self.shared.stalled.send_replace(false);
    }

    /// Gives it a fault, in place of an earlier one of its kind; open connections have it too.
    pub fn set_fault(&self, fault: Fault) {
        self.shared
            .faults
            .send_modify(|faults| Arc::make_mut(faults).set(fault));
    }

    /// Takes all its faults away, those of its settings too. An answer that was left in the middle stays so.
    pub fn clear_faults(&self) {
        self.shared.faults.send_replace(Arc::default());
    }

    /// Returns when the last 10,000 connections were accepted, oldest first.
    pub fn connection_times(&self) -> Vec<Instant> {
        self.shared.arrivals.times()
    }

    /// Returns the counters now.
    pub fn stats(&self) -> CameraStats {
        self.shared.stats.borrow().clone()
    }

    /// Returns the counters to watch.
    pub fn watch(&self) -> watch::Receiver<CameraStats> {
        self.shared.stats.subscribe()
    }

    /// Waits until the counters are as wanted, and returns them.
    ///
    /// # Errors
    /// When they are not within `limit`; the message shows them.
    pub async fn wait_for(
        &self,
        wanted: impl FnMut(&CameraStats) -> bool,
        limit: Duration,
    ) -> anyhow::Result<CameraStats> {
        let mut stats = self.shared.stats.subscribe();
        let reached = tokio::time::timeout(limit, stats.wait_for(wanted)).await;
        match reached {
            Ok(reached) => Ok(reached.context("the camera is gone")?.clone()),
            Err(_) => anyhow::bail!(
                "{} did not get there within {limit:?}: {:?}",
                self.url(),
                self.stats()
            ),
        }
    }

    fn life(&self) -> MutexGuard<'_, Life> {
        self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for CameraHandle {
    fn drop(&mut self) {
        self.life().ended.cancel();
    }
}
