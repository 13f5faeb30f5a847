//! The calls of one platform: INVITE, ACK, BYE, CANCEL, and what each is answered (GB/T 28181 §9.2).

use std::collections::{BTreeMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, info, info_span, warn};

use super::admission::{Refusal, explain};
use super::orders::SessionStatus;
use super::platform::{Platform, Purpose};
use super::requests::token;
use super::session::{Event, Session};
use super::settings::SsrcChoice;
use super::transport::contains;
use crate::catalog::{Camera, CameraId};
use crate::clock::wall_clock;
use crate::meter::Meter;
use crate::proto::rtp::Ssrc;
use crate::proto::sdp::{Answer, MediaTransport, Offer};
use crate::proto::sip::{NameAddress, Request, TransactionId};

/// All calls that exist.
#[derive(Debug)]
pub(super) struct Calls {
    calls: BTreeMap<String, Call>,
    events: Option<mpsc::Sender<Event>>,
    /// Bytes sent to the platform.
    pub(super) sent: Arc<AtomicU64>,
    /// What it is sent a second, measured from INVITE to INVITE.
    pub(super) meter: Meter,
}

impl Default for Calls {
    fn default() -> Self {
        Self {
            calls: BTreeMap::new(),
            events: None,
            sent: Arc::default(),
            meter: Meter::new(SAMPLE_TIME),
        }
    }
}

#[derive(Debug)]
struct Call {
    /// What operators call it.
    session: String,
    camera: CameraId,
    since: SystemTime,
    transaction: TransactionId,
    invite: Request,
    offer: Offer,
    ssrc: Ssrc,
    /// Our tag.
    tag: String,
    invited_at: Instant,
    cancelled: CancellationToken,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// The camera is asked.
    Starting,
    /// Answered 200 with this SDP; the ACK starts the media.
    Answered {
        sdp: String,
        ack: oneshot::Sender<()>,
    },
    /// Media runs.
    Running { sdp: String },
}

impl Calls {
    pub(super) fn set_events(&mut self, events: mpsc::Sender<Event>) {
        self.events = Some(events);
    }

    /// How many calls exist.
    pub(super) fn len(&self) -> usize {
        self.calls.len()
    }

    /// The call that a request is inside of: by Call-ID and tags (RFC 3261 §12.2.2). Some platforms leave
    /// our tag out while the call is not answered.
    fn of(&mut self, request: &Request) -> Option<&mut Call> {
        let call = self.calls.get_mut(request.headers.call_id()?)?;
        let tag = |address: Option<NameAddress>| address.and_then(|address| address.tag);
        let is_theirs = tag(request.headers.from()) == tag(call.invite.headers.from());
        let is_ours = tag(request.headers.to()).is_none_or(|tag| tag == call.tag);
        (is_theirs && is_ours).then_some(call)
    }

    /// The Call-ID of a session.
    pub(super) fn of_session(&self, session: &str) -> Option<String> {
        let found = self.calls.iter().find(|(_, call)| call.session == session);
        found.map(|(call_id, _)| call_id.clone())
    }
}

impl Platform {
    pub(super) fn handle_invite(&mut self, id: TransactionId, request: Request) {
        let call_id = request.headers.call_id().unwrap_or_default().to_owned();
        if request.headers.to().is_some_and(|to| to.tag.is_some())
            || self.calls.calls.contains_key(&call_id)
        {
            return self.handle_reinvite(id, &request);
        }
        if self.is_stopping() {
            self.count_invite("shutdown");
            let answer = request
                .answer(503, &token())
                .with("Retry-After", RETRY_AFTER);
            return self.respond(id, &request, answer);
        }
        match self.check_invite(&request) {
            Ok((camera, offer)) => self.start_call(id, request, call_id, camera, offer),
            Err(refusal) => self.refuse_invite(id, &request, &refusal),
        }
    }

