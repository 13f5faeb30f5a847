//! The sockets of a platform: datagrams and connections in, messages to the right place.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::core::{Core, Route};
use super::requests;
use super::settings::Settings;
use super::sip::framer::Framer;
use super::sip::{Message, Start};

/// Binds both transports to one port and starts listening.
pub(super) async fn start(settings: Settings) -> anyhow::Result<Arc<Core>> {
    let (udp, listener, address) = bind(settings.sip).await?;
    let core = Arc::new(Core::new(settings, udp, address));
    core.tasks.spawn(read_datagrams(Arc::clone(&core)));
    core.tasks.spawn(accept(Arc::clone(&core), listener));
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

async fn read_datagrams(core: Arc<Core>) {
    let mut buffer = vec![0; 65_536];
    loop {
        // An error here is an ICMP answer to a datagram of ours.
        let Ok((length, source)) = core.udp.recv_from(&mut buffer).await else {
            continue;
        };
        let datagram = &buffer[..length];
        if core.faults().silent || datagram.trim_ascii().is_empty() {
            continue;
        }
        match Message::parse(datagram) {
            Ok(message) => {
                check_size(&core, &message, length);
                dispatch(&core, message, Route::Udp(source)).await;
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

async fn accept(core: Arc<Core>, listener: TcpListener) {
    loop {
        if let Ok((stream, source)) = listener.accept().await {
            core.tasks.spawn(serve(Arc::clone(&core), stream, source));
        }
    }
}

async fn serve(core: Arc<Core>, stream: TcpStream, source: SocketAddr) {
    let (mut reader, mut writer) = stream.into_split();
    let (sender, mut outgoing) = mpsc::channel::<Vec<u8>>(256);
    core.tasks.spawn(async move {
        while let Some(bytes) = outgoing.recv().await {
            if writer.write_all(&bytes).await.is_err() {
                return;
            }
        }
    });
    let route = Route::Tcp(source, sender);
    let mut framer = Framer::default();
    let mut buffer = vec![0; 65_536];
    loop {
        let Ok(length @ 1..) = reader.read(&mut buffer).await else {
            return;
        };
        framer.push(&buffer[..length]);
        loop {
            match framer.next_message() {
                Ok(Some(_)) if core.faults().silent => {}
                Ok(Some(message)) => dispatch(&core, message, route.clone()).await,
                Ok(None) => break,
                Err(error) => return core.violation(format!("{source}: {error}")),
            }
        }
    }
}

async fn dispatch(core: &Arc<Core>, message: Message, route: Route) {
    match message.start {
        Start::Request { .. } => requests::handle(core, &message, &route).await,
        Start::Response { .. } => core.handle_response(message, route),
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
