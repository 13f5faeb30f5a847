//! What one platform's settings say. A platform is trusted for that, and no further.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

use crate::catalog::{GbCode, Secret, Share, TreeKind};
use crate::media::VideoCodec;
use crate::proto::gb28181::Charset;
use crate::proto::sip::Transport;

/// One platform.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PlatformSettings {
    /// Its id in the configuration.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its code.
    pub gb_id: GbCode,
    /// Host name or address of its SIP service.
    pub host: String,
    /// The port of its SIP service.
    pub port: u16,
    /// Who may send as this platform; empty: the host of its address.
    pub signalling: Vec<IpNet>,
    /// What carries SIP to it.
    pub transport: Transport,
    /// Our code there.
    pub local_gb_id: GbCode,
    /// What we call ourselves; `None`: the address the kernel sends from.
    pub local_address: Option<IpAddr>,
    /// Who we say we are when challenged.
    pub username: String,
    /// The password, used only for the realm below.
    pub password: Secret,
    /// Its realm and domain.
    pub domain: String,
    /// How bodies are written.
    pub charset: Charset,
    /// How long a registration is to live.
    pub register_expires: Duration,
    /// The heartbeat.
    pub keepalive: Keepalive,
    /// The most items of a page of the catalogue.
    pub items_per_message: usize,
    /// Which tree it sees.
    pub tree: TreeKind,
    /// Whether it is told of changes without a subscription.
    pub push_changes: bool,
    /// The status of cameras that were not tried since the start.
    pub unknown_online: bool,
    /// What it may see.
    pub share: Share,
    /// Media.
    pub media: Media,
    /// The standing authorisation under which it looks.
    pub authority: Authority,
    /// What it may use.
    pub limits: Limits,
}

impl PlatformSettings {
    /// Whether a change to `new` begins the platform anew: who and where it is, and who we are there.
    /// All else is taken over while calls go on.
    pub fn begins_anew(&self, new: &Self) -> bool {
        let who = |settings: &Self| {
            (
                (
                    settings.gb_id,
                    settings.host.clone(),
                    settings.port,
                    settings.transport,
                ),
                (
                    settings.local_gb_id,
                    settings.local_address,
                    settings.domain.clone(),
                ),
            )
        };
        who(self) != who(new)
    }
}

/// The heartbeat.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Keepalive {
    /// Between two.
    pub interval: Duration,
    /// After so many unanswered the platform is lost.
    pub missed_max: u32,
}

/// How media goes to a platform.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Media {
    /// The address that answers name; `None`: the address the kernel sends from.
    pub address: Option<IpAddr>,
    /// Where media may go. There is no "any".
    pub networks: Vec<IpNet>,
    /// Whose SSRC a session has.
    pub ssrc: SsrcChoice,
    /// What it can decode.
    pub codecs: Vec<VideoCodec>,
    /// A session without receiver reports for so long ends.
    pub rtcp_timeout: Option<Duration>,
    /// A session whose camera gives nothing for so long ends.
    pub lost_grace: Duration,
    /// An INVITE whose camera gives no key frame in this time is refused.
    pub first_frame_within: Duration,
    /// The most bytes that leave at once by UDP; `None`: frames leave whole.
    pub burst: Option<usize>,
    /// Media goes on so long after the platform was lost.
    pub media_after_loss: Duration,
}

/// Whose SSRC a session has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SsrcChoice {
    /// The one that the offer names, where it names one.
    Theirs,
    /// Always one of ours (foreign domains).
    Own,
}

/// The standing authorisation of a platform.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Authority {
    /// The document.
    pub document: String,
    /// The unit.
    pub unit: String,
    /// What for.
    pub purpose: String,
}

/// What a platform may use.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Sessions at once.
    pub sessions: usize,
    /// Bits a second over all sessions.
    pub bandwidth: u64,
}
