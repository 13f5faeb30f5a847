//! The processes of the bench: the camera farm and the gateway.

use std::fs::{File, Permissions};
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use huiju_sim::farm::DEPARTMENTS;
use huiju_sim::platform::Settings;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use crate::parameters::Parameters;
use crate::usage::Usage;

/// Where the platform is.
pub(crate) const PLATFORM_IP: Ipv4Addr = Ipv4Addr::new(127, 45, 0, 1);
/// The gateway's password there.
pub(crate) const PASSWORD: &str = "a-password-of-benches";

/// Where the files of a run are.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// Makes the folder, without what a run before left, and writes the gateway's configuration.
    pub(crate) fn make(parameters: &Parameters) -> anyhow::Result<Self> {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("relay");
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        let secret = folder.join("district.pw");
        std::fs::write(&secret, PASSWORD)?;
        std::fs::set_permissions(&secret, Permissions::from_mode(0o600))?;
        let config = serde_json::to_string_pretty(&config(parameters))?;
        std::fs::write(folder.join("huiju.yaml"), config)?;
        Ok(Self(folder))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

fn config(parameters: &Parameters) -> serde_json::Value {
    let departments = DEPARTMENTS.each_ref().map(|department| {
        json!({
            "id": department.id, "name": department.name,
            "networks": ["127.21.0.0/16"], "ports": [FARM_PORT],
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
            "limits": {"sessions": parameters.cameras, "bandwidth": "10Gbps"},
        }],
    })
}

/// The cameras.
#[derive(Debug)]
pub(crate) struct Farm {
    process: Child,
    output: Lines<BufReader<ChildStdout>>,
}

impl Farm {
    /// Starts the farm, and waits until all cameras listen.
    pub(crate) async fn start(folder: &Folder, parameters: &Parameters) -> anyhow::Result<Self> {
        let program = Path::new(env!("CARGO_BIN_EXE_huiju")).with_file_name("huiju-sim");
        ensure!(
            program.exists(),
            "{} is missing; build it first: cargo build --release -p huiju-sim",
            program.display()
        );
        let mut command = Command::new(program);
        command
            .args(["farm", "--set", "load", "--out"])
            .arg(&folder.0)
            .arg("--clips")
            .arg(clips())
            .args(["--port", &FARM_PORT.to_string()])
            .args(["--cameras", &parameters.cameras.to_string()])
            .args(["--clip", parameters.video.name()]);
        if let Some(audio) = parameters.audio {
            command.args(["--audio", audio.name()]);
        }
        let mut process = command
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("the farm does not start")?;
        let output = process.stdout.take().context("the farm has no output")?;
        let mut output = BufReader::new(output).lines();
        let line = timeout(LIMIT, output.next_line()).await??;
        let ready = format!("farm ready: {} cameras", parameters.cameras);
        ensure!(
            line.as_ref() == Some(&ready),
            "the farm is not ready, it says {line:?}"
        );
        Ok(Self { process, output })
    }

    /// What it uses.
    pub(crate) fn usage(&self) -> anyhow::Result<Usage> {
        usage(&self.process)
    }

    /// Stops it; returns how many frames it left out because the gateway did not read.
    pub(crate) async fn stop(mut self) -> anyhow::Result<u64> {
        let status = stop(&mut self.process).await.context("farm")?;
        ensure!(status.success(), "the farm ended with {status}");
        // "farm ended: 1 packets, 2 bytes sent, 3 frames left out for slow readers"
        let line = self.output.next_line().await?.unwrap_or_default();
        let frames = line
            .split_once(" sent, ")
            .and_then(|(_, rest)| rest.split_once(" frames left out"));
        let (frames, _) = frames.with_context(|| format!("the farm ended with {line:?}"))?;
        Ok(frames.parse()?)
    }
}

/// The gateway.
#[derive(Debug)]
pub(crate) struct Gateway {
    process: Child,
    log: PathBuf,
}

impl Gateway {
    /// Starts the gateway, which logs as it does by default, into a file.
    pub(crate) fn start(folder: &Folder) -> anyhow::Result<Self> {
        let log = folder.file("gateway.log");
        let process = Command::new(env!("CARGO_BIN_EXE_huiju"))
            .arg("run")
            .arg("--config")
            .arg(folder.file("huiju.yaml"))
            .env_remove("RUST_LOG")
            .stderr(File::create(&log)?)
            .kill_on_drop(true)
            .spawn()
            .context("the gateway does not start")?;
        Ok(Self { process, log })
    }

    /// Resolves when it ended by itself, which it must not.
    pub(crate) async fn ended(&mut self) -> anyhow::Error {
        let status = self.process.wait().await;
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        anyhow::anyhow!("the gateway ended: {status:?}\n{log}")
    }

    /// What it uses.
    pub(crate) fn usage(&self) -> anyhow::Result<Usage> {
        usage(&self.process)
    }

    /// What it counted.
    pub(crate) async fn counters(&self) -> anyhow::Result<Counters> {
        let text = timeout(LIMIT, metrics()).await??;
        let value = |series: &str| -> anyhow::Result<u64> {
            let line = text
                .lines()
                .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
            Ok(line.with_context(|| format!("no {series}"))?.parse()?)
        };
        Ok(Counters {
            bytes_sent: value("huiju_sink_bytes_total{sink=\"gb28181\"}")?,
            frames_dropped: value("huiju_bus_frames_dropped_total{sink=\"gb28181\"}")?,
            source_packets_lost: value("huiju_source_packets_lost_total")?,
        })
    }

    /// Stops it in good order.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        let status = stop(&mut self.process).await.context("gateway")?;
        ensure!(status.success(), "the gateway ended with {status}");
        Ok(())
    }
}

/// What the gateway counts itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counters {
    /// Bytes sent to platforms, RTP headers included.
    pub(crate) bytes_sent: u64,
    /// Frames that were not sent, because a session was too slow.
    pub(crate) frames_dropped: u64,
    /// RTP packets missing from cameras.
    pub(crate) source_packets_lost: u64,
}

impl Counters {
    /// What was counted since `before`.
    pub(crate) fn since(&self, before: &Self) -> Self {
        Self {
            bytes_sent: self.bytes_sent - before.bytes_sent,
            frames_dropped: self.frames_dropped - before.frames_dropped,
            source_packets_lost: self.source_packets_lost - before.source_packets_lost,
        }
    }
}

/// Where clips are kept, for the tests and the farm too.
pub(crate) fn clips() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/clips")
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

fn usage(process: &Child) -> anyhow::Result<Usage> {
    Usage::of(process.id().context("the process has ended")?)
}

async fn stop(process: &mut Child) -> anyhow::Result<ExitStatus> {
    let pid = process.id().context("it ended by itself")?;
    kill(Pid::from_raw(i32::try_from(pid)?), Signal::SIGTERM)?;
    match timeout(LIMIT, process.wait()).await {
        Ok(status) => Ok(status?),
        Err(_) => bail!("it does not stop"),
    }
}

const GATEWAY_IP: Ipv4Addr = Ipv4Addr::new(127, 44, 0, 1);
const FARM_PORT: u16 = 8654;
const LIMIT: Duration = Duration::from_secs(60);
