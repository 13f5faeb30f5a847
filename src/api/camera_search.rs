//! Which cameras: by what they are, and by where. `GET /api/v1/cameras`, `POST /api/v1/cameras/search`.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::ToSchema;

use super::Api;
use super::camera_item::{CameraItem, Page};
use super::openapi;
use super::problem::Problem;
use super::query::{check_department, named, page_limit};
use super::ranking::{Best, Found, Rank};
use super::table::Format;
use crate::catalog::geo::{Area, Datum, Index, Line, Point};
use crate::catalog::{Camera, Catalog, Level, Spot};
use crate::import::sheet_of;
use crate::ledger::State as CameraState;
use crate::source::Sources;

/// What cameras are to be; what is not said is all the same.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    department: Option<String>,
    town: Option<String>,
    community: Option<String>,
    grid: Option<String>,
    #[param(schema_with = openapi::state)]
    state: Option<String>,
    #[param(schema_with = openapi::point_class)]
    point_class: Option<u8>,
    gb_code: Option<String>,
    /// Part of a name, an address, a unit, or the department's own id.
    q: Option<String>,
    /// `longitude,latitude`, as in `113.134,27.828`; not beside a geometry.
    near: Option<String>,
    /// Metres around `near`.
    #[param(minimum = 1, maximum = 5000)]
    radius: Option<f64>,
    /// Of what is asked and of what is answered.
    #[param(schema_with = openapi::datum)]
    datum: Option<String>,
    fields: Option<String>,
    /// All that are so, in one file that imports back unchanged; not beside a geometry.
    #[param(schema_with = openapi::table)]
    format: Option<String>,
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    cursor: Option<String>,
}

/// A geometry of GeoJSON, and for a line how far beside it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(tag = "type", deny_unknown_fields)]
pub(super) enum Geometry {
    Polygon {
        coordinates: Vec<Vec<[f64; 2]>>,
    },
    LineString {
        coordinates: Vec<[f64; 2]>,
        /// Metres.
        buffer: f64,
    },
}

/// `POST /api/v1/cameras/search`: the geometry is the body, all else is asked as of the list.
#[utoipa::path(
    post, path = "/api/v1/cameras/search", operation_id = "search_cameras", tag = "cameras",
    params(Filter), request_body(content = Geometry, example = json!({
        "type": "LineString", "coordinates": [[113.13, 27.82], [113.14, 27.82]], "buffer": 50,
    })),
    responses(
        (status = 200, description = "A page of cameras", body = Page),
        (status = 413, description = "The geometry is too large"),
        (status = 415, description = "The body is no JSON"),
    )
)]
pub(super) async fn search(
    State(api): State<Api>,
    filter: Result<Query<Filter>, QueryRejection>,
    geometry: Result<Json<Geometry>, JsonRejection>,
) -> Result<Json<Page>, Problem> {
    let Query(filter) = filter?;
    let Json(geometry) = geometry?;
    if filter.near.is_some() || filter.format.is_some() {
        let message = "near or format, and a geometry: leave one out";
        return Err(Problem::bad_request(message));
    }
    let place = Place::of(geometry, filter.datum()?)?;
    filter.find_at(&place, &api)
}

/// Where cameras are looked for.
enum Place {
    Everywhere,
    Near(Point, f64),
    Inside(Area),
    Along(Line, f64),
}

impl Place {
    fn of(geometry: Geometry, datum: Datum) -> Result<Self, Problem> {
        let point = |[longitude, latitude]: [f64; 2]| {
            datum.to_wgs84(Point {
                longitude,
                latitude,
            })
        };
        let points = |points: Vec<[f64; 2]>| points.into_iter().map(point).collect();
        match geometry {
            Geometry::Polygon { coordinates } => {
                let rings = coordinates.into_iter().map(points).collect();
                let area = Area::new(vec![rings], POSITIONS_MAX);
                area.map(Self::Inside)
                    .map_err(|error| Problem::bad_request(format!("the polygon {error}")))
            }
            Geometry::LineString {
                coordinates,
                buffer,
            } => {
                if !(1.0..=BUFFER_MAX).contains(&buffer) {
                    let message = format!("buffer must be 1 to {BUFFER_MAX} metres");
                    return Err(Problem::bad_request(message));
                }
                Line::new(points(coordinates), POSITIONS_MAX)
                    .map(|line| Self::Along(line, buffer))
                    .map_err(|error| Problem::bad_request(format!("the line {error}")))
            }
        }
    }

    /// The place that cameras are to see.
    fn centre(&self) -> Option<Point> {
        match self {
            Self::Near(centre, _) => Some(*centre),
            _ => None,
        }
    }

