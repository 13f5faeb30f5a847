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

/// Cameras by what they are and where; near a place those that play and see it first
#[utoipa::path(
    get, path = "/api/v1/cameras", operation_id = "list_cameras", tag = "cameras",
    params(Filter),
    responses((status = 200, description = "A page of cameras, or a table of all", content(
            (Page = "application/json"),
            (String = "text/csv"),
            (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        )))
)]
pub(super) async fn list(
    State(api): State<Api>,
    filter: Result<Query<Filter>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    let Query(filter) = filter?;
    filter.answer(&api).await
}

/// One camera
#[utoipa::path(
    get, path = "/api/v1/cameras/{id}", operation_id = "show_camera", tag = "cameras",
    params(("id" = String, Path, description = "Its id or its code")),
    responses(
        (status = 200, description = "The camera", body = CameraItem,
            headers(("ETag" = String, description = "Its version, for If-Match"))),
        (status = 404, description = "There is no such camera"),
    )
)]
pub(super) async fn show(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let camera = api.camera(&id)?;
    Ok(tagged(&camera, &api).into_response())
}

/// Tries the camera now and answers when there is a verdict.
#[utoipa::path(
    post, path = "/api/v1/cameras/{id}/probe", operation_id = "probe_camera", tag = "operations",
    params(("id" = String, Path, description = "Its id or its code")),
    responses(
        (status = 200, description = "The camera", body = CameraItem),
        (status = 404, description = "There is no such camera"),
    )
)]
pub(super) async fn probe(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<Json<CameraItem>, Problem> {
    let camera = api.camera(&id)?;
    // A camera that is out of service is not tried; its state says so.
    drop(api.0.sources.probe(&camera).await);
    Ok(Json(item(&camera, &api)))
}

/// Takes a camera back into service
#[utoipa::path(
    post, path = "/api/v1/cameras/{id}/enable", operation_id = "enable_camera", tag = "operations",
    params(("id" = String, Path, description = "Its id or its code")),
    responses(
        (status = 200, description = "The camera", body = CameraItem),
        (status = 404, description = "There is no such camera"),
        (status = 500, description = "The store does not keep it"),
        (status = 503, description = "The gateway is stopping"),
    )
)]
pub(super) async fn enable(
    State(api): State<Api>,
    Path(id): Path<String>,
    caller: Caller,
) -> Result<Json<CameraItem>, Problem> {
    maintain(&api, &id, false, caller).await
}

/// Takes a camera out of service; that survives a restart
#[utoipa::path(
    post, path = "/api/v1/cameras/{id}/disable", operation_id = "disable_camera", tag = "operations",
    params(("id" = String, Path, description = "Its id or its code")),
    responses(
        (status = 200, description = "The camera", body = CameraItem),
        (status = 404, description = "There is no such camera"),
        (status = 500, description = "The store does not keep it"),
        (status = 503, description = "The gateway is stopping"),
    )
)]
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
