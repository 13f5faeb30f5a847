//! An INVITE on its way, as the field sends it: offer, answer, ACK, CANCEL (GB/T 28181-2016 §9.2).

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::core::{Core, Route, Transaction};
use super::dialog::{Dialog, Parties};
use super::invite::{Ack, Body, CancelAt, InviteError, Options, Refusal, Repeats};
use super::media::checker::Checker;
use super::media::receiver::{Receiver, Source, UdpPair};
use super::sdp::{Description, Media, Offer, Y};
use super::session::{Session, Times};
use super::sip::Message;
use super::sip::message::parameter;
use super::tasks::random;

/// What waits for the media before the answer is known.
enum Waiting {
    Udp(UdpPair),
    Passive(TcpListener),
    Active(TcpSocket),
}

impl Waiting {
    fn open(media: Media, ip: IpAddr, receive_buffer: Option<usize>) -> anyhow::Result<Self> {
        if media == Media::Udp {
            return UdpPair::bind(ip).map(Self::Udp);
        }
        let socket = if ip.is_ipv4() {
            TcpSocket::new_v4()
        } else {
            TcpSocket::new_v6()
        }?;
        if let Some(bytes) = receive_buffer {
            socket.set_recv_buffer_size(u32::try_from(bytes)?)?;
        }
        socket.bind(SocketAddr::new(ip, 0))?;
        Ok(if media == Media::TcpPassive {
            Self::Passive(socket.listen(8)?)
        } else {
            Self::Active(socket)
        })
    }

    fn port(&self) -> anyhow::Result<u16> {
        match self {
            Self::Udp(pair) => pair.port(),
            Self::Passive(listener) => Ok(listener.local_addr()?.port()),
            Self::Active(socket) => Ok(socket.local_addr()?.port()),
        }
    }
}

/// One INVITE on its way.
pub(super) struct Invitation<'a> {
    core: &'a Arc<Core>,
    channel: &'a str,
    media: Media,
    options: Options,
    route: Route,
}

impl<'a> Invitation<'a> {
    pub(super) fn new(
        core: &'a Arc<Core>,
        channel: &'a str,
        media: Media,
        options: Options,
    ) -> anyhow::Result<Self> {
        let route = core.lower_route()?;
        Ok(Self {
            core,
            channel,
            media,
            options,
            route,
        })
    }

    /// Sends it and sets up what it brings.
    pub(super) async fn send(self) -> Result<Session, InviteError> {
        let waiting = Waiting::open(
            self.media,
            self.core.address.ip(),
            self.options.receive_buffer,
        )?;
        let y = match &self.options.y {
            Y::Usual => Some(self.core.next_y()),
            Y::Absent => None,
            Y::Text(text) => Some(text.clone()),
        };
        let offer = self.offer(waiting.port()?, y.as_deref());
        let (request, branch) = self.request(offer.as_deref(), y.as_deref());
        let invited_at = Instant::now();
        let mut transaction = self.core.begin(&request, &branch, &self.route).await;
        if self.options.is_doubled {
            self.core.send(&self.route, request.to_bytes()).await;
        }
        self.repeat(&mut transaction, &request);
        let (response, source) = self.final_response(&mut transaction, &request).await?;
        let times = Times {
            invited_at,
            answered_at: Instant::now(),
            acknowledged_at: None,
        };
        let mut parties = Parties::new(
            &request,
            &response,
            self.route.clone(),
            source,
            self.channel,
        );
        if response.code() >= 300 {
            if !self.core.settings.habits.no_ack_of_errors {
                parties.acknowledge_error(self.core, &branch).await;
            }
            return Err(InviteError::Refused(Refusal::read(&response)));
        }
        let text = String::from_utf8_lossy(&response.body).into_owned();
        let answer = Description::parse(&text).with_context(|| format!("unusable SDP {text:?}"))?;
        parties.origin.clone_from(&answer.origin);
        let mut checker = Checker::new(self.options.keep.clone(), answer.ssrc())?;
        for what in self.wrong_with(&response, &answer, y.as_deref()) {
            checker.violation(what);
        }
        let dialog = Dialog::open(self.core, parties, offer.unwrap_or_default());
        self.establish(
            dialog,
            (transaction, request),
            answer,
            times,
            (waiting, checker),
        )
        .await
    }

