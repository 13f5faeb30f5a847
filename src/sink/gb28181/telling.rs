//! Telling a platform what changes in its catalogue: in its subscription, else by pushing.
//!
//! What is told is decided by [`Notices`]; here it is sent, one NOTIFY at a time, so that none overtakes
//! another.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tokio::sync::broadcast;
use tokio::time::Instant;
use tracing::{info, warn};

use super::platform::{Platform, Purpose};
use super::subscription::Subscription;
use crate::catalog::{Camera, NodeId, Tree};
use crate::proto::gb28181::{Notice, Notices, catalogue, notify};
use crate::proto::sip::TransactionId;
use crate::source::Change;

/// What a platform is told, and how.
#[derive(Debug)]
pub(super) struct Telling {
    /// States that cameras enter.
    pub(super) changes: broadcast::Receiver<Change>,
    pub(super) notices: Notices,
    pub(super) subscription: Option<Subscription>,
    /// The tree as the platform sees it, and where in it a node stands.
    pub(super) tree: Tree,
    places: HashMap<NodeId, usize>,
    /// What the NOTIFY that waits for its answer says.
    open: Option<(TransactionId, Vec<(NodeId, Notice)>)>,
    /// Pushing rests till the next registration.
    is_stopped: bool,
    /// It was registered once: from then on changes are worth telling.
    was_registered: bool,
    /// After an error of the platform's own.
    rests_until: Option<Instant>,
}

impl Telling {
    pub(super) fn new(changes: broadcast::Receiver<Change>) -> Self {
        Self {
            changes,
            notices: Notices::default(),
            subscription: None,
            tree: Tree::default(),
            places: HashMap::new(),
            open: None,
            is_stopped: false,
            was_registered: false,
            rests_until: None,
        }
    }

    /// How many notices were dropped since the last call, because too many waited.
    pub(super) fn take_dropped(&mut self) -> u64 {
        self.notices.take_dropped()
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let expiry = self
            .subscription
            .as_ref()
            .map(|subscription| subscription.ends_at());
        let notices = self.notices.poll_timeout().map(Instant::from_std);
        [expiry, notices, self.rests_until]
            .into_iter()
            .flatten()
            .min()
    }
}

impl Platform {
    /// Takes over the catalogue: ends calls to cameras that are not shared any more, and notes what is
    /// to be told.
    pub(super) fn follow_catalog(&mut self) {
        // What it may see is decided before what there is.
        self.take_plan();
        let tree = self.tree();
        let shared: HashSet<_> = tree.cameras().map(|camera| camera.id).collect();
        self.end_calls_but(&shared);
        let style = self.style();
        let marks: Vec<_> = tree
            .nodes()
            .iter()
            .map(|node| (&node.id, catalogue::mark(node, &style)))
            .collect();
        self.telling.notices.follow(marks.into_iter());
        let places = tree.nodes().iter().map(|node| node.id.clone()).zip(0..);
        self.telling.places = places.collect();
        self.telling.tree = tree;
        self.show_all();
        self.decide_collecting();
    }

    /// A camera entered a state; `None`: some were missed.
    pub(super) fn handle_change(&mut self, change: Option<Change>) {
        let Some(change) = change else {
            return self.show_all();
        };
        let camera = self.gateway.catalog.borrow().by_id(change.camera).cloned();
        if let Some(camera) = camera.filter(|camera| self.settings.share.includes(camera)) {
            self.show(&camera);
        }
    }

    pub(super) fn handle_telling_timeout(&mut self, now: Instant) {
        if self.telling.rests_until.is_some_and(|until| until <= now) {
            self.telling.rests_until = None;
        }
        self.handle_subscription_timeout(now);
        for id in self.telling.notices.handle_timeout(now.into_std()) {
            let NodeId::Code(code) = id else {
                continue;
            };
            let catalog = self.gateway.catalog.borrow().clone();
            if let Some(camera) = self.settings.share.camera(code, &catalog) {
                self.show(&camera);
            }
        }
    }

    /// Pushing begins anew with every REGISTER that is accepted; with a new registration its call does.
    pub(super) fn handle_accepted(&mut self, is_new: bool) {
        self.telling.is_stopped = false;
        self.telling.was_registered = true;
        if is_new {
            self.requests.renew_push();
        }
        self.decide_collecting();
    }

    /// Changes are collected while somebody is to be told.
    pub(super) fn decide_collecting(&mut self) {
        let pushes = self.settings.push_changes && self.telling.was_registered;
        self.telling
            .notices
            .collect(pushes || self.telling.subscription.is_some());
    }

    fn show_all(&mut self) {
        let cameras: Vec<_> = self.telling.tree.cameras().cloned().collect();
        for camera in cameras {
            self.show(&camera);
        }
    }

