//! The URL of a stream, taken apart.

use crate::catalog::{Location, Secret};

/// `rtsp://[user[:password]@]host[:port][/path][?query]`; a password may hold an `@`.
pub(super) fn split_url(url: &str) -> Option<(Location, Option<(String, Secret)>)> {
    let scheme = url
        .get(..7)
        .filter(|scheme| scheme.eq_ignore_ascii_case("rtsp://"))?;
    let rest = url.get(scheme.len()..)?;
    let path_at = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(path_at);
    if path.contains('#') || rest.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return None;
    }
    let (login, place) = match authority.rsplit_once('@') {
        Some((login, place)) => (Some(login), place),
        None => (None, authority),
    };
    let (host, port) = match place.strip_prefix('[') {
        Some(v6) => {
            let (host, port) = v6.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (host, port.strip_prefix(':'))
        }
        None => place
            .split_once(':')
            .map_or((place, None), |(host, port)| (host, Some(port))),
    };
    let port = port.map_or(Some(DEFAULT_PORT), |port| {
        port.parse().ok().filter(|port| *port > 0)
    })?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
    if host.is_empty() || !host.chars().all(is_name) {
        return None;
    }
    let path = if path.starts_with('?') {
        format!("/{path}")
    } else {
        path.to_owned()
    };
    let login = login.map(|login| {
        let (user, password) = login.split_once(':').unwrap_or((login, ""));
        (decode(user), Secret::new(decode(password)))
    });
    Some((Location::new(host, port, path), login))
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
        ] {
            assert!(split_url(url).is_none(), "{url}");
        }
    }
}
