//! Reload: configuration and inventory are read again, and what has changed is taken over, all or
//! nothing. Cameras and platforms are the same by their identity; what has not changed goes on untouched.

use std::collections::BTreeSet;
use std::sync::Arc;

use tracing::{info, warn};

use super::inventory::{Draft, read_inventory};
use super::keeper::on_store;
use super::{Gateway, forbidden, token_of};
use crate::api::{Refused, ReloadReport};
use crate::catalog::{Camera, Catalog};
use crate::clock::wall_clock;
use crate::config::{Config, Listen};
use crate::problem::Problem;
use crate::task::blocking;

/// What a reload would change.
pub(super) struct Plan {
    config: Config,
    draft: Draft,
    pub(super) report: ReloadReport,
}

impl Gateway {
    /// Reads configuration and inventory and says what would change; nothing does.
    pub(super) async fn plan(&self, allow_removals: usize) -> Result<Plan, Refused> {
        let (path, running) = (self.config_path.clone(), self.config.clone());
        let read = blocking(move || {
            let config = Config::load(&path).map_err(said)?;
            let fixed = unchangeable(&running, &config);
            if !fixed.is_empty() {
                return Err(Refused::new(fixed));
            }
            let inventory = read_inventory(
                &config.inventory,
                &config.departments,
                &config.gateway.regions,
            )
            .map_err(said)?;
            Ok((config, inventory))
        });
        let (config, inventory) = read.await?;
        let old = self.catalog.borrow().clone();
        let draft = on_store(&self.store, move |store| {
            Draft::new(store, inventory, &config, Some(&old)).map(|draft| (config, draft))
        });
        let (config, draft) = draft
            .await
            .map_err(|error| Refused::new(vec![error.to_string()]))?;
        let report = report(&self.catalog.borrow(), &draft, &self.config, &config);
        check_removals(
            &report,
            self.catalog.borrow().cameras().len(),
            allow_removals,
        )?;
        Ok(Plan {
            config,
            draft,
            report,
        })
    }

    /// Takes a plan over.
    pub(super) async fn apply(&mut self, plan: Plan) -> Result<ReloadReport, Refused> {
        let Plan {
            config,
            draft,
            report,
        } = plan;
        let draft = on_store(&self.store, move |store| draft.keep(store).map(|()| draft));
        let draft = draft
            .await
            .map_err(|error| Refused::new(vec![error.to_string()]))?;
        draft.log();
        self.metrics
            .inventory_rows_rejected
            .set(i64::try_from(draft.rows_refused).unwrap_or(i64::MAX));
        // New series begin before anything counts in them, old ones end when nothing does.
        self.begin_series(&config);
        // What platforms may see is told before what there is.
        let platforms = self.begin_platforms(&config);
        self.registry = Arc::new(draft.registry);
        self.catalog.send_replace(Arc::new(draft.catalog));
        self.sources.set(config.streams, forbidden(&config));
        self.discoveries.forbid(forbidden(&config));
        self.sources.follow();
        self.platforms.finish_change(platforms).await;
        self.token.send_replace(token_of(&config));
        self.config = config;
        self.follow_metrics();
        Ok(report)
    }

    /// Plans and applies; says so in the log and in the metrics.
    pub(super) async fn reload(
        &mut self,
        allow_removals: usize,
        by: &str,
    ) -> Result<ReloadReport, Refused> {
        let reloaded = match self.plan(allow_removals).await {
            Ok(plan) => self.apply(plan).await,
            Err(refused) => Err(refused),
        };
        let metrics = &self.metrics;
        metrics
            .config_last_reload_successful
            .set(i64::from(reloaded.is_ok()));
        match &reloaded {
            Ok(report) => {
                metrics.set_reloaded(wall_clock());
                info!(
                    changes = report.changes(),
                    rows_refused = report.rows_refused,
                    by,
                    "reloaded"
                );
            }
            Err(refused) => {
                for problem in refused.problems() {
                    warn!(problem, by, "reload refused");
                }
            }
        }
        reloaded
    }
}

fn said(problems: Vec<Problem>) -> Refused {
    Refused::new(problems.iter().map(ToString::to_string).collect())
}

