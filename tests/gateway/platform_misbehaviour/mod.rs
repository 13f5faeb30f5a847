//! Upper platforms that misbehave, each in its own way: every one ends in the state that its fault deserves,
//! in time and within its bounds, and the platform beside it notices nothing.
//!
//! The tables are the documentation too: `docs/misbehaviour-platforms.md` is written from them when
//! `HUIJU_BLESS=1` is set, and compared otherwise.

mod calls;
mod floods;
mod registering;
mod signalling;

use std::fmt::Write as _;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::join_all;
use huiju_sim::clips::ClipKind;
use huiju_sim::farm::CameraSettings;
use huiju_sim::platform::{InviteError, Keep, Media, Options, Platform, Session, Settings, What};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use crate::world::{SOON, World, clip};

/// A platform and what the gateway makes of it.
struct Row {
    name: &'static str,
    platform: (&'static str, &'static str),
    gateway: (&'static str, &'static str),
    /// By when that is so.
    within: Duration,
    settings: fn(&mut Settings),
    config: Value,
    conduct: Conduct,
}

/// What a row does at its platform, and what it wants to see then.
type Conduct = for<'a> fn(&'a Scene<'a>) -> Act<'a>;
type Act<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// A row of the table, in English and Chinese.
fn row(
    name: &'static str,
    platform: (&'static str, &'static str),
    gateway: (&'static str, &'static str),
    within: u64,
    conduct: Conduct,
) -> Row {
    Row {
        name,
        platform,
        gateway,
        within: Duration::from_secs(within),
        settings: |_| {},
        config: json!({"keepalive": {"interval": "5s"}}),
        conduct,
    }
}

impl Row {
    /// With a platform that is so from the start.
    fn at(mut self, settings: fn(&mut Settings)) -> Self {
        self.settings = settings;
        self
    }

    /// With these settings of the gateway for it.
    fn with(mut self, config: Value) -> Self {
        self.config = config;
        self
    }
}

/// A row at work.
struct Scene<'a> {
    world: &'a World,
    row: &'a Row,
    is_timed: AtomicBool,
}

impl Scene<'_> {
    fn platform(&self) -> &Platform {
        self.world.platform(self.row.name)
    }

    /// What must come within the time of the row.
    async fn within<T>(&self, what: impl Future<Output = T>) -> T {
        self.is_timed.store(true, Ordering::Relaxed);
        let limit = self.row.within + GRACE;
        let came = timeout(limit, what).await;
        came.unwrap_or_else(|_| panic!("not within {limit:?}"))
    }

    /// Waits until the admin socket says so of the platform; `reason` is a part of what it says.
    async fn told(&self, registered: bool, reason: &str) -> Value {
        let path = format!("/api/v1/platforms/{}", self.row.name);
        let told = self.world.admin_within(LONG, &path, |platform| {
            let says = platform["reason"].as_str().unwrap_or_default();
            platform["registered"] == registered && says.contains(reason)
        });
        told.await
    }

    /// Waits for an event behind a mark.
    async fn event(&self, mark: usize, wanted: impl Fn(&What) -> bool) -> Instant {
        let event = self.platform().wait_after(mark, wanted, LONG).await;
        event.unwrap_or_else(|error| panic!("{error}")).at
    }

    /// Waits for so many heartbeats of the witness, five seconds each, and returns when the last came.
    async fn beats(&self, times: usize) -> Instant {
        let mut last = None;
        for _ in 0..times {
            let witness = self.world.platform(WITNESS);
            let beat = witness.wait_after(witness.mark(), is_keepalive, SOON).await;
            last = Some(beat.unwrap().at);
        }
        last.expect("at least one")
    }

    /// How many REGISTERs came so far.
    fn registers(&self) -> usize {
        let events = self.platform().events();
        let registers = events
            .iter()
            .filter(|event| matches!(event.what, What::Register { .. }));
        registers.count()
    }

    async fn registered(&self) {
        let registered = self.platform().registered(LONG).await;
        registered.unwrap_or_else(|error| panic!("{error}"));
    }

    async fn channel(&self) -> String {
        self.world.channel(self.row.name, CAMERA).await
    }

    async fn invite(&self, options: Options) -> Result<Session, InviteError> {
        let channel = self.channel().await;
        let options = Options {
            keep: Keep::Hash,
            ..options
        };
        self.platform().invite(&channel, Media::Udp, options).await
    }

    /// A session with media.
    async fn watch(&self) -> Session {
        self.registered().await;
        let session = self.invite(Options::default()).await;
        let session = session.unwrap_or_else(|error| panic!("{error}"));
        plays(&session).await;
        session
    }

    async fn metric(&self, series: &str) -> f64 {
        self.world.metric(series).await
    }

    /// How many INVITEs of the platform had that result.
    async fn invites(&self, result: &str) -> f64 {
        let name = self.row.name;
        let series = format!("huiju_invites_total{{platform=\"{name}\",result=\"{result}\"}}");
        self.metric(&series).await
    }

    /// What the platform found to be against the standards.
    fn is_faultless(&self) {
        assert_eq!(self.platform().violations(), Vec::<String>::new());
    }
}

/// Media goes on, and none was lost since it began.
async fn plays(session: &Session) {
    let frames = session.stats().frames;
    let more = session.wait_for(|stats| stats.frames >= frames + 25, SOON);
    let stats = more.await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((stats.lost, stats.reordered), (0, 0), "packets");
}

/// The platform ends a session that has been well all the time.
async fn ends_well(session: Session) {
    plays(&session).await;
    session.bye().await.unwrap();
    let recording = session.finish().await.unwrap();
    assert_eq!(recording.violations, Vec::<String>::new());
}

fn is_keepalive(what: &What) -> bool {
    matches!(what, What::Keepalive { .. })
}

