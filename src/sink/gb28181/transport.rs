//! The SIP sockets, and the router that says which platform a message belongs to.
//!
//! A request belongs to a platform when its source is in that platform's `signalling` and its From user
//! is the platform's code; inside a call the call decides. Anything else is answered 403, at a limited
//! rate, and has no effect. An answer belongs to the platform whose mark its branch bears.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use ipnet::IpNet;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tracing::{debug, info, warn};

use super::rate_limit::RateLimit;
use crate::catalog::GbCode;
use crate::metrics::Metrics;
use crate::proto::sip::{
    Message, Method, Request, Target, Transmit, Transport, frame_length, parse_datagram,
    parse_stream,
};
use crate::task::Tasks;

/// The sockets of `listen.sip`, bound.
#[derive(Debug)]
pub struct Sockets {
    udp: UdpSocket,
    tcp: TcpListener,
}

/// Binds `listen.sip`, UDP and TCP.
///
/// # Errors
///
/// The address is taken or not ours.
pub async fn bind(address: SocketAddr) -> io::Result<Sockets> {
    let tcp = TcpListener::bind(address).await?;
    let udp = UdpSocket::bind(tcp.local_addr()?).await?;
    // Some platforms never repeat: what a burst of INVITEs overruns is lost for good.
    SockRef::from(&udp).set_recv_buffer_size(RECEIVE_BUFFER)?;
    Ok(Sockets { udp, tcp })
}

/// Whom the router knows.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) gb_id: GbCode,
    pub(super) signalling: Vec<IpNet>,
    /// To the platform's task; what does not fit is dropped and counted.
    pub(super) inbox: mpsc::Sender<Inbound>,
}

/// A message on its way to a platform's task.
#[derive(Debug)]
pub(super) struct Inbound {
    pub(super) message: Message,
    pub(super) source: Target,
}

/// The sockets at work. Cloning shares them.
#[derive(Clone, Debug)]
pub(super) struct Wire(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    udp: UdpSocket,
    /// By number; a number is given once.
    peers: RwLock<BTreeMap<usize, Arc<Peer>>>,
    next_peer: AtomicUsize,
    metrics: Metrics,
    tasks: Tasks,
    connections: Mutex<HashMap<SocketAddr, mpsc::Sender<Bytes>>>,
    /// Calls by Call-ID: which platform they belong to, and its tag.
    calls: Mutex<HashMap<String, (usize, Option<String>)>>,
    /// Answers to strangers, and lines about what is refused.
    strangers: Mutex<RateLimit>,
    lines: Mutex<RateLimit>,
}

impl Wire {
    /// Starts to read the sockets.
    pub(super) fn start(sockets: Sockets, metrics: Metrics, tasks: &Tasks) -> Self {
        let wire = Self(Arc::new(Shared {
            udp: sockets.udp,
            peers: RwLock::default(),
            next_peer: AtomicUsize::new(0),
            metrics,
            tasks: tasks.clone(),
            connections: Mutex::default(),
            calls: Mutex::default(),
            strangers: Mutex::new(RateLimit::new(Instant::now())),
            lines: Mutex::new(RateLimit::new(Instant::now())),
        }));
        let cancelled = tasks.cancelled();
        let reader = wire.clone();
        tasks.spawn("sip udp", async move {
            tokio::select! {
                () = cancelled.cancelled() => {}
                () = reader.read_datagrams() => {}
            }
        });
        let cancelled = tasks.cancelled();
        let acceptor = wire.clone();
        tasks.spawn("sip tcp", async move {
            tokio::select! {
                () = cancelled.cancelled() => {}
                () = acceptor.accept(sockets.tcp) => {}
            }
        });
        wire
    }

    /// Lets messages reach a platform; returns its number.
    pub(super) fn add_peer(&self, peer: Peer) -> usize {
        let mut peers = self.0.peers.write().unwrap_or_else(PoisonError::into_inner);
        // A number is never given again: a late answer must not reach another platform.
        let number = self.0.next_peer.fetch_add(1, Ordering::Relaxed);
        peers.insert(number, Arc::new(peer));
        number
    }

