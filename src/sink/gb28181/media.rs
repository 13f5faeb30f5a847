//! Where the packets of a session go: UDP with segmentation offload, or TCP.

use std::io;
use std::net::{self, IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::BytesMut;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpSocket, TcpStream, UdpSocket};
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

use super::datagrams::{Datagrams, ROOM_PAUSE};
use super::pacer::Pacer;
use super::ports::PortPair;
use super::settings::Media;
use super::transport::contains;
use crate::proto::rtp::{Framing, GATHERED_MAX, HEADER_LEN, Heads, PAYLOAD_MAX, Packets, Slices};
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

/// A way that is open.
#[derive(Debug)]
pub(super) struct Way {
    kind: Kind,
    _port: PortPair,
    pacer: Pacer,
    refusals: Refusals,
}

/// How long a UDP peer has been unreachable. The kernel tells of a refusal at the send after it, and
/// lets the next one pass: only a while without any counts as reachable.
#[derive(Debug, Default)]
struct Refusals {
    since: Option<Instant>,
    last: Option<Instant>,
}

impl Refusals {
    fn handle_sent(&mut self, now: Instant) {
        if self.last.is_some_and(|last| now - last > REFUSED_PAUSE) {
            *self = Self::default();
        }
    }

    /// Returns whether the peer has gone.
    fn handle_refused(&mut self, now: Instant) -> bool {
        self.handle_sent(now);
        self.last = Some(now);
        now - *self.since.get_or_insert(now) > REFUSED_MAX
    }
}

#[derive(Debug)]
enum Kind {
    Udp {
        media: Datagrams,
        control: UdpSocket,
    },
    Tcp {
        write: OwnedWriteHalf,
        read: OwnedReadHalf,
    },
}

impl Bound {
    /// Opens the way after the ACK, into the networks that the settings name, at their pace.
    pub(super) async fn open(
        self,
        peer: SocketAddr,
        settings: &Media,
        refuse: &(dyn Fn() + Send + Sync),
        port: PortPair,
    ) -> io::Result<Way> {
        let kind = match self {
            Self::Udp { media, control } => {
                let media = Datagrams::connect(media, peer, SEGMENT)?;
                control
                    .connect(SocketAddr::new(peer.ip(), peer.port().saturating_add(1)))
                    .await?;
                Kind::Udp { media, control }
            }
            Self::Connect(socket) => Kind::of(connect(socket, peer).await?)?,
            Self::Listen(listener) => {
                Kind::of(accept(&listener, &settings.networks, refuse).await?)?
            }
        };
        Ok(Way {
            kind,
            _port: port,
            pacer: Pacer::new(settings.burst),
            refusals: Refusals::default(),
        })
    }
}

impl Kind {
    fn of(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let keepalive = TcpKeepalive::new()
            .with_time(KEEPALIVE_TIME)
            .with_interval(KEEPALIVE_INTERVAL);
        let socket = SockRef::from(&stream);
        socket.set_tcp_keepalive(&keepalive)?;
        // A peer that reads slowly acknowledges; one that vanished does not.
        socket.set_tcp_user_timeout(Some(USER_TIMEOUT))?;
        let (read, write) = stream.into_split();
        Ok(Self::Tcp { write, read })
    }
}

impl Way {
    /// How packets must follow one another.
    pub(super) fn framing(&self) -> Framing {
        match self.kind {
            Kind::Udp { .. } => Framing::Datagrams,
            Kind::Tcp { .. } => Framing::Lengths,
        }
    }

    /// Begins a frame of so many bytes, that comes so long after the one before.
    pub(super) fn begin(&mut self, bytes: usize, interval: Duration) {
        self.pacer.begin(bytes, interval);
    }

