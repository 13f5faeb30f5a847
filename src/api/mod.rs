//! The HTTP side: health and metrics on loopback, operations on the admin socket.
//!
//! Domain types know no JSON: each resource has wire types of its own, made from the domain's. The
//! answers of the admin socket are what `--json` prints.

mod admin;
mod body;
mod caller;
mod camera_edit;
mod camera_item;
mod camera_metrics;
mod camera_search;
mod cameras;
mod departments;
mod discoveries;
mod events;
mod feed;
mod health;
mod import_item;
mod imports;
mod openapi;
mod operations;
mod platforms;
mod problem;
mod quality;
mod query;
mod ranking;
mod regions;
mod routes;
mod server;
mod sessions;
mod status;
mod table;
mod token;
mod unchanged;
mod why;

use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router, middleware};
use tokio::sync::{mpsc, watch};

use crate::catalog::{Camera, Catalog};
use crate::discover::Discoveries;
use crate::metrics::Metrics;
use crate::sink::gb28181::{PlatformStatus, Platforms};
use crate::source::Sources;

pub use admin::bind_admin;
pub use camera_edit::Edit;
pub use feed::{Feed, Happened};
pub use import_item::{ChangeItem, GuessItem, ImportItem, ImportRow, Report, SKIP, Summary};
pub use imports::{ImportOrder, MarkedSheet};
pub use operations::{Interval, Operation, Refused, ReloadReport};
pub use server::serve;
pub use status::timestamp;
pub use token::Token;

use self::openapi::{Document, Guard};
use self::problem::Problem;
use self::token::Door;

/// What the routes read, and where orders go. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Api(Arc<Parts>);

/// What the routes read, and where orders go.
#[derive(Debug)]
pub struct Parts {
    /// The cameras.
    pub catalog: watch::Receiver<Arc<Catalog>>,
    /// How they are.
    pub sources: Sources,
    /// The platforms.
    pub platforms: Platforms,
    /// What was asked by ONVIF.
    pub discoveries: Discoveries,
    /// Metrics.
    pub metrics: Metrics,
    /// Since when the gateway runs.
    pub started: SystemTime,
    /// True while it serves.
    pub ready: watch::Receiver<bool>,
    /// What opens the API on `listen.http`; none: it is not there.
    pub token: watch::Receiver<Option<Token>>,
    /// Orders to the root.
    pub operations: mpsc::Sender<Operation>,
    /// What happens.
    pub feed: Feed,
}

impl Api {
    /// Puts the routes together.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// The camera of that id or code.
    fn camera(&self, id: &str) -> Result<Arc<Camera>, Problem> {
        let catalog = self.0.catalog.borrow().clone();
        catalog
            .find(id)
            .cloned()
            .ok_or_else(|| Problem::no_such("camera", id))
    }

    /// The platform of that id.
    fn platform(&self, id: &str) -> Result<PlatformStatus, Problem> {
        let found = self
            .0
            .platforms
            .statuses()
            .into_iter()
            .find(|status| status.id == id);
        found.ok_or_else(|| Problem::no_such("platform", id))
    }

    /// The routes of `listen.http`.
    pub fn public(&self) -> Router {
        let routes = routes::health().merge(routes::rest());
        let (routes, document) = Document::of(routes, Guard::Token);
        self.counted(routes.layer(Extension(document)), |routes| {
            routes.layer(from_fn_with_state(Door::new(self), token::authorize))
        })
    }

    /// The routes of `listen.metrics`.
    pub fn metrics(&self) -> Router {
        let (health, _) = routes::health().split_for_parts();
        let routes = health
            .route("/metrics", get(health::metrics))
            .route("/metrics/cameras", get(camera_metrics::show));
        self.counted(routes, |routes| routes)
    }

    /// The routes of the admin socket.
    pub fn admin(&self) -> Router {
        let routes = routes::health()
            .merge(routes::rest())
            .merge(routes::operations());
        let (routes, document) = Document::of(routes, Guard::Socket);
        self.counted(routes.layer(Extension(document)), |routes| routes)
    }

    /// Routes behind a guard; all that is asked is counted.
    fn counted(
        &self,
        routes: Router<Self>,
        guard: impl FnOnce(Router<Self>) -> Router<Self>,
    ) -> Router {
        let routes = routes.layer(middleware::from_fn(unchanged::check));
        guard(routes.fallback(problem::not_found))
            .layer(middleware::from_fn(body::read_whole))
            .layer(middleware::map_response(problem::of_rejection))
            .layer(from_fn_with_state(self.clone(), count))
            .layer(middleware::map_response(harden))
            .with_state(self.clone())
    }
}

/// Counts a request under its route, never under its path.
async fn count(State(api): State<Api>, request: Request, next: Next) -> Response {
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map(|path| path.as_str().to_owned());
    let method = match request.method().as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        _ => "other",
    };
    let response = next.run(request).await;
    // What strangers ask for makes no series, and methods that are not served make one a route.
    let (route, method) = match response.status().as_u16() {
        401 | 429 => ("none", "other"),
        405 => (route.as_deref().unwrap_or("none"), "other"),
        _ => (route.as_deref().unwrap_or("none"), method),
    };
    let code = response.status().as_u16().to_string();
    api.0
        .metrics
        .api_requests
        .with_label_values(&[route, method, code.as_str()])
        .inc();
    response
}

async fn harden(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(
        "cache-control",
        axum::http::HeaderValue::from_static("no-store"),
    );
    headers.insert(
        "x-content-type-options",
        axum::http::HeaderValue::from_static("nosniff"),
    );
    response
}
