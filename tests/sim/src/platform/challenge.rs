//! The challenges of the platform, the odd ones too, and what it takes for an answer (RFC 3261 §22, RFC 8760).

use std::collections::HashMap;

use super::core::Core;
use super::requests::Reply;
use super::sip::Message;
use super::sip::digest::{self, Algorithm, Challenge};
use super::tasks::{lock, random};

/// How a REGISTER is challenged.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Challenging {
    /// By the settings: each nonce is good for one answer, and a REGISTER under the Call-ID of the
    /// registration is trusted where the habits say so.
    #[default]
    Usual,
    /// Without qop.
    WithoutQop,
    /// With `qop="auth"`.
    Qop,
    /// With `qop="auth,auth-int"`.
    QopBoth,
    /// With SHA-256.
    Sha256,
    /// With a hash that nobody knows; an answer is a violation.
    UnknownAlgorithm,
    /// Without a realm; an answer for the empty realm is taken.
    WithoutRealm,
    /// With the realm of somebody else; an answer is a violation.
    ForeignRealm,
    /// With one nonce until the platform restarts; nc must rise.
    OneNonce,
    /// Each REGISTER anew with a new nonce, whatever its Call-ID.
    FreshNonces,
    /// Each answer is right and its nonce old: `stale=true` for ever.
    StaleForEver,
    /// Each answer is challenged again, without a reason.
    ForEver,
}

/// The nonces that are good.
#[derive(Debug, Default)]
pub(super) struct Nonces {
    /// Those that are good once, with the challenge that they were in.
    open: HashMap<String, Challenging>,
    /// The one of [`Challenging::OneNonce`], and the highest nc that came with it.
    fixed: Option<(String, u32)>,
}

impl Nonces {
    /// What is known of the nonce of an answer; a nonce that is good once is gone then.
    fn take(&mut self, nonce: &str) -> Option<Challenging> {
        match &self.fixed {
            Some((fixed, _)) if fixed == nonce => Some(Challenging::OneNonce),
            _ => self.open.remove(nonce),
        }
    }

    fn issue(&mut self, challenging: Challenging) -> String {
        let fresh = format!("{:016x}", random());
        if challenging == Challenging::OneNonce {
            return self.fixed.get_or_insert((fresh, 0)).0.clone();
        }
        self.open.insert(fresh.clone(), challenging);
        fresh
    }

    /// Says whether the count of an answer under the fixed nonce rises.
    fn is_counting(&mut self, nc: &str) -> bool {
        if nc.is_empty() {
            return true;
        }
        let nc = u32::from_str_radix(nc, 16).unwrap_or_default();
        let Some((_, last)) = &mut self.fixed else {
            return true;
        };
        let is_higher = nc > *last;
        *last = nc.max(*last);
        is_higher
    }
}

/// Says whether a REGISTER may pass, else what to answer.
pub(super) fn authorise(core: &Core, request: &Message) -> Result<(), Reply> {
    if is_trusted(core, request) {
        return Ok(());
    }
    let header = request.header("Authorization").unwrap_or_default();
    let fields = digest::parse(header).unwrap_or_default();
    let field = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
    let Some(challenging) = lock(&core.nonces).take(field("nonce")) else {
        return Err(again(core));
    };
    let challenge = challenge(core, challenging, field("nonce").to_owned());
    match challenging {
        Challenging::UnknownAlgorithm => {
            core.violation("REGISTER: an answer to a challenge of a hash that nobody knows");
            return Err(again(core));
        }
        Challenging::ForeignRealm => {
            core.violation("REGISTER: the password was used for the realm of somebody else");
            return Err(again(core));
        }
        _ => {}
    }
    let (user, password) = (&core.settings.lower_id, &core.settings.password);
    challenge
        .verify(header, request.method(), user, password)
        .map_err(|why| {
            core.violation(format!("REGISTER: {why}"));
            Reply::Status(403)
        })?;
    match challenging {
        Challenging::StaleForEver | Challenging::ForEver => return Err(again(core)),
        Challenging::OneNonce if !lock(&core.nonces).is_counting(field("nc")) => {
            core.violation(format!("REGISTER: nc {} a second time", field("nc")));
            return Err(Reply::Status(403));
        }
        _ => {}
    }
    Ok(())
}

/// The 401 with a challenge.
pub(super) fn again(core: &Core) -> Reply {
    let challenging = core.faults().challenge;
    let nonce = lock(&core.nonces).issue(challenging);
    let challenge = challenge(core, challenging, nonce);
    let usual = challenge.to_header();
    let header = match challenging {
        Challenging::QopBoth => usual.replace("qop=\"auth\"", "qop=\"auth,auth-int\""),
        Challenging::UnknownAlgorithm => match usual.rsplit_once("algorithm=") {
            Some((before, _)) => format!("{before}algorithm=SM3"),
            None => usual,
        },
        Challenging::WithoutRealm => usual.replace("realm=\"\",", ""),
        Challenging::StaleForEver => format!("{usual},stale=true"),
        _ => usual,
    };
    Reply::With(401, vec![("WWW-Authenticate", header)])
}

fn is_trusted(core: &Core, request: &Message) -> bool {
    let usual = !matches!(
        core.faults().challenge,
        Challenging::FreshNonces
            | Challenging::OneNonce
            | Challenging::StaleForEver
            | Challenging::ForEver
    );
    let registration = core.registration.borrow();
    let known = registration.as_ref().map(|known| known.call_id.as_str());
    usual
        && core.settings.habits.trusts_call_id
        && known.is_some()
        && known == request.header("Call-ID")
}

fn challenge(core: &Core, challenging: Challenging, nonce: String) -> Challenge {
    let settings = &core.settings;
    Challenge {
        realm: match challenging {
            Challenging::ForeignRealm => FOREIGN_REALM.to_owned(),
            Challenging::WithoutRealm => String::new(),
            _ => settings.domain.clone(),
        },
        nonce,
        algorithm: match challenging {
            Challenging::Sha256 => Algorithm::Sha256,
            _ => settings.algorithm,
        },
        qop: match challenging {
            Challenging::WithoutQop => false,
            Challenging::Qop | Challenging::QopBoth => true,
            _ => settings.qop,
        },
    }
}

/// A platform far away.
const FOREIGN_REALM: &str = "9999990000";
