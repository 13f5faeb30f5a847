//! The list of routes.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{delete, get, post};

use super::{
    Api, camera_edit, camera_search, cameras, health, imports, operations, platforms, sessions,
    status, why,
};

/// For everybody, on every listener.
pub(super) fn health() -> Router<Api> {
    Router::new()
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready))
}

/// What whoever has the token may ask, and the admin socket too.
pub(super) fn rest() -> Router<Api> {
    Router::new()
        .route("/api/v1/status", get(status::show))
        .route("/api/v1/cameras", get(cameras::list).post(camera_edit::add))
        .route("/api/v1/cameras/search", post(camera_search::search))
        .route(
            "/api/v1/cameras/{id}",
            get(cameras::show)
                .patch(camera_edit::change)
                .delete(camera_edit::remove),
        )
        .route("/api/v1/cameras/{id}/why", get(why::camera))
        .route("/api/v1/imports", get(imports::list))
        .route(
            "/api/v1/imports",
            post(imports::plan).layer(DefaultBodyLimit::max(BODY_BYTES_MAX)),
        )
        .route("/api/v1/imports/{id}", get(imports::show))
        .route("/api/v1/imports/{id}/apply", post(imports::apply))
        .route("/api/v1/imports/{id}/undo", post(imports::undo))
        .route("/api/v1/platforms", get(platforms::list))
        .route("/api/v1/platforms/{id}", get(platforms::show))
        .route("/api/v1/platforms/{id}/why", get(why::platform))
        .route("/api/v1/sessions", get(sessions::list))
        .route("/api/v1/sessions/{id}", delete(sessions::stop))
}

/// What is done on this machine only.
pub(super) fn operations() -> Router<Api> {
    Router::new()
        .route("/api/v1/reload", post(operations::reload))
        .route("/api/v1/cameras/{id}/probe", post(cameras::probe))
        .route("/api/v1/cameras/{id}/enable", post(cameras::enable))
        .route("/api/v1/cameras/{id}/disable", post(cameras::disable))
}

/// Of an upload, with what stands around the file.
const BODY_BYTES_MAX: usize = imports::UPLOAD_BYTES_MAX + (64 << 10);
