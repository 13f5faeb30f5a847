//! The task that pulls one camera while it is wanted: connect, publish, wait, connect again.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::{Instrument, debug, error, info, info_span, warn};

use super::entry::{Entry, Target};
use super::flow::Flow;
use super::opening::{Opened, open};
use super::places::Place;
use super::rtsp::{Failure, Received};
use super::sources::{Shared, wall_clock};
use super::status::{Change, Evidence, Status};
use crate::ledger::{Cause, State, StateCause};
use crate::proto::rtp::RawFrame;

/// Pulls the camera until nobody wants it any more, or the gateway stops.
pub(super) async fn run(shared: Arc<Shared>, entry: Arc<Entry>) {
    let span = info_span!("camera", id = %entry.id);
    let cancelled = shared.tasks.cancelled();
    let mut ended = Ended(Some(entry.clone()));
    let pull = Pull {
        shared: &shared,
        entry: &entry,
    };
    let until_unwanted = async {
        // A panic is this camera's alone, and the camera is pulled again.
        while AssertUnwindSafe(pull.run()).catch_unwind().await.is_err() {
            error!("its task died");
            pull.fail(
                StateCause::offline(Cause::Gateway),
                "its task died".to_owned(),
            );
            sleep(PANIC_PAUSE).await;
        }
    };
    async {
        tokio::select! {
            () = cancelled.cancelled() => pull.release().await,
            // It has said so itself, and another may run already.
            () = until_unwanted => ended.0 = None,
        }
    }
    .instrument(span)
    .await;
}

/// A task that is dropped has ended too.
struct Ended(Option<Arc<Entry>>);

impl Drop for Ended {
    fn drop(&mut self) {
        if let Some(entry) = &self.0 {
            entry.end();
        }
    }
}

struct Pull<'a> {
    shared: &'a Arc<Shared>,
    entry: &'a Entry,
}

