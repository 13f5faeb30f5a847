//! The task of one platform: its registration, its transactions, its calls.
//!
//! It owns the clock and draws the random numbers; what to do is decided by the cores it drives:
//! [`Registration`], [`Heartbeat`] and [`Agent`].

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::calls::Calls;
use super::orders::Order;
use super::platforms::{Gateway, Plan, PlatformStatus, signalling};
use super::queries::Queries;
use super::requests::{Requests, token};
use super::session;
use super::settings::PlatformSettings;
use super::telling::Telling;
use super::transport::{Inbound, Wire};
use crate::proto::gb28181::{Heartbeat, HeartbeatEvent, Registration};
use crate::proto::sip::{Agent, Event, Message, Method, Request, Response, Target, TransactionId};
use crate::task::Tasks;

/// One platform.
#[derive(Debug)]
pub(super) struct Platform {
    pub(super) settings: PlatformSettings,
    pub(super) gateway: Gateway,
    pub(super) wire: Wire,
    pub(super) requests: Requests,
    pub(super) agent: Agent,
    pub(super) calls: Calls,
    pub(super) queries: Queries,
    pub(super) tasks: Tasks,
    pub(super) status: watch::Sender<PlatformStatus>,
    /// Where our requests go.
    pub(super) target: Target,
    pub(super) registration: Registration,
    pub(super) heartbeat: Option<Heartbeat>,
    /// The REGISTER sent last.
    pub(super) newest_register: Option<TransactionId>,
    /// What each open request of ours is for.
    pub(super) open: HashMap<TransactionId, Purpose>,
    /// When running media ends, after the platform was lost.
    pub(super) media_until: Option<Instant>,
    /// SN of the notices we send.
    pub(super) notice_number: u32,
    pub(super) telling: Telling,
    /// What the configuration says now.
    plan: watch::Receiver<Plan>,
    stop: CancellationToken,
}

/// What a platform's task begins with.
#[derive(Debug)]
pub(super) struct Beginning {
    /// Its number among the peers of the wire.
    pub(super) peer: usize,
    /// What the configuration says; it is followed.
    pub(super) plan: watch::Receiver<Plan>,
    pub(super) wire: Wire,
    pub(super) gateway: Gateway,
    pub(super) status: watch::Sender<PlatformStatus>,
    /// Its sessions are spawned there.
    pub(super) tasks: Tasks,
    /// Ends it.
    pub(super) stop: CancellationToken,
}

/// What a request of ours is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Purpose {
    Register,
    Unregister,
    Keepalive,
    Answer,
    Page,
    Bye,
    /// Notices of the catalogue; the subscription that is ended says goodbye without them.
    Notice,
    Farewell,
}

impl Platform {
    /// Requests go to `address`; we call ourselves `local`.
    pub(super) fn new(beginning: Beginning, address: SocketAddr, local: SocketAddr) -> Self {
        let Beginning {
            peer,
            mut plan,
            wire,
            mut gateway,
            status,
            tasks,
            stop,
        } = beginning;
        let now = Instant::now().into_std();
        let Plan {
            settings,
            gateway_name,
            timezone,
        } = plan.borrow_and_update().clone();
        (gateway.name, gateway.timezone) = (gateway_name, timezone);
        Self {
            requests: Requests::new(peer, local, settings.transport),
            agent: Agent::default(),
            calls: Calls::default(),
            queries: Queries::default(),
            target: Target {
                transport: settings.transport,
                address,
            },
            registration: Registration::new(
                settings.register_expires,
                settings.domain.clone(),
                now,
            ),
            heartbeat: None,
            newest_register: None,
            open: HashMap::new(),
            media_until: None,
            notice_number: 0,
            telling: Telling::new(gateway.sources.changes()),
            settings,
            gateway,
            wire,
            status,
            tasks,
            plan,
            stop,
        }
    }

    /// Runs until it is stopped; then ends the calls and unregisters.
    pub(super) async fn run(
        mut self,
        mut inbox: mpsc::Receiver<Inbound>,
        mut orders: mpsc::Receiver<Order>,
    ) {
        let stop = self.stop.clone();
        let (events, mut sessions) = mpsc::channel(SESSION_EVENTS);
        self.calls.set_events(events);
        let mut catalog = self.gateway.catalog.clone();
        catalog.mark_unchanged();
        let mut plan = self.plan.clone();
        plan.mark_unchanged();
        self.follow_catalog();
        loop {
            self.handle_timeout();
            self.handle_agent();
            self.send_pages();
            self.send_notices();
            self.transmit().await;
            let deadline = self.deadline();
            tokio::select! {
                () = stop.cancelled() => break,
                Some(inbound) = inbox.recv() => self.handle_inbound(inbound),
                Some(event) = sessions.recv() => self.handle_session(event),
                change = self.telling.changes.recv() => self.handle_change(change.ok()),
                Ok(()) = catalog.changed() => self.follow_catalog(),
                Ok(()) = plan.changed() => self.follow_catalog(),
                Some(order) = orders.recv() => self.handle_order(order),
                () = sleep_until(deadline) => {}
            }
            self.tell();
        }
        self.say_goodbye(&mut inbox).await;
    }