    fn start_call(
        &mut self,
        id: TransactionId,
        request: Request,
        call_id: String,
        camera: Arc<Camera>,
        offer: Offer,
    ) {
        let Some(events) = self.calls.events.clone() else {
            return;
        };
        self.respond(id, &request, request.answer(100, ""));
        let from_tag = request.headers.from().and_then(|from| from.tag);
        self.wire.add_call(&call_id, self.requests.peer, from_tag);
        let ssrc = self.choose_ssrc(&offer);
        let cancelled = CancellationToken::new();
        let session = Session {
            call_id: call_id.clone(),
            camera: camera.clone(),
            offer: offer.clone(),
            ssrc,
            settings: self.settings.media.clone(),
            local: self.local_media_address(),
            sources: self.gateway.sources.clone(),
            ports: self.gateway.ports.clone(),
            descriptors: self.gateway.descriptors.clone(),
            metrics: self.gateway.metrics.clone(),
            sent: self.calls.sent.clone(),
            events,
        };
        let authority = &self.settings.authority;
        let span = info_span!("session", platform = self.settings.id, camera = %camera.id, call_id);
        span.in_scope(|| {
            info!(
                document = authority.document,
                unit = authority.unit,
                purpose = authority.purpose,
                transport = ?offer.transport,
                peer = %SocketAddr::new(offer.address, offer.port),
                "invited"
            );
        });
        let running = session.run(cancelled.clone()).instrument(span);
        let shard = self.gateway.sources.shard(&camera);
        self.tasks.spawn_on(shard, "session", running);
        let call = Call {
            session: format!("s{}", hex::encode(rand::random::<[u8; 5]>())),
            camera: camera.id,
            since: wall_clock(),
            transaction: id,
            invite: request,
            offer,
            ssrc,
            tag: token(),
            invited_at: Instant::now(),
            cancelled,
            stage: Stage::Starting,
        };
        self.calls.calls.insert(call_id, call);
    }

    fn choose_ssrc(&self, offer: &Offer) -> Ssrc {
        let theirs = offer
            .ssrc
            .filter(|_| self.settings.media.ssrc == SsrcChoice::Theirs);
        theirs.unwrap_or_else(|| {
            // 0 live | digits 4–8 of the domain | 4 of our own (GB/T 28181-2016 annex F).
            let domain = self
                .settings
                .domain
                .get(3..8)
                .and_then(|digits| digits.parse().ok());
            Ssrc(domain.unwrap_or(0u32) * 10_000 + u32::from(rand::random::<u16>() % 10_000))
        })
    }

    /// The session has a key frame at hand and a port: the call is answered.
    pub(super) fn answer_call(&mut self, call_id: &str, port: u16, ack: oneshot::Sender<()>) {
        let address = self
            .settings
            .media
            .address
            .unwrap_or_else(|| self.requests.local.ip());
        let Some(call) = self.calls.calls.get_mut(call_id) else {
            return; // Cancelled meanwhile; dropping `ack` ends the session.
        };
        let sdp = Answer {
            owner: self.settings.local_gb_id.to_string(),
            session: call.offer.session.clone(),
            address,
            port,
            transport: call.offer.transport,
            payload_type: call.offer.payload_type,
            ssrc: call.ssrc,
        }
        .write();
        let answer = call.invite.answer(200, &call.tag);
        call.stage = Stage::Answered {
            sdp: sdp.clone(),
            ack,
        };
        let (id, invite) = (call.transaction, call.invite.clone());
        let took = call.invited_at.elapsed().as_secs_f64();
        let metrics = &self.gateway.metrics;
        metrics
            .invite_first_frame
            .with_label_values(&[&self.settings.id])
            .observe(took);
        self.count_invite("answered");
        let answer = answer
            .with("Contact", self.requests.contact(&self.settings))
            .with_body("application/sdp", sdp);
        self.respond(id, &invite, answer);
    }

    /// The session cannot be: the INVITE is refused.
    pub(super) fn refuse_call(&mut self, call_id: &str, code: u16, reason: &str) {
        let Some(call) = self.calls.calls.remove(call_id) else {
            return;
        };
        self.wire.remove_call(call_id);
        let result = match code {
            404 => "not_found",
            480 => "unavailable",
            486 => "busy",
            _ => "not_acceptable",
        };
        self.refuse_invite(
            call.transaction,
            &call.invite,
            &Refusal::new(code, result, reason),
        );
    }

