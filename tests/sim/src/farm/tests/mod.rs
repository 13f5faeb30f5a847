//! Cameras over real sockets: what clients see, and what judges that nobody here wrote make of it.

mod client;
mod handshake;
mod judged;
mod media;
mod nvr;
mod odd;
mod statuses;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use client::{Client, Incoming};

use super::{Auth, Camera, CameraHandle, CameraSettings};
use crate::clips::{AccessUnit, Clip, ClipKind};

const LIMIT: Duration = Duration::from_secs(10);

fn anywhere() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

/// A clip of 20 frames a second that no encoder made.
fn clip() -> Arc<Clip> {
    let unit = |n: u64| AccessUnit {
        nals: vec![vec![if n == 0 { 0x65 } else { 0x41 }; 100].into()],
        pts: n * 4500,
        dts: n * 4500,
        is_key: n == 0,
    };
    Arc::new(Clip::for_tests(
        ClipKind::H264Small,
        (0..4).map(unit).collect(),
        4 * 4500,
    ))
}

async fn camera(change: impl FnOnce(CameraSettings) -> CameraSettings) -> CameraHandle {
    Camera::start(anywhere(), change(CameraSettings::new(&clip())))
        .await
        .unwrap()
}

#[tokio::test]
async fn a_session_plays_and_ends_by_teardown() {
    let camera = camera(|settings| settings).await;
    let mut client = Client::playing(&camera).await;
    let sequence = client.media().await;
    assert_eq!(client.media().await, sequence.wrapping_add(1));
    camera
        .wait_for(|stats| stats.playing == 1 && stats.video.frames >= 2, LIMIT)
        .await
        .unwrap();
    assert_eq!(client.request("TEARDOWN", "").await.status, 200);
    let stats = camera
        .wait_for(|stats| stats.sessions == 0, LIMIT)
        .await
        .unwrap();
    assert_eq!(
        (stats.playing, stats.teardowns, stats.sessions_abandoned),
        (0, 1, 0)
    );
}

#[tokio::test]
async fn a_client_that_just_leaves_abandons_its_session() {
    let camera = camera(|settings| settings).await;
    drop(Client::playing(&camera).await);
    let stats = camera
        .wait_for(|stats| stats.connections == 0 && stats.sessions == 0, LIMIT)
        .await
        .unwrap();
    assert_eq!(
        (stats.playing, stats.teardowns, stats.sessions_abandoned),
        (0, 0, 1)
    );
}

#[tokio::test]
async fn an_abandoned_session_can_block_the_next() {
    let camera = camera(|settings| settings.session_max(1).keeps_abandoned_sessions()).await;
    drop(Client::playing(&camera).await);
    camera
        .wait_for(|stats| stats.sessions_abandoned == 1, LIMIT)
        .await
        .unwrap();
    let mut client = Client::connect(&camera).await;
    assert_eq!(client.set_up().await.status, 453);
}

#[tokio::test]
async fn a_session_too_many_is_refused() {
    let camera = camera(|settings| settings.session_max(1)).await;
    let mut first = Client::playing(&camera).await;
    let mut second = Client::connect(&camera).await;
    assert_eq!(second.set_up().await.status, 453);
    assert_eq!(first.request("TEARDOWN", "").await.status, 200);
    assert_eq!(second.set_up().await.status, 200);
    assert_eq!(camera.stats().sessions_refused, 1);
}

#[tokio::test]
async fn a_killed_camera_refuses_until_it_is_revived() {
    let camera = camera(|settings| settings).await;
    let mut client = Client::playing(&camera).await;
    camera.kill().await;
    client.until_closed().await;
    assert_eq!(
        (camera.stats().connections, camera.stats().sessions),
        (0, 0)
    );
    assert!(
        tokio::net::TcpStream::connect(camera.address())
            .await
            .is_err()
    );
    camera.revive().await.unwrap();
    Client::playing(&camera).await.media().await;
}

#[tokio::test]
async fn a_camera_dies_some_time_after_its_first_play() {
    let camera = camera(|settings| settings.die_after(Duration::from_millis(200))).await;
    let mut client = Client::playing(&camera).await;
    assert!(client.until_closed().await >= 2);
    camera
        .wait_for(|stats| stats.connections == 0, LIMIT)
        .await
        .unwrap();
    assert!(
        tokio::net::TcpStream::connect(camera.address())
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_stalled_camera_answers_but_sends_no_media() {
    let camera = camera(|settings| settings).await;
    let mut client = Client::playing(&camera).await;
    client.media().await;
    camera.stall();
    client.request("GET_PARAMETER", "").await;
    let before = camera.stats().video.frames;
    // Longer than a frame lasts: the session's timer for it would have passed.
    while client.elapsed() < Duration::from_millis(300) {
        client.request("GET_PARAMETER", "").await;
    }
    assert_eq!(camera.stats().video.frames, before);
    camera.resume();
    client.media().await;
    assert!(camera.stats().keepalives >= 2);
}

#[tokio::test]
async fn a_session_without_requests_times_out() {
    let camera = camera(|settings| settings.session_timeout(Duration::from_millis(200))).await;
    let mut client = Client::playing(&camera).await;
    client.until_closed().await;
    let stats = camera
        .wait_for(|stats| stats.sessions == 0, LIMIT)
        .await
        .unwrap();
    assert_eq!((stats.sessions_timed_out, stats.sessions_abandoned), (1, 0));
}

#[tokio::test]
async fn who_has_no_credentials_is_challenged() {
    let (username, password) = ("admin".to_owned(), "secret".to_owned());
    let camera = camera(|settings| settings.auth(Auth::Basic { username, password })).await;
    let mut client = Client::connect(&camera).await;
    let answer = client.request("DESCRIBE", "").await;
    assert_eq!(answer.status, 401);
    assert!(answer.head.contains("WWW-Authenticate: Basic realm="));
    let wrong = "Authorization: Basic AAAA\r\n";
    assert_eq!(client.request("DESCRIBE", wrong).await.status, 401);
    let right = "Authorization: Basic YWRtaW46c2VjcmV0\r\n";
    assert_eq!(client.request("DESCRIBE", right).await.status, 200);
    let stats = camera.stats();
    assert_eq!(
        (stats.challenges, stats.wrong_credentials, stats.describes),
        (1, 1, 1)
    );
}

#[tokio::test]
async fn what_cannot_be_done_is_refused() {
    let camera = camera(|settings| settings.path("/live")).await;
    let mut client = Client::connect(&camera).await;
    assert_eq!(client.request("PLAY", "").await.status, 454);
    assert_eq!(client.request("RECORD", "").await.status, 405);
    let udp = "Transport: RTP/AVP;unicast;client_port=5000-5001\r\n";
    assert_eq!(
        client
            .request_to("/live/trackID=0", "SETUP", udp)
            .await
            .status,
        461
    );
    assert_eq!(
        client
            .request_to("/live/trackID=1", "SETUP", "")
            .await
            .status,
        404
    );
    assert_eq!(
        client.request_to("/other", "DESCRIBE", "").await.status,
        404
    );
}

#[tokio::test]
async fn reports_come_on_the_channel_asked_for() {
    let camera = camera(|settings| settings).await;
    let mut client = Client::playing(&camera).await;
    loop {
        match client.next().await {
            Some(Incoming::Packet(Client::RTCP_CHANNEL, packet)) => {
                assert_eq!(packet[..2], [0x80, 200]);
                return;
            }
            Some(_) => {}
            None => panic!("closed before a report came"),
        }
    }
}
