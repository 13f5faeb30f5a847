//! The systemd unit that is shipped: how far it confines the gateway, and that the gateway works in there.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Output;

use huiju_sim::clips::ClipKind;
use huiju_sim::farm::CameraSettings;
use huiju_sim::platform::{Keep, Media, Options};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tokio::net::UnixDatagram;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::world::{SOON, World, clip, signal};

#[tokio::test]
async fn the_unit_leaves_little_exposed() {
    let output = systemd_analyze(&["security", "--offline=true", "--no-pager"], &unit()).await;
    let told = String::from_utf8(output.stdout).unwrap();
    let exposure = told
        .lines()
        .find_map(|line| line.split_once("Overall exposure level for huiju.service: "))
        .unwrap_or_else(|| panic!("no exposure level in:\n{told}"));
    let exposure: f64 = exposure.1.split(' ').next().unwrap().parse().unwrap();
    assert!(exposure <= 1.5, "exposure {exposure}:\n{told}");
}

/// A setting that is misspelt is ignored by systemd: here it is found.
#[tokio::test]
async fn systemd_knows_every_setting_of_the_unit() {
    let installed = "/usr/bin/huiju";
    let text = std::fs::read_to_string(unit()).unwrap();
    assert!(text.contains(&format!("ExecStart={installed} run")));
    let folder = scratch("verify");
    let copy = folder.join("huiju.service");
    let text = text.replace(installed, env!("CARGO_BIN_EXE_huiju"));
    std::fs::write(&copy, text).unwrap();
    let output = systemd_analyze(&["verify", "--man=no"], &copy).await;
    let said = [output.stdout, output.stderr].concat();
    assert_eq!(String::from_utf8_lossy(&said), "");
    assert!(output.status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gateway_does_all_its_work_under_the_filter_of_its_unit() {
    let video = clip(ClipKind::H264Small).await;
    let world = World::new("confined")
        .camera("东门", CameraSettings::new(&video))
        // Found by name: look-ups are confined too.
        .row("health", "按名", "rtsp://localhost:554/a")
        .platform("district")
        .platform_with("city", |_| {}, json!({"transport": "tcp"}))
        .without_gateway()
        .await;
    let manager = Manager::new(&world);
    let mut gateway = manager.start(&world);
    manager.told("READY=1").await;
    world.registered().await;

    for (platform, media) in [
        ("district", Media::Udp),
        ("district", Media::TcpPassive),
        ("city", Media::TcpActive),
    ] {
        let channel = world.channel(platform, "东门").await;
        watch(&world, platform, &channel, media).await;
    }
    let cameras = json_of(world.command(&["camera", "list", "--json"]).await);
    let cameras = cameras["items"].as_array().unwrap();
    let named = cameras.iter().find(|camera| camera["name"] == "按名");
    let id = named.unwrap()["id"].as_str().unwrap().to_owned();
    let probed = json_of(world.command(&["camera", "probe", &id, "--json"]).await);
    assert_eq!(probed["cause"], "refused", "its name resolves: {probed}");
    let kept = world.command(&["camera", "disable", &id]).await;
    assert!(kept.status.success(), "the store is written");
    assert!(world.metric("process_start_time_seconds").await > 0.0);

    signal(gateway.id().unwrap(), Signal::SIGHUP);
    manager.told("RELOADING=1").await;
    manager.told("READY=1").await;
    manager.told("WATCHDOG=1").await;
    signal(gateway.id().unwrap(), Signal::SIGTERM);
    manager.told("STOPPING=1").await;
    let status = timeout(SOON, gateway.wait()).await.expect("it stops");
    assert_eq!(status.unwrap().code(), Some(0), "{}", manager.log());
}

async fn watch(world: &World, platform: &str, channel: &str, media: Media) {
    let options = Options {
        keep: Keep::Hash,
        ..Options::default()
    };
    let platform = world.platform(platform);
    let session = platform.invite(channel, media, options).await.unwrap();
    let is_up = session.wait_for(|stats| stats.frames >= 25, SOON).await;
    is_up.unwrap();
    session.bye().await.unwrap();
    let recording = session.finish().await.unwrap();
    assert_eq!(recording.violations, Vec::<String>::new(), "{media:?}");
}

/// What systemd would be to the gateway: its start under the unit's filter, and the socket of sd_notify.
struct Manager {
    socket: UnixDatagram,
    path: PathBuf,
    log: PathBuf,
}

impl Manager {
    fn new(world: &World) -> Self {
        let path = world.folder.join("notify");
        Self {
            socket: UnixDatagram::bind(&path).unwrap(),
            path,
            log: world.folder.join("huiju.log"),
        }
    }

    fn start(&self, world: &World) -> Child {
        let judge = manifest_dir().join("tests/judges/confined.py");
        Command::new(judge)
            .arg(unit())
            .args([env!("CARGO_BIN_EXE_huiju"), "run", "--config"])
            .arg(&world.config_path)
            .env("NOTIFY_SOCKET", &self.path)
            .env("WATCHDOG_USEC", "1000000")
            .stderr(File::create(&self.log).unwrap())
            .kill_on_drop(true)
            .spawn()
            .expect("python3 is installed")
    }

    /// Waits until the gateway says that, among other things.
    async fn told(&self, wanted: &str) {
        let told = async {
            let mut buffer = [0; 4096];
            loop {
                let length = self.socket.recv(&mut buffer).await.unwrap();
                let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
                if text.lines().any(|line| line == wanted) {
                    return;
                }
            }
        };
        let is_told = timeout(SOON, told).await;
        assert!(is_told.is_ok(), "never told {wanted}:\n{}", self.log());
    }

    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

fn json_of(output: Output) -> Value {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

async fn systemd_analyze(arguments: &[&str], unit: &Path) -> Output {
    let output = Command::new("systemd-analyze")
        .args(arguments)
        .arg(unit)
        .output();
    let output = timeout(SOON, output).await.expect("systemd-analyze ends");
    output.expect("systemd-analyze is installed")
}

fn unit() -> PathBuf {
    manifest_dir().join("deploy/huiju.service")
}

fn scratch(name: &str) -> PathBuf {
    let folder =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn manifest_dir() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