    fn show(&mut self, camera: &Camera) {
        let wanted = self
            .gateway
            .sources
            .is_on(camera)
            .unwrap_or(self.settings.unknown_online);
        let (now, id) = (Instant::now().into_std(), self.node_of(camera));
        self.telling.notices.show(now, &id, wanted);
    }

    /// What the platform calls a camera.
    fn node_of(&self, camera: &Camera) -> NodeId {
        let catalog = self.gateway.catalog.borrow().clone();
        self.settings.share.code_of(camera, &catalog).into()
    }

    /// ON or OFF, as the platform was told last.
    pub(super) fn is_on(&self, camera: &Camera) -> bool {
        let told = self.telling.notices.is_on(&self.node_of(camera));
        told.or_else(|| self.gateway.sources.is_on(camera))
            .unwrap_or(self.settings.unknown_online)
    }

    /// Sends the next notices, unless some are open.
    pub(super) fn send_notices(&mut self) {
        let pushes = self.settings.push_changes && self.is_registered() && !self.telling.is_stopped;
        let may_tell = self.telling.subscription.is_some() || pushes;
        let rests = self.telling.open.is_some() || self.telling.rests_until.is_some();
        if !may_tell || rests || self.telling.notices.is_empty() {
            return;
        }
        let (taken, body) = self.take_notices();
        let request = match &self.telling.subscription {
            Some(subscription) => {
                let state = subscription.state(Instant::now());
                self.requests
                    .notify(&self.settings, Some(subscription), &state, Some(body))
            }
            None => self
                .requests
                .notify(&self.settings, None, "active", Some(body)),
        };
        match self.request(&request, Purpose::Notice) {
            Some(id) => self.telling.open = Some((id, taken)),
            None => {
                self.telling.notices.put_back(taken);
                self.telling.rests_until = Some(Instant::now() + REST);
            }
        }
    }

    /// As many notices as a message has room for; one that is too long alone goes alone.
    fn take_notices(&mut self) -> (Vec<(NodeId, Notice)>, Vec<u8>) {
        let mut taken = self.telling.notices.take(self.settings.items_per_message);
        loop {
            let body = self.notice_body(&taken);
            if taken.len() <= 1 || body.len() <= self.style().page_bytes_max {
                return (taken, body);
            }
            if let Some(last) = taken.pop() {
                self.telling.notices.put_back(vec![last]);
            }
        }
    }

    fn notice_body(&mut self, taken: &[(NodeId, Notice)]) -> Vec<u8> {
        self.notice_number += 1;
        let said: Vec<_> = taken
            .iter()
            .map(|(id, notice)| self.said(id, *notice))
            .collect();
        let device = self.settings.local_gb_id;
        let is_on = |camera: &Camera| self.is_on(camera);
        notify::notice(
            device.as_str(),
            self.notice_number,
            &said,
            &self.style(),
            &is_on,
        )
    }

    fn said<'a>(&'a self, id: &'a NodeId, notice: Notice) -> notify::Said<'a> {
        let place = self.telling.places.get(id);
        let node = place.and_then(|place| self.telling.tree.nodes().get(*place));
        match (notice, node) {
            (Notice::Add, Some(node)) => notify::Said::Add(node),
            (Notice::Update, Some(node)) => notify::Said::Update(node),
            (Notice::Status, Some(_)) => {
                let is_on = self
                    .telling
                    .notices
                    .is_on(id)
                    .unwrap_or(self.settings.unknown_online);
                notify::Said::Status(id.as_str(), is_on)
            }
            (Notice::Delete, _) | (_, None) => notify::Said::Delete(id.as_str()),
        }
    }

    /// An answer to a NOTIFY that nobody waits for any more says nothing.
    pub(super) fn handle_notice_answer(&mut self, id: TransactionId, code: Option<u16>) {
        let Some((_, told)) = self.telling.open.take_if(|(open, _)| *open == id) else {
            return;
        };
        match code {
            Some(200..=299) => {}
            Some(500..=599) => {
                self.telling.notices.put_back(told);
                self.telling.rests_until = Some(Instant::now() + REST);
            }
            code if self.telling.subscription.is_some() => {
                warn!(?code, "a notice was refused: the subscription ends");
                self.telling.notices.put_back(told);
                self.end_subscription();
            }
            code => {
                warn!(
                    ?code,
                    "a pushed change was refused: no more till the next registration"
                );
                self.telling.notices.put_back(told);
                self.telling.is_stopped = true;
            }
        }
    }

    /// What was not answered is told again, where somebody is to be told.
    pub(super) fn take_back_open(&mut self) {
        if let Some((_, told)) = self.telling.open.take() {
            self.telling.notices.put_back(told);
        }
    }

    /// Forgets the subscription.
    pub(super) fn end_subscription(&mut self) {
        self.take_back_open();
        if self.telling.subscription.take().is_some() {
            info!("the subscription of the catalogue has ended");
        }
        self.decide_collecting();
    }
}

/// After a platform's own error, or when too many requests are open.
const REST: Duration = Duration::from_secs(5);
