//! Subscriptions of the platform to the lower one (GB/T 28181-2016 §9.11, RFC 6665).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::core::{Core, Route};
use super::invite::{InviteError, Refusal};
use super::manscdp;
use super::notices::{Notices, Rules, Strand};
use super::sip::Message;
use super::sip::message::parameter;
use super::tasks::{lock, random};

/// What is subscribed to.
#[derive(Clone, Debug)]
pub struct Subscribe {
    /// CmdType of the query.
    pub cmd_type: String,
    /// DeviceID of the query; `None` is the lower platform.
    pub device_id: Option<String>,
    /// The value of Event.
    pub event: String,
    /// The seconds asked for.
    pub expires: u32,
    /// How long each answer is waited for.
    pub limit: Duration,
}

impl Default for Subscribe {
    fn default() -> Self {
        Self {
            cmd_type: "Catalog".into(),
            device_id: None,
            event: "Catalog".into(),
            expires: 3600,
            limit: Duration::from_secs(5),
        }
    }
}

/// How a subscription is refreshed.
#[derive(Clone, Debug, Default)]
pub struct Refresh {
    /// Other seconds than before.
    pub expires: Option<u32>,
    /// Another value of Event than before.
    pub event: Option<String>,
    /// When it is sent.
    pub when: When,
}

/// When a refresh is sent.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum When {
    /// At once.
    #[default]
    Now,
    /// So long before the subscription ends.
    BeforeExpiry(Duration),
    /// So long after it ended.
    AfterExpiry(Duration),
}

/// The answer to a SUBSCRIBE inside the dialog.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SubscribeAnswer {
    /// Its status.
    pub code: u16,
    /// Its Expires.
    pub expires: Option<u32>,
}

/// A subscription; NOTIFYs of it are answered with 481 once it is dropped.
pub struct Subscription {
    core: Arc<Core>,
    route: Route,
    options: Subscribe,
    call_id: String,
    from: String,
    to: String,
    notices: watch::Receiver<Notices>,
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("call_id", &self.call_id)
            .finish_non_exhaustive()
    }
}

impl Subscription {
    /// Subscribes, and notes the dialog before the answer: a NOTIFY may overtake it.
    pub(super) async fn open(core: &Arc<Core>, options: Subscribe) -> Result<Self, InviteError> {
        let route = core.lower_route()?;
        let settings = &core.settings;
        let local_tag = format!("{:08x}", random() >> 32);
        let device_id = options.device_id.as_ref().unwrap_or(&settings.lower_id);
        let rules = Rules {
            local_tag: local_tag.clone(),
            remote_tag: None,
            cmd_type: options.cmd_type.clone(),
            device_id: device_id.clone(),
            events: vec![options.event.clone()],
            expires_at: None,
            is_cancelled: false,
        };
        let (sender, notices) = watch::channel(Notices::default());
        let mut subscription = Self {
            core: Arc::clone(core),
            call_id: format!("{:016x}@{}", random(), core.address.ip()),
            from: format!(
                "<sip:{}@{}>;tag={local_tag}",
                settings.gb_id, settings.domain
            ),
            to: format!("<sip:{device_id}@{}>", route.address()),
            route,
            options,
            notices,
        };
        lock(&core.notifying.subscriptions).insert(
            subscription.call_id.clone(),
            (Strand::new(Some(rules)), sender),
        );
        let (expires, event) = (
            subscription.options.expires,
            subscription.options.event.clone(),
        );
        let answer = subscription.ask(expires, &event).await?;
        if answer.code() >= 300 {
            return Err(InviteError::Refused(Refusal::read(&answer)));
        }
        subscription.to = answer.header("To").unwrap_or_default().to_owned();
        Ok(subscription)
    }

    /// Its Call-ID.
    pub fn call_id(&self) -> &str {
        &self.call_id
    }

    /// When it ends by itself, by the last answer.
    pub fn expires_at(&self) -> Option<Instant> {
        self.with_rules(|rules| rules.expires_at).flatten()
    }

    /// The NOTIFYs so far.
    pub fn notices(&self) -> Notices {
        self.notices.borrow().clone()
    }

    /// The NOTIFYs as they come.
    pub fn watch(&self) -> watch::Receiver<Notices> {
        self.notices.clone()
    }

    /// Waits until its NOTIFYs fulfil a condition.
    ///
    /// # Errors
    /// When they do not within `limit`.
    pub async fn wait_for(
        &self,
        wanted: impl Fn(&Notices) -> bool,
        limit: Duration,
    ) -> anyhow::Result<Notices> {
        wait(self.watch(), wanted, limit).await
    }

    /// Refreshes it in its dialog.
    ///
    /// # Errors
    /// When no answer comes.
    pub async fn refresh(&self, refresh: Refresh) -> anyhow::Result<SubscribeAnswer> {
        let expires = refresh.expires.unwrap_or(self.options.expires);
        let event = match refresh.event {
            Some(event) => event,
            None => self
                .with_rules(|rules| rules.events.last().cloned())
                .flatten()
                .unwrap_or_else(|| self.options.event.clone()),
        };
        let known = || self.expires_at().context("it has no end");
        match refresh.when {
            When::Now => {}
            When::BeforeExpiry(early) => sleep_until(known()? - early).await,
            When::AfterExpiry(late) => sleep_until(known()? + late).await,
        }
        self.with_rules(|rules| rules.events.push(event.clone()));
        let answer = self.ask(expires, &event).await?;
        self.with_rules(|rules| {
            if answer.code() < 300 {
                rules.events = vec![event];
            } else {
                rules.events.pop();
            }
        });
        Ok(SubscribeAnswer::read(&answer))
    }

