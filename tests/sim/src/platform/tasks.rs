//! The only place where the platform starts tasks: each ends with the platform.

use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The tasks of one platform, ended together.
#[derive(Clone, Debug, Default)]
pub(super) struct Tasks {
    tracker: TaskTracker,
    cancel: CancellationToken,
}

impl Tasks {
    /// Starts a task that is dropped where it waits when the platform stops.
    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let cancelled = self.cancel.clone();
        drop(self.tracker.spawn(async move {
            tokio::select! {
                () = cancelled.cancelled() => {}
                () = work => {}
            }
        }));
    }

    /// Starts a task whose result somebody waits for; it must watch [`Self::child`] by itself.
    pub(super) fn spawn_with<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.tracker.spawn(work)
    }

    /// A token that the platform's stop cancels too.
    pub(super) fn child(&self) -> CancellationToken {
        self.cancel.child_token()
    }

    /// Ends every task.
    pub(super) fn cancel(&self) {
        self.cancel.cancel();
    }

    /// Ends every task and waits for them.
    pub(super) async fn stop(&self) {
        self.cancel.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }
}

/// Locks a mutex; a panic of another holder does not stop the test's other parts.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A random number for tags, branches, nonces and the like.
pub(super) fn random() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0_u8)
}
