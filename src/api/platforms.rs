//! `GET /api/v1/platforms`.

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::Api;
use super::status::timestamp;
use crate::sink::gb28181::PlatformStatus;

/// All platforms; there are few, so there is one page.
#[derive(Debug, Serialize)]
pub(super) struct Page {
    items: Vec<PlatformItem>,
    next: Option<String>,
}

#[derive(Debug, Serialize)]
struct PlatformItem {
    id: String,
    name: String,
    address: String,
    registered: bool,
    since: String,
    reason: Option<String>,
    sessions: usize,
    cameras: usize,
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
        }
    }
}

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
