//! A UDP socket that gives the kernel many packets of one length by one system call (segmentation offload).
//!
//! The runtime does not watch it: it would be woken whenever packets have left and there is more room, after every
//! frame. Where there is no room, whoever sends looks again after [`ROOM_PAUSE`].

use std::io::{self, IoSlice};
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{setsockopt, sockopt};
use socket2::SockRef;

/// A socket that is connected with its peer.
#[derive(Debug)]
pub(super) struct Datagrams {
    socket: UdpSocket,
    /// Whether the kernel cuts what is sent into packets.
    is_offloaded: bool,
}

impl Datagrams {
    /// Connects a socket that does not block; `segment` is the length of every packet but a last one.
    pub(super) fn connect(socket: UdpSocket, peer: SocketAddr, segment: usize) -> io::Result<Self> {
        socket.connect(peer)?;
        let segment = i32::try_from(segment).map_err(io::Error::other)?;
        let set = setsockopt(&socket, sockopt::UdpGsoSegment, &segment);
        Ok(Self {
            is_offloaded: set.is_ok(),
            socket,
        })
    }

    /// Whether it takes more than one packet at once.
    pub(super) fn is_offloaded(&self) -> bool {
        self.is_offloaded
    }

    /// Sends packets, whole or not at all.
    ///
    /// # Errors
    ///
    /// There is no room, or the peer refused what was sent before. `Interrupted`: the way to the peer takes no
    /// offloaded packets; from now on it is given one at a time.
    pub(super) fn try_send(&mut self, packets: &[IoSlice<'_>]) -> io::Result<usize> {
        let socket = SockRef::from(&self.socket);
        let sent = match packets {
            // The shorter way into the kernel.
            [packets] => socket.send(packets),
            _ => socket.send_vectored(packets),
        };
        match sent {
            // No checksum by the interface, or a path for smaller packets only (udp_send_skb of the kernel).
            Err(error) if self.is_offloaded && is_of_offload(&error) => {
                self.is_offloaded = false;
                setsockopt(&self.socket, sockopt::UdpGsoSegment, &0)?;
                Err(io::ErrorKind::Interrupted.into())
            }
            sent => sent,
        }
    }
}

fn is_of_offload(error: &io::Error) -> bool {
    let number = error.raw_os_error().map(Errno::from_raw);
    matches!(number, Some(Errno::EIO | Errno::EINVAL | Errno::EMSGSIZE))
}

/// A socket's buffer of 1 MiB leaves a port of 1 Gbit/s in eight milliseconds.
pub(super) const ROOM_PAUSE: Duration = Duration::from_millis(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_of_one_length_leave_by_one_call_and_arrive_one_by_one() {
        let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let to = peer.local_addr().unwrap();
        let mut datagrams = Datagrams::connect(socket, to, 100).unwrap();
        assert!(datagrams.is_offloaded());
        let (long, short) = ([1; 150], [2; 70]);
        let slices = [IoSlice::new(&long), IoSlice::new(&short)];
        assert_eq!(datagrams.try_send(&slices).unwrap(), 220);
        let mut lengths = Vec::new();
        for _ in 0..3 {
            lengths.push(peer.recv(&mut [0; 200]).unwrap());
        }
        assert_eq!(lengths, [100, 100, 20]);
    }

    #[test]
    fn a_path_for_smaller_packets_is_given_one_at_a_time() {
        let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let to = peer.local_addr().unwrap();
        // More than 64 segments are too many for the kernel.
        let mut datagrams = Datagrams::connect(socket, to, 10).unwrap();
        let packets = [0; 10 * 200];
        let refused = datagrams.try_send(&[IoSlice::new(&packets)]).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::Interrupted);
        assert!(!datagrams.is_offloaded());
        assert_eq!(datagrams.try_send(&[IoSlice::new(&packets)]).unwrap(), 2000);
        assert_eq!(peer.recv(&mut [0; 2000]).unwrap(), 2000);
    }
}
