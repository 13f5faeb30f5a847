//! What a night on call brings: kills at any moment, clocks that are set.

use std::collections::BTreeMap;

use huiju_sim::clips::ClipKind;
use huiju_sim::farm::CameraSettings;
use huiju_sim::platform::{Keep, Media, Options};
use serde_json::{Value, json};

use crate::readers::lost_nothing;
use crate::world::{SOON, World, clip};

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_kills_at_any_moment_change_no_id_no_code_and_no_state() {
    let video = clip(ClipKind::H264Small).await;
    let soon = json!({"keepalive": {"interval": "5s"}});
    let mut world = World::new("kills")
        .camera("东门", CameraSettings::new(&video))
        .camera_of(
            "health",
            "门诊",
            CameraSettings::new(&video).digest("viewer", "right-one"),
        )
        .row("park", "北门", "rtsp://127.50.0.9:8554/dead")
        .platform_with("district", |_| {}, soon)
        .departments(json!({"pull": "always"}))
        .start()
        .await;
    let before = settled(&world).await;
    world.kill().await;
    for moment in moments().take(100) {
        world.launch();
        world.logged_lines(moment).await;
        world.kill().await;
    }
    world.start_gateway().await;
    assert_eq!(settled(&world).await, before);
    world.registered().await;
    let folder = world.folder.join("data").join("huiju.db");
    let store = rusqlite::Connection::open(folder).unwrap();
    let check: String = store
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(check, "ok");
    let open: i64 = store
        .query_row(
            "SELECT count(*) FROM intervals WHERE ended IS NULL",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert!(open <= 3, "{open} intervals are open for three cameras");
    let backwards: i64 = store
        .query_row(
            "SELECT count(*) FROM intervals WHERE ended < began",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(backwards, 0);
    assert_eq!(
        world.platform("district").violations(),
        Vec::<String>::new()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_set_by_an_hour_disturbs_no_session() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let clock = folder.join(format!("clock-of-{}", std::process::id()));
    std::fs::write(&clock, "+0\n").unwrap();
    let library = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";
    assert!(
        std::path::Path::new(library).exists(),
        "faketime is not installed"
    );
    let world = with_clock(&clock, library).await;
    let channel = world.channel("district", "东门").await;
    let options = Options {
        keep: Keep::Hash,
        ..Options::default()
    };
    let session = world
        .platform("district")
        .invite(&channel, Media::Udp, options)
        .await
        .unwrap();
    let mut frames = 25;
    for (step, year) in [("+3600", "forward"), ("-3600", "back"), ("+0", "home")] {
        session
            .wait_for(|stats| stats.frames >= frames, SOON)
            .await
            .unwrap();
        std::fs::write(&clock, format!("{step}\n")).unwrap();
        let before = world.log().len();
        let told = world
            .admin("/api/v1/cameras", |page| {
                page["items"][0]["state"] == "online"
            })
            .await;
        assert_eq!(
            told["items"][0]["cause"],
            "none",
            "{year}: {}",
            &world.log()[before..]
        );
        frames += 75;
    }
    session
        .wait_for(|stats| stats.frames >= frames, SOON)
        .await
        .unwrap();
    session.bye().await.unwrap();
    let recording = session.finish().await.unwrap();
    lost_nothing(&recording);
    assert_eq!(
        world.camera("东门").stats().sessions_total,
        1,
        "it was never asked again"
    );
    assert_eq!(
        world.platform("district").violations(),
        Vec::<String>::new()
    );
    let log = world.log();
    assert!(
        !log.contains("stream is down") && !log.contains("platform lost"),
        "{log}"
    );
}

/// A world whose gateway has the clock that stands in a file; monotonic time goes on as it is.
async fn with_clock(clock: &std::path::Path, library: &str) -> World {
    let video = clip(ClipKind::H264Small).await;
    let soon = json!({"keepalive": {"interval": "5s"}, "register": {"expires": "60s"}});
    World::new("clock")
        .camera("东门", CameraSettings::new(&video))
        .platform_with("district", |_| {}, soon)
        .environment("LD_PRELOAD", library)
        .environment("FAKETIME_TIMESTAMP_FILE", clock.to_str().unwrap())
        .environment("FAKETIME_NO_CACHE", "1")
        .environment("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .start()
        .await
}

/// Ids, codes, states and causes by name, once all cameras have a verdict.
async fn settled(world: &World) -> BTreeMap<String, [String; 4]> {
    let is_settled =
        |camera: &Value| !["unknown", "connecting"].contains(&camera["state"].as_str().unwrap());
    let page = world
        .admin("/api/v1/cameras", |page| {
            page["items"]
                .as_array()
                .is_some_and(|items| items.iter().all(is_settled))
        })
        .await;
    let text = |camera: &Value, name: &str| camera[name].as_str().unwrap().to_owned();
    let cameras = page["items"].as_array().unwrap().iter();
    cameras
        .map(|camera| {
            let fields = ["id", "gb_code", "state", "cause"].map(|name| text(camera, name));
            (text(camera, "name"), fields)
        })
        .collect()
}

/// After how many lines of its log the gateway is killed: any from none to the quiet that follows its
/// start, the same in every run.
fn moments() -> impl Iterator<Item = usize> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % 7).unwrap()
    })
}
