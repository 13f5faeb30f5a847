//! The SDP of an INVITE and its answer (GB/T 28181-2016 §9.2, annex F).
//!
//! `y=` and `f=` are not of RFC 4566; the reader takes lines as they come and looks only for its own.

use std::net::IpAddr;

use crate::proto::rtp::Ssrc;

/// What `s=` asks for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SessionName {
    /// Live video.
    Play,
    /// Recorded video.
    Playback,
    /// Recorded video as fast as it goes.
    Download,
    /// Voice towards the camera.
    Talk,
    /// Anything else; read as live, as the field does.
    Other(String),
}

/// How media goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MediaTransport {
    /// RTP in datagrams to the offered port.
    Udp,
    /// RTP over TCP (RFC 4571); they listen and we connect: the offer said `setup:passive`.
    TcpConnect,
    /// RTP over TCP; we listen and they connect: the offer said `setup:active`.
    TcpListen,
}

/// What a platform offers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Offer {
    /// What it asks for.
    pub session: SessionName,
    /// Where media goes.
    pub address: IpAddr,
    /// The port there; 0 only where we listen.
    pub port: u16,
    /// How media goes.
    pub transport: MediaTransport,
    /// The payload type that means PS.
    pub payload_type: u8,
    /// `y=` where it is a usable SSRC.
    pub ssrc: Option<Ssrc>,
}

/// Why an offer cannot be answered: 488, with a Warning that says this.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum OfferError {
    /// The INVITE has no SDP.
    #[error("no SDP offer")]
    Missing,
    /// No `m=video` line.
    #[error("no m=video line")]
    NoVideo,
    /// No `c=` line with an IP address.
    #[error("no usable c= line")]
    NoAddress,
    /// A port of 0, or none.
    #[error("no usable media port")]
    NoPort,
    /// Neither RTP/AVP nor TCP/RTP/AVP.
    #[error("transport is neither RTP/AVP nor TCP/RTP/AVP")]
    Transport,
    /// No PS among the payload types.
    #[error("PS is not among the payload types")]
    NoProgramStream,
}

impl Offer {
    /// Reads an offer.
    ///
    /// # Errors
    ///
    /// Says what it lacks.
    pub fn parse(sdp: &[u8]) -> Result<Self, OfferError> {
        let text =
            String::from_utf8_lossy(sdp.get(..SDP_BYTES_MAX.min(sdp.len())).unwrap_or_default());
        let lines: Vec<_> = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .collect();
        if lines.is_empty() {
            return Err(OfferError::Missing);
        }
        let first = |prefix: &str| lines.iter().find_map(|line| line.strip_prefix(prefix));
        let session = session_name(first("s=").unwrap_or("Play"));
        let media = first("m=video").ok_or(OfferError::NoVideo)?;
        // The last c= wins: a media-level one stands behind the session's (RFC 4566 §5.7).
        let connection = lines.iter().rev().find_map(|line| line.strip_prefix("c="));
        let address = connection
            .and_then(|line| line.split_whitespace().nth(2))
            .and_then(|address| address.split('/').next()?.parse().ok())
            .ok_or(OfferError::NoAddress)?;
        let mut words = media.split_whitespace();
        let port = words
            .next()
            .and_then(|port| port.split('/').next()?.parse().ok());
        let protocol = words.next().unwrap_or_default().to_ascii_uppercase();
        let setup = first("a=setup:").map(str::trim);
        let transport = transport(&protocol, setup)?;
        let port = port.ok_or(OfferError::NoPort)?;
        if port == 0 && transport != MediaTransport::TcpListen {
            return Err(OfferError::NoPort);
        }
        let payload_type = payload_type(words, &lines)?;
        let ssrc = first("y=").and_then(|y| y.trim().parse().ok()).map(Ssrc);
        Ok(Self {
            session,
            address,
            port,
            transport,
            payload_type,
            ssrc,
        })
    }
}

