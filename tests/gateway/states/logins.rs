//! Passwords that cameras refuse: three tries in a quarter of an hour, whoever shares them.

use std::net::SocketAddr;
use std::time::Duration;

use huiju_sim::clips::ClipKind;
use huiju_sim::farm::{CameraSettings, Challenge, Fault, Group, Misdeed, Nvr, NvrHandle, Step};
use huiju_sim::platform::{Media, Options};
use serde_json::{Value, json};
use tokio::time::{Instant, interval, timeout};

use crate::observe::Cameras;
use crate::world::{SOON, World, clip};

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_tried_three_times_by_all_that_share_it_and_never_again_before_its_time()
 {
    let (mut world, recorder) = channels("wrong-password", RIGHT).await;
    world.write("viewer.pw", "a-wrong-one");
    world.start_gateway().await;
    world.registered().await;
    all_are_locked(&world).await;
    assert_eq!(refusals(&recorder), 3);

    // Neither a kill, nor a stop, nor whoever asks brings a fourth.
    world.kill().await;
    world.start_gateway().await;
    all_are_locked(&world).await;
    assert_eq!(world.stop().await, Some(0));
    world.platform("district").forget_registration();
    world.start_gateway().await;
    world.registered().await;
    all_are_locked(&world).await;
    for name in NAMES {
        let asked_at = Instant::now();
        assert_eq!(world.order("probe", name).await, "offline/auth_locked");
        let took = asked_at.elapsed();
        assert!(took < Duration::from_secs(5), "an answer after {took:?}");
        let channel = world.channel("district", name).await;
        let platform = world.platform("district");
        let invited = platform
            .invite(&channel, Media::Udp, Options::default())
            .await;
        assert_eq!(invited.unwrap_err().code(), Some(480));
    }
    world.reload_whatever_goes().await;
    all_are_locked(&world).await;
    assert_eq!(refusals(&recorder), 3);

    // The secret alone has changed, and all are tried at once.
    world.write("viewer.pw", RIGHT);
    world.reload_whatever_goes().await;
    world
        .cameras_are(SOON, |cameras| cameras.count("online") == NAMES.len())
        .await;
    assert_eq!(refusals(&recorder), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_is_changed_under_a_session_is_tried_once_more_when_that_ends() {
    let video = clip(ClipKind::H264Small).await;
    let settings = CameraSettings::new(&video)
        .digest("viewer", RIGHT)
        .session_timeout(Duration::from_secs(2));
    let mut world = World::new("changed-password")
        .camera("东门", settings)
        .columns("东门", &[("credential", "viewer")])
        .platform("district")
        .department("education", json!({"credentials": {"viewer": {"username": "viewer", "password": {"file": "viewer.pw"}}}}))
        .without_gateway()
        .await;
    world.write("viewer.pw", RIGHT);
    world.start_gateway().await;
    world.registered().await;
    let channel = world.channel("district", "东门").await;
    let platform = world.platform("district");
    let session = platform.invite(&channel, Media::Udp, Options::default());
    let session = session.await.unwrap();
    let camera = world.camera("东门");
    camera
        .wait_for(|stats| stats.keepalives >= 2, SOON)
        .await
        .unwrap();
    camera.set_fault(Fault::At(
        Step::Every,
        Misdeed::Unauthorized(Challenge::Digest),
    ));
    let refused = |count| camera.wait_for(move |stats| stats.wrong_passwords >= count, SOON);
    refused(2).await.unwrap();

    // The camera ends the session, and the third refusal locks the account.
    world.is_in("东门", "offline/auth_locked").await;
    assert_eq!(camera.stats().wrong_passwords, 3);
    drop(session.finish().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn tries_before_a_kill_count_after_it() {
    let (mut world, recorder) = channels("wrong-and-killed", RIGHT).await;
    // One camera alone, so that its tries come one after another.
    world.keep_rows(1);
    world.write("viewer.pw", "a-wrong-one");
    world.start_gateway().await;
    world.is_in(NAMES[0], "offline/auth_failed").await;
    for _ in 0..2 {
        // Asked behind what is being written.
        world.history(NAMES[0]).await;
        world.kill().await;
        world.start_gateway().await;
        let is_told = |cameras: &Cameras| cameras.state(NAMES[0]).starts_with("offline/auth");
        world.cameras_are(SOON, is_told).await;
    }
    world.is_in(NAMES[0], "offline/auth_locked").await;
    assert_eq!(refusals(&recorder), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_wrong_password_is_tried_once_and_the_lock_is_told() {
    let (mut world, recorder) = channels("two-wrong-ones", RIGHT).await;
    world.write("viewer.pw", "a-wrong-one");
    world.start_gateway().await;
    all_are_locked(&world).await;
    world.write("viewer.pw", "another-wrong-one");
    world.reload_whatever_goes().await;
    wait_until(|| refusals(&recorder) == 4).await;
    all_are_locked(&world).await;
    assert_eq!(refusals(&recorder), 4);
    let evidence: Value = serde_json::from_str(&world.evidence(NAMES[0]).await).unwrap();
    assert_eq!(evidence["cause"], "auth_locked");
}

/// A recorder with six channels and one account, and a world whose department has a password for it.
async fn channels(name: &str, password: &str) -> (World, NvrHandle) {
    let video = clip(ClipKind::H264Small).await;
    let channel = |number: usize| {
        let settings = CameraSettings::new(&video).digest("viewer", password);
        settings.path(&format!("/channel/{number}"))
    };
    let mut world = World::new(name).platform("district");
    let address: SocketAddr = format!("{}.200:8554", world.net()).parse().unwrap();
    let cameras = (0..NAMES.len()).map(channel).collect();
    let recorder = Nvr::start(address, &Group::new(), cameras).unwrap();
    for (camera, name) in recorder.cameras().iter().zip(NAMES) {
        world = world.row("education", name, &camera.url());
        world = world.columns(name, &[("credential", "nvr"), ("pull", "always")]);
    }
    let login = json!({"username": "viewer", "password": {"file": "viewer.pw"}});
    let world = world.department("education", json!({"credentials": {"nvr": login}}));
    (world.without_gateway().await, recorder)
}

async fn all_are_locked(world: &World) {
    let are_locked = |cameras: &Cameras| cameras.counts().keys().eq(["offline/auth_locked"]);
    world.cameras_are(SOON, are_locked).await;
}

/// How often a wrong password came, over all channels.
fn refusals(recorder: &NvrHandle) -> u64 {
    let cameras = recorder.cameras().iter();
    cameras.map(|camera| camera.stats().wrong_passwords).sum()
}

async fn wait_until(is_so: impl Fn() -> bool) {
    let mut tick = interval(Duration::from_millis(50));
    let wait = async {
        while !is_so() {
            tick.tick().await;
        }
    };
    timeout(SOON, wait).await.expect("it becomes so");
}

const NAMES: [&str; 6] = ["一", "二", "三", "四", "五", "六"];
const RIGHT: &str = "the-right-one";
