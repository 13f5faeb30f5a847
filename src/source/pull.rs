//! The task that pulls one camera while it is wanted: connect, publish, wait, connect again.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::{Instrument, debug, info, info_span, warn};

use super::flow::{Flow, SILENCE_MAX};
use super::logins::Account;
use super::resolve::resolve;
use super::rtsp::{Failure, Received, RtspSession};
use super::sources::{Entry, Shared, wall_clock};
use crate::ledger::{Cause, State, StateCause};
use crate::proto::rtp::RawFrame;

/// Pulls the camera until nobody wants it any more, or the gateway stops.
pub(super) async fn run(shared: Arc<Shared>, entry: Arc<Entry>) {
    let camera = &entry.camera;
    let span = info_span!("camera", id = %camera.id, department = %camera.record.department);
    let cancelled = shared.tasks.cancelled();
    let _running = Running(entry.clone());
    async {
        shared
            .metrics
            .streams
            .with_label_values(&[&entry.department.id])
            .inc();
        let pull = Pull {
            shared: &shared,
            entry: &entry,
        };
        tokio::select! {
            () = cancelled.cancelled() => pull.release().await,
            () = pull.run() => {}
        }
        shared
            .metrics
            .streams
            .with_label_values(&[&entry.department.id])
            .dec();
    }
    .instrument(span)
    .await;
}

/// A task that ends by a panic has ended too.
struct Running(Arc<Entry>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.end();
    }
}

struct Pull<'a> {
    shared: &'a Shared,
    entry: &'a Entry,
}

