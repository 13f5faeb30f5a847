//! Finds a camera's address, and holds it to its department's networks and ports.
//!
//! A camera is an untrusted server: the address that was checked is the one that is connected to.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::lookup_host;
use tokio::time::timeout;

use crate::catalog::{Department, Location};
use crate::ledger::Cause;

/// Resolves `location` to an address inside the department's networks.
///
/// # Errors
///
/// The name does not resolve, or no address of it is allowed.
pub(super) async fn resolve(location: &Location, department: &Department) -> Result<IpAddr, Cause> {
    if !department.ports.contains(&location.port) {
        return Err(Cause::NotAllowed);
    }
    let found = match location.host.parse::<IpAddr>() {
        Ok(address) => vec![SocketAddr::new(address, location.port)],
        Err(_) => match timeout(
            LOOKUP_TIME,
            lookup_host((location.host.as_str(), location.port)),
        )
        .await
        {
            Ok(Ok(found)) => found.take(ADDRESSES_MAX).collect(),
            Ok(Err(_)) | Err(_) => return Err(Cause::Dns),
        },
    };
    if found.is_empty() {
        return Err(Cause::Dns);
    }
    let allowed = found
        .iter()
        .map(|address| address.ip())
        .find(|ip| is_allowed(*ip, department));
    allowed.ok_or(Cause::NotAllowed)
}

/// Whether a camera of the department may be there. A department without networks is held to private
/// addresses; loopback only where a network names it.
fn is_allowed(address: IpAddr, department: &Department) -> bool {
    let address = address.to_canonical();
    if department.networks.is_empty() {
        return is_private(address);
    }
    department
        .networks
        .iter()
        .any(|network| network.contains(&address))
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_private(),
        IpAddr::V6(v6) => v6.is_unique_local(),
    }
}

const LOOKUP_TIME: Duration = Duration::from_secs(5);
const ADDRESSES_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Pull;

    #[tokio::test]
    async fn an_address_outside_the_networks_is_not_allowed() {
        let table = [
            ("10.11.0.5", 554, vec!["10.11.0.0/16"], Ok("10.11.0.5")),
            (
                "10.12.0.5",
                554,
                vec!["10.11.0.0/16"],
                Err(Cause::NotAllowed),
            ),
            (
                "10.11.0.5",
                22,
                vec!["10.11.0.0/16"],
                Err(Cause::NotAllowed),
            ),
            (
                "::ffff:10.12.0.5",
                554,
                vec!["10.11.0.0/16"],
                Err(Cause::NotAllowed),
            ),
            ("127.0.0.1", 554, vec![], Err(Cause::NotAllowed)),
            ("169.254.169.254", 554, vec![], Err(Cause::NotAllowed)),
            ("192.168.1.1", 554, vec![], Ok("192.168.1.1")),
            ("127.0.0.1", 554, vec!["127.0.0.0/8"], Ok("127.0.0.1")),
        ];
        for (host, port, networks, expected) in table {
            let department = Department {
                id: "x".into(),
                name: "x".into(),
                networks: networks.iter().map(|n| n.parse().unwrap()).collect(),
                ports: vec![554],
                pull: Pull::OnDemand,
                industry: "11".into(),
                network: 6,
            };
            let found = resolve(&Location::new(host, port, "/"), &department).await;
            assert_eq!(
                found,
                expected.map(|address| address.parse().unwrap()),
                "{host}:{port}"
            );
        }
    }
}