    /// The cameras there, each with its distance where there is one, in no order; `None` where all are meant.
    fn spots<'a>(&self, index: &'a Index<Spot>) -> Option<Vec<(&'a Spot, Option<f64>)>> {
        let with_distance = |found: Vec<(&'a Spot, f64)>| {
            let found = found.into_iter();
            found
                .map(|(spot, distance)| (spot, Some(distance)))
                .collect()
        };
        match self {
            Self::Everywhere => None,
            Self::Near(centre, radius) => Some(with_distance(index.near(*centre, *radius))),
            Self::Along(line, buffer) => Some(with_distance(index.along(line, *buffer))),
            Self::Inside(area) => {
                let found = index.inside(area).into_iter();
                Some(found.map(|spot| (spot, None)).collect())
            }
        }
    }
}

impl Filter {
    /// The cameras that are so, near a place if one is named: a page of them, or all in one file.
    pub(super) async fn answer(&self, api: &Api) -> Result<Response, Problem> {
        let Some(format) = Format::of(self.format.as_deref())? else {
            return Ok(self.find(api)?.into_response());
        };
        for (name, is_given) in [
            ("fields", self.fields.is_some()),
            ("limit", self.limit.is_some()),
            ("cursor", self.cursor.is_some()),
            ("near", self.near.is_some()),
        ] {
            if is_given {
                let message = format!("{name}: a file has all cameras, and all of each");
                return Err(Problem::bad_request(message));
            }
        }
        let catalog = api.0.catalog.borrow().clone();
        self.check(&catalog)?;
        let (wanted, sources) = (Wanted::new(self, &catalog), &api.0.sources);
        let cameras = catalog.cameras().iter();
        let cameras = cameras.filter(|camera| wanted.is(camera, || sources.state(camera).state()));
        let rows = sheet_of(cameras.map(|camera| &**camera));
        format.answer("cameras", rows).await
    }

    /// A page of the cameras that are so, near a place if one is named.
    fn find(&self, api: &Api) -> Result<Json<Page>, Problem> {
        let place = match &self.near {
            None if self.radius.is_some() => {
                return Err(Problem::bad_request("radius is metres around near"));
            }
            None => Place::Everywhere,
            Some(near) => self.near(near)?,
        };
        self.find_at(&place, api)
    }

    fn find_at(&self, place: &Place, api: &Api) -> Result<Json<Page>, Problem> {
        let limit = page_limit(self.limit)?;
        let (datum, after) = (self.datum()?, self.cursor()?);
        let catalog = api.0.catalog.borrow().clone();
        self.check(&catalog)?;
        let (wanted, sources) = (Wanted::new(self, &catalog), &api.0.sources);
        let after = after.as_ref();
        let mut found = match place.spots(catalog.index()) {
            None => wanted.listed(after, limit + 1, sources),
            Some(spots) => wanted.best(&spots, place.centre(), after, limit + 1, sources),
        };
        let has_more = found.len() > limit;
        found.truncate(limit);
        let last = found.last().filter(|_| has_more);
        let next = last.map(|found| found.rank.cursor());
        let item = |found: &Found<'_>| {
            CameraItem::of(found.camera, sources, datum).found(found.distance, found.covers)
        };
        let items = found.iter().map(item).collect();
        Page::of(items, next, datum, self.fields.as_deref())
    }

    fn cursor(&self) -> Result<Option<Rank>, Problem> {
        let wrong = || Problem::bad_request("cursor is none that this list gave");
        let cursor = self.cursor.as_deref();
        cursor
            .map(|cursor| Rank::of_cursor(cursor).ok_or_else(wrong))
            .transpose()
    }

    fn datum(&self) -> Result<Datum, Problem> {
        let name = self.datum.as_deref().unwrap_or("wgs84");
        named("datum", name, &Datum::ALL, Datum::name)
    }

    fn near(&self, near: &str) -> Result<Place, Problem> {
        let wrong = || {
            Problem::bad_request("near must be longitude,latitude in degrees, as in 113.134,27.828")
        };
        let (longitude, latitude) = near.split_once(',').ok_or_else(wrong)?;
        let degrees = |text: &str| text.trim().parse().map_err(|_| wrong());
        let point = Point {
            longitude: degrees(longitude)?,
            latitude: degrees(latitude)?,
        };
        if !point.is_on_globe() {
            return Err(wrong());
        }
        let radius = self.radius.unwrap_or(RADIUS_USUAL);
        if !(1.0..=RADIUS_MAX).contains(&radius) {
            let message = format!("radius must be 1 to {RADIUS_MAX} metres");
            return Err(Problem::bad_request(message));
        }
        Ok(Place::Near(self.datum()?.to_wgs84(point), radius))
    }

    /// A name that nothing has is a slip: an empty list would hide it.
    fn check(&self, catalog: &Catalog) -> Result<(), Problem> {
        if let Some(class) = self
            .point_class
            .filter(|class| !POINT_CLASSES.contains(class))
        {
            let message = format!("point_class: `{class}` must be 1, 2, 3 or 9");
            return Err(Problem::bad_request(message));
        }
        if let Some(id) = &self.department {
            check_department(id, catalog)?;
        }
        if let Some(state) = &self.state {
            named("state", state, &CameraState::ALL, CameraState::name)?;
        }
        Ok(())
    }
}

