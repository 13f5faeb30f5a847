//! SUBSCRIBE of the catalogue (GB/T 28181-2016 §9.11, RFC 6665): one a platform.

use std::time::Duration;

use tokio::time::Instant;
use tracing::info;

use super::platform::{Platform, Purpose};
use super::requests::token;
use crate::catalog::NodeKind;
use crate::proto::gb28181::Ask;
use crate::proto::sip::{Request, TransactionId};

/// The dialog in which a platform is told of changes.
#[derive(Debug)]
pub(super) struct Subscription {
    pub(super) call_id: String,
    /// Our From: their To with our tag.
    pub(super) from: String,
    /// Their From, with their tag.
    pub(super) to: String,
    /// Where our requests of the dialog go.
    pub(super) uri: String,
    /// Their Event, letter for letter.
    pub(super) event: String,
    tag: String,
    expires_at: Instant,
}

impl Subscription {
    /// When it ends unless it is refreshed: a platform that refreshes at the last moment is a bit late.
    pub(super) fn ends_at(&self) -> Instant {
        self.expires_at + GRACE
    }

    /// `Subscription-State` while it lasts.
    pub(super) fn state(&self, now: Instant) -> String {
        format!(
            "active;expires={}",
            self.expires_at.saturating_duration_since(now).as_secs()
        )
    }
}

impl Platform {
    pub(super) fn handle_subscribe(&mut self, id: TransactionId, request: &Request) {
        let headers = &request.headers;
        let call_id = headers.call_id().unwrap_or_default().to_owned();
        let known = self
            .telling
            .subscription
            .as_ref()
            .filter(|known| known.call_id == call_id);
        let is_inside = headers.to().is_some_and(|to| to.tag.is_some());
        if is_inside && known.is_none() {
            return self.respond(id, request, request.answer(481, &token()));
        }
        if let Some(code) = self.subscribe_refusal(request, is_inside) {
            let answer = request
                .answer(code, &token())
                .with("Allow-Events", "Catalog");
            return self.respond(id, request, answer);
        }
        let is_new = known.is_none();
        let tag = known.map_or_else(token, |known| known.tag.clone());
        let expires = headers
            .seconds("Expires")
            .unwrap_or(EXPIRES)
            .min(EXPIRES_MAX);
        let answer = request
            .answer(200, &tag)
            .with("Expires", expires.to_string())
            .with("Contact", self.requests.contact(&self.settings));
        self.respond(id, request, answer);
        if is_new && expires == 0 {
            return; // the end of a dialog that is gone: the living one goes on
        }
        let event = headers.get("Event").unwrap_or("Catalog").trim().to_owned();
        let expires_at = Instant::now() + Duration::from_secs(expires.into());
        match &mut self.telling.subscription {
            Some(known) if !is_new => (known.event, known.expires_at) = (event, expires_at),
            // What is under way in the dialog before is told again in this one.
            _ => {
                self.take_back_open();
                self.telling.subscription = Some(begin(request, tag, event, expires_at));
            }
        }
        if expires == 0 {
            return self.say_farewell("timeout");
        }
        if is_new {
            info!(expires, "the catalogue is subscribed to");
            self.decide_collecting();
            let nodes = self.telling.tree.nodes().iter();
            let cameras = nodes.filter(|node| matches!(node.kind, NodeKind::Camera(_)));
            let all = cameras.map(|node| node.id.clone());
            self.telling.notices.tell_all(all);
        }
    }

    /// Why a subscription is refused, as far as it is.
    fn subscribe_refusal(&self, request: &Request, is_inside: bool) -> Option<u16> {
        if !self.is_registered() {
            return Some(403);
        }
        if is_inside {
            return None; // some refresh with another Event value, or without a body
        }
        let event = request.headers.get("Event").unwrap_or("Catalog");
        let package = event.split(';').next().unwrap_or_default().trim();
        let ask = Ask::parse(&request.body).ok();
        let is_catalogue = match &ask {
            Some(ask) => ask.command == "Catalog",
            None => package.eq_ignore_ascii_case("Catalog"),
        };
        if !is_catalogue {
            return Some(489);
        }
        let is_known = ask.is_none_or(|ask| {
            ask.device == self.settings.local_gb_id.as_str()
                || ask.device == self.gateway.civil_code
        });
        (!is_known).then_some(404)
    }

    pub(super) fn handle_subscription_timeout(&mut self, now: Instant) {
        if self
            .telling
            .subscription
            .as_ref()
            .is_some_and(|known| known.ends_at() <= now)
        {
            self.say_farewell("timeout");
        }
    }

    /// The last NOTIFY of a subscription.
    fn say_farewell(&mut self, reason: &str) {
        if let Some(subscription) = &self.telling.subscription {
            let state = format!("terminated;reason={reason}");
            let request = self
                .requests
                .notify(&self.settings, Some(subscription), &state, None);
            self.request(&request, Purpose::Farewell);
        }
        self.end_subscription();
    }
}

fn begin(request: &Request, tag: String, event: String, expires_at: Instant) -> Subscription {
    let headers = &request.headers;
    let to = headers.get("To").unwrap_or_default();
    let has_tag = headers.to().is_some_and(|to| to.tag.is_some());
    let theirs = headers.get("From").unwrap_or_default();
    Subscription {
        call_id: headers.call_id().unwrap_or_default().to_owned(),
        from: if has_tag {
            to.to_owned()
        } else {
            format!("{to};tag={tag}")
        },
        to: theirs.to_owned(),
        uri: super::requests::remote_target(headers),
        event,
        tag,
        expires_at,
    }
}

const EXPIRES: u32 = 3600;
const EXPIRES_MAX: u32 = 86_400;
const GRACE: Duration = Duration::from_secs(10);
