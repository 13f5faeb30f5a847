//! A listener, and the cameras behind it: one, or many by their paths.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use bytes::BytesMut;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::camera::{Shared, sleep_until};
use super::connection::{Connection, End};
use super::group::Group;
use super::request::{self, Incoming, Response};
use super::visit::Visit;

/// Connections that may wait to be accepted: a storm of two thousand must not lose one.
const BACKLOG: u32 = 4096;

/// The pause before a camera that came back tries again to listen.
const BIND_PAUSE: Duration = Duration::from_millis(20);

/// The cameras behind an address.
#[derive(Debug)]
pub(super) enum Routes {
    One(Arc<Shared>),
    Paths(HashMap<String, Arc<Shared>>),
}

/// A listener that can be closed and opened again.
#[derive(Debug)]
pub(super) struct Host {
    address: SocketAddr,
    routes: Routes,
    group: Option<Group>,
    life: Mutex<Life>,
}

/// The tasks of a host from one opening to its close.
#[derive(Debug, Clone, Default)]
struct Life {
    ended: CancellationToken,
    tasks: TaskTracker,
}

pub(super) fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let listen = || {
        let socket = if address.is_ipv4() {
            TcpSocket::new_v4()?
        } else {
            TcpSocket::new_v6()?
        };
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    listen().with_context(|| format!("cannot listen at {address}"))
}

impl Host {
    /// Starts to listen.
    pub(super) fn start(
        listener: TcpListener,
        address: SocketAddr,
        routes: Routes,
        group: Option<Group>,
    ) -> Arc<Self> {
        let host = Arc::new(Self {
            address,
            routes,
            group,
            life: Mutex::default(),
        });
        host.spawn(listener);
        host
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Listens again after [`Self::close`].
    pub(super) fn open(self: &Arc<Self>) -> anyhow::Result<()> {
        let listener = bind(self.address)?;
        *self.life() = Life::default();
        self.spawn(listener);
        Ok(())
    }

    /// Refuses connections, closes those there are, and returns when all has ended.
    pub(super) async fn close(&self) {
        let life = self.life().clone();
        life.ended.cancel();
        life.tasks.close();
        life.tasks.wait().await;
    }

    /// Closes without waiting.
    pub(super) fn abort(&self) {
        self.life().ended.cancel();
    }

    fn life(&self) -> MutexGuard<'_, Life> {
        self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spawn(self: &Arc<Self>, listener: TcpListener) {
        let life = self.life().clone();
        life.tasks
            .spawn(self.clone().listen(listener, life.clone()));
    }

    /// Accepts connections while the host is open; a camera of its own takes the listener with it when it goes.
    async fn listen(self: Arc<Self>, listener: TcpListener, life: Life) {
        let mut listener = Some(listener);
        loop {
            match &listener {
                Some(open) => tokio::select! {
                    () = life.ended.cancelled() => return,
                    () = self.wait_until(false) => listener = None,
                    accepted = open.accept() => {
                        if let Ok((stream, _)) = accepted {
                            let serve = self.clone().serve(stream, life.ended.clone());
                            life.tasks.spawn(serve);
                        }
                    }
                },
                None => tokio::select! {
                    () = life.ended.cancelled() => return,
                    () = self.wait_until(true) => {
                        listener = bind(self.address).ok();
                        if listener.is_none() {
                            sleep_until(Some(Instant::now() + BIND_PAUSE)).await;
                        }
                    }
                },
            }
        }
    }

    /// Waits until the only camera is there, or is not; a host of many is always there.
    async fn wait_until(&self, is_up: bool) {
        match &self.routes {
            Routes::One(camera) => camera.wait_until(is_up).await,
            Routes::Paths(_) => std::future::pending().await,
        }
    }

    async fn serve(self: Arc<Self>, mut stream: TcpStream, ended: CancellationToken) {
        let mut visit = Visit::begin(self.group.clone(), Instant::now());
        let mut inbox = BytesMut::with_capacity(4096);
        let camera = tokio::select! {
            () = ended.cancelled() => return,
            camera = self.route(&mut stream, &mut inbox) => camera,
        };
        let Ok(Some(camera)) = camera else { return };
        visit.reach(&camera);
        let mut connection = Connection::new(camera.clone(), visit, stream, inbox);
        let end = tokio::select! {
            () = ended.cancelled() => End::Dead,
            () = camera.wait_until(false) => End::Dead,
            end = connection.run() => end,
        };
        let mut session = connection.into_session();
        if session.is_open() && matches!(end, End::ClientLeft) {
            session.abandon(&camera);
            if camera.settings.keeps_abandoned {
                tokio::select! {
                    () = ended.cancelled() => {}
                    () = camera.wait_until(false) => {}
                    () = tokio::time::sleep(camera.settings.session_timeout) => {}
                }
            }
        }
        session.end(&camera);
    }

    /// Finds the camera that a connection is for; of many by its first request, which stays in `inbox`.
    ///
    /// A request for no camera is answered with 404.
    async fn route(
        &self,
        stream: &mut TcpStream,
        inbox: &mut BytesMut,
    ) -> anyhow::Result<Option<Arc<Shared>>> {
        let paths = match &self.routes {
            Routes::One(camera) => return Ok(Some(camera.clone())),
            Routes::Paths(paths) => paths,
        };
        loop {
            if let Some(Incoming::Request(request)) = request::take(&mut inbox.clone())? {
                let camera = find(paths, request.path());
                let camera = camera.filter(|camera| camera.is_up(Instant::now()));
                if camera.is_none() {
                    let refusal = Response::new("404 Not Found", &request).into_bytes();
                    stream.write_all(&refusal).await?;
                }
                return Ok(camera);
            }
            if stream.read_buf(inbox).await? == 0 {
                return Ok(None);
            }
        }
    }
}

/// Finds the camera whose path begins this one.
fn find(paths: &HashMap<String, Arc<Shared>>, path: &str) -> Option<Arc<Shared>> {
    let ends = path.rmatch_indices('/').map(|(at, _)| at);
    std::iter::once(path.len())
        .chain(ends)
        .find_map(|end| paths.get(&path[..end]).cloned())
}
