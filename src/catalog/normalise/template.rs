//! Addresses of streams that a maker's form stands for.

use std::net::IpAddr;

/// What a row says beside its address.
#[derive(Clone, Copy, Debug, Default)]
pub struct Said<'a> {
    /// Where the camera or its recorder is.
    pub ip: Option<IpAddr>,
    /// The channel there.
    pub channel: Option<u16>,
    /// The maker, by the name that [`super::vendor()`] gives.
    pub vendor: Option<&'a str>,
}

/// The address of the main stream that stands for: an address alone (`10.11.3.10`) or the maker's name (`海康`), by the maker's
/// form; or a form with names for its parts (`rtsp://{用户名}:{密码}@{IP}:554/Streaming/Channels/{通道号}01`). Names of user and password
/// go: they have columns of their own.
///
/// An error says what is missing; it repeats no text but the names that are known here, since any may hold a password.
pub fn url_template(text: &str, said: &Said<'_>) -> Option<Result<String, String>> {
    let maker = super::vendor(text).unwrap_or_else(|| text.to_owned());
    if FORMS.iter().any(|(name, _)| *name == maker) {
        return Some(by_form(None, Some(&maker), said));
    }
    if let Some(host) = address_alone(text) {
        return Some(by_form(Some(host), said.vendor, said));
    }
    let rest = text
        .get(..7)
        .filter(|scheme| scheme.eq_ignore_ascii_case("rtsp://"))
        .and_then(|scheme| text.get(scheme.len()..))?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (login, place) = match authority.rsplit_once('@') {
        Some((login, place)) => (login, place),
        None => ("", authority),
    };
    is_name(place_host(place), &HOSTS).then(|| filled(login, place, path, said))
}

fn by_form(host: Option<&str>, vendor: Option<&str>, said: &Said<'_>) -> Result<String, String> {
    let host = match (host, said.ip) {
        (Some(host), _) => host.to_owned(),
        (None, Some(ip)) => in_url(ip),
        (None, None) => return Err("is a maker's name alone: fill in ip".to_owned()),
    };
    let path = vendor.and_then(|vendor| main_stream(vendor, said.channel.unwrap_or(1)));
    path.map(|path| format!("rtsp://{host}{path}")).ok_or_else(|| {
        let known = FORMS.map(|(vendor, _)| vendor).join(", ");
        format!(
            "is not rtsp://host[:port]/path: write that, or fill in manufacturer, one of {known}"
        )
    })
}

/// A template with what the row says for its names.
fn filled(login: &str, place: &str, path: &str, said: &Said<'_>) -> Result<String, String> {
    let host = place_host(place);
    let Some(ip) = said.ip else {
        return Err(format!(
            "is a template, and {host} has no value: fill in ip"
        ));
    };
    let parts = login.split_once(':').unwrap_or((login, ""));
    let names = [is_name(parts.0, &USERS), is_name(parts.1, &PASSWORDS)];
    let login = match names {
        _ if login.is_empty() => String::new(),
        [true, true] => String::new(),
        [false, false] => format!("{login}@"),
        _ => return Err("is a template: write user and password in their columns".to_owned()),
    };
    let port = match place.strip_prefix(host).unwrap_or_default() {
        port if is_name(port.trim_start_matches(':'), &PORTS) => "",
        port => port,
    };
    let path = path_of_channel(path, said.channel)?;
    if path.contains(['{', '}', '<', '>']) {
        return Err(format!(
            "is a template with a name that is not known: known are {}",
            ["{IP}", "{用户名}", "{密码}", "{端口}", "{通道号}"].join(" ")
        ));
    }
    Ok(format!("rtsp://{login}{}{port}{path}", in_url(ip)))
}

/// The path with the row's channel, where the template names it or has its maker's example there.
fn path_of_channel(path: &str, channel: Option<u16>) -> Result<String, String> {
    if let Some(name) = CHANNELS.iter().find(|name| path.contains(**name)) {
        let channel = channel
            .ok_or_else(|| format!("is a template, and {name} has no value: fill in channel"))?;
        return Ok(path.replace(name, &channel.to_string()));
    }
    let Some(channel) = channel else {
        return Ok(path.to_owned());
    };
    // A form is the same path but for the channel's number.
    let of_form = FORMS.iter().find_map(|(_, form)| {
        let (before, behind) = form.split_once(CHANNEL)?;
        let number = path.strip_prefix(before)?.strip_suffix(behind)?;
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| format!("{before}{channel}{behind}"))
    });
    Ok(of_form.unwrap_or_else(|| path.to_owned()))
}

fn main_stream(vendor: &str, channel: u16) -> Option<String> {
    let (_, form) = FORMS.iter().find(|(name, _)| *name == vendor)?;
    Some(form.replace(CHANNEL, &channel.to_string()))
}

/// `10.11.3.10` or `10.11.3.10:554`.
fn address_alone(text: &str) -> Option<&str> {
    let host = text.split_once(':').map_or(text, |(host, _)| host);
    let port = text.strip_prefix(host)?.strip_prefix(':');
    let is_port = port.is_none_or(|port| port.parse::<u16>().is_ok());
    (host.parse::<std::net::Ipv4Addr>().is_ok() && is_port).then_some(text)
}

/// The host of `host:port`; a host in brackets may hold colons.
fn place_host(place: &str) -> &str {
    place.split_once(':').map_or(place, |(host, _)| host)
}

fn in_url(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => format!("[{v6}]"),
    }
}

