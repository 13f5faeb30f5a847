//! Cameras with joint counts and a joint limit, as behind one recorder, whatever ports they are at.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::watch;
use tokio::time::Instant;

use super::arrivals::Arrivals;

/// A group of cameras; its clones are the same group.
#[derive(Debug, Clone, Default)]
pub struct Group(Arc<Members>);

#[derive(Debug, Default)]
struct Members {
    session_max: Option<u64>,
    stats: watch::Sender<GroupStats>,
    arrivals: Arrivals,
}

/// Counters of a group since its beginning.
#[derive(Debug, Clone, Default, Eq, PartialEq)]
pub struct GroupStats {
    /// RTSP connections open now.
    pub connections: u64,
    /// The most that `connections` has been.
    pub connections_max: u64,
    /// RTSP connections accepted.
    pub connections_total: u64,
    /// Connections open now on which no PLAY was answered with 200 yet.
    pub handshakes: u64,
    /// The most that `handshakes` has been.
    pub handshakes_max: u64,
    /// Sessions set up and not ended yet.
    pub sessions: u64,
    /// The most that `sessions` has been.
    pub sessions_max: u64,
    /// Sessions set up.
    pub sessions_total: u64,
    /// SETUP requests refused because of the joint maximum.
    pub sessions_refused: u64,
    /// Sessions playing now.
    pub playing: u64,
}

impl Group {
    /// A group without a limit.
    pub fn new() -> Self {
        Self::default()
    }

    /// A group in which so many sessions may be set up at the same time, over all cameras.
    pub fn with_session_max(sessions: u64) -> Self {
        Self(Arc::new(Members {
            session_max: Some(sessions),
            ..Members::default()
        }))
    }

    /// Returns the counters now.
    pub fn stats(&self) -> GroupStats {
        self.0.stats.borrow().clone()
    }

    /// Returns the counters to watch.
    pub fn watch(&self) -> watch::Receiver<GroupStats> {
        self.0.stats.subscribe()
    }

    /// Returns when the last 10,000 connections were accepted, oldest first.
    pub fn connection_times(&self) -> Vec<Instant> {
        self.0.arrivals.times()
    }

    /// Waits until the counters are as wanted, and returns them.
    ///
    /// # Errors
    /// When they are not within `limit`; the message shows them.
    pub async fn wait_for(
        &self,
        wanted: impl FnMut(&GroupStats) -> bool,
        limit: Duration,
    ) -> anyhow::Result<GroupStats> {
        let mut stats = self.watch();
        match tokio::time::timeout(limit, stats.wait_for(wanted)).await {
            Ok(reached) => Ok(reached.context("the group is gone")?.clone()),
            Err(_) => anyhow::bail!(
                "the group did not get there within {limit:?}: {:?}",
                self.stats()
            ),
        }
    }

    /// Changes the counters.
    pub(super) fn count(&self, change: impl FnOnce(&mut GroupStats)) {
        self.0.stats.send_modify(change);
    }

    /// Takes note of a connection.
    pub(super) fn welcome(&self, now: Instant) {
        self.0.arrivals.push(now);
        self.count(|stats| {
            stats.connections += 1;
            stats.connections_total += 1;
            stats.connections_max = stats.connections_max.max(stats.connections);
            stats.handshakes += 1;
            stats.handshakes_max = stats.handshakes_max.max(stats.handshakes);
        });
    }

    /// Counts a new session, unless there are as many as there may be.
    pub(super) fn try_open_session(&self) -> bool {
        let mut opened = false;
        self.count(|stats| {
            opened = self.0.session_max.is_none_or(|max| stats.sessions < max);
            if opened {
                stats.sessions += 1;
                stats.sessions_total += 1;
                stats.sessions_max = stats.sessions_max.max(stats.sessions);
            } else {
                stats.sessions_refused += 1;
            }
        });
        opened
    }
}
