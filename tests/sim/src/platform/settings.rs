//! How the platform behaves: what is fixed at its start, and the faults that can be switched while it runs.

use std::net::SocketAddr;
use std::time::Duration;

use super::challenge::Challenging;
use super::connection::Connections;
use super::manscdp::Charset;
use super::script::Step;
use super::sip::digest::Algorithm;

/// What a platform is started with. The default is the one widely used platform that the facts describe.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where SIP is heard, over UDP and TCP; port 0 takes any.
    pub sip: SocketAddr,
    /// Its own code.
    pub gb_id: String,
    /// Its realm and domain.
    pub domain: String,
    /// The code of the lower platform.
    pub lower_id: String,
    /// The password of the lower platform.
    pub password: String,
    /// The hash of its challenges.
    pub algorithm: Algorithm,
    /// Offers `qop="auth"`.
    pub qop: bool,
    /// The longest registration it grants.
    pub expires_max: Duration,
    /// The charset of the bodies it sends.
    pub charset: Charset,
    /// Asks DeviceInfo, ConfigDownload and Catalog at once after the first registration.
    pub asks_at_once: bool,
    /// The ways of one widely used platform.
    pub habits: Habits,
    /// What goes wrong from the start.
    pub faults: Faults,
    /// What the first requests of each step are answered with, and how many.
    pub script: Vec<(Step, Answer, u32)>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            sip: SocketAddr::from(([127, 0, 0, 1], 0)),
            gb_id: "43021100002000000001".into(),
            domain: "4302110000".into(),
            lower_id: "43021100002000000002".into(),
            password: "12345678".into(),
            algorithm: Algorithm::Md5,
            qop: true,
            expires_max: Duration::from_secs(3600),
            charset: Charset::Gb2312,
            asks_at_once: true,
            habits: Habits::default(),
            faults: Faults::default(),
            script: Vec::new(),
        }
    }
}

/// What the field does and the RFCs do not; every one is on by default.
#[derive(Clone, Copy, Debug)]
pub struct Habits {
    /// The Via branch of ConfigDownload lacks the cookie `z9hG4bK`.
    pub odd_branches: bool,
    /// Element texts stand between blanks, and bodies are indented.
    pub blanks: bool,
    /// The From of BYE has another host part than that of INVITE.
    pub foreign_bye_host: bool,
    /// A final error of an INVITE is never acknowledged.
    pub no_ack_of_errors: bool,
    /// A REGISTER under the Call-ID of the registration needs no challenge.
    pub trusts_call_id: bool,
    /// `o=` of an offer is the lower platform's code.
    pub origin_is_lower: bool,
    /// Offers payload types 96 97 98 99, not 96 alone.
    pub four_payload_types: bool,
    /// The body of an INVITE is `APPLICATION/SDP`.
    pub loud_content_type: bool,
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            odd_branches: true,
            blanks: true,
            foreign_bye_host: true,
            no_ack_of_errors: true,
            trusts_call_id: true,
            origin_is_lower: true,
            four_payload_types: true,
            loud_content_type: true,
        }
    }
}

/// How a request of the lower platform is answered.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Answer {
    /// As it should be.
    #[default]
    Usual,
    /// With this status.
    Status(u16),
    /// Not at all.
    Silence,
    /// As it should be, but the answer gets lost; the request repeated gets it.
    Lost,
    /// With 302 and this host in Contact.
    Redirect(SocketAddr),
}

/// The Expires of a 200 to REGISTER.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Grant {
    /// What was asked for, up to the longest of the settings.
    #[default]
    Usual,
    /// So many seconds, and the registration ends then; with 0 there is none.
    Seconds(u32),
    /// This text; the registration lives as usual.
    Text(&'static str),
    /// None; the registration lives as usual.
    Missing,
}

/// What goes wrong at the platform; all of it can change while it runs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// Hears nothing and answers nothing, as if its host were gone.
    pub silent: bool,
    /// The answer to REGISTER.
    pub register: Answer,
    /// How a REGISTER is challenged.
    pub challenge: Challenging,
    /// The Expires of a 200 to REGISTER.
    pub grant: Grant,
    /// A 200 to REGISTER has no Date.
    pub no_date: bool,
    /// The answer to keepalives.
    pub keepalive: Answer,
    /// The answer to pages of the catalogue.
    pub catalogue: Answer,
    /// The answer to every other MESSAGE.
    pub message: Answer,
    /// The answer to NOTIFY.
    pub notify: Answer,
    /// The answer to BYE.
    pub bye: Answer,
    /// What becomes of TCP connections.
    pub connections: Connections,
    /// No ACK is sent.
    pub drop_acks: bool,
}
