//! The gate that every handshake with a camera passes: its recorder's slots, its department's rate, and
//! what the whole gateway may have under way.
//!
//! Whoever waits holds nothing that others need: a department waits for its own rate with one camera at
//! the head of its lane, and a recorder that does not answer holds its own slots only.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard, OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::pace::Pace;

/// Who wants a handshake.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Urgency {
    /// Somebody looks: before all that is not.
    Viewer,
    /// A probe, or a camera that is always pulled.
    Background,
}

/// A queue whose head starts at a pace. A viewer waits behind one background handshake at most.
#[derive(Debug)]
pub(super) struct Lane {
    background: Mutex<()>,
    turn: Mutex<Pace>,
    /// Written by whoever changes it, taken over at the next turn.
    per_second: watch::Sender<f64>,
}

impl Lane {
    pub(super) fn new(per_second: f64) -> Self {
        Self {
            background: Mutex::new(()),
            turn: Mutex::new(Pace::new(per_second)),
            per_second: watch::Sender::new(per_second),
        }
    }

    /// Changes the rate from the next turn on.
    pub(super) fn set(&self, per_second: f64) {
        self.per_second.send_replace(per_second);
    }

    /// Waits for the head of the lane and for its pace; nobody else starts until the turn is dropped.
    async fn turn(&self, urgency: Urgency) -> Turn<'_> {
        let background = match urgency {
            Urgency::Viewer => None,
            Urgency::Background => Some(self.background.lock().await),
        };
        let mut pace = self.turn.lock().await;
        pace.set(*self.per_second.borrow());
        sleep_until(pace.ready_at(Instant::now().into_std()).into()).await;
        Turn {
            pace,
            _background: background,
        }
    }
}

struct Turn<'a> {
    pace: MutexGuard<'a, Pace>,
    _background: Option<MutexGuard<'a, ()>>,
}

/// All handshakes of the gateway.
#[derive(Debug)]
pub(super) struct Gate {
    lane: Lane,
    in_flight: Arc<Semaphore>,
    slow: Arc<Semaphore>,
}

/// The right to one handshake.
#[derive(Debug)]
pub(super) struct Pass {
    in_flight: OwnedSemaphorePermit,
    slow: Arc<Semaphore>,
    recorder: Slot,
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            lane: Lane::new(PER_SECOND),
            in_flight: Arc::new(Semaphore::new(IN_FLIGHT_MAX)),
            slow: Arc::new(Semaphore::new(SLOW_MAX)),
        }
    }
}

impl Gate {
    /// Waits until a handshake may start now.
    pub(super) async fn pass(&self, recorder: &Slots, department: &Lane, urgency: Urgency) -> Pass {
        let recorder = recorder.take(urgency).await;
        let mut department = department.turn(urgency).await;
        let in_flight = acquire(&self.in_flight).await;
        let mut all = self.lane.turn(urgency).await;
        let now = Instant::now().into_std();
        department.pace.start(now);
        all.pace.start(now);
        Pass {
            in_flight,
            slow: self.slow.clone(),
            recorder,
        }
    }
}

impl Pass {
    /// Runs the handshake; one that takes long makes room for others as soon as the slow quota has room.
    /// The recorder's slot outlives it: what it is dropped after is seen by the recorder first.
    pub(super) async fn run<T>(self, handshake: impl Future<Output = T>) -> (T, Slot) {
        let Self {
            in_flight,
            slow,
            recorder,
        } = self;
        tokio::pin!(handshake);
        tokio::select! {
            outcome = &mut handshake => return (outcome, recorder),
            () = sleep(SLOW_AFTER) => {}
        }
        let outcome = tokio::select! {
            outcome = &mut handshake => outcome,
            _slow = acquire(&slow) => {
                drop(in_flight);
                handshake.await
            }
        };
        (outcome, recorder)
    }
}

/// The handshakes of one recorder; the last one is for viewers.
#[derive(Clone, Debug)]
pub(super) struct Slots {
    all: Arc<Semaphore>,
    background: Arc<Semaphore>,
}

