//! `/api/v1/discoveries`: what listed addresses of a department say that they are. Nothing is applied: a steward
//! completes what is proposed and imports it.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use super::caller::Caller;
use super::openapi;
use super::problem::Problem;
use super::status::timestamp;
use super::table::Format;
use crate::discover::{Device, Discovery, NotBegun, Picture, Proposal, parse};

#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = DiscoveryWanted)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    department: String,
    /// Addresses, networks and ranges.
    addresses: Vec<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Begun {
    id: String,
}

/// Asks listed addresses of a department what they are: nothing changes
#[utoipa::path(
    post, path = "/api/v1/discoveries", operation_id = "begin_discovery", tag = "operations",
    request_body = Wanted,
    responses(
        (status = 202, description = "It has begun", body = Begun),
        (status = 404, description = "There is no such department"),
        (status = 409, description = "One of this department is under way"),
        (status = 413, description = "The list is too long"),
        (status = 415, description = "The body is no JSON"),
        (status = 422, description = "The department has no port to ask at"),
        (status = 503, description = "Too many are under way"),
    )
)]
pub(super) async fn begin(
    State(api): State<Api>,
    caller: Caller,
    wanted: Result<Json<Wanted>, JsonRejection>,
) -> Result<(StatusCode, Json<Begun>), Problem> {
    let Json(wanted) = wanted.map_err(|error| match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::too_large("name networks or ranges"),
        _ => error.into(),
    })?;
    api.check_department(&wanted.department)?;
    let addresses = parse(wanted.addresses.iter().map(String::as_str));
    let addresses = addresses.map_err(|problems| {
        let detail = "the list of addresses is refused: nothing is asked";
        Problem::refused(400, "bad_request", detail.to_owned(), problems)
    })?;
    let catalog = api.0.catalog.borrow().clone();
    let department = catalog.department(&wanted.department);
    let department =
        department.ok_or_else(|| Problem::no_such("department", &wanted.department))?;
    let begun = api
        .0
        .discoveries
        .begin(department, addresses, caller.to_string());
    let discovery = begun.map_err(|refused| {
        let (status, code) = match refused {
            NotBegun::Runs(_) => (409, "already_runs"),
            NotBegun::TooMany => (503, "busy"),
            NotBegun::NoPort(_) => (422, "no_port"),
        };
        Problem::refused(status, code, refused.to_string(), Vec::new())
    })?;
    let id = discovery.id.to_string();
    Ok((StatusCode::ACCEPTED, Json(Begun { id })))
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct View {
    #[param(schema_with = openapi::table)]
    format: Option<String>,
    /// So many of `found` are known already.
    #[serde(default)]
    after: usize,
}

/// What a discovery has found so far
#[utoipa::path(
    get, path = "/api/v1/discoveries/{id}", operation_id = "show_discovery", tag = "operations",
    params(("id" = String, Path, description = "Its number"), View),
    responses(
        (status = 200, description = "What it has found, or rows to import", content(
            (DiscoveryItem = "application/json"),
            (String = "text/csv"),
            (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        )),
        (status = 404, description = "There is no such discovery"),
    )
)]
pub(super) async fn show(
    State(api): State<Api>,
    Path(id): Path<String>,
    view: Result<Query<View>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(view) = view?;
    let found = id.parse().ok().and_then(|id| api.0.discoveries.find(id));
    let discovery = found.ok_or_else(|| Problem::no_such("discovery", &id))?;
    match Format::of(view.format.as_deref())? {
        None => Ok(Json(item(&discovery, view.after)).into_response()),
        Some(format) => format.answer("discovery", rows(&discovery)).await,
    }
}

#[derive(Debug, Serialize, ToSchema)]
struct DiscoveryItem {
    id: String,
    department: String,
    by: String,
    began: String,
    ended: Option<String>,
    state: &'static str,
    /// Addresses of which something is known, and how many there are.
    asked: usize,
    of: usize,
    found: Vec<DeviceItem>,
}

