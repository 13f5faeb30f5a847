//! Where the packets of a session go: UDP with segmentation offload, or TCP. Nothing here waits.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::Instant;

use super::datagrams::{Datagrams, ROOM_PAUSE};
use super::pacer::Pacer;
use super::ports::PortPair;
use crate::proto::rtp::{
    Framing, GATHERED_MAX, HEADER_LEN, Heads, Laid, PAYLOAD_MAX, Packets, Slices,
};

/// A way that is open.
#[derive(Debug)]
pub(super) struct Way {
    kind: Kind,
    _port: PortPair,
    pacer: Pacer,
    refusals: Refusals,
}

#[derive(Debug)]
pub(super) enum Kind {
    Udp(Datagrams),
    Tcp(Arc<TcpStream>),
}

/// What the rest of a frame waits for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Wait {
    /// The pace of a burst, or room in a socket.
    Until(Instant),
    /// A TCP peer that reads.
    Reader,
}

impl Kind {
    fn try_send(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Udp(media) => media.try_send(slices),
            Self::Tcp(stream) => stream.try_write_vectored(slices),
        }
    }
}

thread_local! {
    /// All sessions of a camera are on one thread, and get a frame one after the other.
    static LAID: RefCell<Laid> = RefCell::default();
}

impl Way {
    /// Begins on an open socket; `burst` is the most bytes that leave at once.
    pub(super) fn new(kind: Kind, port: PortPair, burst: Option<usize>) -> Self {
        Self {
            kind,
            _port: port,
            pacer: Pacer::new(burst),
            refusals: Refusals::default(),
        }
    }

    /// How packets must follow one another.
    pub(super) fn framing(&self) -> Framing {
        match self.kind {
            Kind::Udp(_) => Framing::Datagrams,
            Kind::Tcp(_) => Framing::Lengths,
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
        let whole = packets.len();
        while sent < whole {
            let piece = self.piece(packets, whole - sent);
            if self.wait_until(piece, whole - sent, now).is_some() {
                break;
            }
            let (bytes, done) = self.send_piece(packets, sent, piece);
            match self.settle(done, bytes, now) {
                Ok(done) => sent += done,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(sent)
    }

    /// Sends `piece` packets by one system call; returns how many bytes they have, and how that ended.
    fn send_piece(
        &mut self,
        packets: &Packets<'_>,
        sent: usize,
        piece: usize,
    ) -> (usize, io::Result<usize>) {
        LAID.with_borrow_mut(|laid| {
            if let Some(bytes) = packets.lay(sent, piece, laid) {
                return (bytes.len(), self.kind.try_send(&[IoSlice::new(bytes)]));
            }
            let (mut heads, mut slices) = (Heads::default(), Slices::default());
            let bytes = packets.gather(sent, piece, &mut heads, &mut slices);
            (bytes, self.kind.try_send(slices.get()))
        })
    }

    /// What the rest of `packets` waits for, of which `sent` bytes have left and no more go at once.
    pub(super) fn wait(&self, packets: &Packets<'_>, sent: usize, now: Instant) -> Wait {
        match self.kind {
            Kind::Tcp(_) => Wait::Reader,
            Kind::Udp(_) => {
                let left = packets.len() - sent;
                let at = self.wait_until(self.piece(packets, left), left, now);
                Wait::Until(at.unwrap_or(now + ROOM_PAUSE))
            }
        }
    }

    /// How many packets go by one system call, of the `left` bytes of a frame.
    fn piece(&self, packets: &Packets<'_>, left: usize) -> usize {
        match &self.kind {
            Kind::Tcp(_) => GATHERED_MAX,
            Kind::Udp(media) if media.is_offloaded() => {
                let piece = self.pacer.piece(left, packets.packet_len());
                piece.min(GATHERED_MAX)
            }
            Kind::Udp(_) => 1,
        }
    }

    /// When a piece of so many packets may leave; `None` at once. A TCP peer sets its pace itself.
    fn wait_until(&self, piece: usize, left: usize, now: Instant) -> Option<Instant> {
        match self.kind {
            Kind::Tcp(_) => None,
            Kind::Udp(_) => self.pacer.wait_until(left.min(piece * SEGMENT), now),
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
                let is_udp = matches!(self.kind, Kind::Udp(_));
                if !is_udp || self.refusals.handle_refused(now) {
                    return Err(error);
                }
                Ok(bytes)
            }
            Err(error) => Err(error),
        }
    }
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

/// Bytes of every datagram of a pack but the last.
pub(super) const SEGMENT: usize = HEADER_LEN + PAYLOAD_MAX;
/// A UDP peer that was unreachable for so long has gone without a BYE.
const REFUSED_MAX: Duration = Duration::from_secs(10);
/// So long without a refusal, and the peer counts as reachable.
const REFUSED_PAUSE: Duration = Duration::from_secs(3);