/// Whether text is one of the names, with or without brackets.
fn is_name(text: &str, names: &[&str]) -> bool {
    let bare = text.trim_matches(|sign| "{}<>[]$".contains(sign));
    names.contains(&bare.to_lowercase().as_str())
}

const CHANNEL: &str = "{channel}";

/// The paths of main streams by maker, as these pages give them:
/// - 海康威视: ID = channel × 100 + 1 for the main stream, enpinfo.hikvision.com, ISAPI, `rtsp://<host>[:port]/ISAPI/Streaming/channels/<ID>`;
///   without ISAPI techage.com/ja-ja/blogs/news/what-is-the-url-format-for-rtsp-hikvision;
/// - 大华: cnblogs.com/lidabo/p/4103227.html and programmerteach.com/p/onvif-rtsp-streaming-services-rtsp-configure-rules;
/// - 宇视: mofulls.pixnet.net/blog/post/351191279 and wiki.zohead.com, 宇视RTSP取流URL格式;
/// - 安讯士: developer.axis.com/video-streaming-and-recording/video-streaming/how-to-guides/rtsp.
const FORMS: [(&str, &str); 4] = [
    ("海康威视", "/Streaming/Channels/{channel}01"),
    ("大华", "/cam/realmonitor?channel={channel}&subtype=0"),
    ("宇视", "/unicast/c{channel}/s0/live"),
    ("安讯士", "/axis-media/media.amp?camera={channel}"),
];

const HOSTS: [&str; 7] = [
    "ip",
    "host",
    "address",
    "ipaddress",
    "ip地址",
    "设备ip",
    "地址",
];
const USERS: [&str; 4] = ["username", "user", "用户名", "账号"];
const PASSWORDS: [&str; 4] = ["password", "pass", "passwd", "密码"];
const PORTS: [&str; 3] = ["port", "端口", "端口号"];
const CHANNELS: [&str; 6] = [
    "{通道号}",
    "{通道}",
    "{channel}",
    "<通道号>",
    "<channel>",
    "<number>",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_filled_with_what_the_row_says() {
        for (text, channel, vendor, expected) in [
            (
                "rtsp://{用户名}:{密码}@{IP}:554/Streaming/Channels/{通道号}01",
                Some(3),
                None,
                "rtsp://10.11.3.8:554/Streaming/Channels/301",
            ),
            (
                "rtsp://username:password@<ip>:<port>/cam/realmonitor?channel=1&subtype=0",
                Some(2),
                None,
                "rtsp://10.11.3.8/cam/realmonitor?channel=2&subtype=0",
            ),
            (
                "rtsp://user:pass@ip:port/Streaming/Channels/101",
                None,
                None,
                "rtsp://10.11.3.8/Streaming/Channels/101",
            ),
            ("rtsp://[ip]/live", Some(2), None, "rtsp://10.11.3.8/live"),
            (
                "rtsp://admin:12345@{IP}/unicast/c1/s0/live",
                Some(2),
                None,
                "rtsp://admin:12345@10.11.3.8/unicast/c2/s0/live",
            ),
            (
                "10.11.3.10",
                Some(1),
                Some("海康威视"),
                "rtsp://10.11.3.10/Streaming/Channels/101",
            ),
            (
                "10.11.3.10:8554",
                None,
                Some("安讯士"),
                "rtsp://10.11.3.10:8554/axis-media/media.amp?camera=1",
            ),
            (
                "海康",
                Some(4),
                None,
                "rtsp://10.11.3.8/Streaming/Channels/401",
            ),
            ("宇视", Some(4), None, "rtsp://10.11.3.8/unicast/c4/s0/live"),
        ] {
            let said = Said {
                ip: Some("10.11.3.8".parse().unwrap()),
                channel,
                vendor,
            };
            assert_eq!(
                url_template(text, &said),
                Some(Ok(expected.to_owned())),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_missing_is_told_without_the_text() {
        let ip = Some("10.11.3.8".parse().unwrap());
        for (text, ip, says) in [
            (
                "rtsp://{用户名}:{密码}@{IP}:554/1",
                None,
                "{IP} has no value: fill in ip",
            ),
            (
                "rtsp://{IP}/Streaming/Channels/{通道号}01",
                ip,
                "{通道号} has no value",
            ),
            ("rtsp://{IP}/{secret}", ip, "a name that is not known"),
            ("rtsp://admin:{密码}@{IP}/1", ip, "in their columns"),
            ("rtsp://{用户名}:secret@{IP}/1", ip, "in their columns"),
            ("10.11.3.11", ip, "fill in manufacturer"),
            ("海康", None, "fill in ip"),
        ] {
            let said = Said {
                ip,
                ..Said::default()
            };
            let told = url_template(text, &said).map(|read| read.unwrap_err());
            let told = told.unwrap_or_default();
            assert!(
                told.contains(says) && !told.contains("secret"),
                "{text}: {told}"
            );
        }
    }

    #[test]
    fn an_address_of_a_stream_is_no_template() {
        for text in [
            "rtsp://10.11.0.1/1",
            "rtsp://admin:p{ip}@10.11.0.1/1",
            "rtsp://cam.example/Streaming/Channels/101",
            "rtsp://[fd00::1]/1",
            "rtsp://",
            "http://{ip}/",
            "科达",
            "校门",
            "",
        ] {
            assert_eq!(url_template(text, &Said::default()), None, "{text}");
        }
    }
}
