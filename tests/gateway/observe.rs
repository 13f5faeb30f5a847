//! What operators see of a world's cameras: their states, how these followed one another, and what the
//! gateway uses.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::world::{SOON, World};

/// The cameras of a world by name, as the admin socket shows them.
pub(crate) struct Cameras(BTreeMap<String, Value>);

/// A stretch of time in which a camera had one state, written `offline/refused`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Interval {
    pub(crate) state: String,
    /// To the second.
    pub(crate) began: DateTime<Utc>,
}

/// What the gateway's process uses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    pub(crate) resident_mib: u64,
    /// The most that `resident_mib` has been.
    pub(crate) resident_max_mib: u64,
    pub(crate) descriptors: usize,
}

impl Cameras {
    /// A camera's state with its cause: `online`, `offline/refused`.
    pub(crate) fn state(&self, name: &str) -> String {
        pair(self.of(name))
    }

    /// A camera as the socket shows it.
    pub(crate) fn of(&self, name: &str) -> &Value {
        let camera = self.0.get(name);
        camera.unwrap_or_else(|| panic!("{name} is no camera of this world"))
    }

    /// How many cameras are in a state.
    pub(crate) fn count(&self, state: &str) -> usize {
        self.0
            .values()
            .filter(|camera| pair(camera) == state)
            .count()
    }

    /// How many cameras there are in each state.
    pub(crate) fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for camera in self.0.values() {
            *counts.entry(pair(camera)).or_default() += 1;
        }
        counts
    }
}

impl World {
    /// Status and JSON of a request at the admin socket.
    pub(crate) async fn ask_json(&self, method: &str, path: &str) -> (u16, Value) {
        let (status, body) = self.ask(method, path).await;
        let value = serde_json::from_str(&body);
        let value = value.unwrap_or_else(|error| panic!("{method} {path}: {error}: {body}"));
        (status, value)
    }

    /// All cameras now.
    pub(crate) async fn cameras(&self) -> Cameras {
        let cameras = self.cameras_of("limit=1000").await.into_iter();
        let named = cameras.map(|camera| (camera["name"].as_str().unwrap().to_owned(), camera));
        Cameras(named.collect())
    }

    /// The cameras of a query in their order, page by page.
    pub(crate) async fn cameras_of(&self, query: &str) -> Vec<Value> {
        let (mut cameras, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/api/v1/cameras?{query}{cursor}");
            let (status, page) = self.ask_json("GET", &path).await;
            assert_eq!(status, 200, "{path}: {page}");
            cameras.extend(page["items"].as_array().unwrap().iter().cloned());
            let Some(next) = page["next"].as_str() else {
                return cameras;
            };
            let next = format!("&cursor={next}");
            assert_ne!(next, cursor, "{path}: its next page is itself");
            cursor = next;
        }
    }

