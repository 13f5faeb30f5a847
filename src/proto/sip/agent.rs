//! The transactions of one peer (RFC 3261 §17), client and server side.
//!
//! Retransmissions are recognised as the field needs it: an INVITE by Call-ID, From tag and CSeq
//! whatever its branch, any other request by its branch too, with or without the cookie (RFC 2543).
//! A final answer to an INVITE is repeated until an ACK of its call comes, and given up after 64·T1
//! (Timer H): some platforms never acknowledge an error. Dialogs are the owner's.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::message::{Message, Method, Request, Response};

/// What carries messages.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Transport {
    /// Datagrams: messages are repeated until they are answered.
    Udp,
    /// A connection: nothing is repeated but a 2xx to an INVITE.
    Tcp,
}

impl Transport {
    /// The name in a Via.
    pub fn name(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
        }
    }
}

/// Where a message goes or came from.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Target {
    /// By what.
    pub transport: Transport,
    /// To or from whom; for TCP the far end of the connection.
    pub address: SocketAddr,
}

/// A message to send.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Transmit {
    /// Where to.
    pub target: Target,
    /// The message.
    pub bytes: Bytes,
}

/// Names a transaction of an [`Agent`].
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TransactionId(u64);

/// What the owner of an [`Agent`] does next.
#[derive(Clone, Debug)]
pub enum Event {
    /// Answer a request; it comes once, however often it was sent.
    Request(TransactionId, Request, Target),
    /// An ACK came for a 2xx of that call; it comes once.
    Ack(Request, Target),
    /// No ACK came for a 2xx to this INVITE in 64·T1: end the call.
    AckMissing(TransactionId),
    /// A final answer to one of our requests.
    Response(TransactionId, Response),
    /// No final answer in 64·T1.
    Timeout(TransactionId),
}

/// The transactions of one peer.
#[derive(Debug, Default)]
pub struct Agent {
    next_id: u64,
    clients: BTreeMap<TransactionId, Client>,
    servers: BTreeMap<TransactionId, Server>,
    transmits: VecDeque<Transmit>,
    events: VecDeque<Event>,
    refused: u64,
}

#[derive(Debug)]
struct Client {
    branch: String,
    method: Method,
    transmit: Transmit,
    resend: Resend,
}

#[derive(Debug)]
struct Server {
    key: Key,
    /// Where answers go.
    target: Target,
    /// The answer sent last.
    answer: Option<(u16, Bytes)>,
    /// A final answer to an INVITE that waits for its ACK.
    resend: Option<Resend>,
    forget_at: Option<Instant>,
}

/// What makes two requests the same.
#[derive(Debug, Eq, PartialEq)]
struct Key {
    call_id: String,
    from_tag: Option<String>,
    cseq: u32,
    method: Method,
    branch: Option<String>,
}

/// T1, doubled up to T2, until 64·T1.
#[derive(Debug)]
struct Resend {
    at: Option<Instant>,
    interval: Duration,
    until: Instant,
}

impl Resend {
    fn new(now: Instant, repeats: bool) -> Self {
        Self {
            at: repeats.then(|| now + T1),
            interval: T1,
            until: now + TRANSACTION_TIME,
        }
    }

    fn deadline(&self) -> Instant {
        self.at.map_or(self.until, |at| at.min(self.until))
    }

    /// Whether it is time to send again.
    fn is_due(&mut self, now: Instant) -> bool {
        let is_due = self.at.is_some_and(|at| at <= now);
        if is_due {
            self.interval = (self.interval * 2).min(T2);
            self.at = Some(now + self.interval);
        }
        is_due
    }
}

impl Agent {
    /// Sends a request that expects an answer; its top Via has a branch of its own.
    ///
    /// `None` when too many requests are open: nothing was sent.
    pub fn request(
        &mut self,
        now: Instant,
        request: &Request,
        target: Target,
    ) -> Option<TransactionId> {
        let branch = request.headers.via()?.branch?;
        if self.clients.len() >= CLIENTS_MAX {
            return None;
        }
        let id = self.new_id();
        let transmit = Transmit {
            target,
            bytes: request.to_bytes(),
        };
        self.transmits.push_back(transmit.clone());
        let resend = Resend::new(now, target.transport == Transport::Udp);
        self.clients.insert(
            id,
            Client {
                branch,
                method: request.method.clone(),
                transmit,
                resend,
            },
        );
        Some(id)
    }

