//! What all parts of a platform share: sockets, counters, registration, running transactions.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use anyhow::Context as _;
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::challenge::Nonces;
use super::events::{EventLog, Transport, What};
use super::flood::Floods;
use super::manscdp::Element;
use super::notify::Notifying;
use super::script::Script;
use super::settings::{Faults, Settings};
use super::sip::Message;
use super::tasks::{Tasks, lock, random};

/// Where a message came from, and how an answer goes back.
#[derive(Clone, Debug)]
pub(super) enum Route {
    Udp(SocketAddr),
    /// By another socket than the platform's own.
    UdpBy(SocketAddr, Arc<UdpSocket>),
    Tcp(SocketAddr, mpsc::Sender<Vec<u8>>),
}

impl Route {
    pub(super) fn address(&self) -> SocketAddr {
        match self {
            Self::Udp(address) | Self::UdpBy(address, _) | Self::Tcp(address, _) => *address,
        }
    }

    pub(super) fn transport(&self) -> Transport {
        match self {
            Self::Udp(_) | Self::UdpBy(..) => Transport::Udp,
            Self::Tcp(..) => Transport::Tcp,
        }
    }

    pub(super) fn via_name(&self) -> &'static str {
        match self {
            Self::Udp(_) | Self::UdpBy(..) => "UDP",
            Self::Tcp(..) => "TCP",
        }
    }
}

/// A socket that requests leave by after the platform moved.
#[derive(Debug)]
pub(super) struct Elsewhere {
    pub(super) socket: Arc<UdpSocket>,
    pub(super) address: SocketAddr,
    pub(super) is_hidden: bool,
}

/// Who waits for responses, and at which address a datagram must come.
type Listening = (mpsc::Sender<(Message, Route)>, SocketAddr);

/// The lower platform, as long as it is registered.
#[derive(Clone, Debug)]
pub(super) struct Registration {
    pub(super) route: Route,
    pub(super) call_id: String,
    pub(super) expires_at: Instant,
}

/// A dialog that the lower platform may end.
#[derive(Debug)]
pub(super) struct DialogEnd {
    pub(super) local_tag: String,
    pub(super) remote_tag: String,
    pub(super) ended: watch::Sender<Option<Instant>>,
}

/// The answers given, by transaction, for retransmitted requests.
#[derive(Debug, Default)]
pub(super) struct Answered {
    answers: HashMap<String, Vec<u8>>,
    order: VecDeque<String>,
}

#[derive(Debug)]
pub(super) struct Core {
    pub(super) settings: Settings,
    pub(super) address: SocketAddr,
    pub(super) udp: Arc<UdpSocket>,
    /// Where requests over UDP leave instead.
    pub(super) elsewhere: Mutex<Option<Elsewhere>>,
    /// Ends the connections that there are.
    pub(super) connections: Mutex<CancellationToken>,
    pub(super) faults: Mutex<Faults>,
    pub(super) script: Script,
    pub(super) events: EventLog,
    pub(super) registration: watch::Sender<Option<Registration>>,
    pub(super) nonces: Mutex<Nonces>,
    pub(super) answered: Mutex<Answered>,
    pub(super) dialogs: Mutex<HashMap<String, DialogEnd>>,
    pub(super) waiting: Mutex<HashMap<u32, mpsc::Sender<Element>>>,
    pub(super) notifying: Notifying,
    pub(super) floods: Floods,
    pub(super) tasks: Tasks,
    transactions: Mutex<HashMap<String, Listening>>,
    tags: Mutex<RandomState>,
    cseq: AtomicU32,
    sn: AtomicU32,
    ssrc: AtomicU32,
}

