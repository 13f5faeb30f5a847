//! `/api/v1/cameras`: which there are and how they are; a probe, maintenance.

use axum::Json;
use axum::extract::{Path, Query, State};
use serde::{Deserialize, Serialize};

use super::Api;
use super::operations::Operation;
use super::problem::Problem;
use super::status::timestamp;
use crate::catalog::{Camera, Catalog};
use crate::ledger;
use crate::problem::none_of;
use crate::source::{Sources, Status};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    department: Option<String>,
    state: Option<String>,
    gb_code: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
}

/// A page of cameras, by code.
#[derive(Debug, Serialize)]
pub(super) struct Page {
    items: Vec<CameraItem>,
    /// The cursor of the next page.
    next: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct CameraItem {
    id: String,
    gb_code: String,
    name: String,
    department: String,
    organisation: Option<String>,
    url: String,
    state: &'static str,
    cause: &'static str,
    since: Option<String>,
    viewers: usize,
    codec: Option<&'static str>,
    audio: Option<&'static str>,
    width: Option<u32>,
    height: Option<u32>,
    origin: String,
}

pub(super) async fn list(
    State(api): State<Api>,
    filter: Result<Query<Filter>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Page>, Problem> {
    let Query(filter) = filter.map_err(|error| Problem::bad_request(error.body_text()))?;
    let limit = filter.limit.unwrap_or(100);
    if !(1..=1000).contains(&limit) {
        return Err(Problem::bad_request("limit must be 1 to 1000"));
    }
    let catalog = api.0.catalog.borrow().clone();
    filter.check(&catalog)?;
    let sources = &api.0.sources;
    let mut chosen = catalog
        .cameras()
        .iter()
        .filter(|camera| {
            filter
                .cursor
                .as_deref()
                .is_none_or(|cursor| camera.code.as_str() > cursor)
        })
        .filter(|camera| filter.matches(camera, sources));
    let items: Vec<_> = chosen
        .by_ref()
        .take(limit)
        .map(|camera| item(camera, sources))
        .collect();
    let next = chosen
        .next()
        .and_then(|_| items.last().map(|item| item.gb_code.clone()));
    Ok(Json(Page { items, next }))
}

pub(super) async fn show(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<Json<CameraItem>, Problem> {
    let camera = api.camera(&id)?;
    Ok(Json(item(&camera, &api.0.sources)))
}

/// Tries the camera now and answers when there is a verdict.
pub(super) async fn probe(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<Json<CameraItem>, Problem> {
    let camera = api.camera(&id)?;
    // A camera that is out of service is not tried; its state says so.
    drop(api.0.sources.probe(&camera).await);
    Ok(Json(item(&camera, &api.0.sources)))
}

pub(super) async fn enable(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<Json<CameraItem>, Problem> {
    maintain(&api, &id, false).await
}

pub(super) async fn disable(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<Json<CameraItem>, Problem> {
    maintain(&api, &id, true).await
}

async fn maintain(api: &Api, id: &str, is_maintained: bool) -> Result<Json<CameraItem>, Problem> {
    let camera = api.camera(id)?;
    let wanted = camera.id;
    let done = api.ask(|answer| Operation::Maintain {
        camera: wanted,
        is_maintained,
        answer,
    });
    done.await?.map_err(Problem::internal)?;
    Ok(Json(item(&camera, &api.0.sources)))
}

impl Filter {
    /// A name that nothing has is a slip: an empty list would hide it.
    fn check(&self, catalog: &Catalog) -> Result<(), Problem> {
        let departments = catalog.departments().iter();
        let departments: Vec<_> = departments.map(|known| known.id.as_str()).collect();
        let states = ledger::State::ALL.map(ledger::State::name);
        for (name, given, known) in [
            ("department", &self.department, departments.as_slice()),
            ("state", &self.state, states.as_slice()),
        ] {
            let unknown = given.as_deref().filter(|given| !known.contains(given));
            if let Some(given) = unknown {
                let message = none_of(given, name, known.iter().copied());
                return Err(Problem::bad_request(format!("{name}: {message}")));
            }
        }
        Ok(())
    }

    fn matches(&self, camera: &Camera, sources: &Sources) -> bool {
        let is =
            |wanted: &Option<String>, value: &str| wanted.as_deref().is_none_or(|w| w == value);
        is(&self.department, &camera.record.department)
            && is(&self.gb_code, camera.code.as_str())
            && is(&self.state, sources.state(camera).state().name())
    }
}

fn item(camera: &Camera, sources: &Sources) -> CameraItem {
    let status: Option<Status> = sources.status(camera.id);
    let state = sources.state(camera);
    let observed = status
        .as_ref()
        .map(|status| status.observed)
        .unwrap_or_default();
    let record = &camera.record;
    CameraItem {
        id: camera.id.to_string(),
        gb_code: camera.code.to_string(),
        name: record.name.clone(),
        department: record.department.clone(),
        organisation: record.organisation.clone(),
        url: record.location.to_string(),
        state: state.state().name(),
        cause: state.cause().name(),
        since: status.map(|status| timestamp(status.since)),
        viewers: sources.viewers(camera.id),
        codec: observed.video.map(|codec| codec.name()),
        audio: observed.audio.map(|codec| codec.name()),
        width: observed.size.map(|size| size.0),
        height: observed.size.map(|size| size.1),
        origin: record.origin.to_string(),
    }
}