    /// Answers a request. A final answer is kept for the request's repetitions.
    pub fn respond(&mut self, now: Instant, id: TransactionId, response: &Response) {
        let Some(server) = self.servers.get_mut(&id) else {
            return;
        };
        let bytes = response.to_bytes();
        self.transmits.push_back(Transmit {
            target: server.target,
            bytes: bytes.clone(),
        });
        server.answer = Some((response.code, bytes));
        if response.code < 200 {
            return;
        }
        if server.key.method == Method::Invite {
            let repeats = server.target.transport == Transport::Udp || response.code < 300;
            server.resend = Some(Resend::new(now, repeats));
        } else {
            server.forget_at = Some(now + TRANSACTION_TIME);
        }
    }

    /// Takes a message that came from the peer.
    pub fn handle_input(&mut self, now: Instant, message: Message, source: Target) {
        match message {
            Message::Response(response) => self.handle_response(response),
            Message::Request(request) if request.method == Method::Ack => {
                self.handle_ack(now, request, source);
            }
            Message::Request(request) => self.handle_request(now, request, source),
        }
    }

    /// Moves time forward; call it at [`Self::poll_timeout`].
    pub fn handle_timeout(&mut self, now: Instant) {
        for (id, client) in &mut self.clients {
            if client.resend.until <= now {
                self.events.push_back(Event::Timeout(*id));
            } else if client.resend.is_due(now) {
                self.transmits.push_back(client.transmit.clone());
            }
        }
        self.clients.retain(|_, client| client.resend.until > now);
        for (id, server) in &mut self.servers {
            let Some(resend) = &mut server.resend else {
                continue;
            };
            if resend.until <= now {
                server.resend = None;
                server.forget_at = Some(now);
                if server.answer.as_ref().is_some_and(|(code, _)| *code < 300) {
                    self.events.push_back(Event::AckMissing(*id));
                }
            } else if resend.is_due(now)
                && let Some((_, bytes)) = &server.answer
            {
                let bytes = bytes.clone();
                self.transmits.push_back(Transmit {
                    target: server.target,
                    bytes,
                });
            }
        }
        self.servers
            .retain(|_, server| server.forget_at.is_none_or(|at| at > now));
    }

    /// Returns when time matters next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let clients = self.clients.values().map(|client| client.resend.deadline());
        let servers = self.servers.values().filter_map(|server| {
            server
                .resend
                .as_ref()
                .map(Resend::deadline)
                .or(server.forget_at)
        });
        clients.chain(servers).min()
    }

    /// Returns what to send next.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// Returns what the owner should know next.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// How many requests were passed over because too many were open.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    fn handle_response(&mut self, response: Response) {
        let branch = response.headers.via().and_then(|via| via.branch);
        let method = response.headers.cseq().map(|(_, method)| method);
        let found = self.clients.iter().find(|(_, client)| {
            branch.as_ref() == Some(&client.branch) && method.as_ref() == Some(&client.method)
        });
        let Some((id, _)) = found else {
            return;
        };
        let id = *id;
        if response.code >= 200 {
            self.clients.remove(&id);
            self.events.push_back(Event::Response(id, response));
        } else if let Some(client) = self.clients.get_mut(&id) {
            // Provisional: slow down to T2 (RFC 3261 §17.1.2.2).
            client.resend.interval = T2;
        }
    }

    fn handle_ack(&mut self, now: Instant, request: Request, source: Target) {
        let call_id = request.headers.call_id().unwrap_or_default();
        let from_tag = request.headers.from().and_then(|from| from.tag);
        // The CSeq of some platforms jumps inside a call: the call decides.
        let found = self.servers.values_mut().rev().find(|server| {
            server.resend.is_some()
                && server.key.call_id == call_id
                && server.key.from_tag == from_tag
        });
        let Some(server) = found else {
            return;
        };
        server.resend = None;
        server.forget_at = Some(now + TRANSACTION_TIME);
        if server.answer.as_ref().is_some_and(|(code, _)| *code < 300) {
            self.events.push_back(Event::Ack(request, source));
        }
    }

    fn handle_request(&mut self, now: Instant, mut request: Request, source: Target) {
        let Some(key) = Key::of(&request) else {
            return;
        };
        if let Some(server) = self.servers.values().find(|server| server.key == key) {
            if let Some((_, bytes)) = &server.answer {
                let transmit = Transmit {
                    target: server.target,
                    bytes: bytes.clone(),
                };
                self.transmits.push_back(transmit);
            }
            return;
        }
        if self.servers.len() >= SERVERS_MAX {
            self.refused += 1;
            return;
        }
        let target = note_source(&mut request, source);
        let id = self.new_id();
        // A request that its owner never answers is forgotten too.
        let forget_at = (key.method != Method::Invite).then(|| now + TRANSACTION_TIME);
        self.servers.insert(
            id,
            Server {
                key,
                target,
                answer: None,
                resend: None,
                forget_at,
            },
        );
        self.events.push_back(Event::Request(id, request, source));
    }

    fn new_id(&mut self) -> TransactionId {
        self.next_id += 1;
        TransactionId(self.next_id)
    }
}

