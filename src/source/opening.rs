//! The way to a session with a camera: its address, the limits, its password's turn, the gate.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};

use super::entry::{Entry, Target};
use super::gate::{Pass, Urgency};
use super::logins::{Account, Verdict};
use super::places::Place;
use super::quota::Running;
use super::recorder::Recorder;
use super::rtsp::{Failure, RtspSession};
use super::shared::Shared;
use crate::catalog::Camera;
use crate::descriptors::Held;
use crate::ledger::Cause;
use crate::task::Tasks;

/// A session that plays, with what it uses.
pub(super) struct Opened {
    pub(super) session: RtspSession,
    pub(super) running: Running,
    pub(super) descriptor: Held,
}

/// Opens a session with the camera; everything it waits for is within the limits of connecting.
pub(super) async fn open(
    shared: &Arc<Shared>,
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
    note_place(entry, &recorder, address, record.nvr.is_some());
    let login = Login::begin(shared, target.account(address)).await?;
    let pass = pass(shared, entry, target, &recorder).await;
    // Whoever only waits uses nothing up.
    let running = target.quota.begin(target.department.limits);
    let running = running.map_err(Failure::limit)?;
    let descriptor = shared.descriptors.take(1);
    let descriptor =
        descriptor.ok_or_else(|| Failure::new(Cause::Gateway, "no file descriptor is left"))?;
    let (camera, tasks) = (target.camera.clone(), shared.tasks.clone());
    let opened = Opened::shake_hands(camera, address, recorder, login, pass, tasks);
    // In a task of its own: a handshake that nobody waits for any more goes on to its end, so that a
    // password that is refused late is counted all the same.
    let (outcome, opened_by) = oneshot::channel();
    let cancelled = shared.tasks.cancelled();
    shared.tasks.spawn("handshake", async move {
        tokio::select! {
            () = cancelled.cancelled() => {}
            session = opened => {
                let opened = session.map(|session| Opened { session, running, descriptor });
                // Nobody may wait: then its drop ends the session.
                drop(outcome.send(opened));
            }
        }
    });
    match opened_by.await {
        Ok(opened) => opened,
        // The gateway stops, and whoever waits here with it.
        Err(_) => std::future::pending().await,
    }
}

/// Waits in the gate; a try of the background becomes a viewer's when one comes.
async fn pass(shared: &Shared, entry: &Entry, target: &Target, recorder: &Recorder) -> Pass {
    let mut leases = entry.leases.subscribe();
    let ask = |urgency| {
        shared
            .gate
            .pass(&recorder.slots, &target.quota.lane, urgency)
    };
    if leases.borrow_and_update().viewers == 0 {
        tokio::select! {
            pass = ask(Urgency::Background) => return pass,
            // The sender lives as long as the entry.
            _ = leases.wait_for(|leases| leases.viewers > 0) => {}
        }
    }
    ask(Urgency::Viewer).await
}

impl Opened {
    async fn shake_hands(
        camera: Arc<Camera>,
        address: IpAddr,
        recorder: Arc<Recorder>,
        login: Option<Login>,
        pass: Pass,
        tasks: Tasks,
    ) -> Result<RtspSession, Failure> {
        let leaving = recorder.leaving.clone();
        let handshake = RtspSession::open(&camera, address, leaving, tasks.clone());
        let late = || {
            Failure::new(
                Cause::Timeout,
                format!("no handshake in {HANDSHAKE_TIME:?}"),
            )
        };
        let (opened, slot) = pass.run(timeout(HANDSHAKE_TIME, handshake)).await;
        let opened = opened.unwrap_or_else(|_| Err(late()));
        if opened.is_err() {
            // A recorder must have seen the end of one connection before the next begins.
            tasks.spawn("slot", async move {
                sleep(SETTLE_TIME).await;
                drop(slot);
            });
        }
        match login {
            Some(login) => login.settle(opened).await,
            None => opened,
        }
    }
}

fn note_place(entry: &Entry, recorder: &Arc<Recorder>, address: IpAddr, is_shared: bool) {
    {
        let mut inner = entry.inner();
        inner.places = vec![Place::subnet(address)];
        if is_shared {
            let place = Place::Recorder(recorder.name.clone());
            inner.places.push(place);
        }
        inner.recorder = Some(recorder.clone());
        inner.address = Some(address);
    }
    entry.know(|status| {
        status.address = Some(address);
        false
    });
}

/// Counts refusals of the password inside a session: a camera that was given another one meanwhile is not
/// asked with the old one more often for it.
pub(super) async fn count_refused(shared: &Shared, entry: &Entry, target: &Target, times: u32) {
    let Some(address) = entry.inner().address else {
        return;
    };
    let Some((account, mark)) = target.account(address) else {
        return;
    };
    let now = Instant::now().into_std();
    for _ in 0..times {
        shared.logins().handle_refused(&account, mark, now);
    }
    shared.store_refusals().await;
}

/// A try with a password; ends with its drop.
struct Login {
    shared: Arc<Shared>,
    account: Account,
    mark: u16,
}

impl Login {
    /// Waits for the account's turn; an account that refused its password is not tried before its time,
    /// by whichever camera. `None` for a camera without password.
    async fn begin(
        shared: &Arc<Shared>,
        account: Option<(Account, u16)>,
    ) -> Result<Option<Self>, Failure> {
        let Some((account, mark)) = account else {
            return Ok(None);
        };
        loop {
            let verdict = shared
                .logins()
                .begin(&account, mark, Instant::now().into_std());
            match verdict {
                Verdict::Go => {
                    return Ok(Some(Self {
                        shared: shared.clone(),
                        account,
                        mark,
                    }));
                }
                // Its end is told too when the account is forgotten.
                Verdict::Wait(mut ended) => drop(ended.changed().await),
                Verdict::Locked(until) => return Err(Failure::locked(until.into())),
            }
        }
    }

    /// Notes what the camera said of the password.
    async fn settle(self, opened: Result<RtspSession, Failure>) -> Result<RtspSession, Failure> {
        let shared = &self.shared;
        let failure = match opened {
            Ok(session) => {
                if shared.logins().handle_accepted(&self.account, self.mark) {
                    shared.store_refusals().await;
                }
                return Ok(session);
            }
            Err(failure) => failure,
        };
        // A camera may keep the answer to a wrong password back for longer than we wait.
        let is_kept_back =
            failure.cause == Cause::Timeout && shared.logins().is_refused(&self.account);
        if !failure.is_wrong_password && !is_kept_back {
            return Err(failure);
        }
        let now = Instant::now().into_std();
        let locked_until = shared
            .logins()
            .handle_refused(&self.account, self.mark, now);
        shared.store_refusals().await;
        Err(match locked_until.filter(|_| !is_kept_back) {
            Some(until) => Failure {
                detail: failure.detail,
                is_refusal: true,
                ..Failure::locked(until.into())
            },
            None => failure,
        })
    }
}

impl Drop for Login {
    fn drop(&mut self) {
        self.shared.logins().end(&self.account);
    }
}

const HANDSHAKE_TIME: Duration = Duration::from_secs(30);
const SETTLE_TIME: Duration = Duration::from_millis(200);
