//! Addresses of streams as people write them.

use std::net::Ipv4Addr;

/// An address of RTSP from one without a scheme (`10.11.0.1:554/1`), with a broken one (`rtsp:/10.11.0.1/1`, `rtsp:\\…`), or
/// with a password that holds signs which end it (`rtsp://admin:a/b#c@10.11.0.1/1`). It may hold a password: no message
/// repeats it.
pub fn stream_url(text: &str) -> Option<String> {
    let slashed = text.trim().replace('\\', "/");
    let lower = slashed.to_ascii_lowercase();
    let rest = if lower.starts_with("rtsp:") {
        slashed.get(5..)?.trim_start_matches('/')
    } else if lower.contains("://") {
        // That of a web page, or of another protocol.
        return None;
    } else {
        slashed.as_str()
    };
    let written = match split_login(rest) {
        Some((login, place)) => {
            format!("rtsp://{}@{place}", encode_login(login))
        }
        None if lower.starts_with("rtsp:") || begins_with_address(rest) && rest.contains('/') => {
            format!("rtsp://{rest}")
        }
        None => return None,
    };
    // Capitals of the scheme mean nothing.
    let is_same =
        lower.starts_with(SCHEME) && slashed.get(SCHEME.len()..) == written.get(SCHEME.len()..);
    (!is_same || slashed != text.trim()).then_some(written)
}

/// An address of any scheme with a password that holds signs which end it.
pub fn web_url(text: &str) -> Option<String> {
    let (scheme, rest) = text.trim().split_once("://")?;
    let (login, place) = split_login(rest)?;
    let written = format!("{scheme}://{}@{place}", encode_login(login));
    (written != text).then_some(written)
}

/// The ONVIF service of a device of which only the address is given, as in `10.11.0.1:8000`.
pub fn onvif_service(text: &str) -> Option<String> {
    let text = text.trim();
    let is_place = begins_with_address(text) && !text.contains(['/', '?', '@']);
    is_place.then(|| format!("http://{text}/onvif/device_service"))
}

/// User and password before the last `@` that an address follows, where they hold what would end them.
fn split_login(rest: &str) -> Option<(&str, &str)> {
    let mut ats = rest.rmatch_indices('@');
    let (at, _) = ats.find(|(at, _)| rest.get(at + 1..).is_some_and(begins_with_address))?;
    Some((rest.get(..at)?, rest.get(at + 1..)?))
}

/// Whether it begins with an address of IPv4 and what may follow a host.
pub fn begins_with_address(text: &str) -> bool {
    let end = text.find([':', '/', '?']).unwrap_or(text.len());
    text.get(..end)
        .is_some_and(|host| host.parse::<Ipv4Addr>().is_ok())
}

fn encode_login(login: &str) -> String {
    match login.split_once(':') {
        Some((user, password)) => format!("{}:{}", encode(user), encode(password)),
        None => encode(login),
    }
}

/// Percent-encodes what ends a user's name or a password, and a `%` that encodes nothing; what is encoded already stays.
fn encode(text: &str) -> String {
    let mut out = String::new();
    for (at, sign) in text.char_indices() {
        let encodes = || {
            let pair = text.get(at + 1..at + 3);
            pair.is_some_and(|pair| pair.bytes().all(|byte| byte.is_ascii_hexdigit()))
        };
        match sign {
            '@' => out.push_str("%40"),
            '%' if !encodes() => out.push_str("%25"),
            '/' => out.push_str("%2F"),
            '?' => out.push_str("%3F"),
            '#' => out.push_str("%23"),
            ' ' => out.push_str("%20"),
            sign => out.push(sign),
        }
    }
    out
}

const SCHEME: &str = "rtsp://";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_is_named_by_its_address_alone_has_its_service_where_the_standard_says() {
        for (text, expected) in [
            ("10.11.0.1", Some("http://10.11.0.1/onvif/device_service")),
            (
                "10.11.0.1:8000",
                Some("http://10.11.0.1:8000/onvif/device_service"),
            ),
            ("http://10.11.0.1/onvif/device_service", None),
            ("admin:a@10.11.0.1", None),
            ("cam-1", None),
        ] {
            assert_eq!(onvif_service(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn addresses_are_read_as_they_are_written() {
        for (text, expected) in [
            ("10.11.0.1:554/1", "rtsp://10.11.0.1:554/1"),
            ("rtsp:/10.11.0.1/1", "rtsp://10.11.0.1/1"),
            ("rtsp:\\\\10.11.0.1\\1", "rtsp://10.11.0.1/1"),
            ("admin:12345@10.11.0.1/1", "rtsp://admin:12345@10.11.0.1/1"),
            (
                "rtsp://admin:a/b#c@10.11.0.1/1",
                "rtsp://admin:a%2Fb%23c@10.11.0.1/1",
            ),
            (
                "rtsp://admin:12/34@10.11.0.1:8554/1",
                "rtsp://admin:12%2F34@10.11.0.1:8554/1",
            ),
            (
                "rtsp://admin:p@ss@10.11.0.1/1",
                "rtsp://admin:p%40ss@10.11.0.1/1",
            ),
            (
                "rtsp://admin:a:b%zz@10.11.0.1/1",
                "rtsp://admin:a:b%25zz@10.11.0.1/1",
            ),
            (
                "rtsp://admin:p?ss w@10.11.0.1/1",
                "rtsp://admin:p%3Fss%20w@10.11.0.1/1",
            ),
        ] {
            assert_eq!(stream_url(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_right_or_no_stream_is_left_alone() {
        for text in [
            "rtsp://10.11.0.1/1",
            "rtsp://admin:12345@10.11.0.1/1?a=b@c",
            "rtsp://admin:p%40ss@10.11.0.1/1",
            "rtsp://cam.example/1",
            "RTSP://10.11.0.1:554/1",
            " rtsp://10.11.0.1/1 ",
            "http://10.11.0.1/",
            "海康",
            // Which of its streams, nobody knows.
            "10.11.0.1",
            "",
        ] {
            assert_eq!(stream_url(text), None, "{text}");
        }
    }
}
