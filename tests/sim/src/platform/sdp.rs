//! Offers of the platform and answers of the lower one (GB/T 28181-2016 annex F, gb `y=` included).

use std::net::{IpAddr, SocketAddr};

use anyhow::{Context as _, bail};

use super::settings::Habits;

/// How media travels.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Media {
    /// RTP in datagrams.
    Udp,
    /// RTP on a connection (RFC 4571); the offer says `setup:passive`, the lower platform connects.
    TcpPassive,
    /// The offer says `setup:active`, the platform connects to the port of the answer.
    TcpActive,
}

impl Media {
    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::TcpPassive => "TCP passive",
            Self::TcpActive => "TCP active",
        }
    }

    fn setup(self) -> Option<&'static str> {
        match self {
            Self::Udp => None,
            Self::TcpPassive => Some("passive"),
            Self::TcpActive => Some("active"),
        }
    }
}

/// The `y=` line of an offer.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Y {
    /// The platform's next number.
    #[default]
    Usual,
    /// No such line.
    Absent,
    /// This text, `null` or nonsense too.
    Text(String),
}

/// What an offer says.
#[derive(Clone, Debug)]
pub(super) struct Offer<'a> {
    pub(super) origin: &'a str,
    pub(super) name: &'a str,
    pub(super) media: Media,
    pub(super) address: IpAddr,
    pub(super) port: u16,
    pub(super) y: Option<&'a str>,
    pub(super) habits: Habits,
    pub(super) extra_types: &'a [(u8, String)],
}

impl Offer<'_> {
    pub(super) fn to_text(&self) -> String {
        let Self {
            origin,
            name,
            address,
            port,
            ..
        } = self;
        let mut types = if self.habits.four_payload_types {
            vec![
                (96, "PS/90000"),
                (97, "MPEG4/90000"),
                (98, "H264/90000"),
                (99, "H265/90000"),
            ]
        } else {
            vec![(96, "PS/90000")]
        };
        types.extend(
            self.extra_types
                .iter()
                .map(|(number, name)| (*number, name.as_str())),
        );
        let numbers: Vec<String> = types.iter().map(|(number, _)| number.to_string()).collect();
        let profile = if self.media == Media::Udp {
            "RTP/AVP"
        } else {
            "TCP/RTP/AVP"
        };
        let kind = if *name == "Talk" { "audio" } else { "video" };
        let mut text = format!(
            "v=0\r\no={origin} 0 0 IN IP4 {address}\r\ns={name}\r\nc=IN IP4 {address}\r\nt=0 0\r\n\
             m={kind} {port} {profile} {}\r\na=recvonly\r\n",
            numbers.join(" "),
        );
        for (number, name) in types {
            text.push_str(&format!("a=rtpmap:{number} {name}\r\n"));
        }
        if let Some(setup) = self.media.setup() {
            text.push_str(&format!("a=setup:{setup}\r\na=connection:new\r\n"));
        }
        if let Some(y) = self.y {
            text.push_str(&format!("y={y}\r\n"));
        }
        text
    }
}

/// What the lower platform answered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Description {
    /// The user of `o=`.
    pub origin: String,
    /// `s=`.
    pub name: String,
    /// The address of `c=` and the port of `m=`.
    pub address: SocketAddr,
    /// The profile of `m=`.
    pub profile: String,
    /// The payload types of `m=`.
    pub payload_types: Vec<u8>,
    /// The encoding of the first payload type.
    pub encoding: String,
    /// `a=setup:`
    pub setup: Option<String>,
    /// `a=sendonly` and its like.
    pub direction: Option<String>,
    /// `y=` as text.
    pub y: Option<String>,
}

impl Description {
    /// The SSRC that `y=` names.
    pub fn ssrc(&self) -> Option<u32> {
        self.y.as_deref().and_then(|y| y.parse().ok())
    }

