//! Cameras that misbehave, each in its own way and all at once: every one ends in the state that its fault
//! deserves, in time, and harms nobody else.
//!
//! The tables are the documentation too: `docs/misbehaviour-cameras.md` is written from them when
//! `HUIJU_BLESS=1` is set, and compared otherwise.

mod handshake;
mod media;
mod packets;
mod sdp;
mod sessions;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, Utc};
use huiju_sim::farm::CameraSettings;
use serde_json::json;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::observe::Interval;
use crate::world::{SOON, World, WorldBuilder};

/// A camera and what becomes of it.
pub(super) struct Row {
    name: &'static str,
    en: &'static str,
    zh: &'static str,
    camera: What,
    /// The states it enters, in this order; after that it stays among them.
    path: &'static [&'static str],
    /// By when it has entered the last of them, in seconds since it was asked for.
    within: i64,
}

enum What {
    Camera(Box<CameraSettings>),
    /// A camera with which the gateway has a user and a password.
    WithLogin(Box<CameraSettings>),
    /// A place where there is no camera.
    Nobody(String),
}

/// A row of the table.
pub(super) fn row(
    name: &'static str,
    (en, zh): (&'static str, &'static str),
    settings: CameraSettings,
    path: &'static [&'static str],
    within: i64,
) -> Row {
    Row {
        name,
        en,
        zh,
        camera: What::Camera(Box::new(settings)),
        path,
        within,
    }
}

/// A row of a place where there is no camera.
pub(super) fn nobody(
    name: &'static str,
    (en, zh): (&'static str, &'static str),
    url: &str,
    path: &'static [&'static str],
    within: i64,
) -> Row {
    let camera = What::Nobody(url.to_owned());
    Row {
        name,
        en,
        zh,
        camera,
        path,
        within,
    }
}

impl Row {
    /// The same camera, with which the gateway has a user and a password.
    fn with_login(mut self) -> Self {
        if let What::Camera(settings) = self.camera {
            self.camera = What::WithLogin(settings);
        }
        self
    }

