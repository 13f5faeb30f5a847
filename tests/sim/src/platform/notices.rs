//! NOTIFYs of changes (GB/T 28181-2016 §9.11): what each said, and whether they follow one another as they must.

use std::collections::HashMap;

use anyhow::{Context as _, ensure};
use tokio::sync::watch;
use tokio::time::Instant;

use super::catalogue::Item;
use super::manscdp::Element;
use super::sip::Message;
use super::sip::message::parameter;

/// One NOTIFY.
#[derive(Clone, Debug)]
pub struct Notice {
    /// When it was read.
    pub at: Instant,
    /// It came in the dialog of a subscription, not by itself.
    pub in_dialog: bool,
    /// Its Call-ID.
    pub call_id: String,
    /// The number of its CSeq.
    pub cseq: u32,
    /// Its Event.
    pub event: String,
    /// Its Subscription-State.
    pub state: String,
    /// CmdType of its body; empty without a body.
    pub cmd_type: String,
    /// SN of its body.
    pub sn: u32,
    /// DeviceID of its body.
    pub device_id: String,
    /// SumNum of its body.
    pub sum: Option<usize>,
    /// The items that changed; [`Item::event`] says how.
    pub items: Vec<Item>,
    branch: String,
}

impl Notice {
    /// Reads a NOTIFY; `body` is the root of its body.
    pub(super) fn read(request: &Message, body: Option<&Element>) -> anyhow::Result<Self> {
        let text = |name: &str| request.header(name).unwrap_or_default().to_owned();
        let of_body = |name: &str| body.map(|root| root.text_of(name)).unwrap_or_default();
        let sum = match of_body("SumNum") {
            "" => None,
            sum => Some(sum.parse().with_context(|| format!("SumNum {sum:?}"))?),
        };
        Ok(Self {
            at: Instant::now(),
            in_dialog: false,
            call_id: text("Call-ID"),
            cseq: request.cseq().context("no CSeq")?,
            event: text("Event"),
            state: text("Subscription-State"),
            cmd_type: of_body("CmdType").to_owned(),
            sn: match body {
                Some(_) => of_body("SN").parse().context("no SN")?,
                None => 0,
            },
            device_id: of_body("DeviceID").to_owned(),
            sum,
            items: body.map_or(Ok(Vec::new()), read_items)?,
            branch: request.branch().unwrap_or_default().to_owned(),
        })
    }

    /// Says that the subscription is over.
    pub fn is_final(&self) -> bool {
        self.state_word().eq_ignore_ascii_case("terminated")
    }

    /// The seconds that the subscription still has, as it says.
    pub fn expires(&self) -> Option<u32> {
        let (_, parameters) = self.state.split_once(';')?;
        parameter(&format!(";{parameters}"), "expires")?
            .parse()
            .ok()
    }

    fn state_word(&self) -> &str {
        self.state.split(';').next().unwrap_or_default().trim()
    }

    /// What it breaks by itself.
    fn wrong(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        match self.state_word().to_ascii_lowercase().as_str() {
            "active" | "pending" if self.in_dialog && self.expires().is_none() => {
                wrong.push(format!("Subscription-State {:?} lacks expires", self.state));
            }
            "active" | "pending" | "terminated" => {}
            _ => wrong.push(format!("Subscription-State {:?}", self.state)),
        }
        if self.cmd_type != "Catalog" {
            return wrong;
        }
        match self.sum {
            None => wrong.push("no SumNum".into()),
            Some(sum) if sum < self.items.len() => {
                wrong.push(format!("SumNum {sum} with {} items", self.items.len()));
            }
            Some(_) => {}
        }
        for item in &self.items {
            let (id, event) = (&item.id, item.event());
            if !EVENTS.contains(&event) {
                wrong.push(format!("{id} has the event {event:?}"));
            }
            if matches!(event, "ADD" | "UPDATE") && item.name().is_empty() {
                wrong.push(format!("{event} of {id} is no whole item"));
            }
        }
        wrong
    }
}

/// What may happen to a node of the catalogue.
const EVENTS: [&str; 7] = ["ON", "OFF", "VLOST", "DEFECT", "ADD", "DEL", "UPDATE"];

fn read_items(root: &Element) -> anyhow::Result<Vec<Item>> {
    let Some(list) = root.child("DeviceList") else {
        return Ok(Vec::new());
    };
    let num = list.attribute("Num").unwrap_or_default();
    ensure!(
        num.parse() == Ok(list.children.len()),
        "Num {num:?} with {} items",
        list.children.len()
    );
    list.children
        .iter()
        .map(|child| {
            ensure!(child.name == "Item", "<{}> in DeviceList", child.name);
            Item::read(child)
        })
        .collect()
}

/// The NOTIFYs that came so far, in their order.
#[derive(Clone, Debug, Default)]
pub struct Notices {
    /// Each once, however often it was repeated; the first [`NOTICES_MAX`] are kept.
    pub all: Vec<Notice>,
    /// How many came again with the branch and CSeq that they had.
    pub repeated: u64,
    /// How many items the SumNum of the last changes promised beyond those that came.
    pub missing: usize,
}

impl Notices {
    /// The items of all of them.
    pub fn items(&self) -> impl Iterator<Item = &Item> {
        self.all.iter().flat_map(|notice| &notice.items)
    }

    /// What happened to one node, in its order.
    pub fn events_of(&self, id: &str) -> Vec<&str> {
        let of_node = self.items().filter(|item| item.id == id);
        of_node.map(Item::event).collect()
    }

    /// The last of them said that the subscription is over.
    pub fn is_terminated(&self) -> bool {
        self.all.last().is_some_and(Notice::is_final)
    }
}

