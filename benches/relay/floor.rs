//! A run of the floor: the same cameras, and as many bytes, by a program that does nothing else.

use anyhow::ensure;
use huiju_sim::platform::Media;
use tokio::time::Instant;

use crate::measured::{self, Faults, Program, Received, Run, Steady, number};
use crate::processes::{self, LIMIT, Process};
use crate::receivers::{Kind, Receivers};
use crate::world::World;

/// Starts the floor, lets it relay, and stops it.
pub(crate) async fn run(world: &World, cameras: usize) -> anyhow::Result<Run> {
    let case = &world.case;
    let (kind, over) = match case.transport {
        Media::Udp => (Kind::Bytes, "udp"),
        Media::TcpPassive | Media::TcpActive => (Kind::Tcp, "tcp"),
    };
    let receivers = Receivers::bind(kind, cameras * case.copies).await?;
    let to = format!("{}:{}", Receivers::IP, Receivers::FIRST);
    let gather = world.farm.expected().frame_bytes() / 2;
    let mut command = processes::sim()?;
    command
        .args(["floor", "--to", &to, "--over", over])
        .args(["--copies", &case.copies.to_string()])
        .args(["--gather", &gather.to_string()])
        .args(world.farm.urls(cameras));
    let mut process = Process::start("floor", &mut command)?;
    let ready = process.says("floor ready: ").await?;
    ensure!(
        ready == format!("{cameras} cameras"),
        "the floor has {ready}"
    );
    let began = Instant::now();
    receivers.heard(LIMIT).await?;
    let look = async || {
        let arrived = receivers.arrived();
        let received = Received {
            packets: arrived.packets,
            bytes: arrived.bytes,
            ..Received::default()
        };
        Ok((process.usage()?, received))
    };
    measured::settle().await;
    let steady = Steady::measure(world, look).await?;

    let played = began.elapsed();
    process.stop_well().await?;
    let totals = process.says("floor ended: ").await?;
    let arrived = receivers.finish().await?.bytes;
    let read = number(&totals, "bytes read")?;
    let sent = number(&totals, "bytes sent")?;
    let copies = case.copies as u64;
    let mut faults = Faults::default();
    faults.none_of((read * copies).abs_diff(sent), "bytes read and not sent");
    faults.none_of(sent.abs_diff(arrived), "bytes sent that did not arrive");
    let streams = case.streams(cameras);
    let expected = world.farm.expected();
    if copies > 0 {
        let bits = (steady.received.bytes * 8) as f64 / streams as f64;
        faults.within(
            "bits a stream",
            bits,
            expected.frame_bits(steady.time),
            OVERHEAD,
        );
    } else {
        let bits = (read * 8) as f64 / cameras as f64;
        faults.within("bits a camera", bits, expected.frame_bits(played), OVERHEAD);
    }
    Ok(Run {
        program: Program::Floor,
        streams,
        steady,
        idle_rss: None,
        latency: None,
        faults: faults.0,
    })
}

/// Headers of RTP and RTSP around small frames.
const OVERHEAD: f64 = 0.25;
