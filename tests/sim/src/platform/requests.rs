//! Requests of the lower platform: what is answered, what is noted, what is a violation.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::clock;
use super::core::{Core, Registration, Route};
use super::events::What;
use super::manscdp::{self, Element};
use super::notify;
use super::query;
use super::settings::Answer;
use super::sip::digest::{self, Challenge};
use super::sip::message::{parameter, user};
use super::sip::{Message, Start};
use super::tasks::{lock, random};

/// Answers one request.
pub(super) async fn handle(core: &Arc<Core>, request: &Message, route: &Route) {
    let key = format!(
        "{} {} {} {}",
        request.method(),
        request.branch().unwrap_or_default(),
        request.header("Call-ID").unwrap_or_default(),
        request.header("CSeq").unwrap_or_default(),
    );
    if let Some(answer) = core.repeated(&key) {
        core.send(route, answer).await;
        return;
    }
    for what in wrong_with(core, request) {
        core.violation(what);
    }
    let was_registered = core.registration.borrow().is_some();
    let answer = match request.method() {
        "REGISTER" => register(core, request, route),
        "MESSAGE" => message(core, request, route),
        "NOTIFY" => notify::handle(core, request),
        "BYE" => bye(core, request),
        "ACK" => Reply::None,
        other => {
            core.events.push(What::Other {
                method: other.to_owned(),
            });
            // OPTIONS is not answered, as the field does it.
            if other == "OPTIONS" {
                Reply::None
            } else {
                Reply::Status(405)
            }
        }
    };
    let tag = core.tag_for(request.header("Call-ID").unwrap_or_default());
    let answer = match answer {
        Reply::None => return,
        Reply::Status(code) => Message::answer(request, code, &tag, route.address()),
        Reply::With(code, headers) => headers.into_iter().fold(
            Message::answer(request, code, &tag, route.address()),
            |answer, (name, value)| answer.with(name, value),
        ),
    };
    let bytes = answer.to_bytes();
    core.remember(key, bytes.clone());
    core.send(route, bytes).await;
    if !was_registered && core.registration.borrow().is_some() && core.settings.asks_at_once {
        core.tasks.spawn(query::ask_at_once(Arc::clone(core)));
    }
}

