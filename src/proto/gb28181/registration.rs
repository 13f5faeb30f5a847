//! The registration at a platform (GB/T 28181-2016 §9.1).
//!
//! Says when to send a REGISTER and reads its answer. `sink::gb28181` writes the request; jitter is a
//! number in 0 … 1 that the owner draws.

use std::time::{Duration, Instant};

use crate::proto::sip::{Challenge, Credentials, Response};

/// The state of a registration.
#[derive(Debug)]
pub struct Registration {
    expires: Duration,
    realm: String,
    is_registered: bool,
    /// When to send the next REGISTER; `None` while one is open.
    due_at: Option<Instant>,
    challenge: Option<Challenge>,
    /// Whether the open REGISTER answers the challenge.
    is_answering: bool,
    /// How often in a row the platform called the nonce old.
    stale_nonces: u32,
    /// Until when the platform's last grant holds.
    valid_until: Option<Instant>,
    failures: u32,
    refusals: u32,
    losses: u32,
}

/// What an answer to a REGISTER means.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// Challenged: send it again at once, with an authorisation.
    Again,
    /// Registered; `true` when it was not before.
    Registered(bool),
    /// Failed, for this reason; the next try comes by itself.
    Failed(String),
}

impl Registration {
    /// Starts; the first REGISTER is due at once. A challenge of another realm is not answered.
    pub fn new(expires: Duration, realm: impl Into<String>, now: Instant) -> Self {
        Self {
            expires,
            realm: realm.into(),
            is_registered: false,
            due_at: Some(now),
            challenge: None,
            is_answering: false,
            stale_nonces: 0,
            valid_until: None,
            failures: 0,
            refusals: 0,
            losses: 0,
        }
    }

    /// Whether the platform knows us.
    pub fn is_registered(&self) -> bool {
        self.is_registered
    }

    /// The Expires to ask for, in seconds.
    pub fn expires(&self) -> u64 {
        self.expires.as_secs()
    }

    /// Changes the Expires to ask for, from the next REGISTER on.
    pub fn set_expires(&mut self, expires: Duration) {
        self.expires = expires;
    }

    /// Has the next REGISTER sent now: what it says has changed.
    pub fn hurry(&mut self, now: Instant) {
        self.due_at = Some(now);
        self.failures = 0;
        self.refusals = 0;
    }

