//! `huiju check`.

use std::process::ExitCode;

use super::{complain, say, wrong_config};
use crate::config::Config;
use crate::gateway::{conflicts, read_inventory};

/// Checks the inventory too; exit 78 when a row is refused.
pub(super) fn run(config: &Config, json: bool) -> ExitCode {
    let inventory = match read_inventory(&config.inventory, &config.departments) {
        Ok(inventory) => inventory,
        Err(problems) => return wrong_config(&problems),
    };
    for problem in &inventory.rejected {
        complain(&problem.to_string());
    }
    let conflicts = conflicts(&inventory, config);
    for conflict in &conflicts {
        complain(conflict);
    }
    let cameras = inventory.records.len() - conflicts.len();
    let rejected = inventory.rows_rejected + conflicts.len();
    let (departments, platforms) = (config.departments.len(), config.platforms.len());
    if json {
        let summary = serde_json::json!({
            "cameras": cameras, "rows_rejected": rejected,
            "departments": departments, "platforms": platforms,
        });
        say(&summary.to_string());
    } else {
        say(&format!(
            "{cameras} cameras, {rejected} rows refused, {departments} departments, {platforms} platforms"
        ));
    }
    if rejected > 0 {
        ExitCode::from(78)
    } else {
        ExitCode::SUCCESS
    }
}