    /// Changes who may send as a platform.
    pub(super) fn set_signalling(&self, number: usize, signalling: Vec<IpNet>) {
        let mut peers = self.0.peers.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(peer) = peers.get_mut(&number)
            && peer.signalling != signalling
        {
            let (gb_id, inbox) = (peer.gb_id, peer.inbox.clone());
            *peer = Arc::new(Peer {
                gb_id,
                signalling,
                inbox,
            });
        }
    }

    /// Forgets a platform.
    pub(super) fn remove_peer(&self, number: usize) {
        let mut peers = self.0.peers.write().unwrap_or_else(PoisonError::into_inner);
        peers.remove(&number);
    }

    fn peer(&self, number: usize) -> Option<Arc<Peer>> {
        let peers = self.0.peers.read().unwrap_or_else(PoisonError::into_inner);
        peers.get(&number).cloned()
    }

    /// The number of the first platform that is so.
    fn find_peer(&self, is_it: impl Fn(&Peer) -> bool) -> Option<usize> {
        let peers = self.0.peers.read().unwrap_or_else(PoisonError::into_inner);
        peers
            .iter()
            .find(|(_, peer)| is_it(peer))
            .map(|(number, _)| *number)
    }

    /// The port of `listen.sip`.
    pub(super) fn port(&self) -> u16 {
        self.0.udp.local_addr().map_or(0, |address| address.port())
    }

    /// The address of `listen.sip`, where it is one and not all.
    pub(super) fn bound_to(&self) -> Option<IpAddr> {
        let bound = self.0.udp.local_addr().ok()?.ip();
        (!bound.is_unspecified()).then_some(bound)
    }

    /// Sends a message; a connection that is needed and missing is opened, in a task of its own.
    pub(super) async fn send(&self, transmit: Transmit) -> io::Result<()> {
        let Transmit { target, bytes } = transmit;
        match target.transport {
            Transport::Udp => self.0.udp.send_to(&bytes, target.address).await.map(|_| ()),
            Transport::Tcp => {
                let open = self.connections().get(&target.address).cloned();
                let connection = open.filter(|connection| !connection.is_closed());
                let connection = connection.or_else(|| self.adopt(None, target.address));
                let connection = connection.ok_or(io::ErrorKind::QuotaExceeded)?;
                connection
                    .try_send(bytes)
                    .map_err(|_| io::ErrorKind::ConnectionAborted.into())
            }
        }
    }

    /// Ends the connection to an address, if there is one: the next message opens another.
    pub(super) fn hang_up(&self, target: Target) {
        if target.transport == Transport::Tcp {
            self.connections().remove(&target.address);
        }
    }

    /// Lets messages of a call find their platform whatever their source.
    pub(super) fn add_call(&self, call_id: &str, peer: usize, tag: Option<String>) {
        self.0
            .calls
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(call_id.to_owned(), (peer, tag));
    }

    /// Forgets a call.
    pub(super) fn remove_call(&self, call_id: &str) {
        self.0
            .calls
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(call_id);
    }

    async fn read_datagrams(&self) {
        let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
        loop {
            let (length, source) = match self.0.udp.recv_from(&mut buffer).await {
                Ok(received) => received,
                Err(error) => {
                    // An ICMP error of an earlier send; the socket lives on.
                    debug!(%error, "SIP socket");
                    continue;
                }
            };
            let datagram = Bytes::copy_from_slice(buffer.get(..length).unwrap_or_default());
            if datagram.iter().all(u8::is_ascii_whitespace) {
                continue; // keeps a NAT open (RFC 5626 §3.5.1)
            }
            let source = Target {
                transport: Transport::Udp,
                address: canonical(source),
            };
            match parse_datagram(&datagram) {
                Ok(message) => self.route(message, source).await,
                Err(error) => {
                    self.0.metrics.refuse("sip_malformed");
                    if self.is_allowed_to_log() {
                        warn!(%source.address, %error, "SIP message not read");
                    }
                }
            }
        }
    }

