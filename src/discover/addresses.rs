//! The addresses that a steward lists, and which of them may be asked. Pure.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;

use crate::catalog::{Department, is_forbidden};

/// The most addresses of one discovery.
pub const ADDRESSES_MAX: usize = 4096;

/// Reads a list of `10.11.0.1`, `10.11.0.0/24` (without the first and the last of it) and `10.11.0.1-10.11.0.50`. Each
/// address comes once, in the order of the list.
///
/// # Errors
///
/// Says what is wrong with each part that is none of these, or that there are none, or too many.
pub fn parse<'a>(list: impl IntoIterator<Item = &'a str>) -> Result<Vec<IpAddr>, Vec<String>> {
    let (mut seen, mut addresses, mut problems) = (HashSet::new(), Vec::new(), Vec::new());
    for text in list {
        match Span::parse(text.trim()) {
            Ok(span) => addresses.extend(span.addresses().filter(|one| seen.insert(*one))),
            Err(why) => problems.push(format!("`{}` {why}", shown(text))),
        }
        if addresses.len() > ADDRESSES_MAX {
            problems.push(TOO_MANY.to_owned());
        }
        if addresses.len() > ADDRESSES_MAX || problems.len() >= PROBLEMS_MAX {
            break;
        }
    }
    if addresses.is_empty() && problems.is_empty() {
        problems.push("no address is named: name one, a network or a range".to_owned());
    }
    if problems.is_empty() {
        Ok(addresses)
    } else {
        Err(problems)
    }
}

/// The ports at which a camera of that department at that address may be asked.
///
/// # Errors
///
/// Says why it may not be asked at all.
pub(super) fn ports_of(
    address: IpAddr,
    department: &Department,
    forbidden: &[SocketAddr],
) -> Result<Vec<u16>, String> {
    let id = &department.id;
    if address.is_unspecified() || address.is_multicast() || is_broadcast(address) {
        return Err(format!("{address} is the address of no device"));
    }
    if !department.allows(address) {
        return Err(format!(
            "{address} is outside the networks of {id}: correct the address, or add its network to `networks` of {id}"
        ));
    }
    let asked = askable(department);
    let (free, taken): (Vec<u16>, Vec<u16>) =
        asked.partition(|port| !is_forbidden(forbidden, address, *port));
    match (free.is_empty(), taken.first()) {
        (true, Some(port)) => Err(format!(
            "{address}:{port} is the gateway itself or the signalling of a platform: leave it out"
        )),
        (true, None) => Err(no_port(id)),
        (false, _) => Ok(free),
    }
}

/// Whether a department has a port at which ONVIF may be asked for.
///
/// # Errors
///
/// Says that it has none, and what to do.
pub(super) fn require_port(department: &Department) -> Result<(), String> {
    match askable(department).next() {
        Some(_) => Ok(()),
        None => Err(no_port(&department.id)),
    }
}

fn no_port(id: &str) -> String {
    format!(
        "{id} has no port but those of RTSP: add that of ONVIF (mostly 80) to `ports` of {id}, and reload"
    )
}

/// The department's ports but those of RTSP: who speaks that does not know HTTP, and some lock up over it.
fn askable(department: &Department) -> impl Iterator<Item = u16> {
    let ports = department.ports.iter().copied();
    ports.filter(|port| !RTSP_PORTS.contains(port))
}

/// Addresses of one family from the first to the last, as numbers.
struct Span {
    is_v4: bool,
    first: u128,
    last: u128,
}

impl Span {
    fn parse(text: &str) -> Result<Self, &'static str> {
        let span = if let Some((first, last)) = text.split_once('-') {
            let address = |text: &str| text.trim().parse().map_err(|_| NO_ADDRESS);
            Self::between(address(first)?, address(last)?)?
        } else if text.contains('/') {
            let network: IpNet = text.parse().map_err(|_| NO_ADDRESS)?;
            Self::of(network.trunc())?
        } else {
            let address = text.parse().map_err(|_| NO_ADDRESS)?;
            Self::between(address, address)?
        };
        if span.last - span.first >= ADDRESSES_MAX as u128 {
            return Err("is more than 4096 addresses: ask for them in several discoveries");
        }
        Ok(span)
    }

    fn between(first: IpAddr, last: IpAddr) -> Result<Self, &'static str> {
        let (first, last) = match (first.to_canonical(), last.to_canonical()) {
            (IpAddr::V4(first), IpAddr::V4(last)) => (number(first), number(last)),
            (IpAddr::V6(first), IpAddr::V6(last)) => ((false, first.into()), (false, last.into())),
            _ => return Err("is a range from one family of addresses to another"),
        };
        if first.1 > last.1 {
            return Err("ends before it begins: exchange its two addresses");
        }
        Ok(Self {
            is_v4: first.0,
            first: first.1,
            last: last.1,
        })
    }

    /// A network without the addresses that mean itself and all of it, where it has these.
    fn of(network: IpNet) -> Result<Self, &'static str> {
        let mut span = Self::between(network.network(), network.broadcast())?;
        if span.is_v4 && span.last - span.first > 1 {
            span.first += 1;
            span.last -= 1;
        }
        Ok(span)
    }

    fn addresses(self) -> impl Iterator<Item = IpAddr> {
        let is_v4 = self.is_v4;
        (self.first..=self.last).map(move |number| match u32::try_from(number) {
            Ok(number) if is_v4 => IpAddr::V4(Ipv4Addr::from(number)),
            _ => IpAddr::V6(Ipv6Addr::from(number)),
        })
    }
}

