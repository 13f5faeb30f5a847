//! Requests of the lower platform: what is answered, what is noted, what is a violation.

use std::sync::Arc;

use tokio::time::Instant;

use super::core::{Core, Route};
use super::events::What;
use super::manscdp::{self, Element};
use super::notify;
use super::query;
use super::register;
use super::script::Step;
use super::sip::message::{parameter, user};
use super::sip::{Message, Start};
use super::tasks::lock;

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
        if !answer.is_empty() {
            core.send(route, answer).await;
        }
        return;
    }
    for what in wrong_with(core, request) {
        core.violation(what);
    }
    let was_registered = core.registration.borrow().is_some();
    let answer = match request.method() {
        "NOTIFY" | "BYE" if core.floods.take_request(request) => Reply::Status(200),
        "REGISTER" => register::handle(core, request, route),
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
    let (answer, is_lost) = match answer {
        Reply::Lost(answer) => (*answer, true),
        answer => (answer, false),
    };
    let answer = match answer {
        Reply::None | Reply::Lost(_) => return,
        Reply::Never => return core.remember(key, Vec::new()),
        Reply::Status(code) => Message::answer(request, code, &tag, route.address()),
        Reply::With(code, headers) => headers.into_iter().fold(
            Message::answer(request, code, &tag, route.address()),
            |answer, (name, value)| answer.with(name, value),
        ),
    };
    let bytes = answer.to_bytes();
    core.remember(key, bytes.clone());
    if !is_lost {
        core.send(route, bytes).await;
    }
    if !was_registered && core.registration.borrow().is_some() && core.settings.asks_at_once {
        core.tasks.spawn(query::ask_at_once(Arc::clone(core)));
    }
}

/// What a request is answered with.
pub(super) enum Reply {
    None,
    /// Nothing, however often the request is repeated.
    Never,
    /// An answer that does not arrive; its repetition does.
    Lost(Box<Self>),
    Status(u16),
    With(u16, Vec<(&'static str, String)>),
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
        return Reply::planned(core, Step::Keepalive, || {
            Reply::Status(if is_known { 200 } else { 404 })
        });
    }
    let step = if cmd_type == "Catalog" {
        Step::Catalogue
    } else {
        Step::Message
    };
    if step == Step::Catalogue && core.floods.take_page(sn) {
        return Reply::Status(200);
    }
    Reply::planned(core, step, || {
        take_message(core, root, sn, body);
        Reply::Status(if is_known { 200 } else { 403 })
    })
}

/// Notes a MESSAGE and gives it to who waits for it.
fn take_message(core: &Core, root: Element, sn: u32, body: String) {
    let cmd_type = root.text_of("CmdType").to_owned();
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
    Reply::planned(core, Step::Bye, || Reply::Status(200))
}
