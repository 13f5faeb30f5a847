//! The gateway: its configuration, its process, and what it counts.

use std::fs::Permissions;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use huiju_sim::farm::DEPARTMENTS;
use huiju_sim::platform::Settings;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::timeout;

use crate::cases::Case;
use crate::farm::{self, Farm};
use crate::processes::{self, LIMIT, Process};
use crate::usage::Usage;

/// Where the platform is.
pub(crate) const PLATFORM_IP: Ipv4Addr = Ipv4Addr::new(127, 45, 0, 1);
/// The gateway's password there.
pub(crate) const PASSWORD: &str = "a-password-of-benches";

/// The gateway.
#[derive(Debug)]
pub(crate) struct Gateway(Process);

impl Gateway {
    /// Starts the gateway with the first cameras of the farm, knowing nothing of a run before. It logs as it does by
    /// default, into a file.
    pub(crate) fn start(case: &Case, cameras: usize) -> anyhow::Result<Self> {
        let folder = configure(case, cameras)?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_huiju"));
        command
            .arg("run")
            .arg("--config")
            .arg(folder.join("huiju.yaml"))
            .env_remove("RUST_LOG");
        Ok(Self(Process::start("gateway", &mut command)?))
    }

    /// Resolves when it ended by itself, which it must not.
    pub(crate) async fn ended(&mut self) -> anyhow::Error {
        self.0.ended().await
    }

    /// What it uses.
    pub(crate) fn usage(&self) -> anyhow::Result<Usage> {
        self.0.usage()
    }

    /// What it counted.
    pub(crate) async fn counters(&self) -> anyhow::Result<Counters> {
        let text = timeout(LIMIT, metrics()).await??;
        let sum = |family: &str, label: &str| -> anyhow::Result<u64> {
            let mut values = text
                .lines()
                .filter(|line| line.starts_with(family) && line.contains(label))
                .filter_map(|line| line.rsplit_once(' '))
                .peekable();
            ensure!(values.peek().is_some(), "no {family} with {label:?}");
            values.map(|(_, value)| Ok(value.parse::<u64>()?)).sum()
        };
        let sink = "{sink=\"gb28181\"}";
        Ok(Counters {
            bytes_sent: sum("huiju_sink_bytes_total", sink)?,
            frames_dropped: sum("huiju_bus_frames_dropped_total", sink)?,
            source_bytes: sum("huiju_source_bytes_total", "")?,
            source_packets_lost: sum("huiju_source_packets_lost_total", "")?,
            connected: sum("huiju_source_connects_total", "result=\"ok\"")?,
        })
    }

    /// Stops it in good order.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        self.0.stop_well().await
    }
}

/// What the gateway counts itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counters {
    /// Bytes sent to platforms, RTP headers included.
    pub(crate) bytes_sent: u64,
    /// Frames that were not sent, because a session was too slow.
    pub(crate) frames_dropped: u64,
    /// Bytes of RTP payload from cameras.
    pub(crate) source_bytes: u64,
    /// RTP packets missing from cameras.
    pub(crate) source_packets_lost: u64,
    /// Cameras whose first key frame came.
    pub(crate) connected: u64,
}

/// Writes a configuration into a folder that has nothing else.
fn configure(case: &Case, cameras: usize) -> anyhow::Result<PathBuf> {
    let folder = processes::folder()?.join("gateway");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot create {}", folder.display()))?;
    write_private(&folder.join("district.pw"), PASSWORD)?;
    write_private(&folder.join("cameras.csv"), &Farm::inventory(cameras)?)?;
    let config = serde_json::to_string_pretty(&config(case, cameras))?;
    std::fs::write(folder.join("huiju.yaml"), config)?;
    Ok(folder)
}

fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text)?;
    Ok(std::fs::set_permissions(
        path,
        Permissions::from_mode(0o600),
    )?)
}

fn config(case: &Case, cameras: usize) -> serde_json::Value {
    let pull = if case.copies == 0 {
        "always"
    } else {
        "on_demand"
    };
    let departments = DEPARTMENTS.each_ref().map(|department| {
        json!({
            "id": department.id, "name": department.name,
            "networks": ["127.21.0.0/16"], "ports": [farm::PORT], "pull": pull,
        })
    });
    let usual = Settings::default();
    json!({
        "gateway": {"name": "天元区视频汇聚网关", "civil_code": "430211", "data_dir": "data"},
        "listen": {
            "http": format!("{GATEWAY_IP}:8080"), "metrics": format!("{GATEWAY_IP}:9180"),
            "sip": format!("{GATEWAY_IP}:5060"), "rtp_ports": "20000-29999", "admin": "admin.sock",
        },
        "departments": departments,
        "inventory": {"files": ["cameras.csv"]},
        "platforms": [{
            "id": "district", "name": "区共享平台", "gb_id": usual.gb_id, "domain": usual.domain,
            "address": format!("{PLATFORM_IP}:5060"), "local_gb_id": usual.lower_id,
            "password": {"file": "district.pw"},
            "catalogue": {"share": {"departments": DEPARTMENTS.each_ref().map(|department| department.id)}},
            "media": {"networks": [format!("{PLATFORM_IP}/32")]},
            "authority": {"document": "天综治〔2025〕12号", "unit": "区综治中心", "purpose": "公共安全视频共享"},
            "limits": {"sessions": case.streams(cameras), "bandwidth": "10Gbps"},
        }],
    })
}

async fn metrics() -> anyhow::Result<String> {
    let mut stream = TcpStream::connect((GATEWAY_IP, 9180)).await?;
    let request = "GET /metrics HTTP/1.1\r\nhost: huiju\r\nconnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    ensure!(answer.starts_with("HTTP/1.1 200"), "metrics: {answer}");
    Ok(answer)
}

const GATEWAY_IP: Ipv4Addr = Ipv4Addr::new(127, 44, 0, 1);
