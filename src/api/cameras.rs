//! `/api/v1/cameras`: which there are and how they are; a probe, maintenance.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};

use super::Api;
use super::caller::Caller;
use super::camera_edit::tagged;
use super::camera_item::{CameraItem, Page};
use super::camera_search::Filter;
use super::operations::Operation;
use super::problem::Problem;
use crate::catalog::Camera;
use crate::catalog::geo::Datum;

pub(super) async fn list(
    State(api): State<Api>,
    filter: Result<Query<Filter>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Page>, Problem> {
    let Query(filter) = filter?;
    filter.find(&api)
}

pub(super) async fn show(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let camera = api.camera(&id)?;
    Ok(tagged(&camera, &api).into_response())
}

/// Tries the camera now and answers when there is a verdict.
pub(super) async fn probe(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<Json<CameraItem>, Problem> {
    let camera = api.camera(&id)?;
    // A camera that is out of service is not tried; its state says so.
    drop(api.0.sources.probe(&camera).await);
    Ok(Json(item(&camera, &api)))
}

pub(super) async fn enable(
    State(api): State<Api>,
    Path(id): Path<String>,
    caller: Caller,
) -> Result<Json<CameraItem>, Problem> {
    maintain(&api, &id, false, caller).await
}

pub(super) async fn disable(
    State(api): State<Api>,
    Path(id): Path<String>,
    caller: Caller,
) -> Result<Json<CameraItem>, Problem> {
    maintain(&api, &id, true, caller).await
}

async fn maintain(
    api: &Api,
    id: &str,
    is_maintained: bool,
    caller: Caller,
) -> Result<Json<CameraItem>, Problem> {
    let camera = api.camera(id)?;
    let wanted = camera.id;
    let done = api.ask(|answer| Operation::Maintain {
        camera: wanted,
        is_maintained,
        by: caller.to_string(),
        answer,
    });
    done.await?.map_err(Problem::internal)?;
    Ok(Json(item(&camera, api)))
}

fn item(camera: &Camera, api: &Api) -> CameraItem {
    CameraItem::of(camera, &api.0.sources, Datum::Wgs84)
}
