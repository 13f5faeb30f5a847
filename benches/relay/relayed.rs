//! A run of the gateway: the platform invites every camera, and counts what comes.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use futures::{StreamExt as _, TryStreamExt as _};
use huiju_sim::platform::{Media, Options, Platform, Session, Stats};
use tokio::time::{Instant, sleep};

use crate::cases::Case;
use crate::gateway::{Counters, Gateway, Setup};
use crate::measured::{self, Faults, Latency, Program, Received, Run, Steady};
use crate::processes::LIMIT;
use crate::world::World;

/// Starts the gateway, lets it relay, and stops it.
pub(crate) async fn run(world: &World, cameras: usize) -> anyhow::Result<Run> {
    let (case, platform) = (&world.case, &world.platform);
    let mut gateway = Gateway::start(&Setup::of(case, cameras)?)?;
    tokio::select! {
        registered = platform.registered(LIMIT) => registered.context("the gateway did not register")?,
        failed = gateway.ended() => return Err(failed),
    }
    let idle = gateway.usage()?;
    let before = gateway.counters().await?;
    let sessions = if case.copies == 0 {
        pulled(&gateway, cameras).await?;
        Vec::new()
    } else {
        invite(platform, &channels(platform, cameras).await?, case).await?
    };
    let look = async || {
        let received = match case.copies {
            0 => pulled_so_far(&gateway.counters().await?),
            _ => received(sessions.iter().map(Session::stats)),
        };
        Ok((gateway.usage()?, received))
    };
    measured::settle().await;
    let taken_before = gateway.forwarded().await?;
    let steady = Steady::measure(world, look).await?;
    let taken = gateway.forwarded().await?.since(&taken_before)?;

    let whole = finish(sessions).await?;
    let after = gateway.counters().await?;
    gateway.stop().await?;
    platform.unregistered(LIMIT).await?;
    let violations = platform.violations();
    ensure!(
        violations.is_empty(),
        "the platform complains: {violations:?}"
    );
    Ok(Run {
        program: Program::Gateway,
        streams: case.streams(cameras),
        steady,
        idle_rss: (case.copies > 0).then_some(idle.rss),
        latency: Latency::of(&taken),
        faults: faults(world, cameras, &steady, &whole, (&before, &after)),
    })
}

/// Waits until all cameras are pulled, which nobody asks for.
async fn pulled(gateway: &Gateway, cameras: usize) -> anyhow::Result<()> {
    let began = Instant::now();
    loop {
        let connected = gateway.counters().await?.connected;
        if connected >= cameras as u64 {
            return Ok(());
        }
        ensure!(
            began.elapsed() < LIMIT,
            "{connected} of {cameras} cameras are pulled"
        );
        sleep(PULLED_INTERVAL).await;
    }
}

fn pulled_so_far(counters: &Counters) -> Received {
    Received {
        bytes: counters.source_bytes,
        ..Received::default()
    }
}

/// The channels of the cameras in the catalogue.
async fn channels(platform: &Platform, cameras: usize) -> anyhow::Result<Vec<String>> {
    let items = platform.catalogue(LIMIT).await.context("catalogue")?;
    let channels: Vec<String> = items
        .into_iter()
        .filter(|item| item.kind() == "132")
        .map(|item| item.id)
        .collect();
    ensure!(
        channels.len() == cameras,
        "{} of {cameras} cameras are in the catalogue",
        channels.len()
    );
    Ok(channels)
}

/// Invites every channel as often as it is looked at, and waits until all run.
async fn invite(
    platform: &Platform,
    channels: &[String],
    case: &Case,
) -> anyhow::Result<Vec<Session>> {
    let wanted = channels
        .iter()
        .flat_map(|channel| std::iter::repeat_n(channel, case.copies));
    let invitations = wanted.map(|channel| async move {
        let session = platform
            .invite(channel, case.transport, Options::default())
            .await;
        session.with_context(|| format!("INVITE of {channel}"))
    });
    let sessions: Vec<Session> = futures::stream::iter(invitations)
        .buffer_unordered(INVITES_AT_ONCE)
        .try_collect()
        .await?;
    for session in &sessions {
        session.wait_for(|stats| stats.frames > 0, LIMIT).await?;
    }
    Ok(sessions)
}

