//! The language of the tests: a world with cameras, platforms and the real gateway between them.
//!
//! Each world has addresses of its own in 127/8, so that worlds run side by side; cameras and platforms
//! are the simulator's, the gateway is the binary under test. Nothing sleeps: a test waits for an event,
//! with a limit.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use anyhow::Context;
use huiju_sim::clips::{self, Clip, ClipKind};
use huiju_sim::farm::{Camera, CameraHandle, CameraSettings};
use huiju_sim::platform::{Item, Platform, Settings};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::timeout;

/// How long a test waits for what must come soon.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// The password of every platform.
pub(crate) const PASSWORD: &str = "a-password-of-tests";

/// A world that is being put together.
pub(crate) struct WorldBuilder {
    number: u8,
    folder: PathBuf,
    cameras: Vec<(String, String, String, Option<CameraSettings>, String)>,
    columns: Columns,
    platforms: Vec<(String, Settings, Value)>,
    config: Value,
    environment: Vec<(String, String)>,
    descriptors: Option<u32>,
}

/// More columns of the inventory: by camera, then by column.
type Columns = BTreeMap<String, BTreeMap<String, String>>;

/// A world at work.
pub(crate) struct World {
    pub(crate) folder: PathBuf,
    pub(crate) config_path: PathBuf,
    number: u8,
    cameras: Vec<(String, CameraHandle)>,
    platforms: Vec<(String, Platform)>,
    gateway: Option<Gateway>,
    environment: Vec<(String, String)>,
    descriptors: Option<u32>,
}

struct Gateway {
    process: Child,
    lines: watch::Receiver<Vec<String>>,
}

/// Makes clips, once a test run.
pub(crate) async fn clip(kind: ClipKind) -> Arc<Clip> {
    let made = tokio::task::spawn_blocking(move || clips::prepare(&cache(), &[kind])).await;
    made.unwrap().expect("clips are made by ffmpeg").remove(0)
}

fn cache() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/clips")
}

impl World {
    /// Starts a world; `name` is the test's, for its folder.
    #[expect(clippy::new_ret_no_self, reason = "a world begins with what builds it")]
    pub(crate) fn new(name: &str) -> WorldBuilder {
        static NEXT: AtomicU8 = AtomicU8::new(0);
        let number = first_world() + NEXT.fetch_add(1, Ordering::Relaxed);
        let folder =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        let ip = gateway_ip(number);
        let departments: Vec<Value> = DEPARTMENTS
            .iter()
            .map(|(id, name)| json!({"id": id, "name": name, "networks": ["127.0.0.0/8"], "ports": [554, 8554], "probe": {"interval": "none"}}))
            .collect();
        let config = json!({
            "gateway": {"name": "天元区视频汇聚网关", "civil_code": "430211", "data_dir": "data"},
            "listen": {
                "http": format!("{ip}:8080"), "metrics": format!("{ip}:9180"), "sip": format!("{ip}:5060"),
                "rtp_ports": "20000-29999", "admin": "admin.sock",
            },
            "streams": {"linger": "1s"},
            "departments": departments,
            "inventory": {"files": ["cameras.csv"]},
        });
        WorldBuilder {
            number,
            folder,
            cameras: Vec::new(),
            columns: Columns::new(),
            platforms: Vec::new(),
            config,
            environment: Vec::new(),
            descriptors: None,
        }
    }

    /// A camera by name.
    pub(crate) fn camera(&self, name: &str) -> &CameraHandle {
        &self
            .cameras
            .iter()
            .find(|(other, _)| other == name)
            .expect("a camera of this world")
            .1
    }

    /// A platform by id.
    pub(crate) fn platform(&self, id: &str) -> &Platform {
        &self
            .platforms
            .iter()
            .find(|(other, _)| other == id)
            .expect("a platform of this world")
            .1
    }

    /// The catalogue as a platform sees it now.
    pub(crate) async fn catalogue(&self, platform: &str) -> Vec<Item> {
        self.platform(platform)
            .catalogue(SOON)
            .await
            .expect("a catalogue")
    }

    /// The code under which a platform knows a camera.
    pub(crate) async fn channel(&self, platform: &str, camera: &str) -> String {
        let catalogue = self.catalogue(platform).await;
        let item = catalogue.iter().find(|item| item.name() == camera);
        item.unwrap_or_else(|| panic!("{camera} is not in the catalogue of {platform}"))
            .id
            .clone()
    }

