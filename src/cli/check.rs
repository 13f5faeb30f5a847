//! `huiju check`: configuration and inventory, and with `--connect` some cameras too.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use futures::stream::{self, StreamExt};
use tokio::sync::watch;

use super::{complain, say, wrong_config};
use crate::catalog::{Camera, Catalog};
use crate::config::Config;
use crate::descriptors::Descriptors;
use crate::gateway::{forbidden, known_refusals, preview, read_inventory};
use crate::ledger::State;
use crate::metrics::Metrics;
use crate::source::{Beginning, Sources};
use crate::task::Tasks;

/// What to check besides.
#[derive(Debug, Args)]
pub(super) struct What {
    /// Connect to so many cameras, some of each department, and wait for their first key frame.
    #[arg(long, value_name = "N")]
    connect: Option<usize>,
}

/// What came of a try.
struct Tried {
    camera: Arc<Camera>,
    state: String,
    detail: String,
    is_well: bool,
}

/// Exit 78 when a row is refused, 1 when a camera does not give a picture.
pub(super) async fn run(config: &Config, what: &What, json: bool) -> ExitCode {
    let inventory = match read_inventory(
        &config.inventory,
        &config.departments,
        &config.gateway.regions,
    ) {
        Ok(inventory) => inventory,
        Err(problems) => return wrong_config(&problems),
    };
    let draft = preview(inventory, config);
    for problem in draft.refused.iter().chain(&draft.warnings) {
        complain(problem);
    }
    let (rejected, cameras) = (draft.rows_refused, draft.catalog.cameras().len());
    let tried = match what.connect {
        Some(count) => connect(config, draft.catalog, count).await,
        None => Vec::new(),
    };
    print(config, cameras, rejected, &tried, json);
    if rejected > 0 {
        ExitCode::from(78)
    } else if tried.iter().all(|tried| tried.is_well) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn print(config: &Config, cameras: usize, rejected: usize, tried: &[Tried], json: bool) {
    let (departments, platforms) = (config.departments.len(), config.platforms.len());
    if json {
        let connected: Vec<_> = tried
            .iter()
            .map(|tried| {
                let (name, department) = (&tried.camera.record.name, &tried.camera.record.department);
                serde_json::json!({
                    "name": name, "department": department, "state": tried.state, "detail": tried.detail,
                })
            })
            .collect();
        let mut summary = serde_json::json!({
            "cameras": cameras, "rows_rejected": rejected,
            "departments": departments, "platforms": platforms,
        });
        if !connected.is_empty() {
            summary["connected"] = connected.into();
        }
        return say(&summary.to_string());
    }
    for tried in tried {
        let record = &tried.camera.record;
        say(&format!(
            "{:<28} {:<16} {} {}",
            tried.state, record.department, record.name, tried.detail
        ));
    }
    say(&format!(
        "{cameras} cameras, {rejected} rows refused, {departments} departments, {platforms} platforms"
    ));
}

/// Tries cameras inside all limits of connecting.
async fn connect(config: &Config, catalog: Catalog, count: usize) -> Vec<Tried> {
    let ids: Vec<_> = config
        .departments
        .iter()
        .map(|department| department.id.clone())
        .collect();
    let metrics = match Metrics::new(&ids, &[]) {
        Ok(metrics) => metrics,
        Err(error) => {
            complain(&format!("huiju: metrics: {error}"));
            return Vec::new();
        }
    };
    let refusals = match known_refusals(&config.gateway.data_dir) {
        Ok(refusals) => refusals,
        Err(error) => {
            complain(&format!("huiju: {error}: no camera is tried"));
            return Vec::new();
        }
    };
    let chosen = some_of_each(&catalog, count);
    let tasks = Tasks::default();
    let (_keep, catalog) = watch::channel(Arc::new(catalog));
    let sources = Sources::new(Beginning {
        settings: config.streams,
        catalog,
        forbidden: forbidden(config),
        maintained: BTreeSet::new(),
        refusals,
        descriptors: Descriptors::of_process(),
        metrics,
        tasks: tasks.child(),
    });
    let probes = chosen.into_iter().map(|camera| probe(&sources, camera));
    let tried = stream::iter(probes).buffered(AT_ONCE).collect().await;
    tasks.shutdown(GRACE).await;
    tried
}

async fn probe(sources: &Sources, camera: Arc<Camera>) -> Tried {
    match sources.probe(&camera).await {
        Ok(status) => {
            let is_well = status.state.state() == State::Online;
            let failure = status.last_failure.filter(|_| !is_well);
            Tried {
                state: status.state.to_string(),
                detail: failure.map(|failure| failure.detail).unwrap_or_default(),
                camera,
                is_well,
            }
        }
        // It is out of service, and is to be.
        Err(state) => Tried {
            state: state.to_string(),
            detail: String::new(),
            camera,
            is_well: true,
        },
    }
}

/// The first camera of each department, the second of each, and so on.
fn some_of_each(catalog: &Catalog, count: usize) -> Vec<Arc<Camera>> {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let mut ranked: Vec<_> = catalog
        .cameras()
        .iter()
        .map(|camera| {
            let rank = seen.entry(&camera.record.department).or_default();
            *rank += 1;
            (*rank, camera)
        })
        .collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked
        .into_iter()
        .take(count)
        .map(|(_, camera)| camera.clone())
        .collect()
}

const AT_ONCE: usize = 64;
const GRACE: Duration = Duration::from_secs(6);
