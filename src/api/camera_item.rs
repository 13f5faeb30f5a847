//! What the API says of a camera.

use axum::Json;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::openapi;
use super::problem::Problem;
use super::status::timestamp;
use crate::catalog::geo::Datum;
use crate::catalog::{Camera, Link, Position, Pull, Transport};
use crate::problem::none_of;
use crate::source::{Sources, Status};

/// A camera: who and where it is, how it is.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(super) struct CameraItem {
    pub(super) id: String,
    pub(super) gb_code: String,
    name: String,
    department: String,
    organisation: Option<String>,
    url: String,
    #[schema(schema_with = openapi::state)]
    state: &'static str,
    #[schema(schema_with = openapi::cause)]
    cause: &'static str,
    since: Option<String>,
    viewers: usize,
    codec: Option<&'static str>,
    audio: Option<&'static str>,
    width: Option<u32>,
    height: Option<u32>,
    origin: String,
    source_id: Option<String>,
    point_class: u8,
    civil_code: Option<String>,
    town: Option<String>,
    community: Option<String>,
    grid: Option<String>,
    address: Option<String>,
    position: Option<PositionItem>,
    place_type: Option<String>,
    bearing: Option<u16>,
    fov: Option<u16>,
    view_distance: Option<u16>,
    ptz: Option<u8>,
    room: Option<u8>,
    light: Option<u8>,
    manufacturer: Option<String>,
    model: Option<String>,
    serial: Option<String>,
    mac: Option<String>,
    ip: Option<String>,
    nvr: Option<String>,
    channel: Option<u16>,
    install_time: Option<String>,
    record_days: Option<u16>,
    contact: Option<String>,
    legal_basis: Option<String>,
    sub_url: Option<String>,
    transport: Option<&'static str>,
    onvif_url: Option<String>,
    snapshot_url: Option<String>,
    replay_url: Option<String>,
    pull: &'static str,
    /// Metres from where it was looked for.
    distance: Option<f64>,
    /// Whether it sees the place that was looked for, as far as that is known.
    covers: Option<bool>,
}

/// Where it is, in the datum that was asked for.
#[derive(Debug, Serialize, ToSchema)]
struct PositionItem {
    longitude: f64,
    latitude: f64,
    /// `unsure` where it is as its source gives it, since nobody knows in what.
    #[schema(schema_with = openapi::datum_or_unsure)]
    datum: &'static str,
    /// As its source gives it.
    given: GivenItem,
}

#[derive(Debug, Serialize, ToSchema)]
struct GivenItem {
    longitude: f64,
    latitude: f64,
    datum: Option<&'static str>,
    /// Whether its source names the datum; else it was found by its grids.
    declared: bool,
}

impl PositionItem {
    fn of(position: &Position, datum: Datum) -> Self {
        let given = position.given();
        let (point, datum) = match position.wgs84() {
            // What was given in it is given back bit for bit.
            Some(_) if position.datum() == Some(datum) => (given, datum.name()),
            Some(point) => (datum.of_wgs84(point), datum.name()),
            None => (given, "unsure"),
        };
        Self {
            longitude: point.longitude,
            latitude: point.latitude,
            datum,
            given: GivenItem {
                longitude: given.longitude,
                latitude: given.latitude,
                datum: position.datum().map(Datum::name),
                declared: position.is_declared(),
            },
        }
    }
}

impl CameraItem {
    /// What is known of a camera and how it is now; its position in `datum`.
    pub(super) fn of(camera: &Camera, sources: &Sources, datum: Datum) -> Self {
        let status: Option<Status> = sources.status(camera.id);
        let state = sources.state(camera);
        let observed = status
            .as_ref()
            .map(|status| status.observed)
            .unwrap_or_default();
        let (record, details) = (&camera.record, &camera.record.details);
        let shown = |link: &Option<Link>| link.as_ref().map(Link::to_string);
        Self {
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
            source_id: record.source_id.clone(),
            point_class: record.point_class,
            civil_code: record.civil_code.clone(),
            town: details.town.clone(),
            community: details.community.clone(),
            grid: details.grid.clone(),
            address: record.address.clone(),
            position: record
                .position
                .map(|position| PositionItem::of(&position, datum)),
            place_type: details.place_type.clone(),
            bearing: record.bearing,
            fov: details.fov,
            view_distance: details.view_distance,
            ptz: record.ptz,
            room: record.room,
            light: record.light,
            manufacturer: record.manufacturer.clone(),
            model: record.model.clone(),
            serial: details.serial.clone(),
            mac: details.mac.clone(),
            ip: details.ip.map(|ip| ip.to_string()),
            nvr: record.nvr.clone(),
            channel: details.channel,
            install_time: details.install_time.clone(),
            record_days: details.record_days,
            contact: details.contact.clone(),
            legal_basis: details.legal_basis.clone(),
            sub_url: shown(&details.sub_url),
            transport: details.transport.map(Transport::name),
            onvif_url: shown(&details.onvif_url),
            snapshot_url: shown(&details.snapshot_url),
            replay_url: shown(&details.replay_url),
            pull: match camera.pull {
                Pull::OnDemand => "on_demand",
                Pull::Always => "always",
            },
            distance: None,
            covers: None,
        }
    }

    /// Adds where it is from what was looked for.
    pub(super) fn found(mut self, distance: Option<f64>, covers: Option<bool>) -> Self {
        // A decimetre is less than anyone knows.
        self.distance = distance.map(|metres| (metres * 10.0).round() / 10.0);
        self.covers = covers;
        self
    }
}

/// A page of cameras.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CameraPage)]
pub(super) struct Page {
    #[schema(schema_with = openapi::cameras_with_fields)]
    items: Vec<Value>,
    /// The cursor of the next page.
    next: Option<String>,
    /// The datum of all positions that are known.
    #[schema(schema_with = openapi::datum)]
    datum: &'static str,
}

impl Page {
    /// A page with the `fields` that are wanted of each item, names with commas between them, or all.
    ///
    /// # Errors
    ///
    /// No item has a field of that name.
    pub(super) fn of(
        items: Vec<CameraItem>,
        next: Option<String>,
        datum: Datum,
        fields: Option<&str>,
    ) -> Result<Json<Self>, Problem> {
        let fields: Option<Vec<_>> =
            fields.map(|fields| fields.split(',').map(str::trim).collect());
        check_fields(fields.as_deref().unwrap_or_default())?;
        let items = items.into_iter().map(|item| only(item, fields.as_deref()));
        Ok(Json(Self {
            items: items.collect::<Result<_, _>>()?,
            next,
            datum: datum.name(),
        }))
    }
}

fn check_fields(fields: &[&str]) -> Result<(), Problem> {
    let any = object(CameraItem::default())?;
    let unknown = fields.iter().find(|name| !any.contains_key(**name));
    unknown.map_or(Ok(()), |name| {
        let message = none_of(name, "field", any.keys().map(String::as_str));
        Err(Problem::bad_request(format!("fields: {message}")))
    })
}

/// The wanted fields of an item, or all.
fn only(item: CameraItem, fields: Option<&[&str]>) -> Result<Value, Problem> {
    let mut all = object(item)?;
    if let Some(fields) = fields {
        all.retain(|name, _| fields.contains(&name.as_str()));
    }
    Ok(Value::Object(all))
}

fn object(item: CameraItem) -> Result<Map<String, Value>, Problem> {
    match serde_json::to_value(item) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(Problem::internal("a camera is no object")),
        Err(error) => Err(Problem::internal(error.to_string())),
    }
}
