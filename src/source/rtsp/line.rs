//! Requests to a camera and their answers over one connection, with its password and its session.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use tokio::time::timeout;
use tracing::debug;

use super::authorization::Authorization;
use super::connection::{Connection, Handle};
use super::failure::{Broken, Failure};
use crate::ledger::Cause;
use crate::proto::rtsp::{Message, Request, Response, SessionHeader};
use crate::source::recorder::Leaving;
use crate::task::Tasks;

/// The line to a camera. One that has a session says TEARDOWN when it is dropped.
pub(super) struct Line {
    /// `None` once it broke: there is nobody to say goodbye to.
    connection: Option<Connection>,
    authorization: Option<Authorization>,
    /// The number of the last request.
    sequence: u32,
    /// Whether that bore the password.
    is_authorized: bool,
    /// It is one that was told, and its answer has not come.
    is_told: bool,
    session: Option<SessionHeader>,
    /// What the session as a whole is called.
    url: String,
    leaving: Arc<Leaving>,
    tasks: Tasks,
}

/// What came while something else was waited for.
#[derive(Debug, Default)]
pub(super) struct Aside {
    /// Packets by channel: a camera may send before it has answered PLAY.
    packets: Vec<(u8, Vec<u8>)>,
    bytes: usize,
    /// Answers, the last one last.
    pub(super) answers: VecDeque<Response>,
    requests: Vec<Request>,
}

impl Aside {
    /// Takes note of what is no packet; a connection brings few of them at a time.
    pub(super) fn note(&mut self, message: Message<'_>) {
        match message {
            Message::Packet { channel, bytes } => {
                // The least of them costs its place in the list.
                self.bytes += bytes.len() + PACKET_COST;
                if self.bytes <= EARLY_BYTES_MAX {
                    self.packets.push((channel, bytes.to_vec()));
                }
            }
            Message::Response(answer) if self.answers.len() < NOTED_MAX => {
                self.answers.push_back(answer);
            }
            Message::Request(request) if self.requests.len() < NOTED_MAX => {
                self.requests.push(request);
            }
            Message::Response(_) | Message::Request(_) => {}
        }
    }

    /// The packets in their order.
    pub(super) fn into_packets(self) -> Vec<(u8, Vec<u8>)> {
        self.packets
    }
}

impl Line {
    /// Connects.
    pub(super) async fn open(
        address: SocketAddr,
        url: String,
        authorization: Option<Authorization>,
        leaving: Arc<Leaving>,
        tasks: Tasks,
    ) -> Result<Self, Failure> {
        let connection = timeout(STEP_TIME, Connection::open(address)).await;
        let connection = connection.map_err(|_| unanswered("the connection"))?;
        Ok(Self {
            connection: Some(connection.map_err(|error| Failure::unconnected(&error))?),
            authorization,
            sequence: 0,
            is_authorized: false,
            is_told: false,
            session: None,
            url,
            leaving,
            tasks,
        })
    }

    /// The session's id and timeout, once it has one.
    pub(super) fn session(&self) -> Option<&SessionHeader> {
        self.session.as_ref()
    }

    /// Begins a session, unless one has begun: the first id holds.
    pub(super) fn begin(&mut self, session: SessionHeader) {
        self.session.get_or_insert(session);
    }

    /// Sets what the session as a whole is called.
    pub(super) fn rename(&mut self, url: String) {
        self.url = url;
    }

    /// What the session as a whole is called.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Asks for something and waits for the answer, with the password where the camera wants it. An answer
    /// that is no success is an error.
    pub(super) async fn ask(
        &mut self,
        method: &'static str,
        url: &str,
        headers: &str,
        aside: &mut Aside,
    ) -> Result<Response, Failure> {
        // A camera may call an old nonce stale once more.
        for attempt in 0..ATTEMPTS {
            let had_challenge = self.is_challenged();
            let exchange = timeout(STEP_TIME, self.exchange(method, url, headers, aside));
            let answer = exchange.await.map_err(|_| unanswered(method))??;
            match answer.status {
                200..=299 => return Ok(answer),
                401 if had_challenge && !self.is_authorized => {
                    return Err(unanswerable(method));
                }
                401 => self.challenge(method, &answer, self.is_authorized && attempt > 0)?,
                status => return Err(Failure::status(method, status)),
            }
        }
        Err(wrong_password(method))
    }

