//! How a listener is served: so many connections at once, each with a limit of time to say what it wants.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use super::caller::Caller;
use crate::task::Tasks;

/// A listener of connections.
pub trait Accept: Send + 'static {
    /// What it gives.
    type Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static;

    /// Waits for the next connection.
    fn accept(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;

    /// Who is at its other end.
    fn caller(_: &Self::Stream) -> Caller {
        Caller::Unknown
    }
}

impl Accept for TcpListener {
    type Stream = tokio::net::TcpStream;

    async fn accept(&self) -> io::Result<Self::Stream> {
        Ok(Self::accept(self).await?.0)
    }
}

impl Accept for UnixListener {
    type Stream = tokio::net::UnixStream;

    async fn accept(&self) -> io::Result<Self::Stream> {
        Ok(Self::accept(self).await?.0)
    }

    fn caller(stream: &Self::Stream) -> Caller {
        stream
            .peer_cred()
            .map_or(Caller::Unknown, |peer| Caller::Local(peer.uid()))
    }
}

/// Serves `routes` until `tasks` are to stop; what is being answered then is answered to its end.
pub async fn serve<L: Accept>(listener: L, routes: Router, tasks: Tasks) {
    let cancelled = tasks.cancelled();
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let graceful = GracefulShutdown::new();
    loop {
        let next = async {
            // Never closed. Who finds no room waits in the kernel's queue.
            let room = room.clone().acquire_owned().await;
            (room, listener.accept().await)
        };
        let (room, stream) = tokio::select! {
            () = cancelled.cancelled() => break,
            (room, accepted) = next => match accepted {
                Ok(stream) => (room, stream),
                Err(error) => {
                    warn!(%error, "HTTP connection not accepted");
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        let routes = routes.clone().layer(Extension(L::caller(&stream)));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIME)
            .max_headers(HEADERS_MAX)
            .max_buf_size(BUFFER_BYTES_MAX)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes));
        let connection = graceful.watch(connection);
        tasks.spawn("http connection", async move {
            if let Err(error) = connection.await {
                debug!(%error, "HTTP connection ended");
            }
            drop(room);
        });
    }
    if timeout(GRACE, graceful.shutdown()).await.is_err() {
        debug!("HTTP connections were cut");
    }
}

/// A listener's; they are part of the reserve of descriptors.
const CONNECTIONS_MAX: usize = 64;
const HEADER_TIME: Duration = Duration::from_secs(30);
const HEADERS_MAX: usize = 64;
const BUFFER_BYTES_MAX: usize = 64 * 1024;
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
const GRACE: Duration = Duration::from_millis(800);

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::sync::{Mutex, mpsc};
    use tokio::time::Instant;

    #[tokio::test(start_paused = true)]
    async fn connections_that_say_nothing_make_room_after_their_time() {
        let (connect, queue) = mpsc::channel(2 * CONNECTIONS_MAX);
        let tasks = Tasks::default();
        let routes = Router::new().route("/", axum::routing::get(|| async { "ok" }));
        tasks.spawn(
            "http",
            serve(Queue(Mutex::new(queue)), routes, tasks.clone()),
        );
        let mut silent = Vec::new();
        for _ in 0..CONNECTIONS_MAX {
            silent.push(open(&connect).await);
        }
        let began = Instant::now();
        let mut asking = open(&connect).await;
        asking
            .write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
            .await
            .unwrap();
        let mut answer = String::new();
        asking.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(began.elapsed() >= HEADER_TIME && began.elapsed() < 2 * HEADER_TIME);
        let headers = "a: b\r\n".repeat(HEADERS_MAX + 1);
        let mut many = open(&connect).await;
        let request = format!("GET / HTTP/1.1\r\nhost: a\r\n{headers}\r\n");
        many.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        many.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
        tasks.shutdown(GRACE * 2).await;
    }

    struct Queue(Mutex<mpsc::Receiver<DuplexStream>>);

    impl Accept for Queue {
        type Stream = DuplexStream;

        async fn accept(&self) -> io::Result<DuplexStream> {
            match self.0.lock().await.recv().await {
                Some(stream) => Ok(stream),
                None => std::future::pending().await,
            }
        }
    }

    async fn open(connect: &mpsc::Sender<DuplexStream>) -> DuplexStream {
        let (ours, theirs) = duplex(8192);
        connect.send(theirs).await.unwrap();
        ours
    }
}
