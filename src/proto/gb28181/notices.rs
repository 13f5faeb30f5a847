//! What one platform has been told of the catalogue, and what it is still to be told (GB/T 28181-2016
//! §9.11). Pure.
//!
//! A channel changes between ON and OFF once in 30 s at most, in answers to queries too. Notices of one
//! channel are merged, so that what waits is never more than there are channels.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::{Duration, Instant};

use crate::catalog::{NodeId, kind};

/// What a notice says of a node.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Notice {
    /// It is new.
    Add,
    /// It reads otherwise.
    Update,
    /// It is gone.
    Delete,
    /// It is ON or OFF.
    Status,
}

/// The notices of one platform.
#[derive(Debug, Default)]
pub struct Notices {
    /// The nodes as they were told, by a mark of what their item says.
    told: HashMap<NodeId, u64>,
    shown: HashMap<NodeId, Shown>,
    /// Channels to look at again, once they may change.
    due: BTreeSet<(Instant, NodeId)>,
    queue: VecDeque<NodeId>,
    pending: HashMap<NodeId, Notice>,
    is_collecting: bool,
    dropped: u64,
}

#[derive(Clone, Copy, Debug)]
struct Shown {
    is_on: bool,
    changed_at: Option<Instant>,
}

impl Notices {
    /// Whether changes are collected: somebody is to be told. What waits is forgotten where not.
    pub fn collect(&mut self, is_collecting: bool) {
        self.is_collecting = is_collecting;
        if !is_collecting {
            self.queue.clear();
            self.pending.clear();
        }
    }

    /// Takes over the tree: `nodes` with a mark of what each one's item says, parents before children.
    /// The first tree is taken as told.
    pub fn follow<'a>(&mut self, nodes: impl Iterator<Item = (&'a NodeId, u64)>) {
        let is_first = self.told.is_empty();
        let mut gone: HashMap<NodeId, u64> = std::mem::take(&mut self.told);
        for (id, mark) in nodes {
            match gone.remove(id) {
                Some(told) if told == mark => {}
                Some(_) => self.put(id, Notice::Update),
                None if is_first => {}
                None => self.put(id, Notice::Add),
            }
            self.told.insert(id.clone(), mark);
        }
        let mut gone: Vec<_> = gone.into_keys().collect();
        gone.sort_by_key(|id| (depth(id), id.clone()));
        for id in gone {
            self.shown.remove(&id);
            self.put(&id, Notice::Delete);
        }
    }

    /// How a channel that is `wanted` is shown now; a change is noted, or waits for its time.
    pub fn show(&mut self, now: Instant, id: &NodeId, wanted: bool) -> bool {
        let Some(shown) = self.shown.get_mut(id) else {
            self.shown.insert(
                id.clone(),
                Shown {
                    is_on: wanted,
                    changed_at: None,
                },
            );
            return wanted;
        };
        if shown.is_on == wanted {
            return wanted;
        }
        let may_at = shown.changed_at.map(|at| at + STEADY);
        if let Some(may_at) = may_at.filter(|at| *at > now) {
            let is_on = shown.is_on;
            self.due.insert((may_at, id.clone()));
            return is_on;
        }
        *shown = Shown {
            is_on: wanted,
            changed_at: Some(now),
        };
        self.put(id, Notice::Status);
        wanted
    }

    /// How a channel was shown last.
    pub fn is_on(&self, id: &NodeId) -> Option<bool> {
        self.shown.get(id).map(|shown| shown.is_on)
    }

    /// The channels to look at again now.
    pub fn handle_timeout(&mut self, now: Instant) -> Vec<NodeId> {
        let mut due = Vec::new();
        while self.due.first().is_some_and(|(at, _)| *at <= now) {
            due.extend(self.due.pop_first().map(|(_, id)| id));
        }
        due
    }

    /// When to call [`Self::handle_timeout`].
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Tells everything: a subscription begins.
    pub fn tell_all(&mut self, channels: impl Iterator<Item = NodeId>) {
        for id in channels {
            self.put(&id, Notice::Status);
        }
    }

    /// The next notices, at most `count`, in the order in which they came up.
    pub fn take(&mut self, count: usize) -> Vec<(NodeId, Notice)> {
        let mut taken = Vec::new();
        while taken.len() < count {
            let Some(id) = self.queue.pop_front() else {
                break;
            };
            if let Some(notice) = self.pending.remove(&id) {
                taken.push((id, notice));
            }
        }
        taken
    }

    /// Puts back what could not be told, at the front, together with what happened meanwhile.
    pub fn put_back(&mut self, notices: Vec<(NodeId, Notice)>) {
        for (id, notice) in notices.into_iter().rev() {
            let since = self.pending.remove(&id);
            if since.is_some() {
                self.queue.retain(|other| *other != id);
            }
            let merged = match since {
                None => Some(notice),
                Some(since) => merge(notice, since),
            };
            if let Some(merged) = merged {
                self.queue.push_front(id.clone());
                self.pending.insert(id, merged);
            }
        }
    }

    /// How many notices wait.
    pub fn len(&self) -> usize {
        self.pending.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// How many were dropped since the last call, because too many waited.
    pub fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }

    fn put(&mut self, id: &NodeId, new: Notice) {
        if !self.is_collecting {
            return;
        }
        let merged = match self.pending.get(id) {
            None => Some(new),
            Some(waiting) => merge(*waiting, new),
        };
        let Some(merged) = merged else {
            self.pending.remove(id);
            self.queue.retain(|other| other != id);
            return;
        };
        if self.pending.len() >= PENDING_MAX && !self.pending.contains_key(id) {
            self.dropped += 1;
            return;
        }
        if self.pending.insert(id.clone(), merged).is_none() {
            self.queue.push_back(id.clone());
        }
    }
}

