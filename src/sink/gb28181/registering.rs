//! A platform's registration and heartbeat: what is sent, and what the answers mean (GB/T 28181-2016
//! §9.1, §9.6). When is said by [`Registration`](crate::proto::gb28181::Registration) and [`Heartbeat`].

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{info, warn};

use super::platform::{Platform, Purpose};
use super::requests::{Requests, token};
use super::transport::Inbound;
use crate::clock::wall_clock;
use crate::proto::gb28181::{Heartbeat, Outcome, answer};
use crate::proto::sip::{Credentials, Response};

impl Platform {
    pub(super) fn send_register(&mut self, purpose: Purpose) {
        let expires = if purpose == Purpose::Unregister {
            0
        } else {
            self.registration.expires()
        };
        let uri = Requests::platform_uri(&self.settings);
        let credentials = Credentials {
            username: &self.settings.username,
            password: self.settings.password.expose(),
        };
        let authorization = self.registration.authorization(credentials, &uri, &token());
        let request = self
            .requests
            .register(&self.settings, expires, authorization);
        self.newest_register = self.request(&request, purpose);
        if self.newest_register.is_none() {
            self.registration
                .handle_silence(Instant::now().into_std(), rand::random());
        }
    }

    pub(super) fn handle_registered(&mut self, response: Option<Response>) {
        let (now, jitter) = (Instant::now().into_std(), rand::random());
        let outcome = match &response {
            Some(response) => self.registration.handle_response(now, response, jitter),
            None => {
                // Over TCP it may be the connection that is dead.
                self.wire.hang_up(self.target);
                self.registration.handle_silence(now, jitter)
            }
        };
        match outcome {
            Outcome::Again => self.send_register(Purpose::Register),
            Outcome::Registered(is_new) => {
                if is_new {
                    info!("registered");
                    let keepalive = self.settings.keepalive;
                    self.heartbeat = Some(Heartbeat::new(
                        keepalive.interval,
                        keepalive.missed_max,
                        now,
                    ));
                    self.media_until = None;
                }
                self.handle_accepted(is_new);
                self.set_registered(None);
            }
            Outcome::Failed(reason) => {
                if self.is_registered() {
                    warn!(reason, "registration not refreshed");
                } else {
                    warn!(reason, "not registered");
                    self.requests.renew_registration();
                    self.end_signalling();
                }
                self.set_registered(Some(reason));
            }
        }
    }

    pub(super) fn send_keepalive(&mut self) {
        self.notice_number += 1;
        let (local, charset) = (self.settings.local_gb_id, self.settings.charset);
        let body = answer::keepalive(local.as_str(), self.notice_number, charset);
        let request = self.requests.message(&self.settings, body);
        self.request(&request, Purpose::Keepalive);
    }

    /// 5xx and 408 count as no answer; 401, 403, 404 and 481 mean that we are not known any more.
    pub(super) fn handle_keepalive(&mut self, code: Option<u16>) {
        let Some(heartbeat) = &mut self.heartbeat else {
            return;
        };
        let missed = self
            .gateway
            .metrics
            .platform_keepalive_missed
            .with_label_values(&[&self.settings.id]);
        match code {
            Some(200..=299) => {
                heartbeat.handle_answer();
                self.registration.handle_known();
            }
            Some(401 | 403 | 404 | 481) => self.lose("the platform does not know us any more"),
            Some(_) => {
                heartbeat.handle_failure();
                missed.inc();
            }
            None => missed.inc(),
        }
    }

    /// Signalling ends and begins anew; running media goes on for a while.
    pub(super) fn lose(&mut self, reason: &str) {
        warn!(reason, "platform lost");
        self.wire.hang_up(self.target);
        self.registration
            .handle_loss(Instant::now().into_std(), rand::random());
        self.requests.renew_registration();
        self.end_signalling();
        self.set_registered(Some(reason.to_owned()));
    }

    fn end_signalling(&mut self) {
        self.heartbeat = None;
        self.queries.clear();
        self.end_subscription();
        if self.media_until.is_none() && self.calls.len() > 0 {
            self.media_until = Some(Instant::now() + self.settings.media.media_after_loss);
        }
    }

    /// Calls end with BYE and the registration with Expires 0; the answers are waited for, briefly.
    pub(super) async fn say_goodbye(&mut self, inbox: &mut mpsc::Receiver<Inbound>) {
        self.end_all_calls();
        // A REGISTER that is still open may be granted: it is taken back too.
        let is_open = self
            .open
            .values()
            .any(|purpose| *purpose == Purpose::Register);
        if self.is_registered() || is_open {
            self.send_register(Purpose::Unregister);
        }
        let goodbye = async {
            loop {
                self.agent.handle_timeout(Instant::now().into_std());
                self.handle_agent();
                self.transmit().await;
                if self
                    .open
                    .values()
                    .all(|p| !matches!(p, Purpose::Unregister | Purpose::Bye))
                {
                    return;
                }
                let deadline = self
                    .agent
                    .poll_timeout()
                    .map_or_else(Instant::now, Instant::from_std);
                tokio::select! {
                    Some(inbound) = inbox.recv() => self.handle_inbound(inbound),
                    () = sleep_until(deadline) => {}
                }
            }
        };
        if timeout(GOODBYE_TIME, goodbye).await.is_err() {
            warn!("the platform did not answer our goodbye");
        }
    }

    pub(super) fn handle_unregistered(&mut self, response: Option<Response>) {
        let Some(response) = response else {
            return;
        };
        let now = Instant::now().into_std();
        match self.registration.handle_response(now, &response, 0.0) {
            Outcome::Again => self.send_register(Purpose::Unregister),
            Outcome::Registered(_) => info!("unregistered"),
            Outcome::Failed(reason) => warn!(reason, "not unregistered"),
        }
    }

    fn set_registered(&self, reason: Option<String>) {
        let is_registered = self.registration.is_registered();
        let gauge = self
            .gateway
            .metrics
            .platform_registered
            .with_label_values(&[&self.settings.id]);
        gauge.set(i64::from(is_registered));
        self.status.send_modify(|status| {
            if status.is_registered != is_registered {
                status.since = wall_clock();
            }
            status.is_registered = is_registered;
            status.reason = reason;
        });
    }
}

const GOODBYE_TIME: Duration = Duration::from_secs(3);
