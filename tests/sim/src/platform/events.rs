//! The log of everything that came from the lower platform.

use std::sync::Mutex;
use std::time::Duration;

use anyhow::bail;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::tasks::lock;

/// How a request came.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Transport {
    /// In a datagram.
    Udp,
    /// On a connection.
    Tcp,
}

/// One thing that came, and when.
#[derive(Clone, Debug)]
pub struct Event {
    /// When it was read.
    pub at: Instant,
    /// What it was.
    pub what: What,
}

/// What came.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum What {
    /// A REGISTER.
    Register {
        /// What it asked for; 0 logs out.
        expires: u32,
        /// It carried valid credentials, or needed none.
        authorised: bool,
        /// How it came.
        transport: Transport,
    },
    /// A keepalive.
    Keepalive {
        /// Its Status.
        status: String,
    },
    /// Another MESSAGE.
    Message {
        /// CmdType of its body.
        cmd_type: String,
        /// SN of its body.
        sn: u32,
        /// The body as text.
        body: String,
    },
    /// A NOTIFY.
    Notify {
        /// CmdType of its body.
        cmd_type: String,
        /// The body as text.
        body: String,
    },
    /// A BYE.
    Bye {
        /// Of which dialog.
        call_id: String,
    },
    /// Any other request.
    Other {
        /// Its method.
        method: String,
    },
    /// Something that the standards or the facts forbid.
    Violation(String),
}

/// The log; it keeps the first [`EVENTS_MAX`] events.
#[derive(Debug)]
pub(super) struct EventLog {
    events: Mutex<Vec<Event>>,
    count: watch::Sender<usize>,
}

impl EventLog {
    pub(super) fn new() -> Self {
        Self {
            events: Mutex::default(),
            count: watch::Sender::new(0),
        }
    }

    pub(super) fn push(&self, what: What) {
        let mut events = lock(&self.events);
        if events.len() < EVENTS_MAX {
            events.push(Event {
                at: Instant::now(),
                what,
            });
        }
        self.count.send_replace(events.len());
    }

    pub(super) fn all(&self) -> Vec<Event> {
        lock(&self.events).clone()
    }

    pub(super) fn len(&self) -> usize {
        *self.count.borrow()
    }

    /// Waits for an event at or behind position `from`.
    pub(super) async fn wait_for(
        &self,
        from: usize,
        wanted: impl Fn(&Event) -> bool,
        limit: Duration,
    ) -> anyhow::Result<Event> {
        let mut count = self.count.subscribe();
        let search = async {
            let mut next = from;
            loop {
                let known = *count.borrow_and_update();
                {
                    let events = lock(&self.events);
                    if let Some(event) = events
                        .iter()
                        .take(known)
                        .skip(next)
                        .find(|event| wanted(event))
                    {
                        return event.clone();
                    }
                }
                next = next.max(known);
                if count.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        match timeout(limit, search).await {
            Ok(event) => Ok(event),
            Err(_) => bail!(
                "no such event within {limit:?}; {} events so far",
                self.len()
            ),
        }
    }
}

/// A limit for long runs.
const EVENTS_MAX: usize = 200_000;