    /// Waits for a line of the gateway's log that holds `text`, from its start on.
    pub(crate) async fn logged(&self, text: &str) -> String {
        self.logged_with(&[text]).await
    }

    /// Waits for a line of the gateway's log that holds all of `texts`, from its start on; files are as
    /// seen from the configuration's folder.
    pub(crate) async fn logged_with(&self, texts: &[&str]) -> String {
        let gateway = self.gateway.as_ref().expect("the gateway runs");
        let mut lines = gateway.lines.clone();
        let folder = format!("{}/", self.folder.display());
        let is_it = |line: &String| texts.iter().all(|text| line.contains(text));
        let find = |lines: &Vec<String>| {
            let mut lines = lines.iter().map(|line| line.replace(&folder, ""));
            lines.find(is_it)
        };
        let found = timeout(SOON, lines.wait_for(|lines| find(lines).is_some())).await;
        let never = |_| panic!("the gateway never logged {texts:?}:\n{}", self.log());
        let found = found.unwrap_or_else(never).expect("the gateway ended");
        find(&found).unwrap_or_default()
    }

    /// All lines of the gateway's log so far.
    pub(crate) fn log(&self) -> String {
        self.gateway
            .as_ref()
            .map(|gateway| gateway.lines.borrow().join("\n"))
            .unwrap_or_default()
    }

    /// The process id of the gateway.
    pub(crate) fn gateway_pid(&self) -> u32 {
        self.gateway
            .as_ref()
            .and_then(|gateway| gateway.process.id())
            .expect("the gateway runs")
    }

    /// The value of a metric's series, written as Prometheus does: `name{label="value"}`.
    pub(crate) async fn metric(&self, series: &str) -> f64 {
        let text = self.metrics().await;
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        let line = line.unwrap_or_else(|| panic!("no series {series} in:\n{text}"));
        line.trim().parse().expect("a number")
    }

    /// Where the gateway is.
    pub(crate) fn gateway_ip(&self) -> Ipv4Addr {
        gateway_ip(self.number)
    }

    /// The whole exposition.
    pub(crate) async fn metrics(&self) -> String {
        self.get(&self.metrics_address(), "/metrics").await
    }

    /// The address of `listen.metrics`.
    pub(crate) fn metrics_address(&self) -> String {
        format!("{}:9180", gateway_ip(self.number))
    }

    /// The body of a GET.
    pub(crate) async fn get(&self, address: &str, path: &str) -> String {
        get(address, path).await.expect("an HTTP answer").1
    }

    /// The address of `listen.http`.
    pub(crate) fn http(&self) -> String {
        format!("{}:8080", gateway_ip(self.number))
    }

    /// Writes a file of this world that only its owner can read.
    pub(crate) fn write(&self, file: &str, text: &str) {
        let path = self.folder.join(file);
        std::fs::write(&path, text).unwrap();
        restrict(&path);
    }

