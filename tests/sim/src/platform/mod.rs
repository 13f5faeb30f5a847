//! An upper platform of GB/T 28181 that checks what the lower one does.
//!
//! It behaves like one widely used platform: the odd ways are in [`Habits`], what goes wrong is in [`Faults`].
//! What the lower platform does against the standards is in the log as [`What::Violation`] and, for media,
//! in [`Recording::violations`].

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use tokio::sync::watch;
use tokio::time::timeout;

pub mod catalogue;
pub mod challenge;
pub mod cli;
mod clock;
pub mod connection;
mod core;
pub mod dialog;
pub mod events;
pub mod flood;
mod invitation;
pub mod invite;
pub mod manscdp;
pub mod media;
pub mod notices;
mod notify;
pub mod proof;
mod query;
mod register;
mod requests;
pub mod script;
pub mod sdp;
mod server;
pub mod session;
pub mod settings;
pub mod sip;
pub mod subscription;
mod tasks;

pub use self::catalogue::Item;
pub use self::challenge::Challenging;
pub use self::connection::Connections;
pub use self::dialog::{Bye, Dialog, Reinvite};
pub use self::events::{Event, Transport, What};
pub use self::flood::{Flood, Flooding, Surge, Tally};
pub use self::invite::{Ack, Body, CancelAt, InviteError, Options, Refusal, Repeats};
pub use self::media::{Keep, Recording, Stats, Unit};
pub use self::notices::{Notice, Notices};
pub use self::script::Step;
pub use self::sdp::{Description, Media, Y};
pub use self::session::Session;
pub use self::settings::{Answer, Faults, Grant, Habits, Settings};
pub use self::subscription::{Refresh, Subscribe, SubscribeAnswer, Subscription, When};

use self::core::Core;
use self::invitation::Invitation;
use self::manscdp::Element;
use self::query::Query;
use self::tasks::lock;

/// A running upper platform.
#[derive(Debug)]
pub struct Platform {
    core: Arc<Core>,
}

impl Platform {
    /// Starts listening.
    ///
    /// # Errors
    /// When the SIP address cannot be bound.
    pub async fn start(settings: Settings) -> anyhow::Result<Self> {
        Ok(Self {
            core: server::start(settings).await?,
        })
    }

    /// Ends everything, as if its host were gone: no BYE, no word.
    pub async fn stop(self) {
        self.core.tasks.stop().await;
    }

    /// Where it hears SIP.
    pub fn address(&self) -> SocketAddr {
        self.core.address
    }

    /// Waits until the lower platform is registered.
    ///
    /// # Errors
    /// When it is not within `limit`.
    pub async fn registered(&self, limit: Duration) -> anyhow::Result<()> {
        self.wait_registration(true, limit).await
    }

    /// Waits until the lower platform is not registered.
    ///
    /// # Errors
    /// When it still is after `limit`.
    pub async fn unregistered(&self, limit: Duration) -> anyhow::Result<()> {
        self.wait_registration(false, limit).await
    }

    async fn wait_registration(&self, wanted: bool, limit: Duration) -> anyhow::Result<()> {
        let mut registration = self.core.registration.subscribe();
        match timeout(
            limit,
            registration.wait_for(|known| known.is_some() == wanted),
        )
        .await
        {
            Ok(_) => Ok(()),
            Err(_) if wanted => bail!(
                "not registered within {limit:?}; so far {:?}",
                self.violations()
            ),
            Err(_) => bail!("still registered after {limit:?}"),
        }
    }

    /// Forgets the registration, as a platform that was restarted.
    pub fn forget_registration(&self) {
        self.core.registration.send_replace(None);
        *lock(&self.core.nonces) = challenge::Nonces::default();
    }

    /// Starts a flood.
    ///
    /// # Errors
    /// When the lower platform is not registered, or an address cannot be bound.
    pub async fn flood(&self, flood: Flood) -> anyhow::Result<Flooding> {
        flood::start(&self.core, flood).await
    }

    /// Starts anew on the same address, as a process that was killed: registrations, dialogs, subscriptions and
    /// running questions are forgotten, connections end. Nonces may be kept, as in a file. Media goes on.
    pub fn restart(&self, keeps_nonces: bool) {
        self.core.restart(keeps_nonces);
    }

    /// Sends its requests over UDP from another address from now on, and hears there too; its answers still leave
    /// where the request came in. With `is_hidden` its Via and Contact go on saying the old address. Returns the
    /// address.
    ///
    /// # Errors
    /// When it cannot be bound.
    pub async fn send_from(
        &self,
        address: SocketAddr,
        is_hidden: bool,
    ) -> anyhow::Result<SocketAddr> {
        server::send_from(&self.core, address, is_hidden).await
    }

