//! The sockets that media comes to: RTP in datagrams or on a connection, RTCP beside it.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use quinn_udp::{RecvMeta, UdpSocketState};
use tokio::io::{AsyncReadExt as _, Interest};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, interval, sleep};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::checker::Checker;
use super::recording::{Recording, Stats};
use super::rtcp;
use crate::platform::clock;
use crate::platform::tasks::{Tasks, random};

/// How fast a TCP receiver reads.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::platform) enum Pace {
    Full,
    Stopped,
    BytesPerSecond(u32),
}

/// Where the media of a session arrives.
#[derive(Debug)]
pub(in crate::platform) enum Source {
    Udp(UdpPair),
    Tcp(TcpStream),
}

/// An even port for RTP and the next one for RTCP.
#[derive(Debug)]
pub(in crate::platform) struct UdpPair {
    rtp: UdpSocket,
    rtcp: UdpSocket,
    state: UdpSocketState,
    /// Sends receiver reports.
    pub(in crate::platform) reports: bool,
    /// Where RTP must come from.
    pub(in crate::platform) peer: Option<SocketAddr>,
}

impl UdpPair {
    pub(in crate::platform) fn bind(ip: IpAddr) -> anyhow::Result<Self> {
        for _ in 0..PORT_PAIRS {
            let port = PORT_FIRST + NEXT_PAIR.fetch_add(1, Ordering::Relaxed) % PORT_PAIRS * 2;
            let (Ok(rtp), Ok(rtcp)) = (
                std::net::UdpSocket::bind((ip, port)),
                std::net::UdpSocket::bind((ip, port + 1)),
            ) else {
                continue;
            };
            // GRO hands over many packets in one call where the sender uses segmentation offload.
            let state = UdpSocketState::new((&rtp).into()).context("cannot set up a UDP socket")?;
            socket2::SockRef::from(&rtp).set_recv_buffer_size(RTP_BUFFER_BYTES)?;
            rtcp.set_nonblocking(true)?;
            let (rtp, rtcp) = (UdpSocket::from_std(rtp)?, UdpSocket::from_std(rtcp)?);
            return Ok(Self {
                rtp,
                rtcp,
                state,
                reports: false,
                peer: None,
            });
        }
        bail!("no free pair of ports on {ip}")
    }

    pub(in crate::platform) fn port(&self) -> anyhow::Result<u16> {
        Ok(self.rtp.local_addr()?.port())
    }

    /// Says whether a packet waits already; before the ACK there must be none.
    pub(in crate::platform) fn has_waiting(&self) -> bool {
        socket2::SockRef::from(&self.rtp)
            .peek(&mut [std::mem::MaybeUninit::uninit(); 1])
            .is_ok()
    }

    fn receive(&self, batch: &mut Batch) -> io::Result<usize> {
        let mut slices = batch
            .buffers
            .each_mut()
            .map(|buffer| IoSliceMut::new(buffer));
        self.state
            .recv((&self.rtp).into(), &mut slices, &mut batch.metas)
    }
}

/// Room for some calls' worth of packets.
struct Batch {
    buffers: [Vec<u8>; BATCH_MESSAGES],
    metas: [RecvMeta; BATCH_MESSAGES],
}

/// A running receiver; dropping it closes its sockets.
#[derive(Debug)]
pub(in crate::platform) struct Receiver {
    stats: watch::Receiver<Stats>,
    pace: watch::Sender<Pace>,
    cancel: DropGuard,
    task: JoinHandle<anyhow::Result<Recording>>,
}

impl Receiver {
    pub(in crate::platform) fn start(tasks: &Tasks, source: Source, checker: Checker) -> Self {
        let (stats, watched) = watch::channel(checker.stats().clone());
        let (pace, paced) = watch::channel(Pace::Full);
        let cancelled = tasks.child();
        let cancel = cancelled.clone().drop_guard();
        let task = tasks.spawn_with(async move {
            match source {
                Source::Udp(pair) => read_datagrams(pair, checker, stats, cancelled).await,
                Source::Tcp(stream) => {
                    Connection::new(stream, checker, stats)
                        .read(paced, cancelled)
                        .await
                }
            }
        });
        Self {
            stats: watched,
            pace,
            cancel,
            task,
        }
    }

    pub(in crate::platform) fn stats(&self) -> watch::Receiver<Stats> {
        self.stats.clone()
    }

    pub(in crate::platform) fn set_pace(&self, pace: Pace) {
        self.pace.send_replace(pace);
    }

    /// Takes what lies in the socket's queue, closes it, and gives out the recording.
    pub(in crate::platform) async fn finish(self) -> anyhow::Result<Recording> {
        drop(self.cancel);
        self.task.await.context("the receiver died")?
    }
}

