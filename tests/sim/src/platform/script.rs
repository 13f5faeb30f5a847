//! What the next requests of the lower platform are answered with, step by step.

use std::collections::VecDeque;
use std::sync::Mutex;

use super::core::Core;
use super::requests::Reply;
use super::settings::{Answer, Faults};
use super::tasks::lock;

/// A kind of request of the lower platform.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Step {
    /// REGISTER, with credentials or without.
    Register,
    /// A keepalive.
    Keepalive,
    /// A page of the catalogue.
    Catalogue,
    /// Any other MESSAGE.
    Message,
    /// A NOTIFY.
    Notify,
    /// A BYE.
    Bye,
}

/// The answers to come: the next request of a step takes the first that is for it.
#[derive(Debug, Default)]
pub(super) struct Script(Mutex<VecDeque<(Step, Answer, u32)>>);

impl Script {
    pub(super) fn new(lines: &[(Step, Answer, u32)]) -> Self {
        Self(Mutex::new(lines.iter().copied().collect()))
    }

    pub(super) fn push(&self, step: Step, answer: Answer, times: u32) {
        lock(&self.0).push_back((step, answer, times));
    }

    fn next(&self, wanted: Step) -> Option<Answer> {
        let mut lines = lock(&self.0);
        lines.retain(|(_, _, left)| *left > 0);
        let (_, answer, left) = lines.iter_mut().find(|(step, ..)| *step == wanted)?;
        *left -= 1;
        Some(*answer)
    }
}

impl Reply {
    /// The answer to a request of that step: as the script says, then as the faults say, else as usual.
    pub(super) fn planned(core: &Core, step: Step, usual: impl FnOnce() -> Self) -> Self {
        let scripted = core.script.next(step);
        let answer = scripted.unwrap_or_else(|| lasting(&core.faults(), step));
        match answer {
            Answer::Usual => usual(),
            Answer::Status(code) => Self::Status(code),
            Answer::Redirect(to) => {
                let contact = format!("<sip:{}@{to}>", core.settings.gb_id);
                Self::With(302, vec![("Contact", contact)])
            }
            Answer::Lost => Self::Lost(Box::new(usual())),
            // The script counts requests, not datagrams: one that got no answer gets none when it is repeated.
            Answer::Silence if scripted.is_some() => Self::Never,
            Answer::Silence => Self::None,
        }
    }
}

fn lasting(faults: &Faults, step: Step) -> Answer {
    match step {
        Step::Register => faults.register,
        Step::Keepalive => faults.keepalive,
        Step::Catalogue => faults.catalogue,
        Step::Message => faults.message,
        Step::Notify => faults.notify,
        Step::Bye => faults.bye,
    }
}