    /// Returns when time matters next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.due_at
    }

    /// Moves time forward: `true` when a REGISTER is to be sent now.
    pub fn handle_timeout(&mut self, now: Instant) -> bool {
        let is_due = self.due_at.is_some_and(|at| at <= now);
        if is_due {
            self.due_at = None;
            self.is_answering = false;
            self.stale_nonces = 0;
            self.is_registered &= self.valid_until.is_some_and(|until| now < until);
        }
        is_due
    }

    /// Writes the Authorization of the REGISTER to send, where there is a challenge to answer.
    pub fn authorization(
        &mut self,
        credentials: Credentials<'_>,
        uri: &str,
        cnonce: &str,
    ) -> Option<String> {
        let challenge = self.challenge.as_mut().filter(|_| self.is_answering)?;
        Some(challenge.answer(credentials, "REGISTER", uri, cnonce))
    }

    /// Takes the final answer to a REGISTER.
    pub fn handle_response(&mut self, now: Instant, response: &Response, jitter: f64) -> Outcome {
        match response.code {
            401 | 407 => self.handle_challenge(now, response, jitter),
            200..=299 => {
                let told = expires_of(response).map_or(self.expires, Duration::from_secs);
                let lifetime = told.clamp(LIFETIME_MIN, LIFETIME_MAX);
                let is_new = !self.is_registered;
                self.is_registered = true;
                self.is_answering = false;
                self.valid_until = Some(now + lifetime);
                self.failures = 0;
                self.refusals = 0;
                // Before two thirds of the lifetime, spread over platforms.
                self.due_at = Some(now + lifetime.mul_f64(0.5 + 0.1 * jitter));
                Outcome::Registered(is_new)
            }
            403 => self.refuse(
                now,
                format!("refused with {} {}", response.code, response.reason),
                jitter,
            ),
            code => self.fail(now, format!("answered {code} {}", response.reason), jitter),
        }
    }

    /// Takes it that no answer came.
    pub fn handle_silence(&mut self, now: Instant, jitter: f64) -> Outcome {
        self.fail(now, "no answer".to_owned(), jitter)
    }

    /// Takes it that the platform was lost, or no longer knows us: register anew after 0 … 5 s. A
    /// platform that registers us and loses us again is asked less and less often, up to a minute.
    pub fn handle_loss(&mut self, now: Instant, jitter: f64) {
        if !self.is_registered {
            return;
        }
        self.is_registered = false;
        self.valid_until = None;
        let spread = LOSS_SPREAD * 2u32.saturating_pow(self.losses.min(8));
        let spread = spread.min(BACKOFF_MAX);
        // Only the first loss may be made good at once.
        let earliest = if self.losses == 0 {
            Duration::ZERO
        } else {
            spread / 2
        };
        self.losses = self.losses.saturating_add(1);
        self.due_at = Some(now + earliest + (spread - earliest).mul_f64(jitter));
    }

    /// Takes it that the platform knows us: it answered a keepalive.
    pub fn handle_known(&mut self) {
        self.losses = 0;
    }

    fn handle_challenge(&mut self, now: Instant, response: &Response, jitter: f64) -> Outcome {
        let Some(mut challenge) = Challenge::of(response) else {
            return self.refuse(
                now,
                "challenged in a way that is not supported".to_owned(),
                jitter,
            );
        };
        if challenge.realm != self.realm {
            let reason = format!(
                "challenged for realm `{}`, not for its domain `{}`",
                challenge.realm, self.realm
            );
            return self.refuse(now, reason, jitter);
        }
        self.stale_nonces += u32::from(challenge.is_stale);
        let is_only_old = challenge.is_stale && self.stale_nonces <= STALE_NONCES_MAX;
        if self.is_answering && !is_only_old {
            return self.refuse(now, "refused user and password".to_owned(), jitter);
        }
        if let Some(old) = &self.challenge {
            challenge.follow(old);
        }
        self.challenge = Some(challenge);
        self.is_answering = true;
        Outcome::Again
    }

    /// Backs off with full jitter, 1 s … 60 s.
    fn fail(&mut self, now: Instant, reason: String, jitter: f64) -> Outcome {
        self.failures = self.failures.saturating_add(1);
        let ceiling = BACKOFF_MIN * 2u32.saturating_pow(self.failures.min(10) - 1);
        let ceiling = ceiling.min(BACKOFF_MAX);
        self.wait(now, BACKOFF_MIN.max(ceiling.mul_f64(jitter)), reason)
    }

    /// A platform that says no is not hammered: 60 s at least, growing.
    fn refuse(&mut self, now: Instant, reason: String, jitter: f64) -> Outcome {
        self.refusals = self.refusals.saturating_add(1);
        self.valid_until = None;
        let wait = REFUSAL_MIN * self.refusals.min(15);
        self.wait(now, wait + wait.mul_f64(0.2 * jitter), reason)
    }

    fn wait(&mut self, now: Instant, wait: Duration, reason: String) -> Outcome {
        // What was granted before holds till its end.
        self.is_registered &= self.valid_until.is_some_and(|until| now < until);
        self.is_answering = false;
        self.due_at = Some(now + wait);
        Outcome::Failed(reason)
    }
}

/// The lifetime that the platform granted: of our Contact, else the Expires header.
fn expires_of(response: &Response) -> Option<u64> {
    let contact = response.headers.get("Contact").unwrap_or_default();
    let of_contact = contact.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("expires")
            .then(|| value.trim().parse().ok())?
    });
    of_contact.or_else(|| response.headers.seconds("Expires").map(u64::from))
}