impl Key {
    fn of(request: &Request) -> Option<Self> {
        let headers = &request.headers;
        let branch = headers.via()?.branch;
        Some(Self {
            call_id: headers.call_id()?.to_owned(),
            from_tag: headers.from()?.tag,
            cseq: headers.cseq()?.0,
            branch: branch.filter(|_| request.method != Method::Invite),
            method: request.method.clone(),
        })
    }
}

/// Notes in the top Via where the request came from (RFC 3261 §18.2.1, RFC 3581 §4), and returns where
/// its answers go.
fn note_source(request: &mut Request, source: Target) -> Target {
    let Some(via) = request.headers.via() else {
        return source;
    };
    let mut address = source.address;
    let mut noted = String::new();
    for part in request.headers.get("Via").unwrap_or_default().split(';') {
        let name = part.split('=').next().unwrap_or_default().trim();
        if name.eq_ignore_ascii_case("rport") || name.eq_ignore_ascii_case("received") {
            continue;
        }
        noted += if noted.is_empty() { "" } else { ";" };
        noted += part.trim();
    }
    let (host, port) = via.host_and_port();
    if via.rport.is_some() {
        noted += &format!(";received={};rport={}", address.ip(), address.port());
    } else {
        if host != address.ip().to_string() {
            noted += &format!(";received={}", address.ip());
        }
        if source.transport == Transport::Udp {
            address.set_port(port);
        }
    }
    request.headers.replace_first("Via", noted);
    Target { address, ..source }
}