    /// Sends a request and waits for nothing.
    pub(super) fn tell(&mut self, method: &str) -> Result<(), Broken> {
        let url = self.url.clone();
        let text = self.write(method, &url, "");
        let sent = self.connection()?.send(text.as_bytes());
        self.is_told = true;
        self.lose(sent)
    }

    /// Whether an answer is the one to what was told last; it is so once.
    pub(super) fn was_told(&mut self, answer: &Response) -> bool {
        let number = answer.headers.sequence().unwrap_or(self.sequence);
        number == self.sequence && std::mem::take(&mut self.is_told)
    }

    /// Whether the last request bore the password.
    pub(super) fn is_authorized(&self) -> bool {
        self.is_authorized
    }

    /// Waits for what comes next. Safe to cancel.
    pub(super) async fn read(&mut self, handle: &mut Handle<'_>) -> Result<(), Broken> {
        let read = self.connection()?.read(handle).await;
        self.lose(read)
    }

    /// Answers what the camera asked; an error when it has ended the session.
    pub(super) fn reply(&mut self, aside: &mut Aside) -> Result<(), Broken> {
        for request in aside.requests.drain(..) {
            let status = match request.method.as_str() {
                "OPTIONS" | "GET_PARAMETER" | "SET_PARAMETER" | "TEARDOWN" => "200 OK",
                _ => "501 Not Implemented",
            };
            let sequence = request.headers.sequence().unwrap_or(0);
            let text = format!("RTSP/1.0 {status}\r\nCSeq: {sequence}\r\n\r\n");
            let sent = self.connection()?.send(text.as_bytes());
            self.lose(sent)?;
            if request.method == "TEARDOWN" {
                return self.lose(Err(Broken::Ended));
            }
        }
        Ok(())
    }

    /// Takes the challenge of a 401 to what was asked on the way, for the next request.
    pub(super) fn note_challenge(&mut self, answer: &Response) {
        if let Some(authorization) = &mut self.authorization {
            authorization.take(answer.headers.all("WWW-Authenticate"));
        }
    }

    fn is_challenged(&self) -> bool {
        let authorization = self.authorization.as_ref();
        authorization.is_some_and(Authorization::is_challenged)
    }

    async fn exchange(
        &mut self,
        method: &'static str,
        url: &str,
        headers: &str,
        aside: &mut Aside,
    ) -> Result<Response, Failure> {
        let text = self.write(method, url, headers);
        let broken = |broken| Failure::broken(method, &broken);
        let sent = self.connection().map_err(broken)?.send(text.as_bytes());
        self.lose(sent).map_err(broken)?;
        loop {
            while let Some(answer) = aside.answers.pop_front() {
                // One without a number answers the one request there is.
                match answer.headers.sequence().unwrap_or(self.sequence) {
                    number if number == self.sequence => return Ok(answer),
                    number if number < self.sequence => debug!(number, "a late answer"),
                    _ => {
                        let detail = format!("its answer is to no request ({method})");
                        return Err(Failure::new(Cause::RtspError, detail));
                    }
                }
            }
            self.read(&mut |message| aside.note(message))
                .await
                .map_err(broken)?;
            self.reply(aside).map_err(broken)?;
        }
    }

    /// Takes the challenge of a 401, unless the password was the answer to one already.
    fn challenge(
        &mut self,
        method: &str,
        answer: &Response,
        was_answered: bool,
    ) -> Result<(), Failure> {
        let is_stale = answer
            .headers
            .all("WWW-Authenticate")
            .map(|challenge| challenge.to_ascii_lowercase().replace('"', ""))
            .any(|challenge| challenge.contains("stale=true"));
        if was_answered && !is_stale {
            return Err(wrong_password(method));
        }
        let Some(authorization) = &mut self.authorization else {
            return Err(Failure::status(method, 401));
        };
        if authorization.take(answer.headers.all("WWW-Authenticate")) {
            return Ok(());
        }
        Err(unanswerable(method))
    }