fn received(sessions: impl Iterator<Item = Stats>) -> Received {
    sessions.fold(Received::default(), |sum, stats| Received {
        packets: sum.packets + stats.packets,
        bytes: sum.bytes + stats.bytes - RTP_HEADER_BYTES * stats.packets,
        frames: sum.frames + stats.frames,
        lost: sum.lost + stats.lost,
    })
}

/// What arrived from the first INVITE to the last BYE.
#[derive(Debug, Default)]
struct Whole {
    packets: u64,
    bytes: u64,
    lost: u64,
    reordered: u64,
    violations: u64,
    violation: Option<String>,
}

/// Ends all sessions, takes what is still under way, and returns what arrived from first to last.
async fn finish(sessions: Vec<Session>) -> anyhow::Result<Whole> {
    let mut whole = Whole::default();
    // Unlike a platform, ours says each BYE once: so many at once that none is dropped.
    let goodbyes = futures::stream::iter(&sessions).map(Session::bye);
    let goodbyes = goodbyes.buffer_unordered(GOODBYES);
    goodbyes.try_collect::<Vec<_>>().await?;
    for session in sessions {
        let recording = session.finish().await?;
        whole.packets += recording.stats.packets;
        whole.bytes += recording.stats.bytes;
        whole.lost += recording.stats.lost;
        whole.reordered += recording.stats.reordered;
        whole.violations += recording.stats.violations;
        whole.violation = whole
            .violation
            .or_else(|| recording.violations.into_iter().next());
    }
    Ok(whole)
}

fn faults(
    world: &World,
    cameras: usize,
    steady: &Steady,
    whole: &Whole,
    (before, after): (&Counters, &Counters),
) -> Vec<String> {
    let mut faults = Faults::default();
    faults.none_of(whole.lost, "packets lost on the way");
    faults.none_of(whole.reordered, "packets late or twice");
    let prefixes = match world.case.transport {
        Media::Udp => 0,
        Media::TcpPassive | Media::TcpActive => LENGTH_BYTES * whole.packets,
    };
    // A frame that a BYE cut off may have arrived without being counted.
    let sent = after.bytes_sent - before.bytes_sent;
    let missing = sent.saturating_sub(whole.bytes + prefixes);
    faults.none_of(missing, "bytes sent that did not arrive");
    faults.none_of(
        after.frames_dropped - before.frames_dropped,
        "frames dropped by the gateway",
    );
    faults.none_of(
        after.source_packets_lost - before.source_packets_lost,
        "packets of cameras missing at the gateway",
    );
    faults.none_of(whole.violations, "rules of RTP broken");
    faults.0.extend(whole.violation.clone());

    let expected = world.farm.expected();
    let (received, time) = (&steady.received, steady.time);
    let a_stream = |sum: u64| sum as f64 / world.case.streams(cameras) as f64;
    let bits = a_stream(received.bytes * 8);
    if world.case.copies == 0 {
        faults.within("bits a camera", bits, expected.frame_bits(time), OVERHEAD);
    } else {
        let frames = a_stream(received.frames);
        faults.within("frames a session", frames, expected.frames(time), 0.0);
        faults.within("bits a session", bits, expected.pack_bits(time), OVERHEAD);
    }
    faults.0
}

const RTP_HEADER_BYTES: u64 = 12;
/// RFC 4571: before each packet on TCP.
const LENGTH_BYTES: u64 = 2;
/// How many cameras are asked for at a time.
const INVITES_AT_ONCE: usize = 16;
const PULLED_INTERVAL: Duration = Duration::from_millis(200);
/// System headers, stream maps and further PES headers of large frames; fragments' headers of RTP from cameras.
const OVERHEAD: f64 = 0.02;

const GOODBYES: usize = 100;
