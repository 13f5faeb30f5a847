//! The addresses that a device names, held to what may be: they are its own, at its department's ports. Pure.

use std::net::{IpAddr, SocketAddr};

use super::text::clean;
use crate::catalog::{Department, Secret, is_forbidden, mask_secrets};

/// The device that names them, and what holds for it.
#[derive(Clone, Copy, Debug)]
pub struct Namer<'a> {
    /// Where it was asked.
    pub address: IpAddr,
    /// Whose it is.
    pub department: &'a Department,
    /// Where no camera may be.
    pub forbidden: &'a [SocketAddr],
}

/// What kind of address is named.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scheme {
    /// A stream.
    Rtsp,
    /// A service or a snapshot.
    Http,
}

/// An address at the device itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Place {
    scheme: Scheme,
    /// Where.
    pub socket: SocketAddr,
    /// Path and query as given: may hold a secret.
    path: Secret,
}

impl Scheme {
    fn name(self) -> &'static str {
        match self {
            Self::Rtsp => "rtsp",
            Self::Http => "http",
        }
    }

    fn default_port(self) -> u16 {
        match self {
            Self::Rtsp => 554,
            Self::Http => 80,
        }
    }
}

impl Place {
    /// Puts one together.
    pub fn new(socket: SocketAddr, path: &str) -> Self {
        Self {
            scheme: Scheme::Http,
            socket,
            path: Secret::new(path),
        }
    }

    /// What is asked for there; for the wire only.
    pub fn path(&self) -> &str {
        self.path.expose()
    }

    /// As it is shown: without what says that it is secret.
    pub fn shown(&self) -> String {
        let (scheme, socket) = (self.scheme.name(), self.socket);
        format!("{scheme}://{socket}{}", mask_secrets(self.path.expose()))
    }
}

impl Namer<'_> {
    /// Takes an address that the device names as its `what`; what a person should know goes into `warnings`. One that is
    /// not its own is kept there as text, and nowhere else.
    pub fn take(
        &self,
        what: &str,
        text: &str,
        scheme: Scheme,
        warnings: &mut Vec<String>,
    ) -> Option<Place> {
        let Some(parts) = Parts::of(text, scheme) else {
            // It may hold a password, and nobody knows where.
            let name = scheme.name();
            warnings.push(format!("{what}: what it names is no address of {name}"));
            return None;
        };
        let shown = parts.shown(scheme);
        let Some(is_as_named) = self.is_itself(&parts.host) else {
            warnings.push(format!(
                "{what}: it names {shown}, which is another host than itself: not followed, not proposed"
            ));
            return None;
        };
        let socket = SocketAddr::new(self.address, parts.port);
        let id = &self.department.id;
        if !self.department.ports.contains(&parts.port) {
            warnings.push(format!(
                "{what}: it names {shown}, a port that {id} does not have: not followed, not proposed; add {} to `ports` of {id}, where it is right",
                parts.port
            ));
            return None;
        }
        if is_forbidden(self.forbidden, self.address, parts.port) {
            warnings.push(format!(
                "{what}: it names {shown}, where the gateway itself or a platform listens: not followed, not proposed"
            ));
            return None;
        }
        if !is_as_named {
            warnings.push(format!(
                "{what}: it names {shown}: taken as {}",
                self.address
            ));
        }
        if parts.has_login || mask_secrets(&parts.path) != parts.path {
            warnings.push(format!(
                "{what}: user, password or another secret stands in the address that it names: left out"
            ));
        }
        Some(Place {
            scheme,
            socket,
            path: Secret::new(parts.path),
        })
    }

    /// An address that leads elsewhere, for people only.
    pub fn shown(text: &str) -> Option<String> {
        Some(Parts::of(text, Scheme::Http)?.shown(Scheme::Http))
    }

    /// Whether a host is the device: by the address at which it was asked, or by one that means whoever says it.
    fn is_itself(&self, host: &str) -> Option<bool> {
        let named = host.parse::<IpAddr>().ok()?.to_canonical();
        if named == self.address {
            return Some(true);
        }
        (named.is_unspecified() || named.is_loopback() && !self.address.is_loopback())
            .then_some(false)
    }
}

/// An address, taken apart.
struct Parts {
    has_login: bool,
    host: String,
    port: u16,
    path: String,
}

