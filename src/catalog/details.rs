//! What is known of a camera for people: the gateway itself needs none of it.

use std::net::IpAddr;

use super::Link;

/// The rest of a camera's record (一机一档).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Details {
    /// The town or street that it is in: a code or a name.
    pub town: Option<String>,
    /// The community: a code or a name.
    pub community: Option<String>,
    /// The grid of the district's grid management: a code or a name.
    pub grid: Option<String>,
    /// What kind of place it looks at.
    pub place_type: Option<String>,
    /// How wide it looks, in degrees, 1 … 360.
    pub fov: Option<u16>,
    /// How far it looks, in metres, 1 … 10,000.
    pub view_distance: Option<u16>,
    /// Its maker's number.
    pub serial: Option<String>,
    /// Six bytes in hexadecimal with colons between them, in lower case.
    pub mac: Option<String>,
    /// Its own address, where its stream comes from a recorder.
    pub ip: Option<IpAddr>,
    /// Its channel at the recorder, 1 … 9,999.
    pub channel: Option<u16>,
    /// When it was put up: `YYYY-MM-DD` or `YYYY-MM`.
    pub install_time: Option<String>,
    /// How many days its recordings are kept, 1 … 3,650.
    pub record_days: Option<u16>,
    /// Whom to call.
    pub contact: Option<String>,
    /// By what right it hangs there.
    pub legal_basis: Option<String>,
    /// A smaller stream of the same picture: `rtsp`.
    pub sub_url: Option<Link>,
    /// How its stream is said to be sent. It is pulled over TCP all the same.
    pub transport: Option<Transport>,
    /// The ONVIF service of the device: `http` or `https`.
    pub onvif_url: Option<Link>,
    /// Where it gives a picture: `http` or `https`.
    pub snapshot_url: Option<Link>,
    /// Where its recordings are, as a template: `rtsp`, `http` or `https`.
    pub replay_url: Option<Link>,
}

/// How a stream is sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Transport {
    /// Within the connection.
    Tcp,
    /// As datagrams.
    Udp,
}

impl Transport {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Tcp, Self::Udp];

    /// As inventories name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}
