//! File descriptors as a budget: cameras and viewers get what is left after a reserve, so that health,
//! metrics and the store work when everything else is full.

use std::sync::Arc;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The descriptors that cameras and viewers may have. Cloning shares them.
#[derive(Clone, Debug)]
pub struct Descriptors(Arc<Semaphore>);

/// Some descriptors; given back on drop.
#[derive(Debug)]
pub struct Held(#[expect(dead_code, reason = "held for its drop")] OwnedSemaphorePermit);

impl Descriptors {
    /// A budget of `count`.
    pub fn new(count: usize) -> Self {
        Self(Arc::new(Semaphore::new(count.min(Semaphore::MAX_PERMITS))))
    }

    /// Raises the process's soft limit to its hard limit and leaves out the reserve.
    pub fn of_process() -> Self {
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or((1024, 1024));
        // Where raising is not allowed the soft limit is what there is.
        let limit = match setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
            Ok(()) => hard,
            Err(_) => soft,
        };
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Self::new(limit.saturating_sub(RESERVE))
    }

    /// Takes `count`, where they are left.
    pub fn take(&self, count: u32) -> Option<Held> {
        let permit = self.0.clone().try_acquire_many_owned(count);
        permit.ok().map(Held)
    }

    /// How many are left.
    pub fn left(&self) -> usize {
        self.0.available_permits()
    }
}

/// For what is no camera and no viewer: listeners, the store and its log, SIP connections (at most
/// 128), HTTP connections (at most 64 a listener), name look-ups, and 64 to spare.
const RESERVE: usize = 64 + 128 + 3 * 64 + 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_given_back() {
        let descriptors = Descriptors::new(3);
        let two = descriptors.take(2);
        assert!(two.is_some() && descriptors.take(2).is_none());
        assert!(descriptors.take(1).is_some(), "given back at once");
        drop(two);
        assert_eq!(descriptors.left(), 3);
    }
}
