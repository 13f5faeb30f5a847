//! The task of one platform: its registration, its transactions, its calls.
//!
//! It owns the clock and draws the random numbers; what to do is decided by the cores it drives:
//! [`Registration`], [`Heartbeat`] and [`Agent`].

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{debug, info, warn};

use super::calls::Calls;
use super::platforms::{Gateway, PlatformStatus, wall_clock};
use super::queries::Queries;
use super::requests::{Requests, token};
use super::session;
use super::settings::PlatformSettings;
use super::transport::{Inbound, Wire};
use crate::proto::gb28181::{Heartbeat, HeartbeatEvent, Outcome, Registration, answer};
use crate::proto::sip::{
    Agent, Credentials, Event, Message, Method, Request, Response, Target, TransactionId,
};
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
    registration: Registration,
    heartbeat: Option<Heartbeat>,
    /// The REGISTER sent last.
    newest_register: Option<TransactionId>,
    /// What each open request of ours is for.
    open: HashMap<TransactionId, Purpose>,
    /// When running media ends, after the platform was lost.
    media_until: Option<Instant>,
    notice_number: u32,
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
}

impl Platform {
    #[expect(
        clippy::too_many_arguments,
        reason = "the root of a task composes its parts"
    )]
    pub(super) fn new(
        peer: usize,
        settings: PlatformSettings,
        address: SocketAddr,
        local: SocketAddr,
        wire: Wire,
        gateway: Gateway,
        status: watch::Sender<PlatformStatus>,
        tasks: Tasks,
    ) -> Self {
        let now = Instant::now().into_std();
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
            settings,
            gateway,
            wire,
            status,
            tasks,
        }
    }

    /// Runs until the gateway stops; then ends the calls and unregisters.
    pub(super) async fn run(mut self, mut inbox: mpsc::Receiver<Inbound>) {
        let cancelled = self.tasks.cancelled();
        let (events, mut sessions) = mpsc::channel(SESSION_EVENTS);
        self.calls.set_events(events);
        loop {
            self.handle_timeout();
            self.handle_agent();
            self.send_pages();
            self.transmit().await;
            let deadline = self.deadline();
            tokio::select! {
                () = cancelled.cancelled() => break,
                Some(inbound) = inbox.recv() => self.handle_inbound(inbound),
                Some(event) = sessions.recv() => self.handle_session(event),
                () = sleep_until(deadline) => {}
            }
            self.tell();
        }
        self.say_goodbye(&mut inbox).await;
    }

    /// Whether the platform has accepted our registration.
    pub(super) fn is_registered(&self) -> bool {
        self.registration.is_registered()
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
        if self.media_until.is_some_and(|at| at <= now) {
            self.media_until = None;
            warn!("the platform stays lost: media ends");
            self.end_all_calls();
        }
    }

    fn handle_agent(&mut self) {
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

    async fn transmit(&mut self) {
        while let Some(transmit) = self.agent.poll_transmit() {
            if let Err(error) = self.wire.send(transmit).await {
                debug!(%error, "SIP message not sent");
            }
        }
    }

    fn handle_inbound(&mut self, Inbound { message, source }: Inbound) {
        if let Message::Request(request) = &message {
            debug!(method = request.method.as_str(), source = %source.address, "request");
        }
        let refused = self.agent.refused();
        self.agent
            .handle_input(Instant::now().into_std(), message, source);
        if self.agent.refused() > refused {
            self.gateway.metrics.refuse("sip_overload");
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
            Method::Subscribe => {
                let answer = request.answer(489, &token()).with("Allow-Events", "");
                self.respond(id, &request, answer);
            }
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
            Purpose::Answer | Purpose::Bye => {}
        }
    }

    fn send_register(&mut self, purpose: Purpose) {
        let expires = if purpose == Purpose::Unregister {
            0
        } else {
            self.registration.expires()
        };
        let uri = Requests::platform_uri(&self.settings);
        let credentials = Credentials {
            username: &self.settings.username,
            password: self.settings.password.expose(),
        };
        let authorization = self.registration.authorization(credentials, &uri, &token());
        let request = self
            .requests
            .register(&self.settings, expires, authorization);
        self.newest_register = self.request(&request, purpose);
        if self.newest_register.is_none() {
            self.registration
                .handle_silence(Instant::now().into_std(), rand::random());
        }
    }

    fn handle_registered(&mut self, response: Option<Response>) {
        let (now, jitter) = (Instant::now().into_std(), rand::random());
        let outcome = match &response {
            Some(response) => self.registration.handle_response(now, response, jitter),
            None => self.registration.handle_silence(now, jitter),
        };
        match outcome {
            Outcome::Again => self.send_register(Purpose::Register),
            Outcome::Registered(is_new) => {
                if is_new {
                    info!("registered");
                    let keepalive = self.settings.keepalive;
                    self.heartbeat = Some(Heartbeat::new(
                        keepalive.interval,
                        keepalive.missed_max,
                        now,
                    ));
                    self.media_until = None;
                }
                self.set_registered(None);
            }
            Outcome::Failed(reason) => {
                if self.is_registered() {
                    warn!(reason, "registration not refreshed");
                } else {
                    warn!(reason, "not registered");
                    self.requests.renew_registration();
                    self.end_signalling();
                }
                self.set_registered(Some(reason));
            }
        }
    }

    fn send_keepalive(&mut self) {
        self.notice_number += 1;
        let (local, charset) = (self.settings.local_gb_id, self.settings.charset);
        let body = answer::keepalive(local.as_str(), self.notice_number, charset);
        let request = self.requests.message(&self.settings, body);
        self.request(&request, Purpose::Keepalive);
    }

    /// 5xx and 408 count as no answer; 401, 403, 404 and 481 mean that we are not known any more.
    fn handle_keepalive(&mut self, code: Option<u16>) {
        let Some(heartbeat) = &mut self.heartbeat else {
            return;
        };
        let missed = self
            .gateway
            .metrics
            .platform_keepalive_missed
            .with_label_values(&[&self.settings.id]);
        match code {
            Some(200..=299) => {
                heartbeat.handle_answer();
                self.registration.handle_known();
            }
            Some(401 | 403 | 404 | 481) => self.lose("the platform does not know us any more"),
            Some(_) => {
                heartbeat.handle_failure();
                missed.inc();
            }
            None => missed.inc(),
        }
    }

    /// Signalling ends and begins anew; running media goes on for a while.
    fn lose(&mut self, reason: &str) {
        warn!(reason, "platform lost");
        self.registration
            .handle_loss(Instant::now().into_std(), rand::random());
        self.requests.renew_registration();
        self.end_signalling();
        self.set_registered(Some(reason.to_owned()));
    }

    fn end_signalling(&mut self) {
        self.heartbeat = None;
        self.queries.clear();
        if self.media_until.is_none() && self.calls.len() > 0 {
            self.media_until = Some(Instant::now() + self.settings.media.media_after_loss);
        }
    }

    /// Calls end with BYE and the registration with Expires 0; the answers are waited for, briefly.
    async fn say_goodbye(&mut self, inbox: &mut mpsc::Receiver<Inbound>) {
        self.end_all_calls();
        // A REGISTER that is still open may be granted: it is taken back too.
        let is_open = self
            .open
            .values()
            .any(|purpose| *purpose == Purpose::Register);
        if self.is_registered() || is_open {
            self.send_register(Purpose::Unregister);
        }
        let goodbye = async {
            loop {
                self.agent.handle_timeout(Instant::now().into_std());
                self.handle_agent();
                self.transmit().await;
                if self
                    .open
                    .values()
                    .all(|p| !matches!(p, Purpose::Unregister | Purpose::Bye))
                {
                    return;
                }
                let deadline = self
                    .agent
                    .poll_timeout()
                    .map_or_else(Instant::now, Instant::from_std);
                tokio::select! {
                    Some(inbound) = inbox.recv() => self.handle_inbound(inbound),
                    () = sleep_until(deadline) => {}
                }
            }
        };
        if timeout(GOODBYE_TIME, goodbye).await.is_err() {
            warn!("the platform did not answer our goodbye");
        }
    }

    fn handle_unregistered(&mut self, response: Option<Response>) {
        let Some(response) = response else {
            return;
        };
        let now = Instant::now().into_std();
        match self.registration.handle_response(now, &response, 0.0) {
            Outcome::Again => self.send_register(Purpose::Unregister),
            Outcome::Registered(_) => info!("unregistered"),
            Outcome::Failed(reason) => warn!(reason, "not unregistered"),
        }
    }

    fn set_registered(&self, reason: Option<String>) {
        let is_registered = self.registration.is_registered();
        let gauge = self
            .gateway
            .metrics
            .platform_registered
            .with_label_values(&[&self.settings.id]);
        gauge.set(i64::from(is_registered));
        self.status.send_modify(|status| {
            if status.is_registered != is_registered {
                status.since = wall_clock();
            }
            status.is_registered = is_registered;
            status.reason = reason;
        });
    }

    /// Tells the numbers that changed.
    fn tell(&self) {
        let sessions = self.calls.len();
        self.status.send_if_modified(|status| {
            let changed = status.sessions != sessions;
            status.sessions = sessions;
            changed
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

const ALLOW: &str = "INVITE, ACK, BYE, CANCEL, INFO, MESSAGE, NOTIFY, OPTIONS";
/// Events of sessions waiting for the platform's task; a session waits for room.
const SESSION_EVENTS: usize = 64;
const IDLE: Duration = Duration::from_secs(60);
const GOODBYE_TIME: Duration = Duration::from_secs(3);