    /// Sends what goes at once of `packets`, of which `sent` bytes have left; returns how many have then.
    ///
    /// # Errors
    ///
    /// The way has ended: a TCP connection, or a UDP peer that was unreachable for long.
    pub(super) fn try_send(
        &mut self,
        packets: &Packets<'_>,
        mut sent: usize,
        now: Instant,
    ) -> io::Result<usize> {
        let (whole, mut heads) = (packets.len(), Heads::default());
        while sent < whole {
            let piece = self.piece(packets, whole - sent);
            if self.wait_until(piece, whole - sent, now).is_some() {
                break;
            }
            let mut slices = Slices::default();
            let bytes = packets.gather(sent, piece, &mut heads, &mut slices);
            let done = match &mut self.kind {
                Kind::Tcp { write, .. } => write.try_write_vectored(slices.get()),
                Kind::Udp { media, .. } => media.try_send(slices.get()),
            };
            match self.settle(done, bytes, now) {
                Ok(done) => sent += done,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(sent)
    }

    /// Sends the rest, of which `sent` bytes have left; waits while a TCP peer does not read, and for the pace of a
    /// burst.
    ///
    /// # Errors
    ///
    /// As those of [`Self::try_send`].
    pub(super) async fn send(&mut self, packets: &Packets<'_>, mut sent: usize) -> io::Result<()> {
        while sent < packets.len() {
            match &self.kind {
                Kind::Tcp { write, .. } => write.writable().await?,
                Kind::Udp { .. } => {
                    let (left, now) = (packets.len() - sent, Instant::now());
                    let at = self.wait_until(self.piece(packets, left), left, now);
                    sleep_until(at.unwrap_or(now + ROOM_PAUSE)).await;
                }
            }
            sent = self.try_send(packets, sent, Instant::now())?;
        }
        Ok(())
    }

    /// How many packets go by one system call, of the `left` bytes of a frame.
    fn piece(&self, packets: &Packets<'_>, left: usize) -> usize {
        match &self.kind {
            Kind::Tcp { .. } => GATHERED_MAX,
            Kind::Udp { media, .. } if media.is_offloaded() => {
                let piece = self.pacer.piece(left, packets.packet_len());
                piece.min(GATHERED_MAX)
            }
            Kind::Udp { .. } => 1,
        }
    }

    /// When a piece of so many packets may leave; `None` at once. A TCP peer sets its pace itself.
    fn wait_until(&self, piece: usize, left: usize, now: Instant) -> Option<Instant> {
        match self.kind {
            Kind::Tcp { .. } => None,
            Kind::Udp { .. } => self.pacer.wait_until(left.min(piece * SEGMENT), now),
        }
    }

    /// Notes how a system call for a piece of `bytes` ended; a refusal by a UDP peer is none for a while.
    fn settle(&mut self, done: io::Result<usize>, bytes: usize, now: Instant) -> io::Result<usize> {
        match done {
            Ok(done) => {
                self.pacer.note(done, now);
                self.refusals.handle_sent(now);
                Ok(done)
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                let is_udp = matches!(self.kind, Kind::Udp { .. });
                if !is_udp || self.refusals.handle_refused(now) {
                    return Err(error);
                }
                Ok(bytes)
            }
            Err(error) => Err(error),
        }
    }

    /// Sends RTCP; over TCP there is none.
    pub(super) async fn send_control(&self, packet: &BytesMut) {
        if let Kind::Udp { control, .. } = &self.kind {
            // A peer that does not listen there refuses it: no fault of the session.
            let _sent = control.send(packet).await;
        }
    }

    /// Resolves when the peer is heard: a receiver report, or the end of a TCP connection.
    ///
    /// # Errors
    ///
    /// The connection has ended.
    pub(super) fn poll_heard(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut buffer = [0; 1500];
        let mut buffer = ReadBuf::new(&mut buffer);
        match &mut self.kind {
            Kind::Udp { control, .. } => {
                // A peer that does not listen there refuses each report of ours: no fault of the session.
                while ready!(control.poll_recv(cx, &mut buffer)).is_err() {}
                Poll::Ready(Ok(()))
            }
            Kind::Tcp { read, .. } => {
                ready!(Pin::new(read).poll_read(cx, &mut buffer))?;
                Poll::Ready(if buffer.filled().is_empty() {
                    Err(io::ErrorKind::ConnectionReset.into())
                } else {
                    Ok(())
                })
            }
        }
    }
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

const SEGMENT: usize = HEADER_LEN + PAYLOAD_MAX;
/// A UDP peer that was unreachable for so long has gone without a BYE.
const REFUSED_MAX: Duration = Duration::from_secs(10);
/// So long without a refusal, and the peer counts as reachable.
const REFUSED_PAUSE: Duration = Duration::from_secs(3);
const CONNECTS_MAX: u32 = 3;
const CONNECT_PAUSE: Duration = Duration::from_secs(1);
const CONNECT_TIME: Duration = Duration::from_secs(5);
const ACCEPT_TIME: Duration = Duration::from_secs(10);
const KEEPALIVE_TIME: Duration = Duration::from_secs(20);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const USER_TIMEOUT: Duration = Duration::from_secs(120);
const BACKLOG: u32 = 8;