    async fn accept(&self, listener: TcpListener) {
        loop {
            match listener.accept().await {
                Ok((stream, address)) => {
                    let address = canonical(address);
                    let known = self.find_peer(|peer| contains(&peer.signalling, address.ip()));
                    if known.is_some() {
                        self.adopt(Some(stream), address);
                    } else {
                        self.refuse_loudly("sip_stranger", address, "connection from a stranger");
                    }
                }
                Err(error) => {
                    warn!(%error, "SIP connection not accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Reads and writes a connection in a task of its own; `None` when there are too many.
    ///
    /// What is sent meanwhile waits in its queue. `stream` is an accepted connection, or the connection
    /// is opened by the task, so that a platform's task never waits for it.
    fn adopt(&self, stream: Option<TcpStream>, address: SocketAddr) -> Option<mpsc::Sender<Bytes>> {
        let (outbox, queue) = mpsc::channel(CONNECTION_QUEUE);
        {
            let mut connections = self.connections();
            connections.retain(|_, connection| !connection.is_closed());
            if connections.len() >= CONNECTIONS_MAX {
                self.refuse_loudly("sip_overload", address, "too many SIP connections");
                return None;
            }
            connections.insert(address, outbox.clone());
        }
        let wire = self.clone();
        let cancelled = self.0.tasks.cancelled();
        self.0.tasks.spawn("sip connection", async move {
            tokio::select! {
                () = cancelled.cancelled() => {}
                ended = wire.serve(stream, queue, address) => match ended {
                    Ok(()) => info!(%address, "SIP connection ended"),
                    Err(error) => warn!(%address, %error, "SIP connection failed"),
                }
            }
        });
        Some(outbox)
    }

    async fn serve(
        &self,
        stream: Option<TcpStream>,
        queue: mpsc::Receiver<Bytes>,
        address: SocketAddr,
    ) -> io::Result<()> {
        let stream = match stream {
            Some(stream) => stream,
            None => timeout(CONNECT_TIME, TcpStream::connect(address)).await??,
        };
        stream.set_nodelay(true)?;
        let socket = SockRef::from(&stream);
        let keepalive = TcpKeepalive::new()
            .with_time(KEEPALIVE_TIME)
            .with_interval(KEEPALIVE_INTERVAL);
        socket.set_tcp_keepalive(&keepalive)?;
        socket.set_tcp_user_timeout(Some(USER_TIMEOUT))?;
        let (read, write) = stream.into_split();
        tokio::select! {
            () = self.read_stream(read, address) => {}
            () = write_stream(write, queue) => {}
        }
        Ok(())
    }

    async fn read_stream(&self, mut read: OwnedReadHalf, address: SocketAddr) {
        let source = Target {
            transport: Transport::Tcp,
            address,
        };
        let mut buffer = BytesMut::new();
        loop {
            match frame_length(&buffer) {
                Ok(Some(length)) => {
                    let frame = buffer.split_to(length).freeze();
                    match parse_stream(&frame) {
                        Ok(message) => self.route(message, source).await,
                        Err(_) => {
                            let what = "SIP message not read";
                            self.refuse_loudly("sip_malformed", address, what);
                        }
                    }
                    continue;
                }
                Ok(None) => {}
                Err(error) => {
                    self.0.metrics.refuse("sip_malformed");
                    warn!(%address, %error, "SIP connection cannot be read on");
                    return;
                }
            }
            match read.read_buf(&mut buffer).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
    }

    async fn route(&self, message: Message, source: Target) {
        let peer = match &message {
            Message::Response(response) => {
                let branch = response.headers.via().and_then(|via| via.branch);
                branch.as_deref().and_then(peer_of_branch)
            }
            Message::Request(request) => self.peer_of_request(request, source.address.ip()),
        };
        let Some(peer) = peer.and_then(|peer| self.peer(peer)) else {
            return self.refuse(message, source).await;
        };
        if peer.inbox.try_send(Inbound { message, source }).is_err() {
            let what = "a platform sends faster than it is answered";
            self.refuse_loudly("sip_overload", source.address, what);
        }
    }

    fn peer_of_request(&self, request: &Request, source: IpAddr) -> Option<usize> {
        let from = request.headers.from()?;
        let by_source = self.find_peer(|peer| {
            contains(&peer.signalling, source) && from.user == peer.gb_id.as_str()
        });
        // Inside a call the call decides: some platforms send its ACK or BYE from elsewhere.
        let is_of_call = matches!(request.method, Method::Ack | Method::Bye | Method::Info)
            && request.headers.to().is_some_and(|to| to.tag.is_some());
        by_source.or_else(|| {
            let calls = self.0.calls.lock().unwrap_or_else(PoisonError::into_inner);
            let (peer, tag) = calls.get(request.headers.call_id()?)?;
            (is_of_call && *tag == from.tag).then_some(*peer)
        })
    }

    async fn refuse(&self, message: Message, source: Target) {
        self.0.metrics.refuse("sip_stranger");
        let Message::Request(request) = message else {
            return;
        };
        if request.method == Method::Ack || !is_left(&self.0.strangers) {
            return;
        }
        warn!(
            source = %source.address,
            method = request.method.as_str(),
            "request from none of the configured platforms: check `signalling` and `gb_id`"
        );
        let bytes = request.answer(403, "stranger").to_bytes();
        if let Err(error) = self
            .send(Transmit {
                target: source,
                bytes,
            })
            .await
        {
            debug!(%error, "403 not sent");
        }
    }

    /// Counts what has no effect, and says so at a limited rate.
    fn refuse_loudly(&self, reason: &'static str, source: SocketAddr, what: &str) {
        self.0.metrics.refuse(reason);
        if self.is_allowed_to_log() {
            warn!(%source, "{what}");
        }
    }

    /// Whether one more line about what strangers send may be written in this second.
    pub(super) fn is_allowed_to_log(&self) -> bool {
        is_left(&self.0.lines)
    }

    fn connections(&self) -> std::sync::MutexGuard<'_, HashMap<SocketAddr, mpsc::Sender<Bytes>>> {
        self.0
            .connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

async fn write_stream(mut write: OwnedWriteHalf, mut queue: mpsc::Receiver<Bytes>) {
    while let Some(bytes) = queue.recv().await {
        if !matches!(
            timeout(WRITE_TIME, write.write_all(&bytes)).await,
            Ok(Ok(()))
        ) {
            return;
        }
    }
}

fn is_left(limit: &Mutex<RateLimit>) -> bool {
    let mut limit = limit.lock().unwrap_or_else(PoisonError::into_inner);
    limit.take(Instant::now())
}

/// A branch that bears the mark of a platform.
pub(super) fn branch(peer: usize, token: &str) -> String {
    format!("z9hG4bKhj{peer}.{token}")
}

fn peer_of_branch(branch: &str) -> Option<usize> {
    branch
        .strip_prefix("z9hG4bKhj")?
        .split_once('.')?
        .0
        .parse()
        .ok()
}

pub(super) fn contains(networks: &[IpNet], address: IpAddr) -> bool {
    let address = address.to_canonical();
    networks.iter().any(|network| network.contains(&address))
}

/// An IPv4 peer of an IPv6 socket is an IPv4 peer.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

const DATAGRAM_BYTES_MAX: usize = 65_535;
const RECEIVE_BUFFER: usize = 4 * 1024 * 1024;
const CONNECTIONS_MAX: usize = 128;
/// Messages waiting on one connection; a peer that reads slower loses its connection.
const CONNECTION_QUEUE: usize = 256;
const CONNECT_TIME: Duration = Duration::from_secs(5);
/// A connection whose far end has gone is found dead in a minute.
const KEEPALIVE_TIME: Duration = Duration::from_secs(30);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const USER_TIMEOUT: Duration = Duration::from_secs(30);
const WRITE_TIME: Duration = Duration::from_secs(10);
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