    /// Sends its requests from its own address again.
    pub fn send_from_home(&self) {
        *lock(&self.core.elsewhere) = None;
    }

    /// Everything that came so far.
    pub fn events(&self) -> Vec<Event> {
        self.core.events.all()
    }

    /// What the lower platform did wrong so far, media aside.
    pub fn violations(&self) -> Vec<String> {
        let violation = |event: Event| match event.what {
            What::Violation(what) => Some(what),
            _ => None,
        };
        self.events().into_iter().filter_map(violation).collect()
    }

    /// A position in the log, for [`Self::wait_after`].
    pub fn mark(&self) -> usize {
        self.core.events.len()
    }

    /// Waits for an event, one that came already too.
    ///
    /// # Errors
    /// When there is none within `limit`.
    pub async fn wait_for(
        &self,
        wanted: impl Fn(&What) -> bool,
        limit: Duration,
    ) -> anyhow::Result<Event> {
        self.wait_after(0, wanted, limit).await
    }

    /// Waits for an event behind a [`Self::mark`].
    ///
    /// # Errors
    /// When there is none within `limit`.
    pub async fn wait_after(
        &self,
        mark: usize,
        wanted: impl Fn(&What) -> bool,
        limit: Duration,
    ) -> anyhow::Result<Event> {
        self.core
            .events
            .wait_for(mark, |event| wanted(&event.what), limit)
            .await
    }

    /// Changes what goes wrong.
    pub fn set_faults(&self, change: impl FnOnce(&mut Faults)) {
        change(&mut lock(&self.core.faults));
    }

    /// Answers the next `times` requests of a step so, behind what was planned before; then as the faults say.
    pub fn answer_next(&self, step: Step, answer: Answer, times: u32) {
        self.core.script.push(step, answer, times);
    }

    /// Asks for the whole catalogue and assembles its pages.
    ///
    /// # Errors
    /// When a page breaks a rule, or the last does not come within `limit`.
    pub async fn catalogue(&self, limit: Duration) -> anyhow::Result<Vec<Item>> {
        self.catalogue_of(&self.core.settings.lower_id, limit).await
    }

    /// Asks for the subtree of a node.
    ///
    /// # Errors
    /// As [`Self::catalogue`].
    pub async fn catalogue_of(
        &self,
        device_id: &str,
        limit: Duration,
    ) -> anyhow::Result<Vec<Item>> {
        query::ask_catalogue(&self.core, device_id, limit).await
    }

    /// Asks a question with one answer (DeviceInfo, DeviceStatus, ConfigDownload) and returns its root element.
    ///
    /// # Errors
    /// When the answer does not come within `limit`, or is not of this question.
    pub async fn query(
        &self,
        cmd_type: &str,
        device_id: &str,
        extra: &[(&str, &str)],
        limit: Duration,
    ) -> anyhow::Result<Element> {
        query::ask(
            &self.core,
            Query {
                cmd_type,
                device_id,
                extra,
            },
            limit,
        )
        .await
    }

    /// Sends a MESSAGE with any body and returns the status of its answer.
    ///
    /// # Errors
    /// When there is no answer within `limit`.
    pub async fn send_message(
        &self,
        user: &str,
        body: Vec<u8>,
        limit: Duration,
    ) -> anyhow::Result<u16> {
        query::send_message(&self.core, user, body, false, limit).await
    }

    /// Invites a channel's live video.
    ///
    /// # Errors
    /// When the lower platform refuses or fails.
    pub async fn invite(
        &self,
        channel: &str,
        media: Media,
        options: Options,
    ) -> Result<Session, InviteError> {
        Box::pin(Invitation::new(&self.core, channel, media, options)?.send()).await
    }

    /// Subscribes to changes of the catalogue (or of what `options` name).
    ///
    /// # Errors
    /// When the lower platform refuses or fails.
    pub async fn subscribe_catalogue(
        &self,
        options: Subscribe,
    ) -> Result<Subscription, InviteError> {
        Subscription::open(&self.core, options).await
    }

    /// The NOTIFYs that came outside any subscription, as they come.
    pub fn pushed(&self) -> watch::Receiver<Notices> {
        self.core.notifying.pushed.subscribe()
    }

    /// Waits until the NOTIFYs outside any subscription fulfil a condition.
    ///
    /// # Errors
    /// When they do not within `limit`.
    pub async fn wait_pushed(
        &self,
        wanted: impl Fn(&Notices) -> bool,
        limit: Duration,
    ) -> anyhow::Result<Notices> {
        subscription::wait(self.pushed(), wanted, limit).await
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        self.core.tasks.cancel();
    }
}

#[cfg(test)]
mod tests;
