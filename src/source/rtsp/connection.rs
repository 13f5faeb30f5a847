//! The TCP connection of a session: requests go out, messages and packets come in.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;

use super::failure::Broken;
use crate::proto::rtsp::{Message, Reader};

/// A connection with a camera.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    reader: Reader,
    /// What came of a message that is not whole yet.
    rest: Vec<u8>,
}

/// What takes the messages of a connection, one after the other.
pub(super) type Handle<'a> = dyn FnMut(Message<'_>) + Send + 'a;

impl Connection {
    /// Connects to where a camera was found.
    pub(super) async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            reader: Reader::default(),
            rest: Vec::new(),
        })
    }

    /// Hands a request to the kernel, whole and at once: there is room for it unless the camera has stopped
    /// reading.
    pub(super) fn send(&self, request: &[u8]) -> Result<(), Broken> {
        match self.stream.try_write(request) {
            Ok(sent) if sent == request.len() => Ok(()),
            Ok(_) => Err(Broken::Deaf),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(Broken::Deaf),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits for bytes, and hands over the messages that are whole with them. Safe to cancel.
    pub(super) async fn read(&mut self, handle: &mut Handle<'_>) -> Result<(), Broken> {
        poll_fn(|cx| self.poll_read(cx, handle)).await
    }

    /// Reads once, into a buffer that all connections of a thread share: what is whole is read from there,
    /// while it is in the processor's cache, and a waiting connection holds no more than a piece of a message.
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        handle: &mut Handle<'_>,
    ) -> Poll<Result<(), Broken>> {
        if self.rest.len() > REST_SHARED_MAX {
            return self.poll_read_long(cx, handle);
        }
        SHARED.with_borrow_mut(|shared| {
            let held = self.rest.len();
            let (front, room) = shared.split_at_mut(held);
            front.copy_from_slice(&self.rest);
            let read = ready!(poll_stream(&mut self.stream, cx, room))?;
            let bytes = shared.get(..held + read).unwrap_or_default();
            let taken = take(&mut self.reader, bytes, handle)?;
            self.rest.clear();
            self.rest
                .extend_from_slice(bytes.get(taken..).unwrap_or_default());
            Poll::Ready(Ok(()))
        })
    }

    /// Reads behind what there is of a long message, so that it is not copied with every piece.
    fn poll_read_long(
        &mut self,
        cx: &mut Context<'_>,
        handle: &mut Handle<'_>,
    ) -> Poll<Result<(), Broken>> {
        let held = self.rest.len();
        self.rest.resize(held + READ_LONG, 0);
        let room = self.rest.get_mut(held..).unwrap_or_default();
        let read = poll_stream(&mut self.stream, cx, room);
        self.rest.truncate(
            held + if let Poll::Ready(Ok(read)) = &read {
                *read
            } else {
                0
            },
        );
        ready!(read)?;
        let taken = take(&mut self.reader, &self.rest, handle)?;
        self.rest.drain(..taken);
        if self.rest.len() <= REST_SHARED_MAX {
            self.rest.shrink_to(REST_SHARED_MAX);
        }
        Poll::Ready(Ok(()))
    }
}

/// Reads once; the end of the stream is an error.
fn poll_stream(
    stream: &mut TcpStream,
    cx: &mut Context<'_>,
    room: &mut [u8],
) -> Poll<Result<usize, Broken>> {
    let mut buffer = ReadBuf::new(room);
    ready!(Pin::new(stream).poll_read(cx, &mut buffer))?;
    match buffer.filled().len() {
        0 => Poll::Ready(Err(Broken::Ended)),
        read => Poll::Ready(Ok(read)),
    }
}

/// Hands over all whole messages; returns how many bytes they have.
fn take(reader: &mut Reader, bytes: &[u8], handle: &mut Handle<'_>) -> Result<usize, Broken> {
    let mut taken = 0;
    while let Some((message, length)) = reader.next(bytes.get(taken..).unwrap_or_default())? {
        handle(message);
        taken += length;
    }
    Ok(taken)
}

thread_local! {
    static SHARED: RefCell<Vec<u8>> = RefCell::new(vec![0; SHARED_BYTES]);
}

/// Several frames of most cameras, and no more than a processor's cache holds.
const SHARED_BYTES: usize = 256 * 1024;
/// A piece of a message that is copied to the front of the shared buffer: a packet has less.
const REST_SHARED_MAX: usize = 4 * 1024;
const READ_LONG: usize = 16 * 1024;