    /// What is wrong with the states that a camera had; `None` while it has not come to its end.
    fn judge(&self, history: &[Interval], asked_at: DateTime<Utc>) -> Option<Result<(), String>> {
        let states: Vec<&str> = history
            .iter()
            .map(|interval| interval.state.as_str())
            .collect();
        let told = |why: &str| format!("{}: {why}: {history:?} since {asked_at}", self.name);
        let common = states.iter().zip(self.path).take_while(|(a, b)| a == b);
        let common = common.count();
        if common < self.path.len().min(states.len()) {
            return Some(Err(told("not its path")));
        }
        if states.len() < self.path.len() {
            return None;
        }
        if let Some(other) = states.iter().find(|state| !self.path.contains(state)) {
            return Some(Err(told(other)));
        }
        let took = (history[self.path.len() - 1].began - asked_at).num_seconds();
        Some(if took > self.within + GRACE {
            Err(told("too late"))
        } else {
            Ok(())
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_misbehaving_camera_ends_in_its_state_and_harms_nobody() {
    let rows = rows().await;
    assert!(rows.len() >= 60, "{}", rows.len());
    let world = camp(World::new("misbehave"), &rows);
    let address = format!("{}.252:8554", world.net()).parse().unwrap();
    let _unanswering = handshake::unanswering(address).await;
    let mut world = world.without_gateway().await;
    world.write("viewer.pw", "a-password");
    world.start_gateway().await;
    world
        .cameras_are(SOON, |cameras| cameras.count("disabled") == rows.len())
        .await;
    let idle = world.usage();

    world.replace("cameras.csv", "是", "否");
    let asked_at = now();
    world.reload_whatever_goes().await;
    let problems = settle(&world, &rows, asked_at).await;
    let busy = world.usage();
    // They stay where they are: what was right a while ago is right now.
    let all = settle(&world, &rows, asked_at).await;
    assert!(all.is_empty(), "{}", all.join("\n"));
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(
        busy.resident_max_mib < idle.resident_mib + MEMORY_MAX_MIB,
        "{idle:?}, then {busy:?}"
    );

    world.replace("cameras.csv", "否", "是");
    world.reload_whatever_goes().await;
    let released = || world.usage().descriptors <= idle.descriptors;
    let is_released = until(released).await;
    assert!(is_released, "{idle:?}, then {:?}", world.usage());
    assert_eq!(world.panics(), Vec::<String>::new());
}

#[test]
fn the_page_of_misbehaving_cameras_is_written_from_the_tables() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let page = page(&runtime.block_on(rows()));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/misbehaviour-cameras.md");
    if std::env::var_os("HUIJU_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page,
        "set HUIJU_BLESS=1 to write {}",
        path.display()
    );
}

async fn rows() -> Vec<Row> {
    let clips = media::Clips::new().await;
    let mut rows = handshake::rows(&clips);
    rows.extend(handshake::places());
    rows.extend(sessions::rows(&clips));
    rows.extend(media::rows(&clips));
    rows.extend(packets::rows(&clips));
    rows
}

/// Puts all rows into a world, out of service at first.
fn camp(mut world: WorldBuilder, rows: &[Row]) -> WorldBuilder {
    for row in rows {
        world = match &row.camera {
            What::Camera(settings) => world.camera(row.name, (**settings).clone()),
            What::WithLogin(settings) => {
                let world = world.camera(row.name, (**settings).clone());
                world.columns(row.name, &[("credential", "viewer")])
            }
            What::Nobody(url) => {
                let url = url.replace("{net}", &world.net());
                world.row("education", row.name, &url)
            }
        };
        world = world.columns(row.name, &[("disabled", "是")]);
    }
    let login = json!({"username": "viewer", "password": {"file": "viewer.pw"}});
    world.platform("district").department(
        "education",
        json!({
            "pull": "always", "networks": ["127.40.0.0/16"],
            "credentials": {"viewer": login}, "limits": {"connects_per_second": 250},
        }),
    )
}

/// Waits until every camera has come to its end, and returns what is wrong.
async fn settle(world: &World, rows: &[Row], asked_at: DateTime<Utc>) -> Vec<String> {
    let mut open: Vec<&Row> = rows.iter().collect();
    let mut problems = BTreeMap::new();
    let longest = rows.iter().map(|row| row.within).max().unwrap_or_default();
    let limit = Duration::from_secs(u64::try_from(longest + 2 * GRACE).unwrap());
    let mut tick = interval(Duration::from_millis(500));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let _all = timeout(limit, async {
        while !open.is_empty() {
            tick.tick().await;
            let mut left = Vec::new();
            for row in open.drain(..) {
                let history = tried(world, row).await;
                match row.judge(&history, asked_at) {
                    None => left.push(row),
                    Some(Ok(())) => {}
                    Some(Err(problem)) => {
                        problems.insert(row.name, problem);
                    }
                }
            }
            open = left;
        }
    })
    .await;
    for row in open {
        let history = tried(world, row).await;
        problems.insert(row.name, format!("{}: only {history:?}", row.name));
    }
    problems.into_values().collect()
}

/// The states that a camera had since it was first tried.
async fn tried(world: &World, row: &Row) -> Vec<Interval> {
    let mut history = world.history(row.name).await;
    history
        .retain(|interval| !["disabled", "unknown/never_tried"].contains(&interval.state.as_str()));
    history
}

/// The page for those who run the gateway.
fn page(rows: &[Row]) -> String {
    let mut page = PAGE.to_owned();
    for row in rows {
        let states = row.path.join(" → ");
        let (name, en, zh, within) = (row.name, row.en, row.zh, row.within);
        page += &format!("| `{name}` | {en} | {zh} | {states} | {within} s |\n");
    }
    page += PAGE_OF_DESCRIPTIONS;
    page + &sdp::table()
}

/// Waits until something is so that tells nobody; `false` where it does not become so soon.
async fn until(is_so: impl Fn() -> bool) -> bool {
    let mut tick = interval(Duration::from_millis(100));
    let wait = async {
        while !is_so() {
            tick.tick().await;
        }
    };
    // A handshake that nobody waits for goes on to its end.
    timeout(2 * SOON, wait).await.is_ok()
}

#[expect(
    clippy::disallowed_methods,
    reason = "states are dated by the wall clock"
)]
fn now() -> DateTime<Utc> {
    std::time::SystemTime::now().into()
}

const ONLINE: &[&str] = &["online"];
const STALLED: &[&str] = &["online", "degraded/stalled"];
const TIMEOUT: &[&str] = &["offline/timeout"];
const RTSP_ERROR: &[&str] = &["offline/rtsp_error"];
const AUTH_FAILED: &[&str] = &["offline/auth_failed"];
const AUTH_LOCKED: &[&str] = &["offline/auth_failed", "offline/auth_locked"];
const NOT_FOUND: &[&str] = &["offline/not_found"];
const SOURCE_LIMIT: &[&str] = &["offline/source_limit"];
const REDIRECT_REFUSED: &[&str] = &["offline/redirect_refused"];

const SECOND: Duration = Duration::from_secs(1);

/// For a busy machine, in seconds; the intervals themselves are dated to the second.
const GRACE: i64 = 3;

/// What all of them together may make the gateway hold.
const MEMORY_MAX_MIB: u64 = 512;

const PAGE: &str = "\
# Cameras that misbehave · 异常摄像机

What the gateway makes of cameras that do not behave, one by one.
A test has all of them at once and holds each to its states; this page is written from the test's tables.
网关如何处置各类异常摄像机。测试同时运行全部摄像机并逐一核对状态，本页由测试用表生成。

The states are those that the camera enters one after another, with their causes; the last column says by when it has entered the last of them since it was first asked.
状态按先后列出并附原因；末列为自首次连接起进入最后状态的时限。

| name 名称 | what the camera does | 摄像机的行为 | states 状态 | within 时限 |
|---|---|---|---|---|
";

const PAGE_OF_DESCRIPTIONS: &str = "
## Odd session descriptions · 异常会话描述

Descriptions (SDP) that cameras were seen to send, or are likely to, and what becomes of them.
现场见过或可能出现的会话描述（SDP）及其结果。

| name 名称 | seen at 出处 | state 状态 |
|---|---|---|
";
