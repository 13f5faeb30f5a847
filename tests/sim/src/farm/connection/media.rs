//! The media of a connection's session: when they are sent, when they stall, and how they end.

use std::time::Duration;

use tokio::time::Instant;

use super::super::faults::{Ending, Faults};
use super::super::player::Player;
use super::{Connection, End};

/// How often sender reports go out.
const REPORT_INTERVAL: Duration = Duration::from_secs(5);

/// How late media may be before frames are left out.
const LATE_MAX: Duration = Duration::from_secs(2);

/// A session that plays.
#[derive(Debug)]
pub(super) struct Show {
    player: Player,
    began: Instant,
    /// So many times slower than it was recorded.
    slow_motion: u32,
    report_due: Instant,
    was_stalled: bool,
    /// When a stall after so many frames began.
    stalled_at: Option<Instant>,
}

/// Whether media flow.
#[derive(Debug, Clone, Copy, Eq, PartialEq)]
enum Flow {
    Runs,
    Stands { until: Option<Instant> },
}

impl Show {
    pub(super) fn new(player: Player, slow_motion: u32, began: Instant) -> Self {
        Self {
            player,
            began,
            slow_motion,
            report_due: began,
            was_stalled: false,
            stalled_at: None,
        }
    }

    /// The time of the clip.
    fn clip_time(&self, now: Instant) -> Duration {
        now.duration_since(self.began) / self.slow_motion
    }

    /// When the next frame is due.
    fn poll_due(&self) -> Option<Instant> {
        let due = self.player.poll_due()?;
        Some(self.began + due * self.slow_motion)
    }

    fn flow(&mut self, faults: &Faults, now: Instant) -> Flow {
        let age = now.duration_since(self.began);
        if faults.stall_after.is_some_and(|time| age >= time) {
            return Flow::Stands { until: None };
        }
        let stall = faults
            .stall
            .filter(|stall| self.player.frames() >= stall.after_frames);
        let Some(stall) = stall else {
            self.stalled_at = None;
            return Flow::Runs;
        };
        let began = *self.stalled_at.get_or_insert(now);
        let until = stall.resumes_after.map(|time| began + time);
        match until {
            Some(until) if until <= now => Flow::Runs,
            _ => Flow::Stands { until },
        }
    }
}

impl Connection {
    /// Returns when the next frame is to be sent, and when a stall ends; neither while media are stalled for good.
    pub(super) fn media_due(&mut self) -> (Option<Instant>, Option<Instant>) {
        let now = Instant::now();
        let Some(show) = &mut self.show else {
            return (None, None);
        };
        let flow = if *self.stalled.borrow_and_update() {
            Flow::Stands { until: None }
        } else {
            show.flow(&self.faults.borrow(), now)
        };
        let is_stalled = flow != Flow::Runs;
        if std::mem::replace(&mut show.was_stalled, is_stalled) && !is_stalled {
            let time = show.clip_time(now);
            show.player.skip_to(time);
        }
        match flow {
            Flow::Stands { until } => (None, until),
            Flow::Runs => (show.poll_due(), None),
        }
    }

    pub(super) fn report_due(&self) -> Option<Instant> {
        let show = self.show.as_ref()?;
        (!self.faults.borrow().no_reports).then_some(show.report_due)
    }

    /// Gives the faults of this moment to the session.
    pub(super) fn take_faults(&mut self) {
        let faults = self.faults.borrow_and_update().clone();
        if let Some(show) = &mut self.show {
            show.player.set_faults(&faults);
        }
    }

    pub(super) async fn send_media(&mut self) -> anyhow::Result<Option<End>> {
        // The first report goes before the first frame, which is due at the same time.
        if self.report_due().is_some_and(|due| due <= Instant::now()) {
            self.send_reports().await?;
        }
        let Some(show) = &mut self.show else {
            return Ok(None);
        };
        let now = Instant::now();
        let is_late = show.poll_due().is_some_and(|due| due + LATE_MAX < now);
        let time = show.clip_time(now);
        let skipped = if is_late {
            show.player.skip_to(time)
        } else {
            0
        };
        let sent = show.player.write_due(time, &mut self.outbox);
        let frames = show.player.frames();
        self.flush().await?;
        self.camera.count(|stats| {
            stats.frames_skipped += skipped;
            sent.add_to(stats);
        });
        let end = self.faults.borrow().end;
        match end {
            Some((after, how)) if frames >= after => self.end(how).await,
            _ => Ok(None),
        }
    }

    /// Ends the session as a fault says.
    async fn end(&mut self, how: Ending) -> anyhow::Result<Option<End>> {
        match how {
            Ending::Close => Ok(Some(End::HungUp)),
            Ending::Reset => self.reset().map(Some),
            Ending::Teardown => {
                let request = format!("TEARDOWN {} RTSP/1.0\r\nCSeq: 1\r\n\r\n", self.camera.url());
                self.send(request.as_bytes()).await?;
                Ok(Some(End::HungUp))
            }
            Ending::Bye => {
                if let Some(show) = self.show.take() {
                    show.player.write_byes(&mut self.outbox);
                }
                self.flush().await?;
                Ok(None)
            }
        }
    }

    pub(super) async fn send_reports(&mut self) -> anyhow::Result<()> {
        let Some(show) = &mut self.show else {
            return Ok(());
        };
        show.report_due += REPORT_INTERVAL;
        let age = show.began.elapsed();
        let clock = self.faults.borrow().report_clock;
        let time = clock.map_or_else(wall_clock, |clock| clock.read(wall_clock(), age));
        show.player.write_reports(age, time, &mut self.outbox);
        self.flush().await
    }
}

/// Returns the time since the epoch of Unix, which reports tie RTP time to.
#[expect(
    clippy::disallowed_methods,
    reason = "a sender report says what time it is, and nothing depends on it"
)]
fn wall_clock() -> Duration {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default()
}
