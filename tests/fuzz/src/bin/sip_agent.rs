//! The transactions of one peer: `proto::sip::Agent`, fed with what a peer may send and an owner may do,
//! in any order and at any time. Every request ends once, nothing is sent for ever, and time moves on.

#![no_main]

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use huiju::proto::sip::{
    Agent, Event, Message, Method, Request, Target, TransactionId, Transport, parse_datagram,
};
use huiju_fuzz::Input;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let mut owner = Owner::new(start());
    while !input.is_empty() && owner.steps < STEPS_MAX {
        owner.step(&mut input);
        owner.drain();
    }
    owner.finish();
});

/// The owner of an agent, and what it knows of its transactions.
struct Owner {
    agent: Agent,
    now: Instant,
    steps: usize,
    /// Our requests without an end.
    clients: BTreeMap<TransactionId, Request>,
    /// Requests of the peer that we have not answered finally.
    servers: Vec<(TransactionId, Request)>,
    seen: BTreeSet<TransactionId>,
    /// INVITEs that we accepted and whose ACK neither came nor was missed.
    accepted: BTreeSet<TransactionId>,
    acks: usize,
    acks_max: usize,
    last: Option<(Message, Target)>,
    transmits: usize,
}

impl Owner {
    fn new(now: Instant) -> Self {
        Self {
            agent: Agent::default(),
            now,
            steps: 0,
            clients: BTreeMap::new(),
            servers: Vec::new(),
            seen: BTreeSet::new(),
            accepted: BTreeSet::new(),
            acks: 0,
            acks_max: 0,
            last: None,
            transmits: 0,
        }
    }

    /// Does one thing that the input says.
    fn step(&mut self, input: &mut Input<'_>) {
        self.steps += 1;
        match input.index(8) {
            0 => {
                if let Ok(message) = parse_datagram(&Bytes::copy_from_slice(input.chunk())) {
                    self.receive(message, target(input));
                }
            }
            1 => {
                let request = request(input);
                self.receive(Message::Request(request), target(input));
            }
            2 => self.respond(input),
            3 => self.ask(input),
            4 => self.be_answered(input),
            5 => {
                if let Some(at) = self.agent.poll_timeout() {
                    self.pass_time(at.max(self.now));
                }
            }
            6 => self.pass_time(self.now + Duration::from_millis(u64::from(input.byte()) * 40)),
            _ => {
                if let Some((message, source)) = self.last.clone() {
                    self.receive(message, source);
                }
            }
        }
    }

    fn receive(&mut self, message: Message, source: Target) {
        self.last = Some((message.clone(), source));
        self.agent.handle_input(self.now, message, source);
    }

    fn respond(&mut self, input: &mut Input<'_>) {
        if self.servers.is_empty() {
            return;
        }
        let at = input.index(self.servers.len());
        let code = [100, 180, 200, 403, 486][input.index(5)];
        let (id, request) = self.servers[at].clone();
        if code >= 200 {
            self.servers.remove(at);
        }
        if code == 200 && request.method == Method::Invite {
            self.accepted.insert(id);
            self.acks_max += 1;
        }
        self.agent
            .respond(self.now, id, &request.answer(code, "ours"));
    }

    fn ask(&mut self, input: &mut Input<'_>) {
        let request = request(input);
        // Branches of our own are never used twice.
        let via = format!("SIP/2.0/UDP 10.0.0.2;branch=z9hG4bK{}", self.steps);
        let mut own = request.clone();
        own.headers.replace_first("Via", via);
        let asked = self.agent.request(self.now, &own, target(input));
        if let Some(id) = asked {
            assert!(self.clients.insert(id, own).is_none(), "an id given twice");
        }
    }

    fn be_answered(&mut self, input: &mut Input<'_>) {
        let at = input.index(self.clients.len());
        let code = [100, 183, 200, 401, 500][input.index(5)];
        if let Some(request) = self.clients.values().nth(at) {
            let answer = Message::Response(request.answer(code, "theirs"));
            self.receive(answer, target(input));
        }
    }