/// One of them.
#[derive(Debug)]
pub(super) struct Slot {
    _one: OwnedSemaphorePermit,
    _background: Option<OwnedSemaphorePermit>,
}

impl Default for Slots {
    fn default() -> Self {
        Self {
            all: Arc::new(Semaphore::new(PER_RECORDER_MAX)),
            background: Arc::new(Semaphore::new(PER_RECORDER_MAX - 1)),
        }
    }
}

impl Slots {
    async fn take(&self, urgency: Urgency) -> Slot {
        let background = match urgency {
            Urgency::Viewer => None,
            Urgency::Background => Some(acquire(&self.background).await),
        };
        Slot {
            _one: acquire(&self.all).await,
            _background: background,
        }
    }
}

async fn acquire(semaphore: &Arc<Semaphore>) -> OwnedSemaphorePermit {
    match semaphore.clone().acquire_owned().await {
        Ok(permit) => permit,
        // Never closed.
        Err(_) => std::future::pending().await,
    }
}

const PER_RECORDER_MAX: usize = 4;
const IN_FLIGHT_MAX: usize = 200;
const SLOW_MAX: usize = 200;
const PER_SECOND: f64 = 250.0;
const SLOW_AFTER: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::future::join_all;
    use tokio::time::timeout;

    #[tokio::test(start_paused = true)]
    async fn a_recorder_that_never_answers_holds_its_own_slots_only() {
        let (gate, lane) = (Gate::default(), Lane::new(50.0));
        let stalled = Slots::default();
        let mut held = Vec::new();
        for _ in 0..PER_RECORDER_MAX - 1 {
            held.push(gate.pass(&stalled, &lane, Urgency::Background).await);
        }
        let fourth = gate.pass(&stalled, &lane, Urgency::Background);
        assert!(
            timeout(SLOW_AFTER, fourth).await.is_err(),
            "the last slot is for viewers"
        );
        held.push(gate.pass(&stalled, &lane, Urgency::Viewer).await);
        let fifth = gate.pass(&stalled, &lane, Urgency::Viewer);
        tokio::pin!(fifth);
        let waits = timeout(SLOW_AFTER, fifth.as_mut()).await;
        assert!(waits.is_err(), "the fifth waits");
        let begin = Instant::now();
        let _other = gate
            .pass(&Slots::default(), &lane, Urgency::Background)
            .await;
        assert!(begin.elapsed() <= Duration::from_millis(21));
        drop(held);
        let _fifth = fifth.await;
    }

    #[tokio::test(start_paused = true)]
    async fn slow_handshakes_make_room_after_five_seconds() {
        let (gate, lane) = (Gate::default(), Lane::new(250.0));
        let begin = Instant::now();
        let silent = (0..IN_FLIGHT_MAX).map(|_| async {
            let pass = gate
                .pass(&Slots::default(), &lane, Urgency::Background)
                .await;
            pass.run(pending::<()>()).await;
        });
        let well = async {
            let pass = gate
                .pass(&Slots::default(), &lane, Urgency::Background)
                .await;
            pass.run(async {}).await;
            begin.elapsed()
        };
        let took = tokio::select! {
            _ = join_all(silent) => unreachable!(),
            took = async { sleep(Duration::from_secs(2)).await; well.await } => took,
        };
        assert!(
            took >= SLOW_AFTER && took < SLOW_AFTER + Duration::from_secs(1),
            "{took:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_viewer_passes_what_waits_in_the_background() {
        let (gate, lane) = (Gate::default(), Lane::new(1.0));
        let served = AtomicUsize::new(0);
        let one = |urgency| {
            let (gate, lane, served) = (&gate, &lane, &served);
            async move {
                drop(gate.pass(&Slots::default(), lane, urgency).await);
                served.fetch_add(1, Ordering::Relaxed)
            }
        };
        let background = join_all((0..20).map(|_| one(Urgency::Background)));
        let viewer = async {
            tokio::task::yield_now().await;
            one(Urgency::Viewer).await
        };
        let (_, place) = tokio::join!(background, viewer);
        assert!(place <= 2, "it was number {place}");
    }
}
