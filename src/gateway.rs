//! The root: composes the modules, starts them in order, stops them in order.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing::{info, warn};

use crate::api::{self, Api};
use crate::catalog::{Assigned, Camera, Catalog, Department, KnownNode, NodeKey, Record, Registry};
use crate::config::Config;
use crate::import;
use crate::metrics::Metrics;
use crate::problem::Problem;
use crate::sink::gb28181::{self, Platforms, RtpPorts};
use crate::source::Sources;
use crate::store::{self, Store};
use crate::task::Tasks;

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

/// What the inventory files hold.
#[derive(Debug, Default)]
pub struct Inventory {
    /// The rows that are right.
    pub records: Vec<Record>,
    /// What is wrong with the others.
    pub rejected: Vec<Problem>,
    /// How many rows are wrong.
    pub rows_rejected: usize,
}

/// Reads all inventory files.
///
/// # Errors
///
/// A file as a whole cannot be used.
pub fn read_inventory(
    files: &[PathBuf],
    departments: &[Department],
) -> Result<Inventory, Vec<Problem>> {
    let mut inventory = Inventory::default();
    let mut broken = Vec::new();
    for file in files {
        match import::read_rows(file) {
            Ok(rows) => {
                broken.extend(import::exposed_secret(file, &rows));
                for row in rows {
                    match import::to_record(&row, departments) {
                        Ok(record) => inventory.records.push(record),
                        Err(problems) => {
                            inventory.rejected.extend(problems);
                            inventory.rows_rejected += 1;
                        }
                    }
                }
            }
            Err(problem) => broken.push(problem),
        }
    }
    if broken.is_empty() {
        Ok(inventory)
    } else {
        Err(broken)
    }
}

/// What is wrong with rows beside one another: two rows of one camera.
pub fn conflicts(inventory: &Inventory, config: &Config) -> Vec<String> {
    let records = inventory.records.clone();
    let civil_code = &config.gateway.civil_code;
    let (_, conflicts) = Registry::default().assign(records, &config.departments, civil_code);
    let text = |(record, conflict): &(Record, _)| format!("{}: {conflict}", record.origin);
    conflicts.iter().map(text).collect()
}

/// Runs the gateway until it is told to stop.
///
/// # Errors
///
/// It could not start; nothing is left behind but its store.
pub async fn run(config: Config) -> Result<(), Error> {
    let started = wall_clock();
    let mut store = Store::open(&config.gateway.data_dir)?;
    let inventory =
        read_inventory(&config.inventory, &config.departments).map_err(Error::Problems)?;
    let (catalog, rejected) = build_catalog(&mut store, inventory, &config)?;
    info!(
        cameras = catalog.cameras().len(),
        rejected, "catalogue is loaded"
    );
    let (_catalog, catalog) = watch::channel(Arc::new(catalog));

    let metrics = metrics_of(&config)?;
    metrics
        .inventory_rows_rejected
        .set(i64::try_from(rejected).unwrap_or(i64::MAX));
    let (listeners, sip) = Listeners::bind(&config).await?;
    let tasks = Tasks::default();
    let sources = Sources::new(
        config.streams,
        catalog.clone(),
        metrics.clone(),
        tasks.child(),
    );
    let (first, last) = config.listen.rtp_ports;
    let lent = gb28181::Gateway {
        name: config.gateway.name.clone(),
        civil_code: config.gateway.civil_code.clone(),
        timezone: config.gateway.timezone,
        catalog: catalog.clone(),
        sources: sources.clone(),
        ports: RtpPorts::new(first, last, metrics.rtp_ports_free.clone()),
        metrics: metrics.clone(),
    };
    let (sinks, signalling) = (Tasks::default(), Tasks::default());
    let platforms = Platforms::start(config.platforms.clone(), sip, &lent, &sinks, &signalling);
    sources.start_always();

    let (ready, is_ready) = watch::channel(true);
    let api = Api::new(catalog, sources, platforms, metrics, started, is_ready);
    let listening = listeners.serve(&api);
    info!(
        http = %config.listen.http,
        metrics = %config.listen.metrics,
        sip = %config.listen.sip,
        admin = %config.listen.admin.display(),
        "ready"
    );

    wait_for_stop().await.map_err(Error::Signals)?;
    info!("stopping");
    ready.send_replace(false);
    // Viewers end before the cameras do: platforms hear BYE, cameras TEARDOWN.
    sinks.shutdown(SINKS_GRACE).await;
    signalling.shutdown(LISTENERS_GRACE).await;
    tasks.shutdown(SOURCES_GRACE).await;
    listening.shutdown(LISTENERS_GRACE).await;
    drop(store);
    info!("stopped");
    Ok(())
}

fn metrics_of(config: &Config) -> Result<Metrics, Error> {
    let departments: Vec<_> = config.departments.iter().map(|d| d.id.clone()).collect();
    let platforms: Vec<_> = config
        .platforms
        .iter()
        .map(|platform| platform.id.clone())
        .collect();
    Ok(Metrics::new(&departments, &platforms)?)
}