    fn pass_time(&mut self, now: Instant) {
        self.now = now;
        self.agent.handle_timeout(now);
        let next = self.agent.poll_timeout();
        assert!(next.is_none_or(|next| next > now), "time stands still");
    }

    /// Takes what the agent has to say.
    fn drain(&mut self) {
        while let Some(transmit) = self.agent.poll_transmit() {
            self.transmits += 1;
            parse_datagram(&transmit.bytes).expect("what is sent can be read");
        }
        while let Some(event) = self.agent.poll_event() {
            match event {
                Event::Request(id, request, _) => {
                    assert!(self.seen.insert(id), "a request came twice");
                    assert!(request.method != Method::Ack, "an ACK as a request");
                    self.servers.push((id, request));
                }
                Event::Response(id, response) => {
                    assert!(response.code >= 200);
                    assert!(self.clients.remove(&id).is_some(), "an end that came twice");
                }
                Event::Timeout(id) => {
                    assert!(self.clients.remove(&id).is_some(), "an end that came twice");
                }
                Event::Ack(request, _) => {
                    assert_eq!(request.method, Method::Ack);
                    self.acks += 1;
                }
                Event::AckMissing(id) => {
                    assert!(self.accepted.remove(&id), "an ACK missed twice");
                    self.acks_max -= 1;
                }
            }
        }
        assert!(self.acks <= self.acks_max, "more ACKs than calls");
    }

    /// Answers all that is open and lets all time pass: then nothing is left.
    fn finish(mut self) {
        for (id, request) in std::mem::take(&mut self.servers) {
            self.agent
                .respond(self.now, id, &request.answer(500, "ours"));
        }
        let mut waits = 0;
        while let Some(at) = self.agent.poll_timeout() {
            self.pass_time(at);
            self.drain();
            waits += 1;
            assert!(waits <= SENDS_MAX * (self.steps + 1), "it never ends");
        }
        assert!(self.clients.is_empty(), "a request without an end");
        assert_eq!(self.acks, self.acks_max, "a call without an end");
        assert!(
            self.transmits <= SENDS_MAX * (self.steps + 1),
            "{} sent",
            self.transmits
        );
    }
}

/// One of a few requests, so that some are the same.
fn request(input: &mut Input<'_>) -> Request {
    let methods = [
        Method::Invite,
        Method::Ack,
        Method::Bye,
        Method::Cancel,
        Method::Message,
        Method::Register,
    ];
    let method = methods[input.index(6)].clone();
    let choice = input.byte();
    let mut request = Request::new(method.clone(), "sip:2@10.0.0.2");
    let rport = ["", ";rport", ";rport=5070", ";RPORT ; received=1.1.1.1"];
    let rport = rport[usize::from(choice & 3)];
    let branch = ["a", "z9hG4bKa", "b"][usize::from(choice >> 2 & 3).min(2)];
    let via = format!("SIP/2.0/UDP 10.0.0.1:5060{rport};branch={branch}");
    request.headers.push("Via", via);
    request
        .headers
        .push("From", format!("<sip:1@1>;tag={}", choice >> 4 & 1));
    request.headers.push("To", "<sip:2@2>");
    request
        .headers
        .push("Call-ID", format!("call{}", choice >> 5 & 1));
    let number = choice >> 6;
    request
        .headers
        .push("CSeq", format!("{number} {}", method.as_str()));
    request
}

fn target(input: &mut Input<'_>) -> Target {
    let choice = input.byte();
    Target {
        transport: [Transport::Udp, Transport::Tcp][usize::from(choice & 1)],
        address: SocketAddr::from(([10, 0, 0, 1 + (choice >> 1 & 1)], 5060)),
    }
}

const STEPS_MAX: usize = 256;
/// T1 doubled to T2 within 64·T1 (RFC 3261 §17.1.1.1), the first included.
const SENDS_MAX: usize = 12;

#[expect(clippy::disallowed_methods, reason = "any instant will do")]
fn start() -> Instant {
    Instant::now()
}
