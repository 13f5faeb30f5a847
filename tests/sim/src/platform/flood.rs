//! Floods: many requests a second, or rubbish, from the platform's address or from a stranger's.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::core::{Core, Route};
use super::manscdp;
use super::sdp::{Media, Offer};
use super::sip::Message;
use super::tasks::{lock, random};

/// What comes in a flood.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Surge {
    /// INVITEs of one channel over UDP, each a call of its own, none acknowledged.
    Invite {
        /// Which channel.
        channel: String,
    },
    /// Queries of the whole catalogue.
    Catalogue,
    /// Subscriptions to the catalogue, each of its own.
    Subscribe,
    /// Datagrams that are no SIP, or nearly.
    Garbage,
}

/// A flood.
#[derive(Clone, Debug)]
pub struct Flood {
    /// What comes.
    pub surge: Surge,
    /// How many a second.
    pub per_second: u32,
    /// How many in all.
    pub count: u32,
    /// A stranger's address to send from, over UDP; `None` is the platform's own.
    pub from: Option<SocketAddr>,
    /// Where a stranger sends to; `None` is where the lower platform registered from.
    pub to: Option<SocketAddr>,
}

/// What a flood brought so far.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Tally {
    /// Requests sent.
    pub sent: u32,
    /// Requests by the status of their first final answer.
    pub answers: BTreeMap<u16, u32>,
    /// Pages of catalogues that came.
    pub pages: u32,
    /// NOTIFYs in the subscriptions of the flood; answered with 200.
    pub notifies: u32,
    /// BYEs of the flood's calls; answered with 200.
    pub byes: u32,
}

impl Tally {
    /// How many requests have their final answer.
    pub fn answered(&self) -> u32 {
        self.answers.values().sum()
    }

    /// How many requests were answered so.
    pub fn with_code(&self, code: u16) -> u32 {
        self.answers.get(&code).copied().unwrap_or_default()
    }
}

/// A flood under way; it goes on when this is dropped.
#[derive(Debug)]
pub struct Flooding {
    tally: watch::Receiver<Tally>,
    count: u32,
}

impl Flooding {
    /// What it brought so far.
    pub fn tally(&self) -> Tally {
        self.tally.borrow().clone()
    }

    /// Waits until all is sent.
    ///
    /// # Errors
    /// When it is not within `limit`.
    pub async fn sent(&self, limit: Duration) -> anyhow::Result<Tally> {
        self.wait_for(|tally| tally.sent == self.count, limit).await
    }

    /// Waits until it brought what is wanted.
    ///
    /// # Errors
    /// When it does not within `limit`.
    pub async fn wait_for(
        &self,
        wanted: impl Fn(&Tally) -> bool,
        limit: Duration,
    ) -> anyhow::Result<Tally> {
        let mut tally = self.tally.clone();
        let found = timeout(limit, tally.wait_for(|tally| wanted(tally))).await;
        match found.map(|found| found.map(|tally| tally.clone())) {
            Ok(found) => found.context("the platform stopped"),
            Err(_) => bail!("the flood brought {:?} within {limit:?}", self.tally()),
        }
    }
}

/// The floods of a platform; their requests carry the number of their flood in branch and Call-ID.
#[derive(Debug, Default)]
pub(super) struct Floods {
    tallies: Mutex<HashMap<u32, Counting>>,
    queries: Mutex<HashMap<u32, u32>>,
    next: AtomicU32,
}

#[derive(Debug)]
struct Counting {
    tally: watch::Sender<Tally>,
    answered: HashSet<String>,
}

impl Floods {
    /// Counts a response; says whether it was of a flood.
    pub(super) fn take_response(&self, response: &Message) -> bool {
        let branch = response.branch().unwrap_or_default();
        let Some(number) = number(branch.strip_prefix("z9hG4bK").unwrap_or_default()) else {
            return false;
        };
        let mut tallies = lock(&self.tallies);
        let Some(counting) = tallies.get_mut(&number) else {
            return false;
        };
        if response.code() >= 200 && counting.answered.insert(branch.to_owned()) {
            counting
                .tally
                .send_modify(|tally| *tally.answers.entry(response.code()).or_default() += 1);
        }
        true
    }

