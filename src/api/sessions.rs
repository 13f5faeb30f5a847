//! `GET /api/v1/sessions`, `DELETE /api/v1/sessions/{id}`: who watches now.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Serialize;
use tracing::info;
use utoipa::ToSchema;

use super::Api;
use super::caller::Caller;
use super::problem::Problem;
use super::status::timestamp;

/// All sessions; there are as many as the platforms' limits allow, and they are on one page.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SessionPage)]
pub(super) struct Page {
    items: Vec<SessionItem>,
    next: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct SessionItem {
    id: String,
    platform: String,
    camera: String,
    name: Option<String>,
    since: String,
    transport: &'static str,
    peer: String,
    starting: bool,
}

/// Who watches now
#[utoipa::path(
    get, path = "/api/v1/sessions", operation_id = "list_sessions", tag = "sessions",
    responses((status = 200, description = "All sessions", body = Page))
)]
pub(super) async fn list(State(api): State<Api>) -> Json<Page> {
    let catalog = api.0.catalog.borrow().clone();
    let sessions = api.0.platforms.sessions().await.into_iter();
    let items = sessions.map(|session| SessionItem {
        name: catalog
            .by_id(session.camera)
            .map(|camera| camera.record.name.clone()),
        id: session.id,
        platform: session.platform,
        camera: session.camera.to_string(),
        since: timestamp(session.since),
        transport: session.transport,
        peer: session.peer,
        starting: session.is_starting,
    });
    Json(Page {
        items: items.collect(),
        next: None,
    })
}

/// Ends a session
#[utoipa::path(
    delete, path = "/api/v1/sessions/{id}", operation_id = "stop_session", tag = "sessions",
    params(("id" = String, Path, description = "As the list has it")),
    responses(
        (status = 204, description = "It is ended with BYE"),
        (status = 404, description = "There is no such session"),
    )
)]
pub(super) async fn stop(
    State(api): State<Api>,
    Path(id): Path<String>,
    caller: Caller,
) -> Result<StatusCode, Problem> {
    if api.0.platforms.stop_session(&id).await {
        info!(session = id, by = %caller, "a session is stopped");
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::no_such("session", &id))
    }
}
