//! Opens the way of a session's packets: a port that an answer can name, then a peer.

use std::io;
use std::net::{self, IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpSocket, TcpStream, UdpSocket};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::datagrams::Datagrams;
use super::far_end::FarEnd;
use super::ports::PortPair;
use super::settings::Media;
use super::transport::contains;
use super::way::{Kind, SEGMENT, Way};
use crate::proto::sdp::MediaTransport;

/// A way that is bound, so that an answer can name its port, and not open yet.
#[derive(Debug)]
pub(super) enum Bound {
    Udp {
        media: net::UdpSocket,
        control: UdpSocket,
    },
    Connect(TcpSocket),
    Listen(tokio::net::TcpListener),
}

impl Bound {
    /// Opens the way after the ACK, into the networks that the settings name, at their pace.
    pub(super) async fn open(
        self,
        peer: SocketAddr,
        settings: &Media,
        refuse: &(dyn Fn() + Send + Sync),
        port: PortPair,
    ) -> io::Result<(Way, FarEnd)> {
        let (kind, far_end) = match self {
            Self::Udp { media, control } => {
                let media = Datagrams::connect(media, peer, SEGMENT)?;
                control
                    .connect(SocketAddr::new(peer.ip(), peer.port().saturating_add(1)))
                    .await?;
                (Kind::Udp(media), FarEnd::Udp(control))
            }
            Self::Connect(socket) => connected(connect(socket, peer).await?)?,
            Self::Listen(listener) => {
                connected(accept(&listener, &settings.networks, refuse).await?)?
            }
        };
        Ok((Way::new(kind, port, settings.burst), far_end))
    }
}

fn connected(stream: TcpStream) -> io::Result<(Kind, FarEnd)> {
    stream.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_TIME)
        .with_interval(KEEPALIVE_INTERVAL);
    let socket = SockRef::from(&stream);
    socket.set_tcp_keepalive(&keepalive)?;
    // A peer that reads slowly acknowledges; one that vanished does not.
    socket.set_tcp_user_timeout(Some(USER_TIMEOUT))?;
    let stream = Arc::new(stream);
    Ok((Kind::Tcp(stream.clone()), FarEnd::Tcp(stream)))
}

async fn connect(socket: TcpSocket, peer: SocketAddr) -> io::Result<TcpStream> {
    // A socket connects once: the tries after the first bind the same port again.
    let local = socket.local_addr()?;
    let mut socket = Some(socket);
    let mut last = io::Error::from(io::ErrorKind::TimedOut);
    for attempt in 0..CONNECTS_MAX {
        if attempt > 0 {
            sleep(CONNECT_PAUSE).await;
        }
        let socket = match socket.take() {
            Some(socket) => socket,
            None => {
                let socket = if local.is_ipv4() {
                    TcpSocket::new_v4()
                } else {
                    TcpSocket::new_v6()
                }?;
                socket.set_reuseaddr(true)?;
                socket.bind(local)?;
                socket
            }
        };
        match timeout(CONNECT_TIME, socket.connect(peer)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error,
            Err(_) => {}
        }
    }
    Err(last)
}

/// Accepts one connection from `networks`; others are closed and do not use up the listener.
async fn accept(
    listener: &tokio::net::TcpListener,
    networks: &[ipnet::IpNet],
    refuse: &(dyn Fn() + Send + Sync),
) -> io::Result<TcpStream> {
    let until = Instant::now() + ACCEPT_TIME;
    loop {
        let (stream, peer) = timeout_at(until, listener.accept()).await??;
        if contains(networks, peer.ip()) {
            return Ok(stream);
        }
        refuse();
    }
}

/// Binds what the answer's transport needs.
pub(super) fn bind(
    transport: MediaTransport,
    address: IpAddr,
    ports: &super::RtpPorts,
) -> io::Result<(Bound, PortPair, u16)> {
    let (bound, pair) = match transport {
        MediaTransport::Udp => {
            let (pair, media, control) = ports.bind_udp(address)?;
            (Bound::Udp { media, control }, pair)
        }
        MediaTransport::TcpConnect => {
            let (pair, socket) = ports.bind_tcp(address)?;
            (Bound::Connect(socket), pair)
        }
        MediaTransport::TcpListen => {
            let (pair, socket) = ports.bind_tcp(address)?;
            (Bound::Listen(socket.listen(BACKLOG)?), pair)
        }
    };
    let port = pair.port();
    Ok((bound, pair, port))
}

const CONNECTS_MAX: u32 = 3;
const CONNECT_PAUSE: Duration = Duration::from_secs(1);
const CONNECT_TIME: Duration = Duration::from_secs(5);
const ACCEPT_TIME: Duration = Duration::from_secs(10);
const KEEPALIVE_TIME: Duration = Duration::from_secs(20);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const USER_TIMEOUT: Duration = Duration::from_secs(120);
const BACKLOG: u32 = 8;
