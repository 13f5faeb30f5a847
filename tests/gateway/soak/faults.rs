//! What befalls cameras in the course of a day: every kind in turn, at cameras chosen by chance, the same in
//! every run.

use huiju_sim::farm::{CameraHandle, Ending, Fault, Insertion, Misdeed, Step};

use crate::world::World;

/// The cameras that may fail, and those that do now.
pub(super) struct Faults {
    whole: Vec<String>,
    /// Which, and the tick that heals it.
    broken: Vec<(String, u32)>,
    chance: u64,
    /// How many faults there were.
    pub(super) made: usize,
}

impl Faults {
    pub(super) fn new(cameras: Vec<String>) -> Self {
        Self {
            whole: cameras,
            broken: Vec::new(),
            chance: 0x2545_f491_4f6c_dd1d,
            made: 0,
        }
    }

    /// Has a camera fail.
    pub(super) async fn make(&mut self, world: &World, tick: u32) {
        if self.whole.is_empty() {
            return;
        }
        let chosen = self.next_chance() % self.whole.len();
        let name = self.whole.swap_remove(chosen);
        befall(world.camera(&name), self.made).await;
        // Some are back before their viewers notice, and some long after.
        let ticks = if self.made.is_multiple_of(3) {
            LONG
        } else {
            SHORT
        };
        self.broken.push((name, tick.saturating_add(ticks)));
        self.made += 1;
    }

    /// Heals the cameras whose time has come.
    pub(super) async fn heal(&mut self, world: &World, tick: u32) {
        let (due, broken) = std::mem::take(&mut self.broken)
            .into_iter()
            .partition::<Vec<_>, _>(|(_, heals)| *heals <= tick);
        self.broken = broken;
        for (name, _) in due {
            let camera = world.camera(&name);
            // First a new connection: one that resumed in the middle would skip frames of its own.
            camera.revive().await.unwrap();
            camera.clear_faults();
            camera.resume();
            self.whole.push(name);
        }
    }

    fn next_chance(&mut self) -> usize {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        usize::try_from(self.chance % u64::from(u32::MAX)).unwrap()
    }
}

/// Does to a camera what its turn brings.
async fn befall(camera: &CameraHandle, turn: usize) {
    let ends = |how| Fault::End {
        after_frames: 0,
        how,
    };
    let in_session = [
        ends(Ending::Close),
        ends(Ending::Reset),
        ends(Ending::Teardown),
        ends(Ending::Bye),
        Fault::SsrcChange { after_frames: 0 },
        Fault::SequenceReset {
            after_frames: 0,
            to: 7,
        },
        Fault::LossEvery(40),
        Fault::Reorder(20),
        Fault::Duplicates(20),
        Fault::TimestampJump {
            after_frames: 0,
            ticks: 90_000 * 3_600,
        },
        Fault::TimestampJump {
            after_frames: 0,
            ticks: -90_000 * 3_600,
        },
        Fault::Insert {
            what: Insertion::Garbage(300),
            every: 25,
        },
        Fault::Insert {
            what: Insertion::UnknownChannel,
            every: 5,
        },
        Fault::Slices(7),
    ];
    let in_handshake = [
        Fault::At(Step::Describe, Misdeed::Status(503)),
        Fault::At(Step::Setup, Misdeed::Status(454)),
        Fault::At(Step::Play, Misdeed::Status(461)),
        Fault::At(Step::Every, Misdeed::Silence),
        Fault::At(Step::Describe, Misdeed::EndlessBody),
        Fault::At(Step::Describe, Misdeed::Garbage),
        Fault::At(Step::Setup, Misdeed::Reset),
        Fault::At(Step::Play, Misdeed::HalfThenClose),
    ];
    let kinds = 2 + in_session.len() + in_handshake.len();
    match turn % kinds {
        0 => camera.kill().await,
        1 => camera.stall(),
        turn if turn - 2 < in_session.len() => camera.set_fault(in_session[turn - 2].clone()),
        turn => {
            camera.set_fault(in_handshake[turn - 2 - in_session.len()].clone());
            // It has it from its next connection on.
            camera.revive().await.unwrap();
        }
    }
}

/// For how many ticks a camera fails.
const SHORT: u32 = 2;
const LONG: u32 = 8;