/// Gives every record its identity, keeps what is new, and puts the catalogue together. Returns how
/// many rows were refused.
fn build_catalog(
    store: &mut Store,
    inventory: Inventory,
    config: &Config,
) -> Result<(Catalog, usize), Error> {
    for problem in &inventory.rejected {
        warn!(%problem, "inventory row refused");
    }
    let (cameras, nodes) = store.identities()?;
    let reserved: Vec<_> = config
        .platforms
        .iter()
        .flat_map(|p| [p.local_gb_id, p.gb_id])
        .collect();
    let mut registry = Registry::new(cameras, nodes, &reserved);
    let civil_code = &config.gateway.civil_code;
    let (assigned, conflicts) = registry.assign(inventory.records, &config.departments, civil_code);
    for (record, conflict) in &conflicts {
        warn!(
            row = record.origin,
            name = record.name,
            "inventory row refused: {conflict}"
        );
    }
    let new_nodes = assign_nodes(&mut registry, &config.departments, &assigned, civil_code);
    store.keep(
        assigned
            .iter()
            .filter(|row| row.is_new)
            .map(|row| &row.known),
        &new_nodes,
    )?;
    let cameras = assigned
        .into_iter()
        .map(|row| camera(row, &config.departments))
        .collect();
    let catalog = Catalog::new(cameras, config.departments.clone(), &registry);
    Ok((catalog, inventory.rows_rejected + conflicts.len()))
}

fn camera(row: Assigned, departments: &[Department]) -> Camera {
    let of_department = departments
        .iter()
        .find(|d| d.id == row.record.department)
        .map(|d| d.pull);
    let pull = row.record.pull.or(of_department).unwrap_or_default();
    Camera {
        id: row.known.id,
        code: row.known.code,
        pull,
        record: row.record,
    }
}

/// Codes for the tree: the group, every department, every unit that has cameras.
fn assign_nodes(
    registry: &mut Registry,
    departments: &[Department],
    assigned: &[Assigned],
    civil_code: &str,
) -> Vec<KnownNode> {
    let mut keys = vec![NodeKey::Group];
    keys.extend(
        departments
            .iter()
            .map(|department| NodeKey::Department(department.id.clone())),
    );
    let mut units: Vec<_> = assigned
        .iter()
        .filter_map(|row| {
            let unit = row.record.organisation.clone()?;
            Some(NodeKey::Organisation(row.record.department.clone(), unit))
        })
        .collect();
    units.sort();
    units.dedup();
    keys.extend(units);
    let mut new = Vec::new();
    for key in keys {
        match registry.assign_node(key.clone(), civil_code) {
            Ok((code, true)) => new.push(KnownNode { key, code }),
            Ok((_, false)) => {}
            Err(conflict) => warn!(?key, "no code for a node of the tree: {conflict}"),
        }
    }
    new
}

/// The HTTP listeners, bound.
struct Listeners {
    http: TcpListener,
    metrics: TcpListener,
    admin: tokio::net::UnixListener,
}

impl Listeners {
    /// Binds all listeners, SIP too: the gateway starts with all of them or not at all.
    async fn bind(config: &Config) -> Result<(Self, gb28181::Sockets), Error> {
        let listen = &config.listen;
        let fail = |what, address: String| {
            move |source| Error::Listen {
                what,
                address,
                source,
            }
        };
        let (http, metrics) = (listen.http, listen.metrics);
        let admin = api::bind_admin(&listen.admin);
        let listeners = Self {
            http: TcpListener::bind(http)
                .await
                .map_err(fail("listen.http", http.to_string()))?,
            metrics: TcpListener::bind(metrics)
                .await
                .map_err(fail("listen.metrics", metrics.to_string()))?,
            admin: admin.map_err(fail("listen.admin", listen.admin.display().to_string()))?,
        };
        let sip = gb28181::bind(listen.sip).await;
        Ok((
            listeners,
            sip.map_err(fail("listen.sip", listen.sip.to_string()))?,
        ))
    }

    /// Serves the API on them; the tasks end with the group that is returned.
    fn serve(self, api: &Api) -> Tasks {
        let tasks = Tasks::default();
        let stop = || tasks.cancelled();
        tasks.spawn("http", api::serve(self.http, api.public(), stop()));
        tasks.spawn("metrics", api::serve(self.metrics, api.metrics(), stop()));
        tasks.spawn("admin", api::serve_admin(self.admin, api.admin(), stop()));
        tasks
    }
}

async fn wait_for_stop() -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a shell reads the clock")]
fn wall_clock() -> SystemTime {
    SystemTime::now()
}

/// Together within the ten seconds that a stop may take.
const SINKS_GRACE: Duration = Duration::from_secs(4);
const SOURCES_GRACE: Duration = Duration::from_secs(4);
const LISTENERS_GRACE: Duration = Duration::from_secs(1);
