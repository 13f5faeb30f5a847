//! Many cameras behind one listener, groups of cameras, and cameras that come and go.

use tokio::net::TcpStream;

use super::super::{Fault, Group, GroupStats, Nvr, NvrHandle};
use super::client::Client;
use super::*;

fn nvr(cameras: usize, group: &Group) -> NvrHandle {
    let clip = clip();
    let settings = |n| CameraSettings::new(&clip).path(&format!("/ch{n}/main"));
    Nvr::start(anywhere(), group, (0..cameras).map(settings).collect()).unwrap()
}

#[tokio::test]
async fn two_thousand_cameras_share_a_listener() {
    let nvr = nvr(2_000, &Group::new());
    for n in [0, 1, 1_999] {
        let camera = &nvr.cameras()[n];
        assert_eq!(camera.address(), nvr.address());
        assert!(camera.url().ends_with(&format!("/ch{n}/main")));
        Client::playing(camera).await.media().await;
        assert_eq!(camera.stats().plays, 1);
        assert_eq!(camera.connection_times().len(), 1);
    }
    let mut client = Client::connect(&nvr.cameras()[0]).await;
    assert_eq!(
        client.request_to("/ch1/sub", "DESCRIBE", "").await.status,
        404
    );
    assert_eq!(nvr.group().stats().connections_total, 4);
    assert_eq!(nvr.cameras()[1].stats().connections_total, 1);
}

#[tokio::test]
async fn cameras_of_a_group_share_the_sessions_there_may_be() {
    let group = Group::with_session_max(2);
    let nvr = nvr(2, &group);
    let alone = camera(|settings| settings.group(&group)).await;
    let mut first = Client::playing(&nvr.cameras()[0]).await;
    let _second = Client::playing(&nvr.cameras()[1]).await;
    let mut third = Client::connect(&alone).await;
    assert_eq!(third.set_up().await.status, 453);
    let full = GroupStats {
        connections: 3,
        connections_max: 3,
        connections_total: 3,
        handshakes: 1,
        handshakes_max: group.stats().handshakes_max,
        sessions: 2,
        sessions_max: 2,
        sessions_total: 2,
        sessions_refused: 1,
        playing: 2,
    };
    assert_eq!(group.stats(), full);
    assert_eq!(first.request("TEARDOWN", "").await.status, 200);
    assert_eq!(third.set_up().await.status, 200);
    drop((first, third));
    let one = |stats: &GroupStats| stats.sessions == 1 && stats.connections == 1;
    let stats = group.wait_for(one, LIMIT).await.unwrap();
    assert_eq!((stats.playing, stats.handshakes), (1, 0));
    assert_eq!(group.connection_times().len(), 3);
}

#[tokio::test]
async fn a_killed_camera_of_a_recorder_is_not_found_and_the_others_go_on() {
    let nvr = nvr(2, &Group::new());
    let [first, second] = nvr.cameras() else {
        panic!("two were started")
    };
    let mut played = Client::playing(first).await;
    let mut other = Client::playing(second).await;
    first.kill().await;
    played.until_closed().await;
    other.media().await;
    let mut client = Client::connect(first).await;
    assert_eq!(client.request("DESCRIBE", "").await.status, 404);
    first.revive().await.unwrap();
    Client::playing(first).await.media().await;
}

#[tokio::test]
async fn a_killed_recorder_refuses_until_it_is_revived() {
    let nvr = nvr(2, &Group::new());
    let mut client = Client::playing(&nvr.cameras()[1]).await;
    nvr.kill().await;
    client.until_closed().await;
    assert!(TcpStream::connect(nvr.address()).await.is_err());
    assert_eq!(nvr.group().stats().sessions, 0);
    nvr.revive().await.unwrap();
    Client::playing(&nvr.cameras()[1]).await.media().await;
}

#[tokio::test]
async fn two_cameras_of_a_recorder_cannot_have_one_path() {
    let settings = CameraSettings::new(&clip());
    let cameras = vec![settings.clone(), settings];
    assert!(Nvr::start(anywhere(), &Group::new(), cameras).is_err());
}

#[tokio::test]
async fn a_flapping_camera_comes_back_and_goes_again() {
    let turn = Duration::from_millis(150);
    let camera = camera(|settings| {
        settings.fault(Fault::Flap {
            up: turn,
            down: turn,
        })
    })
    .await;
    for _ in 0..2 {
        let mut client = arrive(&camera).await;
        client.until_closed().await;
        // However slow this machine is, the camera refuses some time before it accepts again.
        while let Some(mut client) = Client::try_connect(&camera).await {
            client.until_closed().await;
        }
    }
    camera.clear_faults();
    let mut client = arrive(&camera).await;
    assert_eq!(client.request("OPTIONS", "").await.status, 200);
}

/// Tries until the camera accepts.
async fn arrive(camera: &CameraHandle) -> Client {
    let accepted = async {
        loop {
            match Client::try_connect(camera).await {
                Some(client) => return client,
                None => tokio::task::yield_now().await,
            }
        }
    };
    tokio::time::timeout(LIMIT, accepted).await.unwrap()
}