impl Parts {
    /// `scheme://[user[:password]@]host[:port][/path][?query]`.
    fn of(text: &str, scheme: Scheme) -> Option<Self> {
        if text.len() > URL_BYTES_MAX
            || text.contains(|c: char| c.is_whitespace() || c.is_control())
        {
            return None;
        }
        let (given, rest) = text.split_once("://")?;
        if !given.eq_ignore_ascii_case(scheme.name()) {
            return None;
        }
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (login, place) = match authority.rsplit_once('@') {
            Some((login, place)) => (Some(login), place),
            None => (None, authority),
        };
        let (host, port) = match place.strip_prefix('[') {
            Some(v6) => {
                let (host, port) = v6.split_once(']')?;
                let port = if port.is_empty() {
                    None
                } else {
                    Some(port.strip_prefix(':')?)
                };
                (host, port)
            }
            None => place
                .split_once(':')
                .map_or((place, None), |(host, port)| (host, Some(port))),
        };
        let is_name = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
        if host.is_empty() || !host.chars().all(is_name) {
            return None;
        }
        let port = match port {
            Some(port) => port.parse().ok().filter(|port| *port > 0)?,
            None => scheme.default_port(),
        };
        // A fragment is never sent.
        let path = path.split('#').next().unwrap_or_default();
        let slash = if path.starts_with('/') { "" } else { "/" };
        Some(Self {
            has_login: login.is_some(),
            host: host.to_owned(),
            port,
            path: format!("{slash}{path}"),
        })
    }

    /// Without secrets.
    fn shown(&self, scheme: Scheme) -> String {
        let Self {
            host, port, path, ..
        } = self;
        let colon = host.contains(':');
        let (open, close) = if colon { ("[", "]") } else { ("", "") };
        let path = clean(&mask_secrets(path));
        format!("{}://{open}{host}{close}:{port}{path}", scheme.name())
    }
}

const URL_BYTES_MAX: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_only_where_it_is_the_devices_own() {
        let department = Department {
            ports: vec![80, 554, 8554, 8080],
            ..Department::sample()
        };
        let forbidden = ["10.11.0.1:8080".parse().unwrap()];
        let namer = Namer {
            address: "10.11.0.1".parse().unwrap(),
            department: &department,
            forbidden: &forbidden,
        };
        for (text, expected, warning) in NAMED {
            let mut warnings = Vec::new();
            let place = namer.take("stream", text, Scheme::Rtsp, &mut warnings);
            let shown = place.map(|place| place.shown());
            assert_eq!(shown.as_deref(), *expected, "{text}");
            let told = warnings.join("\n");
            assert_eq!(told.is_empty(), warning.is_empty(), "{text}: {told}");
            assert!(told.contains(warning), "{text}: {told}");
            assert!(!told.contains("hush"), "{text}: {told}");
        }
        let long = format!("rtsp://10.11.0.1/{}", "a".repeat(URL_BYTES_MAX));
        let mut warnings = Vec::new();
        assert_eq!(
            namer.take("stream", &long, Scheme::Rtsp, &mut warnings),
            None
        );
        let service = "http://10.11.0.1/onvif/media#x";
        let place = namer.take("media", service, Scheme::Http, &mut warnings);
        assert_eq!(place.unwrap().shown(), "http://10.11.0.1:80/onvif/media");
    }

    /// What is named, as what it is taken, and what is told of it.
    const NAMED: &[(&str, Option<&str>, &str)] = &[
        (
            "rtsp://10.11.0.1/a?b=c",
            Some("rtsp://10.11.0.1:554/a?b=c"),
            "",
        ),
        ("RTSP://10.11.0.1:8554", Some("rtsp://10.11.0.1:8554/"), ""),
        (
            "rtsp://[::ffff:10.11.0.1]/a",
            Some("rtsp://10.11.0.1:554/a"),
            "",
        ),
        (
            "rtsp://0.0.0.0/a",
            Some("rtsp://10.11.0.1:554/a"),
            "names rtsp://0.0.0.0:554/a: taken as 10.11.0.1",
        ),
        (
            "rtsp://127.0.0.1/a",
            Some("rtsp://10.11.0.1:554/a"),
            "taken as 10.11.0.1",
        ),
        (
            "rtsp://admin:hush@10.11.0.1/a",
            Some("rtsp://10.11.0.1:554/a"),
            "left out",
        ),
        (
            "rtsp://10.11.0.1/a?pwd=hush",
            Some("rtsp://10.11.0.1:554/a?pwd=****"),
            "left out",
        ),
        (
            "rtsp://admin:hush@10.11.0.2/a?pwd=hush",
            None,
            "rtsp://10.11.0.2:554/a?pwd=****, which is another host",
        ),
        (
            "rtsp://camera.example/a",
            None,
            "rtsp://camera.example:554/a, which is another host",
        ),
        (
            "rtsp://[fd00::1]:8554/a",
            None,
            "rtsp://[fd00::1]:8554/a, which is another host",
        ),
        (
            "rtsp://10.11.0.1:5540/a",
            None,
            "add 5540 to `ports` of education",
        ),
        ("rtsp://0.0.0.0:8080/a", None, "the gateway itself"),
        ("http://10.11.0.1/hush", None, "no address of rtsp"),
        ("rtsp://10.11.0.1:0/hush", None, "no address of rtsp"),
        ("rtsp://10.11.0.1:99999/hush", None, "no address of rtsp"),
        ("rtsp://[::1/hush", None, "no address of rtsp"),
        ("rtsp://ho st/hush", None, "no address of rtsp"),
        ("rtsp:///hush", None, "no address of rtsp"),
        ("hush", None, "no address of rtsp"),
    ];
}
