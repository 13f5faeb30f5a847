//! Where the bytes of a camera go: datagrams that the kernel cuts, or a connection.

use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};

use anyhow::Context as _;
use nix::sys::socket::{setsockopt, sockopt};

/// How bytes are sent on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Over {
    Udp,
    Tcp,
}

/// A connected socket.
#[derive(Debug)]
pub(super) enum Outlet {
    Udp(UdpSocket),
    Tcp(TcpStream),
}

impl Outlet {
    pub(super) fn open(over: Over, to: SocketAddr) -> anyhow::Result<Self> {
        let open = || -> io::Result<Self> {
            Ok(match over {
                Over::Udp => {
                    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
                    socket.connect(to)?;
                    setsockopt(&socket, sockopt::UdpGsoSegment, &SEGMENT_BYTES)?;
                    Self::Udp(socket)
                }
                Over::Tcp => {
                    let stream = TcpStream::connect(to)?;
                    stream.set_nodelay(true)?;
                    Self::Tcp(stream)
                }
            })
        };
        open().with_context(|| format!("cannot send to {to}"))
    }

    /// Sends at most [`SEND_BYTES_MAX`] bytes, in one call. It blocks while a connection is full: a receiver that does
    /// not keep up spoils the figure anyway.
    pub(super) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            // A datagram goes as a whole or not at all.
            Self::Udp(socket) => socket.send(bytes).map(|_| ()),
            Self::Tcp(stream) => stream.write_all(bytes),
        }
    }
}

/// What is cut off for a datagram: as much as the gateway puts into one.
const SEGMENT_BYTES: i32 = 1400;

/// Within 64 segments and 65,507 bytes, the limits of an offloaded send.
pub(super) const SEND_BYTES_MAX: usize = 46 * SEGMENT_BYTES as usize;
