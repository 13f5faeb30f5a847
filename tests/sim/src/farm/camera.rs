//! A camera: what its connections share, and the handle by which a test holds it.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::watch;
use tokio::time::Instant;

use super::arrivals::Arrivals;
use super::auth::{Gatekeeper, Verdict};
use super::description::Description;
use super::faults::{Fault, Faults};
use super::group::Group;
use super::host::{Host, Routes, bind};
use super::packing::PackedTrack;
use super::presence::{Flap, Presence};
use super::request::Request;
use super::settings::CameraSettings;
use super::stats::CameraStats;
use super::track::RtpStart;

/// What a camera's connections share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) settings: CameraSettings,
    pub(super) tracks: Vec<Arc<PackedTrack>>,
    pub(super) description: Description,
    address: SocketAddr,
    born: Instant,
    stats: watch::Sender<CameraStats>,
    stalled: watch::Sender<bool>,
    faults: watch::Sender<Arc<Faults>>,
    arrivals: Arrivals,
    gatekeeper: Mutex<Gatekeeper>,
    presence: watch::Sender<Presence>,
}

impl Shared {
    /// A camera at an address where somebody listens.
    pub(super) fn new(address: SocketAddr, settings: CameraSettings) -> anyhow::Result<Arc<Self>> {
        let tracks = settings.tracks();
        anyhow::ensure!(!tracks.is_empty(), "a camera needs a clip to show");
        let faults = settings.faults.clone();
        let camera = Arc::new(Self {
            description: settings.description(address, &tracks)?,
            tracks,
            address,
            born: Instant::now(),
            stats: watch::Sender::default(),
            stalled: watch::Sender::new(false),
            faults: watch::Sender::default(),
            arrivals: Arrivals::default(),
            gatekeeper: Mutex::new(Gatekeeper::new(settings.auth.clone(), nonce())),
            presence: watch::Sender::default(),
            settings,
        });
        camera.change_faults(|now| *now = faults);
        Ok(camera)
    }

    /// Changes the faults; those that come and go with time begin now.
    fn change_faults(&self, change: impl FnOnce(&mut Faults)) {
        self.faults
            .send_modify(|faults| change(Arc::make_mut(faults)));
        let flap = self.faults().flap;
        self.presence.send_modify(|presence| {
            let known = presence.flap.map(|flap| (flap.up, flap.down));
            if known != flap {
                let since = Instant::now();
                presence.flap = flap.map(|(up, down)| Flap { since, up, down });
            }
        });
    }

    pub(super) fn is_up(&self, now: Instant) -> bool {
        self.presence.borrow().is_up(now)
    }

    /// Waits until the camera is there, or is not.
    pub(super) async fn wait_until(&self, is_up: bool) {
        let mut presence = self.presence.subscribe();
        loop {
            let now = Instant::now();
            let (is_up_now, change) = {
                let presence = presence.borrow_and_update();
                (presence.is_up(now), presence.poll_change(now))
            };
            if is_up_now == is_up {
                return;
            }
            tokio::select! {
                Ok(()) = presence.changed() => {}
                () = sleep_until(change) => {}
            }
        }
    }

    /// Changes the counters.
    pub(super) fn count(&self, change: impl FnOnce(&mut CameraStats)) {
        self.stats.send_modify(change);
    }

    /// Counts a new session, unless there are as many as there may be, here or in the group.
    pub(super) fn try_open_session(&self) -> bool {
        let mut opened = false;
        self.count(|stats| {
            let has_room = self
                .settings
                .session_max
                .is_none_or(|max| stats.sessions < max);
            let group = self.settings.group.as_ref();
            opened = has_room && group.is_none_or(Group::try_open_session);
            if opened {
                stats.sessions += 1;
                stats.sessions_total += 1;
            } else {
                stats.sessions_refused += 1;
            }
        });
        opened
    }

    /// Takes a session from the counts.
    pub(super) fn close_session(&self) {
        self.count(|stats| stats.sessions -= 1);
        if let Some(group) = &self.settings.group {
            group.count(|stats| stats.sessions -= 1);
        }
    }