fn session_name(name: &str) -> SessionName {
    match name.trim().to_ascii_lowercase().as_str() {
        "play" => SessionName::Play,
        "playback" => SessionName::Playback,
        "download" => SessionName::Download,
        "talk" => SessionName::Talk,
        _ => SessionName::Other(name.trim().to_owned()),
    }
}

fn transport(protocol: &str, setup: Option<&str>) -> Result<MediaTransport, OfferError> {
    match (protocol, setup) {
        ("RTP/AVP" | "RTP/AVP/UDP", _) => Ok(MediaTransport::Udp),
        ("TCP/RTP/AVP" | "RTP/AVP/TCP", Some("active")) => Ok(MediaTransport::TcpListen),
        // Without a= setup the offerer listens, as deployed platforms do.
        ("TCP/RTP/AVP" | "RTP/AVP/TCP", _) => Ok(MediaTransport::TcpConnect),
        _ => Err(OfferError::Transport),
    }
}

/// The payload type mapped to PS; 96 means PS where nothing else is said.
fn payload_type<'a>(
    offered: impl Iterator<Item = &'a str>,
    lines: &[&str],
) -> Result<u8, OfferError> {
    let offered: Vec<u8> = offered.filter_map(read_type).collect();
    let maps: Vec<(u8, String)> = lines
        .iter()
        .filter_map(|line| line.strip_prefix("a=rtpmap:"))
        .filter_map(|map| map.trim().split_once(char::is_whitespace))
        .filter_map(|(number, name)| Some((read_type(number)?, name.trim().to_ascii_uppercase())))
        .collect();
    let mapped = maps.iter().find(|(number, name)| {
        (name == "PS" || name.starts_with("PS/"))
            && (offered.is_empty() || offered.contains(number))
    });
    if let Some((number, _)) = mapped {
        return Ok(*number);
    }
    let is_free = !maps
        .iter()
        .any(|(number, _)| *number == DEFAULT_PAYLOAD_TYPE);
    if is_free && offered.contains(&DEFAULT_PAYLOAD_TYPE) {
        return Ok(DEFAULT_PAYLOAD_TYPE);
    }
    Err(OfferError::NoProgramStream)
}

/// A payload type has seven bits (RFC 3550 §5.1): one above would be read as a marker.
fn read_type(number: &str) -> Option<u8> {
    number.parse().ok().filter(|number| *number < 128)
}

/// What an offer is answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Who sends: our own id there.
    pub owner: String,
    /// What was asked for; repeated.
    pub session: SessionName,
    /// The address we send from, reachable by the platform.
    pub address: IpAddr,
    /// The port we send from or listen at; never 0.
    pub port: u16,
    /// How media goes.
    pub transport: MediaTransport,
    /// The one payload type.
    pub payload_type: u8,
    /// The SSRC of the session.
    pub ssrc: Ssrc,
}

impl Answer {
    /// Writes the SDP.
    pub fn write(&self) -> String {
        let session = match &self.session {
            SessionName::Playback => "Playback",
            SessionName::Download => "Download",
            SessionName::Talk => "Talk",
            SessionName::Play | SessionName::Other(_) => "Play",
        };
        let family = if self.address.is_ipv4() { "IP4" } else { "IP6" };
        let (protocol, setup) = match self.transport {
            MediaTransport::Udp => ("RTP/AVP", ""),
            MediaTransport::TcpConnect => ("TCP/RTP/AVP", "a=setup:active\r\na=connection:new\r\n"),
            MediaTransport::TcpListen => ("TCP/RTP/AVP", "a=setup:passive\r\na=connection:new\r\n"),
        };
        let Self {
            owner,
            address,
            port,
            payload_type,
            ssrc,
            ..
        } = self;
        format!(
            "v=0\r\no={owner} 0 0 IN {family} {address}\r\ns={session}\r\nc=IN {family} {address}\r\nt=0 0\r\n\
            m=video {port} {protocol} {payload_type}\r\na=sendonly\r\na=rtpmap:{payload_type} PS/90000\r\n\
            {setup}y={:010}\r\n",
            ssrc.0
        )
    }
}