    fn write(&mut self, method: &str, url: &str, headers: &str) -> String {
        self.sequence += 1;
        let url = utf8_percent_encode(url, &NO_URL).to_string();
        let mut text = format!(
            "{method} {url} RTSP/1.0\r\nCSeq: {}\r\nUser-Agent: huiju\r\n",
            self.sequence
        );
        if let Some(session) = &self.session {
            text += &format!("Session: {}\r\n", session.id);
        }
        let authorization = self.authorization.as_mut();
        let value = authorization.and_then(|it| it.value(method, &url));
        self.is_authorized = value.is_some();
        if let Some(value) = value {
            text += &format!("Authorization: {value}\r\n");
        }
        text + headers + "\r\n"
    }

    fn connection(&mut self) -> Result<&mut Connection, Broken> {
        self.connection.as_mut().ok_or(Broken::Ended)
    }

    /// Lets go of a connection that broke.
    fn lose<T>(&mut self, outcome: Result<T, Broken>) -> Result<T, Broken> {
        if outcome.is_err() {
            self.connection = None;
        }
        outcome
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let (Some(mut connection), Some(_)) = (self.connection.take(), &self.session) else {
            return;
        };
        let url = std::mem::take(&mut self.url);
        let text = self.write("TEARDOWN", &url, "");
        let (guard, sequence) = (self.leaving.enter(), self.sequence);
        self.tasks.spawn("teardown", async move {
            let _leaving = guard;
            let goodbye = async {
                connection.send(text.as_bytes())?;
                let mut is_answered = false;
                while !is_answered {
                    // Media goes on till it has heard us.
                    let mut hear = |message: Message<'_>| {
                        if let Message::Response(answer) = message {
                            let number = answer.headers.sequence();
                            is_answered |= number.is_none_or(|number| number == sequence);
                        }
                    };
                    connection.read(&mut hear).await?;
                }
                Ok::<_, Broken>(())
            };
            match timeout(TEARDOWN_TIME, goodbye).await {
                Ok(Ok(())) => {}
                Ok(Err(broken)) => debug!(?broken, "TEARDOWN was not answered"),
                Err(_) => debug!("TEARDOWN was not answered in time"),
            }
        });
    }
}

fn unanswered(step: &str) -> Failure {
    Failure::new(
        Cause::Timeout,
        format!("no answer to {step} in {STEP_TIME:?}"),
    )
}

fn unanswerable(method: &str) -> Failure {
    let detail = format!("401 to {method}, with no challenge that can be answered");
    Failure::new(Cause::AuthFailed, detail)
}

fn wrong_password(method: &str) -> Failure {
    Failure {
        is_wrong_password: true,
        ..Failure::status(method, 401)
    }
}

/// What may not stand in a URL, beside all beyond ASCII (RFC 3986 §2.1): a blank would end it, and no digest
/// takes the others.
const NO_URL: AsciiSet = CONTROLS.add(b' ');
/// Each step of a handshake has so long.
const STEP_TIME: Duration = Duration::from_secs(10);
const TEARDOWN_TIME: Duration = Duration::from_secs(5);
/// Without a password, with it, and once more where the nonce was stale.
const ATTEMPTS: usize = 3;
const PACKET_COST: usize = 64;
/// What is kept of packets that come before they are expected.
const EARLY_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Messages that are kept of those that come at once.
const NOTED_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_not_stand_in_a_url_is_encoded() {
        let encode = |url| utf8_percent_encode(url, &NO_URL).to_string();
        assert_eq!(encode("rtsp://a/b?c=1&d"), "rtsp://a/b?c=1&d");
        assert_eq!(encode("rtsp://a/门 1"), "rtsp://a/%E9%97%A8%201");
    }

    #[test]
    fn packets_before_their_time_are_kept_within_limits_however_small() {
        let mut aside = Aside::default();
        for _ in 0..1_000_000 {
            aside.note(Message::Packet {
                channel: 0,
                bytes: &[],
            });
        }
        assert!(aside.packets.len() <= EARLY_BYTES_MAX / PACKET_COST);
    }
}
