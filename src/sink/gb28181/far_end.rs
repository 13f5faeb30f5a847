//! The far end of a session's way, as its task waits for it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{sleep_until, timeout};

use super::way::Wait;

/// Who receives the media of a session.
#[derive(Debug)]
pub(super) enum FarEnd {
    /// RTCP's socket: the media's own only sends.
    Udp(UdpSocket),
    Tcp(Arc<TcpStream>),
}

impl FarEnd {
    /// Waits for what the rest of a frame waits for.
    ///
    /// # Errors
    ///
    /// The connection has ended.
    pub(super) async fn wait(&self, wait: Wait) -> io::Result<()> {
        match (wait, self) {
            (Wait::Until(at), _) => {
                sleep_until(at).await;
                Ok(())
            }
            (Wait::Reader, Self::Tcp(stream)) => stream.writable().await,
            (Wait::Reader, Self::Udp(_)) => Ok(()),
        }
    }

    /// Resolves when the peer is heard: a receiver report, or whatever comes on a TCP connection.
    ///
    /// Safe to cancel.
    ///
    /// # Errors
    ///
    /// The connection has ended.
    pub(super) async fn heard(&self) -> io::Result<()> {
        let mut buffer = [0; 1500];
        match self {
            Self::Udp(control) => {
                // A peer that does not listen there refuses each report of ours: no fault of the session.
                while control.recv(&mut buffer).await.is_err() {}
                Ok(())
            }
            Self::Tcp(stream) => loop {
                stream.readable().await?;
                match stream.try_read(&mut buffer) {
                    Ok(0) => return Err(io::ErrorKind::ConnectionReset.into()),
                    Ok(_) => return Ok(()),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error),
                }
            },
        }
    }

    /// Sends RTCP, which waits for nothing but room in the socket; over TCP there is none.
    pub(super) async fn report(&self, packet: &[u8]) {
        if let Self::Udp(control) = self {
            // A peer that does not listen there refuses it: no fault of the session.
            let _sent = timeout(REPORT_TIME, control.send(packet)).await;
        }
    }
}

const REPORT_TIME: Duration = Duration::from_millis(100);