/// What to tell of a node for which one notice waits and another comes; `None`: nothing.
fn merge(waiting: Notice, new: Notice) -> Option<Notice> {
    match (waiting, new) {
        // It was never told that there is one.
        (Notice::Add, Notice::Delete) => None,
        (Notice::Add, _) => Some(Notice::Add),
        (_, Notice::Delete) => Some(Notice::Delete),
        (Notice::Delete, Notice::Add) => Some(Notice::Update),
        (Notice::Update, Notice::Status) => Some(Notice::Update),
        (_, new) => Some(new),
    }
}

/// Where a node that is gone stands among others: cameras before what they hang on.
fn depth(id: &NodeId) -> (u8, usize) {
    match id {
        NodeId::Code(code) => match code.kind() {
            kind::ORGANISATION => (1, 0),
            kind::BUSINESS_GROUP | kind::PLATFORM => (2, 0),
            _ => (0, 0),
        },
        NodeId::Region(code) => (3, usize::MAX - code.len()),
    }
}

/// A channel keeps its status for so long.
const STEADY: Duration = Duration::from_secs(30);
const PENDING_MAX: usize = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_that_flaps_changes_once_in_thirty_seconds_and_ends_with_the_truth() {
        let (mut notices, begin) = (collecting(), start());
        let id = id("43021100111326000001");
        notices.show(begin, &id, true);
        let mut changes = Vec::new();
        let mut now = begin;
        for second in 0..300u64 {
            now = begin + Duration::from_secs(second);
            notices.handle_timeout(now);
            notices.show(now, &id, second / 2 % 2 == 0);
            changes.extend(notices.take(9).into_iter().map(|_| second));
        }
        for pair in changes.windows(2) {
            assert!(pair[1] - pair[0] >= 30, "{changes:?}");
        }
        let at = notices.poll_timeout().unwrap_or(now).max(now) + STEADY;
        notices.handle_timeout(at);
        notices.show(at, &id, false);
        assert_eq!(notices.is_on(&id), Some(false));
        assert!(notices.due.is_empty());
    }

    #[test]
    fn what_happens_to_one_channel_is_told_as_one_notice() {
        let table = [
            (vec![Notice::Status, Notice::Status], Some(Notice::Status)),
            (
                vec![Notice::Add, Notice::Status, Notice::Update],
                Some(Notice::Add),
            ),
            (vec![Notice::Add, Notice::Delete], None),
            (vec![Notice::Status, Notice::Delete], Some(Notice::Delete)),
            (vec![Notice::Delete, Notice::Add], Some(Notice::Update)),
            (vec![Notice::Update, Notice::Status], Some(Notice::Update)),
            (vec![Notice::Status, Notice::Update], Some(Notice::Update)),
        ];
        for (happened, told) in table {
            let mut notices = collecting();
            for notice in &happened {
                notices.put(&id("43021100111326000001"), *notice);
            }
            let taken: Vec<_> = notices
                .take(9)
                .into_iter()
                .map(|(_, notice)| notice)
                .collect();
            assert_eq!(taken, Vec::from_iter(told), "{happened:?}");
            assert!(notices.is_empty() && notices.queue.is_empty());
        }
    }

    #[test]
    fn a_tree_that_changes_is_told_by_its_differences() {
        let mut notices = collecting();
        let (a, b, c) = (
            id("43021100111326000001"),
            id("43021100111326000002"),
            id("430211"),
        );
        notices.follow([(&a, 1), (&c, 1)].into_iter());
        assert!(notices.is_empty(), "the first tree is what was asked for");
        notices.follow([(&a, 2), (&b, 1)].into_iter());
        assert_eq!(
            notices.take(9),
            [
                (a.clone(), Notice::Update),
                (b.clone(), Notice::Add),
                (c, Notice::Delete)
            ]
        );
        let taken = vec![(a.clone(), Notice::Update)];
        notices.put_back(taken.clone());
        assert_eq!(notices.take(9), taken);
        notices.put(&a, Notice::Status);
        notices.put_back(vec![(a.clone(), Notice::Add)]);
        assert_eq!(
            notices.take(9),
            [(a.clone(), Notice::Add)],
            "what was not told is not lost"
        );
        notices.collect(false);
        notices.follow([(&b, 1)].into_iter());
        assert!(notices.is_empty(), "nobody is to be told");
    }

    fn collecting() -> Notices {
        let mut notices = Notices::default();
        notices.collect(true);
        notices
    }

    fn id(text: &str) -> NodeId {
        text.parse()
            .map_or_else(|_| NodeId::Region(text.into()), NodeId::Code)
    }

    #[expect(clippy::disallowed_methods, reason = "any instant will do")]
    fn start() -> Instant {
        Instant::now()
    }
}
