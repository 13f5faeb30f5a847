//! Sockets that only count: where the floor, FFmpeg and GStreamer send to.

use std::io::{self, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use quinn_udp::{RecvMeta, UdpSocketState};
use socket2::SockRef;
use tokio::io::{AsyncReadExt as _, Interest};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// What is sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// Datagrams of any bytes.
    Bytes,
    /// RTP, whose sequence tells what is missing.
    Rtp,
    /// Connections.
    Tcp,
}

/// What has come so far, over all sockets.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Arrived {
    /// Datagrams; reads of connections.
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    /// Packets of RTP that are missing.
    pub(crate) lost: u64,
}

#[derive(Debug, Default)]
struct Counters {
    packets: AtomicU64,
    bytes: AtomicU64,
    lost: AtomicU64,
    heard: watch::Sender<usize>,
}

/// Receivers at [`Self::FIRST`], two ports from one to the next.
#[derive(Debug)]
pub(crate) struct Receivers {
    count: usize,
    counters: Arc<Counters>,
    ended: CancellationToken,
    tasks: JoinSet<io::Result<()>>,
    /// For RTCP, which nobody reads; a port without a socket would answer.
    _controls: Vec<std::net::UdpSocket>,
}

impl Receivers {
    pub(crate) const IP: Ipv4Addr = Ipv4Addr::new(127, 46, 0, 1);
    pub(crate) const FIRST: u16 = 20_000;

    /// Binds so many.
    pub(crate) async fn bind(kind: Kind, count: usize) -> anyhow::Result<Self> {
        let counters = Arc::<Counters>::default();
        let ended = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let mut controls = Vec::new();
        for port in (Self::FIRST..).step_by(2).take(count) {
            let at = SocketAddr::from((Self::IP, port));
            let receiver = (counters.clone(), ended.clone());
            let bound = async {
                match kind {
                    Kind::Bytes => tasks.spawn(read_datagrams(Socket::bind(at)?, None, receiver)),
                    Kind::Rtp => {
                        let control = SocketAddr::from((Self::IP, port + 1));
                        controls.push(std::net::UdpSocket::bind(control)?);
                        let sequence = Some(Sequence::default());
                        tasks.spawn(read_datagrams(Socket::bind(at)?, sequence, receiver))
                    }
                    Kind::Tcp => {
                        tasks.spawn(read_connection(TcpListener::bind(at).await?, receiver))
                    }
                };
                io::Result::Ok(())
            };
            bound
                .await
                .with_context(|| format!("cannot receive at {at}"))?;
        }
        Ok(Self {
            count,
            counters,
            ended,
            tasks,
            _controls: controls,
        })
    }

    /// Waits until something has come to each.
    pub(crate) async fn heard(&self, limit: Duration) -> anyhow::Result<()> {
        let mut heard = self.counters.heard.subscribe();
        let all = heard.wait_for(|heard| *heard == self.count);
        match timeout(limit, all).await {
            Ok(all) => all.map(|_| ()).context("the receivers have ended"),
            Err(_) => anyhow::bail!(
                "only {} of {} receivers have heard something within {limit:?}",
                *self.counters.heard.borrow(),
                self.count
            ),
        }
    }

    /// What has come so far.
    pub(crate) fn arrived(&self) -> Arrived {
        Arrived {
            packets: self.counters.packets.load(Ordering::Relaxed),
            bytes: self.counters.bytes.load(Ordering::Relaxed),
            lost: self.counters.lost.load(Ordering::Relaxed),
        }
    }

    /// Takes what lies in the sockets, closes them, and returns all that came.
    pub(crate) async fn finish(mut self) -> anyhow::Result<Arrived> {
        self.ended.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            ended??;
        }
        Ok(self.arrived())
    }
}

/// A socket with a large buffer, whose packets come many in a call where the sender uses segmentation offload.
struct Socket {
    socket: UdpSocket,
    state: UdpSocketState,
}

impl Socket {
    fn bind(at: SocketAddr) -> io::Result<Self> {
        let socket = std::net::UdpSocket::bind(at)?;
        SockRef::from(&socket).set_recv_buffer_size(BUFFER_BYTES)?;
        let state = UdpSocketState::new((&socket).into())?;
        Ok(Self {
            socket: UdpSocket::from_std(socket)?,
            state,
        })
    }

    fn receive(&self, buffer: &mut [u8], meta: &mut RecvMeta) -> io::Result<usize> {
        let mut slices = [IoSliceMut::new(buffer)];
        self.state.recv(
            (&self.socket).into(),
            &mut slices,
            std::slice::from_mut(meta),
        )
    }
}

async fn read_datagrams(
    socket: Socket,
    mut sequence: Option<Sequence>,
    (counters, ended): (Arc<Counters>, CancellationToken),
) -> io::Result<()> {
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    let mut meta = RecvMeta::default();
    let mut is_first = true;
    let mut count = |buffer: &[u8], meta: &RecvMeta| {
        let packets = buffer[..meta.len].chunks(meta.stride.max(1));
        counters.count(packets.len(), meta.len, std::mem::take(&mut is_first));
        if let Some(sequence) = &mut sequence {
            let lost = packets.map(|packet| sequence.lost_before(packet)).sum();
            counters.lost.fetch_add(lost, Ordering::Relaxed);
        }
    };
    loop {
        tokio::select! {
            () = ended.cancelled() => break,
            received = socket.socket.async_io(Interest::READABLE, || socket.receive(&mut buffer, &mut meta)) => {
                received?;
                count(&buffer, &meta);
            }
        }
    }
    while socket.receive(&mut buffer, &mut meta).is_ok() {
        count(&buffer, &meta);
    }
    Ok(())
}

/// Reads to the end of the one connection that comes; its sender ends first.
async fn read_connection(
    listener: TcpListener,
    (counters, ended): (Arc<Counters>, CancellationToken),
) -> io::Result<()> {
    let mut stream = tokio::select! {
        () = ended.cancelled() => return Ok(()),
        accepted = listener.accept() => accepted?.0,
    };
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    let mut is_first = true;
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            length => counters.count(1, length, std::mem::take(&mut is_first)),
        }
    }
}

impl Counters {
    fn count(&self, packets: usize, bytes: usize, is_first: bool) {
        self.packets.fetch_add(packets as u64, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        if is_first {
            self.heard.send_modify(|heard| *heard += 1);
        }
    }
}

/// Where a sequence of RTP stands (RFC 3550 §5.1).
#[derive(Debug, Default)]
struct Sequence {
    next: Option<u16>,
}

impl Sequence {
    /// How many packets are missing before this one; one that came late counts for the many that seem to be.
    fn lost_before(&mut self, packet: &[u8]) -> u64 {
        let Some(bytes) = packet.get(2..4) else {
            return 1;
        };
        let number = u16::from_be_bytes([bytes[0], bytes[1]]);
        let lost = self.next.map_or(0, |next| number.wrapping_sub(next));
        self.next = Some(number.wrapping_add(1));
        lost.into()
    }
}

/// As much as the platform's receivers have.
const BUFFER_BYTES: usize = 4 << 20;
/// The most that GRO puts together.
const DATAGRAM_BYTES_MAX: usize = 65_535;