impl Pull<'_> {
    async fn run(&self) {
        let mut targets = self.entry.target.subscribe();
        let mut last_media = None;
        loop {
            let target = targets.borrow_and_update().clone();
            let Some(target) = target else {
                info!("gone or out of service: released");
                self.release().await;
                if self.entry.try_end() {
                    return;
                }
                continue;
            };
            let _counted = Counted::new(self.shared, &target.department.id);
            let failure = tokio::select! {
                failure = self.session(&target, &mut last_media) => failure,
                () = unwanted(self.entry, self.shared) => {
                    self.release().await;
                    if self.entry.try_end() {
                        debug!("nobody looks: released");
                        return;
                    }
                    self.leave_live();
                    continue;
                }
                () = changed(&mut targets, &target, self.entry) => {
                    info!("what is known of it has changed: asked again");
                    self.start_anew().await;
                    continue;
                }
            };
            let until = self.note(&failure, &target);
            // A camera with one slot refuses us while it believes that we are there.
            self.tear_down().await;
            let goes_on = self.wait(until, failure.cause, &target, &mut targets).await;
            if !goes_on && self.entry.try_end() {
                self.leave_to_prober();
                return;
            }
        }
    }

    /// One session, from the handshake to its end.
    async fn session(&self, target: &Target, last_media: &mut Option<Instant>) -> Failure {
        let failed_at = self.entry.inner().failed_at;
        if let Some(failed_at) = failed_at {
            sleep_until(failed_at + TRY_PAUSE).await;
        }
        // A camera that is known to be off line is so until a try ends well.
        if self.entry.status.borrow().state.state() == State::Unknown {
            self.set_state(StateCause::CONNECTING);
        }
        // Whoever asked before this try is served by it.
        let _asked = self.entry.wanted.notified().now_or_never();
        let started = Instant::now();
        let Opened {
            mut session,
            running,
            descriptor: _held,
        } = match Box::pin(open(self.shared, self.entry, target)).await {
            Ok(opened) => opened,
            Err(failure) => return failure,
        };
        let pause = last_media.map_or(Duration::ZERO, |last: Instant| last.elapsed());
        let publisher = self.entry.stream.publish(pause);
        let mut flow = Flow::new(publisher, session.kinds(), started);
        let mut present = None;
        // One timer for the whole session, looked at when it fires: packets only move its due time.
        let silence = sleep_until(flow.silent_at());
        tokio::pin!(silence);
        loop {
            let mut keys = 0;
            let mut sink = |kind, frame: RawFrame| keys += u32::from(flow.publish(kind, frame));
            tokio::select! {
                biased;
                received = session.receive(&mut sink) => match received {
                    Ok(received) => {
                        self.handle_received(&received, keys, &mut flow, target);
                        if let Received::Packet { bytes, .. } = received {
                            running.count(bytes);
                        }
                        if flow.keys > 0 {
                            present.get_or_insert_with(|| Present::new(self.shared, self.entry));
                        }
                        // The interval of key frames is known now, and it is short.
                        if keys > 0 && flow.silent_at() < silence.deadline() {
                            silence.as_mut().reset(flow.silent_at());
                        }
                    }
                    Err(failure) => {
                        // At once only for a camera that was well for a while: else it would storm.
                        let was_well = flow.keys > 0 && flow.started.elapsed() >= WELL_FOR;
                        return Failure {
                            had_media: flow.keys > 0,
                            is_ssrc_change: failure.is_ssrc_change && was_well,
                            ..failure
                        };
                    }
                },
                () = &mut silence => match flow.silent_at() {
                    at if at <= Instant::now() => return silent(&flow),
                    at => silence.as_mut().reset(at),
                },
            }
            *last_media = Some(flow.last_media);
        }
    }

    fn handle_received(&self, received: &Received, keys: u32, flow: &mut Flow, target: &Target) {
        let now = Instant::now();
        if let Received::Packet {
            is_video,
            bytes,
            lost,
            outcome,
        } = received
        {
            let metrics = &self.shared.metrics;
            metrics.source_bytes.inc_by(*bytes as u64);
            metrics.source_packets_lost.inc_by(u64::from(*lost));
            flow.note_packet(now, *is_video, *lost, outcome.is_err());
            if let Err(error) = outcome {
                debug!(%error, "packet not used");
            }
        }
        if keys > 0 {
            self.handle_key_frame(now, flow, target);
        } else if now > flow.last_key + self.shared.settings.key_frame_within() {
            self.set_state(StateCause::degraded(flow.why_no_key_frame()));
            self.give_verdict(flow);
        }
    }

    fn handle_key_frame(&self, now: Instant, flow: &mut Flow, target: &Target) {
        if flow.keys == 0 {
            let took = now - flow.started;
            self.shared.metrics.stream_start.observe(took.as_secs_f64());
            self.count_connect(&target.department.id, "ok");
            let codec = flow.observed.video.map(|codec| codec.name());
            if self.is_probe() {
                debug!(codec, ?took, "stream is up");
            } else {
                info!(codec, ?took, "stream is up");
            }
        }
        flow.note_key_frame(now);
        {
            let mut inner = self.entry.inner();
            inner.failed_at = None;
            inner.backoff.handle_media(now.into_std());
        }
        let (observed, at) = (flow.observed, wall_clock());
        self.entry.status.send_if_modified(|status| {
            let changed = status.observed != observed || !status.is_live;
            status.observed = observed;
            status.is_live = true;
            status.last_key_frame = Some(at);
            status.next_try = None;
            changed
        });
        self.set_state(StateCause::ONLINE);
        self.give_verdict(flow);
    }

    /// A session has one verdict of its own, whether that is new or not.
    fn give_verdict(&self, flow: &mut Flow) {
        if !std::mem::replace(&mut flow.has_verdict, true) {
            self.entry.status.send_modify(|status| status.verdicts += 1);
        }
    }

    /// Enters the state that a failure means; returns when to try again.
    fn note(&self, failure: &Failure, target: &Target) -> Instant {
        let now = Instant::now();
        let until = self.judge(failure, target, now);
        let (wait, cause, detail) = (until - now, failure.cause, failure.detail.clone());
        warn!(cause = cause.name(), detail, ?wait, "stream is down");
        if self.is_probe() && failure.is_ours() {
            // Our own limits say nothing about a camera that nobody looks at.
            self.restore();
            self.entry.status.send_modify(|status| status.verdicts += 1);
        } else if failure.had_media {
            // Off line only when the next try fails too.
            self.note_failure(cause, detail);
            self.set_state(StateCause::degraded(Cause::Stalled));
        } else {
            self.fail(failure.state(), detail);
        }
        let next_try = wall_clock() + wait;
        self.entry.status.send_if_modified(|status| {
            status.next_try = Some(next_try);
            false
        });
        until
    }

    /// Waits before the next try; `false` when nobody wants the camera any more.
    async fn wait(
        &self,
        until: Instant,
        cause: Cause,
        target: &Target,
        targets: &mut watch::Receiver<Option<Arc<Target>>>,
    ) -> bool {
        let may_hurry = !matches!(cause, Cause::AuthLocked | Cause::AuthFailed);
        tokio::select! {
            () = sleep_until(until) => true,
            () = unwanted(self.entry, self.shared) => false,
            () = changed(targets, target, self.entry) => {
                self.start_anew().await;
                true
            }
            // Somebody new wants the camera, or its neighbours are back: it is tried at once, though never
            // with a password that was refused.
            () = self.entry.wanted.notified(), if cause != Cause::AuthLocked => true,
            () = self.entry.woken.notified(), if may_hurry => true,
        }
    }

    /// When to try again after a failure.
    fn judge(&self, failure: &Failure, target: &Target, now: Instant) -> Instant {
        let mut inner = self.entry.inner();
        if failure.is_ssrc_change && failure.had_media {
            inner.backoff.handle_restart();
            return now;
        }
        inner.failed_at = Some(now);
        let wait = inner.backoff.handle_failure(now.into_std(), rand::random());
        drop(inner);
        if failure.cause != Cause::AuthLocked || failure.is_refusal {
            self.count_connect(&target.department.id, failure.cause.name());
        }
        match failure.locked_until {
            Some(until) => until.max(now),
            // A camera that wants a password and has none is asked as seldom as one that refuses it.
            None if failure.cause == Cause::AuthFailed && target.camera.record.login.is_none() => {
                now + NO_LOGIN_WAIT
            }
            None => now + wait,
        }
    }

    /// What was learned of the camera before is no reason to wait now.
    async fn start_anew(&self) {
        self.leave_live();
        self.tear_down().await;
        let mut inner = self.entry.inner();
        inner.backoff = super::Backoff::default();
        inner.failed_at = None;
    }

    /// A session ended for a reason of ours: what is to come is not known yet.
    fn leave_live(&self) {
        let state = self.entry.status.borrow().state.state();
        if matches!(state, State::Online | State::Degraded) {
            self.set_state(StateCause::CONNECTING);
        }
    }

    /// The task ends before the try that would have decided: a probe decides.
    fn leave_to_prober(&self) {
        self.entry.status.send_if_modified(|status| {
            status.next_try = None;
            false
        });
        if self.entry.status.borrow().state.state() == State::Degraded {
            self.shared.hurry([self.entry.id].into());
            self.shared.prober.notify_one();
        }
    }

    /// Whether nobody looks, and the camera is only to be seen once.
    fn is_probe(&self) -> bool {
        self.entry.leases.borrow().viewers == 0 && !self.entry.is_always()
    }

    /// Ends the session for good.
    async fn release(&self) {
        self.restore();
        self.tear_down().await;
    }

    /// Returns from a first try without a verdict: whoever gave up before it learned nothing.
    fn restore(&self) {
        let state = self.entry.status.borrow().state.state();
        if state == State::Connecting {
            self.set_state(StateCause::UNKNOWN);
        }
    }

    /// Waits for the TEARDOWNs of this recorder, so that the camera does not count us twice.
    async fn tear_down(&self) {
        let Some(recorder) = self.entry.inner().recorder.clone() else {
            return;
        };
        match timeout(TEARDOWN_TIME, recorder.group.await_teardown()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => debug!(%error, "TEARDOWN was not answered well"),
            Err(_) => debug!("TEARDOWN was not answered in time"),
        }
    }

    fn set_state(&self, state: StateCause) {
        self.change(state, |status| {
            if state.state() == State::Online {
                status.verified = Some(true);
            }
        });
    }

    fn fail(&self, state: StateCause, detail: String) {
        self.entry.inner().was_down = true;
        self.note_failure(state.cause(), detail);
        self.change(state, |_| {});
        self.entry.status.send_modify(|status| {
            if state.state() == State::Offline {
                status.verified = Some(false);
            }
            status.verdicts += 1;
            status.failures += 1;
        });
    }

    fn note_failure(&self, cause: Cause, detail: String) {
        let at = wall_clock();
        self.entry.status.send_if_modified(|status| {
            status.is_live = false;
            status.last_failure = Some(Evidence { cause, detail, at });
            false
        });
    }

    /// Enters a state, and tells whoever follows.
    fn change(&self, state: StateCause, also: impl FnOnce(&mut Status)) {
        let at = wall_clock();
        let is_new = self.entry.status.send_if_modified(|status| {
            // Whatever its task still finds, a camera that is out of service is so.
            let is_new = status.state != state && status.state.state() != State::Disabled;
            if is_new {
                status.state = state;
                status.since = at;
                also(status);
            }
            is_new
        });
        if is_new {
            self.shared.tell(Change {
                camera: self.entry.id,
                state,
                at,
            });
        }
    }

    fn count_connect(&self, department: &str, result: &str) {
        let counter = &self.shared.metrics.source_connects;
        counter.with_label_values(&[department, result]).inc();
    }
}

