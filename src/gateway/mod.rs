//! The root: composes the modules, starts them in order, follows what operators say, stops in order.

mod backup;
mod cards;
mod edits;
mod events;
mod imports;
mod inventory;
mod keeper;
mod listeners;
mod reload;
mod signals;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use sd_notify::NotifyState;
use tokio::signal::unix::Signal;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use self::keeper::{SharedStore, on_store};
use self::listeners::Listeners;
use self::signals::Signals;
use crate::api::{Api, Feed, Operation, Parts, Token};
use crate::catalog::{Catalog, Registry};
use crate::clock::wall_clock;
use crate::config::Config;
use crate::descriptors::Descriptors;
use crate::discover::Discoveries;
use crate::metrics::Metrics;
use crate::problem::Problem;
use crate::sink::gb28181::{self, Platforms, PlatformsChange, RtpPorts};
use crate::source::{self, Sources};
use crate::store::{self, Store};
use crate::task::{Shards, Tasks};

pub use self::backup::{back_up, restore};
pub use self::inventory::{Draft, Inventory, preview, read_inventory};
pub use self::keeper::known_refusals;

/// Why the gateway does not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration or the inventory is wrong.
    #[error("{}", listed(.0))]
    Problems(Vec<Problem>),
    /// The store.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A listener.
    #[error("{what} {address}: {source}")]
    Listen {
        /// Which.
        what: &'static str,
        /// Where.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// The metrics.
    #[error("metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    /// There are no threads for media.
    #[error("threads: {0}")]
    Threads(io::Error),
    /// Signals cannot be received.
    #[error("signals: {0}")]
    Signals(io::Error),
}

