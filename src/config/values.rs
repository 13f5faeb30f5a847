//! How single values are written: durations, rates, addresses, codes, secrets.

use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use ipnet::IpNet;

use super::reader::Section;
use crate::catalog::{GbCode, Secret};

/// Any text that is not empty.
pub(super) fn text(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        Err("must not be empty".to_owned())
    } else {
        Ok(text.to_owned())
    }
}

/// Holds a file that a key names to a size, before it is read.
pub(super) fn check_size(path: &Path, bytes_max: u64) -> Result<(), String> {
    let shown = path.display();
    let length = std::fs::metadata(path)
        .map_err(|error| format!("{shown}: {error}"))?
        .len();
    if length > bytes_max {
        return Err(format!("{shown} is larger than {} MiB", bytes_max >> 20));
    }
    Ok(())
}

/// `true` or `false`.
pub(super) fn boolean(text: &str) -> Result<bool, String> {
    text.parse()
        .map_err(|_| format!("`{text}` must be true or false"))
}

/// A number in a range.
pub(super) fn number<T>(range: std::ops::RangeInclusive<T>) -> impl Fn(&str) -> Result<T, String>
where
    T: FromStr + PartialOrd + std::fmt::Display,
{
    move |text| {
        let parsed = text.parse().ok().filter(|number| range.contains(number));
        parsed.ok_or_else(|| format!("`{text}` must be {} to {}", range.start(), range.end()))
    }
}

/// `500ms`, `10s`, `5m`, `1h`, `30d`, in a range.
pub(super) fn duration(
    range: std::ops::RangeInclusive<Duration>,
) -> impl Fn(&str) -> Result<Duration, String> {
    move |text| {
        let wrong = || format!("`{text}` must be a duration such as 10s");
        let split = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (count, unit) = text.split_at(split);
        let count: u64 = count.parse().map_err(|_| wrong())?;
        let unit_ms = match unit.trim() {
            "ms" => 1,
            "s" => 1_000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(wrong()),
        };
        let duration = Duration::from_millis(count.saturating_mul(unit_ms));
        if range.contains(&duration) {
            return Ok(duration);
        }
        Err(format!(
            "`{text}` must be {:?} to {:?}",
            range.start(),
            range.end()
        ))
    }
}