/// Counts a camera that is being pulled.
struct Counted(prometheus::IntGauge);

impl Counted {
    fn new(shared: &Shared, department: &str) -> Self {
        let gauge = shared.metrics.streams.with_label_values(&[department]);
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// A camera that gives media, among those of its recorder and subnet.
struct Present<'a> {
    shared: &'a Shared,
    entry: &'a Entry,
    places: Vec<Place>,
}

impl<'a> Present<'a> {
    /// Enters the camera's places; where it is the first there after a failure, it wakes the others.
    fn new(shared: &'a Shared, entry: &'a Entry) -> Self {
        let places = entry.inner().places.clone();
        let was_down = std::mem::take(&mut entry.inner().was_down);
        for place in &places {
            let is_first = shared.places().enter(place);
            if is_first && was_down {
                shared.wake(place, entry.id);
            }
        }
        Self {
            shared,
            entry,
            places,
        }
    }
}

impl Drop for Present<'_> {
    fn drop(&mut self) {
        for place in &self.places {
            self.shared.places().leave(place);
        }
        self.entry
            .status
            .send_if_modified(|status| std::mem::take(&mut status.is_live));
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

/// Resolves once nobody wanted the camera: after the last viewer for `linger`, after a probe at once.
async fn unwanted(entry: &Entry, shared: &Shared) {
    let mut leases = entry.leases.subscribe();
    let mut had_viewers = false;
    loop {
        while entry.is_wanted() {
            had_viewers |= leases.borrow_and_update().viewers > 0 || entry.is_always();
            if leases.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
        let linger = if had_viewers {
            shared.settings.linger()
        } else {
            Duration::ZERO
        };
        tokio::select! {
            () = sleep(linger) => return,
            _ = leases.changed() => {}
        }
    }
}

/// Resolves once the camera is gone, or its session would not be opened so any more.
async fn changed(
    targets: &mut watch::Receiver<Option<Arc<Target>>>,
    current: &Target,
    entry: &Entry,
) {
    loop {
        if targets.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
        let address = entry.inner().address;
        let new = targets.borrow_and_update().clone();
        if !new.is_some_and(|new| current.serves(&new, address)) {
            return;
        }
    }
}

const WELL_FOR: Duration = Duration::from_secs(10);
const TEARDOWN_TIME: Duration = Duration::from_secs(5);
/// A camera that failed is not tried again sooner, however many want it.
const TRY_PAUSE: Duration = Duration::from_secs(1);
const NO_LOGIN_WAIT: Duration = Duration::from_secs(900);
const PANIC_PAUSE: Duration = Duration::from_secs(5);
