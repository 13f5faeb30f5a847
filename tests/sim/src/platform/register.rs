//! REGISTER: challenge, check, grant (GB/T 28181-2016 §9.1).

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::challenge;
use super::clock;
use super::core::{Core, Registration, Route};
use super::events::What;
use super::requests::Reply;
use super::script::Step;
use super::settings::Grant;
use super::sip::Message;
use super::sip::message::parameter;

/// Answers a REGISTER.
pub(super) fn handle(core: &Arc<Core>, request: &Message, route: &Route) -> Reply {
    let asked = request
        .header("Expires")
        .or_else(|| parameter(request.header("Contact")?, "expires"));
    let Some(expires) = asked.and_then(|text| text.trim().parse::<u32>().ok()) else {
        return Reply::Status(400);
    };
    let verdict = challenge::authorise(core, request);
    core.events.push(What::Register {
        expires,
        authorised: verdict.is_ok(),
        transport: route.transport(),
    });
    let reply = Reply::planned(core, Step::Register, || match verdict {
        Ok(()) => grant(core, request, route, expires),
        Err(reply) => reply,
    });
    match reply {
        // A 401 without a challenge would be none.
        Reply::Status(401) => challenge::again(core),
        reply => reply,
    }
}

/// Registers the lower platform, or logs it out.
fn grant(core: &Core, request: &Message, route: &Route, expires: u32) -> Reply {
    if request.user("To") != Some(&core.settings.lower_id) {
        return Reply::Status(403);
    }
    let Some(contact) = request.header("Contact").filter(|_| expires > 0) else {
        if expires > 0 {
            core.violation("REGISTER without Contact");
        }
        core.registration.send_replace(None);
        return Reply::With(200, vec![("Expires", "0".into())]);
    };
    let usual = expires.min(u32::try_from(core.settings.expires_max.as_secs()).unwrap_or(u32::MAX));
    let faults = core.faults();
    // The platform believes what it says, where that is a number.
    let (granted, said) = match faults.grant {
        Grant::Usual => (usual, Some(usual.to_string())),
        Grant::Seconds(seconds) => (seconds, Some(seconds.to_string())),
        Grant::Text(text) => (usual, Some(text.to_owned())),
        Grant::Missing => (usual, None),
    };
    let known = Registration {
        route: route.clone(),
        call_id: request.header("Call-ID").unwrap_or_default().to_owned(),
        expires_at: Instant::now() + Duration::from_secs(granted.into()),
    };
    core.registration
        .send_replace((granted > 0).then_some(known));
    let mut headers = vec![("Contact", contact.to_owned())];
    headers.extend(said.map(|said| ("Expires", said)));
    if !faults.no_date {
        headers.push(("Date", clock::date(clock::unix_time())));
    }
    Reply::With(200, headers)
}