impl Pull<'_> {
    async fn run(&self) {
        let mut last_media = None;
        loop {
            let failure = tokio::select! {
                failure = self.session(&mut last_media) => failure,
                () = unwanted(self.entry, self.shared.settings.linger) => {
                    self.release().await;
                    if self.entry.try_end() {
                        info!("nobody looks: released");
                        return;
                    }
                    continue;
                }
            };
            // A camera with one slot refuses us while it believes that we are there.
            self.tear_down().await;
            if !self.wait(failure).await && self.entry.try_end() {
                return;
            }
        }
    }

    /// One session, from the handshake to its end.
    async fn session(&self, last_media: &mut Option<Instant>) -> Failure {
        if !matches!(
            self.entry.status.borrow().state.state(),
            State::Online | State::Degraded
        ) {
            self.set_state(StateCause::CONNECTING);
        }
        // Whoever asked before this try is served by it.
        let _asked = self.entry.wanted.notified().now_or_never();
        let started = Instant::now();
        let mut session = match self.open().await {
            Ok(session) => session,
            Err(failure) => return failure,
        };
        let pause = last_media.map_or(Duration::ZERO, |last: Instant| last.elapsed());
        let publisher = self.entry.stream.publish(pause);
        let mut flow = Flow::new(publisher, session.kinds(), started);
        // One timer for the whole session, looked at when it fires: packets only move its due time.
        let silence = sleep_until(flow.silent_at());
        tokio::pin!(silence);
        loop {
            let mut keys = 0;
            let mut sink = |kind, frame: RawFrame| keys += u32::from(flow.publish(kind, frame));
            tokio::select! {
                biased;
                received = session.receive(&mut sink) => match received {
                    Ok(received) => self.handle_received(&received, keys, &mut flow),
                    Err(failure) => return Failure { had_media: flow.keys > 0, ..failure },
                },
                () = &mut silence => match flow.silent_at() {
                    at if at <= Instant::now() => return silent(&flow),
                    at => silence.as_mut().reset(at),
                },
            }
            *last_media = Some(flow.last_media);
        }
    }

    async fn open(&self) -> Result<RtspSession, Failure> {
        let Entry {
            camera,
            department,
            nvr,
            ..
        } = self.entry;
        let address = resolve(&camera.record.location, department).await;
        let address = address.map_err(|cause| Failure::new(cause, "the address cannot be used"))?;
        self.check_login()?;
        // Both are never closed; the wait for them is not the camera's.
        let _nvr = nvr.handshakes.acquire().await;
        let _all = self.shared.handshakes.acquire().await;
        let opened = timeout(
            HANDSHAKE_TIME,
            RtspSession::open(camera, address, nvr.group.clone()),
        )
        .await;
        opened.unwrap_or_else(|_| {
            Err(Failure::new(
                Cause::Timeout,
                format!("no handshake in {HANDSHAKE_TIME:?}"),
            ))
        })
    }

    /// An account that refused its password is not tried before its time, by whichever camera.
    fn check_login(&self) -> Result<(), Failure> {
        let now = Instant::now().into_std();
        let Some(until) = self
            .account()
            .and_then(|a| self.shared.logins().locked_until(&a, now))
        else {
            return Ok(());
        };
        let detail = format!("the account is left alone for {:?}", until - now);
        Err(Failure::new(Cause::AuthLocked, detail))
    }

    fn account(&self) -> Option<Account> {
        let record = &self.entry.camera.record;
        let (user, _) = record.login.as_ref()?;
        let (host, port) = (record.location.host.clone(), record.location.port);
        Some(Account {
            host,
            port,
            user: user.clone(),
        })
    }

    fn handle_received(&self, received: &Received, keys: u32, flow: &mut Flow) {
        let now = Instant::now();
        if let Received::Packet {
            is_video,
            bytes,
            lost,
            outcome,
        } = received
        {
            self.shared.metrics.source_bytes.inc_by(*bytes as u64);
            self.shared
                .metrics
                .source_packets_lost
                .inc_by(u64::from(*lost));
            if *is_video {
                flow.last_media = now;
            }
            if let Err(error) = outcome {
                flow.errors += 1;
                debug!(%error, count = flow.errors, "packet not used");
            }
        }
        if keys > 0 {
            self.handle_key_frame(now, flow);
        } else if now > flow.last_key + self.shared.settings.key_frame_within {
            self.set_state(StateCause::degraded(Cause::NoKeyFrame));
        }
    }

    fn handle_key_frame(&self, now: Instant, flow: &mut Flow) {
        let gop = now - flow.last_key;
        flow.last_key = now;
        if flow.keys > 0 {
            flow.silence_max = (3 * gop).clamp(SILENCE_MIN, SILENCE_MAX);
        }
        if flow.keys == 0 {
            let took = now - flow.started;
            self.shared.metrics.stream_start.observe(took.as_secs_f64());
            self.count_connect("ok");
            info!(
                codec = flow.observed.video.map(|codec| codec.name()),
                ?took,
                "stream is up"
            );
        }
        if flow.keys == 0
            && let Some(account) = self.account()
        {
            self.shared.logins().handle_accepted(&account);
        }
        flow.keys += 1;
        lock_backoff(self.entry).handle_media(now.into_std());
        let observed = flow.observed;
        self.entry.status.send_if_modified(|status| {
            let changed = status.observed != observed;
            status.observed = observed;
            changed
        });
        self.set_state(StateCause::ONLINE);
    }

    /// Notes a failure and waits before the next try; `false` when nobody wants the camera any more.
    async fn wait(&self, failure: Failure) -> bool {
        let now = Instant::now();
        let (cause, until) = self.judge(&failure, now);
        let wait = until - now;
        warn!(
            cause = cause.name(),
            detail = failure.detail,
            ?wait,
            "stream is down"
        );
        if failure.had_media {
            // Off line only when the next try fails too.
            self.set_state(StateCause::degraded(Cause::Stalled));
        } else {
            self.fail(cause);
        }
        let earliest = until.min(now + WANTED_PAUSE);
        tokio::select! {
            () = sleep_until(until) => true,
            () = unwanted(self.entry, self.shared.settings.linger) => false,
            // Somebody new wants the camera: it is tried at once, but not more often than this,
            // and never with a password that was refused.
            () = self.entry.wanted.notified(), if cause != Cause::AuthLocked => {
                sleep_until(earliest).await;
                true
            }
        }
    }

    /// What a failure means, and when to try again.
    fn judge(&self, failure: &Failure, now: Instant) -> (Cause, Instant) {
        if failure.is_ssrc_change && failure.had_media {
            lock_backoff(self.entry).handle_restart();
            return (failure.cause, now);
        }
        let jitter = rand::random::<f64>();
        let wait = lock_backoff(self.entry).handle_failure(now.into_std(), jitter);
        let account = self.account();
        let mut logins = self.shared.logins();
        match (failure.cause, account) {
            (Cause::AuthFailed, Some(account)) => {
                self.count_connect(failure.cause.name());
                match logins.handle_refused(&account, now.into_std()) {
                    Some(until) => (Cause::AuthLocked, until.into()),
                    None => (Cause::AuthFailed, now + wait),
                }
            }
            (Cause::AuthLocked, Some(account)) => {
                let until = logins.locked_until(&account, now.into_std());
                (
                    Cause::AuthLocked,
                    until.map_or(now + wait, Instant::from_std),
                )
            }
            // A camera that wants a password and has none is asked as seldom as one that refuses it.
            (Cause::AuthFailed, None) => {
                self.count_connect(failure.cause.name());
                (Cause::AuthFailed, now + NO_LOGIN_WAIT)
            }
            (cause, _) => {
                self.count_connect(cause.name());
                (cause, now + wait)
            }
        }
    }

    /// Ends the session for good.
    async fn release(&self) {
        let state = self.entry.status.borrow().state.state();
        if matches!(state, State::Connecting) {
            self.set_state(StateCause::UNKNOWN);
        }
        self.tear_down().await;
    }

    /// Waits for the TEARDOWNs of this recorder, so that the camera does not count us twice.
    async fn tear_down(&self) {
        match timeout(TEARDOWN_TIME, self.entry.nvr.group.await_teardown()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => debug!(%error, "TEARDOWN was not answered well"),
            Err(_) => debug!("TEARDOWN was not answered in time"),
        }
    }

    fn set_state(&self, state: StateCause) {
        self.entry.status.send_if_modified(|status| {
            if state.state() == State::Online {
                status.verified = Some(true);
            }
            let changed = status.state != state;
            if changed {
                status.state = state;
                status.since = wall_clock();
            }
            changed
        });
    }

    fn fail(&self, cause: Cause) {
        self.entry.status.send_modify(|status| {
            let state = StateCause::offline(cause);
            if status.state != state {
                status.since = wall_clock();
            }
            status.state = state;
            status.verified = Some(false);
            status.failures += 1;
        });
    }

    fn count_connect(&self, result: &str) {
        self.shared
            .metrics
            .source_connects
            .with_label_values(&[&self.entry.department.id, result])
            .inc();
    }
}

