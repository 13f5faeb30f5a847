//! All platforms: what they share, and what is known of each.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use ipnet::IpNet;
use tokio::net::lookup_host;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, info_span, warn};

use super::orders::{Order, SessionStatus};
use super::platform::{Beginning, Platform};
use super::ports::RtpPorts;
use super::settings::PlatformSettings;
use super::transport::{Inbound, Peer, Sockets, Wire};
use crate::catalog::Catalog;
use crate::clock::wall_clock;
use crate::descriptors::Descriptors;
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
    /// Descriptors for media.
    pub descriptors: Descriptors,
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
    /// Whether it has subscribed to the catalogue.
    pub is_subscribed: bool,
    /// Changes that it is still to be told.
    pub notices: usize,
}

/// What the configuration says to one platform's task.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Plan {
    pub(super) settings: PlatformSettings,
    pub(super) gateway_name: String,
    pub(super) timezone: chrono_tz::Tz,
}

/// The platforms at work. Cloning shares them.
#[derive(Clone, Debug)]
pub struct Platforms(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    wire: Wire,
    gateway: Gateway,
    tasks: Tasks,
    running: Mutex<Vec<Running>>,
}

/// A change of the platforms that has begun.
#[derive(Debug)]
pub struct PlatformsChange {
    plans: Vec<Plan>,
    ended: Vec<Running>,
}

/// A platform's task.
#[derive(Debug)]
struct Running {
    peer: usize,
    plan: watch::Sender<Plan>,
    status: watch::Receiver<PlatformStatus>,
    orders: mpsc::Sender<Order>,
    stop: CancellationToken,
}

impl Platforms {
    /// Starts to read the sockets; platforms come by [`Self::begin_change`], and end with `tasks`. The
    /// sockets' own tasks end with `signalling_tasks`, later: platforms say goodbye through them.
    pub fn start(
        sockets: Sockets,
        gateway: &Gateway,
        tasks: &Tasks,
        signalling_tasks: &Tasks,
    ) -> Self {
        Self(Arc::new(Shared {
            wire: Wire::start(sockets, gateway.metrics.clone(), signalling_tasks),
            gateway: gateway.clone(),
            tasks: tasks.clone(),
            running: Mutex::default(),
        }))
    }

    /// Begins to have exactly these platforms: tells those that stay what has changed, and ends those
    /// that are gone or begin anew. `name` and `timezone` are the gateway's.
    pub fn begin_change(
        &self,
        settings: &[PlatformSettings],
        name: &str,
        timezone: chrono_tz::Tz,
    ) -> PlatformsChange {
        let plans: Vec<_> = settings
            .iter()
            .map(|settings| Plan {
                settings: settings.clone(),
                gateway_name: name.to_owned(),
                timezone,
            })
            .collect();
        let ended = self.take_ended(settings);
        for running in &ended {
            running.stop.cancel();
        }
        for running in self.running().iter() {
            let id = running.plan.borrow().settings.id.clone();
            let Some(new) = plans.iter().find(|plan| plan.settings.id == id) else {
                continue;
            };
            running.plan.send_if_modified(|old| {
                let is_new = old != new;
                *old = new.clone();
                is_new
            });
        }
        PlatformsChange { plans, ended }
    }

    /// Waits for those that end, and starts those that are new.
    pub async fn finish_change(&self, change: PlatformsChange) {
        let PlatformsChange { plans, ended } = change;
        for mut running in ended {
            // The task's end drops what it tells its status by.
            while running.status.changed().await.is_ok() {}
            self.0.wire.remove_peer(running.peer);
        }
        let mut running = self.running();
        let mut kept = std::mem::take(&mut *running);
        for plan in plans {
            let id = &plan.settings.id;
            let is_it = |running: &Running| running.plan.borrow().settings.id == *id;
            let found = kept.iter().position(is_it);
            running.push(match found {
                Some(index) => kept.swap_remove(index),
                None => self.run(plan),
            });
        }
    }

    /// Those that are gone, or begin anew.
    fn take_ended(&self, settings: &[PlatformSettings]) -> Vec<Running> {
        let goes_on = |running: &Running| {
            let old = running.plan.borrow();
            let new = settings.iter().find(|new| new.id == old.settings.id);
            new.is_some_and(|new| !old.settings.begins_anew(new))
        };
        let mut running = self.running();
        let (kept, ended) = std::mem::take(&mut *running).into_iter().partition(goes_on);
        *running = kept;
        ended
    }