    /// Takes over what may change while it runs, where it has; the rest starts a new task.
    pub(super) fn take_plan(&mut self) {
        if !self.plan.has_changed().unwrap_or(false) {
            return;
        }
        let Plan {
            settings,
            gateway_name,
            timezone,
        } = self.plan.borrow_and_update().clone();
        info!("settings have changed");
        let keepalive_changed = settings.keepalive != self.settings.keepalive;
        let has_new_login = (&settings.username, &settings.password)
            != (&self.settings.username, &self.settings.password);
        self.wire
            .set_signalling(self.requests.peer, signalling(&settings));
        (self.gateway.name, self.gateway.timezone) = (gateway_name, timezone);
        self.settings = settings;
        self.registration
            .set_expires(self.settings.register_expires);
        if has_new_login && !self.is_registered() {
            self.registration.hurry(Instant::now().into_std());
        }
        self.end_calls_outside();
        if keepalive_changed && self.heartbeat.is_some() {
            let (now, keepalive) = (Instant::now().into_std(), self.settings.keepalive);
            let heartbeat = Heartbeat::new(keepalive.interval, keepalive.missed_max, now);
            self.heartbeat = Some(heartbeat);
        }
        let name = self.settings.name.clone();
        self.status.send_modify(|status| status.name = name);
    }