/// Media that stopped, or media that never came.
fn silent(flow: &Flow) -> Failure {
    let (cause, had_media) = if flow.keys == 0 {
        (Cause::NoMedia, false)
    } else {
        (Cause::Stalled, true)
    };
    let detail = format!("no media for {:?}", flow.silence_max);
    Failure {
        had_media,
        ..Failure::new(cause, detail)
    }
}

/// Resolves once nobody wanted the camera for `linger`.
async fn unwanted(entry: &Entry, linger: Duration) {
    let mut leases = entry.leases.subscribe();
    loop {
        while entry.is_wanted() {
            if leases.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
        tokio::select! {
            () = sleep(linger) => return,
            _ = leases.changed() => {}
        }
    }
}

fn lock_backoff(entry: &Entry) -> std::sync::MutexGuard<'_, super::Backoff> {
    entry.backoff.lock().unwrap_or_else(PoisonError::into_inner)
}

const HANDSHAKE_TIME: Duration = Duration::from_secs(30);
const TEARDOWN_TIME: Duration = Duration::from_secs(5);
/// Media silent for three groups of pictures has stalled, but not before this and not after that.
const SILENCE_MIN: Duration = Duration::from_secs(2);
/// A camera that failed is not tried again sooner, however many want it.
const WANTED_PAUSE: Duration = Duration::from_secs(1);
const NO_LOGIN_WAIT: Duration = Duration::from_secs(900);