/// What needs a restart.
fn unchangeable(old: &Config, new: &Config) -> Vec<String> {
    // The token is read again.
    let listen = |listen: &Listen| Listen {
        token: None,
        ..listen.clone()
    };
    let table = [
        (
            "gateway.data_dir",
            old.gateway.data_dir != new.gateway.data_dir,
        ),
        (
            "gateway.secrets_key",
            old.gateway.secrets_key != new.gateway.secrets_key,
        ),
        (
            "gateway.civil_code",
            old.gateway.civil_code != new.gateway.civil_code,
        ),
        ("listen", listen(&old.listen) != listen(&new.listen)),
    ];
    let changed = table.iter().filter(|(_, has_changed)| *has_changed);
    changed
        .map(|(name, _)| format!("{name} has changed: that needs a restart"))
        .collect()
}

fn report(old: &Catalog, draft: &Draft, running: &Config, config: &Config) -> ReloadReport {
    let new = &draft.catalog;
    let name = |camera: &Arc<Camera>| format!("{} {}", camera.id, camera.record.name);
    let mut report = ReloadReport {
        rows_refused: draft.rows_refused,
        refused: draft.refused.clone(),
        warnings: draft.warnings.clone(),
        settings_changed: settings_changed(running, config),
        ..ReloadReport::default()
    };
    for camera in new.cameras() {
        match old.by_id(camera.id) {
            None => report.cameras_added.push(name(camera)),
            Some(before) if is_same_source(before, camera) => {
                if !is_same_record(before, camera) {
                    report.cameras_changed.push(name(camera));
                }
            }
            Some(_) => report.cameras_restarted.push(name(camera)),
        }
    }
    let removed = old
        .cameras()
        .iter()
        .filter(|camera| new.by_id(camera.id).is_none());
    report.cameras_removed = removed.map(name).collect();
    for platform in &config.platforms {
        match running
            .platforms
            .iter()
            .find(|before| before.id == platform.id)
        {
            None => report.platforms_added.push(platform.id.clone()),
            Some(before) if before == platform => {}
            Some(before) if before.begins_anew(platform) => {
                report.platforms_restarted.push(platform.id.clone());
            }
            Some(_) => report.platforms_changed.push(platform.id.clone()),
        }
    }
    let kept: BTreeSet<_> = config
        .platforms
        .iter()
        .map(|platform| &platform.id)
        .collect();
    let gone = running
        .platforms
        .iter()
        .filter(|platform| !kept.contains(&platform.id));
    report.platforms_removed = gone.map(|platform| platform.id.clone()).collect();
    report
}

fn is_same_source(old: &Camera, new: &Camera) -> bool {
    let source = |camera: &Camera| {
        let record = &camera.record;
        (
            record.location.clone(),
            record.login.clone(),
            record.nvr.clone(),
            record.upkeep,
        )
    };
    source(old) == source(new)
}

/// A row that has only moved in its file is the same.
pub(super) fn is_same_record(old: &Camera, new: &Camera) -> bool {
    let mut moved = new.clone();
    moved.record.origin.clone_from(&old.record.origin);
    moved == *old
}

fn settings_changed(old: &Config, new: &Config) -> bool {
    let gateway = |config: &Config| {
        (
            config.gateway.name.clone(),
            config.gateway.timezone,
            config.gateway.regions.clone(),
        )
    };
    gateway(old) != gateway(new)
        || old.listen != new.listen
        || old.streams != new.streams
        || old.departments != new.departments
}

/// A file that was cut off at the end of a row reads well: many cameras that go at once are asked about.
fn check_removals(report: &ReloadReport, cameras: usize, allowed: usize) -> Result<(), Refused> {
    let removed = report.cameras_removed.len();
    if removed <= allowed || removed < REMOVALS_SMALL || removed * REMOVALS_PART <= cameras {
        return Ok(());
    }
    let problem = format!(
        "{removed} of {cameras} cameras would be removed: if that is meant, huiju reload --allow-removals {removed}"
    );
    Err(Refused::removals(problem))
}

/// So few may always go.
const REMOVALS_SMALL: usize = 5;
/// And one in so many.
const REMOVALS_PART: usize = 10;