/// A platform that calls every nonce old is not followed for ever.
const STALE_NONCES_MAX: u32 = 2;
const LIFETIME_MIN: Duration = Duration::from_secs(10);
const LIFETIME_MAX: Duration = Duration::from_secs(86_400);
const BACKOFF_MIN: Duration = Duration::from_secs(1);
const BACKOFF_MAX: Duration = Duration::from_secs(60);
const REFUSAL_MIN: Duration = Duration::from_secs(60);
const LOSS_SPREAD: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::sip::{Method, Request};

    #[test]
    fn a_challenge_is_answered_once() {
        let (mut registration, now) = started();
        assert!(registration.handle_timeout(now));
        assert_eq!(registration.authorization(login(), "sip:x", "c"), None);
        let challenge = challenge("4302110000");
        assert_eq!(
            registration.handle_response(now, &challenge, 0.0),
            Outcome::Again
        );
        assert!(registration.authorization(login(), "sip:x", "c").is_some());
        let outcome = registration.handle_response(now, &challenge, 0.0);
        assert!(matches!(outcome, Outcome::Failed(reason) if reason.contains("password")));
        assert_eq!(registration.poll_timeout(), Some(now + REFUSAL_MIN));
    }

    #[test]
    fn an_old_nonce_is_no_wrong_password() {
        let (mut registration, now) = started();
        registration.handle_timeout(now);
        registration.handle_response(now, &challenge("4302110000"), 0.0);
        let old = "Digest realm=\"4302110000\", nonce=\"m\", stale=TRUE";
        let old = answer(401).with("WWW-Authenticate", old);
        assert_eq!(registration.handle_response(now, &old, 0.0), Outcome::Again);
        assert_eq!(registration.handle_response(now, &old, 0.0), Outcome::Again);
        let outcome = registration.handle_response(now, &old, 0.0);
        assert!(matches!(outcome, Outcome::Failed(_)), "not for ever");
    }

    #[test]
    fn the_password_is_not_used_for_another_realm() {
        let (mut registration, now) = started();
        registration.handle_timeout(now);
        let outcome = registration.handle_response(now, &challenge("evil"), 0.0);
        assert!(matches!(outcome, Outcome::Failed(_)));
        assert_eq!(registration.authorization(login(), "sip:x", "c"), None);
    }

    #[test]
    fn it_is_refreshed_before_two_thirds_of_the_granted_lifetime() {
        let (mut registration, now) = started();
        registration.handle_timeout(now);
        let ok = answer(200).with("Contact", "<sip:x>;expires=600");
        assert_eq!(
            registration.handle_response(now, &ok, 1.0),
            Outcome::Registered(true)
        );
        let due = registration.poll_timeout().unwrap() - now;
        assert!(
            due >= Duration::from_secs(300) && due < Duration::from_secs(400),
            "{due:?}"
        );
        assert!(registration.handle_timeout(now + due));
        assert_eq!(
            registration.handle_response(now + due, &ok, 1.0),
            Outcome::Registered(false)
        );
    }

    #[test]
    fn a_refresh_that_fails_leaves_the_grant_till_its_end() {
        let (mut registration, now) = started();
        registration.handle_timeout(now);
        let ok = answer(200).with("Expires", "100");
        registration.handle_response(now, &ok, 0.0);
        let refresh = registration.poll_timeout().unwrap();
        registration.handle_timeout(refresh);
        registration.handle_silence(refresh, 0.0);
        assert!(registration.is_registered());
        let late = now + Duration::from_secs(101);
        assert!(registration.handle_timeout(late));
        assert!(!registration.is_registered());
    }

    #[test]
    fn a_platform_that_forgets_us_each_time_is_not_stormed() {
        let (mut registration, mut now) = started();
        let mut waits = Vec::new();
        for _ in 0..6 {
            registration.handle_timeout(now);
            registration.handle_response(now, &answer(200), 0.0);
            registration.handle_loss(now, 1.0);
            let due = registration.poll_timeout().unwrap();
            waits.push((due - now).as_secs());
            now = due;
        }
        assert_eq!(waits, [5, 10, 20, 40, 60, 60]);
    }

    #[test]
    fn a_refusal_waits_a_minute_and_more_each_time() {
        let (mut registration, mut now) = started();
        let mut waits = Vec::new();
        for _ in 0..3 {
            registration.handle_timeout(now);
            registration.handle_response(now, &answer(403), 0.0);
            let due = registration.poll_timeout().unwrap();
            waits.push((due - now).as_secs());
            now = due;
        }
        assert_eq!(waits, [60, 120, 180]);
    }

    #[test]
    fn silence_backs_off_to_a_minute_with_full_jitter() {
        let (mut registration, mut now) = started();
        let mut waits = Vec::new();
        for _ in 0..8 {
            registration.handle_timeout(now);
            registration.handle_silence(now, 1.0);
            let due = registration.poll_timeout().unwrap();
            waits.push((due - now).as_secs());
            now = due;
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
    }

    fn started() -> (Registration, Instant) {
        let now = start();
        (
            Registration::new(Duration::from_secs(3600), "4302110000", now),
            now,
        )
    }

    fn login() -> Credentials<'static> {
        Credentials {
            username: "u",
            password: "p",
        }
    }

    fn challenge(realm: &str) -> Response {
        answer(401).with(
            "WWW-Authenticate",
            format!("Digest realm=\"{realm}\", nonce=\"n\""),
        )
    }

    fn answer(code: u16) -> Response {
        Request::new(Method::Register, "sip:x").answer(code, "t")
    }

    #[expect(clippy::disallowed_methods, reason = "any instant will do")]
    fn start() -> Instant {
        Instant::now()
    }
}
