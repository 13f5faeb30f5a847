//! The gateway between GStreamer's camera and sipp's platform, with a capture on the cable.

use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::json;
use tokio::process::Command;

use super::capture::{Capture, Trace};
use super::networks::{GATEWAY, Networks, PLATFORM};
use super::recording::Recording;
use super::tools::{Tool, judges, program, require_gstreamer, script};
use crate::world::PASSWORD;

/// The channel of the camera that plays.
pub(super) const CHANNEL: &str = "43021100111326000001";

/// How the platform wants the media.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Transport {
    Udp,
    /// The platform listens.
    TcpPassive,
    /// The platform connects.
    TcpActive,
}

/// A stage that is set. What comes first ends first.
pub(super) struct Stage {
    gateway: Tool,
    _camera: Tool,
    platform: Tool,
    capture: Capture,
    networks: Networks,
    pub(super) folder: PathBuf,
}

/// A call that is to be made: where the media goes, and under which SSRC.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    pub(super) port: u16,
    pub(super) ssrc: u32,
}

impl Stage {
    /// Starts everything and waits for the registration; `idle` cameras are in the catalogue only.
    pub(super) async fn set(name: &str, recording: &Recording, idle: usize) -> Self {
        require_gstreamer().await;
        let folder =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let networks = Networks::new(name).await;
        let capture = Capture::start(&networks, &folder).await;
        let camera = start_camera(&networks, recording).await;
        let platform = start_platform(&networks, &folder);
        write_configuration(&folder, idle);
        let mut huiju = Command::new(env!("CARGO_BIN_EXE_huiju"));
        let configuration = folder.join("huiju.yaml");
        huiju.args(["run", "--config"]).arg(&configuration);
        let mut huiju = networks.at_gateway(&huiju);
        huiju.env("RUST_LOG", "info,huiju=debug");
        let gateway = Tool::start("huiju", &mut huiju);
        // The platform's word does not do: its 200 may be lost.
        gateway.prints("gb28181::registering: registered").await;
        Self {
            gateway,
            _camera: camera,
            platform,
            capture,
            networks,
            folder,
        }
    }

    /// Asks for the catalogue, waits for its pages, and returns the codes in it; `count` are expected.
    pub(super) async fn catalogue(&self, count: usize) -> Vec<String> {
        let asking = self.sipp("catalogue.xml", 5070, 1, &[]);
        asking.succeeds().await;
        let pages = |lines: &[String]| -> Vec<(String, String)> {
            lines.iter().filter_map(|line| page(line)).collect()
        };
        self.platform
            .wait_for("whole catalogue", |lines| pages(lines).len() >= count)
            .await;
        let pages = pages(&self.platform.lines());
        for (total, _) in &pages {
            assert_eq!(*total, count.to_string(), "SumNum of a page");
        }
        let codes: Vec<String> = pages.into_iter().map(|(_, code)| code).collect();
        let distinct: std::collections::BTreeSet<&String> = codes.iter().collect();
        assert_eq!(distinct.len(), count, "each once: {codes:?}");
        codes
    }

    /// Makes the calls, watches for `seconds` and ends them; returns the ports of the gateway's answers.
    pub(super) async fn call(
        &self,
        transport: Transport,
        calls: &[Call],
        watch: Duration,
    ) -> (Vec<u16>, Option<Tool>) {
        let (profile, setup) = match transport {
            Transport::Udp => ("RTP/AVP", "a=streamnumber:0"),
            Transport::TcpPassive => ("TCP/RTP/AVP", "a=setup:passive\na=connection:new"),
            Transport::TcpActive => ("TCP/RTP/AVP", "a=setup:active\na=connection:new"),
        };
        let fields = self.folder.join("calls.csv");
        let row = |call: &Call| format!("{};{:010}\n", call.port, call.ssrc);
        let rows: String = calls.iter().map(row).collect();
        std::fs::write(&fields, format!("SEQUENTIAL\n{rows}")).unwrap();
        let milliseconds = watch.as_millis().to_string();
        let sipp = self.sipp(
            "invite.xml",
            5071,
            calls.len(),
            &[
                "-inf",
                fields.to_str().unwrap(),
                "-d",
                &milliseconds,
                "-key",
                "channel",
                CHANNEL,
                "-key",
                "profile",
                profile,
                "-key",
                "setup",
                setup,
            ],
        );
        let mut receiver = None;
        if transport == Transport::TcpActive {
            let port = answers(&[sipp.prints("answered").await])[0];
            let target = ["connect", GATEWAY, &port.to_string()];
            receiver = Some(self.receiver(&target).await);
        }
        let lines = sipp.succeeds().await;
        let ports = answers(&lines);
        assert_eq!(ports.len(), calls.len(), "calls answered: {lines:?}");
        (ports, receiver)
    }

    /// Starts the platform's own receiver.
    pub(super) async fn receiver(&self, what: &[&str]) -> Tool {
        let mut receiver = script("rtp_receiver.py");
        receiver.args(what).arg(&self.folder);
        let receiver = Tool::start("receiver", &mut self.networks.at_platform(&receiver));
        receiver.prints("ready").await;
        receiver
    }