    /// Whether the platform has accepted our registration.
    pub(super) fn is_registered(&self) -> bool {
        self.registration.is_registered()
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Sends a request of ours.
    pub(super) fn request(&mut self, request: &Request, purpose: Purpose) -> Option<TransactionId> {
        let now = Instant::now().into_std();
        let id = self.agent.request(now, request, self.target);
        match id {
            Some(id) => {
                self.open.insert(id, purpose);
            }
            None => warn!(
                method = request.method.as_str(),
                "too many requests are open: not sent"
            ),
        }
        id
    }

    /// Answers a request of theirs.
    pub(super) fn respond(&mut self, id: TransactionId, request: &Request, response: Response) {
        if response.code >= 200 {
            let (metrics, platform) = (&self.gateway.metrics, &self.settings.id);
            metrics.count_request(
                platform,
                "in",
                method_label(&request.method),
                Some(response.code),
            );
        }
        let response = response.with("User-Agent", super::requests::USER_AGENT);
        self.agent.respond(Instant::now().into_std(), id, &response);
    }

    fn deadline(&self) -> Instant {
        let mut deadlines = vec![Instant::now() + IDLE];
        deadlines.extend(self.registration.poll_timeout().map(Instant::from_std));
        deadlines.extend(
            self.heartbeat
                .as_ref()
                .map(|heartbeat| Instant::from_std(heartbeat.poll_timeout())),
        );
        deadlines.extend(self.agent.poll_timeout().map(Instant::from_std));
        deadlines.extend(self.media_until);
        deadlines.extend(self.telling.poll_timeout());
        deadlines.into_iter().min().unwrap_or_else(Instant::now)
    }

    fn handle_timeout(&mut self) {
        let now = Instant::now();
        self.agent.handle_timeout(now.into_std());
        if self.registration.handle_timeout(now.into_std()) {
            self.send_register(Purpose::Register);
        }
        match self
            .heartbeat
            .as_mut()
            .and_then(|heartbeat| heartbeat.handle_timeout(now.into_std()))
        {
            Some(HeartbeatEvent::Beat) => self.send_keepalive(),
            Some(HeartbeatEvent::Lost) => self.lose("keepalives were not answered"),
            None => {}
        }
        self.handle_telling_timeout(now);
        if self.media_until.is_some_and(|at| at <= now) {
            self.media_until = None;
            warn!("the platform stays lost: media ends");
            self.end_all_calls();
        }
    }

    pub(super) fn handle_agent(&mut self) {
        while let Some(event) = self.agent.poll_event() {
            match event {
                Event::Request(id, request, _) => self.handle_request(id, request),
                Event::Ack(request, _) => self.handle_ack(&request),
                Event::AckMissing(id) => self.handle_ack_missing(id),
                Event::Response(id, response) => self.handle_response(id, Some(response)),
                Event::Timeout(id) => self.handle_response(id, None),
            }
        }
    }

    pub(super) async fn transmit(&mut self) {
        while let Some(transmit) = self.agent.poll_transmit() {
            if let Err(error) = self.wire.send(transmit).await {
                debug!(%error, "SIP message not sent");
            }
        }
    }

    pub(super) fn handle_inbound(&mut self, Inbound { message, source }: Inbound) {
        if let Message::Request(request) = &message {
            debug!(method = request.method.as_str(), source = %source.address, "request");
        }
        // What it may do was decided before it asked.
        if self.plan.has_changed().unwrap_or(false) {
            self.follow_catalog();
        }
        let refused = self.agent.refused();
        self.agent
            .handle_input(Instant::now().into_std(), message, source);
        if self.agent.refused() > refused {
            self.gateway.metrics.refuse("sip_overload");
            if self.wire.is_allowed_to_log() {
                warn!(source = %source.address, "too many transactions are open");
            }
        }
    }

    fn handle_request(&mut self, id: TransactionId, request: Request) {
        match request.method {
            Method::Message => self.handle_message(id, &request),
            Method::Invite => self.handle_invite(id, request),
            Method::Cancel => self.handle_cancel(id, &request),
            Method::Bye => self.handle_bye(id, &request),
            Method::Info => self.handle_info(id, &request),
            Method::Options => {
                let answer = request.answer(200, &token()).with("Allow", ALLOW);
                self.respond(id, &request, answer);
            }
            Method::Notify => self.respond(id, &request, request.answer(200, &token())),
            Method::Subscribe => self.handle_subscribe(id, &request),
            _ => {
                let answer = request.answer(405, &token()).with("Allow", ALLOW);
                self.respond(id, &request, answer);
            }
        }
    }

    fn handle_response(&mut self, id: TransactionId, response: Option<Response>) {
        let Some(purpose) = self.open.remove(&id) else {
            return;
        };
        let code = response.as_ref().map(|response| response.code);
        let method = match purpose {
            Purpose::Register | Purpose::Unregister => "REGISTER",
            Purpose::Keepalive | Purpose::Answer | Purpose::Page => "MESSAGE",
            Purpose::Bye => "BYE",
            Purpose::Notice | Purpose::Farewell => "NOTIFY",
        };
        self.gateway
            .metrics
            .count_request(&self.settings.id, "out", method, code);
        match purpose {
            // The answer to a REGISTER before the newest says nothing any more.
            Purpose::Register if self.newest_register == Some(id) => {
                self.handle_registered(response);
            }
            Purpose::Register => {}
            Purpose::Keepalive => self.handle_keepalive(code),
            Purpose::Page => self.queries.handle_page_answer(id),
            Purpose::Unregister => self.handle_unregistered(response),
            Purpose::Notice => self.handle_notice_answer(id, code),
            Purpose::Answer | Purpose::Bye | Purpose::Farewell => {}
        }
    }

    /// Tells the numbers that changed.
    fn tell(&mut self) {
        for _ in 0..self.telling.take_dropped() {
            self.gateway.metrics.refuse("notice_overflow");
        }
        let (sessions, notices) = (self.calls.len(), self.telling.notices.len());
        let is_subscribed = self.telling.subscription.is_some();
        self.status.send_if_modified(|status| {
            let old = (status.sessions, status.notices, status.is_subscribed);
            (status.sessions, status.notices, status.is_subscribed) =
                (sessions, notices, is_subscribed);
            old != (sessions, notices, is_subscribed)
        });
    }
}

impl Platform {
    fn handle_session(&mut self, event: session::Event) {
        match event {
            session::Event::Ready { call_id, port, ack } => self.answer_call(&call_id, port, ack),
            session::Event::Refused {
                call_id,
                code,
                reason,
            } => self.refuse_call(&call_id, code, &reason),
            session::Event::Ended { call_id, reason } => {
                info!(call_id, reason, "session ended");
                self.end_call(&call_id);
            }
        }
    }
}

/// The closed set of method labels.
fn method_label(method: &Method) -> &str {
    match method {
        Method::Other(_) => "other",
        known => known.as_str(),
    }
}

const ALLOW: &str = "INVITE, ACK, BYE, CANCEL, INFO, MESSAGE, NOTIFY, OPTIONS, SUBSCRIBE";
/// Events of sessions waiting for the platform's task; a session waits for room.
const SESSION_EVENTS: usize = 64;
const IDLE: Duration = Duration::from_secs(60);
