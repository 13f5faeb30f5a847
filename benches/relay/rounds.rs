//! Which program runs when: pairs next to each other, and each round in the other order.

use crate::cases::Case;
use crate::measured::{Program, Run};
use crate::report::Report;
use crate::world::World;

/// Measures a case; returns whether every run counts.
pub(crate) async fn measure(
    case: Case,
    seconds: u32,
    rounds: usize,
    report: &mut Report,
) -> anyhow::Result<bool> {
    let mut world = Box::pin(World::start(case, seconds)).await?;
    let mut table = report.begin(&case, world.farm.expected().bits_per_second())?;
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
    Ok(runs.iter().flatten().all(Run::counts))
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
