//! A farm for load: any number of equal cameras.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};

use super::inventory::{DEPARTMENTS, Entry};
use super::settings::CameraSettings;
use crate::clips::{CLOCK, ClipKind, prepare};

/// Cameras of a block of addresses.
const BLOCK: usize = 250;

/// How many cameras, and what each shows.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// How many cameras there are.
    pub cameras: usize,
    /// The video of each.
    pub video: ClipKind,
    /// The audio of each.
    pub audio: Option<ClipKind>,
}

/// Returns the cameras, on 127.21.*x*.*y*, dealt out to the six departments. The frames of each come on a beat of its
/// own, whoever pulls it.
///
/// # Errors
/// When a clip cannot be made, or there are more cameras than addresses.
pub fn load(cache: &Path, port: u16, load: Load) -> anyhow::Result<Vec<Entry>> {
    ensure!(
        (1..=BLOCK * 256).contains(&load.cameras),
        "there can be 1 to {} cameras",
        BLOCK * 256
    );
    let wanted: Vec<ClipKind> = std::iter::once(load.video).chain(load.audio).collect();
    let clips = prepare(cache, &wanted)?;
    let video = clips.first().context("no clip was made")?;
    let settings = CameraSettings::new(video);
    let settings = match clips.get(1) {
        Some(audio) => settings.audio(audio),
        None => settings,
    };
    let every =
        Duration::from_micros(video.period() * 1_000_000 / CLOCK) / video.units().len() as u32;
    let entry = |n: usize| {
        let department = &DEPARTMENTS[n % DEPARTMENTS.len()];
        let host = Ipv4Addr::new(127, 21, (n / BLOCK) as u8, (1 + n % BLOCK) as u8);
        Entry {
            name: format!("测试相机{:05}", n + 1),
            department,
            source_id: format!("load-{:05}", n + 1),
            address: (IpAddr::V4(host), port).into(),
            place: "株洲市天元区".to_owned(),
            position: (
                113.05 + (n % 100) as f64 * 0.001,
                27.80 + (n / 100) as f64 * 0.001,
            ),
            settings: settings.clone().beat(every, every.mul_f64(scattered(n))),
        }
    };
    Ok((0..load.cameras).map(entry).collect())
}

/// Where a camera is within a frame's time, from 0 to 1. Cameras know nothing of each other, so that no two are in step,
/// however many there are.
fn scattered(n: usize) -> f64 {
    (n as f64 * GOLDEN_RATIO).fract()
}

/// The fractions of its multiples lie far from each other.
const GOLDEN_RATIO: f64 = 1.618_033_988_749_895;
