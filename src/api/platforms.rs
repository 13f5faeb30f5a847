//! `GET /api/v1/platforms`, `GET /api/v1/platforms/{id}`.

use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use super::problem::Problem;
use super::status::timestamp;
use crate::sink::gb28181::PlatformStatus;

/// All platforms; there are few, so there is one page.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PlatformPage)]
pub(super) struct Page {
    items: Vec<PlatformItem>,
    next: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PlatformItem {
    id: String,
    name: String,
    address: String,
    registered: bool,
    since: String,
    reason: Option<String>,
    sessions: usize,
    cameras: usize,
    subscribed: bool,
    notices_waiting: usize,
}

impl From<PlatformStatus> for PlatformItem {
    fn from(status: PlatformStatus) -> Self {
        Self {
            id: status.id,
            name: status.name,
            address: status.address,
            registered: status.is_registered,
            since: timestamp(status.since),
            reason: status.reason,
            sessions: status.sessions,
            cameras: status.cameras,
            subscribed: status.is_subscribed,
            notices_waiting: status.notices,
        }
    }
}

/// All platforms with their registrations
#[utoipa::path(
    get, path = "/api/v1/platforms", operation_id = "list_platforms", tag = "platforms",
    responses((status = 200, description = "All platforms", body = Page))
)]
pub(super) async fn list(State(api): State<Api>) -> Json<Page> {
    let items = api
        .0
        .platforms
        .statuses()
        .into_iter()
        .map(PlatformItem::from)
        .collect();
    Json(Page { items, next: None })
}

/// One platform
#[utoipa::path(
    get, path = "/api/v1/platforms/{id}", operation_id = "show_platform", tag = "platforms",
    params(("id" = String, Path, description = "Its id in the configuration")),
    responses(
        (status = 200, description = "The platform", body = PlatformItem),
        (status = 404, description = "There is no such platform"),
    )
)]
pub(super) async fn show(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<Json<PlatformItem>, Problem> {
    api.platform(&id).map(|status| Json(status.into()))
}