fn is_registration(what: &What) -> bool {
    let (expires, authorised) = match what {
        What::Register {
            expires,
            authorised,
            ..
        } => (*expires, *authorised),
        _ => (0, false),
    };
    expires > 0 && authorised
}

/// Has all rows of a table at once, beside a witness that has a session all the time.
async fn play(test: &str, rows: Vec<Row>) {
    let video = clip(ClipKind::H264Small).await;
    let prompt = json!({"keepalive": {"interval": "5s"}});
    let mut builder = World::new(test)
        .camera(CAMERA, CameraSettings::new(&video))
        .camera(SLOW, CameraSettings::new(&video).describe_delay(OPENING))
        .platform_with(WITNESS, |_| {}, prompt);
    for row in &rows {
        builder = builder.platform_with(row.name, row.settings, row.config.clone());
    }
    let mut world = builder.without_gateway().await;
    world.start_gateway().await;
    let idle = resident(&world, "VmRSS");
    let rows = join_all(rows.iter().map(|row| play_row(&world, row)));
    let (played, (session, before)) = tokio::join!(rows, witness(&world));
    let problems: Vec<String> = played.into_iter().flatten().collect();
    assert!(
        problems.is_empty(),
        "{}\n{}",
        problems.join("\n"),
        world.log()
    );

    let most = resident(&world, "VmHWM");
    assert!(most < idle + MEMORY_MAX_KIB, "{idle} KiB, then {most} KiB");
    let after = world.admin(&witness_path(), |_| true).await;
    for field in ["registered", "since", "reason"] {
        assert_eq!(after[field], before[field], "{field} of the witness");
    }
    ends_well(session).await;
    let violations = world.platform(WITNESS).violations();
    assert_eq!(violations, Vec::<String>::new());
}

/// A session of the witness, and what is said of it then.
async fn witness(world: &World) -> (Session, Value) {
    let witness = world.platform(WITNESS);
    witness.registered(SOON).await.unwrap();
    let registered = |platform: &Value| platform["registered"] == true;
    let told = world.admin(&witness_path(), registered).await;
    let channel = world.channel(WITNESS, CAMERA).await;
    let options = Options {
        keep: Keep::Hash,
        ..Options::default()
    };
    let session = witness.invite(&channel, Media::Udp, options).await.unwrap();
    plays(&session).await;
    (session, told)
}

/// The gateway's memory in KiB: `VmRSS` now, `VmHWM` the most so far.
fn resident(world: &World, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", world.gateway_pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let value = line.unwrap().trim_matches([':', ' ', '\t', 'k', 'B']);
    value.parse().unwrap()
}

fn witness_path() -> String {
    format!("/api/v1/platforms/{WITNESS}")
}

/// Plays one row; returns what is wrong.
async fn play_row(world: &World, row: &Row) -> Option<String> {
    let scene = Scene {
        world,
        row,
        is_timed: AtomicBool::new(false),
    };
    let acted = AssertUnwindSafe((row.conduct)(&scene)).catch_unwind().await;
    let problem = match acted {
        Ok(()) if scene.is_timed.load(Ordering::Relaxed) => return None,
        Ok(()) => "nothing was timed".to_owned(),
        Err(panic) => match (panic.downcast_ref::<String>(), panic.downcast_ref::<&str>()) {
            (Some(text), _) => text.clone(),
            (None, text) => text.copied().unwrap_or("it failed").to_owned(),
        },
    };
    Some(format!("{}: {problem}", row.name))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_misbehaving_platforms_is_what_is_tested() {
    let rows = rows();
    assert!(rows.len() >= 25, "{}", rows.len());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/misbehaviour-platforms.md");
    let page = page(&rows);
    if std::env::var("HUIJU_BLESS").is_ok_and(|bless| bless == "1") {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page, "HUIJU_BLESS=1 writes {}", path.display());
}

fn rows() -> Vec<Row> {
    let tables = [
        registering::refusals(),
        registering::oddities(),
        signalling::rows(),
        signalling::slow(),
        calls::rows(),
        calls::slow(),
        floods::rows(),
    ];
    tables.into_iter().flatten().collect()
}

fn page(rows: &[Row]) -> String {
    let mut page = HEAD.to_owned();
    for row in rows {
        let ((platform, zh), (gateway, gateway_zh)) = (row.platform, row.gateway);
        let within = row.within.as_secs();
        writeln!(
            page,
            "| `{}` | {platform} | {zh} | {gateway} | {gateway_zh} | {within} s |",
            row.name
        )
        .unwrap();
    }
    page
}

const HEAD: &str = "\
# Upper platforms that misbehave · 异常上级平台

What the gateway makes of upper platforms that do not behave, one by one.
Tests have many of them at once, beside a platform that behaves, which must notice nothing; this page is written from the tests' tables.
网关如何处置各类异常上级平台。测试同时接入多个异常平台和一个正常平台，并确认正常平台不受影响；本页由测试用表生成。

The last column says by when what the gateway does is so.
末列为网关完成处置的时限。

| name 名称 | what the platform does | 平台的行为 | what the gateway does | 网关的处置 | within 时限 |
|---|---|---|---|---|---|
";

/// The platform beside those that misbehave.
const WITNESS: &str = "witness";
/// The one camera.
const CAMERA: &str = "东门";
/// One that takes its time to open.
const SLOW: &str = "西门";
const OPENING: Duration = Duration::from_secs(4);
/// What the gateway may take more while its platforms misbehave.
const MEMORY_MAX_KIB: u64 = 64 * 1024;
/// What a machine under load may be late.
const GRACE: Duration = Duration::from_secs(2);
/// Longer than any row may take.
const LONG: Duration = Duration::from_secs(60);
