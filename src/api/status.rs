//! `GET /api/v1/status`: the gateway in a few lines.

use std::collections::BTreeMap;
use std::time::SystemTime;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Status {
    version: &'static str,
    ready: bool,
    started: String,
    /// Cameras by state.
    cameras: BTreeMap<&'static str, usize>,
    platforms: usize,
    platforms_registered: usize,
    sessions: usize,
    inventory_rows_rejected: i64,
}

/// The gateway in a few lines
#[utoipa::path(
    get, path = "/api/v1/status", operation_id = "status", tag = "gateway",
    responses((status = 200, description = "The gateway", body = Status))
)]
pub(super) async fn show(State(api): State<Api>) -> Json<Status> {
    let catalog = api.0.catalog.borrow().clone();
    let mut cameras: BTreeMap<&'static str, usize> = BTreeMap::new();
    for camera in catalog.cameras() {
        *cameras
            .entry(api.0.sources.state(camera).state().name())
            .or_default() += 1;
    }
    let platforms = api.0.platforms.statuses();
    Json(Status {
        version: env!("CARGO_PKG_VERSION"),
        ready: *api.0.ready.borrow(),
        started: timestamp(api.0.started),
        cameras,
        platforms: platforms.len(),
        platforms_registered: platforms
            .iter()
            .filter(|platform| platform.is_registered)
            .count(),
        sessions: platforms.iter().map(|platform| platform.sessions).sum(),
        inventory_rows_rejected: api.0.metrics.inventory_rows_rejected.get(),
    })
}

/// RFC 3339, UTC, whole seconds.
pub fn timestamp(time: SystemTime) -> String {
    chrono::DateTime::<chrono::Utc>::from(time).to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}