fn number(address: Ipv4Addr) -> (bool, u128) {
    (true, u32::from(address).into())
}

fn is_broadcast(address: IpAddr) -> bool {
    matches!(address, IpAddr::V4(v4) if v4.is_broadcast())
}

fn shown(text: &str) -> String {
    let signs = text.chars().filter(|sign| !sign.is_control());
    signs.take(SHOWN_SIGNS_MAX).collect()
}

const NO_ADDRESS: &str =
    "is no address, no network like 10.11.0.0/24 and no range like 10.11.0.1-10.11.0.50";
const TOO_MANY: &str = "more than 4096 addresses: ask for them in several discoveries";
/// RTSPS, RTSP and its alternative, as IANA lists them.
const RTSP_PORTS: [u16; 3] = [322, 554, 8554];
const PROBLEMS_MAX: usize = 20;
const SHOWN_SIGNS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_networks_and_ranges_are_taken_once_and_in_order() {
        for (list, expected) in [
            (&["10.11.0.1"][..], &["10.11.0.1"][..]),
            (&[" 10.11.0.4/30 "], &["10.11.0.5", "10.11.0.6"]),
            (&["10.11.0.7/30"], &["10.11.0.5", "10.11.0.6"]),
            (&["10.11.0.4/31"], &["10.11.0.4", "10.11.0.5"]),
            (&["10.11.0.4/32"], &["10.11.0.4"]),
            (
                &["10.11.0.9 - 10.11.0.11", "10.11.0.10", "10.11.0.1"],
                &["10.11.0.9", "10.11.0.10", "10.11.0.11", "10.11.0.1"],
            ),
            (&["::ffff:10.11.0.1", "10.11.0.1"], &["10.11.0.1"]),
            (
                &["fd00::ffff-fd00::1:0", "fd00::2/127"],
                &["fd00::ffff", "fd00::1:0", "fd00::2", "fd00::3"],
            ),
        ] {
            let read = parse(list.iter().copied()).unwrap();
            let read: Vec<_> = read.iter().map(ToString::to_string).collect();
            assert_eq!(read, expected, "{list:?}");
        }
        assert_eq!(parse(["10.0.0.0/20"]).unwrap().len(), 4094);
        assert_eq!(parse(["10.0.0.0-10.0.15.255"]).unwrap().len(), 4096);
    }

    #[test]
    fn what_is_no_list_of_so_few_addresses_is_refused() {
        for (list, expected) in [
            (&[][..], "no address is named"),
            (&[""], "`` is no address"),
            (&["camera.example"], "`camera.example` is no address"),
            (&["10.11.0.1:80"], "is no address"),
            (&["10.11.0.256"], "is no address"),
            (&["10.11.0.0/33"], "is no address"),
            (&["10.11.0.9-10.11.0.1"], "ends before it begins"),
            (&["10.11.0.9-fd00::1"], "one family"),
            (&["0.0.0.0/0"], "more than 4096"),
            (&["::/0"], "more than 4096"),
            (&["10.0.0.0-10.0.16.0"], "more than 4096"),
            (&["10.0.0.0/20", "10.1.0.0/29"], "more than 4096"),
        ] {
            let problems = parse(list.iter().copied()).unwrap_err();
            assert_eq!(problems.len(), 1, "{list:?}: {problems:?}");
            assert!(problems[0].contains(expected), "{list:?}: {problems:?}");
        }
        let many = parse(["x"; 100]).unwrap_err();
        assert_eq!(many.len(), PROBLEMS_MAX);
    }

    #[test]
    fn only_the_departments_networks_and_ports_are_asked() {
        let department = Department {
            networks: vec![
                "10.11.0.0/16".parse().unwrap(),
                "127.0.0.0/8".parse().unwrap(),
            ],
            ports: vec![554, 80, 8000],
            ..Department::sample()
        };
        let forbidden: Vec<SocketAddr> = ["10.11.0.9:80", "10.11.0.9:8000", "0.0.0.0:8000"]
            .map(|text| text.parse().unwrap())
            .to_vec();
        for (address, expected) in [
            ("10.11.0.1", Ok(&[80, 8000][..])),
            ("127.0.0.1", Ok(&[80])),
            ("10.12.0.1", Err("outside the networks of education")),
            ("10.11.0.9", Err("10.11.0.9:80 is the gateway itself")),
            ("0.0.0.0", Err("no device")),
            ("224.0.0.1", Err("no device")),
            ("255.255.255.255", Err("no device")),
        ] {
            let ports = ports_of(address.parse().unwrap(), &department, &forbidden);
            match expected {
                Ok(expected) => assert_eq!(ports.as_deref(), Ok(expected), "{address}"),
                Err(expected) => assert!(ports.unwrap_err().contains(expected), "{address}"),
            }
        }
        let rtsp_only = Department::sample();
        assert!(require_port(&department).is_ok());
        assert!(require_port(&rtsp_only).unwrap_err().contains("`ports`"));
        let private = "10.0.0.1".parse().unwrap();
        assert!(ports_of(private, &rtsp_only, &[]).is_err());
    }
}
