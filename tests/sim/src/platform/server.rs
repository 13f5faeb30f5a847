//! The sockets of a platform: datagrams and connections in, messages to the right place.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::net::{TcpListener, UdpSocket};
use tokio::time::{Instant, sleep_until};

use super::connection;
use super::core::{Core, Elsewhere, Route};
use super::requests;
use super::settings::Settings;
use super::sip::{Message, Start};
use super::tasks::lock;

/// Binds both transports to one port and starts listening.
pub(super) async fn start(settings: Settings) -> anyhow::Result<Arc<Core>> {
    let (udp, listener, address) = bind(settings.sip).await?;
    let core = Arc::new(Core::new(settings, udp, address));
    let own = Arc::clone(&core.udp);
    core.tasks.spawn(read_datagrams(Arc::clone(&core), own));
    core.tasks
        .spawn(connection::accept(Arc::clone(&core), listener));
    core.tasks.spawn(expire(Arc::clone(&core)));
    Ok(core)
}

async fn bind(wanted: SocketAddr) -> anyhow::Result<(UdpSocket, TcpListener, SocketAddr)> {
    let mut tries = 0;
    loop {
        let udp = UdpSocket::bind(wanted)
            .await
            .with_context(|| format!("cannot listen on {wanted}/udp"))?;
        let address = udp.local_addr()?;
        socket2::SockRef::from(&udp).set_recv_buffer_size(SIP_BUFFER_BYTES)?;
        match TcpListener::bind(address).await {
            Ok(listener) => return Ok((udp, listener, address)),
            // With port 0 the kernel may have given out a port that TCP uses already.
            Err(_) if wanted.port() == 0 && tries < 10 => tries += 1,
            Err(error) => {
                return Err(error).with_context(|| format!("cannot listen on {wanted}/tcp"));
            }
        }
    }
}

/// Moves the requests of the platform to a socket of their own.
pub(super) async fn send_from(
    core: &Arc<Core>,
    wanted: SocketAddr,
    is_hidden: bool,
) -> anyhow::Result<SocketAddr> {
    let socket = UdpSocket::bind(wanted)
        .await
        .with_context(|| format!("cannot send from {wanted}/udp"))?;
    let address = socket.local_addr()?;
    let socket = Arc::new(socket);
    core.tasks
        .spawn(read_datagrams(Arc::clone(core), Arc::clone(&socket)));
    *lock(&core.elsewhere) = Some(Elsewhere {
        socket,
        address,
        is_hidden,
    });
    Ok(address)
}

async fn read_datagrams(core: Arc<Core>, socket: Arc<UdpSocket>) {
    let Ok(local) = socket.local_addr() else {
        return;
    };
    let mut buffer = vec![0; 65_536];
    loop {
        // An error here is an ICMP answer to a datagram of ours.
        let Ok((length, source)) = socket.recv_from(&mut buffer).await else {
            continue;
        };
        let datagram = &buffer[..length];
        if core.faults().silent || datagram.trim_ascii().is_empty() {
            continue;
        }
        match Message::parse(datagram) {
            Ok(message) => {
                check_size(&core, &message, length);
                let route = if local == core.address {
                    Route::Udp(source)
                } else {
                    Route::UdpBy(source, Arc::clone(&socket))
                };
                dispatch(&core, message, route, Some(local)).await;
            }
            Err(error) => core.violation(format!("{source}: {error}")),
        }
    }
}

/// A datagram of more than 1,300 bytes may carry one catalogue item and no more (RFC 3261 §18.1.1).
fn check_size(core: &Core, message: &Message, length: usize) {
    let items = message
        .body
        .windows(6)
        .filter(|window| window == b"<Item>")
        .count();
    let limit = if items == 1 {
        DATAGRAM_BYTES_LONG
    } else {
        DATAGRAM_BYTES_USUAL
    };
    if length > limit {
        core.violation(format!(
            "{} of {length} bytes with {items} items over UDP",
            message.method()
        ));
    }
}

/// Gives a message to who handles it.
pub(super) async fn dispatch(
    core: &Arc<Core>,
    message: Message,
    route: Route,
    local: Option<SocketAddr>,
) {
    match message.start {
        Start::Request { .. } => requests::handle(core, &message, &route).await,
        Start::Response { .. } => core.handle_response(message, route, local),
    }
}

/// Ends a registration whose time is over.
async fn expire(core: Arc<Core>) {
    let mut registration = core.registration.subscribe();
    loop {
        let expires_at = registration
            .borrow_and_update()
            .as_ref()
            .map(|known| known.expires_at);
        let over = async {
            match expires_at {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = registration.changed() => if changed.is_err() { return },
            () = over => {
                core.registration.send_if_modified(|known| {
                    let is_over = known.as_ref().is_some_and(|known| known.expires_at <= Instant::now());
                    if is_over {
                        *known = None;
                    }
                    is_over
                });
            }
        }
    }
}

/// Room for a burst of catalogue pages.
const SIP_BUFFER_BYTES: usize = 4 << 20;

/// RFC 3261 §18.1.1: within 200 bytes of an MTU of 1,500.
const DATAGRAM_BYTES_USUAL: usize = 1300;

/// One catalogue item that is too long alone.
const DATAGRAM_BYTES_LONG: usize = 8000;