    fn refuse_invite(&mut self, id: TransactionId, request: &Request, refusal: &Refusal) {
        info!(
            code = refusal.code,
            reason = refusal.reason,
            "INVITE refused"
        );
        self.count_invite(refusal.result);
        let answer = request.answer(refusal.code, &token());
        let answer = explain(answer, &refusal.reason);
        self.respond(id, request, answer);
    }

    fn count_invite(&self, result: &str) {
        self.gateway
            .metrics
            .invites
            .with_label_values(&[&self.settings.id, result])
            .inc();
    }

    /// The same media is answered as before; other media is refused and the call goes on.
    fn handle_reinvite(&mut self, id: TransactionId, request: &Request) {
        let found = self.calls.of(request).map(|call| match &call.stage {
            Stage::Starting => Err(request.answer(491, &call.tag)),
            Stage::Answered { sdp, .. } | Stage::Running { sdp } => {
                match Offer::parse(&request.body) {
                    Ok(offer) if is_same_media(&offer, &call.offer) => {
                        Ok((call.tag.clone(), sdp.clone()))
                    }
                    _ => Err(explain(
                        request.answer(488, &call.tag),
                        "media of a call cannot change",
                    )),
                }
            }
        });
        let answer = match found {
            Some(Ok((tag, sdp))) => request
                .answer(200, &tag)
                .with("Contact", self.requests.contact(&self.settings))
                .with_body("application/sdp", sdp),
            Some(Err(refusal)) => refusal,
            None => request.answer(481, &token()),
        };
        self.respond(id, request, answer);
    }

    pub(super) fn handle_ack(&mut self, request: &Request) {
        let call_id = request.headers.call_id().unwrap_or_default();
        let Some(call) = self.calls.of(request) else {
            return;
        };
        match std::mem::replace(&mut call.stage, Stage::Starting) {
            Stage::Answered { sdp, ack } => {
                call.stage = Stage::Running { sdp };
                if ack.send(()).is_err() {
                    warn!(call_id, "the session ended before its ACK");
                }
            }
            other => call.stage = other,
        }
    }

    /// No ACK in 64·T1: the call never was.
    pub(super) fn handle_ack_missing(&mut self, id: TransactionId) {
        let found = self
            .calls
            .calls
            .iter()
            .find(|(_, call)| call.transaction == id);
        if let Some(call_id) = found.map(|(call_id, _)| call_id.clone()) {
            warn!(call_id, "no ACK: the call ends");
            self.end_call(&call_id);
        }
    }

    pub(super) fn handle_bye(&mut self, id: TransactionId, request: &Request) {
        let call_id = request.headers.call_id().unwrap_or_default();
        let is_inside = self.calls.of(request).is_some();
        let ended = is_inside
            .then(|| self.calls.calls.remove(call_id))
            .flatten();
        let code = match ended {
            Some(call) => {
                call.cancelled.cancel();
                self.wire.remove_call(call_id);
                info!(call_id, "the platform ended the session");
                if matches!(call.stage, Stage::Starting) {
                    // Some platforms give up by BYE where CANCEL is meant.
                    self.count_invite("cancelled");
                    let answer = call.invite.answer(487, &call.tag);
                    self.respond(call.transaction, &call.invite, answer);
                }
                200
            }
            None => 481,
        };
        self.respond(id, request, request.answer(code, &token()));
    }

    pub(super) fn handle_cancel(&mut self, id: TransactionId, request: &Request) {
        let call_id = request.headers.call_id().unwrap_or_default().to_owned();
        let Some(call) = self.calls.of(request) else {
            return self.respond(id, request, request.answer(481, &token()));
        };
        let tag = call.tag.clone();
        self.respond(id, request, request.answer(200, &tag));
        // A call that is answered goes on: CANCEL has no effect on it (RFC 3261 §9.2).
        let is_starting = self
            .calls
            .calls
            .get(&call_id)
            .is_some_and(|call| matches!(call.stage, Stage::Starting));
        if is_starting && let Some(call) = self.calls.calls.remove(&call_id) {
            call.cancelled.cancel();
            self.wire.remove_call(&call_id);
            self.count_invite("cancelled");
            let answer = call.invite.answer(487, &call.tag);
            self.respond(call.transaction, &call.invite, answer);
        }
    }

