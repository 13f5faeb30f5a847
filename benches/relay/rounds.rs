//! Which program runs when: pairs next to each other, and each round in the other order.

use crate::cases::Case;
use crate::expected::Expected;
use crate::measured::{Program, Run};
use crate::report::Report;
use crate::world::World;

/// What a case came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// What each camera gave.
    pub(crate) expected: Expected,
    pub(crate) rounds: Vec<Vec<Run>>,
}

impl Outcome {
    /// All runs.
    pub(crate) fn runs(&self) -> impl Iterator<Item = &Run> {
        self.rounds.iter().flatten()
    }

    /// Whether every run counts.
    pub(crate) fn counts(&self) -> bool {
        self.runs().all(Run::counts)
    }
}

/// Measures a case.
pub(crate) async fn measure(
    case: Case,
    seconds: u32,
    rounds: usize,
    report: &mut Report,
) -> anyhow::Result<Outcome> {
    let mut world = Box::pin(World::start(case, seconds)).await?;
    let expected = world.farm.expected().clone();
    let mut table = report.begin(&case, expected.bits_per_second())?;
    let mut runs: Vec<Vec<Run>> = Vec::new();
    for round in 0..rounds {
        let mut done = Vec::new();
        for (program, cameras) in order(&case, round) {
            let run = world.run(program, cameras).await?;
            table.row(round, &run)?;
            done.push(run);
        }
        runs.push(done);
    }
    world.stop().await?;
    table.ratios(&runs)?;
    Ok(Outcome {
        expected,
        rounds: runs,
    })
}

/// What runs in a round, with how many cameras. FFmpeg and GStreamer are compared with a gateway of as many streams.
fn order(case: &Case, round: usize) -> Vec<(Program, usize)> {
    let mut order = vec![
        (Program::Gateway, case.cameras),
        (Program::Floor, case.cameras),
    ];
    if case.peers > 0 {
        if case.peers != case.cameras {
            order.push((Program::Gateway, case.peers));
        }
        order.push((Program::Ffmpeg, case.peers));
        order.push((Program::Gstreamer, case.peers));
    }
    if round % 2 == 1 {
        order.reverse();
    }
    order
}