fn listed(problems: &[Problem]) -> String {
    problems
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

/// The gateway at work: what a reload changes.
struct Gateway {
    config_path: PathBuf,
    config: Config,
    catalog: watch::Sender<Arc<Catalog>>,
    /// All identities, as the store has them.
    registry: Arc<Registry>,
    store: SharedStore,
    /// Files that are being looked at for imports, and how many may be at once.
    planned: Tasks,
    planning: Arc<Semaphore>,
    sources: Sources,
    discoveries: Discoveries,
    platforms: Platforms,
    metrics: Metrics,
    /// What opens the API on `listen.http`.
    token: watch::Sender<Option<Token>>,
}

/// Runs the gateway until it is told to stop; `path` is read again on reload.
///
/// # Errors
///
/// It could not start; nothing is left behind but its store.
pub async fn run(path: PathBuf, config: Config) -> Result<(), Error> {
    let started = wall_clock();
    let mut signals = Signals::receive()?;
    let (store, draft) = open_store(&config, started)?;
    let metrics = metrics_of(&config, draft.rows_refused)?;
    let (listeners, sip) = Listeners::bind(&config).await?;
    let (shards, _threads) = Shards::start().map_err(Error::Threads)?;
    let groups = Groups::on(&shards);
    let descriptors = Descriptors::of_process();
    let registry = Arc::new(draft.registry);
    let catalog = watch::Sender::new(Arc::new(draft.catalog));
    let sources = Sources::start(source::Beginning {
        settings: config.streams,
        catalog: catalog.subscribe(),
        forbidden: forbidden(&config),
        maintained: store.maintained()?,
        refusals: refusals(&store)?,
        descriptors: descriptors.clone(),
        metrics: metrics.clone(),
        tasks: groups.sources.child(),
    });
    let discoveries = groups.discoveries(&config, &catalog, &descriptors);
    let lent = lend(&config, &catalog, &sources, &descriptors, &metrics);
    let platforms = Platforms::start(sip, &lent, &groups.sinks, &groups.signalling);
    let store: SharedStore = Arc::new(Mutex::new(store));
    let (ready, is_ready) = watch::channel(true);
    let (operations, mut asked) = mpsc::channel(OPERATIONS);
    let token = watch::Sender::new(token_of(&config));
    let feed = Feed::new(started);
    let api = Api::new(Parts {
        catalog: catalog.subscribe(),
        sources: sources.clone(),
        discoveries: discoveries.clone(),
        platforms: platforms.clone(),
        metrics: metrics.clone(),
        started,
        ready: is_ready,
        token: token.subscribe(),
        operations,
        feed: feed.clone(),
    });
    let mut gateway = Gateway {
        config_path: path,
        config,
        catalog,
        registry,
        store,
        planned: groups.keeping.child(),
        planning: Arc::new(Semaphore::new(PLANS)),
        sources,
        discoveries,
        platforms,
        metrics,
        token,
    };
    gateway.begin(started).await;
    let keeping = &groups.keeping;
    gateway.keep(keeping, feed);
    keeping.spawn("watchdog", feed_watchdog(keeping.cancelled()));
    let listening = listeners.serve(&api);
    gateway.say_ready();
    gateway.work(&mut asked, &mut signals).await;

    info!("stopping");
    tell_service_manager(&[NotifyState::Stopping]);
    ready.send_replace(false);
    groups.stop(&listening).await;
    info!("stopped");
    Ok(())
}

/// The passwords that cameras refused before.
fn refusals(store: &Store) -> Result<Vec<source::Refusal>, Error> {
    let stored = store.refused_logins()?.into_iter();
    Ok(stored.map(keeper::from_stored).collect())
}

/// Opens the store and gives every camera of the inventory its identity.
fn open_store(config: &Config, started: SystemTime) -> Result<(Store, Draft), Error> {
    let mut store = Store::open(&config.gateway.data_dir, &config.gateway.secrets_key)?;
    store.begin_life(started)?;
    let inventory = read_inventory(
        &config.inventory,
        &config.departments,
        &config.gateway.regions,
    )
    .map_err(Error::Problems)?;
    let draft = Draft::new(&store, inventory, config, None)?;
    draft.keep(&mut store)?;
    draft.log();
    let (cameras, rejected) = (draft.catalog.cameras().len(), draft.rows_refused);
    info!(cameras, rejected, "catalogue is loaded");
    Ok((store, draft))
}

/// The tasks, in groups that stop one after another.
struct Groups {
    sinks: Tasks,
    signalling: Tasks,
    sources: Tasks,
    keeping: Tasks,
}

impl Groups {
    /// Sessions and cameras are on the shards.
    fn on(shards: &Shards) -> Self {
        Self {
            sinks: Tasks::on(shards),
            sources: Tasks::on(shards),
            signalling: Tasks::default(),
            keeping: Tasks::default(),
        }
    }

    /// Those who ask cameras by ONVIF end with those who pull them.
    fn discoveries(
        &self,
        config: &Config,
        catalog: &watch::Sender<Arc<Catalog>>,
        descriptors: &Descriptors,
    ) -> Discoveries {
        let (catalog, tasks) = (catalog.subscribe(), self.sources.child());
        Discoveries::new(catalog, forbidden(config), descriptors.clone(), tasks)
    }

    /// Viewers end before the cameras do: platforms hear BYE, cameras TEARDOWN; the store hears all.
    async fn stop(&self, listening: &Tasks) {
        self.sinks.shutdown(SINKS_GRACE).await;
        self.signalling.shutdown(LISTENERS_GRACE).await;
        self.sources.shutdown(SOURCES_GRACE).await;
        listening.shutdown(LISTENERS_GRACE).await;
        self.keeping.shutdown(LISTENERS_GRACE).await;
    }
}

impl Gateway {
    /// Has the series of the configuration and registers at its platforms.
    async fn begin(&self, started: SystemTime) {
        self.follow_metrics();
        self.metrics.config_last_reload_successful.set(1);
        self.metrics.set_reloaded(started);
        let platforms = self.begin_platforms(&self.config);
        self.platforms.finish_change(platforms).await;
    }

    /// Has states written down, and told to who follows.
    fn keep(&self, keeping: &Tasks, feed: Feed) {
        let (catalog, sources) = (self.catalog.subscribe(), self.sources.clone());
        let keeper = keeper::run(self.store.clone(), sources.clone(), keeping.cancelled());
        keeping.spawn("keeper", keeper);
        let events = events::tell(feed, catalog, sources, keeping.cancelled());
        keeping.spawn("events", events);
    }

    /// Does what operators and the service manager say, until it is to stop.
    async fn work(&mut self, asked: &mut mpsc::Receiver<Operation>, signals: &mut Signals) {
        let Signals {
            terminate,
            interrupt,
            hangup,
        } = signals;
        loop {
            // Whatever is being done, a stop ends it.
            tokio::select! {
                _ = terminate.recv() => return,
                _ = interrupt.recv() => return,
                () = self.next(hangup, asked) => {}
            }
        }
    }

    /// Waits for the next thing to do, and does it.
    async fn next(&mut self, hangup: &mut Signal, asked: &mut mpsc::Receiver<Operation>) {
        tokio::select! {
            _ = hangup.recv() => self.reload_for_manager().await,
            Some(operation) = asked.recv() => self.operate(operation).await,
        }
    }

    /// SIGHUP: what came of it is in the log and in the metrics.
    async fn reload_for_manager(&mut self) {
        let mut state = vec![NotifyState::Reloading];
        state.extend(NotifyState::monotonic_usec_now());
        tell_service_manager(&state);
        if let Err(refused) = self.reload(0, "SIGHUP").await {
            debug!(problems = refused.problems().len(), "nothing has changed");
        }
        tell_service_manager(&[NotifyState::Ready]);
    }

    /// Whoever asked may have gone: then nobody hears the answer.
    async fn operate(&mut self, operation: Operation) {
        match operation {
            Operation::Plan {
                allow_removals,
                answer,
            } => {
                let plan = self.plan(allow_removals).await;
                drop(answer.send(plan.map(|plan| plan.report)));
            }
            Operation::Reload {
                allow_removals,
                by,
                answer,
            } => {
                drop(answer.send(self.reload(allow_removals, &by).await));
            }
            Operation::Maintain {
                camera,
                is_maintained,
                by,
                answer,
            } => {
                let now = wall_clock();
                let kept = on_store(&self.store, move |store| {
                    store.set_maintained(camera, is_maintained, now)
                });
                let kept = kept.await;
                if kept.is_ok() {
                    info!(%camera, is_maintained, by, "maintenance");
                    self.sources.set_maintained(camera, is_maintained);
                }
                drop(answer.send(kept.map_err(|error| error.to_string())));
            }
            Operation::Edit {
                edit,
                given,
                answer,
            } => drop(answer.send(self.edit(edit, given).await)),
            Operation::Import(order) => self.order_import(order).await,
            Operation::Intervals {
                camera,
                count,
                answer,
            } => {
                let intervals =
                    on_store(&self.store, move |store| store.intervals(camera, count)).await;
                let intervals = intervals.map(|all| {
                    all.into_iter()
                        .map(|one| (one.state, one.began, one.ended))
                        .collect()
                });
                drop(answer.send(intervals.map_err(|error| error.to_string())));
            }
        }
    }

    /// Tells platforms what `config` says of them.
    fn begin_platforms(&self, config: &Config) -> PlatformsChange {
        let (gateway, platforms) = (&config.gateway, &config.platforms);
        self.platforms
            .begin_change(platforms, &gateway.name, gateway.timezone)
    }

    /// Begins the series of what a new configuration has besides.
    fn begin_series(&self, config: &Config) {
        let ids = |old: Vec<String>, new: Vec<String>| [old, new].concat();
        let (departments, platforms) = names(&self.config);
        let (new_departments, new_platforms) = names(config);
        self.metrics.follow(
            &ids(departments, new_departments),
            &ids(platforms, new_platforms),
        );
    }

    /// Has the series of the configuration, and no others.
    fn follow_metrics(&self) {
        let (departments, platforms) = names(&self.config);
        self.metrics.follow(&departments, &platforms);
        for department in &self.config.departments {
            let limits = department.limits;
            let values = [
                ("streams", limits.streams as f64),
                ("bandwidth", limits.bandwidth as f64),
                ("connects_per_second", limits.connects_per_second),
            ];
            for (limit, value) in values {
                self.metrics
                    .limit
                    .with_label_values(&[department.id.as_str(), limit])
                    .set(value);
            }
        }
    }

    fn say_ready(&self) {
        let listen = &self.config.listen;
        info!(
            http = %listen.http,
            metrics = %listen.metrics,
            sip = %listen.sip,
            admin = %listen.admin.display(),
            "ready"
        );
        tell_service_manager(&[NotifyState::Ready]);
    }
}

fn lend(
    config: &Config,
    catalog: &watch::Sender<Arc<Catalog>>,
    sources: &Sources,
    descriptors: &Descriptors,
    metrics: &Metrics,
) -> gb28181::Gateway {
    let (first, last) = config.listen.rtp_ports;
    gb28181::Gateway {
        name: config.gateway.name.clone(),
        civil_code: config.gateway.civil_code.clone(),
        timezone: config.gateway.timezone,
        catalog: catalog.subscribe(),
        sources: sources.clone(),
        ports: RtpPorts::new(first, last, metrics.rtp_ports_free.clone()),
        descriptors: descriptors.clone(),
        metrics: metrics.clone(),
    }
}

fn metrics_of(config: &Config, rows_refused: usize) -> Result<Metrics, Error> {
    let (departments, platforms) = names(config);
    let metrics = Metrics::new(&departments, &platforms)?;
    let rows_refused = i64::try_from(rows_refused).unwrap_or(i64::MAX);
    metrics.inventory_rows_rejected.set(rows_refused);
    Ok(metrics)
}

fn names(config: &Config) -> (Vec<String>, Vec<String>) {
    let departments = config
        .departments
        .iter()
        .map(|department| department.id.clone());
    let platforms = config.platforms.iter().map(|platform| platform.id.clone());
    (departments.collect(), platforms.collect())
}

fn token_of(config: &Config) -> Option<Token> {
    config
        .listen
        .token
        .as_ref()
        .map(|token| Token::new(token.expose()))
}

/// Where no camera may be: our own listeners, and the signalling of platforms.
pub fn forbidden(config: &Config) -> Vec<SocketAddr> {
    let listen = &config.listen;
    let platforms = config.platforms.iter().filter_map(|platform| {
        let host = platform.host.parse().ok()?;
        Some(SocketAddr::new(host, platform.port))
    });
    [listen.http, listen.metrics, listen.sip]
        .into_iter()
        .chain(platforms)
        .collect()
}

/// Tells the service manager that the runtime lives, while it wants to know.
async fn feed_watchdog(cancelled: CancellationToken) {
    let Some(period) = sd_notify::watchdog_enabled() else {
        return;
    };
    loop {
        tell_service_manager(&[NotifyState::Watchdog]);
        tokio::select! {
            () = cancelled.cancelled() => return,
            () = sleep(period / 2) => {}
        }
    }
}

/// Says something to systemd, where it started us.
fn tell_service_manager(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        debug!(%error, "the service manager was not told");
    }
}

/// Operations that wait; more wait at the socket.
const OPERATIONS: usize = 16;
/// Files that are looked at at once.
const PLANS: usize = 2;
/// Together within the ten seconds that a stop may take.
const SINKS_GRACE: Duration = Duration::from_millis(3500);
const SOURCES_GRACE: Duration = Duration::from_secs(3);
const LISTENERS_GRACE: Duration = Duration::from_secs(1);
