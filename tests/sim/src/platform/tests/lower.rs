//! A lower platform made of one UDP socket, for tests of the platform.

use std::net::SocketAddr;

use tokio::net::UdpSocket;
use tokio::time::timeout;

use super::LIMIT;
use crate::platform::sip::Message;
use crate::platform::sip::digest::{self, Algorithm, Challenge};
use crate::platform::{Platform, Settings};

/// A lower platform that does what each test tells it.
pub(in crate::platform) struct Lower {
    pub(in crate::platform) socket: UdpSocket,
    pub(in crate::platform) platform: SocketAddr,
    pub(in crate::platform) settings: Settings,
    cseq: u32,
}

impl Lower {
    pub(in crate::platform) async fn new(platform: &Platform, settings: &Settings) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        Self {
            socket,
            platform: platform.address(),
            settings: settings.clone(),
            cseq: 1,
        }
    }

    pub(in crate::platform) async fn receive(&self) -> Message {
        timeout(LIMIT, self.receive_at_leisure()).await.unwrap()
    }

    pub(in crate::platform) async fn receive_at_leisure(&self) -> Message {
        let mut buffer = vec![0; 65_536];
        let (length, _) = self.socket.recv_from(&mut buffer).await.unwrap();
        Message::parse(&buffer[..length]).unwrap()
    }

    pub(in crate::platform) async fn answer(&self, request: &Message, code: u16) {
        self.send(&Message::answer(request, code, "lower", self.platform))
            .await;
    }

    pub(in crate::platform) async fn send(&self, message: &Message) {
        self.socket
            .send_to(&message.to_bytes(), self.platform)
            .await
            .unwrap();
    }

    pub(in crate::platform) fn request(&mut self, method: &str) -> Message {
        self.cseq += 1;
        let (ours, theirs) = (&self.settings.lower_id, &self.settings.gb_id);
        let at = self.socket.local_addr().unwrap();
        let to = if method == "REGISTER" { ours } else { theirs };
        Message::request(method, &format!("sip:{theirs}@4302110000"))
            .with(
                "Via",
                format!("SIP/2.0/UDP {at};rport;branch=z9hG4bK{method}{}", self.cseq),
            )
            .with("From", format!("<sip:{ours}@4302110000>;tag=7"))
            .with("To", format!("<sip:{to}@4302110000>"))
            .with("Call-ID", format!("{method}@{at}"))
            .with("CSeq", format!("{} {method}", self.cseq))
            .with("Contact", format!("<sip:{ours}@{at}>"))
            .with("Max-Forwards", "70")
    }

    pub(in crate::platform) async fn ask(&self, request: &Message) -> Message {
        self.send(request).await;
        self.receive().await
    }

    /// Registers and returns the status of the second answer.
    pub(in crate::platform) async fn register(
        &mut self,
        password: &str,
        algorithm: Algorithm,
    ) -> Message {
        let request = self.request("REGISTER").with("Expires", "3600");
        let answer = self.ask(&request).await;
        assert_eq!(answer.code(), 401);
        let authorization = self.authorization(&answer, password, algorithm);
        let request = self
            .request("REGISTER")
            .with("Expires", "3600")
            .with("Authorization", authorization);
        self.ask(&request).await
    }

    /// What answers the challenge of a 401, with that nonce count where it wants one.
    pub(in crate::platform) fn authorization_nc(
        &self,
        answer: &Message,
        (password, nc): (&str, &str),
        algorithm: Algorithm,
    ) -> String {
        let offered = digest::parse(answer.header("WWW-Authenticate").unwrap()).unwrap();
        let has_qop = offered.contains_key("qop");
        let challenge = Challenge {
            realm: offered.get("realm").cloned().unwrap_or_default(),
            nonce: offered["nonce"].clone(),
            algorithm,
            qop: has_qop,
        };
        let (user, uri) = (self.settings.lower_id.clone(), "sip:4302110000");
        let response = digest::response(
            &challenge,
            (&user, password),
            ("REGISTER", uri),
            has_qop.then_some((nc, "abcdef")),
        );
        let Challenge { realm, nonce, .. } = &challenge;
        let algorithm = &offered["algorithm"];
        let qop = format!(", qop=auth, nc={nc}, cnonce=\"abcdef\"");
        format!(
            "Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", \
             response=\"{response}\", algorithm={algorithm}{}",
            if has_qop { qop.as_str() } else { "" }
        )
    }

    /// What answers the challenge of a 401.
    pub(in crate::platform) fn authorization(
        &self,
        answer: &Message,
        password: &str,
        algorithm: Algorithm,
    ) -> String {
        self.authorization_nc(answer, (password, "00000001"), algorithm)
    }

    pub(in crate::platform) async fn say(&mut self, body: &str) -> u16 {
        let request = self
            .request("MESSAGE")
            .with_body("Application/MANSCDP+xml", body.as_bytes().to_vec());
        self.ask(&request).await.code()
    }

    /// The 200 to a SUBSCRIBE, with these seconds granted.
    pub(in crate::platform) async fn grant(&self, subscribe: &Message, expires: u32) {
        let answer = Message::answer(subscribe, 200, "lower", self.platform)
            .with("Contact", "<sip:x@127.0.0.1>")
            .with("Expires", expires.to_string());
        self.send(&answer).await;
    }

    /// A NOTIFY in the dialog of a SUBSCRIBE.
    pub(in crate::platform) fn notify(&mut self, subscribe: &Message, body: &str) -> Message {
        let of = |name: &str| subscribe.header(name).unwrap().to_owned();
        let remote = match of("To") {
            to if to.contains("tag=") => to,
            to => format!("{to};tag=lower"),
        };
        let request = self
            .request("NOTIFY")
            .with("Event", of("Event"))
            .with("Subscription-State", "active;expires=60");
        let request = set(request, "From", &remote);
        let request = set(request, "To", &of("From"));
        set(request, "Call-ID", &of("Call-ID"))
            .with_body("Application/MANSCDP+xml", body.as_bytes().to_vec())
    }

    /// Answers an INVITE with an SDP, and says what ACK came.
    pub(in crate::platform) async fn accept(&self, invite: &Message, sdp: &str) -> Message {
        let answer = Message::answer(invite, 200, "lower", self.platform)
            .with("Contact", "<sip:x@127.0.0.1>")
            .with_body("application/sdp", sdp.as_bytes().to_vec());
        self.send(&answer).await;
        self.receive().await
    }
}

/// The message with another value of a header field that it has.
pub(in crate::platform) fn set(mut message: Message, name: &str, value: &str) -> Message {
    let found = message.headers.iter_mut().find(|(known, _)| known == name);
    value.clone_into(&mut found.unwrap().1);
    message
}

pub(in crate::platform) fn sdp(port: u16, profile: &str, more: &str) -> String {
    format!(
        "v=0\r\no=43021100002000000002 0 0 IN IP4 127.0.0.1\r\ns=Play\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
         m=video {port} {profile} 96\r\na=sendonly\r\na=rtpmap:96 PS/90000\r\n{more}"
    )
}
