//! What comes of a try: the state that a camera enters, and when it is tried again.

use std::time::Duration;

use tokio::time::Instant;
use tracing::warn;

use super::entry::Target;
use super::flow::Flow;
use super::pull::Pull;
use super::rtsp::Failure;
use super::status::{Change, Evidence, Status};
use crate::clock::wall_clock;
use crate::ledger::{Cause, State, StateCause};

impl Pull<'_> {
    /// A session has one verdict of its own, whether that is new or not.
    pub(super) fn give_verdict(&self, flow: &mut Flow) {
        if !std::mem::replace(&mut flow.has_verdict, true) {
            self.entry.know(|status| {
                status.note_verdict();
                true
            });
        }
    }

    /// Enters the state that a failure means; returns when to try again.
    pub(super) fn note(&self, failure: &Failure, target: &Target) -> Instant {
        let now = Instant::now();
        let until = self.judge(failure, target, now);
        let (wait, cause, detail) = (until - now, failure.cause, failure.detail.clone());
        warn!(cause = cause.name(), detail, ?wait, "stream is down");
        if self.is_probe() && failure.is_ours() {
            // Our own limits say nothing about a camera that nobody looks at.
            self.restore();
            self.entry.know(|status| {
                status.note_verdict();
                true
            });
        } else if failure.had_media {
            // Off line only when the next try fails too.
            self.note_failure(cause, detail);
            self.set_state(StateCause::degraded(Cause::Stalled));
        } else {
            self.fail(failure.state(), detail);
        }
        let next_try = wall_clock() + wait;
        self.entry.know(|status| {
            status.next_try = Some(next_try);
            false
        });
        until
    }

    /// When to try again after a failure.
    fn judge(&self, failure: &Failure, target: &Target, now: Instant) -> Instant {
        let mut inner = self.entry.inner();
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

    /// A session ended for a reason of ours: what is to come is not known yet.
    pub(super) fn leave_live(&self) {
        let state = self.entry.status().state.state();
        if matches!(state, State::Online | State::Degraded) {
            self.set_state(StateCause::CONNECTING);
        }
    }

    /// The task ends before the try that would have decided: a probe decides.
    pub(super) fn leave_to_prober(&self) {
        self.entry.know(|status| {
            status.next_try = None;
            false
        });
        if self.entry.status().state.state() == State::Degraded {
            self.shared.hurry([self.entry.id].into());
        }
    }

    /// Whether nobody looks, and the camera is only to be seen once.
    pub(super) fn is_probe(&self) -> bool {
        self.entry.leases.borrow().viewers == 0 && !self.entry.is_always()
    }

    /// Returns from a first try without a verdict: whoever gave up before it learned nothing.
    pub(super) fn restore(&self) {
        let state = self.entry.status().state.state();
        if state == State::Connecting {
            self.set_state(StateCause::UNKNOWN);
        }
    }

    pub(super) fn set_state(&self, state: StateCause) {
        self.change(state, |status| {
            if state.state() == State::Online {
                status.verified = Some(true);
            }
        });
    }

    pub(super) fn fail(&self, state: StateCause, detail: String) {
        self.entry.inner().was_down = true;
        self.note_failure(state.cause(), detail);
        self.change(state, |_| {});
        self.entry.know(|status| {
            if state.state() == State::Offline {
                status.verified = Some(false);
            }
            status.note_verdict();
            status.failures += 1;
            true
        });
    }

    fn note_failure(&self, cause: Cause, detail: String) {
        let at = wall_clock();
        self.entry.know(|status| {
            status.is_live = false;
            status.last_failure = Some(Evidence { cause, detail, at });
            false
        });
    }

    /// Enters a state, and tells whoever follows.
    fn change(&self, state: StateCause, also: impl FnOnce(&mut Status)) {
        let at = wall_clock();
        let is_new = self.entry.know(|status| {
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

    pub(super) fn count_connect(&self, department: &str, result: &str) {
        let counter = &self.shared.metrics.source_connects;
        counter.with_label_values(&[department, result]).inc();
    }
}

const NO_LOGIN_WAIT: Duration = Duration::from_secs(900);