/// `500kbps`, `4Mbps`, `2Gbps`: bits a second.
pub(super) fn rate(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` must be a rate such as 4Mbps");
    let split = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let (count, unit) = text.split_at(split);
    let count: u64 = count.parse().map_err(|_| wrong())?;
    let unit = match unit.trim() {
        "bps" => 1,
        "kbps" => 1_000,
        "Mbps" => 1_000_000,
        "Gbps" => 1_000_000_000,
        _ => return Err(wrong()),
    };
    count
        .checked_mul(unit)
        .filter(|rate| *rate > 0)
        .ok_or_else(wrong)
}

/// `32KiB`, in bytes; the range is in KiB.
pub(super) fn size(
    range: std::ops::RangeInclusive<usize>,
) -> impl Fn(&str) -> Result<usize, String> {
    move |text| {
        let count = text.strip_suffix("KiB").map(str::trim_end);
        let count = count.and_then(|count| count.parse().ok());
        let within = count.filter(|count| range.contains(count));
        within.map(|count: usize| count * 1024).ok_or_else(|| {
            let (least, most) = (range.start(), range.end());
            format!("`{text}` must be {least}KiB to {most}KiB")
        })
    }
}

/// `10.0.0.0/16`, or a single address.
pub(super) fn network(text: &str) -> Result<IpNet, String> {
    let network = text
        .parse()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    let network: IpNet =
        network.map_err(|_| format!("`{text}` must be a network such as 10.11.0.0/16"))?;
    if network.prefix_len() == 0 {
        return Err(format!(
            "`{text}` is every address: name the networks that are meant"
        ));
    }
    Ok(network)
}

/// An address, or `auto`.
pub(super) fn address_or_auto(text: &str) -> Result<Option<IpAddr>, String> {
    if text == "auto" {
        return Ok(None);
    }
    text.parse()
        .map(Some)
        .map_err(|_| format!("`{text}` must be an address or auto"))
}

/// An address with a port.
pub(super) fn socket(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| format!("`{text}` must be an address with a port such as 127.0.0.1:8080"))
}

/// An address with a port that only this machine reaches.
pub(super) fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address = socket(text)?;
    if address.ip().is_loopback() {
        return Ok(address);
    }
    Err(format!(
        "`{text}` is not loopback: this version serves it without TLS"
    ))
}

/// A host name or address with a port; the port may be missing.
pub(super) fn host_and_port(text: &str) -> Result<(String, u16), String> {
    let wrong = || format!("`{text}` must be host:port, such as 10.1.1.10:5060");
    if let Ok(address) = text.parse::<SocketAddr>() {
        let place = (address.ip().to_string(), address.port());
        return Some(place).filter(|(_, port)| *port > 0).ok_or_else(wrong);
    }
    let (host, port) = text.rsplit_once(':').unwrap_or((text, "5060"));
    let is_name = !host.is_empty()
        && host
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-.".contains(c));
    let port = port.parse().ok().filter(|port| *port > 0);
    match port {
        Some(port) if is_name => Ok((host.to_owned(), port)),
        _ => Err(wrong()),
    }
}

/// `20000-29999`: first and last.
pub(super) fn ports(text: &str) -> Result<(u16, u16), String> {
    let pair = text.split_once('-').and_then(|(first, last)| {
        Some((
            first.trim().parse::<u16>().ok()?,
            last.trim().parse::<u16>().ok()?,
        ))
    });
    pair.filter(|(first, last)| *first >= 1024 && first < last)
        .ok_or_else(|| {
            format!("`{text}` must be a range of ports such as 20000-29999, from 1024 up")
        })
}

/// A code of 20 digits of the given kind.
pub(super) fn code(text: &str) -> Result<GbCode, String> {
    text.parse()
        .map_err(|error: crate::catalog::CodeError| format!("`{text}`: {error}"))
}

/// An id: letters, digits, `_` and `-`, at most 64.
pub(super) fn id(text: &str) -> Result<String, String> {
    let fits = (1..=64).contains(&text.len())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    fits.then(|| text.to_owned())
        .ok_or_else(|| format!("`{text}` must be 1 to 64 of A-Z a-z 0-9 _ -"))
}

/// One of several words.
pub(super) fn one_of<T: Copy>(
    table: &'static [(&'static str, T)],
) -> impl Fn(&str) -> Result<T, String> {
    move |text| {
        let found = table
            .iter()
            .find(|(word, _)| *word == text)
            .map(|(_, value)| *value);
        let words = || {
            table
                .iter()
                .map(|(word, _)| *word)
                .collect::<Vec<_>>()
                .join(", ")
        };
        found.ok_or_else(|| format!("`{text}` must be one of: {}", words()))
    }
}

/// A word of the contract whose other choices this version does not have.
pub(super) fn only(word: &'static str) -> impl Fn(&str) -> Result<(), String> {
    move |text| {
        if text == word {
            return Ok(());
        }
        Err(format!(
            "`{text}` is not supported by this version: it has only `{word}`"
        ))
    }
}

/// A secret: `{file: path}`, `{env: NAME}` or `{credential: NAME}`; never written out.
pub(super) fn secret(section: &Section<'_>, key: &'static str) -> Option<Secret> {
    if section.node(key).is_none() {
        section.missing(key);
        return None;
    }
    if section.is_no_mapping(key) {
        section.fail(
            key,
            "a secret stands in a file: write {file: path}, {env: NAME} or {credential: NAME}",
        );
        return None;
    }
    let from = section.section(key);
    let file = from
        .value("file", text)
        .map(|path| section.context.path(&path));
    let variable = from.value("env", text);
    let credential = from.value("credential", text);
    from.finish(&[]);
    let read = match (file, variable, credential) {
        (Some(path), None, None) => read_secret(&path, true),
        (None, Some(name), None) => std::env::var(&name)
            .map(Secret::new)
            .map_err(|_| format!("the environment has no {name}")),
        (None, None, Some(name)) => match std::env::var_os("CREDENTIALS_DIRECTORY") {
            Some(folder) => read_secret(&Path::new(&folder).join(&name), false),
            None => {
                Err("systemd gave no credentials (CREDENTIALS_DIRECTORY is not set)".to_owned())
            }
        },
        _ => Err("needs exactly one of file, env, credential".to_owned()),
    };
    match read {
        Ok(secret) if secret.expose().is_empty() => {
            section.fail(key, "the secret is empty");
            None
        }
        Ok(secret) => Some(secret),
        Err(message) => {
            section.fail(key, message);
            None
        }
    }
}

fn read_secret(path: &Path, is_guarded: bool) -> Result<Secret, String> {
    let shown = path.display();
    let metadata = std::fs::metadata(path).map_err(|error| format!("{shown}: {error}"))?;
    if !metadata.is_file() {
        return Err(format!("{shown} is no file"));
    }
    if is_guarded && metadata.permissions().mode() & 0o007 != 0 {
        return Err(format!("{shown} can be read by others: chmod 0600 {shown}"));
    }
    if metadata.len() > SECRET_BYTES_MAX {
        return Err(format!("{shown} is larger than {SECRET_BYTES_MAX} bytes"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| format!("{shown}: {error}"))?;
    Ok(Secret::new(text.strip_suffix('\n').unwrap_or(&text)))
}

const SECRET_BYTES_MAX: u64 = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_rates_are_read_with_their_units() {
        let any = duration(Duration::ZERO..=Duration::from_secs(86_400));
        assert_eq!(any("10s"), Ok(Duration::from_secs(10)));
        assert_eq!(any("1h"), Ok(Duration::from_secs(3600)));
        assert!(any("10").is_err() && any("s").is_err() && any("2d").is_err());
        assert_eq!(rate("4Mbps"), Ok(4_000_000));
        assert!(rate("4").is_err() && rate("0bps").is_err() && rate("99999999999999Gbps").is_err());
    }

    #[test]
    fn sizes_are_read_with_their_unit_and_within_their_range() {
        assert_eq!(size(2..=60)("32KiB"), Ok(32_768));
        for wrong in ["1KiB", "61KiB", "32", "32KB", "-2KiB", "KiB", ""] {
            let expected = format!("`{wrong}` must be 2KiB to 60KiB");
            assert_eq!(size(2..=60)(wrong), Err(expected));
        }
    }

    #[test]
    fn there_is_no_network_that_means_any() {
        assert!(network("0.0.0.0/0").is_err());
        assert_eq!(network("10.1.1.10"), Ok("10.1.1.10/32".parse().unwrap()));
    }
}