    /// Ends it by `Expires: 0` in its dialog.
    ///
    /// # Errors
    /// When no answer comes.
    pub async fn cancel(&self) -> anyhow::Result<SubscribeAnswer> {
        let refresh = Refresh {
            expires: Some(0),
            ..Refresh::default()
        };
        self.refresh(refresh).await
    }

    /// Sends a SUBSCRIBE and waits for its final answer.
    async fn ask(&self, expires: u32, event: &str) -> anyhow::Result<Message> {
        let core = &self.core;
        let (request, branch) = self.request(expires, event);
        let mut transaction = core.begin(&request, &branch, &self.route).await;
        let limit = self.options.limit;
        let answer = timeout(limit, transaction.final_response()).await;
        let (answer, _) = answer
            .ok()
            .flatten()
            .ok_or_else(|| anyhow!("no answer to SUBSCRIBE within {limit:?}"))?;
        if answer.code() < 300 {
            self.take_answer(&answer, expires);
        }
        Ok(answer)
    }

    fn request(&self, expires: u32, event: &str) -> (Message, String) {
        let (settings, address) = (&self.core.settings, self.core.contact());
        let (via, branch) = self.core.via(&self.route, false);
        let device_id = self
            .options
            .device_id
            .as_ref()
            .unwrap_or(&settings.lower_id);
        let fields = [
            ("CmdType", self.options.cmd_type.as_str()),
            ("SN", &self.core.next_sn().to_string()),
            ("DeviceID", device_id),
        ];
        let body = manscdp::write("Query", &fields, settings.habits.blanks, settings.charset);
        let uri = format!("sip:{device_id}@{}", self.route.address());
        let request = Message::request("SUBSCRIBE", &uri)
            .with("Via", via)
            .with("From", self.from.as_str())
            .with("To", self.to.as_str())
            .with("Call-ID", self.call_id.as_str())
            .with("CSeq", format!("{} SUBSCRIBE", self.core.next_cseq()))
            .with("Contact", format!("<sip:{}@{address}>", settings.gb_id))
            .with("Max-Forwards", "70")
            .with("Event", event)
            .with("Expires", expires.to_string())
            .with_body("Application/MANSCDP+xml", body);
        (request, branch)
    }

    /// Keeps what a 200 grants, and notes what it breaks (RFC 6665 §4.2.1.1).
    fn take_answer(&self, answer: &Message, asked: u32) {
        let to = answer.header("To").unwrap_or_default();
        let tag = parameter(to, "tag").unwrap_or_default().to_owned();
        let granted = SubscribeAnswer::read(answer).expires;
        let mut wrong = Vec::new();
        match granted {
            None => wrong.push("without Expires".to_owned()),
            Some(granted) if granted > asked => {
                wrong.push(format!("grants {granted} s, asked were {asked}"));
            }
            Some(_) => {}
        }
        if tag.is_empty() {
            wrong.push("without To tag".into());
        }
        if answer.header("Contact").is_none() {
            wrong.push("without Contact".into());
        }
        self.with_rules(|rules| {
            let known = rules.remote_tag.get_or_insert_with(|| tag.clone());
            if *known != tag {
                wrong.push(format!("To tag {tag:?}, the dialog's is {known:?}"));
            }
            let seconds = granted.unwrap_or(asked);
            rules.expires_at = Some(Instant::now() + Duration::from_secs(seconds.into()));
            rules.is_cancelled = asked == 0;
        });
        for what in wrong {
            self.core.violation(format!("200 to SUBSCRIBE {what}"));
        }
    }

    fn with_rules<T>(&self, with: impl FnOnce(&mut Rules) -> T) -> Option<T> {
        let mut subscriptions = lock(&self.core.notifying.subscriptions);
        let (strand, _) = subscriptions.get_mut(&self.call_id)?;
        strand.rules_mut().map(with)
    }
}

impl SubscribeAnswer {
    fn read(answer: &Message) -> Self {
        let expires = answer.header("Expires").map(str::trim);
        Self {
            code: answer.code(),
            expires: expires.and_then(|text| text.parse().ok()),
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        lock(&self.core.notifying.subscriptions).remove(&self.call_id);
    }
}

/// Waits until NOTIFYs fulfil a condition.
pub(super) async fn wait(
    mut notices: watch::Receiver<Notices>,
    wanted: impl Fn(&Notices) -> bool,
    limit: Duration,
) -> anyhow::Result<Notices> {
    let found = timeout(limit, notices.wait_for(|notices| wanted(notices))).await;
    let found = found.map(|found| found.map(|notices| notices.clone()));
    if let Ok(found) = found {
        return found.context("the platform forgot the subscription");
    }
    let known = notices.borrow();
    let last: Vec<_> = known.all.iter().rev().take(3).collect();
    Err(anyhow!(
        "NOTIFYs are not as wanted within {limit:?}: {} came, the last are {last:?}",
        known.all.len()
    ))
}