impl Core {
    pub(super) fn new(settings: Settings, udp: UdpSocket, address: SocketAddr) -> Self {
        let tasks = Tasks::default();
        Self {
            faults: Mutex::new(settings.faults),
            script: Script::new(&settings.script),
            settings,
            address,
            udp: Arc::new(udp),
            elsewhere: Mutex::default(),
            connections: Mutex::new(tasks.child()),
            tasks,
            events: EventLog::new(),
            registration: watch::Sender::new(None),
            nonces: Mutex::default(),
            answered: Mutex::default(),
            dialogs: Mutex::default(),
            waiting: Mutex::default(),
            notifying: Notifying::default(),
            floods: Floods::default(),
            transactions: Mutex::default(),
            tags: Mutex::default(),
            cseq: AtomicU32::new(100),
            sn: AtomicU32::new(1000),
            ssrc: AtomicU32::new(0),
        }
    }

    /// The next CSeq: one counter for the whole platform, so that it jumps inside a dialog.
    pub(super) fn next_cseq(&self) -> u32 {
        self.cseq.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn next_sn(&self) -> u32 {
        self.sn.fetch_add(1, Ordering::Relaxed)
    }

    /// The next `y=` for live media: 0, digits 4 to 8 of the domain, a serial of four.
    pub(super) fn next_y(&self) -> String {
        let serial = self.ssrc.fetch_add(1, Ordering::Relaxed) % 10_000;
        let domain = self.settings.domain.get(3..8).unwrap_or("00000");
        format!("0{domain}{serial:04}")
    }

    /// The To tag that the platform gives in answers under a Call-ID.
    pub(super) fn tag_for(&self, call_id: &str) -> String {
        format!("{:08x}", lock(&self.tags).hash_one(call_id) >> 32)
    }

    /// Where the lower platform is.
    pub(super) fn lower_route(&self) -> anyhow::Result<Route> {
        let registration = self.registration.borrow();
        let route = registration.as_ref().map(|known| known.route.clone());
        route.context("the lower platform is not registered")
    }

    pub(super) fn faults(&self) -> Faults {
        *lock(&self.faults)
    }

    pub(super) fn violation(&self, what: impl Into<String>) {
        self.events.push(What::Violation(what.into()));
    }

    pub(super) async fn send(&self, route: &Route, bytes: Vec<u8>) {
        if self.faults().silent {
            return;
        }
        match route {
            // A send error of UDP is a lost datagram, and SIP lives with those.
            Route::Udp(address) => {
                let socket = self.socket_for(&bytes);
                drop(socket.send_to(&bytes, address).await);
            }
            Route::UdpBy(address, socket) => drop(socket.send_to(&bytes, address).await),
            Route::Tcp(_, connection) => drop(connection.send(bytes).await),
        }
    }

    /// Requests leave elsewhere after a move; answers leave where the request came in.
    fn socket_for(&self, bytes: &[u8]) -> Arc<UdpSocket> {
        let elsewhere = lock(&self.elsewhere);
        match &*elsewhere {
            Some(elsewhere) if !bytes.starts_with(b"SIP/2.0 ") => Arc::clone(&elsewhere.socket),
            _ => Arc::clone(&self.udp),
        }
    }

    /// The address that the platform names as its own.
    pub(super) fn contact(&self) -> SocketAddr {
        match &*lock(&self.elsewhere) {
            Some(elsewhere) if !elsewhere.is_hidden => elsewhere.address,
            _ => self.address,
        }
    }

    /// Where an answer to a datagram that leaves now must come.
    fn source(&self) -> SocketAddr {
        match &*lock(&self.elsewhere) {
            Some(elsewhere) => elsewhere.address,
            None => self.address,
        }
    }

    /// The Via of a request on that route; `odd` leaves the cookie out.
    pub(super) fn via(&self, route: &Route, odd: bool) -> (String, String) {
        let cookie = if odd { "" } else { "z9hG4bK" };
        let branch = format!("{cookie}{:016x}", random());
        (
            format!(
                "SIP/2.0/{} {};rport;branch={branch}",
                route.via_name(),
                self.contact()
            ),
            branch,
        )
    }

    /// Sends a request that has a Via with that branch, and gives out its responses.
    pub(super) async fn begin(
        self: &Arc<Self>,
        request: &Message,
        branch: &str,
        route: &Route,
    ) -> Transaction {
        // CANCEL has the branch of its INVITE (RFC 3261 §17.1.3).
        let key = format!("{branch} {}", request.method());
        let (sender, responses) = mpsc::channel(RESPONSES_MAX);
        let source = self.source();
        lock(&self.transactions).insert(key.clone(), (sender, source));
        let transaction = Transaction {
            core: Arc::clone(self),
            keys: vec![key],
            responses,
        };
        self.send(route, request.to_bytes()).await;
        transaction
    }

    /// Gives a response to who waits for it; `local` is the socket that a datagram came to.
    pub(super) fn handle_response(
        &self,
        response: Message,
        route: Route,
        local: Option<SocketAddr>,
    ) {
        let key = format!(
            "{} {}",
            response.branch().unwrap_or_default(),
            response.method()
        );
        if self.floods.take_response(&response) {
            return;
        }
        let Some((sender, source)) = lock(&self.transactions).get(&key).cloned() else {
            // Retransmissions of answers to finished transactions are usual.
            return;
        };
        // RFC 3581 §4: to where the request came from, whatever its Via says.
        if let Some(local) = local.filter(|local| *local != source) {
            self.violation(format!(
                "{} to {key} came to {local}, its request left from {source}",
                response.code()
            ));
        }
        if sender.try_send((response, route)).is_err() {
            self.violation("a flood of responses to one request");
        }
    }

    /// Forgets everything but what a file would keep, and ends all connections.
    pub(super) fn restart(&self, keeps_nonces: bool) {
        self.registration.send_replace(None);
        if !keeps_nonces {
            *lock(&self.nonces) = Nonces::default();
        }
        *lock(&self.answered) = Answered::default();
        *lock(&self.tags) = RandomState::new();
        lock(&self.dialogs).clear();
        lock(&self.waiting).clear();
        lock(&self.transactions).clear();
        self.notifying.forget();
        let mut connections = lock(&self.connections);
        connections.cancel();
        *connections = self.tasks.child();
    }

    /// The answer already given to a retransmission of this request.
    pub(super) fn repeated(&self, key: &str) -> Option<Vec<u8>> {
        lock(&self.answered).answers.get(key).cloned()
    }

    pub(super) fn remember(&self, key: String, answer: Vec<u8>) {
        let mut answered = lock(&self.answered);
        answered.order.push_back(key.clone());
        answered.answers.insert(key, answer);
        while answered.order.len() > ANSWERED_MAX {
            if let Some(oldest) = answered.order.pop_front() {
                answered.answers.remove(&oldest);
            }
        }
    }
}

/// One request of ours that is still listened for; dropping it stops that.
#[derive(Debug)]
pub(super) struct Transaction {
    core: Arc<Core>,
    keys: Vec<String>,
    responses: mpsc::Receiver<(Message, Route)>,
}

impl Transaction {
    /// Gives out the responses to a copy of the request under another branch too.
    pub(super) fn listen_to(&mut self, branch: &str, method: &str) {
        let mut transactions = lock(&self.core.transactions);
        let Some(sender) = transactions.get(&self.keys[0]).cloned() else {
            return;
        };
        let key = format!("{branch} {method}");
        transactions.insert(key.clone(), sender);
        self.keys.push(key);
    }

    pub(super) async fn response(&mut self) -> Option<(Message, Route)> {
        self.responses.recv().await
    }

    /// Waits for a status of 200 or above.
    pub(super) async fn final_response(&mut self) -> Option<(Message, Route)> {
        loop {
            let (response, route) = self.response().await?;
            if response.code() >= 200 {
                return Some((response, route));
            }
        }
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        let mut transactions = lock(&self.core.transactions);
        for key in &self.keys {
            transactions.remove(key);
        }
    }
}

/// A 200 may be repeated for 32 s.
const RESPONSES_MAX: usize = 64;

/// More answers than 32 s of catalogue pages need.
const ANSWERED_MAX: usize = 50_000;
