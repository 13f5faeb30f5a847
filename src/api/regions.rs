//! `GET /api/v1/regions`: districts, towns, communities and grids, and how many cameras name them.

use std::collections::HashMap;
use std::ops::Bound;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use super::openapi;
use super::problem::Problem;
use super::query::{named, page_limit};
use crate::catalog::{Catalog, Level};

/// A region.
#[derive(Debug, Serialize, ToSchema)]
struct RegionItem {
    code: String,
    name: String,
    /// `district`, `town`, `community` or `grid`, where that is said.
    level: Option<&'static str>,
    /// Whether its area is known.
    has_area: bool,
    /// Cameras that say that they are in it.
    cameras: usize,
}

/// A page of regions, by code.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RegionPage)]
pub(super) struct Page {
    items: Vec<RegionItem>,
    next: Option<String>,
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    #[param(schema_with = openapi::level)]
    level: Option<String>,
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// The code of the last region that was read.
    cursor: Option<String>,
}

/// Districts, towns, communities and grids, and how many cameras name them
#[utoipa::path(
    get, path = "/api/v1/regions", operation_id = "list_regions", tag = "regions", params(Wanted),
    responses((status = 200, description = "A page of regions, by code", body = Page))
)]
pub(super) async fn list(
    State(api): State<Api>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<Page>, Problem> {
    let Query(wanted) = wanted?;
    let limit = page_limit(wanted.limit)?;
    let level = wanted.level.as_deref();
    let level = level.map(|name| named("level", name, &Level::ALL, Level::name));
    let level = level.transpose()?;
    let catalog = api.0.catalog.borrow().clone();
    let counts = counts(&catalog);
    let after = wanted.cursor.map_or(Bound::Unbounded, Bound::Excluded);
    let all = catalog.regions().behind(after);
    let mut wanted = all.filter(|(_, region)| level.is_none() || region.level == level);
    let page = wanted.by_ref().take(limit);
    let items: Vec<_> = page
        .map(|(code, region)| RegionItem {
            code: code.to_owned(),
            name: region.name.clone(),
            level: region.level.map(Level::name),
            has_area: region.area.is_some(),
            cameras: counts.get(code).copied().unwrap_or_default(),
        })
        .collect();
    let has_more = wanted.next().is_some();
    let last = items.last().filter(|_| has_more);
    let next = last.map(|region| region.code.clone());
    Ok(Json(Page { items, next }))
}

/// How many cameras name a region, by its code. All are in the gateway's district.
fn counts(catalog: &Catalog) -> HashMap<&str, usize> {
    let mut counts = HashMap::new();
    let mut found: HashMap<(Level, &str), Option<&str>> = HashMap::new();
    for camera in catalog.cameras() {
        let details = &camera.record.details;
        let named = [
            (Level::Town, &details.town),
            (Level::Community, &details.community),
            (Level::Grid, &details.grid),
        ];
        for (level, text) in named {
            let Some(text) = text.as_deref() else {
                continue;
            };
            let code = *found.entry((level, text)).or_insert_with(|| {
                let (code, _) = catalog.regions().find(level, text)?;
                Some(code)
            });
            if let Some(code) = code {
                *counts.entry(code).or_default() += 1;
            }
        }
    }
    if let Some((code, _)) = catalog
        .regions()
        .find(Level::District, catalog.civil_code())
    {
        counts.insert(code, catalog.cameras().len());
    }
    counts
}
