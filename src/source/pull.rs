//! The task that pulls one camera while it is wanted: connect, publish, wait, connect again.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{Instrument, debug, error, info, info_span};

use super::entry::{Entry, Target};
use super::flow::Flow;
use super::opening::{Opened, count_refused, open};
use super::present::{Counted, Present};
use super::rtsp::{Failure, Received};
use super::shared::Shared;
use crate::clock::wall_clock;
use crate::ledger::{Cause, State, StateCause};
use crate::proto::rtp::RawFrame;
use crate::task::{Ended, unless};

/// Pulls the camera until nobody wants it any more, or the gateway stops.
pub(super) async fn run(shared: Arc<Shared>, entry: Arc<Entry>) {
    let span = info_span!("camera", id = %entry.id);
    let cancelled = shared.tasks.cancelled();
    let mut end = End(Some(entry.clone()));
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
        match unless(cancelled.cancelled(), until_unwanted).await {
            Ended::Rare(()) => pull.release().await,
            // It has said so itself, and another may run already.
            Ended::Usual(()) => end.0 = None,
        }
    }
    .instrument(span)
    .await;
}

/// A task that is dropped has ended too.
struct End(Option<Arc<Entry>>);

impl Drop for End {
    fn drop(&mut self) {
        if let Some(entry) = &self.0 {
            entry.end();
        }
    }
}

/// Why a session is ended by us.
enum Interruption {
    Unwanted,
    Changed,
}

/// One camera's pull.
pub(super) struct Pull<'a> {
    pub(super) shared: &'a Arc<Shared>,
    pub(super) entry: &'a Entry,
}

impl Pull<'_> {
    async fn run(&self) {
        let mut targets = self.entry.target.subscribe();
        let mut woken = self.entry.woken.subscribe();
        self.hold_back();
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
            // Whoever wakes it while a try is under way is heard after it.
            woken.mark_unchanged();
            let _counted = Counted::new(self.shared, &target.department.id);
            let interrupted = async {
                tokio::select! {
                    () = unwanted(self.entry, self.shared) => Interruption::Unwanted,
                    () = changed(&mut targets, &target, self.entry) => Interruption::Changed,
                }
            };
            let failure = match unless(interrupted, self.session(&target)).await {
                Ended::Usual(failure) => failure,
                Ended::Rare(Interruption::Unwanted) => {
                    self.release().await;
                    if self.entry.try_end() {
                        debug!("nobody looks: released");
                        return;
                    }
                    self.leave_live();
                    continue;
                }
                Ended::Rare(Interruption::Changed) => {
                    info!("what is known of it has changed: asked again");
                    self.start_anew().await;
                    continue;
                }
            };
            let until = self.note(&failure, &target);
            // A camera with one slot refuses us while it believes that we are there.
            self.tear_down().await;
            let goes_on = self
                .wait(until, failure.cause, &target, &mut targets, &mut woken)
                .await;
            if !goes_on && self.entry.try_end() {
                self.leave_to_prober();
                return;
            }
        }
    }

    /// One session, from the handshake to its end.
    async fn session(&self, target: &Target) -> Failure {
        let not_before = self.entry.inner().not_before;
        if let Some(not_before) = not_before {
            sleep_until(not_before).await;
        }
        // A camera that is known to be off line is so until a try ends well.
        if self.entry.status().state.state() == State::Unknown {
            self.set_state(StateCause::CONNECTING);
        }
        // Whoever asked before this try is served by it.
        let _asked = self.entry.wanted.notified().now_or_never();
        let started = Instant::now();
        self.entry.know(|status| {
            status.tries += 1;
            false
        });
        let Opened {
            mut session,
            running,
            descriptor: _held,
        } = match Box::pin(open(self.shared, self.entry, target)).await {
            Ok(opened) => opened,
            Err(failure) => return failure,
        };
        let publisher = self.entry.stream.publish();
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
                        running.count(received.bytes);
                        if received.refused_keepalives > 0 {
                            count_refused(self.shared, self.entry, target, received.refused_keepalives).await;
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
                        return Failure {
                            had_media: flow.keys > 0,
                            ..failure
                        };
                    }
                },
                () = &mut silence => match flow.silent_at() {
                    at if at <= Instant::now() => return silent(&flow),
                    at => silence.as_mut().reset(at),
                },
            }
        }
    }

    fn handle_received(&self, received: &Received, keys: u32, flow: &mut Flow, target: &Target) {
        let now = Instant::now();
        let metrics = &self.shared.metrics;
        metrics.source_bytes.inc_by(received.bytes);
        metrics.source_packets_lost.inc_by(received.lost);
        flow.note_packets(now, received);
        if let Some(error) = received.error {
            debug!(%error, "packet not used");
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
        self.entry.know(|status| {
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

    /// Waits before the next try; `false` when nobody wants the camera any more.
    async fn wait(
        &self,
        until: Instant,
        cause: Cause,
        target: &Target,
        targets: &mut watch::Receiver<Option<Arc<Target>>>,
        woken: &mut watch::Receiver<u64>,
    ) -> bool {
        let may_hurry = !matches!(cause, Cause::AuthLocked | Cause::AuthFailed);
        tokio::select! {
            () = sleep_until(until) => {
                self.entry.inner().not_before = None;
                true
            }
            () = unwanted(self.entry, self.shared) => false,
            () = changed(targets, target, self.entry) => {
                self.start_anew().await;
                true
            }
            // Somebody new wants the camera, or its neighbours are back: it is tried at once, though never
            // with a password that was refused.
            () = self.entry.wanted.notified(), if cause != Cause::AuthLocked => {
                self.hold_back();
                true
            }
            Ok(()) = woken.changed(), if may_hurry => {
                self.hold_back();
                true
            }
        }
    }

    /// The next try comes before its time: not sooner than this after the last that failed.
    fn hold_back(&self) {
        let mut inner = self.entry.inner();
        inner.not_before = inner.failed_at.map(|at| at + TRY_PAUSE);
    }

    /// What was learned of the camera before is no reason to wait now.
    async fn start_anew(&self) {
        self.leave_live();
        self.tear_down().await;
        let mut inner = self.entry.inner();
        inner.backoff = super::Backoff::default();
        (inner.failed_at, inner.not_before) = (None, None);
    }

    /// Ends the session for good.
    async fn release(&self) {
        self.restore();
        self.tear_down().await;
    }

    /// Waits for the TEARDOWNs of this recorder, so that the camera does not count us twice.
    async fn tear_down(&self) {
        let Some(recorder) = self.entry.inner().recorder.clone() else {
            return;
        };
        // Each is over in its time, answered or not.
        recorder.leaving.those_of_now().await;
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

/// A camera that failed is not tried again sooner, however many want it.
const TRY_PAUSE: Duration = Duration::from_secs(1);
const PANIC_PAUSE: Duration = Duration::from_secs(5);
