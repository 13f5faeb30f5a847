//! One media session: from the camera's first key frame to the end of the call.
//!
//! The platform's task owns the call; this task owns the media. It says [`Event::Ready`] once a key
//! frame is at hand, sends from the ACK on, and says [`Event::Ended`] when it cannot go on.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, SystemTime};

use bytes::BytesMut;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::SINK;
use super::far_end::FarEnd;
use super::media::{self, Bound};
use super::output::{Counters, Output, Sent};
use super::ports::{PortPair, RtpPorts};
use super::settings::Media;
use crate::bus::{Beside, Next, Outlet};
use crate::catalog::Camera;
use crate::clock::wall_clock;
use crate::descriptors::Descriptors;
use crate::media::{MediaTime, Payload};
use crate::metrics::Metrics;
use crate::proto::rtp::{Packetizer, SenderReport, Ssrc};
use crate::proto::sdp::{MediaTransport, Offer};
use crate::source::{Lease, Sources, Status};
use crate::task::unless;

/// What a session needs to know.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) call_id: String,
    pub(super) camera: Arc<Camera>,
    pub(super) offer: Offer,
    pub(super) ssrc: Ssrc,
    pub(super) settings: Media,
    /// The address to send from.
    pub(super) local: IpAddr,
    pub(super) sources: Sources,
    pub(super) ports: RtpPorts,
    pub(super) descriptors: Descriptors,
    pub(super) metrics: Metrics,
    /// Bytes sent to the platform, over all sessions.
    pub(super) sent: Arc<AtomicU64>,
    pub(super) events: mpsc::Sender<Event>,
}

/// What a session tells its platform's task.
#[derive(Debug)]
pub(super) enum Event {
    /// A key frame is at hand and a port is bound: answer 200.
    Ready {
        call_id: String,
        port: u16,
        ack: oneshot::Sender<()>,
    },
    /// The call cannot be answered.
    Refused {
        call_id: String,
        code: u16,
        reason: String,
    },
    /// Media has ended: send BYE.
    Ended { call_id: String, reason: String },
}

/// Why a call is refused.
type Refusal = (u16, String);

impl Session {
    /// Runs the session until it ends or is `cancelled` by the end of its call.
    pub(super) async fn run(self, cancelled: CancellationToken) {
        unless(cancelled.cancelled(), self.serve()).await;
    }

    async fn serve(&self) {
        let failures = self
            .sources
            .status(self.camera.id)
            .map_or(0, |status| status.failures);
        let lease = match self.sources.lease(&self.camera) {
            Ok(lease) => lease,
            Err(state) => return self.refuse((480, state.to_string())).await,
        };
        if let Err(refusal) = self.first_key_frame(&lease, failures).await {
            return self.refuse(refusal).await;
        }
        let Some(_descriptors) = self.descriptors.take(DESCRIPTORS) else {
            let no_more = "no file descriptor is left".to_owned();
            return self.refuse((486, no_more)).await;
        };
        let (bound, pair, port) = match media::bind(self.offer.transport, self.local, &self.ports) {
            Ok(bound) => bound,
            Err(error) => return self.refuse((486, format!("no RTP port: {error}"))).await,
        };
        let (ack, acknowledged) = oneshot::channel();
        let call_id = self.call_id.clone();
        if self
            .events
            .send(Event::Ready { call_id, port, ack })
            .await
            .is_err()
        {
            return;
        }
        // The platform's task drops the sender when the call ends without an ACK.
        if acknowledged.await.is_err() {
            return;
        }
        let reason = self.stream(&lease, bound, pair).await;
        let ended = Event::Ended {
            call_id: self.call_id.clone(),
            reason,
        };
        // The task that would hear it may be gone with the gateway.
        let _heard = self.events.send(ended).await;
    }

    async fn refuse(&self, (code, reason): Refusal) {
        let refused = Event::Refused {
            call_id: self.call_id.clone(),
            code,
            reason,
        };
        let _heard = self.events.send(refused).await;
    }

    /// Waits for a key frame that the platform can decode; a camera that fails meanwhile is 480.
    async fn first_key_frame(&self, lease: &Lease, failures: u64) -> Result<(), Refusal> {
        let until = Instant::now() + self.settings.first_frame_within;
        let mut viewer = lease.stream().subscribe();
        let mut status = lease.status();
        if self.sources.is_locked(&self.camera) {
            // It would not be tried, and whoever waits for a try would wait in vain.
            return Err((480, "the camera is offline/auth_locked".to_owned()));
        }
        let (item, _) = tokio::select! {
            biased;
            item = timeout_at(until, viewer.next()) => item.map_err(|_| {
                (480, format!("no key frame within {:?}", self.settings.first_frame_within))
            })?,
            cause = failed(&mut status, failures) => return Err((480, cause)),
        };
        match item.frame.payload {
            Payload::Video { codec, .. } if !self.settings.codecs.contains(&codec) => {
                Err((488, format!("the camera sends {}", codec.name())))
            }
            _ => Ok(()),
        }
    }