    /// Counts a request in a dialog of a flood; says whether it was one.
    pub(super) fn take_request(&self, request: &Message) -> bool {
        let call_id = request.header("Call-ID").unwrap_or_default();
        self.count(number(call_id), |tally| match request.method() {
            "NOTIFY" => tally.notifies += 1,
            "BYE" => tally.byes += 1,
            _ => {}
        })
    }

    /// Counts a page of a catalogue; says whether a flood asked for it.
    pub(super) fn take_page(&self, sn: u32) -> bool {
        let flood = lock(&self.queries).get(&sn).copied();
        self.count(flood, |tally| tally.pages += 1)
    }

    fn count(&self, flood: Option<u32>, change: impl FnOnce(&mut Tally)) -> bool {
        let tallies = lock(&self.tallies);
        let Some(counting) = flood.and_then(|number| tallies.get(&number)) else {
            return false;
        };
        counting.tally.send_modify(change);
        true
    }
}

/// The number in `flood-3-17…`.
fn number(text: &str) -> Option<u32> {
    text.strip_prefix("flood-")?.split('-').next()?.parse().ok()
}

/// Starts a flood.
pub(super) async fn start(core: &Arc<Core>, flood: Flood) -> anyhow::Result<Flooding> {
    let stranger = match flood.from {
        Some(from) => Some(Arc::new(
            UdpSocket::bind(from)
                .await
                .with_context(|| format!("cannot send from {from}/udp"))?,
        )),
        None => None,
    };
    let route = match (&stranger, flood.to) {
        (None, _) => core.lower_route()?,
        (Some(socket), Some(to)) => Route::UdpBy(to, Arc::clone(socket)),
        (Some(socket), None) => Route::UdpBy(core.lower_route()?.address(), Arc::clone(socket)),
    };
    let number = core.floods.next.fetch_add(1, Ordering::Relaxed);
    let (sender, tally) = watch::channel(Tally::default());
    let counting = Counting {
        tally: sender,
        answered: HashSet::new(),
    };
    lock(&core.floods.tallies).insert(number, counting);
    // Media that comes goes nowhere.
    let sink = UdpSocket::bind((core.address.ip(), 0)).await?;
    let source = Source {
        address: match &stranger {
            Some(socket) => socket.local_addr()?,
            None => core.contact(),
        },
        media: sink.local_addr()?,
        number,
    };
    if let Some(socket) = stranger {
        core.tasks.spawn(hear(Arc::clone(core), socket));
    }
    let count = flood.count;
    let core = Arc::clone(core);
    core.tasks.clone().spawn(async move {
        send(&core, &flood, &source, &route).await;
        // As long as calls may live.
        std::future::pending::<()>().await;
        drop(sink);
    });
    Ok(Flooding { tally, count })
}

async fn send(core: &Arc<Core>, flood: &Flood, source: &Source, route: &Route) {
    let mut pace = interval(Duration::from_secs(1) / flood.per_second.max(1));
    pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for index in 0..flood.count {
        pace.tick().await;
        let bytes = match &flood.surge {
            Surge::Garbage => garbage(index),
            surge => source.request(core, surge, route, index).to_bytes(),
        };
        core.send(route, bytes).await;
        core.floods
            .count(Some(source.number), |tally| tally.sent += 1);
    }
}

/// Counts what a stranger is answered.
async fn hear(core: Arc<Core>, socket: Arc<UdpSocket>) {
    let mut buffer = vec![0; 65_536];
    loop {
        let Ok((length, _)) = socket.recv_from(&mut buffer).await else {
            continue;
        };
        if let Ok(message) = Message::parse(&buffer[..length]) {
            core.floods.take_response(&message);
        }
    }
}