    /// Replaces a piece of text in a file of this world, wherever it stands.
    pub(crate) fn replace(&self, file: &str, from: &str, to: &str) {
        let path = self.folder.join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} has no {from}");
        std::fs::write(&path, text.replace(from, to)).unwrap();
    }

    /// Takes all rows but the first `count` out of the inventory.
    pub(crate) fn keep_rows(&self, count: usize) {
        let path = self.folder.join("cameras.csv");
        let text = std::fs::read_to_string(&path).unwrap();
        let kept: Vec<&str> = text.lines().take(1 + count).collect();
        std::fs::write(&path, kept.join("\n") + "\n").unwrap();
    }

    /// Runs a command of the binary against this world's configuration.
    pub(crate) async fn command(&self, arguments: &[&str]) -> Output {
        command(&self.config_path, arguments).await
    }

    /// Stops the gateway by SIGTERM and waits for its end; returns its exit code.
    pub(crate) async fn stop(&mut self) -> Option<i32> {
        let mut gateway = self.gateway.take().expect("the gateway runs");
        let pid = gateway.process.id().expect("the gateway runs");
        signal(pid, nix::sys::signal::Signal::SIGTERM);
        let status = timeout(SOON, gateway.process.wait())
            .await
            .expect("the gateway stops");
        status.expect("an exit status").code()
    }

    /// Kills the gateway without a word.
    pub(crate) async fn kill(&mut self) {
        let mut gateway = self.gateway.take().expect("the gateway runs");
        gateway.process.kill().await.expect("the gateway dies");
    }

    /// Starts the gateway and waits until it is ready.
    pub(crate) async fn start_gateway(&mut self) {
        self.launch();
        self.logged("huiju::gateway: ready").await;
    }

    /// Starts the gateway and waits for nothing.
    pub(crate) fn launch(&mut self) {
        let gateway = Gateway::start(&self.config_path, &self.environment, self.descriptors);
        self.gateway = Some(gateway.expect("the gateway starts"));
    }

    /// Waits until the gateway has logged so many lines.
    pub(crate) async fn logged_lines(&self, count: usize) {
        let mut lines = self
            .gateway
            .as_ref()
            .expect("the gateway runs")
            .lines
            .clone();
        let came = timeout(SOON, lines.wait_for(|lines| lines.len() >= count)).await;
        assert!(
            matches!(came, Ok(Ok(_))),
            "no {count} lines:\n{}",
            self.log()
        );
    }

    /// Waits until what the admin socket answers is as wanted; returns it.
    pub(crate) async fn admin(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        self.admin_within(SOON, path, wanted).await
    }

    /// As [`Self::admin`], with a limit of its own.
    pub(crate) async fn admin_within(
        &self,
        limit: Duration,
        path: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Value {
        let socket = self.folder.join("admin.sock");
        let came = timeout(limit, async {
            let mut pause = tokio::time::interval(Duration::from_millis(50));
            loop {
                pause.tick().await;
                if let Ok(answer) = get_by_socket(&socket, path).await
                    && wanted(&answer)
                {
                    return answer;
                }
            }
        });
        match came.await {
            Ok(answer) => answer,
            Err(_) => {
                let last = get_by_socket(&socket, path).await;
                panic!("{path} is not as wanted: {last:?}\n{}", self.log())
            }
        }
    }

    /// Changes what the gateway has in its environment from its next start on.
    pub(crate) fn set_environment(&mut self, variables: &[(&str, &str)]) {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        self.environment = variables.iter().map(owned).collect();
    }

    /// Waits until every platform has the gateway's registration.
    pub(crate) async fn registered(&self) {
        for (id, platform) in &self.platforms {
            let registered = platform.registered(SOON).await;
            registered.unwrap_or_else(|error| panic!("{id}: {error}\n{}", self.log()));
        }
    }
}