    /// Waits until the cameras are as wanted.
    pub(crate) async fn cameras_are(
        &self,
        limit: Duration,
        wanted: impl Fn(&Cameras) -> bool,
    ) -> Cameras {
        let mut seen = None;
        let reached = timeout(limit, async {
            let mut tick = interval(TICK);
            tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tick.tick().await;
                let cameras = self.cameras().await;
                if wanted(&cameras) {
                    return cameras;
                }
                seen = Some(cameras.counts());
            }
        })
        .await;
        reached.unwrap_or_else(|_| {
            panic!(
                "the cameras did not get there within {limit:?}: {seen:?}\n{}",
                self.log()
            )
        })
    }

    /// Waits until a camera is in a state, written `offline/refused`.
    pub(crate) async fn is_in(&self, name: &str, state: &str) {
        self.cameras_are(SOON, |cameras| cameras.state(name) == state)
            .await;
    }

    /// The states that a camera had, oldest first, as they are kept: tries are none.
    pub(crate) async fn history(&self, name: &str) -> Vec<Interval> {
        let id = self.id(name).await;
        let (status, why) = self
            .ask_json("GET", &format!("/api/v1/cameras/{id}/why"))
            .await;
        assert_eq!(status, 200, "{why}");
        let intervals = why["history"].as_array().unwrap().iter().rev();
        let interval = |interval: &Value| Interval {
            state: pair(interval),
            began: interval["began"].as_str().unwrap().parse().unwrap(),
        };
        intervals.map(interval).collect()
    }

    /// What a camera's last failure showed.
    pub(crate) async fn evidence(&self, name: &str) -> String {
        let id = self.id(name).await;
        let (_, why) = self
            .ask_json("GET", &format!("/api/v1/cameras/{id}/why"))
            .await;
        why["evidence"]["last_failure"].to_string()
    }

    /// Orders something of a camera, `probe`, `disable` or `enable`; returns its state after that.
    pub(crate) async fn order(&self, order: &str, name: &str) -> String {
        let id = self.id(name).await;
        let (status, camera) = self
            .ask_json("POST", &format!("/api/v1/cameras/{id}/{order}"))
            .await;
        assert_eq!(status, 200, "{camera}");
        pair(&camera)
    }

    /// Has the gateway read configuration and inventory again, however many cameras go; its report.
    pub(crate) async fn reload_whatever_goes(&self) -> Value {
        let (status, report) = self
            .ask_json("POST", "/api/v1/reload?allow_removals=10000")
            .await;
        assert_eq!(status, 200, "{report}");
        report
    }

    /// What the gateway's process uses now.
    pub(crate) fn usage(&self) -> Usage {
        let folder = format!("/proc/{}", self.gateway_pid());
        let status = std::fs::read_to_string(format!("{folder}/status")).unwrap();
        let mib = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kib = line.unwrap().trim().trim_end_matches(" kB");
            kib.parse::<u64>().unwrap() / 1024
        };
        Usage {
            resident_mib: mib("VmRSS:"),
            resident_max_mib: mib("VmHWM:"),
            descriptors: std::fs::read_dir(format!("{folder}/fd")).unwrap().count(),
        }
    }

    /// How many sockets the gateway has bound to RTP ports.
    pub(crate) fn rtp_sockets(&self) -> usize {
        let ip = u32::from_le_bytes(self.gateway_ip().octets());
        let is_bound = |line: &&str| {
            let mut words = line.split_whitespace().skip(1);
            let local = words.next().unwrap_or_default();
            let state = words.nth(1).unwrap_or_default();
            let (address, port) = local.split_once(':').unwrap_or_default();
            let port = u16::from_str_radix(port, 16).unwrap_or_default();
            address == format!("{ip:08X}") && (20_000..30_000).contains(&port) && state != TIME_WAIT
        };
        let count = |table: &str| {
            let path = format!("/proc/{}/net/{table}", self.gateway_pid());
            let text = std::fs::read_to_string(path).unwrap();
            text.lines().filter(is_bound).count()
        };
        count("udp") + count("tcp")
    }

    /// What the gateway logged of panics.
    pub(crate) fn panics(&self) -> Vec<String> {
        let log = self.log();
        let panics = log.lines().filter(|line| line.contains("panicked at"));
        panics.map(str::to_owned).collect()
    }

    async fn id(&self, name: &str) -> String {
        let cameras = self.cameras().await;
        cameras.of(name)["id"].as_str().unwrap().to_owned()
    }
}

fn pair(value: &Value) -> String {
    let text = |name: &str| value[name].as_str().unwrap().to_owned();
    match (text("state"), text("cause")) {
        (state, cause) if cause == "none" => state,
        (state, cause) => format!("{state}/{cause}"),
    }
}

/// A TCP connection whose socket is gone, as the kernel's table has it.
const TIME_WAIT: &str = "06";
/// Between two looks at what tells nobody of its changes.
const TICK: Duration = Duration::from_millis(100);
