//! All platforms: what they share, and what is known of each.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ipnet::IpNet;
use tokio::net::lookup_host;
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};
use tracing::{Instrument, info_span, warn};

use super::platform::Platform;
use super::ports::RtpPorts;
use super::settings::PlatformSettings;
use super::transport::{Peer, Sockets, Wire};
use crate::catalog::Catalog;
use crate::metrics::Metrics;
use crate::source::Sources;
use crate::task::Tasks;

/// What the gateway lends to its platforms.
#[derive(Clone, Debug)]
pub struct Gateway {
    /// Its name.
    pub name: String,
    /// Its administrative division.
    pub civil_code: String,
    /// The zone of all times towards platforms.
    pub timezone: chrono_tz::Tz,
    /// What is known of cameras.
    pub catalog: watch::Receiver<Arc<Catalog>>,
    /// The cameras.
    pub sources: Sources,
    /// Ports for media.
    pub ports: RtpPorts,
    /// Metrics.
    pub metrics: Metrics,
}

/// What is known of a platform.
#[derive(Clone, Debug)]
pub struct PlatformStatus {
    /// Its id in the configuration.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Where its SIP service is.
    pub address: String,
    /// Whether it has accepted our registration.
    pub is_registered: bool,
    /// Since when.
    pub since: SystemTime,
    /// Why it is not registered, as far as known.
    pub reason: Option<String>,
    /// Sessions that run.
    pub sessions: usize,
    /// Cameras that it may see.
    pub cameras: usize,
}

/// The platforms at work.
#[derive(Debug)]
pub struct Platforms(Vec<watch::Receiver<PlatformStatus>>);

impl Platforms {
    /// Starts a task for each platform on the given sockets; they end with `tasks`. The sockets' own
    /// tasks end with `signalling_tasks`, later: platforms say goodbye through them.
    pub fn start(
        settings: Vec<PlatformSettings>,
        sockets: Sockets,
        gateway: &Gateway,
        tasks: &Tasks,
        signalling_tasks: &Tasks,
    ) -> Self {
        let mut statuses = Vec::new();
        let mut peers = Vec::new();
        let mut inboxes = Vec::new();
        for platform in &settings {
            let (inbox, messages) = mpsc::channel(INBOX);
            let signalling = signalling(platform);
            peers.push(Peer {
                gb_id: platform.gb_id,
                signalling,
                inbox,
            });
            inboxes.push(messages);
        }
        let wire = Wire::start(sockets, peers, gateway.metrics.clone(), signalling_tasks);
        for (peer, (settings, inbox)) in settings.into_iter().zip(inboxes).enumerate() {
            let status = watch::Sender::new(PlatformStatus {
                id: settings.id.clone(),
                name: settings.name.clone(),
                address: format!("{}:{}", settings.host, settings.port),
                is_registered: false,
                since: wall_clock(),
                reason: Some("not tried yet".to_owned()),
                sessions: 0,
                cameras: 0,
            });
            statuses.push(status.subscribe());
            let span = info_span!("platform", id = settings.id);
            let task = run(
                peer,
                settings,
                wire.clone(),
                gateway.clone(),
                inbox,
                status,
                tasks.clone(),
            );
            tasks.spawn("platform", task.instrument(span));
        }
        Self(statuses)
    }

    /// What is known of each, in the order of the configuration.
    pub fn statuses(&self) -> Vec<PlatformStatus> {
        self.0
            .iter()
            .map(|status| status.borrow().clone())
            .collect()
    }
}

/// Finds the platform's address, then runs it.
async fn run(
    peer: usize,
    settings: PlatformSettings,
    wire: Wire,
    gateway: Gateway,
    inbox: mpsc::Receiver<super::transport::Inbound>,
    status: watch::Sender<PlatformStatus>,
    tasks: Tasks,
) {
    let cancelled = tasks.cancelled();
    let address = tokio::select! {
        () = cancelled.cancelled() => return,
        address = resolve(&settings) => address,
    };
    let local = settings
        .local_address
        .or_else(|| wire.bound_to())
        .or_else(|| source_towards(address))
        .unwrap_or_else(|| address.ip());
    let local = SocketAddr::new(local, wire.port());
    Platform::new(peer, settings, address, local, wire, gateway, status, tasks)
        .run(inbox)
        .await;
}

/// Resolves the platform's host, however long that takes.
async fn resolve(settings: &PlatformSettings) -> SocketAddr {
    loop {
        let found = timeout(
            LOOKUP_TIME,
            lookup_host((settings.host.as_str(), settings.port)),
        )
        .await;
        if let Ok(Ok(mut addresses)) = found
            && let Some(address) = addresses.next()
        {
            return address;
        }
        warn!(
            host = settings.host,
            "the platform's name does not resolve: trying again"
        );
        sleep(LOOKUP_PAUSE).await;
    }
}

/// The networks that may send as the platform; by default the host of its address.
fn signalling(settings: &PlatformSettings) -> Vec<IpNet> {
    if !settings.signalling.is_empty() {
        return settings.signalling.clone();
    }
    settings
        .host
        .parse::<IpAddr>()
        .map(IpNet::from)
        .into_iter()
        .collect()
}

/// The address that the kernel sends from towards `peer`; nothing is sent.
fn source_towards(peer: SocketAddr) -> Option<IpAddr> {
    let any: SocketAddr = if peer.is_ipv4() {
        "0.0.0.0:0".parse().ok()?
    } else {
        "[::]:0".parse().ok()?
    };
    let socket = std::net::UdpSocket::bind(any).ok()?;
    socket.connect(peer).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

#[expect(clippy::disallowed_methods, reason = "a shell reads the clock")]
pub(super) fn wall_clock() -> SystemTime {
    SystemTime::now()
}

/// Messages waiting for one platform's task.
const INBOX: usize = 512;
const LOOKUP_TIME: Duration = Duration::from_secs(5);
const LOOKUP_PAUSE: Duration = Duration::from_secs(10);
