//! The relay between a camera of the farm and real sockets.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use nix::sys::eventfd::EventFd;

use super::outlet::{Outlet, Over};
use super::relay::{Relay, Totals};
use super::source::Source;
use crate::clips::{AccessUnit, Clip, ClipKind};
use crate::farm::{Camera, CameraHandle, CameraSettings};

const LIMIT: Duration = Duration::from_secs(10);
/// Between seven and eight frames of the clip.
const GATHER: usize = 30_000;

fn anywhere() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

/// A camera of 50 frames of 4000 bytes a second.
async fn camera() -> CameraHandle {
    let unit = |n: u64| AccessUnit {
        nals: vec![vec![if n == 0 { 0x65 } else { 0x41 }; 4000].into()],
        pts: n * 1800,
        dts: n * 1800,
        is_key: n == 0,
    };
    let clip = Clip::for_tests(ClipKind::H264Small, (0..4).map(unit).collect(), 4 * 1800);
    Camera::start(anywhere(), CameraSettings::new(&Arc::new(clip)))
        .await
        .unwrap()
}

/// Relays a camera on a thread of its own until it has sent `frames`; returns what was done.
async fn relay(camera: &CameraHandle, outlets: Vec<Outlet>, frames: u64) -> Totals {
    let stop = Arc::new(EventFd::new().unwrap());
    let url = camera.url();
    let stopped = stop.clone();
    let relaying = tokio::task::spawn_blocking(move || {
        let mut relay = Relay::new(GATHER);
        relay.add(Source::set_up(&url).unwrap(), outlets);
        relay.play().unwrap();
        relay.run(&stopped).unwrap()
    });
    camera
        .wait_for(|stats| stats.video.frames >= frames, LIMIT)
        .await
        .unwrap();
    stop.write(1).unwrap();
    relaying.await.unwrap()
}

fn udp() -> (UdpSocket, Outlet) {
    let receiver = UdpSocket::bind(anywhere()).unwrap();
    receiver.set_nonblocking(true).unwrap();
    let outlet = Outlet::open(Over::Udp, receiver.local_addr().unwrap()).unwrap();
    (receiver, outlet)
}

/// What lies in a socket's queue.
fn datagrams(receiver: &UdpSocket) -> Vec<Vec<u8>> {
    let mut buffer = [0; 65_536];
    let mut datagrams = Vec::new();
    while let Ok(length) = receiver.recv(&mut buffer) {
        datagrams.push(buffer[..length].to_vec());
    }
    datagrams
}

#[tokio::test]
async fn every_byte_that_is_read_is_sent_to_every_copy() {
    let camera = camera().await;
    let ((first, one), (second, other)) = (udp(), udp());
    let totals = relay(&camera, vec![one, other], 10).await;
    let bytes = datagrams(&first).concat();
    assert_eq!(bytes, datagrams(&second).concat());
    assert_eq!(totals.bytes_read, bytes.len() as u64);
    assert_eq!(totals.bytes_sent, 2 * bytes.len() as u64);
    // Ten frames, each with the headers of its packets, and nothing of RTSP before them.
    assert!(bytes.len() > 10 * 4000);
    assert!(bytes.starts_with(b"$"));
}

#[tokio::test]
async fn bytes_are_gathered_to_about_a_frame_and_cut_by_the_kernel() {
    let camera = camera().await;
    let (receiver, outlet) = udp();
    let totals = relay(&camera, vec![outlet], 20).await;
    assert!(totals.sends <= totals.bytes_sent / GATHER as u64 + 1);
    let datagrams = datagrams(&receiver);
    assert!(datagrams.iter().all(|datagram| datagram.len() <= 1400));
    assert!(datagrams.len() as u64 > 20 * (totals.sends - 1));
}

#[tokio::test]
async fn a_connection_gets_the_same_bytes() {
    let camera = camera().await;
    let listener = TcpListener::bind(anywhere()).unwrap();
    let outlet = Outlet::open(Over::Tcp, listener.local_addr().unwrap()).unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    let received =
        tokio::task::spawn_blocking(move || std::io::copy(&mut stream, &mut std::io::sink()));
    let totals = relay(&camera, vec![outlet], 10).await;
    assert_eq!(received.await.unwrap().unwrap(), totals.bytes_sent);
    assert_eq!(totals.bytes_sent, totals.bytes_read);
}