async fn read_datagrams(
    pair: UdpPair,
    mut checker: Checker,
    stats: watch::Sender<Stats>,
    cancelled: CancellationToken,
) -> anyhow::Result<Recording> {
    let mut batch = Batch {
        buffers: std::array::from_fn(|_| vec![0; GRO_BYTES_MAX]),
        metas: [RecvMeta::default(); BATCH_MESSAGES],
    };
    let mut control = [0; 1500];
    let mut reports = interval(REPORT_INTERVAL);
    loop {
        tokio::select! {
            () = cancelled.cancelled() => break,
            count = pair.rtp.async_io(Interest::READABLE, || pair.receive(&mut batch)) => {
                // An error is an ICMP answer to a report of ours.
                handle_batch(&pair, &batch, count.unwrap_or(0), &mut checker);
                stats.send_replace(checker.stats().clone());
            }
            Ok((length, _)) = pair.rtcp.recv_from(&mut control) => handle_report(&control[..length], &mut checker),
            _ = reports.tick(), if pair.reports => send_report(&pair, &checker).await,
        }
    }
    while let Ok(count @ 1..) = pair.receive(&mut batch) {
        handle_batch(&pair, &batch, count, &mut checker);
    }
    stats.send_replace(checker.stats().clone());
    checker.finish()
}

fn handle_batch(pair: &UdpPair, batch: &Batch, count: usize, checker: &mut Checker) {
    let now = Instant::now();
    for (meta, buffer) in batch.metas.iter().zip(&batch.buffers).take(count) {
        if pair.peer.is_some_and(|peer| peer != meta.addr) {
            checker.violation(format!(
                "RTP from {}, the answer says {:?}",
                meta.addr, pair.peer
            ));
        }
        for packet in buffer[..meta.len].chunks(meta.stride.max(1)) {
            checker.handle_packet(now, packet);
        }
    }
}

fn handle_report(datagram: &[u8], checker: &mut Checker) {
    match rtcp::parse(datagram) {
        Ok(Some(report)) => {
            checker.handle_sender_report();
            if let Some(what) =
                report.wrong_with(clock::unix_time(), checker.rtp_time(Instant::now()))
            {
                checker.violation(what);
            }
        }
        Ok(None) => {}
        Err(what) => checker.violation(what),
    }
}

async fn send_report(pair: &UdpPair, checker: &Checker) {
    if let (Some(mut peer), Some((_, ssrc))) = (pair.peer, checker.rtp_time(Instant::now())) {
        peer.set_port(peer.port() + 1);
        // A lost report is a lost datagram.
        drop(
            pair.rtcp
                .send_to(&rtcp::receiver_report(ssrc ^ 1, ssrc), peer)
                .await,
        );
    }
}

/// RTP on a connection (RFC 4571).
struct Connection {
    stream: TcpStream,
    checker: Checker,
    stats: watch::Sender<Stats>,
    pending: Vec<u8>,
}

impl Connection {
    fn new(stream: TcpStream, checker: Checker, stats: watch::Sender<Stats>) -> Self {
        Self {
            stream,
            checker,
            stats,
            pending: Vec::new(),
        }
    }

    async fn read(
        mut self,
        mut paced: watch::Receiver<Pace>,
        cancelled: CancellationToken,
    ) -> anyhow::Result<Recording> {
        let mut buffer = vec![0; TCP_READ_BYTES];
        loop {
            let pace = *paced.borrow_and_update();
            let most = match pace {
                Pace::BytesPerSecond(rate) => usize::try_from(rate / 10)?.clamp(1, buffer.len()),
                Pace::Full | Pace::Stopped => buffer.len(),
            };
            let length = tokio::select! {
                () = cancelled.cancelled() => break,
                // The new pace counts at once.
                changed = paced.changed() => if changed.is_ok() { continue } else { break },
                read = self.stream.read(&mut buffer[..most]), if pace != Pace::Stopped => read.unwrap_or(0),
            };
            if length == 0 {
                self.checker.handle_close();
                self.stats.send_replace(self.checker.stats().clone());
                cancelled.cancelled().await;
                break;
            }
            self.handle_bytes(&buffer[..length]);
            if let Pace::BytesPerSecond(_) = pace {
                tokio::select! {
                    () = cancelled.cancelled() => break,
                    () = sleep(Duration::from_millis(100)) => {}
                }
            }
        }
        self.checker.finish()
    }

    fn handle_bytes(&mut self, bytes: &[u8]) {
        let now = Instant::now();
        self.pending.extend_from_slice(bytes);
        let mut rest = self.pending.as_slice();
        while let Some((length, after)) = rest.split_first_chunk::<2>() {
            let Some((packet, after)) =
                after.split_at_checked(usize::from(u16::from_be_bytes(*length)))
            else {
                break;
            };
            self.checker.handle_packet(now, packet);
            rest = after;
        }
        let used = self.pending.len() - rest.len();
        self.pending.drain(..used);
        self.stats.send_replace(self.checker.stats().clone());
    }
}

/// The first port pair that this process tries differs from run to run.
static NEXT_PAIR: std::sync::LazyLock<AtomicU16> = std::sync::LazyLock::new(|| {
    AtomicU16::new(u16::try_from(random() % u64::from(PORT_PAIRS)).unwrap_or_default())
});

/// Ports 40000 to 59999 are for media.
const PORT_FIRST: u16 = 40_000;
const PORT_PAIRS: u16 = 10_000;

/// Some hundred milliseconds of a 4K stream.
const RTP_BUFFER_BYTES: usize = 4 << 20;

/// The most that GRO puts together.
const GRO_BYTES_MAX: usize = 65_535;
const BATCH_MESSAGES: usize = 8;
const TCP_READ_BYTES: usize = 256 << 10;
const REPORT_INTERVAL: Duration = Duration::from_secs(5);