/// Who floods.
struct Source {
    address: SocketAddr,
    media: SocketAddr,
    number: u32,
}

impl Source {
    fn request(&self, core: &Core, surge: &Surge, route: &Route, index: u32) -> Message {
        let (settings, address) = (&core.settings, self.address);
        let mark = format!("flood-{}-{index}", self.number);
        let (method, user) = match surge {
            Surge::Invite { channel } => ("INVITE", channel),
            Surge::Subscribe => ("SUBSCRIBE", &settings.lower_id),
            Surge::Catalogue | Surge::Garbage => ("MESSAGE", &settings.lower_id),
        };
        let uri = format!("sip:{user}@{}", route.address());
        let tag = random() >> 32;
        let request = Message::request(method, &uri)
            .with(
                "Via",
                format!(
                    "SIP/2.0/{} {address};rport;branch=z9hG4bK{mark}",
                    route.via_name()
                ),
            )
            .with(
                "From",
                format!("<sip:{}@{}>;tag={tag:08x}", settings.gb_id, settings.domain),
            )
            .with("To", format!("<{uri}>"))
            .with(
                "Call-ID",
                format!("{mark}-{:016x}@{}", random(), address.ip()),
            )
            .with("CSeq", format!("{} {method}", core.next_cseq()))
            .with("Contact", format!("<sip:{}@{address}>", settings.gb_id))
            .with("Max-Forwards", "70");
        match surge {
            Surge::Invite { channel } => self.offer(core, request, channel),
            Surge::Subscribe => self
                .query(core, request)
                .with("Event", "Catalog")
                .with("Expires", "600"),
            Surge::Catalogue | Surge::Garbage => self.query(core, request),
        }
    }

    fn offer(&self, core: &Core, request: Message, channel: &str) -> Message {
        let settings = &core.settings;
        let y = core.next_y();
        let offer = Offer {
            origin: &settings.lower_id,
            name: "Play",
            media: Media::Udp,
            address: self.media.ip(),
            port: self.media.port(),
            y: Some(&y),
            habits: settings.habits,
            extra_types: &[],
        };
        request
            .with("Subject", format!("{channel}:{y},{}:0", settings.gb_id))
            .with_body("APPLICATION/SDP", offer.to_text().into())
    }

    fn query(&self, core: &Core, request: Message) -> Message {
        let settings = &core.settings;
        let sn = core.next_sn();
        lock(&core.floods.queries).insert(sn, self.number);
        let fields = [
            ("CmdType", "Catalog"),
            ("SN", &sn.to_string()),
            ("DeviceID", &settings.lower_id),
        ];
        let body = manscdp::write("Query", &fields, settings.habits.blanks, settings.charset);
        request.with_body("Application/MANSCDP+xml", body)
    }
}

/// A datagram of one of the kinds that break parsers.
fn garbage(index: u32) -> Vec<u8> {
    let noise = |length: usize| -> Vec<u8> {
        let words = (0..length.div_ceil(8)).flat_map(|_| random().to_le_bytes());
        words.take(length).collect()
    };
    match index % 8 {
        0 => noise(1 + index as usize % 1400),
        1 => vec![0; 1400],
        2 => b"INVITE sip:".to_vec(),
        3 => b"\r\n\r\n\r\n".to_vec(),
        4 => b"MESSAGE sip:1@1 SIP/2.0\r\nContent-Length: 999999999\r\n\r\n<".to_vec(),
        5 => b"SIP/2.0 200 OK\r\nCSeq: 1 INVITE\r\nVia: x\r\n\r\n".to_vec(),
        6 => [
            b"REGISTER sip:1 SIP/2.0\r\n".to_vec(),
            b"A:b\r\n".repeat(250),
        ]
        .concat(),
        _ => [b"BYE sip:1@1 SIP/2.0\r\nCall-ID: ".to_vec(), noise(600)].concat(),
    }
}
