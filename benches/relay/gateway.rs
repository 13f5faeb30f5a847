//! The gateway: its configuration, its process, and what it counts.

use std::ffi::OsStr;
use std::fs::Permissions;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use huiju_sim::farm::DEPARTMENTS;
use huiju_sim::histogram::Histogram;
use huiju_sim::platform::Settings;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::{sleep, timeout};

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
    /// Starts the gateway, knowing nothing of a run before. It logs as it does by default, into a file.
    pub(crate) fn start(setup: &Setup) -> anyhow::Result<Self> {
        configure(setup)?;
        Self::start_again()
    }

    /// Starts the gateway as it was started before; what it stored then is there.
    pub(crate) fn start_again() -> anyhow::Result<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_huiju"));
        command
            .arg("run")
            .arg("--config")
            .arg(folder()?.join("huiju.yaml"))
            .env_remove("RUST_LOG");
        Ok(Self(Process::start("gateway", &mut command)?))
    }

    /// Waits until it says that it is ready.
    pub(crate) async fn ready(&mut self, limit: Duration) -> anyhow::Result<()> {
        let ready = async {
            while get("/readyz").await.is_err() {
                sleep(READY_INTERVAL).await;
            }
        };
        tokio::select! {
            ready = timeout(limit, ready) => {
                ready.with_context(|| format!("the gateway is not ready after {limit:?}"))
            }
            failed = self.ended() => Err(failed),
        }
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
        let text = metrics().await?;
        let sum = |family, label| sum(&text, family, label);
        let sink = "{sink=\"gb28181\"}";
        Ok(Counters {
            bytes_sent: sum("huiju_sink_bytes_total", sink)?,
            frames_dropped: sum("huiju_bus_frames_dropped_total", sink)?,
            source_bytes: sum("huiju_source_bytes_total", "")?,
            source_packets_lost: sum("huiju_source_packets_lost_total", "")?,
            connected: sum("huiju_source_connects_total", "result=\"ok\"")?,
        })
    }

    /// Where operators ask it.
    pub(crate) fn admin_socket() -> anyhow::Result<PathBuf> {
        Ok(folder()?.join("admin.sock"))
    }

    /// Where its files are.
    pub(crate) fn folder() -> anyhow::Result<PathBuf> {
        folder()
    }

    /// What a command of the binary prints, which must succeed.
    pub(crate) async fn command(arguments: &[&OsStr]) -> anyhow::Result<String> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_huiju"));
        command
            .arg("--config")
            .arg(folder()?.join("huiju.yaml"))
            .args(arguments);
        let output = command.output().await?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{arguments:?}: {said}");
        Ok(String::from_utf8(output.stdout)?)
    }

    /// How many cameras it knows.
    pub(crate) async fn cameras(&self) -> anyhow::Result<u64> {
        sum(&metrics().await?, "huiju_cameras{", "")
    }

    /// How long it has had frames so far, from the last byte of each to its last packet.
    pub(crate) async fn forwarded(&self) -> anyhow::Result<Histogram> {
        let text = metrics().await?;
        Histogram::read(&text, "huiju_forward_seconds")
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

/// What a gateway is to have.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    /// The rows of its cameras.
    pub(crate) inventory: String,
    /// Where the cameras are.
    pub(crate) network: &'static str,
    pub(crate) port: u16,
    pub(crate) pull: &'static str,
    /// How often a camera that nobody looks at is tried.
    pub(crate) probe: &'static str,
    /// Of its platform, at most.
    pub(crate) sessions: usize,
    /// What leaves at once of a frame.
    pub(crate) burst: &'static str,
}

impl Setup {
    /// The first cameras of the farm.
    pub(crate) fn of(case: &Case, cameras: usize) -> anyhow::Result<Self> {
        let pull = if case.copies == 0 {
            "always"
        } else {
            "on_demand"
        };
        Ok(Self {
            inventory: Farm::inventory(cameras)?,
            network: "127.21.0.0/16",
            port: farm::PORT,
            pull,
            probe: "10m",
            sessions: case.streams(cameras),
            burst: case.burst,
        })
    }
}

fn folder() -> anyhow::Result<PathBuf> {
    Ok(processes::folder()?.join("gateway"))
}

/// Writes a configuration into a folder that has nothing else.
fn configure(setup: &Setup) -> anyhow::Result<()> {
    let folder = folder()?;
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot create {}", folder.display()))?;
    write_private(&folder.join("district.pw"), PASSWORD)?;
    write_private(&folder.join("cameras.csv"), &setup.inventory)?;
    let config = serde_json::to_string_pretty(&config(setup))?;
    Ok(std::fs::write(folder.join("huiju.yaml"), config)?)
}

fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text)?;
    Ok(std::fs::set_permissions(
        path,
        Permissions::from_mode(0o600),
    )?)
}

fn config(setup: &Setup) -> serde_json::Value {
    let departments = DEPARTMENTS.each_ref().map(|department| {
        json!({
            "id": department.id, "name": department.name,
            "networks": [setup.network], "ports": [setup.port], "pull": setup.pull,
            "probe": {"interval": setup.probe},
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
            "media": {"networks": [format!("{PLATFORM_IP}/32")], "burst": setup.burst},
            "authority": {"document": "天综治〔2025〕12号", "unit": "区综治中心", "purpose": "公共安全视频共享"},
            "limits": {"sessions": setup.sessions, "bandwidth": "10Gbps"},
        }],
    })
}

async fn metrics() -> anyhow::Result<String> {
    timeout(LIMIT, get("/metrics")).await?
}

/// The sum of a family's series that have a label.
fn sum(metrics: &str, family: &str, label: &str) -> anyhow::Result<u64> {
    let mut values = metrics
        .lines()
        .filter(|line| line.starts_with(family) && line.contains(label))
        .filter_map(|line| line.rsplit_once(' '))
        .peekable();
    ensure!(values.peek().is_some(), "no {family} with {label:?}");
    values.map(|(_, value)| Ok(value.parse::<u64>()?)).sum()
}

/// The answer to a GET, which must be 200.
async fn get(path: &str) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect((GATEWAY_IP, 9180)).await?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: huiju\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    ensure!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
    Ok(answer)
}

const GATEWAY_IP: Ipv4Addr = Ipv4Addr::new(127, 44, 0, 1);
const READY_INTERVAL: Duration = Duration::from_millis(5);
