//! `/livez`, `/readyz`, `/metrics`.

use std::collections::HashMap;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::Api;
use super::problem::Problem;
use crate::ledger::StateCause;
use crate::task;

/// Whether the gateway lives
#[utoipa::path(
    get, path = "/livez", operation_id = "livez", tag = "health",
    responses((status = 200, description = "It lives", body = String, content_type = "text/plain"))
)]
pub(super) async fn live() -> &'static str {
    "ok\n"
}

/// Ready once every listener is bound; cameras and platforms have no say in it.
#[utoipa::path(
    get, path = "/readyz", operation_id = "readyz", tag = "health",
    responses(
        (status = 200, description = "It is ready", body = String, content_type = "text/plain"),
        (status = 503, description = "It is starting or stopping"),
    )
)]
pub(super) async fn ready(State(api): State<Api>) -> Result<&'static str, Problem> {
    if *api.0.ready.borrow() {
        Ok("ready\n")
    } else {
        Err(Problem::not_ready())
    }
}

pub(super) async fn metrics(State(api): State<Api>) -> Result<Response, Problem> {
    count_cameras(&api);
    let tasks = i64::try_from(task::alive()).unwrap_or(i64::MAX);
    api.0.metrics.tasks.set(tasks);
    let text = api
        .0
        .metrics
        .encode()
        .map_err(|error| Problem::internal(error.to_string()))?;
    Ok(exposition(text))
}

/// An answer in the text format of Prometheus.
pub(super) fn exposition(text: Vec<u8>) -> Response {
    let content_type = [(
        header::CONTENT_TYPE,
        "text/plain; version=0.0.4; charset=utf-8",
    )];
    (content_type, text).into_response()
}

/// States are counted when asked for: they belong to the cameras, not to the metrics.
fn count_cameras(api: &Api) {
    let catalog = api.0.catalog.borrow().clone();
    let mut counts: HashMap<(&str, StateCause), i64> = HashMap::new();
    for camera in catalog.cameras() {
        let state = api.0.sources.state(camera);
        *counts
            .entry((&camera.record.department, state))
            .or_default() += 1;
    }
    for department in catalog.departments() {
        for pair in StateCause::legal() {
            let count = counts.get(&(department.id.as_str(), pair));
            let labels = [&department.id, pair.state().name(), pair.cause().name()];
            let gauge = api.0.metrics.cameras.with_label_values(&labels);
            gauge.set(count.copied().unwrap_or(0));
        }
    }
}
