//! The way to a session with a camera: its address, the limits, its password's turn, the gate.

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tokio::time::{Instant, timeout};

use super::entry::{Entry, Target};
use super::gate::Urgency;
use super::logins::{Account, Verdict};
use super::places::Place;
use super::quota::Running;
use super::recorder::Recorder;
use super::rtsp::{Failure, RtspSession};
use super::sources::Shared;
use crate::descriptors::Held;
use crate::ledger::Cause;

/// A session that plays, with what it uses.
pub(super) struct Opened {
    pub(super) session: RtspSession,
    pub(super) running: Running,
    pub(super) descriptor: Held,
}

/// Opens a session with the camera; everything it waits for is within the limits of connecting.
pub(super) async fn open(
    shared: &Shared,
    entry: &Entry,
    target: &Target,
) -> Result<Opened, Failure> {
    let record = &target.camera.record;
    let forbidden = shared.forbidden();
    let address = shared
        .resolver
        .resolve(&record.location, &target.department, &forbidden)
        .await;
    let address = address.map_err(|cause| Failure::new(cause, "its address cannot be used"))?;
    let recorder = shared.recorders().of(record, address);
    note_place(entry, &recorder, address);
    let running = target
        .quota
        .begin(target.department.limits)
        .map_err(Failure::limit)?;
    let descriptor = shared.descriptors.take(1);
    let descriptor =
        descriptor.ok_or_else(|| Failure::new(Cause::Gateway, "no file descriptor is left"))?;
    let login = Login::begin(shared, target).await?;
    let urgency = if entry.leases.borrow().viewers > 0 {
        Urgency::Viewer
    } else {
        Urgency::Background
    };
    let pass = shared
        .gate
        .pass(&recorder.slots, &target.quota.lane, urgency)
        .await;
    let handshake = RtspSession::open(&target.camera, address, recorder.group.clone());
    // The library's parser of SDP dies on some lines: that is this camera's failure, and no more.
    let handshake = AssertUnwindSafe(handshake).catch_unwind().map(|outcome| {
        outcome.unwrap_or_else(|_| Err(Failure::new(Cause::RtspError, "its SDP cannot be read")))
    });
    let opened = pass.run(timeout(HANDSHAKE_TIME, handshake)).await;
    let opened = opened.unwrap_or_else(|_| {
        Err(Failure::new(
            Cause::Timeout,
            format!("no handshake in {HANDSHAKE_TIME:?}"),
        ))
    });
    let session = match login {
        Some(login) => login.settle(opened)?,
        None => opened?,
    };
    Ok(Opened {
        session,
        running,
        descriptor,
    })
}

fn note_place(entry: &Entry, recorder: &Arc<Recorder>, address: IpAddr) {
    {
        let mut inner = entry.inner();
        inner.places = vec![
            Place::Recorder(recorder.name.clone()),
            Place::subnet(address),
        ];
        inner.recorder = Some(recorder.clone());
        inner.address = Some(address);
    }
    entry.status.send_if_modified(|status| {
        status.address = Some(address);
        false
    });
}

/// A try with a password; ends with its drop.
struct Login<'a> {
    shared: &'a Shared,
    account: Account,
    mark: u16,
}

impl<'a> Login<'a> {
    /// Waits for the account's turn; an account that refused its password is not tried before its time,
    /// by whichever camera. `None` for a camera without password.
    async fn begin(shared: &'a Shared, target: &Target) -> Result<Option<Self>, Failure> {
        let Some((account, mark)) = target.account() else {
            return Ok(None);
        };
        loop {
            let ended = shared.login_ended.notified();
            tokio::pin!(ended);
            // From here on no end is missed.
            ended.as_mut().enable();
            let verdict = shared
                .logins()
                .begin(&account, mark, Instant::now().into_std());
            match verdict {
                Verdict::Go => {
                    return Ok(Some(Self {
                        shared,
                        account,
                        mark,
                    }));
                }
                Verdict::Wait => ended.await,
                Verdict::Locked(until) => return Err(Failure::locked(until.into())),
            }
        }
    }

    /// Notes what the camera said of the password.
    fn settle(self, opened: Result<RtspSession, Failure>) -> Result<RtspSession, Failure> {
        let (shared, now) = (self.shared, Instant::now().into_std());
        match opened {
            Ok(session) => {
                if shared.logins().handle_accepted(&self.account) {
                    shared.refusals_changed();
                }
                Ok(session)
            }
            Err(failure) if failure.cause == Cause::AuthFailed => {
                let locked_until = shared
                    .logins()
                    .handle_refused(&self.account, self.mark, now);
                shared.refusals_changed();
                Err(match locked_until {
                    Some(until) => Failure {
                        detail: failure.detail,
                        is_refusal: true,
                        ..Failure::locked(until.into())
                    },
                    None => failure,
                })
            }
            Err(failure) => Err(failure),
        }
    }
}

impl Drop for Login<'_> {
    fn drop(&mut self) {
        self.shared.logins().end(&self.account);
        self.shared.login_ended.notify_waiters();
    }
}

const HANDSHAKE_TIME: Duration = Duration::from_secs(30);