impl WorldBuilder {
    /// The folder that will be the world's.
    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.clone()
    }

    /// The network of this world's cameras: the first three numbers of their addresses.
    pub(crate) fn net(&self) -> String {
        format!("127.40.{}", self.number)
    }

    /// Adds a camera of the department `education`.
    pub(crate) fn camera(self, name: &str, settings: CameraSettings) -> Self {
        self.camera_of("education", name, settings)
    }

    /// Adds a camera of a department.
    pub(crate) fn camera_of(
        mut self,
        department: &str,
        name: &str,
        settings: CameraSettings,
    ) -> Self {
        let place = format!("127.40.{}.{}:8554", self.number, self.cameras.len() + 1);
        let row = (
            department.to_owned(),
            name.to_owned(),
            place,
            Some(settings),
            String::new(),
        );
        self.cameras.push(row);
        self
    }

    /// Adds a row of the inventory for which there is no camera of ours.
    pub(crate) fn row(mut self, department: &str, name: &str, url: &str) -> Self {
        self.cameras.push((
            department.to_owned(),
            name.to_owned(),
            String::new(),
            None,
            url.to_owned(),
        ));
        self
    }

    /// Adds a platform with the settings that most tests use.
    pub(crate) fn platform(self, id: &str) -> Self {
        self.platform_with(id, |_| {}, json!({}))
    }

    /// Adds a platform; `change` sets what it does, `config` what the gateway's file says of it.
    pub(crate) fn platform_with(
        mut self,
        id: &str,
        change: impl FnOnce(&mut Settings),
        config: Value,
    ) -> Self {
        let number = self.platforms.len() + 1;
        let ip: IpAddr = Ipv4Addr::new(127, 41, self.number, u8::try_from(number).unwrap()).into();
        let mut settings = Settings {
            sip: SocketAddr::new(ip, 5060),
            gb_id: format!("4302110000200000{number:04}"),
            domain: "4302110000".to_owned(),
            lower_id: format!("4302110000200000{:04}", 100 + number),
            password: PASSWORD.to_owned(),
            ..Settings::default()
        };
        change(&mut settings);
        let mut written = json!({
            "id": id, "name": id, "gb_id": settings.gb_id, "address": settings.sip.to_string(),
            "local_gb_id": settings.lower_id, "password": {"file": format!("{id}.pw")},
            "domain": settings.domain,
            "catalogue": {"share": {"departments": DEPARTMENTS.iter().map(|d| d.0).collect::<Vec<_>>()}},
            "media": {"networks": [format!("127.41.{}.0/24", self.number)]},
            "authority": {"document": "天综治〔2025〕12号", "unit": "区综治中心", "purpose": "公共安全视频共享"},
        });
        merge(&mut written, config);
        self.platforms.push((id.to_owned(), settings, written));
        self
    }

    /// Sets a variable of the gateway's environment.
    pub(crate) fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Limits the file descriptors that the gateway may have.
    pub(crate) fn descriptors(mut self, count: u32) -> Self {
        self.descriptors = Some(count);
        self
    }

    /// Changes the gateway's configuration; objects are merged.
    pub(crate) fn config(mut self, change: Value) -> Self {
        merge(&mut self.config, change);
        self
    }

    /// Names no inventory file: whatever cameras there are, none is declared.
    pub(crate) fn undeclared(self) -> Self {
        self.config(json!({"inventory": {"files": []}}))
    }

    /// Fills more columns of a camera's row in the inventory.
    pub(crate) fn columns(mut self, camera: &str, columns: &[(&str, &str)]) -> Self {
        let row = self.columns.entry(camera.to_owned()).or_default();
        let owned = |(column, value): &(&str, &str)| ((*column).to_owned(), (*value).to_owned());
        row.extend(columns.iter().map(owned));
        self
    }

    /// Gives `listen.http` a token, from the file `api.token`.
    pub(crate) fn token(mut self, token: &str) -> Self {
        std::fs::create_dir_all(&self.folder).unwrap();
        let path = self.folder.join("api.token");
        std::fs::write(&path, token).unwrap();
        restrict(&path);
        let http = &mut self.config["listen"]["http"];
        *http = json!({"address": http.take(), "token": {"file": "api.token"}});
        self
    }

    /// Changes one department of the gateway's configuration; objects are merged.
    pub(crate) fn department(mut self, id: &str, change: Value) -> Self {
        let departments = self.config["departments"].as_array_mut().unwrap();
        let department = departments
            .iter_mut()
            .find(|department| department["id"] == id);
        merge(department.expect("a department of this world"), change);
        self
    }

    /// Changes all departments of the gateway's configuration; objects are merged.
    pub(crate) fn departments(mut self, change: Value) -> Self {
        for department in self.config["departments"].as_array_mut().unwrap() {
            merge(department, change.clone());
        }
        self
    }

    /// Starts cameras, platforms and the gateway, and waits until it is registered everywhere.
    pub(crate) async fn start(self) -> World {
        let mut world = self.without_gateway().await;
        world.start_gateway().await;
        world.registered().await;
        world
    }

    /// Starts cameras and platforms only.
    pub(crate) async fn without_gateway(self) -> World {
        std::fs::create_dir_all(&self.folder).unwrap();
        let mut config = self.config;
        config["platforms"] = self
            .platforms
            .iter()
            .map(|(.., written)| written.clone())
            .collect();
        let more: BTreeSet<&String> = self.columns.values().flat_map(BTreeMap::keys).collect();
        let mut csv = String::from("name,department,url,source_id");
        more.iter().for_each(|column| csv += &format!(",{column}"));
        csv += "\n";
        let mut cameras = Vec::new();
        for (number, (department, name, place, settings, url)) in
            self.cameras.into_iter().enumerate()
        {
            let url = match settings {
                Some(settings) => {
                    let address: SocketAddr = place.parse().unwrap();
                    let camera = Camera::start(address, settings)
                        .await
                        .expect("a camera starts");
                    let url = camera.url();
                    cameras.push((name.clone(), camera));
                    url
                }
                None => url,
            };
            csv += &format!("\"{name}\",{department},{url},s{number}");
            let row = self.columns.get(&name);
            for column in &more {
                let value = row.and_then(|row| row.get(*column));
                csv += &format!(",{}", value.map_or("", String::as_str));
            }
            csv += "\n";
        }
        let mut platforms = Vec::new();
        for (id, settings, _) in self.platforms {
            let secret = self.folder.join(format!("{id}.pw"));
            std::fs::write(&secret, PASSWORD).unwrap();
            restrict(&secret);
            platforms.push((
                id,
                Platform::start(settings).await.expect("a platform starts"),
            ));
        }
        std::fs::write(self.folder.join("cameras.csv"), csv).unwrap();
        let config_path = self.folder.join("huiju.yaml");
        std::fs::write(&config_path, serde_json::to_string_pretty(&config).unwrap()).unwrap();
        World {
            folder: self.folder,
            config_path,
            number: self.number,
            cameras,
            platforms,
            gateway: None,
            environment: self.environment,
            descriptors: self.descriptors,
        }
    }
}

