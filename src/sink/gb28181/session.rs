//! One media session: from the camera's first key frame to the end of the call.
//!
//! The platform's task owns the call; this task owns the media. It says [`Event::Ready`] once a key
//! frame is at hand, sends from the ACK on, and says [`Event::Ended`] when it cannot go on.

use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use bytes::BytesMut;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use super::media::{self, Bound, Way};
use super::ports::{PortPair, RtpPorts};
use super::settings::Media;
use crate::bus::{Item, Subscriber};
use crate::catalog::Camera;
use crate::clock::wall_clock;
use crate::descriptors::Descriptors;
use crate::media::{Frame, MediaTime, Payload};
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
        let way = match bound.open(peer, &self.settings, &refuse, pair).await {
            Ok(way) => way,
            Err(error) => return format!("no media connection: {error}"),
        };
        let sessions = self.metrics.sink_sessions.with_label_values(&[SINK]);
        sessions.inc();
        let _running = Running(sessions);
        info!(transport = ?self.offer.transport, %peer, "media is running");
        let mut sender = Sender {
            session: self,
            sent: self.metrics.sink_bytes.with_label_values(&[SINK]),
            picture_at: None,
            packetizer: Packetizer::new(self.ssrc, self.offer.payload_type, rand::random()),
            way,
            packets: 0,
            octets: 0,
            began: (Instant::now(), wall_clock()),
            report_at: Instant::now(),
            heard_at: Instant::now(),
        };
        sender.run(lease.stream().subscribe()).await
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

struct Sender<'a> {
    session: &'a Session,
    sent: prometheus::IntCounter,
    /// When the picture before was to be decoded.
    picture_at: Option<MediaTime>,
    packetizer: Packetizer,
    way: Way,
    packets: u32,
    octets: u32,
    /// What its reports call now is counted from here: a clock that is set must not shift a picture.
    began: (Instant, SystemTime),
    report_at: Instant,
    heard_at: Instant,
}

impl Sender<'_> {
    async fn run(&mut self, mut viewer: Subscriber) -> String {
        let mut lost_at = Instant::now() + self.session.settings.lost_grace;
        // One timer for the whole session, looked at when it fires: frames only move its due time.
        let check = sleep_until(self.ends_at(lost_at));
        tokio::pin!(check);
        loop {
            tokio::select! {
                biased;
                (item, dropped) = viewer.next() => {
                    if dropped > 0 {
                        debug!(dropped, "the platform reads too slowly");
                        self.session.metrics.bus_frames_dropped.with_label_values(&[SINK]).inc_by(dropped);
                    }
                    if let Err(error) = self.send(&item).await {
                        return format!("the platform cannot be reached: {error}");
                    }
                    // A peer that made us wait did not make the camera wait.
                    lost_at = Instant::now() + self.session.settings.lost_grace;
                }
                heard = poll_fn(|cx| self.way.poll_heard(cx)) => match heard {
                    Ok(()) => self.heard_at = Instant::now(),
                    Err(error) => return format!("the platform closed the connection: {error}"),
                },
                () = &mut check => {
                    let now = Instant::now();
                    if lost_at <= now {
                        let grace = self.session.settings.lost_grace;
                        return format!("no frame from the camera for {grace:?}");
                    }
                    if self.ends_at(lost_at) <= now {
                        return "no receiver report in time".to_owned();
                    }
                    check.as_mut().reset(self.ends_at(lost_at));
                }
            }
        }
    }

    /// When the session ends unless a frame comes, or the platform is heard where it is waited for.
    fn ends_at(&self, lost_at: Instant) -> Instant {
        // Over TCP there is no RTCP.
        let timeout = self.session.settings.rtcp_timeout;
        let timeout = timeout.filter(|_| self.session.offer.transport == MediaTransport::Udp);
        timeout.map_or(lost_at, |timeout| lost_at.min(self.heard_at + timeout))
    }

    async fn send(&mut self, item: &Arc<Item>) -> std::io::Result<()> {
        let (pack, now) = (item.pack(), Instant::now());
        let packets = self.packetizer.cut(pack, self.way.framing());
        let bytes = packets.len() as u64;
        let interval = self.interval(&item.frame);
        self.way.begin(packets.len(), interval);
        let sent = self.way.try_send(&packets, 0, now)?;
        if sent < packets.len() {
            self.way.send(&packets, sent).await?;
        }
        self.packets = self.packets.wrapping_add(packets.count() as u32);
        self.octets = self.octets.wrapping_add(pack.len() as u32);
        self.sent.inc_by(bytes);
        // What was there before the session began has waited for it, and not for us.
        if item.arrived >= self.began.0 {
            let took = item.arrived.elapsed();
            self.session.metrics.forward.observe(took.as_secs_f64());
        }
        self.session.sent.fetch_add(bytes, Ordering::Relaxed);
        if now >= self.report_at && self.session.offer.transport == MediaTransport::Udp {
            self.report_at = now + REPORT_INTERVAL;
            self.report(pack.time()).await;
        }
        Ok(())
    }

    /// How long a frame comes after the picture before.
    fn interval(&mut self, frame: &Frame) -> Duration {
        let before = self.picture_at.unwrap_or(frame.dts);
        if matches!(frame.payload, Payload::Video { .. }) {
            self.picture_at = Some(frame.dts);
        }
        frame.dts.since(before)
    }

    async fn report(&self, rtp_time: u32) {
        let mut packet = BytesMut::new();
        SenderReport {
            ssrc: self.session.ssrc,
            wall: self.began.1 + self.began.0.elapsed(),
            rtp_time,
            packets: self.packets,
            octets: self.octets,
            cname: "huiju",
        }
        .write(&mut packet);
        // The report waits for nothing but room in the socket.
        let _sent = timeout(REPORT_TIME, self.way.send_control(&packet)).await;
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

/// The label of this sink.
const SINK: &str = "gb28181";
const REPORT_INTERVAL: Duration = Duration::from_secs(5);
const REPORT_TIME: Duration = Duration::from_millis(100);