    /// Ends it all; what went over the cable is left.
    pub(super) async fn finish(self) -> Trace {
        self.gateway.ask(Signal::SIGTERM);
        self.platform.prints("logged out").await;
        let trace = self.capture.finish().await;
        let lines = self.gateway.succeeds().await;
        let trouble = lines.iter().find(|line| line.contains(" ERROR "));
        assert!(trouble.is_none(), "the gateway: {trouble:?}");
        let errors = self.folder.join("register.xml.errors");
        let errors = std::fs::read_to_string(errors).unwrap_or_default();
        assert_eq!(errors, "", "what sipp did not expect as the platform");
        trace
    }

    fn sipp(&self, scenario: &str, port: u16, calls: usize, options: &[&str]) -> Tool {
        let mut sipp = sipp(&self.folder, scenario, port);
        sipp.arg(format!("{GATEWAY}:5060"));
        sipp.args(["-m", &calls.to_string()]).args(options);
        Tool::start(scenario, &mut self.networks.at_platform(&sipp))
    }
}

/// A sipp that loses one message in twenty, in either direction.
fn sipp(folder: &Path, scenario: &str, port: u16) -> Command {
    let mut sipp = program("sipp");
    sipp.arg("-sf").arg(judges().join(scenario));
    sipp.args([
        "-i",
        PLATFORM,
        "-p",
        &port.to_string(),
        "-nostdin",
        "-lost",
        "5",
    ]);
    sipp.args([
        "-trace_logs",
        "-log_file",
        "/dev/fd/1",
        "-trace_err",
        "-error_file",
    ]);
    sipp.arg(folder.join(format!("{scenario}.errors")));
    for (key, value) in [
        ("platform", THEIRS),
        ("lower", OURS),
        ("domain", DOMAIN),
        ("password", PASSWORD),
    ] {
        sipp.args(["-key", key, value]);
    }
    sipp
}

fn start_platform(networks: &Networks, folder: &Path) -> Tool {
    let sipp = sipp(folder, "register.xml", 5060);
    Tool::start("register.xml", &mut networks.at_platform(&sipp))
}

async fn start_camera(networks: &Networks, recording: &Recording) -> Tool {
    let pipeline = recording.pipeline(&recording.file().await);
    let mut server = script("rtsp_server.py");
    server.args([CAMERA, "8554", &pipeline, "viewer", PASSWORD]);
    let camera = Tool::start("camera", &mut networks.at_gateway(&server));
    camera.prints("ready").await;
    camera
}

fn write_configuration(folder: &Path, idle: usize) {
    let mut inventory = "name,department,url,source_id,gb_code\n".to_owned();
    inventory +=
        &format!("东门,education,rtsp://viewer:{PASSWORD}@{CAMERA}:8554/live,1,{CHANNEL}\n");
    for number in 0..idle {
        inventory +=
            &format!("备用{number},education,rtsp://{CAMERA}:8554/{number},idle{number},\n");
    }
    write_secret(&folder.join("cameras.csv"), &inventory);
    write_secret(&folder.join("platform.pw"), PASSWORD);
    let configuration = json!({
        "gateway": {"name": "天元区视频汇聚网关", "civil_code": "430211", "data_dir": "data"},
        "listen": {
            "http": "127.0.0.1:8080", "metrics": "127.0.0.1:9180", "sip": format!("{GATEWAY}:5060"),
            "rtp_ports": "20000-20999", "admin": "admin.sock",
        },
        "departments": [
            {"id": "education", "name": "区教育局", "networks": ["127.0.0.0/8"], "ports": [8554], "probe": {"interval": "none"}},
        ],
        "inventory": {"files": ["cameras.csv"]},
        "platforms": [{
            "id": "district", "name": "district", "gb_id": THEIRS, "address": format!("{PLATFORM}:5060"),
            "local_gb_id": OURS, "password": {"file": "platform.pw"}, "domain": DOMAIN,
            "keepalive": {"interval": "5s"},
            // The scenarios of sipp know no NOTIFY.
            "catalogue": {"share": {"departments": ["education"]}, "push_changes": false},
            "media": {"networks": [format!("{PLATFORM}/32")]},
            "authority": {"document": "天综治〔2025〕12号", "unit": "区综治中心", "purpose": "公共安全视频共享"},
        }],
    });
    std::fs::write(folder.join("huiju.yaml"), configuration.to_string()).unwrap();
}

fn write_secret(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// SumNum and the code of a page of the catalogue, from sipp's log.
fn page(line: &str) -> Option<(String, String)> {
    let (_, rest) = line.split_once("message CmdType>Catalog SumNum>")?;
    let (total, code) = rest.split_once(' ')?;
    Some((total.to_owned(), code.trim().to_owned()))
}

/// The ports that the gateway answered with.
fn answers(lines: &[String]) -> Vec<u16> {
    let answers = lines.iter().filter_map(|line| line.split_once("answered "));
    let port = |(_, rest): (&str, &str)| rest.split(' ').next()?.parse().ok();
    answers.filter_map(port).collect()
}

const CAMERA: &str = "127.0.0.2";
const THEIRS: &str = "43021100002000000001";
const OURS: &str = "43021100002000000002";
const DOMAIN: &str = "4302110000";
