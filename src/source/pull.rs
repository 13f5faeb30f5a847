//! The task that pulls one camera while it is wanted: connect, publish, wait, connect again.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::{Instrument, debug, info, info_span, warn};

use super::resolve::resolve;
use super::rtsp::{Failure, Received, RtspSession, TrackKind};
use super::sources::{Entry, Shared, wall_clock};
use super::status::Observed;
use crate::bus::Publisher;
use crate::ledger::{Cause, State, StateCause};
use crate::proto::rtp::RawFrame;

/// Pulls the camera until nobody wants it any more, or the gateway stops.
pub(super) async fn run(shared: Arc<Shared>, entry: Arc<Entry>) {
    let camera = &entry.camera;
    let span = info_span!("camera", id = %camera.id, department = %camera.record.department);
    let cancelled = shared.tasks.cancelled();
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
            () = cancelled.cancelled() => pull.tear_down().await,
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
                    self.tear_down().await;
                    if self.entry.try_end() {
                        info!("nobody looks: released");
                        return;
                    }
                    continue;
                }
            };
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
                    Err(failure) => return failure,
                },
                () = &mut silence => match flow.silent_at() {
                    at if at <= Instant::now() => return self.silent(&flow),
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

    fn handle_received(&self, received: &Received, keys: u32, flow: &mut Flow) {
        let now = Instant::now();
        if let Received::Packet {
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
            flow.last_media = now;
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

    /// Media that stopped is a degraded camera that is asked again; media that never came is not.
    fn silent(&self, flow: &Flow) -> Failure {
        if flow.keys == 0 {
            return Failure::new(
                Cause::NoMedia,
                format!("no media in {:?}", flow.silence_max),
            );
        }
        self.set_state(StateCause::degraded(Cause::Stalled));
        Failure::new(
            Cause::Stalled,
            format!("no media for {:?}", flow.silence_max),
        )
    }

    /// Notes a failure and waits before the next try; `false` when nobody wants the camera any more.
    async fn wait(&self, failure: Failure) -> bool {
        let now = Instant::now().into_std();
        let jitter = rand::random::<f64>();
        let (wait, cause, is_locked) = {
            let mut backoff = lock_backoff(self.entry);
            match failure.cause {
                _ if failure.is_restart => {
                    backoff.handle_restart();
                    (Duration::ZERO, failure.cause, false)
                }
                Cause::AuthFailed => match backoff.handle_refused_login(now, jitter) {
                    (wait, true) => (wait, Cause::AuthLocked, true),
                    (wait, false) => (wait, Cause::AuthFailed, false),
                },
                cause => (backoff.handle_failure(now, jitter), cause, false),
            }
        };
        warn!(
            cause = cause.name(),
            detail = failure.detail,
            ?wait,
            "stream is down"
        );
        if failure.is_restart {
            return true;
        }
        self.count_connect(failure.cause.name());
        self.fail(cause);
        let until = Instant::now() + wait;
        let earliest = until.min(Instant::now() + WANTED_PAUSE);
        tokio::select! {
            () = sleep_until(until) => true,
            () = unwanted(self.entry, self.shared.settings.linger) => false,
            // Somebody new wants the camera: it is tried at once, but not more often than this,
            // and never with a password that was refused.
            () = self.entry.wanted.notified(), if !is_locked => {
                sleep_until(earliest).await;
                true
            }
        }
    }

    /// Waits for the TEARDOWNs of this recorder, so that the camera does not count us twice.
    async fn tear_down(&self) {
        let state = self.entry.status.borrow().state.state();
        if matches!(state, State::Connecting) {
            self.set_state(StateCause::UNKNOWN);
        }
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

/// The frames of one session on their way to the bus.
struct Flow {
    publisher: Publisher,
    observed: Observed,
    started: Instant,
    last_key: Instant,
    last_media: Instant,
    keys: u64,
    errors: u64,
    silence_max: Duration,
    /// How many frames may overtake another: told by the stream, else assumed and then observed.
    told_depth: Option<usize>,
    order: OrderWatch,
}

impl Flow {
    fn new(publisher: Publisher, kinds: impl Iterator<Item = TrackKind>, started: Instant) -> Self {
        let mut observed = Observed::default();
        for kind in kinds {
            match kind {
                TrackKind::Video(codec) => observed.video = Some(codec),
                TrackKind::Audio(codec) => observed.audio = Some(codec),
            }
        }
        Self {
            publisher,
            observed,
            started,
            last_key: Instant::now(),
            last_media: Instant::now(),
            keys: 0,
            errors: 0,
            silence_max: SILENCE_MAX,
            told_depth: None,
            order: OrderWatch::default(),
        }
    }

    /// When media has been silent for too long.
    fn silent_at(&self) -> Instant {
        self.last_media + self.silence_max
    }

    /// Puts a frame on the bus; `true` for a key frame.
    fn publish(&mut self, kind: TrackKind, frame: RawFrame) -> bool {
        let is_key = frame.is_key;
        match kind {
            TrackKind::Audio(codec) => self.publisher.audio(codec, frame),
            TrackKind::Video(codec) => {
                if is_key {
                    self.observed.size = frame.size.or(self.observed.size);
                    self.told_depth = frame.reorder_depth.map(usize::from).or(self.told_depth);
                }
                let depth = self.told_depth.unwrap_or_else(|| self.order.depth());
                self.order.see(frame.time.0, is_key);
                self.publisher.video(codec, frame, Some(depth));
            }
        }
        is_key
    }
}

/// Watches whether frames overtake one another, for cameras whose parameter sets do not tell.
#[derive(Debug, Default)]
struct OrderWatch {
    last: Option<i64>,
    keys: u32,
    is_reordered: bool,
}

impl OrderWatch {
    /// Two until a group of pictures was seen whole, then what it showed.
    fn depth(&self) -> usize {
        if self.keys >= 2 && !self.is_reordered {
            0
        } else {
            DEPTH_ASSUMED
        }
    }

    fn see(&mut self, time: i64, is_key: bool) {
        self.is_reordered |= self.last.is_some_and(|last| time < last);
        self.last = Some(time);
        self.keys = self.keys.saturating_add(u32::from(is_key));
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
const SILENCE_MAX: Duration = Duration::from_secs(10);
/// A camera that failed is not tried again sooner, however many want it.
const WANTED_PAUSE: Duration = Duration::from_secs(1);
const DEPTH_ASSUMED: usize = 2;
