//! The dialog of a session (RFC 3261 §12), held as one widely used platform holds it.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::core::{Core, DialogEnd, Route, Transaction};
use super::sdp::Description;
use super::sip::Message;
use super::sip::message::parameter;
use super::tasks::lock;

/// What the requests of a dialog are made of.
#[derive(Clone, Debug)]
pub(super) struct Parties {
    /// The user of the ACK's URI: what `o=` of the answer says, not its Contact.
    pub(super) origin: String,
    call_id: String,
    from: String,
    to: String,
    cseq: u32,
    channel: String,
    route: Route,
    answered_from: SocketAddr,
}

impl Parties {
    pub(super) fn new(
        request: &Message,
        response: &Message,
        route: Route,
        source: SocketAddr,
        channel: &str,
    ) -> Self {
        let text =
            |message: &Message, name: &str| message.header(name).unwrap_or_default().to_owned();
        Self {
            origin: channel.to_owned(),
            call_id: text(request, "Call-ID"),
            from: text(request, "From"),
            to: text(response, "To"),
            cseq: request.cseq().unwrap_or_default(),
            channel: channel.to_owned(),
            route,
            answered_from: source,
        }
    }

    /// ACK of a final error: in the transaction of the INVITE (RFC 3261 §17.1.1.3).
    pub(super) async fn acknowledge_error(&self, core: &Arc<Core>, branch: &str) {
        let (via, fresh) = core.via(&self.route, false);
        let via = via.replace(&fresh, branch);
        let request = self.request("ACK", &self.uri(), via, self.cseq);
        core.send(&self.route, request.to_bytes()).await;
    }

    /// ACK of a 200: it goes to where that came from.
    async fn acknowledge(&self, core: &Arc<Core>, cseq: u32) {
        let route = match &self.route {
            Route::Udp(_) => Route::Udp(self.answered_from),
            other => other.clone(),
        };
        core.send(&route, self.ack(core, cseq).to_bytes()).await;
    }

    fn ack(&self, core: &Arc<Core>, cseq: u32) -> Message {
        let uri = format!("sip:{}@{}", self.origin, self.answered_from);
        let (via, _) = core.via(&self.route, false);
        self.request("ACK", &uri, via, cseq)
    }

    /// The channel at the address that registered.
    fn uri(&self) -> String {
        format!("sip:{}@{}", self.channel, self.route.address())
    }

    fn request(&self, method: &str, uri: &str, via: String, cseq: u32) -> Message {
        Message::request(method, uri)
            .with("Via", via)
            .with("From", self.from.as_str())
            .with("To", self.to.as_str())
            .with("Call-ID", self.call_id.as_str())
            .with("CSeq", format!("{cseq} {method}"))
            .with("Max-Forwards", "70")
    }
}

/// An established dialog; the lower platform's BYE is answered with 481 once it is dropped.
pub struct Dialog {
    core: Arc<Core>,
    parties: Parties,
    offer: String,
    ended: watch::Receiver<Option<Instant>>,
    answers_repeated: watch::Sender<u64>,
    over: CancellationToken,
}

/// What a re-INVITE offers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reinvite {
    /// The same as before.
    Same,
    /// Another port.
    Changed,
    /// Another address, the platform's or a stranger's.
    To(IpAddr),
}

/// How BYE is sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Bye {
    /// Once.
    Usual,
    /// A second one of its own behind the answer to the first.
    Twice,
    /// The same again behind its answer, as if that were lost.
    Repeated,
    /// With tags that no dialog has.
    WrongTags,
    /// With a Call-ID that no dialog has.
    WrongCallId,
}

impl fmt::Debug for Dialog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialog")
            .field("parties", &self.parties)
            .finish_non_exhaustive()
    }
}

impl Dialog {
    /// Notes a dialog, so that the lower platform can end it.
    pub(super) fn open(core: &Arc<Core>, parties: Parties, offer: String) -> Self {
        let (ended, watched) = watch::channel(None);
        let tag = |value: &str| parameter(value, "tag").unwrap_or_default().to_owned();
        let end = DialogEnd {
            local_tag: tag(&parties.from),
            remote_tag: tag(&parties.to),
            ended,
        };
        lock(&core.dialogs).insert(parties.call_id.clone(), end);
        Self {
            core: Arc::clone(core),
            parties,
            offer,
            ended: watched,
            answers_repeated: watch::Sender::new(0),
            over: core.tasks.child(),
        }
    }

