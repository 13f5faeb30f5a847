//! The list of routes: what is served, and what the OpenAPI document says.
//!
//! To add a route: write `#[utoipa::path(…)]` on its handler, with its path, an `operation_id`, its parameters, its
//! body and the statuses that it has of its own (errors need a status and a description: that they are problems, and
//! 400, 401, 408 and 429, is added by `openapi`); derive `ToSchema` for what is sent and `IntoParams` for what is asked; add
//! it here to [`rest`], or to [`operations()`] where it is for this machine only. Handlers of one path stand in one
//! `routes!`. Then renew the document that is checked in: `HUIJU_RENEW=1 cargo test --test gateway -- openapi::`.

use axum::extract::DefaultBodyLimit;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt as _};
use utoipa_axum::routes;

use super::{
    Api, body, camera_edit, camera_search, cameras, departments, discoveries, events, health,
    imports, openapi, operations, platforms, quality, regions, sessions, status, why,
};

/// For everybody, on every listener.
pub(super) fn health() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
}

/// What whoever has the token may ask, and the admin socket too.
pub(super) fn rest() -> OpenApiRouter<Api> {
    let uploads = DefaultBodyLimit::max(body::LARGEST);
    OpenApiRouter::new()
        .routes(routes!(openapi::show))
        .routes(routes!(status::show))
        .routes(routes!(cameras::list, camera_edit::add))
        .routes(routes!(camera_search::search))
        .routes(routes!(
            cameras::show,
            camera_edit::change,
            camera_edit::remove
        ))
        .routes(routes!(why::camera))
        .routes(routes!(regions::list))
        .routes(routes!(departments::list))
        .routes(routes!(events::follow))
        .routes(routes!(quality::show))
        .routes(routes!(imports::list, imports::plan).layer(uploads))
        .routes(routes!(imports::show))
        .routes(routes!(imports::apply))
        .routes(routes!(imports::undo))
        .routes(routes!(platforms::list))
        .routes(routes!(platforms::show))
        .routes(routes!(why::platform))
        .routes(routes!(sessions::list))
        .routes(routes!(sessions::stop))
}

/// What is done on this machine only.
pub(super) fn operations() -> OpenApiRouter<Api> {
    let lists = DefaultBodyLimit::max(discoveries::LIST_BYTES_MAX);
    OpenApiRouter::new()
        .routes(routes!(operations::reload))
        .routes(routes!(discoveries::begin).layer(lists))
        .routes(routes!(discoveries::show))
        .routes(routes!(cameras::probe))
        .routes(routes!(cameras::enable))
        .routes(routes!(cameras::disable))
}