    /// Acknowledges the answer and takes the media in.
    async fn establish(
        &self,
        dialog: Dialog,
        (transaction, request): (Transaction, Message),
        answer: Description,
        mut times: Times,
        (waiting, mut checker): (Waiting, Checker),
    ) -> Result<Session, InviteError> {
        if let Ack::After(delay) = self.options.ack {
            sleep(delay).await;
        }
        let mut cancelled = self.cancel_late(CancelAt::Answer, &request).await;
        if let Waiting::Udp(pair) = &waiting
            && pair.has_waiting()
        {
            checker.violation("media before the ACK");
        }
        let acknowledges = self.options.ack != Ack::Never;
        if acknowledges && !self.core.faults().drop_acks {
            times.acknowledged_at = Some(Instant::now());
            if self.options.ack == Ack::FromElsewhere {
                dialog.acknowledge_from_elsewhere().await?;
            } else {
                dialog.acknowledge().await;
            }
        }
        cancelled = cancelled.or(self.cancel_late(CancelAt::Established, &request).await);
        dialog.repeat_acks(transaction, acknowledges);
        match self.source(waiting, &answer, &mut checker).await {
            Ok(source) => {
                let receiver = Receiver::start(&self.core.tasks, source, checker);
                Ok(Session::new(answer, (times, cancelled), dialog, receiver))
            }
            Err(error) => {
                // A session without media is of no use to anybody.
                drop(dialog.bye().await);
                Err(error.into())
            }
        }
    }

    fn offer(&self, port: u16, y: Option<&str>) -> Option<String> {
        let settings = &self.core.settings;
        let name = match self.options.body {
            Body::Play => "Play",
            Body::Talk => "Talk",
            Body::Absent => return None,
        };
        let origin = if settings.habits.origin_is_lower {
            &settings.lower_id
        } else {
            &settings.gb_id
        };
        let offer = Offer {
            origin,
            name,
            media: self.media,
            address: self
                .options
                .media_address
                .unwrap_or_else(|| self.core.address.ip()),
            port,
            y,
            habits: settings.habits,
            extra_types: &self.options.extra_types,
        };
        Some(offer.to_text())
    }

    fn request(&self, offer: Option<&str>, y: Option<&str>) -> (Message, String) {
        let (settings, address) = (&self.core.settings, self.core.contact());
        let (via, branch) = self.core.via(&self.route, false);
        let uri = format!("sip:{}@{}", self.channel, self.route.address());
        let request = Message::request("INVITE", &uri)
            .with("Via", via)
            .with(
                "From",
                format!(
                    "<sip:{}@{}>;tag={:08x}",
                    settings.gb_id,
                    settings.domain,
                    random() >> 32
                ),
            )
            .with("To", format!("<{uri}>"))
            .with("Call-ID", format!("{:016x}@{}", random(), address.ip()))
            .with("CSeq", format!("{} INVITE", self.core.next_cseq()))
            .with("Contact", format!("<sip:{}@{address}>", settings.gb_id))
            .with("Max-Forwards", "70")
            .with(
                "Subject",
                format!("{}:{},{}:0", self.channel, y.unwrap_or("0"), settings.gb_id),
            );
        let request = match offer {
            Some(offer) if settings.habits.loud_content_type => {
                request.with_body("APPLICATION/SDP", offer.into())
            }
            Some(offer) => request.with_body("application/sdp", offer.into()),
            None => request,
        };
        (request, branch)
    }

    async fn final_response(
        &self,
        transaction: &mut Transaction,
        request: &Message,
    ) -> Result<(Message, SocketAddr), InviteError> {
        let gone = || anyhow!("no final answer to INVITE within {:?}", self.options.limit);
        let deadline = Instant::now() + self.options.limit;
        if let Some(patience) = self.options.cancel_after {
            if let Ok(answer) = timeout(patience, transaction.final_response()).await {
                return Ok(answer
                    .map(|(response, route)| (response, route.address()))
                    .ok_or_else(gone)?);
            }
            self.cancel_now(request).await?;
        }
        match self.options.cancel {
            Some(CancelAt::Once) => self.cancel_now(request).await?,
            Some(CancelAt::Trying) => {
                let first = timeout_at(deadline, transaction.response()).await;
                let (response, route) = first.ok().flatten().ok_or_else(gone)?;
                if response.code() >= 200 {
                    return Ok((response, route.address()));
                }
                self.cancel_now(request).await?;
            }
            Some(CancelAt::Answer | CancelAt::Established) | None => {}
        }
        let answer = timeout_at(deadline, transaction.final_response()).await;
        let (response, route) = answer.ok().flatten().ok_or_else(gone)?;
        Ok((response, route.address()))
    }

