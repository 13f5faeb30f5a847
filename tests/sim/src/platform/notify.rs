//! What the platform does with a NOTIFY: it is told to its subscription, or noted as a push.

use std::collections::HashMap;
use std::sync::Mutex;

use tokio::sync::watch;

use super::core::Core;
use super::events::What;
use super::manscdp::Element;
use super::notices::{Notice, Notices, Strand, Taken};
use super::requests::{Reply, read_body};
use super::script::Step;
use super::sip::Message;
use super::sip::message::parameter;
use super::tasks::lock;

/// Everything that NOTIFYs may belong to.
#[derive(Debug, Default)]
pub(super) struct Notifying {
    /// The subscriptions by Call-ID, with who watches them.
    pub(super) subscriptions: Mutex<HashMap<String, (Strand, watch::Sender<Notices>)>>,
    /// The pushes by Call-ID.
    pub(super) pushes: Mutex<HashMap<String, Strand>>,
    /// All pushes.
    pub(super) pushed: watch::Sender<Notices>,
}

impl Notifying {
    /// Forgets all dialogs; what was pushed stays known.
    pub(super) fn forget(&self) {
        lock(&self.subscriptions).clear();
        lock(&self.pushes).clear();
    }

    fn has_active(&self) -> bool {
        let subscriptions = lock(&self.subscriptions);
        subscriptions.values().any(|(strand, _)| strand.is_active())
    }
}

/// Notes a NOTIFY and says what it is answered with.
pub(super) fn handle(core: &Core, request: &Message) -> Reply {
    let is_bare = request.body.is_empty();
    let body = if is_bare {
        None
    } else {
        read_body(core, request)
    };
    if body.is_none() && !(is_bare && is_final(request)) {
        return Reply::Status(400);
    }
    for header in ["Event", "Subscription-State"] {
        if request.header(header).is_none() {
            core.violation(format!("NOTIFY without {header}"));
        }
    }
    if let Some((root, body)) = &body {
        core.events.push(What::Notify {
            cmd_type: root.text_of("CmdType").to_owned(),
            body: body.clone(),
        });
    }
    let root = body.as_ref().map(|(root, _)| root);
    let usual = take(core, request, root);
    Reply::planned(core, Step::Notify, || usual)
}

fn take(core: &Core, request: &Message, root: Option<&Element>) -> Reply {
    let notice = match Notice::read(request, root) {
        Ok(notice) => notice,
        Err(error) => {
            core.violation(format!("NOTIFY: {error:#}"));
            return Reply::Status(400);
        }
    };
    let call_id = notice.call_id.clone();
    let taken = {
        let mut subscriptions = lock(&core.notifying.subscriptions);
        let known = subscriptions.get_mut(&call_id);
        known.map(|(strand, notices)| strand.take(request, notice.clone(), notices))
    };
    let taken = match taken {
        Some(taken) => taken,
        None if is_of_another_life(core, request, &call_id) => return Reply::Status(481),
        None => {
            if core.notifying.has_active() {
                core.violation("NOTIFY outside the dialog of the subscription that there is");
            }
            let mut pushes = lock(&core.notifying.pushes);
            let strand = pushes.entry(call_id).or_insert_with(|| Strand::new(None));
            strand.take(request, notice, &core.notifying.pushed)
        }
    };
    match taken {
        Taken::New(wrong) => {
            for what in wrong {
                core.violation(format!("NOTIFY: {what}"));
            }
            Reply::Status(200)
        }
        Taken::Again => Reply::Status(200),
        Taken::Foreign(why) => {
            core.violation(format!("NOTIFY: {why}"));
            Reply::Status(481)
        }
    }
}

/// A To tag that this platform did not give is of a dialog that it forgot.
fn is_of_another_life(core: &Core, request: &Message, call_id: &str) -> bool {
    let to = request.header("To").unwrap_or_default();
    parameter(to, "tag").is_some_and(|tag| tag != core.tag_for(call_id))
}

/// Whether a NOTIFY says that the subscription is over.
pub(super) fn is_final(request: &Message) -> bool {
    let state = request.header("Subscription-State").unwrap_or_default();
    let word = state.split(';').next().unwrap_or_default();
    word.trim().eq_ignore_ascii_case("terminated")
}