    fn run(&self, plan: Plan) -> Running {
        let (inbox, messages) = mpsc::channel(INBOX);
        let (orders, ordered) = mpsc::channel(ORDERS);
        let Shared {
            wire,
            gateway,
            tasks,
            ..
        } = &*self.0;
        let settings = &plan.settings;
        let peer = wire.add_peer(Peer {
            gb_id: settings.gb_id,
            signalling: signalling(settings),
            inbox,
        });
        let status = watch::Sender::new(PlatformStatus {
            id: settings.id.clone(),
            name: settings.name.clone(),
            address: format!("{}:{}", settings.host, settings.port),
            is_registered: false,
            since: wall_clock(),
            reason: Some("not tried yet".to_owned()),
            sessions: 0,
            cameras: 0,
            is_subscribed: false,
            notices: 0,
        });
        let registered = &gateway.metrics.platform_registered;
        registered.with_label_values(&[&settings.id]).set(0);
        let stop = tasks.cancelled().child_token();
        let running_status = status.subscribe();
        let span = info_span!("platform", id = settings.id);
        let plan = watch::Sender::new(plan);
        let beginning = Beginning {
            peer,
            plan: plan.subscribe(),
            wire: wire.clone(),
            gateway: gateway.clone(),
            status,
            tasks: tasks.clone(),
            stop: stop.clone(),
        };
        tasks.spawn(
            "platform",
            run(beginning, messages, ordered).instrument(span),
        );
        Running {
            peer,
            plan,
            status: running_status,
            orders,
            stop,
        }
    }

    /// What is known of each, in the order of the configuration.
    pub fn statuses(&self) -> Vec<PlatformStatus> {
        let running = self.running();
        running
            .iter()
            .map(|running| running.status.borrow().clone())
            .collect()
    }

    /// The settings of each, in the order of the configuration.
    pub fn settings(&self) -> Vec<PlatformSettings> {
        let running = self.running();
        running
            .iter()
            .map(|running| running.plan.borrow().settings.clone())
            .collect()
    }

    /// Who watches now, over all platforms.
    pub async fn sessions(&self) -> Vec<SessionStatus> {
        let mut sessions = Vec::new();
        for orders in self.order_queues() {
            let (answer, answered) = oneshot::channel();
            // A platform whose address is still looked for reads no orders, and has no sessions.
            if orders.try_send(Order::Sessions(answer)).is_ok()
                && let Ok(Ok(told)) = timeout(ORDER_TIME, answered).await
            {
                sessions.extend(told);
            }
        }
        sessions.sort_by(|a, b| (a.since, &a.id).cmp(&(b.since, &b.id)));
        sessions
    }

    /// Ends a session; `false` where there is none of that id.
    pub async fn stop_session(&self, id: &str) -> bool {
        for orders in self.order_queues() {
            let (answer, answered) = oneshot::channel();
            let is_sent = orders.try_send(Order::Stop(id.to_owned(), answer)).is_ok();
            if is_sent && matches!(timeout(ORDER_TIME, answered).await, Ok(Ok(true))) {
                return true;
            }
        }
        false
    }

    fn order_queues(&self) -> Vec<mpsc::Sender<Order>> {
        self.running()
            .iter()
            .map(|running| running.orders.clone())
            .collect()
    }

    fn running(&self) -> MutexGuard<'_, Vec<Running>> {
        self.0
            .running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Finds the platform's address, then runs it.
async fn run(beginning: Beginning, inbox: mpsc::Receiver<Inbound>, orders: mpsc::Receiver<Order>) {
    let settings = beginning.plan.borrow().settings.clone();
    let stop = beginning.stop.clone();
    let address = tokio::select! {
        () = stop.cancelled() => return,
        address = resolve(&settings) => address,
    };
    let wire = &beginning.wire;
    let local = settings
        .local_address
        .or_else(|| wire.bound_to())
        .or_else(|| source_towards(address))
        .unwrap_or_else(|| address.ip());
    let local = SocketAddr::new(local, wire.port());
    let platform = Platform::new(beginning, address, local);
    platform.run(inbox, orders).await;
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
pub(super) fn signalling(settings: &PlatformSettings) -> Vec<IpNet> {
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

const ORDER_TIME: Duration = Duration::from_secs(1);
/// Orders of operators waiting for one platform's task.
const ORDERS: usize = 16;
/// Messages waiting for one platform's task.
const INBOX: usize = 512;
const LOOKUP_TIME: Duration = Duration::from_secs(5);
const LOOKUP_PAUSE: Duration = Duration::from_secs(10);
