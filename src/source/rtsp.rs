//! One RTSP session with a camera: opened by retina, depacketised by us, published on the bus.
//!
//! RTP packets are taken from the session and not its demuxed frames, which are not bit-exact. Over TCP
//! only: over UDP the library connects to an address that the camera names before we see it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use retina::client::{
    Credentials, InitialSequenceNumberPolicy, InitialTimestampPolicy, PacketItem, PlayOptions,
    Playing, Session, SessionGroup, SessionIdPolicy, SessionOptions, SetupOptions, TeardownPolicy,
    Tool, Transport,
};
use retina::rtp::ReceivedPacket;
use tokio::time::{Instant, timeout};

use crate::catalog::Camera;
use crate::ledger::{Cause, StateCause};
use crate::media::{AudioCodec, MediaTime, VideoCodec};
use crate::proto::rtp::{DepacketizeError, Depacketizer, Packet, RawFrame};
use crate::proto::sdp::{CameraMedia, parse_camera};

/// A session that plays.
pub(super) struct RtspSession {
    session: Session<Playing>,
    /// By number of the stream in the SDP; `None` for what was not set up.
    tracks: Vec<Option<Track>>,
}

struct Track {
    kind: TrackKind,
    depacketizer: Depacketizer,
    clock_rate: i64,
}

/// What a track is of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum TrackKind {
    Video(VideoCodec),
    Audio(AudioCodec),
}

/// What a session gave.
#[derive(Debug)]
pub(super) enum Received {
    /// Bytes of RTP payload, packets missing before it, and whether the packet was of use.
    Packet {
        is_video: bool,
        bytes: usize,
        lost: u16,
        outcome: Result<(), DepacketizeError>,
    },
    /// Something that is no media.
    Control,
}

/// Why a session did not come to be, or ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Failure {
    pub(super) cause: Cause,
    /// For the log and for `why`: a sentence of ours, nothing that the camera sent.
    pub(super) detail: String,
    /// The library ends a session whose SSRC changes; such a camera is well.
    pub(super) is_ssrc_change: bool,
    /// Media had come: the camera is asked again before it is called off line.
    pub(super) had_media: bool,
    /// Until when its account is left alone.
    pub(super) locked_until: Option<Instant>,
    /// The camera itself said no, in this try.
    pub(super) is_refusal: bool,
    /// A password was sent, and refused.
    pub(super) is_wrong_password: bool,
}

impl Failure {
    pub(super) fn new(cause: Cause, detail: impl Into<String>) -> Self {
        Self {
            cause,
            detail: detail.into(),
            is_ssrc_change: false,
            had_media: false,
            locked_until: None,
            is_refusal: false,
            is_wrong_password: false,
        }
    }

    /// An account that is left alone until then.
    pub(super) fn locked(until: Instant) -> Self {
        let detail = format!("the account is left alone for {:?}", until - Instant::now());
        Self {
            locked_until: Some(until),
            ..Self::new(Cause::AuthLocked, detail)
        }
    }

    /// A limit of the department.
    pub(super) fn limit(state: StateCause) -> Self {
        Self::new(state.cause(), "a limit of its department is reached")
    }

    /// Whether it is our own limits, and not the camera.
    pub(super) fn is_ours(&self) -> bool {
        matches!(
            self.cause,
            Cause::BandwidthLimit | Cause::SessionLimit | Cause::Gateway
        )
    }

    /// The state that it puts the camera in.
    pub(super) fn state(&self) -> StateCause {
        if self.cause == Cause::BandwidthLimit {
            StateCause::BANDWIDTH_LIMIT
        } else {
            StateCause::offline(self.cause)
        }
    }

