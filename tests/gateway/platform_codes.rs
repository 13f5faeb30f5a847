//! Cameras under codes that one platform has for them and no other.

use huiju_sim::clips::ClipKind;
use huiju_sim::farm::CameraSettings;
use huiju_sim::platform::{Media, Options};
use serde_json::json;

use crate::world::{World, clip};

const THERE: &str = "43020000001320000777";

/// A camera that the district knows by a code of its own, and the city by the camera's.
async fn world(name: &str) -> World {
    let video = clip(ClipKind::H264Small).await;
    let codes = json!({"catalogue": {"codes": "district-codes.csv"}});
    let builder = World::new(name)
        .camera("东门", CameraSettings::new(&video))
        .columns("东门", &[("gb_code", "43021100111326000042")])
        .camera("西门", CameraSettings::new(&video))
        .platform_with("district", |_| {}, codes)
        .platform("city");
    let mut world = builder.without_gateway().await;
    world.write(
        "district-codes.csv",
        &format!("camera,code\n43021100111326000042,{THERE}\n"),
    );
    world.start_gateway().await;
    world.registered().await;
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_sees_and_plays_a_camera_by_the_code_that_it_has_for_it() {
    let world = world("platform-codes").await;
    assert_eq!(world.channel("district", "东门").await, THERE);
    assert_eq!(world.channel("city", "东门").await, "43021100111326000042");
    let west = world.channel("city", "西门").await;
    assert_eq!(world.channel("district", "西门").await, west);
    drop(world.look("district", "东门").await);
    drop(world.look("city", "东门").await);
    let district = world.platform("district");
    let by_own_code = district
        .invite("43021100111326000042", Media::Udp, Options::default())
        .await;
    let refused = by_own_code.err().map(|error| format!("{error:#}"));
    assert!(
        refused.as_deref().is_some_and(|told| told.contains("404")),
        "{refused:?}"
    );
    assert_eq!(district.violations(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_that_a_reload_changes_are_told_and_wrong_ones_refuse_it() {
    let world = world("platform-codes-reload").await;
    world.write(
        "district-codes.csv",
        "camera,code\nx,1\n43021100111326000042,43020000002160000001\n",
    );
    let (code, said) = world.refused_reload().await;
    assert_eq!(code, 78, "{said}");
    for told in [
        "district-codes.csv:2: camera: `x` is neither an id nor a code of 20 digits",
        "district-codes.csv:3: code: `43020000002160000001` is no camera's",
    ] {
        assert!(said.contains(told), "{said}");
    }
    assert_eq!(
        world.channel("district", "东门").await,
        THERE,
        "nothing has changed"
    );
    world.write("district-codes.csv", "camera,code\n");
    world.reload().await;
    assert_eq!(
        world.channel("district", "东门").await,
        "43021100111326000042"
    );
    drop(world.look("district", "东门").await);
}