    /// Reads an answer.
    ///
    /// # Errors
    /// When a line that every answer needs is missing or malformed.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let lines: Vec<(&str, &str)> = text
            .lines()
            .filter_map(|line| line.trim_end().split_once('='))
            .collect();
        let first = |kind: &str| {
            lines
                .iter()
                .find(|(found, _)| *found == kind)
                .map(|(_, value)| *value)
        };
        let attributes = || {
            lines
                .iter()
                .filter(|(kind, _)| *kind == "a")
                .map(|(_, value)| *value)
        };
        let attribute = |name: &str| {
            attributes()
                .find_map(|value| value.strip_prefix(name)?.strip_prefix(':'))
                .map(|value| value.trim().to_owned())
        };
        if first("v") != Some("0") {
            bail!("v={:?}", first("v"));
        }
        let address = first("c")
            .and_then(|c| c.split(' ').nth(2))
            .context("no c=")?;
        let address: IpAddr = address
            .parse()
            .with_context(|| format!("c= has {address:?}"))?;
        let media: Vec<&str> = first("m").context("no m=")?.split(' ').collect();
        let port: u16 = media
            .get(1)
            .context("no port in m=")?
            .parse()
            .context("port in m=")?;
        let payload_types = media
            .iter()
            .skip(3)
            .map(|number| number.parse())
            .collect::<Result<Vec<u8>, _>>()?;
        let chosen = payload_types
            .first()
            .context("no payload type in m=")?
            .to_string();
        let encoding = attributes()
            .filter_map(|value| value.strip_prefix("rtpmap:")?.split_once(' '))
            .find(|(number, _)| *number == chosen)
            .map(|(_, encoding)| encoding.to_owned())
            .unwrap_or_default();
        let direction = attributes()
            .find(|value| matches!(*value, "sendonly" | "recvonly" | "sendrecv" | "inactive"))
            .map(str::to_owned);
        Ok(Self {
            origin: first("o")
                .and_then(|o| o.split(' ').next())
                .context("no o=")?
                .to_owned(),
            name: first("s").context("no s=")?.to_owned(),
            address: SocketAddr::new(address, port),
            profile: media.get(2).copied().unwrap_or_default().to_owned(),
            payload_types,
            encoding,
            setup: attribute("setup"),
            direction,
            y: first("y").map(|y| y.trim().to_owned()),
        })
    }

    /// What in this answer does not fit the offer of `media` with that `y`.
    pub(super) fn wrong_with(&self, media: Media, y: Option<&str>) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut check = |holds: bool, what: String| {
            if !holds {
                wrong.push(what);
            }
        };
        check(self.address.port() != 0, "answer has port 0".into());
        check(
            self.payload_types == [96],
            format!("answer has payload types {:?}", self.payload_types),
        );
        check(
            self.encoding.eq_ignore_ascii_case("PS/90000"),
            format!("answer maps to {:?}", self.encoding),
        );
        check(
            self.direction.as_deref() == Some("sendonly"),
            format!("answer is {:?}", self.direction),
        );
        check(self.name == "Play", format!("answer has s={}", self.name));
        let (profile, setup) = match media {
            Media::Udp => ("RTP/AVP", None),
            Media::TcpPassive => ("TCP/RTP/AVP", Some("active")),
            Media::TcpActive => ("TCP/RTP/AVP", Some("passive")),
        };
        check(
            self.profile == profile,
            format!("answer has profile {}", self.profile),
        );
        check(
            self.setup.as_deref() == setup,
            format!("answer has setup {:?}", self.setup),
        );
        let is_ssrc = self
            .y
            .as_deref()
            .is_some_and(|y| y.len() == 10 && y.bytes().all(|b| b.is_ascii_digit()));
        check(
            is_ssrc && self.ssrc().is_some(),
            format!("answer has y={:?}", self.y),
        );
        if let Some(y) = y.filter(|y| y.len() == 10 && y.parse::<u32>().is_ok()) {
            check(
                self.y.as_deref() == Some(y),
                format!("answer has y={:?}, the offer {y}", self.y),
            );
        }
        wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offer_of_tcp_passive_reads_as_the_field_writes_it() {
        let offer = Offer {
            origin: "43021100002000000002",
            name: "Play",
            media: Media::TcpPassive,
            address: "127.0.0.9".parse().unwrap(),
            port: 40002,
            y: Some("0211000001"),
            habits: Habits::default(),
            extra_types: &[],
        };
        let text = offer.to_text();
        assert!(text.contains("m=video 40002 TCP/RTP/AVP 96 97 98 99\r\n"));
        assert!(text.ends_with("a=setup:passive\r\na=connection:new\r\ny=0211000001\r\n"));
    }

    #[test]
    fn an_answer_is_read_and_held_against_its_offer() {
        let text = "v=0\r\no=43021100002000000002 0 0 IN IP4 127.0.0.2\r\ns=Play\r\nc=IN IP4 127.0.0.2\r\nt=0 0\r\n\
                    m=video 20000 RTP/AVP 96\r\na=sendonly\r\na=rtpmap:96 PS/90000\r\ny=0211000001\r\n";
        let answer = Description::parse(text).unwrap();
        assert_eq!(answer.address, "127.0.0.2:20000".parse().unwrap());
        assert_eq!(answer.ssrc(), Some(211_000_001));
        assert_eq!(
            answer.wrong_with(Media::Udp, Some("0211000001")),
            Vec::<String>::new()
        );
        assert_eq!(answer.wrong_with(Media::Udp, Some("0211000002")).len(), 1);
        assert_eq!(answer.wrong_with(Media::TcpActive, None).len(), 2);
    }
}