#[derive(Debug, Serialize, ToSchema)]
struct DeviceItem {
    #[schema(value_type = String)]
    address: IpAddr,
    state: &'static str,
    name: Option<String>,
    manufacturer: Option<String>,
    model: Option<String>,
    firmware: Option<String>,
    serial: Option<String>,
    onvif_url: Option<String>,
    proposals: Vec<ProposalItem>,
    warnings: Vec<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct ProposalItem {
    name: String,
    channel: Option<u16>,
    serial: Option<String>,
    url: Option<String>,
    encoding: Option<String>,
    width: Option<u32>,
    height: Option<u32>,
    sub_url: Option<String>,
    sub_encoding: Option<String>,
    sub_width: Option<u32>,
    sub_height: Option<u32>,
    snapshot_url: Option<String>,
    onvif_url: Option<String>,
    ptz: bool,
    replay: bool,
}

fn item(discovery: &Discovery, after: usize) -> DiscoveryItem {
    // Before what was found: one that is done has found all.
    let ended = discovery.ended();
    let found = discovery.found();
    DiscoveryItem {
        id: discovery.id.to_string(),
        department: discovery.department.clone(),
        by: discovery.by.clone(),
        began: timestamp(discovery.began),
        state: if ended.is_some() { "done" } else { "running" },
        ended: ended.map(timestamp),
        asked: found.len(),
        of: discovery.of,
        found: found.iter().skip(after).map(device_item).collect(),
    }
}

fn device_item(device: &Arc<Device>) -> DeviceItem {
    let information = &device.information;
    DeviceItem {
        address: device.address,
        state: device.state.name(),
        name: device.name.clone(),
        manufacturer: information.manufacturer.clone(),
        model: information.model.clone(),
        firmware: information.firmware.clone(),
        serial: information.serial.clone(),
        onvif_url: device.onvif_url.clone(),
        proposals: device
            .proposals
            .iter()
            .map(|one| proposal_item(device, one))
            .collect(),
        warnings: device.warnings.clone(),
    }
}

fn proposal_item(device: &Device, proposal: &Proposal) -> ProposalItem {
    let encoding = |picture: &Option<Picture>| Some(picture.as_ref()?.encoding.clone());
    let size =
        |picture: &Option<Picture>| picture.as_ref().and_then(|picture| picture.size).unzip();
    let (width, height) = size(&proposal.picture);
    let (sub_width, sub_height) = size(&proposal.sub_picture);
    ProposalItem {
        name: proposal.name.clone(),
        channel: proposal.channel,
        serial: device.information.serial.clone(),
        url: proposal.url.clone(),
        encoding: encoding(&proposal.picture),
        width,
        height,
        sub_url: proposal.sub_url.clone(),
        sub_encoding: encoding(&proposal.sub_picture),
        sub_width,
        sub_height,
        snapshot_url: proposal.snapshot_url.clone(),
        onvif_url: device.onvif_url.clone(),
        ptz: proposal.ptz,
        replay: proposal.replay,
    }
}

/// The columns of an inventory that a discovery fills. `ptz` is not among them: ONVIF does not know its kinds.
const COLUMNS: [&str; 12] = [
    "name",
    "department",
    "url",
    "manufacturer",
    "model",
    "serial",
    "ip",
    "nvr",
    "channel",
    "sub_url",
    "snapshot_url",
    "onvif_url",
];

/// A row a proposal, and one for each device that wants a login, below the header.
fn rows(discovery: &Discovery) -> Vec<Vec<String>> {
    let mut rows = vec![COLUMNS.map(str::to_owned).to_vec()];
    for device in discovery.found() {
        let proposals = device.proposals.iter();
        rows.extend(proposals.map(|proposal| row(discovery, &device, proposal)));
        if device.proposals.is_empty() && device.state == crate::discover::State::NeedsLogin {
            let unknown = Proposal {
                name: device.name_of(None),
                ..Proposal::default()
            };
            rows.push(row(discovery, &device, &unknown));
        }
    }
    rows
}

fn row(discovery: &Discovery, device: &Device, proposal: &Proposal) -> Vec<String> {
    let information = &device.information;
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let address = device.address.to_string();
    // Channels of a recorder share its limits.
    let recorder = proposal.channel.map(|_| address.clone());
    let channel = proposal.channel.map(|channel| channel.to_string());
    vec![
        proposal.name.clone(),
        discovery.department.clone(),
        text(&proposal.url),
        text(&information.manufacturer),
        text(&information.model),
        text(&information.serial),
        address,
        text(&recorder),
        text(&channel),
        text(&proposal.sub_url),
        text(&proposal.snapshot_url),
        text(&device.onvif_url),
    ]
}

/// The most bytes of a list.
pub(super) const LIST_BYTES_MAX: usize = 256 << 10;