    /// What an error of the library means at that step. Its own text is not kept: it repeats what the
    /// camera sent, and the URL with its secrets.
    fn of(step: &str, error: &retina::Error) -> Self {
        let text = error.to_string();
        if let Some(status) = error.status_code() {
            return Self {
                is_wrong_password: status == 401 && text.contains("after trying"),
                ..Self::new(cause_of_status(status), format!("{status} to {step}"))
            };
        }
        let (cause, detail) = if text.starts_with("Unable to connect") {
            if text.contains("refused") {
                (Cause::Refused, "it refuses the connection".to_owned())
            } else if text.contains("reset") {
                (Cause::RtspError, "it resets the connection".to_owned())
            } else {
                (Cause::Timeout, "it cannot be reached".to_owned())
            }
        } else if text.contains("parseable streams") {
            let detail = "its SDP names no stream that can be read";
            (Cause::CodecUnsupported, detail.to_owned())
        } else if text.starts_with("Error reading") {
            let detail = format!("the connection broke, or it sent what is no RTSP ({step})");
            (Cause::RtspError, detail)
        } else {
            let detail = format!("it does not keep to the protocol ({step})");
            (Cause::RtspError, detail)
        };
        Self {
            // A camera that restarts its encoder changes its SSRC; the library ends the session there.
            is_ssrc_change: text.starts_with("wrong ssrc"),
            ..Self::new(cause, detail)
        }
    }
}

fn cause_of_status(status: u16) -> Cause {
    match status {
        401 | 403 => Cause::AuthFailed,
        404 | 410 => Cause::NotFound,
        300..=399 => Cause::RedirectRefused,
        453 | 503 => Cause::SourceLimit,
        _ => Cause::RtspError,
    }
}

impl RtspSession {
    /// Connects to `address`, which was checked before, and starts to play.
    pub(super) async fn open(
        camera: &Camera,
        address: IpAddr,
        group: Arc<SessionGroup>,
    ) -> Result<Self, Failure> {
        let url = camera.record.location.to_url(address).parse();
        let url = url.map_err(|_| Failure::new(Cause::NotFound, "the URL cannot be used"))?;
        let login = camera
            .record
            .login
            .as_ref()
            .map(|(username, password)| Credentials {
                username: username.clone(),
                password: password.expose().to_owned(),
            });
        let options = SessionOptions::default()
            .creds(login)
            .session_group(group)
            // One TEARDOWN on the same connection: other ones would go where the camera says.
            .teardown(TeardownPolicy::Auto)
            .session_id(SessionIdPolicy::UseFirst)
            .user_agent("huiju".to_owned());
        let mut session = step("DESCRIBE", Session::describe(url, options)).await?;
        check_controls(&session, address)?;
        let tracks = choose_tracks(&session)?;
        for number in
            (0..tracks.len()).filter(|number| tracks.get(*number).is_some_and(Option::is_some))
        {
            let options = SetupOptions::default().transport(Transport::Tcp(Default::default()));
            step("SETUP", session.setup(number, options)).await?;
        }
        let options = PlayOptions::default()
            .initial_timestamp(InitialTimestampPolicy::Permissive)
            // What RTP-Info says is wrong too often to end a session over it.
            .initial_seq(InitialSequenceNumberPolicy::Ignore);
        let session = step("PLAY", session.play(options)).await?;
        Ok(Self { session, tracks })
    }

    /// What its tracks are of.
    pub(super) fn kinds(&self) -> impl Iterator<Item = TrackKind> {
        self.tracks.iter().flatten().map(|track| track.kind)
    }

    /// Waits for what comes next, and hands completed frames to `sink`. Safe to cancel.
    pub(super) async fn receive(
        &mut self,
        sink: &mut (dyn FnMut(TrackKind, RawFrame) + Send),
    ) -> Result<Received, Failure> {
        match self.session.next().await {
            Some(Ok(PacketItem::Rtp(packet))) => Ok(self.take(&packet, sink)),
            Some(Ok(_)) => Ok(Received::Control),
            Some(Err(error)) => Err(Failure::of("PLAY", &error)),
            None => Err(Failure::new(
                Cause::RtspError,
                "the camera ended the session",
            )),
        }
    }