    /// Its Call-ID.
    pub fn call_id(&self) -> &str {
        &self.parties.call_id
    }

    /// How often the 200 came again.
    pub fn answers_repeated(&self) -> watch::Receiver<u64> {
        self.answers_repeated.subscribe()
    }

    /// Sends the ACK of the INVITE (again).
    pub async fn acknowledge(&self) {
        self.parties
            .acknowledge(&self.core, self.parties.cseq)
            .await;
    }

    /// Sends the ACK of the INVITE from a port that nobody knows.
    pub(super) async fn acknowledge_from_elsewhere(&self) -> anyhow::Result<()> {
        let Route::Udp(_) = self.parties.route else {
            self.acknowledge().await;
            return Ok(());
        };
        let elsewhere = UdpSocket::bind((self.core.address.ip(), 0)).await?;
        let ack = self.parties.ack(&self.core, self.parties.cseq);
        elsewhere
            .send_to(&ack.to_bytes(), self.parties.answered_from)
            .await?;
        Ok(())
    }

    /// Waits for the lower platform's BYE.
    ///
    /// # Errors
    /// When it does not come within `limit`.
    pub async fn ended_by_peer(&self, limit: Duration) -> anyhow::Result<Instant> {
        let mut ended = self.ended.clone();
        let at = timeout(limit, ended.wait_for(Option::is_some)).await;
        let at = at
            .ok()
            .with_context(|| format!("no BYE within {limit:?}"))?;
        let at = *at.context("the platform stopped")?;
        at.context("no BYE")
    }

    /// Counts repeated answers and acknowledges them again.
    pub(super) fn repeat_acks(&self, mut transaction: Transaction, acknowledges: bool) {
        let (core, parties) = (Arc::clone(&self.core), self.parties.clone());
        let (repeated, over) = (self.answers_repeated.clone(), self.over.clone());
        self.core.tasks.spawn(async move {
            loop {
                let answer = tokio::select! {
                    () = over.cancelled() => return,
                    answer = transaction.final_response() => answer,
                };
                let Some((answer, _)) = answer else {
                    return;
                };
                // Answers to an INVITE that came twice are one answer, whatever its branches.
                let tag = |to: &str| parameter(to, "tag").unwrap_or_default().to_owned();
                let of_answer = tag(answer.header("To").unwrap_or_default());
                if answer.code() != 200 || of_answer != tag(&parties.to) {
                    core.violation(format!(
                        "a repeated INVITE got {} with To tag {of_answer:?} behind the 200 with {:?}",
                        answer.code(),
                        tag(&parties.to)
                    ));
                }
                repeated.send_modify(|count| *count += 1);
                if acknowledges && !core.faults().drop_acks {
                    parties.acknowledge(&core, parties.cseq).await;
                }
            }
        });
    }

    /// Ends it by BYE and expects 200.
    ///
    /// # Errors
    /// When the answer is another or does not come.
    pub async fn bye(&self) -> anyhow::Result<()> {
        let codes = self.bye_as(Bye::Usual).await?;
        ensure!(codes == [200], "BYE answered with {codes:?}");
        Ok(())
    }

    /// Sends BYE as no platform should; returns the status of each answer.
    ///
    /// # Errors
    /// When an answer does not come.
    pub async fn bye_as(&self, how: Bye) -> anyhow::Result<Vec<u16>> {
        let (mut request, branch) = self.bye_request();
        if matches!(how, Bye::WrongTags | Bye::WrongCallId) {
            for (name, value) in &mut request.headers {
                match name.as_str() {
                    "From" | "To" if how == Bye::WrongTags => value.push('x'),
                    "Call-ID" if how == Bye::WrongCallId => value.push('x'),
                    _ => {}
                }
            }
        }
        if how == Bye::Repeated {
            let mut transaction = self
                .core
                .begin(&request, &branch, &self.parties.route)
                .await;
            let mut codes = vec![final_code(&mut transaction).await?];
            self.core
                .send(&self.parties.route, request.to_bytes())
                .await;
            codes.push(final_code(&mut transaction).await?);
            return Ok(codes);
        }
        let mut codes = vec![self.ask(&request, &branch, BYE_LIMIT).await?.code()];
        if how == Bye::Twice {
            let (request, branch) = self.bye_request();
            codes.push(self.ask(&request, &branch, BYE_LIMIT).await?.code());
        }
        Ok(codes)
    }

