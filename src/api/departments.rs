//! `GET /api/v1/departments`: whose cameras there are, and how many of them play.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;

/// A department.
#[derive(Debug, Serialize, ToSchema)]
struct DepartmentItem {
    id: String,
    name: String,
    /// Two digits of its cameras' codes.
    industry: String,
    cameras: usize,
    /// Its cameras by state.
    states: BTreeMap<&'static str, usize>,
    /// The platforms that may see its cameras; `null`: all.
    shared_with: Option<Vec<String>>,
}

/// All departments; there are few, so there is one page.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DepartmentPage)]
pub(super) struct Page {
    items: Vec<DepartmentItem>,
    next: Option<String>,
}

/// Whose cameras there are, and how many of them play
#[utoipa::path(
    get, path = "/api/v1/departments", operation_id = "list_departments", tag = "departments",
    responses((status = 200, description = "All departments", body = Page))
)]
pub(super) async fn list(State(api): State<Api>) -> Json<Page> {
    let catalog = api.0.catalog.borrow().clone();
    let mut states: BTreeMap<&str, BTreeMap<&'static str, usize>> = BTreeMap::new();
    for camera in catalog.cameras() {
        let of_department = states.entry(&camera.record.department).or_default();
        let state = api.0.sources.state(camera).state().name();
        *of_department.entry(state).or_default() += 1;
    }
    let departments = catalog.departments().iter();
    let items = departments.map(|department| {
        let states = states.remove(department.id.as_str()).unwrap_or_default();
        DepartmentItem {
            id: department.id.clone(),
            name: department.name.clone(),
            industry: department.industry.clone(),
            cameras: states.values().sum(),
            states,
            shared_with: department.shared_with.clone(),
        }
    });
    Json(Page {
        items: items.collect(),
        next: None,
    })
}