    /// Live video has nothing to control: inside a call INFO is taken note of.
    pub(super) fn handle_info(&mut self, id: TransactionId, request: &Request) {
        let code = if self.calls.of(request).is_some() {
            200
        } else {
            481
        };
        self.respond(id, request, request.answer(code, &token()));
    }

    /// Ends a call of ours: BYE where it was answered.
    pub(super) fn end_call(&mut self, call_id: &str) {
        let Some(call) = self.calls.calls.remove(call_id) else {
            return;
        };
        call.cancelled.cancel();
        self.wire.remove_call(call_id);
        if matches!(call.stage, Stage::Starting) {
            self.count_invite("shutdown");
            let answer = call
                .invite
                .answer(503, &call.tag)
                .with("Retry-After", RETRY_AFTER);
            self.respond(call.transaction, &call.invite, answer);
        } else {
            let bye = self.requests.bye(&call.invite, &call.tag);
            self.request(&bye, Purpose::Bye);
        }
    }

    /// Who watches now.
    pub(super) fn session_statuses(&self) -> Vec<SessionStatus> {
        let status = |call: &Call| SessionStatus {
            id: call.session.clone(),
            platform: self.settings.id.clone(),
            camera: call.camera,
            since: call.since,
            peer: SocketAddr::new(call.offer.address, call.offer.port).to_string(),
            transport: match call.offer.transport {
                MediaTransport::Udp => "udp",
                MediaTransport::TcpConnect | MediaTransport::TcpListen => "tcp",
            },
            is_starting: matches!(call.stage, Stage::Starting),
        };
        self.calls.calls.values().map(status).collect()
    }

    /// Ends the calls to all cameras but these: the others are gone, or not shared any more.
    pub(super) fn end_calls_but(&mut self, shared: &HashSet<CameraId>) {
        let calls = self.calls.calls.iter();
        let ended = calls.filter(|(_, call)| !shared.contains(&call.camera));
        let ended: Vec<String> = ended.map(|(call_id, _)| call_id.clone()).collect();
        for call_id in ended {
            info!(
                call_id,
                "its camera is not shared any more: the session ends"
            );
            self.end_call(&call_id);
        }
    }

    /// Ends the calls whose media goes where it may not any more.
    pub(super) fn end_calls_outside(&mut self) {
        let networks = &self.settings.media.networks;
        let calls = self.calls.calls.iter();
        let ended = calls.filter(|(_, call)| !contains(networks, call.offer.address));
        let ended: Vec<String> = ended.map(|(call_id, _)| call_id.clone()).collect();
        for call_id in ended {
            info!(
                call_id,
                "its receiver is outside media.networks now: the session ends"
            );
            self.end_call(&call_id);
        }
    }

    /// Ends all calls.
    pub(super) fn end_all_calls(&mut self) {
        let all: Vec<String> = self.calls.calls.keys().cloned().collect();
        for call_id in all {
            self.end_call(&call_id);
        }
    }

    /// Where media leaves from: what we call ourselves, where that address is this machine's.
    fn local_media_address(&self) -> IpAddr {
        let any = if self.target.address.is_ipv4() {
            UNSPECIFIED_V4
        } else {
            UNSPECIFIED_V6
        };
        match self.settings.media.address.or(self.settings.local_address) {
            // Behind NAT the address we are known by cannot be bound.
            Some(_) => any,
            None => self.requests.local.ip(),
        }
    }
}

fn is_same_media(one: &Offer, other: &Offer) -> bool {
    (one.address, one.port, one.transport, one.payload_type)
        == (
            other.address,
            other.port,
            other.transport,
            other.payload_type,
        )
}

const SAMPLE_TIME: Duration = Duration::from_millis(200);
const RETRY_AFTER: &str = "10";
const UNSPECIFIED_V4: IpAddr = IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);
const UNSPECIFIED_V6: IpAddr = IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED);
