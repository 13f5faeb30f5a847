//! The URL of a stream, and of what else a camera has, taken apart.

use std::net::Ipv4Addr;

use super::card::MASK;
use super::columns::Column;
use crate::catalog::normalise::begins_with_address;
use crate::catalog::{Link, Location, Secret, mask_secrets};

/// `rtsp://[user[:password]@]host[:port][/path][?query]`; a password may hold an `@`.
pub(super) fn split_url(url: &str) -> Option<(Location, Option<Login>)> {
    let parts = Parts::of(url).filter(|parts| parts.scheme == "rtsp")?;
    let port = parts.port.unwrap_or(DEFAULT_PORT);
    let location = Location::new(parts.bare_host(), port, parts.path());
    Some((location, parts.login()))
}

/// An address that one of the columns [`super::columns::LINKS`] may have, of what host and port it is, and who logs in there.
pub(super) fn split_link(
    column: Column,
    url: &str,
) -> Option<(Link, (String, u16), Option<Login>)> {
    let parts = Parts::of(url).filter(|parts| schemes_of(column).contains(&parts.scheme))?;
    if parts.may_hide_login() {
        return None;
    }
    let link = Link::new(parts.scheme, parts.host, parts.port, parts.path());
    let usual = match parts.scheme {
        "rtsp" => DEFAULT_PORT,
        "https" => 443,
        _ => 80,
    };
    let place = (parts.bare_host().to_owned(), parts.port.unwrap_or(usual));
    Some((link, place, parts.login()))
}

/// User and password of an address of any kind.
pub(super) fn login_of(url: &str) -> Option<Login> {
    Parts::of(url)?.login()
}

/// How the addresses of a column are written.
pub(super) fn form_of(column: Column) -> &'static str {
    match column {
        Column::Url | Column::SubUrl => "rtsp://host[:port]/path",
        Column::ReplayUrl => "rtsp://host[:port]/path or http://host[:port]/path",
        _ => "http://host[:port]/path",
    }
}

fn schemes_of(column: Column) -> &'static [&'static str] {
    match column {
        Column::Url | Column::SubUrl => &["rtsp"],
        Column::ReplayUrl => &SCHEMES,
        _ => &["http", "https"],
    }
}

/// An address without its secrets. Of one that is none nobody can say where they are.
pub(super) fn masked(text: &str) -> String {
    match Parts::of(text) {
        Some(parts) => {
            let login = parts.login().map(|(user, _)| format!("{user}:{MASK}@"));
            let port = parts.port.map(|port| format!(":{port}"));
            format!(
                "{}://{}{}{}{}",
                parts.scheme,
                login.unwrap_or_default(),
                parts.host,
                port.unwrap_or_default(),
                mask_secrets(&parts.path())
            )
        }
        None if text.contains(['@', '?', '=']) || text.contains("://") => MASK.to_owned(),
        None => text.to_owned(),
    }
}

/// Whether what looks like host, port and path may be user and password.
pub(super) fn may_hide_login(url: &str) -> bool {
    Parts::of(url).is_some_and(|parts| parts.may_hide_login())
}

/// A template without user and password, or with names for them, as everybody may read it.
pub(super) fn shown_template(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let is_name = |part: &str| part.starts_with('{') && part.ends_with('}');
    let (login, place) = authority.rsplit_once('@').unwrap_or(("", authority));
    let has_names = login.is_empty() || login.split(':').all(is_name);
    let host = place.split_once(':').map_or(place, |(host, _)| host);
    let shown = || format!("{scheme}://{authority}{}", mask_secrets(path));
    (has_names && is_name(host) && !path.contains('@')).then(shown)
}

/// User and password.
pub(super) type Login = (String, Secret);

/// `scheme://[user[:password]@]host[:port][/path][?query]`.
struct Parts<'a> {
    scheme: &'static str,
    login: Option<&'a str>,
    /// An IPv6 address in its brackets.
    host: &'a str,
    port: Option<u16>,
    path: &'a str,
}

impl<'a> Parts<'a> {
    fn of(url: &'a str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let mut schemes = SCHEMES.into_iter();
        let scheme = schemes.find(|known| known.eq_ignore_ascii_case(scheme))?;
        let path_at = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(path_at);
        // What looks like a path is the rest of a password with a `/`.
        let is_password = |(at, _): (usize, _)| path.get(at + 1..).is_some_and(begins_with_address);
        if path.match_indices('@').any(is_password) {
            return None;
        }
        if path.contains('#') || rest.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return None;
        }
        let (login, place) = match authority.rsplit_once('@') {
            Some((login, place)) => (Some(login), place),
            None => (None, authority),
        };
        let host = match place.strip_prefix('[') {
            Some(v6) => {
                let (address, _) = v6.split_once(']')?;
                address.parse::<std::net::Ipv6Addr>().ok()?;
                place.get(..address.len() + 2)?
            }
            None => {
                let (host, _) = place.split_once(':').unwrap_or((place, ""));
                let is_name = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
                (!host.is_empty() && host.chars().all(is_name)).then_some(host)?
            }
        };
        let port = match place.get(host.len()..)? {
            "" => None,
            port => Some(
                port.strip_prefix(':')?
                    .parse()
                    .ok()
                    .filter(|port| *port > 0)?,
            ),
        };
        Some(Self {
            scheme,
            login,
            host,
            port,
            path,
        })
    }

    /// `http://admin:12/34@cam/1`: what is behind a `/` may be the rest of a password, before a host that is a name.
    fn may_hide_login(&self) -> bool {
        let is_address = self.host.starts_with('[') || self.host.parse::<Ipv4Addr>().is_ok();
        self.login.is_none() && !is_address && self.path.contains('@')
    }

    /// An IPv6 address without its brackets.
    fn bare_host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }

    fn path(&self) -> String {
        if self.path.starts_with('?') {
            format!("/{}", self.path)
        } else {
            self.path.to_owned()
        }
    }

    fn login(&self) -> Option<Login> {
        let (user, password) = self.login.map(|l| l.split_once(':').unwrap_or((l, "")))?;
        Some((decode(user), Secret::new(decode(password))))
    }
}

