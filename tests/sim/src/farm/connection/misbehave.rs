//! What a connection does in place of a sound answer.

use std::time::Duration;

use anyhow::Context as _;
use tokio::io::AsyncWriteExt as _;
use tokio::time::Instant;

use super::super::camera::nonce;
use super::super::faults::{
    Challenge, FLOOD_PIECE, GARBAGE, HTTP_ANSWER, Misdeed, Step, Target, flood_head, long_head,
    status_line,
};
use super::super::request::{Request, Response};
use super::{Connection, End, WRITE_MAX};

/// The pause after each piece of a flood: 16 MB/s are enough to fill a careless client, and leave it a processor.
const FLOOD_PAUSE: Duration = Duration::from_millis(1);

/// What is added to a path that moved.
const MOVED: &str = "/moved";

impl Connection {
    /// Does what the camera does before any request.
    pub(super) async fn accepted(&mut self) -> anyhow::Result<Option<End>> {
        let faults = self.faults.borrow().clone();
        match faults.at(Step::Accept) {
            Some(Misdeed::Close) => Ok(Some(End::HungUp)),
            Some(Misdeed::Reset) => self.reset().map(Some),
            Some(Misdeed::Delay(delay)) => {
                self.busy_until = Some(Instant::now() + *delay);
                Ok(None)
            }
            Some(Misdeed::Garbage) => self.send(GARBAGE).await,
            Some(Misdeed::Http) => self.send(HTTP_ANSWER).await,
            Some(endless @ (Misdeed::EndlessBody | Misdeed::EndlessHead)) => {
                self.flood(endless, None).await
            }
            _ => Ok(None),
        }
    }

    /// Does what the camera does in place of a sound answer.
    pub(super) async fn misbehave(
        &mut self,
        misdeed: &Misdeed,
        request: &Request,
    ) -> anyhow::Result<Option<End>> {
        match misdeed {
            Misdeed::Silence => Ok(None),
            Misdeed::Close => Ok(Some(End::HungUp)),
            Misdeed::Reset => self.reset().map(Some),
            Misdeed::HalfThenSilence => {
                self.is_mute = true;
                self.send_half(request).await
            }
            Misdeed::HalfThenClose => {
                self.send_half(request).await?;
                Ok(Some(End::HungUp))
            }
            Misdeed::EndlessBody | Misdeed::EndlessHead => self.flood(misdeed, Some(request)).await,
            Misdeed::Garbage => self.send(GARBAGE).await,
            Misdeed::Http => self.send(HTTP_ANSWER).await,
            Misdeed::Status(code) => {
                let response = Response::new(&status_line(*code), request);
                self.send(&response.into_bytes()).await
            }
            Misdeed::Redirect(code, target) => self.redirect(*code, target, request).await,
            Misdeed::Unauthorized(challenge) => self.challenge(*challenge, request).await,
            Misdeed::Delay(_)
            | Misdeed::Trickle(_)
            | Misdeed::Headers(_)
            | Misdeed::LongLine(_)
            | Misdeed::WrongSequence => self.answer_oddly(misdeed, request).await,
        }
    }

    /// Answers soundly but for the form.
    async fn answer_oddly(
        &mut self,
        misdeed: &Misdeed,
        request: &Request,
    ) -> anyhow::Result<Option<End>> {
        let mut reply = match misdeed {
            Misdeed::WrongSequence => self
                .session
                .handle(&request.with_sequence("1048576"), &self.camera),
            _ => self.session.handle(request, &self.camera),
        };
        if let Misdeed::LongLine(bytes) = misdeed {
            let line = format!("a=x-long:{}\r\n", "a".repeat(*bytes));
            reply.response.extend_body(line.as_bytes());
        }
        let answer = reply.response.into_bytes();
        match misdeed {
            Misdeed::Headers(headers) => self.send(&long_head(&answer, *headers)).await?,
            Misdeed::Trickle(pause) => self.trickle(&answer, *pause).await?,
            _ => self.send(&answer).await?,
        };
        self.follow(reply.follow);
        Ok(None)
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) -> anyhow::Result<Option<End>> {
        self.outbox.extend_from_slice(bytes);
        self.flush().await?;
        Ok(None)
    }

    async fn send_half(&mut self, request: &Request) -> anyhow::Result<Option<End>> {
        let reply = self.session.handle(request, &self.camera);
        let answer = reply.response.into_bytes();
        self.send(&answer[..answer.len() / 2]).await
    }

    async fn trickle(&mut self, bytes: &[u8], pause: Duration) -> anyhow::Result<Option<End>> {
        for byte in bytes {
            self.send(&[*byte]).await?;
            tokio::time::sleep(pause).await;
        }
        Ok(None)
    }

    /// Sends an answer without end; returns when the client is gone.
    async fn flood(
        &mut self,
        misdeed: &Misdeed,
        request: Option<&Request>,
    ) -> anyhow::Result<Option<End>> {
        let head = flood_head(misdeed, request).unwrap_or_default();
        self.send(head.as_bytes()).await?;
        loop {
            let written =
                tokio::time::timeout(WRITE_MAX, self.writer.write_all(&FLOOD_PIECE)).await;
            written.context("the client does not read")??;
            self.camera
                .count(|stats| stats.bytes_flooded += FLOOD_PIECE.len() as u64);
            tokio::time::sleep(FLOOD_PAUSE).await;
        }
    }

    async fn redirect(
        &mut self,
        code: u16,
        target: &Target,
        request: &Request,
    ) -> anyhow::Result<Option<End>> {
        let location = match target {
            Target::SameHost if request.path().ends_with(MOVED) => {
                self.answer(request).await?;
                return Ok(None);
            }
            Target::SameHost => format!("{}{MOVED}", self.camera.url()),
            Target::Loop => request.uri.clone(),
            Target::Url(url) => url.clone(),
        };
        let response = Response::new(&status_line(code), request).header("Location", &location);
        self.send(&response.into_bytes()).await
    }

    async fn challenge(
        &mut self,
        challenge: Challenge,
        request: &Request,
    ) -> anyhow::Result<Option<End>> {
        let has_credentials = request.header("Authorization").is_some();
        self.camera.count(|stats| {
            stats.challenges += u64::from(!has_credentials);
            stats.wrong_credentials += u64::from(has_credentials);
            stats.wrong_passwords += u64::from(has_credentials && challenge != Challenge::Stale);
        });
        let response = Response::new(&status_line(401), request);
        let response = match challenge.header(&nonce()) {
            Some(header) => response.header("WWW-Authenticate", &header),
            None => response,
        };
        self.send(&response.into_bytes()).await
    }

    /// Makes the end of the connection a reset.
    pub(super) fn reset(&mut self) -> anyhow::Result<End> {
        let socket = socket2::SockRef::from(self.writer.as_ref());
        socket.set_linger(Some(Duration::ZERO))?;
        self.resets = true;
        Ok(End::HungUp)
    }
}
