//! RTP ports: an even one for media and the next for RTCP, from the configured range.

use std::collections::HashSet;
use std::io;
use std::net::{self, IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use prometheus::IntGauge;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use tokio::net::{TcpSocket, UdpSocket};

/// The pairs that are free. Cloning shares them.
#[derive(Clone, Debug)]
pub struct RtpPorts(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    first: u16,
    pairs: u16,
    taken: Mutex<Taken>,
    free: IntGauge,
}

#[derive(Debug, Default)]
struct Taken {
    pairs: HashSet<u16>,
    /// Where the search goes on: a port just freed is not used again at once.
    next: u16,
}

/// A pair that is in use while this exists.
#[derive(Debug)]
pub(super) struct PortPair {
    ports: RtpPorts,
    index: u16,
}

impl RtpPorts {
    /// Takes ports `first` … `last`, both included; `free` shows how many pairs are left.
    pub fn new(first: u16, last: u16, free: IntGauge) -> Self {
        let first = first + first % 2;
        let pairs = (last.saturating_sub(first).saturating_add(1)) / 2;
        free.set(i64::from(pairs));
        Self(Arc::new(Shared {
            first,
            pairs,
            taken: Mutex::default(),
            free,
        }))
    }

    fn take(&self) -> Option<PortPair> {
        let mut taken = self.0.taken.lock().unwrap_or_else(PoisonError::into_inner);
        for step in 0..self.0.pairs {
            let index = (taken.next + step) % self.0.pairs;
            if taken.pairs.insert(index) {
                taken.next = (index + 1) % self.0.pairs;
                self.0.free.dec();
                return Some(PortPair {
                    ports: self.clone(),
                    index,
                });
            }
        }
        None
    }

    /// Binds the next pair that is free, here and in the system, by `bind`; skips what others hold.
    fn bind<T>(&self, bind: impl Fn(u16) -> io::Result<T>) -> io::Result<(PortPair, T)> {
        let mut last = io::Error::new(io::ErrorKind::AddrInUse, "no RTP port is free");
        for _ in 0..ATTEMPTS_MAX {
            let Some(pair) = self.take() else {
                break;
            };
            match bind(pair.port()) {
                Ok(bound) => return Ok((pair, bound)),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Binds a pair of UDP sockets: media, which is sent only, and RTCP, which the runtime listens on.
    pub(super) fn bind_udp(
        &self,
        address: IpAddr,
    ) -> io::Result<(PortPair, net::UdpSocket, UdpSocket)> {
        let (pair, (media, control)) = self.bind(|port| {
            Ok((
                udp(SocketAddr::new(address, port))?,
                udp(SocketAddr::new(address, port + 1))?,
            ))
        })?;
        Ok((pair, media, UdpSocket::from_std(control)?))
    }

    /// Binds a TCP socket, to connect or to listen with.
    pub(super) fn bind_tcp(&self, address: IpAddr) -> io::Result<(PortPair, TcpSocket)> {
        self.bind(|port| {
            let socket = if address.is_ipv4() {
                TcpSocket::new_v4()
            } else {
                TcpSocket::new_v6()
            }?;
            socket.set_reuseaddr(true)?;
            socket.bind(SocketAddr::new(address, port))?;
            Ok(socket)
        })
    }
}

impl PortPair {
    /// The media port.
    pub(super) fn port(&self) -> u16 {
        self.ports.0.first + 2 * self.index
    }
}

impl Drop for PortPair {
    fn drop(&mut self) {
        let mut taken = self
            .ports
            .0
            .taken
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        taken.pairs.remove(&self.index);
        self.ports.0.free.inc();
    }
}

fn udp(address: SocketAddr) -> io::Result<net::UdpSocket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    socket.set_nonblocking(true)?;
    // The kernel grants what it allows; a burst must fit.
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(&SockAddr::from(address))?;
    Ok(socket.into())
}

const ATTEMPTS_MAX: usize = 64;
const SEND_BUFFER: usize = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_even_counted_and_not_reused_at_once() {
        let free = IntGauge::new("free", "x").unwrap();
        let ports = RtpPorts::new(20_001, 20_007, free.clone());
        assert_eq!(free.get(), 3);
        let first = ports.take().unwrap();
        assert_eq!(first.port(), 20_002);
        drop(first);
        let held: Vec<_> = (0..3).map(|_| ports.take().unwrap()).collect();
        assert_eq!(held[0].port(), 20_004);
        assert!(ports.take().is_none());
        assert_eq!(free.get(), 0);
        drop(held);
        assert_eq!(free.get(), 3);
    }
}
