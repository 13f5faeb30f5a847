//! The TCP connections of the lower platform, and how they end.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::core::{Core, Route};
use super::server::dispatch;
use super::sip::framer::Framer;
use super::tasks::lock;

/// How a platform treats the connections that it accepts.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Connections {
    /// It keeps and reads them.
    #[default]
    Usual,
    /// It closes each behind the first message that it sent.
    CloseAfterMessage,
    /// It closes each in the middle of the first message that it sends.
    CloseInMessage,
    /// It accepts, and never reads; a connection that met this stays unread.
    NeverRead,
}

pub(super) async fn accept(core: Arc<Core>, listener: TcpListener) {
    loop {
        if let Ok((stream, source)) = listener.accept().await {
            core.tasks.spawn(serve(Arc::clone(&core), stream, source));
        }
    }
}

async fn serve(core: Arc<Core>, stream: TcpStream, source: SocketAddr) {
    if core.faults().connections == Connections::NeverRead {
        // The other side shall notice soon; failing that it notices later.
        drop(socket2::SockRef::from(&stream).set_recv_buffer_size(UNREAD_BYTES));
    }
    let over = lock(&core.connections).child_token();
    let (reader, writer) = stream.into_split();
    let (sender, outgoing) = mpsc::channel::<Vec<u8>>(256);
    core.tasks
        .spawn(write(Arc::clone(&core), writer, outgoing, over.clone()));
    let route = Route::Tcp(source, sender);
    tokio::select! {
        () = over.cancelled() => {}
        () = read(&core, reader, &route) => {}
    }
}

async fn read(core: &Arc<Core>, mut reader: OwnedReadHalf, route: &Route) {
    let mut framer = Framer::default();
    let mut buffer = vec![0; 65_536];
    loop {
        if core.faults().connections == Connections::NeverRead {
            std::future::pending::<()>().await;
        }
        let Ok(length @ 1..) = reader.read(&mut buffer).await else {
            return;
        };
        framer.push(&buffer[..length]);
        loop {
            match framer.next_message() {
                Ok(Some(_)) if core.faults().silent => {}
                Ok(Some(message)) => dispatch(core, message, route.clone(), None).await,
                Ok(None) => break,
                Err(error) => return core.violation(format!("{}: {error}", route.address())),
            }
        }
    }
}

/// Writes what is to go out; ending it closes the connection as the faults say.
async fn write(
    core: Arc<Core>,
    mut writer: OwnedWriteHalf,
    mut outgoing: mpsc::Receiver<Vec<u8>>,
    over: CancellationToken,
) {
    let work = async {
        while let Some(bytes) = outgoing.recv().await {
            let fault = core.faults().connections;
            let part = match fault {
                Connections::CloseInMessage => &bytes[..bytes.len() / 2],
                _ => &bytes[..],
            };
            if writer.write_all(part).await.is_err() {
                return;
            }
            if matches!(
                fault,
                Connections::CloseAfterMessage | Connections::CloseInMessage
            ) {
                return over.cancel();
            }
        }
    };
    tokio::select! {
        () = over.cancelled() => {}
        () = work => {}
    }
}

/// A message or two.
const UNREAD_BYTES: usize = 4096;
