//! What a platform does to the TCP connections of the lower one.

use super::super::sip::framer::Framer;
use super::*;

/// A connection to a platform with that fault.
async fn connected(fault: Connections) -> (Platform, Lower, TcpStream) {
    let settings = Settings {
        faults: Faults {
            connections: fault,
            ..Faults::default()
        },
        ..quiet()
    };
    let (platform, lower) = world(settings).await;
    let stream = TcpStream::connect(platform.address()).await.unwrap();
    (platform, lower, stream)
}

/// Everything up to the end of a connection.
async fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let read = timeout(LIMIT, stream.read_to_end(&mut bytes)).await;
    read.unwrap().unwrap();
    bytes
}

#[tokio::test]
async fn a_connection_is_closed_behind_a_message() {
    let (_platform, mut lower, mut stream) = connected(Connections::CloseAfterMessage).await;
    let request = lower.request("REGISTER").with("Expires", "3600");
    stream.write_all(&request.to_bytes()).await.unwrap();
    let bytes = read_to_end(&mut stream).await;
    let mut framer = Framer::default();
    framer.push(&bytes);
    assert_eq!(framer.next_message().unwrap().unwrap().code(), 401);
    assert!(framer.next_message().unwrap().is_none());
}

#[tokio::test]
async fn a_connection_is_closed_inside_a_message() {
    let (_platform, mut lower, mut stream) = connected(Connections::CloseInMessage).await;
    let request = lower.request("REGISTER").with("Expires", "3600");
    stream.write_all(&request.to_bytes()).await.unwrap();
    let bytes = read_to_end(&mut stream).await;
    assert!(bytes.starts_with(b"SIP/2.0 401"));
    assert!(sip::message::head_end(&bytes).is_none());
}

#[tokio::test]
async fn a_connection_that_is_never_read_fills_up() {
    let (platform, mut lower, mut stream) = connected(Connections::NeverRead).await;
    let request = lower.request("REGISTER").with("Expires", "3600").to_bytes();
    // More than the buffers of both kernels hold.
    let flood = async {
        for _ in 0..100_000 {
            stream.write_all(&request).await.unwrap();
        }
    };
    assert!(timeout(Duration::from_millis(500), flood).await.is_err());
    assert!(platform.events().is_empty());
}

#[tokio::test]
async fn a_restart_ends_the_connections_that_there_are() {
    let (platform, mut lower, mut stream) = connected(Connections::Usual).await;
    let request = lower.request("REGISTER").with("Expires", "3600");
    stream.write_all(&request.to_bytes()).await.unwrap();
    let is_heard = |what: &What| matches!(what, What::Register { .. });
    platform.wait_for(is_heard, LIMIT).await.unwrap();
    platform.restart(true);
    read_to_end(&mut stream).await;
    let mut stream = TcpStream::connect(platform.address()).await.unwrap();
    stream.write_all(&request.to_bytes()).await.unwrap();
    let mut first = [0; 11];
    let read = timeout(LIMIT, stream.read_exact(&mut first)).await;
    read.unwrap().unwrap();
    assert_eq!(&first, b"SIP/2.0 401");
}