/// The estimate of a round trip (RFC 3261 §17.1.1.1).
const T1: Duration = Duration::from_millis(500);
/// The longest interval between repetitions.
const T2: Duration = Duration::from_secs(4);
/// 64·T1: how long a transaction lives.
const TRANSACTION_TIME: Duration = Duration::from_secs(32);
const CLIENTS_MAX: usize = 512;
const SERVERS_MAX: usize = 2048;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unanswered_request_is_repeated_and_given_up() {
        let (mut agent, start) = (Agent::default(), start());
        let id = agent
            .request(start, &request(Method::Message, 1, "z9hG4bKa"), udp())
            .unwrap();
        let (sent, events) = run(&mut agent);
        assert_eq!(sent.len(), 11, "500 ms, doubling to 4 s, within 32 s");
        assert!(matches!(events[..], [Event::Timeout(timed_out)] if timed_out == id));
    }

    #[test]
    fn an_answer_ends_the_repetitions() {
        let (mut agent, start) = (Agent::default(), start());
        let asked = request(Method::Message, 1, "z9hG4bKa");
        agent.request(start, &asked, udp());
        agent.handle_input(start, Message::Response(asked.answer(200, "t")), udp());
        let (sent, events) = run(&mut agent);
        assert_eq!(sent.len(), 1);
        assert!(matches!(&events[..], [Event::Response(_, response)] if response.code == 200));
    }

    #[test]
    fn an_invite_repeated_under_another_branch_is_one_request() {
        let (mut agent, start) = (Agent::default(), start());
        for branch in ["z9hG4bKa", "z9hG4bKb", "no-cookie"] {
            agent.handle_input(
                start,
                Message::Request(request(Method::Invite, 5, branch)),
                udp(),
            );
        }
        let (_, events) = run(&mut agent);
        assert_eq!(events.len(), 1);
    }

    #[test]
    fn queries_without_the_cookie_are_told_apart() {
        let (mut agent, start) = (Agent::default(), start());
        for (cseq, branch) in [
            (1, "branch1"),
            (2, "branch1"),
            (2, "branch1"),
            (2, "branch2"),
        ] {
            let query = request(Method::Message, cseq, branch);
            agent.handle_input(start, Message::Request(query), udp());
        }
        let (_, events) = run(&mut agent);
        assert_eq!(events.len(), 3);
    }

    #[test]
    fn an_error_that_is_never_acknowledged_is_given_up_in_silence() {
        let (mut agent, start) = (Agent::default(), start());
        let invite = request(Method::Invite, 5, "a");
        agent.handle_input(start, Message::Request(invite.clone()), udp());
        let Some(Event::Request(id, ..)) = agent.poll_event() else {
            panic!("no request");
        };
        agent.respond(start, id, &invite.answer(486, "t"));
        let (sent, events) = run(&mut agent);
        assert_eq!((sent.len(), events.len()), (11, 0));
        assert!(agent.servers.is_empty());
    }

    #[test]
    fn a_2xx_without_ack_is_reported_and_with_ack_is_not_repeated() {
        for is_acknowledged in [false, true] {
            let (mut agent, start) = (Agent::default(), start());
            let invite = request(Method::Invite, 5, "a");
            agent.handle_input(start, Message::Request(invite.clone()), udp());
            let Some(Event::Request(id, ..)) = agent.poll_event() else {
                panic!("no request");
            };
            agent.respond(start, id, &invite.answer(200, "t"));
            if is_acknowledged {
                // From another port, with a CSeq that jumped.
                agent.handle_input(start, Message::Request(request(Method::Ack, 9, "b")), udp());
            }
            let (sent, events) = run(&mut agent);
            assert_eq!(sent.len(), if is_acknowledged { 1 } else { 11 });
            assert_eq!(matches!(events[..], [Event::Ack(..)]), is_acknowledged);
            assert_eq!(
                matches!(events[..], [Event::AckMissing(_)]),
                !is_acknowledged
            );
        }
    }

    #[test]
    fn answers_follow_rport_and_else_the_sent_by_port() {
        let (mut agent, start) = (Agent::default(), start());
        for (number, (rport, port)) in [(";rport", 7777), ("", 5060)].into_iter().enumerate() {
            let mut query = request(Method::Message, number as u32, "a");
            query
                .headers
                .replace_first("Via", format!("SIP/2.0/UDP 10.0.0.9{rport};branch=a"));
            let source = Target {
                address: "10.0.0.1:7777".parse().unwrap(),
                ..udp()
            };
            agent.handle_input(start, Message::Request(query), source);
            let Some(Event::Request(id, noted, _)) = agent.poll_event() else {
                panic!("no request");
            };
            agent.respond(start, id, &noted.answer(200, "t"));
            let transmit = agent.poll_transmit().unwrap();
            assert_eq!(
                transmit.target.address,
                format!("10.0.0.1:{port}").parse().unwrap()
            );
            assert!(String::from_utf8_lossy(&transmit.bytes).contains("received=10.0.0.1"));
        }
    }

    #[test]
    fn a_flood_is_bounded() {
        let (mut agent, start) = (Agent::default(), start());
        for cseq in 0..3 * SERVERS_MAX as u32 {
            let query = request(Method::Message, cseq, "a");
            agent.handle_input(start, Message::Request(query), udp());
        }
        assert_eq!(agent.servers.len(), SERVERS_MAX);
        assert_eq!(agent.refused(), 2 * SERVERS_MAX as u64);
    }

    /// Lets all time pass.
    fn run(agent: &mut Agent) -> (Vec<Transmit>, Vec<Event>) {
        while let Some(at) = agent.poll_timeout() {
            agent.handle_timeout(at);
        }
        let sent = std::iter::from_fn(|| agent.poll_transmit()).collect();
        (sent, std::iter::from_fn(|| agent.poll_event()).collect())
    }

    fn request(method: Method, cseq: u32, branch: &str) -> Request {
        let mut request = Request::new(method.clone(), "sip:2@10.0.0.2");
        request.headers.push(
            "Via",
            format!("SIP/2.0/UDP 10.0.0.1:5060;rport;branch={branch}"),
        );
        request.headers.push("From", "<sip:1@1>;tag=f");
        request.headers.push("To", "<sip:2@2>");
        request.headers.push("Call-ID", "call");
        request
            .headers
            .push("CSeq", format!("{cseq} {}", method.as_str()));
        request
    }

    fn udp() -> Target {
        Target {
            transport: Transport::Udp,
            address: "10.0.0.1:5060".parse().unwrap(),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "any instant will do")]
    fn start() -> Instant {
        Instant::now()
    }
}
