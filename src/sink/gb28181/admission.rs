//! What is said of an INVITE before its camera is asked (GB/T 28181-2016 §9.2).

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::time::Instant;
use tracing::warn;

use super::platform::Platform;
use super::transport::contains;
use crate::catalog::{Camera, GbCode};
use crate::proto::sdp::{MediaTransport, Offer, SessionName};
use crate::proto::sip::{Request, Response};

/// Why an INVITE is refused.
pub(super) struct Refusal {
    pub(super) code: u16,
    pub(super) result: &'static str,
    pub(super) reason: String,
}

impl Refusal {
    pub(super) fn new(code: u16, result: &'static str, reason: impl Into<String>) -> Self {
        Self {
            code,
            result,
            reason: reason.into(),
        }
    }
}

impl Platform {
    /// Everything that can be said before the camera is asked.
    pub(super) fn check_invite(
        &mut self,
        request: &Request,
    ) -> Result<(Arc<Camera>, Offer), Refusal> {
        if !self.is_registered() {
            return Err(Refusal::new(403, "forbidden", "we are not registered"));
        }
        let camera = self.invited_camera(request).ok_or_else(|| {
            Refusal::new(
                404,
                "not_found",
                "no such channel, or not shared with this platform",
            )
        })?;
        let offer = Offer::parse(&request.body)
            .map_err(|error| Refusal::new(488, "not_acceptable", error.to_string()))?;
        if !matches!(offer.session, SessionName::Play | SessionName::Other(_)) {
            return Err(Refusal::new(
                488,
                "not_acceptable",
                "only live video (s=Play) is offered",
            ));
        }
        // Whoever connects to us is checked when it does.
        let goes_out = offer.transport != MediaTransport::TcpListen;
        if goes_out && !contains(&self.settings.media.networks, offer.address) {
            self.gateway.metrics.refuse("media_network");
            if self.wire.is_allowed_to_log() {
                warn!(address = %offer.address, "media address outside media.networks");
            }
            return Err(Refusal::new(
                403,
                "forbidden",
                "media address outside media.networks",
            ));
        }
        let limits = self.settings.limits;
        if self.calls.len() >= limits.sessions {
            return Err(Refusal::new(486, "busy", "limit of sessions reached"));
        }
        let bytes = self.calls.sent.load(Ordering::Relaxed);
        if self.calls.meter.sample(Instant::now(), bytes) >= limits.bandwidth {
            return Err(Refusal::new(486, "busy", "limit of bandwidth reached"));
        }
        Ok((camera, offer))
    }

    /// The channel is in the Request-URI, else in To.
    fn invited_camera(&self, request: &Request) -> Option<Arc<Camera>> {
        let catalog = self.gateway.catalog.borrow().clone();
        let to = request.headers.to().map(|to| to.user);
        let named = request.uri_user().map(str::to_owned).into_iter().chain(to);
        named
            .filter_map(|user| user.parse::<GbCode>().ok())
            .find_map(|code| self.settings.share.camera(code, &catalog))
    }
}

/// Says why in the header that fits the code (RFC 3326, RFC 3261 §20.43).
pub(super) fn explain(answer: Response, reason: &str) -> Response {
    let reason = reason.replace('"', "'");
    if answer.code == 488 {
        answer.with("Warning", format!("399 huiju \"{reason}\""))
    } else {
        let code = answer.code;
        answer.with("Reason", format!("SIP;cause={code};text=\"{reason}\""))
    }
}