/// The NOTIFYs of one Call-ID, and what the next must be like.
#[derive(Debug)]
pub(super) struct Strand {
    rules: Option<Rules>,
    seen: HashMap<u32, String>,
    last_cseq: Option<u32>,
    /// Items that came and SumNum, of each SN that is not complete.
    open: HashMap<u32, (usize, usize)>,
    is_terminated: bool,
}

/// What a subscription asked for.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) local_tag: String,
    pub(super) remote_tag: Option<String>,
    pub(super) cmd_type: String,
    pub(super) device_id: String,
    /// The values of Event that may be echoed: two while a refresh with another one is under way.
    pub(super) events: Vec<String>,
    pub(super) expires_at: Option<Instant>,
    pub(super) is_cancelled: bool,
}

/// What became of a NOTIFY.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Taken {
    /// It is new; what is wrong with it.
    New(Vec<String>),
    /// It came before.
    Again,
    /// It is not of this dialog.
    Foreign(String),
}

impl Strand {
    /// The NOTIFYs of a subscription, or with `None` those that come by themselves.
    pub(super) fn new(rules: Option<Rules>) -> Self {
        Self {
            rules,
            seen: HashMap::new(),
            last_cseq: None,
            open: HashMap::new(),
            is_terminated: false,
        }
    }

    pub(super) fn rules_mut(&mut self) -> Option<&mut Rules> {
        self.rules.as_mut()
    }

    /// Whether NOTIFYs are due in it.
    pub(super) fn is_active(&self) -> bool {
        let holds = |rules: &Rules| {
            !rules.is_cancelled && rules.expires_at.is_some_and(|at| at > Instant::now())
        };
        !self.is_terminated && self.rules.as_ref().is_some_and(holds)
    }

    /// Takes the next one in, and into `notices`.
    pub(super) fn take(
        &mut self,
        request: &Message,
        mut notice: Notice,
        notices: &watch::Sender<Notices>,
    ) -> Taken {
        if let Some(foreign) = self.match_tags(request) {
            return Taken::Foreign(foreign);
        }
        let mut wrong = Vec::new();
        match self.seen.insert(notice.cseq, notice.branch.clone()) {
            Some(branch) if branch == notice.branch => {
                notices.send_modify(|notices| notices.repeated += 1);
                return Taken::Again;
            }
            Some(_) => wrong.push(format!("CSeq {} a second time", notice.cseq)),
            None => {}
        }
        if self.last_cseq.is_some_and(|last| notice.cseq < last) {
            wrong.push(format!("CSeq {} after {:?}", notice.cseq, self.last_cseq));
        }
        self.last_cseq = self.last_cseq.max(Some(notice.cseq));
        notice.in_dialog = self.rules.is_some();
        if notice.in_dialog && request.header("Contact").is_none() {
            wrong.push("no Contact".into());
        }
        wrong.extend(notice.wrong());
        wrong.extend(self.wrong_in_dialog(&notice));
        wrong.extend(self.count(&notice));
        self.is_terminated |= notice.is_final();
        let missing = self.open.values().map(|(came, sum)| sum - came).sum();
        notices.send_modify(|notices| {
            notices.missing = missing;
            if notices.all.len() < NOTICES_MAX {
                notices.all.push(notice);
            }
        });
        Taken::New(wrong)
    }

    /// Learns the tag of the other side from the first message, and says what does not fit later.
    fn match_tags(&mut self, request: &Message) -> Option<String> {
        let rules = self.rules.as_mut()?;
        let tag = |name: &str| {
            let value = request.header(name).unwrap_or_default();
            parameter(value, "tag").unwrap_or_default().to_owned()
        };
        let (from, to) = (tag("From"), tag("To"));
        let remote = rules.remote_tag.get_or_insert_with(|| from.clone());
        (*remote != from || rules.local_tag != to)
            .then(|| format!("From tag {from:?} and To tag {to:?} in a subscription's Call-ID"))
    }

    fn wrong_in_dialog(&self, notice: &Notice) -> Vec<String> {
        let mut wrong = Vec::new();
        if self.is_terminated {
            wrong.push("after the one that ended the subscription".into());
        }
        let Some(rules) = &self.rules else {
            return wrong;
        };
        if !rules.events.contains(&notice.event) {
            wrong.push(format!(
                "Event {:?} instead of {:?}",
                notice.event, rules.events
            ));
        }
        if rules.is_cancelled && !notice.is_final() {
            wrong.push("after the subscription was cancelled".into());
        }
        let is_asked = notice.cmd_type == rules.cmd_type && notice.device_id == rules.device_id;
        if !notice.cmd_type.is_empty() && !is_asked {
            wrong.push(format!(
                "{} of {:?}, subscribed is {} of {:?}",
                notice.cmd_type, notice.device_id, rules.cmd_type, rules.device_id
            ));
        }
        wrong
    }

    /// Counts the items of one SN up to its SumNum.
    fn count(&mut self, notice: &Notice) -> Option<String> {
        let sum = notice.sum?;
        let (came, known) = self.open.entry(notice.sn).or_insert((0, sum));
        if *known != sum {
            let wrong = format!("SumNum {sum} after {known} under SN {}", notice.sn);
            self.open.remove(&notice.sn);
            return Some(wrong);
        }
        *came += notice.items.len();
        let (came, sum) = (*came, *known);
        if came >= sum {
            self.open.remove(&notice.sn);
        }
        (came > sum).then(|| format!("{came} items under SN {}, SumNum {sum}", notice.sn))
    }
}

/// A limit for long runs.
pub const NOTICES_MAX: usize = 100_000;
