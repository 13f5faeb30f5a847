//! All questions to one device, one after the other: its services, its name, who made it, its profiles, and where their
//! streams and snapshots are.

use std::net::SocketAddr;

use tokio::time::timeout;

use super::http::{Limits, NoAnswer, post};
use super::named::{Namer, Place, Scheme};
use super::proposal::{Channel, Device, Proposal, State, channels};
use super::soap::{Ask, Information, Media, Refusal, Services, name_and_hardware, profiles, uri};
use super::xml::Element;

/// Asks the device that `namer` is, at these ports, until one of them speaks ONVIF.
pub(super) async fn visit(namer: Namer<'_>, ports: &[u16], limits: &Limits) -> Device {
    let mut visit = Visit {
        namer,
        limits,
        device: Device::new(namer.address, State::Unreachable),
        wants_login: false,
    };
    if timeout(limits.device, visit.find(ports)).await.is_err() {
        let seconds = limits.device.as_secs();
        let warning = format!("not all was answered in {seconds} s: the rest is not known");
        visit.device.warn(warning);
        if visit.device.state != State::Found {
            visit.device.state = State::Timeout;
        }
    }
    visit.judge()
}

/// A device while it is asked.
struct Visit<'a> {
    namer: Namer<'a>,
    limits: &'a Limits,
    /// Its state is that of the ports so far, and `Found` once one of them speaks ONVIF.
    device: Device,
    wants_login: bool,
}

