//! Readers that cannot keep up, beside many that can.

use std::collections::HashMap;
use std::time::Duration;

use huiju_sim::clips::{Clip, ClipKind};
use huiju_sim::farm::CameraSettings;
use huiju_sim::platform::{Keep, Media, Options, Recording, Session};
use sha2::{Digest as _, Sha256};

use crate::world::{SOON, World, clip};

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_at_10_kbit_drops_to_key_frames_and_fifty_others_get_every_byte() {
    let video = clip(ClipKind::H264Load2m).await;
    let world = World::new("slow-reader")
        .camera("路口", CameraSettings::new(&video))
        .platform("district")
        .start()
        .await;
    let channel = world.channel("district", "路口").await;
    let slow = invite(&world, &channel, Media::TcpPassive).await;
    slow.read_slowly(TEN_KBIT);
    let mut others = Vec::new();
    for number in 0..50 {
        let media = [Media::Udp, Media::TcpPassive, Media::TcpActive][number % 3];
        others.push(invite(&world, &channel, media).await);
    }

    for other in &others {
        let stats = other.wait_for(|stats| stats.frames >= FRAMES, LONG).await;
        stats.unwrap();
    }
    let read = slow.stats().bytes;
    assert!(read < 200_000, "the slow reader was not slow: {read} bytes");
    assert_eq!(world.camera("路口").stats().sessions_total, 1, "one pull");

    // What lay in the sockets on its way is read now; behind it the gateway has jumped.
    slow.read_fully();
    world.logged("the platform reads too slowly").await;
    let jumped = slow.stats().key_frames;
    slow.wait_for(|stats| stats.key_frames >= jumped + 3, SOON)
        .await
        .unwrap();
    let series = "huiju_bus_frames_dropped_total{sink=\"gb28181\"}";
    assert!(world.metric(series).await >= 1.0);

    for other in others {
        other.bye().await.unwrap();
        is_whole(&other.finish().await.unwrap(), &video);
    }
    slow.bye().await.unwrap();
    jumps_to_key_frames(&slow.finish().await.unwrap(), &video);
    assert!(world.platform("district").violations().is_empty());
}

async fn invite(world: &World, channel: &str, media: Media) -> Session {
    let options = Options {
        keep: Keep::Hash,
        ..Options::default()
    };
    let invited = world.platform("district").invite(channel, media, options);
    invited.await.unwrap()
}

/// Every access unit of the clip in its order from a key frame on, bit for bit, and nothing else.
fn is_whole(recording: &Recording, video: &Clip) {
    is_unbroken(recording, video);
    assert!(recording.units.len() as u64 >= FRAMES);
}

/// Every access unit in its order from the first to the last, bit for bit.
pub(crate) fn is_unbroken(recording: &Recording, video: &Clip) {
    lost_nothing(recording);
    let count = video.units().len();
    for (number, pair) in places(recording, video).windows(2).enumerate() {
        assert_eq!(pair[1], (pair[0] + 1) % count, "after unit {number}");
    }
}

/// What it got is of the clip bit for bit; wherever frames are missing it goes on with a key frame.
#[track_caller]
pub(crate) fn goes_on_at_key_frames(recording: &Recording, video: &Clip) {
    lost_nothing(recording);
    let count = video.units().len();
    for (number, pair) in places(recording, video).windows(2).enumerate() {
        let unit = &recording.units[number + 1];
        let is_next = pair[1] == (pair[0] + 1) % count;
        assert!(is_next || unit.is_key, "unit {}: {unit:?}", number + 1);
    }
}

/// The receiver holds SSRC, sequence, SCR and DTS against the rules over the whole session.
#[track_caller]
pub(crate) fn lost_nothing(recording: &Recording) {
    assert_eq!(recording.violations, Vec::<String>::new());
    assert_eq!((recording.stats.lost, recording.stats.reordered), (0, 0));
}

/// What it got is of the clip bit for bit; wherever frames are missing it goes on with a key frame.
fn jumps_to_key_frames(recording: &Recording, video: &Clip) {
    lost_nothing(recording);
    let places = places(recording, video);
    let mut jumps = 0;
    for (number, pair) in recording.units.windows(2).enumerate() {
        let elapsed = pair[1].dts - pair[0].dts;
        let is_next = places[number + 1] == (places[number] + 1) % video.units().len();
        if !(FRAME_TICKS - 90..=FRAME_TICKS + 90).contains(&elapsed) || !is_next {
            assert!(pair[1].is_key, "after {elapsed} ticks an ordinary frame");
            jumps += 1;
        }
    }
    assert!(jumps >= 1, "no jump in {} units", recording.units.len());
}

/// Where in the clip each received unit is.
pub(crate) fn places(recording: &Recording, video: &Clip) -> Vec<usize> {
    let known: HashMap<[u8; 32], usize> = video
        .units()
        .iter()
        .enumerate()
        .map(|(place, unit)| {
            let mut hash = Sha256::new();
            for nal in &unit.nals {
                hash.update([0, 0, 0, 1]);
                hash.update(nal);
            }
            (hash.finalize().into(), place)
        })
        .collect();
    assert_eq!(known.len(), video.units().len(), "units differ");
    let place = |unit: &huiju_sim::platform::Unit| *known.get(&unit.sha256).expect("of the clip");
    recording.units.iter().map(place).collect()
}

/// 10 kbit/s.
const TEN_KBIT: u32 = 1250;
/// At 2 Mbit/s the sockets hold some 16 s, and the gateway lets a reader lag by some 16 s more.
const FRAMES: u64 = 1100;
const FRAME_TICKS: u64 = 3600;
const LONG: Duration = Duration::from_secs(180);
