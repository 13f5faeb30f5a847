//! The HTTP side: health and metrics on loopback, operations on the admin socket.
//!
//! Domain types know no JSON: each resource has wire types of its own, made from the domain's. The
//! answers of the admin socket are what `--json` prints.

mod admin;
mod cameras;
mod health;
mod platforms;
mod problem;
mod status;

use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::get;
use axum::{Router, middleware};
use tokio::sync::watch;

use crate::catalog::Catalog;
use crate::metrics::Metrics;
use crate::sink::gb28181::Platforms;
use crate::source::Sources;

pub use admin::{bind_admin, serve_admin};
pub use health::serve;

/// What the routes read. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Api(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    catalog: watch::Receiver<Arc<Catalog>>,
    sources: Sources,
    platforms: Platforms,
    metrics: Metrics,
    started: SystemTime,
    ready: watch::Receiver<bool>,
}

impl Api {
    /// Puts together what the routes read; `ready` turns true once every listener is bound.
    pub fn new(
        catalog: watch::Receiver<Arc<Catalog>>,
        sources: Sources,
        platforms: Platforms,
        metrics: Metrics,
        started: SystemTime,
        ready: watch::Receiver<bool>,
    ) -> Self {
        Self(Arc::new(Shared {
            catalog,
            sources,
            platforms,
            metrics,
            started,
            ready,
        }))
    }

    /// The routes of `listen.http`.
    pub fn public(&self) -> Router {
        self.counted(health::routes())
    }

    /// The routes of `listen.metrics`.
    pub fn metrics(&self) -> Router {
        self.counted(health::routes().route("/metrics", get(health::metrics)))
    }

    /// The routes of the admin socket.
    pub fn admin(&self) -> Router {
        let routes = health::routes()
            .route("/api/v1/status", get(status::show))
            .route("/api/v1/cameras", get(cameras::list))
            .route("/api/v1/platforms", get(platforms::list));
        self.counted(routes)
    }

    fn counted(&self, routes: Router<Self>) -> Router {
        routes
            .fallback(problem::not_found)
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
        known @ ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE") => known.to_owned(),
        _ => "other".to_owned(),
    };
    let response = next.run(request).await;
    let route = route.as_deref().unwrap_or("none");
    let code = response.status().as_u16().to_string();
    api.0
        .metrics
        .api_requests
        .with_label_values(&[route, &method, &code])
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