impl Visit<'_> {
    async fn find(&mut self, ports: &[u16]) {
        for port in ports {
            let socket = SocketAddr::new(self.namer.address, *port);
            let entry = Place::new(socket, ENTRY);
            match self.greet(&entry).await {
                Ok(services) => {
                    self.device.state = State::Found;
                    self.device.onvif_url = Some(entry.shown());
                    self.device.warnings.clear();
                    self.look(&entry, services).await;
                    return;
                }
                Err(failure) => {
                    self.device
                        .warn(format!("port {port}: {}", reason(&failure)));
                    let state = state_of(&failure);
                    if rank(state) > rank(self.device.state) {
                        self.device.state = state;
                    }
                }
            }
        }
    }

    /// Which services there are; nothing where it wants a login to say so.
    async fn greet(&mut self, entry: &Place) -> Result<Services, NoAnswer> {
        let first = post(entry, Ask::Services, self.limits).await;
        let first = match first {
            Ok(answer) => return Ok(Services::of_services(&answer)),
            // An older device does not know the question.
            Err(failure @ (NoAnswer::Refused(_) | NoAnswer::HttpLogin)) => failure,
            Err(failure) => return Err(failure),
        };
        let failure = match post(entry, Ask::Capabilities, self.limits).await {
            Ok(answer) => return Ok(Services::of_capabilities(&answer)),
            Err(failure) => failure,
        };
        let failures = [first, failure];
        if failures.contains(&NoAnswer::Refused(Refusal::Login)) {
            self.wants_login = true;
            return Ok(Services::default());
        }
        let [first, failure] = failures;
        match (first, failure) {
            // Any web server may say that: another port may know more.
            (NoAnswer::HttpLogin, _) | (_, NoAnswer::HttpLogin) => Err(NoAnswer::HttpLogin),
            (_, NoAnswer::Refused(_)) => Ok(Services::default()),
            (_, failure) => Err(failure),
        }
    }

    async fn look(&mut self, entry: &Place, services: Services) {
        if let Some(answer) = self.ask(entry, Ask::Scopes).await {
            (self.device.name, self.device.information.model) = name_and_hardware(&answer);
        }
        if let Some(answer) = self.ask(entry, Ask::Information).await {
            let told = Information::of(&answer);
            let hardware = self.device.information.model.take();
            self.device.information = told;
            self.device.information.model = self.device.information.model.take().or(hardware);
        }
        let (place, channels) = self.channels(&services).await;
        let Some(place) = place else {
            return;
        };
        let is_recorder = channels.len() > 1;
        for (number, channel) in (1..).zip(channels) {
            let number = is_recorder.then_some(number);
            let proposal = Proposal {
                name: self.device.name_of(number),
                channel: number,
                picture: Some(channel.main.picture.clone()),
                sub_picture: channel.sub.as_ref().map(|sub| sub.picture.clone()),
                ptz: services.ptz && channel.has_ptz,
                replay: services.replay,
                ..Proposal::default()
            };
            // What is known already stays known when the time is up.
            self.device.proposals.push(proposal);
            self.fill(&place, &channel).await;
        }
    }

    /// Its video sources, and where the service is that knows them: that of the second edition, where it tells some.
    async fn channels(&mut self, services: &Services) -> (Option<Place>, Vec<Channel>) {
        let editions = [
            (Media::Two, &services.media2),
            (Media::One, &services.media),
        ];
        for (media, named) in editions {
            let Some(place) = self.own("media service", named.as_deref(), Scheme::Http) else {
                continue;
            };
            let Some(answer) = self.ask(&place, Ask::Profiles(media)).await else {
                continue;
            };
            let found = channels(media, profiles(&answer));
            if !found.is_empty() {
                return (Some(place), found);
            }
        }
        if !self.wants_login {
            self.device
                .warn("it tells no media profile with a picture: nothing to propose");
        }
        (None, Vec::new())
    }

    /// Where the streams and the snapshot of the newest proposal are.
    async fn fill(&mut self, place: &Place, channel: &Channel) {
        let (media, main) = (channel.media, &channel.main.token);
        let url = self
            .uri(place, Ask::StreamUri(media, main), Scheme::Rtsp)
            .await;
        self.propose(|proposal| proposal.url = url);
        if let Some(sub) = &channel.sub {
            let ask = Ask::StreamUri(media, &sub.token);
            let sub_url = self.uri(place, ask, Scheme::Rtsp).await;
            self.propose(|proposal| proposal.sub_url = sub_url);
        }
        let ask = Ask::SnapshotUri(media, main);
        let snapshot_url = self.uri(place, ask, Scheme::Http).await;
        self.propose(|proposal| proposal.snapshot_url = snapshot_url);
    }

    fn propose(&mut self, fill: impl FnOnce(&mut Proposal)) {
        if let Some(proposal) = self.device.proposals.last_mut() {
            fill(proposal);
        }
    }

    async fn uri(&mut self, place: &Place, ask: Ask<'_>, scheme: Scheme) -> Option<String> {
        let answer = self.ask(place, ask).await?;
        let named = self.own(ask.what(), uri(&answer), scheme)?;
        Some(named.shown())
    }

    /// An address that it names, where it is its own.
    fn own(&mut self, what: &str, named: Option<&str>, scheme: Scheme) -> Option<Place> {
        let warnings = &mut self.device.warnings;
        let place = self.namer.take(what, named?, scheme, warnings);
        self.device.limit_warnings();
        place
    }

    async fn ask(&mut self, place: &Place, ask: Ask<'_>) -> Option<Element> {
        let failure = match post(place, ask, self.limits).await {
            Ok(answer) => return Some(answer),
            Err(failure) => failure,
        };
        if matches!(
            failure,
            NoAnswer::HttpLogin | NoAnswer::Refused(Refusal::Login)
        ) {
            self.wants_login = true;
        }
        let reason = reason(&failure);
        self.device.warn(format!("{}: {reason}", ask.what()));
        None
    }

    /// A device that wants a login for its streams is as good as one that wants it for all.
    fn judge(mut self) -> Device {
        let has_stream = self.device.proposals.iter().any(|one| one.url.is_some());
        if self.device.state == State::Found && self.wants_login && !has_stream {
            self.device.state = State::NeedsLogin;
        }
        self.device
    }
}