    /// Returns when a session that was asked to play begins.
    pub(super) fn begins(&self, asked: Instant) -> Instant {
        let beat = self.settings.beat;
        beat.map_or(asked, |beat| beat.next(self.born, asked))
    }

    /// Counts a session that begins to play.
    pub(super) fn begin_playing(&self) {
        self.count(|stats| {
            stats.plays += 1;
            stats.playing += 1;
        });
        if let Some(group) = &self.settings.group {
            group.count(|stats| stats.playing += 1);
        }
    }

    /// Takes a session from those that play.
    pub(super) fn end_playing(&self) {
        self.count(|stats| stats.playing -= 1);
        if let Some(group) = &self.settings.group {
            group.count(|stats| stats.playing -= 1);
        }
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

    pub(super) fn url(&self) -> String {
        self.settings.url(self.address)
    }

    /// Chooses where a track's RTP begins.
    pub(super) fn rtp_start(&self, payload_type: u8, channels: (u8, u8)) -> RtpStart {
        let (channel, rtcp_channel) = channels;
        let random = self.random();
        let (sequence, timestamp) = self
            .settings
            .rtp_start
            .unwrap_or((random as u16, (random >> 32) as u32));
        RtpStart {
            payload_type,
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
        self.presence.send_if_modified(|presence| {
            let is_first = presence.dies_at.is_none();
            presence.dies_at.get_or_insert(now + time);
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
    #[expect(
        clippy::unused_async,
        reason = "a start may wait one day, and its callers do now"
    )]
    pub async fn start(
        address: SocketAddr,
        settings: CameraSettings,
    ) -> anyhow::Result<CameraHandle> {
        let listener = bind(address)?;
        let address = listener
            .local_addr()
            .context("cannot ask for the address")?;
        let shared = Shared::new(address, settings)?;
        let group = shared.settings.group.clone();
        let host = Host::start(listener, address, Routes::One(shared.clone()), group);
        Ok(CameraHandle {
            shared,
            host,
            is_alone: true,
        })
    }
}

pub(super) async fn sleep_until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// A running camera; dropping it ends it, unless it is a recorder's.
#[derive(Debug)]
pub struct CameraHandle {
    shared: Arc<Shared>,
    host: Arc<Host>,
    is_alone: bool,
}

impl CameraHandle {
    /// A camera behind a recorder's address.
    pub(super) fn member(shared: Arc<Shared>, host: &Arc<Host>) -> Self {
        Self {
            shared,
            host: host.clone(),
            is_alone: false,
        }
    }

    /// Returns the URL of its stream, without credentials.
    pub fn url(&self) -> String {
        self.shared.url()
    }

    /// Returns where it listens.
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// Kills it: connections are closed and new ones refused (a recorder answers 404 for it). Returns when all of it has
    /// ended.
    pub async fn kill(&self) {
        self.shared
            .presence
            .send_modify(|presence| presence.is_killed = true);
        if self.is_alone {
            return self.host.close().await;
        }
        let mut stats = self.watch();
        let has_ended = |stats: &CameraStats| stats.connections == 0 && stats.sessions == 0;
        // It cannot fail: the sender is ours.
        let _ended = stats.wait_for(has_ended).await;
    }

    /// Starts it again at the same address, after [`Self::kill`] or `die_after`; the latter does not strike again before
    /// the next PLAY.
    ///
    /// # Errors
    /// When it cannot listen there.
    pub async fn revive(&self) -> anyhow::Result<()> {
        self.kill().await;
        self.shared.presence.send_modify(|presence| {
            presence.is_killed = false;
            presence.dies_at = None;
        });
        if self.is_alone {
            self.host.open()?;
        }
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
        self.shared.change_faults(|faults| faults.set(fault));
    }

    /// Takes all its faults away, those of its settings too. An answer that was left in the middle stays so.
    pub fn clear_faults(&self) {
        self.shared
            .change_faults(|faults| *faults = Faults::default());
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
}

impl Drop for CameraHandle {
    fn drop(&mut self) {
        if self.is_alone {
            self.host.abort();
        }
    }
}