impl Gateway {
    fn start(
        config: &Path,
        environment: &[(String, String)],
        descriptors: Option<u32>,
    ) -> anyhow::Result<Self> {
        let binary = env!("CARGO_BIN_EXE_huiju");
        let mut command = match descriptors {
            None => Command::new(binary),
            Some(count) => {
                // It becomes the gateway, under the same process id.
                let mut limited = Command::new("prlimit");
                limited.args([&format!("--nofile={count}:{count}"), "--", binary]);
                limited
            }
        };
        let mut process = command
            .arg("run")
            .arg("--config")
            .arg(config)
            .env("RUST_LOG", "info,huiju=debug")
            .envs(environment.iter().cloned())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stderr = process.stderr.take().context("stderr")?;
        let (sender, lines) = watch::channel(Vec::new());
        spawn(async move {
            let mut reader = BufReader::new(stderr).lines();
            while let Ok(Some(line)) = reader.next_line().await {
                sender.send_modify(|lines: &mut Vec<String>| lines.push(line));
            }
        });
        Ok(Self { process, lines })
    }
}

/// Runs a command of the binary with a configuration.
pub(crate) async fn command(config: &Path, arguments: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_huiju"))
        .args(arguments)
        .arg("--config")
        .arg(config)
        .kill_on_drop(true)
        .output();
    timeout(SOON, output)
        .await
        .expect("the command ends")
        .expect("the command runs")
}

/// The answer of a GET at a Unix socket.
async fn get_by_socket(socket: &Path, path: &str) -> anyhow::Result<Value> {
    let (_, body) = crate::edits::ask(socket, "GET", path).await?;
    Ok(serde_json::from_str(&body)?)
}

/// Status and body of a GET.
pub(crate) async fn get(address: &str, path: &str) -> anyhow::Result<(u16, String)> {
    let mut stream = timeout(SOON, TcpStream::connect(address)).await??;
    let request = format!("GET {path} HTTP/1.1\r\nhost: huiju\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    timeout(SOON, stream.read_to_end(&mut answer)).await??;
    let answer = String::from_utf8(answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").context("no head")?;
    let status = head.split(' ').nth(1).context("no status")?.parse()?;
    Ok((status, body.to_owned()))
}

/// Sends a signal to a process that this test started.
pub(crate) fn signal(pid: u32, signal: nix::sys::signal::Signal) {
    let pid = nix::unistd::Pid::from_raw(i32::try_from(pid).unwrap());
    nix::sys::signal::kill(pid, signal).expect("the process exists");
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test's tasks end with its runtime"
)]
pub(crate) fn spawn(future: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(future);
}

/// Makes a file readable by nobody else.
pub(crate) fn restrict(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// Two runs on one machine need worlds of their own: `HUIJU_TEST_FIRST_WORLD` sets where one begins.
fn first_world() -> u8 {
    std::env::var("HUIJU_TEST_FIRST_WORLD").map_or(1, |number| number.parse().expect("1 to 255"))
}

fn gateway_ip(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 42, number, 1)
}

/// Merges objects; anything else is replaced.
pub(crate) fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

const DEPARTMENTS: [(&str, &str); 6] = [
    ("education", "区教育局"),
    ("health", "区卫健局"),
    ("urban_management", "区城管局"),
    ("housing", "区住建局"),
    ("park", "园区管委会"),
    ("social", "社会面"),
];