    fn take(
        &mut self,
        packet: &ReceivedPacket,
        sink: &mut (dyn FnMut(TrackKind, RawFrame) + Send),
    ) -> Received {
        let Some(Some(track)) = self.tracks.get_mut(packet.stream_id()) else {
            return Received::Control;
        };
        let payload = packet.payload();
        let ticks = packet.timestamp().elapsed();
        let time = MediaTime(ticks.saturating_mul(MediaTime::TICKS_PER_SECOND) / track.clock_rate);
        let packet = Packet {
            time,
            is_marked: packet.mark(),
            lost: packet.loss(),
            payload,
        };
        let kind = track.kind;
        let outcome = track
            .depacketizer
            .push(&packet, &mut |frame| sink(kind, frame));
        Received::Packet {
            is_video: matches!(kind, TrackKind::Video(_)),
            bytes: payload.len(),
            lost: packet.lost,
            outcome,
        }
    }
}

/// For some versions of live555 the library repeats TEARDOWN on connections of its own, to where the
/// camera says that its streams are: that must be the address that was checked.
fn check_controls(
    session: &Session<retina::client::Described>,
    address: IpAddr,
) -> Result<(), Failure> {
    let is_repeated = session.tool().is_some_and(Tool::has_live555_tcp_bug);
    let is_absolute = String::from_utf8_lossy(session.sdp()).contains("a=control:rtsp");
    let host = match address {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => format!("[{v6}]"),
    };
    let mut controls = session
        .streams()
        .iter()
        .filter_map(|stream| stream.control());
    let is_elsewhere = controls.any(|url| url.host_str() != Some(host.as_str()));
    if is_repeated && (is_absolute || is_elsewhere) {
        let detail = "its streams are at another address than it";
        return Err(Failure::new(Cause::RedirectRefused, detail));
    }
    Ok(())
}

/// Takes the first video and the first audio track that can be passed on.
fn choose_tracks(
    session: &Session<retina::client::Described>,
) -> Result<Vec<Option<Track>>, Failure> {
    let mut described = parse_camera(session.sdp()).into_iter();
    let mut has = (false, false);
    let tracks: Vec<Option<Track>> = session
        .streams()
        .iter()
        .map(|stream| {
            // The library leaves out sections that it cannot read.
            let payload_type = Some(stream.rtp_payload_type());
            let (_, media) = described.find(|(number, _)| *number == payload_type)?;
            let kind = match media {
                CameraMedia::Video { codec, .. } if !has.0 => {
                    has.0 = true;
                    TrackKind::Video(codec)
                }
                CameraMedia::Audio(codec, _) if !has.1 => {
                    has.1 = true;
                    TrackKind::Audio(codec)
                }
                _ => return None,
            };
            let clock_rate = i64::from(stream.clock_rate_hz().max(1));
            Some(Track {
                kind,
                depacketizer: media.depacketizer()?,
                clock_rate,
            })
        })
        .collect();
    let names = || {
        session
            .streams()
            .iter()
            .map(|stream| stream.encoding_name())
            .collect::<Vec<_>>()
            .join(", ")
    };
    if has.0 {
        Ok(tracks)
    } else {
        Err(Failure::new(
            Cause::CodecUnsupported,
            format!("no H.264 or H.265 among: {}", names()),
        ))
    }
}

/// A handshake has ten seconds a step: the library has no limit of its own.
async fn step<T>(
    name: &'static str,
    future: impl Future<Output = Result<T, retina::Error>>,
) -> Result<T, Failure> {
    match timeout(STEP_TIME, future).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(Failure::of(name, &error)),
        Err(_) => Err(Failure::new(
            Cause::Timeout,
            format!("no answer to {name} in {STEP_TIME:?}"),
        )),
    }
}

const STEP_TIME: Duration = Duration::from_secs(10);
