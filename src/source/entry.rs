//! One camera among the sources: what it is, how it is, and who wants it.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::Backoff;
use super::board::Board;
use super::logins::{Account, mark};
use super::places::Place;
use super::quota::Quota;
use super::recorder::Recorder;
use super::status::Status;
use crate::bus::Stream;
use crate::catalog::{Camera, CameraId, Department, Lamp, Pull};
use crate::ledger::StateCause;
use crate::task::Shard;

/// What is to be pulled, as the catalogue says now.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) camera: Arc<Camera>,
    pub(super) department: Department,
    pub(super) quota: Arc<Quota>,
}

impl Target {
    /// The account that its password belongs to, and the password's mark.
    /// A recorder is one, however its cameras' records spell its host.
    pub(super) fn account(&self, address: IpAddr) -> Option<(Account, u16)> {
        let record = &self.camera.record;
        let (user, password) = record.login.as_ref()?;
        let account = Account {
            host: address.to_canonical().to_string(),
            port: record.location.port,
            user: user.clone(),
        };
        let mark = mark(&account, password);
        Some((account, mark))
    }

    /// Whether a session that was opened for this target, at `address`, is right for `new` too.
    pub(super) fn serves(&self, new: &Self, address: Option<IpAddr>) -> bool {
        let (old, record) = (&self.camera.record, &new.camera.record);
        let is_same =
            (&old.location, &old.login, &old.nvr) == (&record.location, &record.login, &record.nvr);
        is_same
            && new.department.ports.contains(&record.location.port)
            && address.is_none_or(|address| new.department.allows(address))
    }
}

/// One camera.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: CameraId,
    /// `None` once the camera is gone or out of service.
    pub(super) target: watch::Sender<Option<Arc<Target>>>,
    pub(super) stream: Stream,
    /// What is known of it; its state is on the board, too.
    status: watch::Sender<Status>,
    board: Arc<Board>,
    /// `None` where the catalogue has the camera no more.
    lamp: Mutex<Option<Lamp>>,
    pub(super) leases: watch::Sender<Leases>,
    /// Ends the wait before the next try: somebody wants the camera now.
    pub(super) wanted: Notify,
    /// Ends it too: a camera of the same recorder or subnet has come back.
    pub(super) woken: watch::Sender<u64>,
    inner: Mutex<Inner>,
    is_running: Mutex<bool>,
}

/// Who wants a camera.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Leases {
    pub(super) viewers: usize,
    pub(super) probes: usize,
}

/// What only the camera's task changes.
#[derive(Debug, Default)]
pub(super) struct Inner {
    pub(super) backoff: Backoff,
    pub(super) recorder: Option<Arc<Recorder>>,
    pub(super) places: Vec<Place>,
    pub(super) address: Option<IpAddr>,
    /// When its last try failed.
    pub(super) failed_at: Option<Instant>,
    /// Before that a try that comes before its time is not made.
    pub(super) not_before: Option<Instant>,
    /// Its last verdict was that it is off line.
    pub(super) was_down: bool,
    /// Where it is pulled and watched.
    pub(super) shard: Shard,
}

impl Entry {
    pub(super) fn new(
        id: CameraId,
        target: Option<Arc<Target>>,
        status: Status,
        board: Arc<Board>,
    ) -> Self {
        Self {
            id,
            target: watch::Sender::new(target),
            stream: Stream::default(),
            status: watch::Sender::new(status),
            board,
            lamp: Mutex::default(),
            leases: watch::Sender::new(Leases::default()),
            wanted: Notify::new(),
            woken: watch::Sender::new(0),
            inner: Mutex::default(),
            is_running: Mutex::new(false),
        }
    }

    /// What is known of it.
    pub(super) fn status(&self) -> watch::Ref<'_, Status> {
        self.status.borrow()
    }

    /// Its state, which is the one on the board.
    pub(super) fn state(&self) -> StateCause {
        let status = self.status();
        debug_assert!(self.is_shown(&status));
        status.state
    }

    fn is_shown(&self, status: &Status) -> bool {
        let lamp = *self.lamp();
        lamp.is_none_or(|lamp| self.board.states([lamp].into_iter()) == [status.state.state()])
    }

    /// What is known of it, and its changes.
    pub(super) fn follow_status(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    /// Changes what is known; whoever follows is told where `change` says that it matters, which is returned.
    pub(super) fn know(&self, change: impl FnOnce(&mut Status) -> bool) -> bool {
        self.status.send_if_modified(|status| {
            let before = status.state;
            let matters = change(status);
            if status.state != before {
                self.show(status);
            }
            matters
        })
    }

    /// Shows the state at the lamp that the catalogue has for the camera now.
    pub(super) fn follow_lamp(&self, lamp: Option<Lamp>) {
        self.status.send_if_modified(|status| {
            *self.lamp() = lamp;
            self.show(status);
            false
        });
    }

    /// Only while the status is locked: the board shows what it is.
    fn show(&self, status: &Status) {
        if let Some(lamp) = *self.lamp() {
            self.board.set(lamp, status.state.state());
        }
    }

    fn lamp(&self) -> MutexGuard<'_, Option<Lamp>> {
        self.lamp.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_running(&self) -> MutexGuard<'_, bool> {
        self.is_running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the camera is always pulled.
    pub(super) fn is_always(&self) -> bool {
        let target = self.target.borrow();
        target
            .as_ref()
            .is_some_and(|target| target.camera.pull == Pull::Always)
    }

    /// Whether the camera is to be pulled now.
    pub(super) fn is_wanted(&self) -> bool {
        let Leases { viewers, probes } = *self.leases.borrow();
        let is_in_service = self.target.borrow().is_some();
        is_in_service && (viewers + probes > 0 || self.is_always())
    }

    /// Whether media comes from it now.
    pub(super) fn is_live(&self) -> bool {
        self.status().is_live
    }

    /// Whether its task runs.
    pub(super) fn is_pulled(&self) -> bool {
        *self.is_running()
    }

    /// Marks the task as begun; `false` where it runs.
    pub(super) fn begin(&self) -> bool {
        !std::mem::replace(&mut *self.is_running(), true)
    }

    /// Notes that the task is gone, however it went: the next lease starts another.
    pub(super) fn end(&self) {
        *self.is_running() = false;
    }

    /// Ends the task unless a lease came in between.
    pub(super) fn try_end(&self) -> bool {
        let mut is_running = self.is_running();
        let ends = !self.is_wanted();
        *is_running = !ends;
        ends
    }
}
