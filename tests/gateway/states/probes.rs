//! Cameras that nobody looks at, and cameras that nobody may look at.

use std::time::Duration;

use huiju_sim::clips::ClipKind;
use huiju_sim::farm::CameraSettings;
use huiju_sim::platform::{Media, Options};
use serde_json::json;
use tokio::time::Instant;

use super::are_within_rate;
use crate::world::{SOON, World, WorldBuilder, clip};

#[tokio::test(flavor = "multi_thread")]
async fn idle_cameras_are_probed_once_a_period_on_a_fifth_of_the_departments_rate() {
    let video = clip(ClipKind::H264Small).await;
    let mut world = World::new("probed").platform("district");
    let many: Vec<String> = (1..=60).map(|number| format!("校{number}")).collect();
    let few: Vec<String> = (1..=5).map(|number| format!("院{number}")).collect();
    for name in &many {
        world = world.camera(name, CameraSettings::new(&video));
    }
    for name in &few {
        world = world.camera_of("health", name, CameraSettings::new(&video));
    }
    let probed = |interval: &str| json!({"probe": {"interval": interval}, "limits": {"connects_per_second": 50}});
    let world = world
        .department("education", probed("2s"))
        .department("health", probed("4s"))
        .start()
        .await;
    for name in many.iter().chain(&few) {
        let is_seen = world
            .camera(name)
            .wait_for(|stats| stats.connections_total >= 4, SOON);
        is_seen.await.unwrap();
    }
    // Sixty at ten a second take six seconds, which is more than the two that are wished for.
    keep_period(&world, &many, Duration::from_secs(6));
    keep_period(&world, &few, Duration::from_secs(4));
    let all = many
        .iter()
        .flat_map(|name| world.camera(name).connection_times());
    assert!(are_within_rate(all.collect(), 10));
    let cameras = world.cameras().await;
    assert_eq!(cameras.count("online"), 65);
    let lag = world.metric("huiju_probe_lag_seconds").await;
    assert!(lag < 2.0, "{lag}");
    for name in many.iter().chain(&few) {
        let stats = world.camera(name).stats();
        assert!(
            stats.playing <= 1 && stats.sessions_abandoned == 0,
            "{name}: {stats:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_that_is_looked_at_is_not_probed() {
    let video = clip(ClipKind::H264Small).await;
    let world = World::new("looked-at")
        .camera("常拉", CameraSettings::new(&video))
        .camera("闲置", CameraSettings::new(&video))
        .columns("常拉", &[("pull", "always")])
        .platform("district")
        .departments(json!({"probe": {"interval": "1s"}}))
        .start()
        .await;
    let idle = world.camera("闲置");
    idle.wait_for(|stats| stats.connections_total >= 4, SOON)
        .await
        .unwrap();
    assert_eq!(world.camera("常拉").stats().connections_total, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn cameras_out_of_service_are_never_connected_to() {
    let video = clip(ClipKind::H264Small).await;
    let mut world = out_of_service(World::new("out-of-service"), &video)
        .without_gateway()
        .await;
    world.start_gateway().await;
    world.registered().await;
    world.is_in("维护", "online").await;
    assert_eq!(world.order("disable", "维护").await, "disabled/maintenance");
    let maintained = world.camera("维护");
    maintained
        .wait_for(|stats| stats.connections == 0, SOON)
        .await
        .unwrap();
    let before = maintained.stats().connections_total;

    for life in 1..=2 {
        let states = [
            ("停用", "disabled"),
            ("宿舍", "disabled/not_allowed"),
            ("维护", "disabled/maintenance"),
        ];
        for (name, state) in states {
            assert_eq!(world.order("probe", name).await, state);
            let cameras = world.cameras().await;
            let code = cameras.of(name)["gb_code"].as_str().unwrap();
            let platform = world.platform("district");
            let invited = platform.invite(code, Media::Udp, Options::default()).await;
            assert!(invited.is_err(), "{name}");
        }
        // The others are probed meanwhile.
        let sound = world.camera("正常");
        let probes = sound.stats().connections_total;
        sound
            .wait_for(|stats| stats.connections_total >= probes + 2, SOON)
            .await
            .unwrap();
        for name in ["停用", "宿舍"] {
            assert_eq!(world.camera(name).stats().connections_total, 0, "{name}");
        }
        assert_eq!(world.camera("维护").stats().connections_total, before);
        if life == 1 {
            world.kill().await;
            world.platform("district").forget_registration();
            world.start_gateway().await;
            world.registered().await;
        }
    }
    assert_eq!(
        world.history("维护").await.last().unwrap().state,
        "disabled/maintenance"
    );
    world.order("enable", "维护").await;
    world.is_in("维护", "online").await;
}

fn out_of_service(
    world: WorldBuilder,
    video: &std::sync::Arc<huiju_sim::clips::Clip>,
) -> WorldBuilder {
    let mut world = world.platform("district");
    let rows = [
        ("停用", ("disabled", "true")),
        ("宿舍", ("place_type", "宿舍")),
        ("维护", ("disabled", "false")),
    ];
    for (name, column) in rows {
        world = world.camera(name, CameraSettings::new(video));
        world = world.columns(name, &[("pull", "always"), column]);
    }
    let world = world.camera("正常", CameraSettings::new(video));
    world.departments(json!({"probe": {"interval": "1s"}}))
}

/// Each camera was probed once in that time, and not seldom.
fn keep_period(world: &World, names: &[String], period: Duration) {
    for name in names {
        let times: Vec<Instant> = world.camera(name).connection_times();
        // At first all of them wait for their turn.
        for pair in times[1..].windows(2) {
            let apart = pair[1] - pair[0];
            assert!(
                apart >= period - Duration::from_millis(300),
                "{name}: {apart:?}"
            );
            assert!(
                apart <= period + Duration::from_secs(3),
                "{name}: {apart:?}"
            );
        }
    }
}
