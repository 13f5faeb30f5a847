//! What relaying costs the gateway: N cameras, each seen by one platform as a program stream over RTP.
//!
//! Farm and gateway are processes of their own, the platform is in this one and only counts, so that the CPU time
//! and the memory of the gateway stand alone. A stream's bits are counted once, where they arrive: the bytes of
//! RTP payload, headers left out. A figure counts only when nothing was lost and the rate is that of the clips.
//!
//! ```text
//! huiju-sim farm ──RTSP──▶ huiju run ──PS over RTP──▶ Platform (here)
//! ```

#![expect(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a bench prints its figures"
)]

mod figures;
mod parameters;
mod parts;
mod usage;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use futures::{StreamExt as _, TryStreamExt as _};
use huiju_sim::platform::{Options, Platform, Session, Settings};
use tokio::time::{Instant, sleep_until};

use crate::figures::{Expected, Figures, Sample, Totals, Whole};
use crate::parameters::Parameters;
use crate::parts::{Farm, Folder, Gateway};
use crate::usage::Usage;

#[tokio::main]
async fn main() -> ExitCode {
    // As every bench does: `cargo test --benches` runs it without this.
    if !std::env::args().any(|argument| argument == "--bench") {
        println!("relay measures under `cargo bench` only");
        return ExitCode::SUCCESS;
    }
    let parameters = match Parameters::from_environment() {
        Ok(parameters) => parameters,
        Err(error) => {
            eprintln!("relay: {error:#}");
            return ExitCode::from(2);
        }
    };
    match Box::pin(run(&parameters)).await {
        Ok(figures) => {
            print!("{figures}");
            let faults = figures.faults();
            for fault in &faults {
                println!("does not count: {fault}");
            }
            ExitCode::from(u8::from(!faults.is_empty()))
        }
        Err(error) => {
            eprintln!("relay: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(parameters: &Parameters) -> anyhow::Result<Figures> {
    let expected = Expected::of(parameters).await?;
    let folder = Folder::make(parameters)?;
    let farm = Farm::start(&folder, parameters).await?;
    let platform = Platform::start(Settings {
        sip: SocketAddr::from((parts::PLATFORM_IP, 5060)),
        password: parts::PASSWORD.to_owned(),
        ..Settings::default()
    })
    .await?;
    let mut gateway = Gateway::start(&folder)?;
    tokio::select! {
        registered = platform.registered(LIMIT) => registered.context("the gateway did not register")?,
        failed = gateway.ended() => return Err(failed),
    }
    let channels = channels(&platform, parameters.cameras).await?;
    let idle = gateway.usage()?;
    let before = gateway.counters().await?;

    let sessions = invite(&platform, &channels, parameters).await?;
    let mut samples = vec![sample(&gateway, &farm, &sessions)?];
    let began = Instant::now();
    for window in 1..=parameters.windows {
        sleep_until(began + window * parameters.window()).await;
        samples.push(sample(&gateway, &farm, &sessions)?);
    }

    let whole = finish(sessions).await?;
    let after = gateway.counters().await?;
    gateway.stop().await?;
    let frames_left_out = farm.stop().await?;
    let violations = platform.violations();
    ensure!(
        violations.is_empty(),
        "the platform complains: {violations:?}"
    );
    Ok(Figures {
        parameters: parameters.clone(),
        expected,
        idle_rss: idle.rss,
        samples,
        whole,
        counters: after.since(&before),
        frames_left_out,
    })
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

/// Invites every channel, and waits until all run and the bursts of their starts are over.
async fn invite(
    platform: &Platform,
    channels: &[String],
    parameters: &Parameters,
) -> anyhow::Result<Vec<Session>> {
    let invitations = channels.iter().map(|channel| async move {
        let session = platform
            .invite(channel, parameters.transport, Options::default())
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
    sleep_until(Instant::now() + SETTLE).await;
    Ok(sessions)
}

fn sample(gateway: &Gateway, farm: &Farm, sessions: &[Session]) -> anyhow::Result<Sample> {
    let mut totals = Totals::default();
    for session in sessions {
        totals.add(&session.stats());
    }
    Ok(Sample {
        at: Instant::now(),
        gateway: gateway.usage()?,
        farm: farm.usage()?,
        platform: Usage::of(std::process::id())?,
        totals,
    })
}

/// Ends all sessions, takes what is still under way, and returns what arrived from first to last.
async fn finish(sessions: Vec<Session>) -> anyhow::Result<Whole> {
    let mut whole = Whole::default();
    futures::future::try_join_all(sessions.iter().map(Session::bye)).await?;
    for session in sessions {
        let recording = session.finish().await?;
        whole.totals.add(&recording.stats);
        whole.violations.extend(recording.violations);
    }
    Ok(whole)
}

/// How long any step of the set-up may take.
const LIMIT: Duration = Duration::from_secs(60);
/// How many cameras are asked for at a time.
const INVITES_AT_ONCE: usize = 16;
/// More than a group of pictures: what the cache gave at the start has left.
const SETTLE: Duration = Duration::from_secs(2);
