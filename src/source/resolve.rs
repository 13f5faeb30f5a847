//! Finds a camera's address, and holds it to its department's networks and ports.
//!
//! A camera is an untrusted server: the address that was checked is the one that is connected to, and
//! it is never one of the gateway itself or of a platform's signalling.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::catalog::{Department, Location, is_forbidden};
use crate::ledger::Cause;
use crate::task::blocking;

/// Looks names up, so many at once: a slow name server must not take all threads that block.
#[derive(Debug)]
pub(super) struct Resolver(Arc<Semaphore>);

impl Default for Resolver {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(LOOKUPS_MAX)))
    }
}

impl Resolver {
    /// Resolves `location` to an address inside the department's networks.
    ///
    /// # Errors
    ///
    /// The name does not resolve, or no address of it is allowed.
    pub(super) async fn resolve(
        &self,
        location: &Location,
        department: &Department,
        forbidden: &[SocketAddr],
    ) -> Result<IpAddr, Cause> {
        if !department.ports.contains(&location.port) {
            return Err(Cause::NotAllowed);
        }
        let found = match location.host.parse::<IpAddr>() {
            Ok(address) => vec![address],
            Err(_) => self.look_up(&location.host, location.port).await?,
        };
        let allowed = found.into_iter().find(|address| {
            department.allows(*address) && !is_forbidden(forbidden, *address, location.port)
        });
        allowed.ok_or(Cause::NotAllowed)
    }

    async fn look_up(&self, host: &str, port: u16) -> Result<Vec<IpAddr>, Cause> {
        let look_up = async {
            let permit = self.0.clone().acquire_owned().await.ok()?;
            let host = host.to_owned();
            // The thread blocks for as long as the resolver likes, and holds its permit till then.
            blocking(move || {
                let found = (host.as_str(), port).to_socket_addrs().ok()?;
                let found = found
                    .take(ADDRESSES_MAX)
                    .map(|address| address.ip())
                    .collect();
                drop(permit);
                Some(found)
            })
            .await
        };
        let found = timeout(LOOKUP_TIME, look_up).await.ok().flatten();
        found
            .filter(|found: &Vec<_>| !found.is_empty())
            .ok_or(Cause::Dns)
    }
}

const LOOKUP_TIME: Duration = Duration::from_secs(5);
const LOOKUPS_MAX: usize = 16;
const ADDRESSES_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

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
            (
                "127.0.0.1",
                5060,
                vec!["127.0.0.0/8"],
                Err(Cause::NotAllowed),
            ),
            (
                "10.1.1.10",
                5060,
                vec!["10.0.0.0/8"],
                Err(Cause::NotAllowed),
            ),
            (
                "::ffff:10.1.1.10",
                5060,
                vec!["10.0.0.0/8"],
                Err(Cause::NotAllowed),
            ),
            ("10.1.1.11", 5060, vec!["10.0.0.0/8"], Ok("10.1.1.11")),
        ];
        let forbidden: Vec<SocketAddr> = ["0.0.0.0:5060", "10.1.1.10:5060"]
            .map(|address| address.parse().unwrap())
            .to_vec();
        for (host, port, networks, expected) in table {
            let department = Department {
                networks: networks.iter().map(|n| n.parse().unwrap()).collect(),
                ports: vec![554, 5060],
                ..Department::sample()
            };
            let location = Location::new(host, port, "/");
            let found = Resolver::default()
                .resolve(&location, &department, &forbidden)
                .await;
            let expected = expected.map(|address| address.parse().unwrap());
            assert_eq!(found, expected, "{host}:{port}");
        }
    }
}