/// What a request is answered with.
pub(super) enum Reply {
    None,
    Status(u16),
    With(u16, Vec<(&'static str, String)>),
}

impl Reply {
    /// What a fault makes of the usual answer.
    pub(super) fn of(fault: Answer) -> Option<Self> {
        match fault {
            Answer::Usual => None,
            Answer::Status(code) => Some(Self::Status(code)),
            Answer::Silence => Some(Self::None),
        }
    }
}

/// What every request must have.
fn wrong_with(core: &Core, request: &Message) -> Vec<String> {
    let method = request.method();
    let mut wrong = Vec::new();
    let mut check = |holds: bool, what: &str| {
        if !holds {
            wrong.push(format!("{method}: {what}"));
        }
    };
    check(
        request
            .branch()
            .is_some_and(|branch| branch.starts_with("z9hG4bK")),
        "no z9hG4bK branch in Via",
    );
    check(request.header("Max-Forwards").is_some(), "no Max-Forwards");
    check(
        request.header("Content-Length").is_some(),
        "no Content-Length",
    );
    check(request.header("Call-ID").is_some(), "no Call-ID");
    check(
        request
            .header("From")
            .is_some_and(|from| parameter(from, "tag").is_some()),
        "no From tag",
    );
    let cseq = request.header("CSeq").unwrap_or_default();
    check(
        cseq.split(' ').nth(1) == Some(method),
        "CSeq names another method",
    );
    if matches!(method, "REGISTER" | "MESSAGE" | "NOTIFY") {
        check(
            request.user("From") == Some(&core.settings.lower_id),
            "From is not the lower platform",
        );
        let uri = match &request.start {
            Start::Request { uri, .. } => uri.as_str(),
            Start::Response { .. } => "",
        };
        check(
            user(uri) == Some(&core.settings.gb_id),
            "Request-URI is not this platform",
        );
    }
    let needs_no_body = method == "NOTIFY" && request.body.is_empty() && notify::is_final(request);
    if matches!(method, "MESSAGE" | "NOTIFY") && !needs_no_body {
        let kind = request.header("Content-Type").unwrap_or_default();
        check(
            kind.eq_ignore_ascii_case("Application/MANSCDP+xml"),
            "Content-Type is not Application/MANSCDP+xml",
        );
    }
    wrong
}

fn register(core: &Arc<Core>, request: &Message, route: &Route) -> Reply {
    let asked = request
        .header("Expires")
        .or_else(|| parameter(request.header("Contact")?, "expires"));
    let Some(expires) = asked.and_then(|text| text.trim().parse::<u32>().ok()) else {
        return Reply::Status(400);
    };
    let verdict = authorise(core, request);
    core.events.push(What::Register {
        expires,
        authorised: verdict.is_ok(),
        transport: route.transport(),
    });
    if let Some(reply) = Reply::of(core.faults().register) {
        return reply;
    }
    if let Err(reply) = verdict {
        return reply;
    }
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
    let granted =
        expires.min(u32::try_from(core.settings.expires_max.as_secs()).unwrap_or(u32::MAX));
    let known = Registration {
        route: route.clone(),
        call_id: request.header("Call-ID").unwrap_or_default().to_owned(),
        expires_at: Instant::now() + Duration::from_secs(granted.into()),
    };
    core.registration.send_replace(Some(known));
    let date = clock::date(clock::unix_time());
    Reply::With(
        200,
        vec![
            ("Contact", contact.to_owned()),
            ("Expires", granted.to_string()),
            ("Date", date),
        ],
    )
}

/// Says whether a REGISTER may pass, else what to answer.
fn authorise(core: &Core, request: &Message) -> Result<(), Reply> {
    let settings = &core.settings;
    let call_id = request.header("Call-ID");
    let is_known = core
        .registration
        .borrow()
        .as_ref()
        .is_some_and(|known| Some(known.call_id.as_str()) == call_id);
    if is_known && settings.habits.trusts_call_id {
        return Ok(());
    }
    let challenge = |nonce: String| Challenge {
        realm: settings.domain.clone(),
        nonce,
        algorithm: settings.algorithm,
        qop: settings.qop,
    };
    let given = request
        .header("Authorization")
        .and_then(digest::parse)
        .and_then(|mut fields| fields.remove("nonce"));
    if let Some(nonce) = given.filter(|nonce| lock(&core.nonces).remove(nonce)) {
        let header = request.header("Authorization").unwrap_or_default();
        return challenge(nonce)
            .verify(
                header,
                request.method(),
                &settings.lower_id,
                &settings.password,
            )
            .map_err(|why| {
                core.violation(format!("REGISTER: {why}"));
                Reply::Status(403)
            });
    }
    let nonce = format!("{:016x}", random());
    lock(&core.nonces).insert(nonce.clone());
    Err(Reply::With(
        401,
        vec![("WWW-Authenticate", challenge(nonce).to_header())],
    ))
}

/// Reads a body; what is wrong with it is noted.
pub(super) fn read_body(core: &Core, request: &Message) -> Option<(Element, String)> {
    let read = manscdp::decode(&request.body).and_then(|text| Ok((manscdp::parse(&text)?, text)));
    read.inspect_err(|error| core.violation(format!("{} body: {error:#}", request.method())))
        .ok()
}

fn message(core: &Arc<Core>, request: &Message, route: &Route) -> Reply {
    let Some((root, body)) = read_body(core, request) else {
        return Reply::Status(400);
    };
    let cmd_type = root.text_of("CmdType").to_owned();
    let Ok(sn) = root.text_of("SN").parse() else {
        core.violation(format!("{cmd_type} without SN"));
        return Reply::Status(400);
    };
    let is_known = core
        .registration
        .borrow()
        .as_ref()
        .is_some_and(|known| known.route.address().ip() == route.address().ip());
    if cmd_type == "Keepalive" {
        core.events.push(What::Keepalive {
            status: root.text_of("Status").to_owned(),
        });
        if root.text_of("DeviceID") != core.settings.lower_id || root.name != "Notify" {
            core.violation(format!(
                "keepalive is {} of {:?}",
                root.name,
                root.text_of("DeviceID")
            ));
        }
        let usual = Reply::Status(if is_known { 200 } else { 404 });
        return Reply::of(core.faults().keepalive).unwrap_or(usual);
    }
    if cmd_type == "Catalog"
        && let Some(reply) = Reply::of(core.faults().catalogue)
    {
        return reply;
    }
    core.events.push(What::Message {
        cmd_type: cmd_type.clone(),
        sn,
        body,
    });
    if root.name == "Response" {
        let waiting = lock(&core.waiting).get(&sn).cloned();
        match waiting {
            None => core.violation(format!("{cmd_type} with SN {sn}, which nobody waits for")),
            Some(sender) if sender.try_send(root).is_err() => {
                core.violation(format!("{cmd_type} with SN {sn} is endless"));
            }
            Some(_) => {}
        }
    }
    Reply::Status(if is_known { 200 } else { 403 })
}

fn bye(core: &Core, request: &Message) -> Reply {
    let call_id = request.header("Call-ID").unwrap_or_default();
    core.events.push(What::Bye {
        call_id: call_id.to_owned(),
    });
    let dialogs = lock(&core.dialogs);
    let Some(dialog) = dialogs.get(call_id) else {
        return Reply::Status(481);
    };
    let tag_of = |header: &str| {
        request
            .header(header)
            .and_then(|value| parameter(value, "tag"))
            .unwrap_or_default()
    };
    if tag_of("From") != dialog.remote_tag || tag_of("To") != dialog.local_tag {
        core.violation(format!(
            "BYE with tags {} and {}",
            tag_of("From"),
            tag_of("To")
        ));
        return Reply::Status(481);
    }
    dialog.ended.send_replace(Some(Instant::now()));
    Reply::Status(200)
}