    /// Sends copies of the request, each at its time; their answers are the transaction's.
    fn repeat(&self, transaction: &mut Transaction, request: &Message) {
        let Repeats {
            times,
            every,
            other_branch,
        } = self.options.repeats;
        let mut copies = Vec::new();
        for _ in 0..times {
            let mut copy = request.clone();
            if other_branch
                && let Some(via) = copy.headers.iter_mut().find(|(name, _)| name == "Via")
            {
                let (fresh, branch) = self.core.via(&self.route, false);
                via.1 = fresh;
                transaction.listen_to(&branch, "INVITE");
            }
            copies.push(copy.to_bytes());
        }
        let (core, route) = (Arc::clone(self.core), self.route.clone());
        self.core.tasks.spawn(async move {
            for copy in copies {
                sleep(every).await;
                core.send(&route, copy).await;
            }
        });
    }

    /// Cancels what waits for its answer.
    async fn cancel_now(&self, request: &Message) -> anyhow::Result<()> {
        let code = self.cancel(request).await?;
        anyhow::ensure!(code == 200, "CANCEL answered with {code}");
        Ok(())
    }

    /// Cancels what was answered already, when the options want it then; returns what came.
    async fn cancel_late(&self, at: CancelAt, request: &Message) -> Option<u16> {
        if self.options.cancel != Some(at) {
            return None;
        }
        self.cancel(request).await.ok()
    }

    /// Sends CANCEL in the transaction of the request and waits for its answer.
    async fn cancel(&self, request: &Message) -> anyhow::Result<u16> {
        let uri = format!("sip:{}@{}", self.channel, self.route.address());
        let copied = request
            .headers
            .iter()
            .filter(|(name, _)| matches!(name.as_str(), "Via" | "From" | "To" | "Call-ID"));
        let cancel = copied.fold(Message::request("CANCEL", &uri), |cancel, (name, value)| {
            cancel.with(name, value.as_str())
        });
        let cancel = cancel
            .with(
                "CSeq",
                format!("{} CANCEL", request.cseq().unwrap_or_default()),
            )
            .with("Max-Forwards", "70");
        let branch = request.branch().unwrap_or_default();
        let mut transaction = self.core.begin(&cancel, branch, &self.route).await;
        let answer = timeout(self.options.limit, transaction.final_response()).await;
        let (answer, _) = answer.ok().flatten().context("no answer to CANCEL")?;
        Ok(answer.code())
    }

    fn wrong_with(&self, response: &Message, answer: &Description, y: Option<&str>) -> Vec<String> {
        let mut wrong = answer.wrong_with(self.media, y);
        if response
            .header("To")
            .is_none_or(|to| parameter(to, "tag").is_none())
        {
            wrong.push("200 without To tag".into());
        }
        if response.header("Contact").is_none() {
            wrong.push("200 without Contact".into());
        }
        let kind = response.header("Content-Type").unwrap_or_default();
        if !kind.eq_ignore_ascii_case("application/sdp") {
            wrong.push(format!("200 with Content-Type {kind:?}"));
        }
        wrong
    }

    /// Waits for the connection, or makes it.
    async fn source(
        &self,
        waiting: Waiting,
        answer: &Description,
        checker: &mut Checker,
    ) -> anyhow::Result<Source> {
        let peer = answer.address;
        let connected = async {
            match waiting {
                Waiting::Udp(mut pair) => {
                    (pair.peer, pair.reports) = (Some(peer), self.options.receiver_reports);
                    Ok(Source::Udp(pair))
                }
                Waiting::Passive(listener) => {
                    let (stream, source) = listener.accept().await?;
                    if source.ip() != peer.ip() {
                        checker
                            .violation(format!("connection from {source}, the answer says {peer}"));
                    }
                    prepare(stream)
                }
                Waiting::Active(socket) => prepare(
                    socket
                        .connect(peer)
                        .await
                        .with_context(|| format!("connect to {peer}"))?,
                ),
            }
        };
        timeout(self.options.limit, connected)
            .await
            .with_context(|| format!("no {} connection", self.media.name()))?
    }
}

fn prepare(stream: TcpStream) -> anyhow::Result<Source> {
    stream.set_nodelay(true)?;
    Ok(Source::Tcp(stream))
}