    /// Sends until something ends it; returns what.
    async fn stream(&self, lease: &Lease, bound: Bound, pair: PortPair) -> String {
        let peer = SocketAddr::new(self.offer.address, self.offer.port);
        let refuse = || self.metrics.refuse("rtp_stranger");
        let (way, far_end) = match bound.open(peer, &self.settings, &refuse, pair).await {
            Ok(open) => open,
            Err(error) => return format!("no media connection: {error}"),
        };
        let sessions = self.metrics.sink_sessions.with_label_values(&[SINK]);
        sessions.inc();
        let _running = Running(sessions);
        info!(transport = ?self.offer.transport, %peer, "media is running");
        let packetizer = Packetizer::new(self.ssrc, self.offer.payload_type, rand::random());
        let counters = Counters::new(&self.metrics, self.sent.clone());
        let output = Arc::new(Output::new(way, packetizer, counters));
        let now = Instant::now();
        let mut sender = Sender {
            session: self,
            output: &output,
            far_end,
            began: (now, wall_clock()),
            report_at: now,
            heard_at: now,
        };
        sender
            .run(lease.stream().subscribe().beside(output.clone()))
            .await
    }
}

/// Media and RTCP over UDP; a listener and its connection over TCP.
const DESCRIPTORS: u32 = 2;

/// Counts a session while it runs.
struct Running(prometheus::IntGauge);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// A session's task while media runs. Frames pass it by: the bus offers them to the output, and only one that does not
/// leave at once comes here.
struct Sender<'a> {
    session: &'a Session,
    output: &'a Output,
    far_end: FarEnd,
    /// What its reports call now is counted from here: a clock that is set must not shift a picture.
    began: (Instant, SystemTime),
    report_at: Instant,
    heard_at: Instant,
}

impl Sender<'_> {
    async fn run(&mut self, mut viewer: Beside) -> String {
        // One timer for the whole session, looked at when it fires: frames only move its due time.
        let check = sleep_until(self.report_at);
        tokio::pin!(check);
        loop {
            tokio::select! {
                biased;
                next = viewer.next() => {
                    if let Next::Frame(item, dropped) = next {
                        self.output.take(&item, dropped);
                    }
                    if let Err(error) = self.finish().await {
                        return format!("the platform cannot be reached: {error}");
                    }
                }
                heard = self.far_end.heard() => match heard {
                    Ok(()) => self.heard_at = Instant::now(),
                    Err(error) => return format!("the platform closed the connection: {error}"),
                },
                () = &mut check => match self.check().await {
                    Ok(next) => check.as_mut().reset(next),
                    Err(reason) => return reason,
                },
            }
        }
    }

    /// Sends the rest of a frame that has not left at once.
    async fn finish(&self) -> std::io::Result<()> {
        while let Some(wait) = self.output.go_on()? {
            self.far_end.wait(wait).await?;
        }
        Ok(())
    }

    /// Reports, and returns when to look again; or why the session ends: no frame came, or the platform is not heard
    /// where it is waited for.
    async fn check(&mut self) -> Result<Instant, String> {
        let (now, sent) = (Instant::now(), self.output.sent());
        // A peer that made us wait did not make the camera wait.
        let frame_at = sent.last.map_or(self.began.0, |(_, at)| at);
        let grace = self.session.settings.lost_grace;
        let lost_at = frame_at + grace;
        if lost_at <= now {
            return Err(format!("no frame from the camera for {grace:?}"));
        }
        if self.session.offer.transport != MediaTransport::Udp {
            // Over TCP there is no RTCP.
            return Ok(lost_at);
        }
        let timeout = self.session.settings.rtcp_timeout;
        let silent_at = timeout.map_or(lost_at, |timeout| self.heard_at + timeout);
        if silent_at <= now {
            return Err("no receiver report in time".to_owned());
        }
        if self.report_at <= now {
            self.report_at = now + REPORT_INTERVAL;
            self.report(&sent, now).await;
        }
        Ok(lost_at.min(silent_at).min(self.report_at))
    }

    async fn report(&self, sent: &Sent, now: Instant) {
        let Some((time, at)) = sent.last else { return };
        let mut packet = BytesMut::new();
        SenderReport {
            ssrc: self.session.ssrc,
            wall: self.began.1 + (now - self.began.0),
            // Where the stream would be now: the camera may have paused.
            rtp_time: time.wrapping_add(MediaTime::rtp_ticks(now - at)),
            packets: sent.packets,
            octets: sent.octets,
            cname: "huiju",
        }
        .write(&mut packet);
        self.far_end.report(&packet).await;
    }
}

/// Resolves when a try of the camera failed since `failures` were counted.
async fn failed(status: &mut watch::Receiver<Status>, failures: u64) -> String {
    loop {
        {
            let status = status.borrow_and_update();
            if status.failures > failures {
                return format!("the camera is {}", status.state);
            }
        }
        if status.changed().await.is_err() {
            return "the gateway stops".to_owned();
        }
    }
}

const REPORT_INTERVAL: Duration = Duration::from_secs(5);