/// Longer offers are cut: no platform sends one.
const SDP_BYTES_MAX: usize = 8192;
const DEFAULT_PAYLOAD_TYPE: u8 = 96;

#[cfg(test)]
mod tests {
    use super::*;

    const DEPLOYED: &str = "v=0\r\no=43021100002000000002 0 0 IN IP4 192.0.2.10\r\ns=Play\r\n\
        c=IN IP4 192.0.2.10\r\nt=0 0\r\nm=video 40002 TCP/RTP/AVP 96 97 98 99\r\na=recvonly\r\n\
        a=rtpmap:96 PS/90000\r\na=rtpmap:97 MPEG4/90000\r\na=rtpmap:98 H264/90000\r\n\
        a=setup:passive\r\na=connection:new\r\ny=0211000001\r\n";

    #[test]
    fn a_payload_type_has_seven_bits() {
        let offer = |number: u32| {
            let text = format!(
                "v=0\r\ns=Play\r\nc=IN IP4 10.0.0.1\r\nm=video 6000 RTP/AVP {number}\r\na=rtpmap:{number} PS/90000\r\n"
            );
            Offer::parse(text.as_bytes())
        };
        assert_eq!(offer(127).unwrap().payload_type, 127);
        assert!(offer(128).is_err() && offer(254).is_err());
    }

    #[test]
    fn the_offer_of_a_deployed_platform_is_read() {
        let offer = Offer::parse(DEPLOYED.as_bytes()).unwrap();
        assert_eq!((offer.port, offer.payload_type), (40002, 96));
        assert_eq!(offer.transport, MediaTransport::TcpConnect);
        assert_eq!(offer.ssrc, Some(Ssrc(211_000_001)));
    }

    #[test]
    fn a_useless_y_line_is_an_absent_one() {
        for y in ["null", "", "99999999999", "-1"] {
            let offer = DEPLOYED.replace("y=0211000001", &format!("y={y}"));
            assert_eq!(Offer::parse(offer.as_bytes()).unwrap().ssrc, None, "y={y}");
        }
        let above = DEPLOYED.replace("0211000001", "4294967295");
        assert_eq!(
            Offer::parse(above.as_bytes()).unwrap().ssrc,
            Some(Ssrc(u32::MAX))
        );
    }

    #[test]
    fn what_an_offer_lacks_is_said() {
        let table = [
            (
                "m=video 40002 TCP/RTP/AVP 96 97 98 99\r\n",
                "",
                OfferError::NoVideo,
            ),
            ("40002", "0", OfferError::NoPort),
            ("TCP/RTP/AVP", "RTP/SAVP", OfferError::Transport),
            ("PS/90000", "H265/90000", OfferError::NoProgramStream),
            (
                "c=IN IP4 192.0.2.10",
                "c=IN IP4 host",
                OfferError::NoAddress,
            ),
        ];
        for (from, to, error) in table {
            assert_eq!(
                Offer::parse(DEPLOYED.replace(from, to).as_bytes()),
                Err(error)
            );
        }
        assert_eq!(Offer::parse(b""), Err(OfferError::Missing));
    }

    #[test]
    fn setup_of_the_answer_is_the_other_half() {
        let answer = Answer {
            owner: "43021100002000000002".into(),
            session: SessionName::Play,
            address: "192.0.2.1".parse().unwrap(),
            port: 20_000,
            transport: MediaTransport::TcpListen,
            payload_type: 96,
            ssrc: Ssrc(211_000_001),
        };
        let text = answer.write();
        assert!(text.contains("m=video 20000 TCP/RTP/AVP 96\r\n"), "{text}");
        assert!(
            text.contains("a=setup:passive\r\n") && text.ends_with("y=0211000001\r\n"),
            "{text}"
        );
    }
}