fn state_of(failure: &NoAnswer) -> State {
    match failure {
        NoAnswer::Timeout => State::Timeout,
        NoAnswer::Unreachable => State::Unreachable,
        NoAnswer::Bad(_) => State::BadAnswer,
        NoAnswer::HttpLogin => State::NeedsLogin,
        NoAnswer::Redirect(_) | NoAnswer::Refused(_) | NoAnswer::NoHttp(_) => State::NoOnvif,
    }
}

fn reason(failure: &NoAnswer) -> String {
    match failure {
        NoAnswer::Timeout => "no answer in time".to_owned(),
        NoAnswer::Unreachable => "nothing listens there, or no way leads there".to_owned(),
        NoAnswer::HttpLogin | NoAnswer::Refused(Refusal::Login) => "it wants a login".to_owned(),
        NoAnswer::Redirect(to) => match to {
            Some(to) => format!("it redirects to {to}: not followed"),
            None => "it redirects: not followed".to_owned(),
        },
        NoAnswer::Refused(Refusal::Fault(words)) => format!("it refuses: {words}"),
        NoAnswer::Refused(Refusal::NoSoap) => "it answers something else".to_owned(),
        NoAnswer::NoHttp(what) => format!("no ONVIF: {what}"),
        NoAnswer::Bad(what) => format!("its answer is not read: {what}"),
    }
}

/// Which of several ports says more about a device.
fn rank(state: State) -> usize {
    match state {
        State::NeedsLogin => 4,
        State::BadAnswer => 3,
        State::NoOnvif => 2,
        State::Timeout => 1,
        _ => 0,
    }
}

/// ONVIF Core §5.1.1.
const ENTRY: &str = "/onvif/device_service";
#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;
    use crate::catalog::Department;
    use crate::task::Tasks;

    #[tokio::test]
    async fn what_a_device_told_before_its_time_was_up_is_kept() {
        let services = "<GetServicesResponse/>";
        let scopes = "<GetScopesResponse><Scopes><ScopeItem>onvif://www.onvif.org/name/Gate</ScopeItem></Scopes></GetScopesResponse>";
        let device = visit_one_that_says(&[services, scopes]).await;
        assert_eq!(
            (device.state, device.name.as_deref()),
            (State::Found, Some("Gate"))
        );
        assert!(
            device.warnings[0].contains("not all was answered"),
            "{device:?}"
        );
        let silent = visit_one_that_says(&[]).await;
        assert_eq!(silent.state, State::Timeout, "{silent:?}");
        let slow = visit_one_that_says(&["<GetServicesResponse/>"]).await;
        assert_eq!(slow.state, State::Found, "{slow:?}");
    }

    /// Visits a device that answers so many questions, and keeps silent from then on.
    async fn visit_one_that_says(bodies: &[&str]) -> Device {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let socket = listener.local_addr().unwrap();
        let answers: Vec<_> = bodies.iter().map(|body| answer(body)).collect();
        let tasks = Tasks::default();
        tasks.spawn("device", async move {
            let mut answers = answers.into_iter();
            let mut open = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                if let Some(answer) = answers.next() {
                    let mut asked = [0; 4096];
                    let _read = stream.read(&mut asked).await;
                    let _written = stream.write_all(answer.as_bytes()).await;
                }
                open.push(stream);
            }
        });
        let department = Department {
            networks: vec!["127.0.0.0/8".parse().unwrap()],
            ports: vec![socket.port()],
            ..Department::sample()
        };
        let namer = Namer {
            address: socket.ip(),
            department: &department,
            forbidden: &[],
        };
        let limits = Limits {
            device: Duration::from_millis(500),
            ..Limits::default()
        };
        visit(namer, &[socket.port()], &limits).await
    }

    fn answer(body: &str) -> String {
        let message = format!("<Envelope><Body>{body}</Body></Envelope>");
        let length = message.len();
        format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{message}")
    }
}
