//! Two network namespaces joined by a cable, so that a capture sees packets as a wire carries them.
//!
//! On loopback, and where offloads are on, a capture shows one long datagram for a burst that the
//! kernel cuts later.

use tokio::process::Command;

use super::tools::{program, run};

/// Where the gateway and its cameras live.
pub(super) const GATEWAY: &str = "10.77.0.1";

/// Where the platform and its receivers live.
pub(super) const PLATFORM: &str = "10.77.0.2";

/// The platform's end of the cable.
pub(super) const PLATFORM_END: &str = "platform0";

const GATEWAY_END: &str = "gateway0";

/// The two namespaces; they go with this value.
pub(super) struct Networks {
    gateway: String,
    platform: String,
}

impl Networks {
    /// Lays the cable; `name` is the test's.
    pub(super) async fn new(name: &str) -> Self {
        let unique = format!("huiju-{}-{name}", std::process::id());
        let networks = Self {
            gateway: format!("{unique}-g"),
            platform: format!("{unique}-p"),
        };
        let (gateway, platform) = (&networks.gateway, &networks.platform);
        ip(&format!("netns add {gateway}")).await;
        ip(&format!("netns add {platform}")).await;
        ip(&format!(
            "link add name {GATEWAY_END} netns {gateway} type veth peer name {PLATFORM_END} netns {platform}"
        ))
        .await;
        for (place, end, address) in [
            (gateway, GATEWAY_END, GATEWAY),
            (platform, PLATFORM_END, PLATFORM),
        ] {
            ip(&format!("-n {place} address add {address}/24 dev {end}")).await;
            ip(&format!("-n {place} link set lo up")).await;
            ip(&format!("-n {place} link set {end} up")).await;
            let mut ethtool = within(place, &program("ethtool"));
            let options = OFFLOADS.iter().flat_map(|offload| [offload, "off"]);
            run(ethtool.args(["-K", end]).args(options)).await;
        }
        networks
    }

    /// The command, run where the gateway is.
    pub(super) fn at_gateway(&self, command: &Command) -> Command {
        within(&self.gateway, command)
    }

    /// The command, run where the platform is.
    pub(super) fn at_platform(&self, command: &Command) -> Command {
        within(&self.platform, command)
    }
}

impl Drop for Networks {
    fn drop(&mut self) {
        for name in [&self.gateway, &self.platform] {
            let removed = std::process::Command::new("ip")
                .args(["netns", "delete", name])
                .status();
            let is_removed = removed.is_ok_and(|status| status.success());
            assert!(is_removed || std::thread::panicking(), "{name} is left");
        }
    }
}

/// `ip netns exec` becomes the program itself: its process id is the program's.
fn within(place: &str, command: &Command) -> Command {
    let command = command.as_std();
    let mut inside = program("ip");
    inside
        .args(["netns", "exec", place])
        .arg(command.get_program())
        .args(command.get_args());
    inside
}

/// Namespaces need root, as the installation of what is missing does.
async fn ip(arguments: &str) {
    run(program("ip").args(arguments.split(' '))).await;
}

const OFFLOADS: [&str; 7] = ["tx-udp-segmentation", "tso", "gso", "gro", "tx", "rx", "sg"];
