//! When cameras that are away are tried again.

use std::net::SocketAddr;
use std::time::Duration;

use futures::future::join_all;
use huiju_sim::clips::ClipKind;
use huiju_sim::farm::{Camera, CameraHandle, CameraSettings, Fault, Misdeed, Step};
use serde_json::json;

use crate::world::{SOON, World, clip};

#[tokio::test(flavor = "multi_thread")]
async fn waits_between_tries_are_drawn_from_all_of_a_window_that_doubles() {
    let (world, names) = dead(World::new("jitter"), 200).await;
    let world = world.start().await;
    for name in &names {
        let tried = world
            .camera(name)
            .wait_for(|stats| stats.connections_total >= 5, SOON);
        tried.await.unwrap();
    }
    // A camera that failed is left alone for a second, which cuts the windows off below.
    for (number, window) in [(2, 4.0), (3, 8.0)] {
        let wait = |name: &String| {
            let times = world.camera(name).connection_times();
            (times[number + 1] - times[number]).as_secs_f64()
        };
        let waits: Vec<f64> = names.iter().map(wait).collect();
        let distance = distance_from_uniform(&waits, CUT, window);
        assert!(
            distance < limit(waits.len()),
            "wait {number}: {distance}: {waits:?}"
        );
    }
}

#[test]
fn waits_without_jitter_or_with_half_of_it_are_told_from_those_with_all_of_it() {
    let even = |from: f64, to: f64| -> Vec<f64> {
        (0..200)
            .map(|n| from + (to - from) * f64::from(n) / 200.0)
            .collect()
    };
    let cut =
        |waits: Vec<f64>| -> Vec<f64> { waits.into_iter().map(|wait| wait.max(1.0)).collect() };
    for window in [4.0, 8.0] {
        let distance = |waits| distance_from_uniform(&cut(waits), CUT, window);
        assert!(distance(even(0.0, window)) < limit(200) / 4.0);
        assert!(distance(even(window / 2.0, window)) > limit(200));
        assert!(distance(vec![window; 200]) > limit(200));
        assert!(distance(even(0.0, 2.0 * window)) > limit(200));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_of_a_subnet_to_return_wakes_the_others_and_nobody_else() {
    let (world, names) = dead(World::new("wake-up"), 30).await;
    let elsewhere = elsewhere(&world).await;
    let world = world.row("education", "远处", &elsewhere.url());
    let world = world.columns("远处", &[("pull", "always")]).start().await;
    for name in &names {
        let tried = world
            .camera(name)
            .wait_for(|stats| stats.connections_total >= 5, SOON);
        tried.await.unwrap();
    }
    elsewhere
        .wait_for(|stats| stats.connections_total >= 5, SOON)
        .await
        .unwrap();
    let before = elsewhere.stats().connections_total;
    for name in &names {
        world.camera(name).clear_faults();
    }
    // An operator looks whether the first one is there; the others would wait for up to 16 s.
    assert_eq!(world.order("probe", &names[0]).await, "online");
    let soon = Duration::from_secs(8);
    world
        .cameras_are(soon, |cameras| cameras.count("online") == names.len())
        .await;
    let after = elsewhere.stats().connections_total;
    assert!(after <= before + 1, "the camera elsewhere was woken");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_that_fails_while_its_neighbours_return_is_woken_too() {
    let (world, names) = dead(World::new("wake-late"), 12).await;
    let world = world.start().await;
    for name in &names {
        let camera = world.camera(name);
        let tried = camera.wait_for(|stats| stats.connections_total >= 5, SOON);
        tried.await.unwrap();
    }
    let (first, others) = names.split_first().unwrap();
    let others: Vec<_> = others.iter().map(|name| world.camera(name)).collect();
    for camera in &others {
        camera.set_fault(Fault::At(Step::Accept, Misdeed::Silence));
    }
    let asked = join_all(names[1..].iter().map(|name| world.order("probe", name)));
    let return_meanwhile = async {
        for camera in &others {
            camera
                .wait_for(|stats| stats.handshakes == 1, SOON)
                .await
                .unwrap();
        }
        world.camera(first).clear_faults();
        assert_eq!(world.order("probe", first).await, "online");
        // Their tries come to nothing after that.
        for camera in &others {
            camera.clear_faults();
            camera.kill().await;
            camera.revive().await.unwrap();
        }
    };
    tokio::join!(asked, return_meanwhile);
    let soon = Duration::from_secs(6);
    world
        .cameras_are(soon, |cameras| cameras.count("online") == names.len())
        .await;
}

/// Cameras that accept connections and close them.
async fn dead(
    mut world: crate::world::WorldBuilder,
    count: usize,
) -> (crate::world::WorldBuilder, Vec<String>) {
    let settings = closing().await;
    let names: Vec<String> = (1..=count).map(|number| format!("第{number}号")).collect();
    for name in &names {
        world = world
            .camera(name, settings.clone())
            .columns(name, &[("pull", "always")]);
    }
    let limits = json!({"limits": {"connects_per_second": 250}});
    (
        world.platform("district").department("education", limits),
        names,
    )
}

async fn closing() -> CameraSettings {
    let video = clip(ClipKind::H264Small).await;
    CameraSettings::new(&video).fault(Fault::At(Step::Accept, Misdeed::Close))
}

/// A camera of another subnet.
async fn elsewhere(world: &crate::world::WorldBuilder) -> CameraHandle {
    let net = world.net().replace("127.40.", "127.43.");
    let address: SocketAddr = format!("{net}.1:8554").parse().unwrap();
    Camera::start(address, closing().await).await.unwrap()
}

/// How far the distribution of `waits` is from the uniform one over 0 … `window`, where it is looked at above
/// `from` (Kolmogorov and Smirnov).
fn distance_from_uniform(waits: &[f64], from: f64, window: f64) -> f64 {
    let mut waits = waits.to_vec();
    waits.sort_by(f64::total_cmp);
    let count = waits.len() as f64;
    let at = |(place, wait): (usize, &f64)| {
        let expected = (wait / window).min(1.0);
        let below = (place as f64 / count - expected).abs();
        below.max(((place + 1) as f64 / count - expected).abs())
    };
    let above = waits.iter().enumerate().filter(|(_, wait)| **wait > from);
    let cut = waits.iter().filter(|wait| **wait <= from).count() as f64 / count;
    let farthest = above.map(at).fold(0.0, f64::max);
    farthest.max((cut - from / window).abs())
}

/// The distance that one sample in a thousand million exceeds by chance, and what a busy machine adds.
fn limit(count: usize) -> f64 {
    let by_chance = (-(1e-9_f64 / 2.0).ln() / 2.0 / count as f64).sqrt();
    by_chance + 0.1
}

/// In seconds; a busy machine makes a second longer.
const CUT: f64 = 1.6;