/// The protocol of an address that is of a web page, a device's service or a stream of another kind.
pub(super) fn other_protocol(url: &str) -> Option<&'static str> {
    let (scheme, _) = url.split_once("://")?;
    let others = ["http", "https", "rtmp", "onvif"];
    others
        .into_iter()
        .find(|other| other.eq_ignore_ascii_case(scheme))
}

/// Percent-decoding; text that is none stays as it is.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let pair = after.get(..2).and_then(|pair| str::from_utf8(pair).ok());
        match pair
            .and_then(|pair| u8::from_str_radix(pair, 16).ok())
            .filter(|_| *first == b'%')
        {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

const SCHEMES: [&str; 3] = ["rtsp", "http", "https"];
const DEFAULT_PORT: u16 = 554;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_loses_its_password_and_keeps_its_query() {
        let (location, login) = split_url("rtsp://admin:p@ss%2Fw@10.0.0.1:8554/a/b?ch=1").unwrap();
        assert_eq!(location.to_string(), "rtsp://10.0.0.1:8554/a/b?ch=1");
        let (user, password) = login.unwrap();
        assert_eq!((user.as_str(), password.expose()), ("admin", "p@ss/w"));
        assert_eq!(split_url("rtsp://[fd00::1]/x").unwrap().0.host, "fd00::1");
        assert_eq!(
            split_url("RTSP://cam?x=1").unwrap().0.to_string(),
            "rtsp://cam:554/?x=1"
        );
    }

    #[test]
    fn a_link_is_of_the_schemes_of_its_column_and_keeps_its_port_as_it_is_given() {
        for (column, url, place, shown) in [
            (
                Column::SubUrl,
                "RTSP://a:b@10.0.0.1/2?token=x",
                ("10.0.0.1", 554),
                "rtsp://10.0.0.1/2?token=****",
            ),
            (
                Column::OnvifUrl,
                "http://[fd00::1]:8080/onvif",
                ("fd00::1", 8080),
                "http://[fd00::1]:8080/onvif",
            ),
            (
                Column::SnapshotUrl,
                "https://cam?pwd=x",
                ("cam", 443),
                "https://cam/?pwd=****",
            ),
            (
                Column::ReplayUrl,
                "rtsp://nvr/tracks/101?starttime={start}",
                ("nvr", 554),
                "rtsp://nvr/tracks/101?starttime={start}",
            ),
        ] {
            let (link, (host, port), _) = split_link(column, url).unwrap();
            assert_eq!((host.as_str(), port), place);
            assert_eq!(link.to_string(), shown);
            let whole = link.whole();
            assert_eq!(split_link(column, whole.expose()).unwrap().0, link);
        }
        let table = [
            (Column::SubUrl, "http://a/"),
            (Column::SnapshotUrl, "rtsp://a/"),
            (Column::OnvifUrl, "ftp://a/"),
        ];
        for (column, url) in table {
            assert!(split_link(column, url).is_none(), "{url}");
        }
    }

    #[test]
    fn an_address_that_is_shown_has_no_secret() {
        for (text, shown) in [
            (
                "rtsp://a:s3cret@b/c?x=1&pwd=s3cret",
                "rtsp://a:****@b/c?x=1&pwd=****",
            ),
            ("http://b/token=s3cret/x", "http://b/token=****"),
            ("a:s3cret@b", "****"),
            ("http://a:12/s3cret@10.11.0.1/x", "****"),
            ("10.0.0.1", "10.0.0.1"),
        ] {
            assert_eq!(masked(text), shown);
        }
    }

    #[test]
    fn what_is_no_url_is_refused() {
        for url in [
            "http://a/",
            "rtsp://",
            "rtsp:///x",
            "rtsp://a:0/",
            "rtsp://a:x/",
            "rtsp://a b/",
            "rtsp://a/\n",
            "rtsp://[::1/x",
            "rtsp://[::1]x/y",
            "rtsp://a:/",
        ] {
            assert!(split_url(url).is_none(), "{url}");
        }
    }
}
