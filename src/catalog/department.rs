//! Departments, and what holds for their cameras.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;

use super::{Pull, Secret};

/// A department and what holds for its cameras.
#[derive(Clone, Debug, PartialEq)]
pub struct Department {
    /// `education`, `health` …
    pub id: String,
    /// The name that platforms show.
    pub name: String,
    /// Where its cameras may be.
    pub networks: Vec<IpNet>,
    /// At which ports.
    pub ports: Vec<u16>,
    /// When its cameras are pulled.
    pub pull: Pull,
    /// The two industry digits of its cameras' codes.
    pub industry: String,
    /// The network digit of its cameras' codes.
    pub network: u8,
    /// How often a camera that nobody looks at is probed; `None`: never.
    pub probe_interval: Option<Duration>,
    /// Users and passwords that its cameras name.
    pub credentials: BTreeMap<String, (String, Secret)>,
    /// What its cameras may use together.
    pub limits: DepartmentLimits,
    /// The platforms that may see its cameras, by id; `None`: all.
    pub shared_with: Option<Vec<String>>,
}

/// What the cameras of a department may use together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DepartmentLimits {
    /// Cameras that are pulled at once.
    pub streams: usize,
    /// Bits a second from all of them.
    pub bandwidth: u64,
    /// Handshakes begun a second.
    pub connects_per_second: f64,
}

impl Default for DepartmentLimits {
    fn default() -> Self {
        Self {
            streams: 500,
            bandwidth: 800_000_000,
            connects_per_second: 50.0,
        }
    }
}

impl Department {
    /// Whether a camera of it may be at that address. Without networks it is held to private
    /// addresses; loopback only where a network names it.
    pub fn allows(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        if self.networks.is_empty() {
            return is_private(address);
        }
        self.networks
            .iter()
            .any(|network| network.contains(&address))
    }

    /// Whether a row that names its department so means this one; no two ids differ by case alone.
    pub fn is_called(&self, name: &str) -> bool {
        self.id.eq_ignore_ascii_case(name) || self.name == name
    }

    /// A department for tests.
    #[cfg(test)]
    pub(crate) fn sample() -> Self {
        Self {
            id: "education".into(),
            name: "区教育局".into(),
            networks: Vec::new(),
            ports: vec![554],
            pull: Pull::OnDemand,
            industry: "11".into(),
            network: 6,
            probe_interval: None,
            credentials: BTreeMap::new(),
            limits: DepartmentLimits::default(),
            shared_with: None,
        }
    }

    /// Whether the platform of that id may see its cameras.
    pub fn is_shared_with(&self, platform: &str) -> bool {
        self.shared_with
            .as_ref()
            .is_none_or(|platforms| platforms.iter().any(|id| id == platform))
    }
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_private(),
        IpAddr::V6(v6) => v6.is_unique_local(),
    }
}

/// Whether something of our own or of a platform listens there; `0.0.0.0` is every address of ours, of
/// which loopback is the one that we know.
pub fn is_forbidden(forbidden: &[SocketAddr], address: IpAddr, port: u16) -> bool {
    let address = address.to_canonical();
    forbidden.iter().any(|listener| {
        let ip = listener.ip().to_canonical();
        listener.port() == port && (ip == address || ip.is_unspecified() && address.is_loopback())
    })
}