    fn bye_request(&self) -> (Message, String) {
        let (settings, address) = (&self.core.settings, self.core.contact());
        let (via, branch) = self.core.via(&self.parties.route, false);
        let mut request =
            self.parties
                .request("BYE", &self.parties.uri(), via, self.core.next_cseq());
        if settings.habits.foreign_bye_host
            && let Some((_, from)) = request.headers.iter_mut().find(|(name, _)| name == "From")
        {
            let tag = parameter(from, "tag").unwrap_or_default();
            *from = format!("<sip:{}@{address}>;tag={tag}", settings.gb_id);
        }
        (request, branch)
    }

    /// Sends an INVITE in the dialog; returns the status and the SDP of its answer.
    ///
    /// # Errors
    /// When no final answer comes, or its SDP is unusable.
    pub async fn reinvite(&self, change: Reinvite) -> anyhow::Result<(u16, Option<Description>)> {
        let (settings, address) = (&self.core.settings, self.core.contact());
        let (via, branch) = self.core.via(&self.parties.route, false);
        let offer = match change {
            Reinvite::Same => self.offer.clone(),
            Reinvite::Changed => moved(&self.offer),
            Reinvite::To(address) => led_to(&self.offer, address),
        };
        let cseq = self.core.next_cseq();
        let request = self
            .parties
            .request("INVITE", &self.parties.uri(), via, cseq)
            .with("Contact", format!("<sip:{}@{address}>", settings.gb_id))
            .with_body("APPLICATION/SDP", offer.into_bytes());
        let answer = self.ask(&request, &branch, REINVITE_LIMIT).await?;
        if answer.code() >= 300 {
            return Ok((answer.code(), None));
        }
        self.parties.acknowledge(&self.core, cseq).await;
        let text = String::from_utf8_lossy(&answer.body);
        Ok((answer.code(), Some(Description::parse(&text)?)))
    }

    async fn ask(
        &self,
        request: &Message,
        branch: &str,
        limit: Duration,
    ) -> anyhow::Result<Message> {
        let mut transaction = self.core.begin(request, branch, &self.parties.route).await;
        let answer = timeout(limit, transaction.final_response())
            .await
            .ok()
            .flatten();
        let (answer, _) = answer.with_context(|| format!("no answer to {}", request.method()))?;
        Ok(answer)
    }
}

impl Drop for Dialog {
    fn drop(&mut self) {
        self.over.cancel();
        lock(&self.core.dialogs).remove(&self.parties.call_id);
    }
}

async fn final_code(transaction: &mut Transaction) -> anyhow::Result<u16> {
    let answer = timeout(BYE_LIMIT, transaction.final_response()).await;
    let (answer, _) = answer.ok().flatten().context("no answer to BYE")?;
    Ok(answer.code())
}

/// The offer with another port in its `m=` line.
fn moved(offer: &str) -> String {
    let line = offer
        .lines()
        .find(|line| line.starts_with("m="))
        .unwrap_or_default();
    let port: u16 = line
        .split(' ')
        .nth(1)
        .and_then(|port| port.parse().ok())
        .unwrap_or_default();
    offer.replacen(
        &format!(" {port} "),
        &format!(" {} ", port.wrapping_add(2)),
        1,
    )
}

/// The offer with another address in each `c=`.
fn led_to(offer: &str, address: IpAddr) -> String {
    let lines = offer.lines().map(|line| match line.strip_prefix("c=") {
        Some(_) => format!("c=IN IP4 {address}\r\n"),
        None => format!("{line}\r\n"),
    });
    lines.collect()
}

/// RFC 3261 would wait 32 s; who does not answer in five is broken.
const BYE_LIMIT: Duration = Duration::from_secs(5);
const REINVITE_LIMIT: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_offer_differs_in_its_port_alone() {
        assert_eq!(
            moved("t=0 0\r\nm=video 40002 RTP/AVP 96\r\n"),
            "t=0 0\r\nm=video 40004 RTP/AVP 96\r\n"
        );
    }
}
