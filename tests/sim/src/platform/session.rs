//! A running session at the platform: its dialog, its media, its end.

use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::dialog::{Dialog, Reinvite};
use super::media::receiver::{Pace, Receiver};
use super::media::{Recording, Stats};
use super::sdp::Description;

/// When the steps of an INVITE were.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// The INVITE was sent.
    pub invited_at: Instant,
    /// Its final answer came.
    pub answered_at: Instant,
    /// The ACK was sent.
    pub acknowledged_at: Option<Instant>,
}

/// A session with media running.
#[derive(Debug)]
pub struct Session {
    /// What the lower platform answered.
    pub answer: Description,
    /// When the steps of its INVITE were.
    pub times: Times,
    /// The answer to the CANCEL that came too late.
    pub cancelled: Option<u16>,
    dialog: Dialog,
    receiver: Receiver,
}

impl Session {
    pub(super) fn new(
        answer: Description,
        (times, cancelled): (Times, Option<u16>),
        dialog: Dialog,
        receiver: Receiver,
    ) -> Self {
        Self {
            answer,
            times,
            cancelled,
            dialog,
            receiver,
        }
    }

    /// Its dialog.
    pub fn dialog(&self) -> &Dialog {
        &self.dialog
    }

    /// Its Call-ID.
    pub fn call_id(&self) -> &str {
        self.dialog.call_id()
    }

    /// The state of its media now.
    pub fn stats(&self) -> Stats {
        self.receiver.stats().borrow().clone()
    }

    /// The state of its media as it changes.
    pub fn watch(&self) -> watch::Receiver<Stats> {
        self.receiver.stats()
    }

    /// Waits until its media fulfils a condition.
    ///
    /// # Errors
    /// When it does not within `limit`.
    pub async fn wait_for(
        &self,
        wanted: impl Fn(&Stats) -> bool,
        limit: Duration,
    ) -> anyhow::Result<Stats> {
        let mut stats = self.receiver.stats();
        let found = timeout(limit, stats.wait_for(|stats| wanted(stats))).await;
        match found {
            Ok(found) => Ok(found.context("the receiver ended")?.clone()),
            Err(_) => anyhow::bail!(
                "media is not as wanted within {limit:?}: {:?}",
                self.stats()
            ),
        }
    }

    /// From the INVITE to the first whole key frame.
    pub fn first_frame_after_invite(&self) -> Option<Duration> {
        Some(
            self.stats()
                .first_key_frame?
                .duration_since(self.times.invited_at),
        )
    }

    /// From the ACK to the first whole key frame.
    pub fn first_frame_after_ack(&self) -> Option<Duration> {
        Some(
            self.stats()
                .first_key_frame?
                .duration_since(self.times.acknowledged_at?),
        )
    }

    /// How often the 200 came again.
    pub fn answers_repeated(&self) -> watch::Receiver<u64> {
        self.dialog.answers_repeated()
    }

    /// Sends the ACK (again).
    pub async fn acknowledge(&self) {
        self.dialog.acknowledge().await;
    }

    /// Ends it by BYE and expects 200; media is received until [`Self::finish`].
    ///
    /// # Errors
    /// When the answer is another or does not come.
    pub async fn bye(&self) -> anyhow::Result<()> {
        self.dialog.bye().await
    }

    /// Waits for the lower platform's BYE.
    ///
    /// # Errors
    /// When it does not come within `limit`.
    pub async fn ended_by_peer(&self, limit: Duration) -> anyhow::Result<Instant> {
        self.dialog.ended_by_peer(limit).await
    }

    /// Sends an INVITE in the dialog; returns the status and the SDP of its answer.
    ///
    /// # Errors
    /// When no final answer comes, or its SDP is unusable.
    pub async fn reinvite(&self, change: Reinvite) -> anyhow::Result<(u16, Option<Description>)> {
        self.dialog.reinvite(change).await
    }

    /// Reads nothing from its connection any more.
    pub fn stop_reading(&self) {
        self.receiver.set_pace(Pace::Stopped);
    }

    /// Reads slowly from its connection.
    pub fn read_slowly(&self, bytes_per_second: u32) {
        self.receiver
            .set_pace(Pace::BytesPerSecond(bytes_per_second));
    }

    /// Reads its connection as fast as it can.
    pub fn read_fully(&self) {
        self.receiver.set_pace(Pace::Full);
    }

    /// Closes the media sockets without a word of SIP, as a receiver that died; its dialog lives on.
    ///
    /// # Errors
    /// When the recording cannot be written.
    pub async fn vanish(self) -> anyhow::Result<(Dialog, Recording)> {
        let recording = self.receiver.finish().await?;
        Ok((self.dialog, recording))
    }

    /// Stops receiving and gives out what was received.
    ///
    /// # Errors
    /// When the recording cannot be written.
    pub async fn finish(self) -> anyhow::Result<Recording> {
        self.receiver.finish().await
    }
}