/// A filter that is asked of many cameras: what is the same for all of them is looked up once.
struct Wanted<'a> {
    filter: &'a Filter,
    catalog: &'a Catalog,
    /// The text in lower case.
    q: Option<String>,
    town: Option<WantedRegion<'a>>,
    community: Option<WantedRegion<'a>>,
    grid: Option<WantedRegion<'a>>,
}

/// A region that may be named by its code or by its name.
struct WantedRegion<'a> {
    text: &'a str,
    code: Option<&'a str>,
}

impl<'a> Wanted<'a> {
    fn new(filter: &'a Filter, catalog: &'a Catalog) -> Self {
        let region = |level, text: &'a Option<String>| {
            let text = text.as_deref()?;
            let code = catalog.regions().find(level, text).map(|(code, _)| code);
            Some(WantedRegion { text, code })
        };
        Self {
            filter,
            catalog,
            q: filter.q.as_deref().map(str::to_lowercase),
            town: region(Level::Town, &filter.town),
            community: region(Level::Community, &filter.community),
            grid: region(Level::Grid, &filter.grid),
        }
    }

    /// The first cameras of the list behind `after`: none behind them is looked at.
    fn listed(&self, after: Option<&Rank>, count: usize, sources: &Sources) -> Vec<Found<'a>> {
        let is_before = |camera: &Arc<Camera>| after.is_some_and(|rank| camera.code <= rank.code);
        let cameras = self.catalog.cameras();
        let first = cameras.partition_point(is_before);
        let cameras = cameras.iter().skip(first);
        let are = cameras.filter(|camera| self.is(camera, || sources.state(camera).state()));
        are.take(count).map(Found::listed).collect()
    }

    /// The best of the cameras at a place that are behind `after`.
    fn best(
        &self,
        spots: &[(&'a Spot, Option<f64>)],
        centre: Option<Point>,
        after: Option<&Rank>,
        count: usize,
        sources: &Sources,
    ) -> Vec<Found<'a>> {
        let states = sources.states_of(spots.iter().map(|(spot, _)| *spot));
        let mut best = Best::of(count);
        for ((spot, distance), state) in spots.iter().zip(states) {
            let rank = Rank::at_best(spot, state, *distance, centre);
            if best.has_room_for(&rank) && self.is(&spot.camera, || state) {
                let found = Found::looking_at(&spot.camera, rank, *distance, centre);
                if after.is_none_or(|after| found.rank > *after) {
                    best.take(found);
                }
            }
        }
        best.sorted()
    }

    fn is(&self, camera: &Camera, state: impl FnOnce() -> CameraState) -> bool {
        let is =
            |wanted: &Option<String>, value: &str| wanted.as_deref().is_none_or(|w| w == value);
        let (filter, record, details) = (self.filter, &camera.record, &camera.record.details);
        is(&filter.department, &record.department)
            && filter
                .gb_code
                .as_deref()
                .is_none_or(|code| code == camera.code.as_str())
            && filter
                .point_class
                .is_none_or(|class| class == record.point_class)
            && self.is_in(Level::Town, &self.town, &details.town)
            && self.is_in(Level::Community, &self.community, &details.community)
            && self.is_in(Level::Grid, &self.grid, &details.grid)
            && self.q.as_deref().is_none_or(|q| is_about(camera, q))
            && filter
                .state
                .as_deref()
                .is_none_or(|wanted| wanted == state().name())
    }

    fn is_in(
        &self,
        level: Level,
        wanted: &Option<WantedRegion<'_>>,
        named: &Option<String>,
    ) -> bool {
        let Some(wanted) = wanted else {
            return true;
        };
        named.as_deref().is_some_and(|named| {
            let code = || Some(self.catalog.regions().find(level, named)?.0);
            named == wanted.text || wanted.code.is_some() && code() == wanted.code
        })
    }
}

/// Whether `q`, in lower case, is part of what a camera is called.
fn is_about(camera: &Camera, q: &str) -> bool {
    let record = &camera.record;
    let texts = [
        Some(&record.name),
        record.address.as_ref(),
        record.organisation.as_ref(),
        record.source_id.as_ref(),
    ];
    let mut texts = texts.into_iter().flatten();
    texts.any(|text| text.to_lowercase().contains(q))
}

pub(super) const POINT_CLASSES: [u8; 4] = [1, 2, 3, 9];
const RADIUS_USUAL: f64 = 500.0;
const RADIUS_MAX: f64 = 5_000.0;
const BUFFER_MAX: f64 = 1_000.0;
const POSITIONS_MAX: usize = 1_000;
