//! `POST /api/v1/cameras`, `PATCH` and `DELETE /api/v1/cameras/{id}`: cameras that stand in no declared file.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

use super::Api;
use super::caller::Caller;
use super::camera_item::CameraItem;
use super::openapi::{CameraFields, NewCamera};
use super::operations::Operation;
use super::problem::Problem;
use super::unchanged::listed;
use crate::catalog::geo::Datum;
use crate::catalog::{Camera, CameraId, Given};
use crate::clock::wall_clock;
use crate::import::{Column, NoColumn, tag};

/// An edit of one camera. Fields have the names of the inventory; one that is `None` is taken away.
#[derive(Debug)]
pub enum Edit {
    /// A camera that is not there.
    Add {
        /// Its fields.
        fields: Vec<(Column, Option<String>)>,
    },
    /// Other fields.
    Change {
        /// Which.
        camera: CameraId,
        /// What becomes other.
        fields: Vec<(Column, Option<String>)>,
        /// It must be as one of these tags says; `*`: as it is.
        tags: Vec<String>,
    },
    /// It goes; its id and code stay its own.
    Remove {
        /// Which.
        camera: CameraId,
        /// It must be as one of these tags says; `*`: as it is.
        tags: Vec<String>,
    },
}

type Fields = Result<Json<Map<String, Value>>, JsonRejection>;

/// Adds a camera that stands in no declared file
#[utoipa::path(
    post, path = "/api/v1/cameras", operation_id = "add_camera", tag = "cameras",
    request_body(content = NewCamera, example = json!({
        "name": "东门", "department": "education", "url": "rtsp://10.11.0.9:554/live", "source_id": "a-1",
    })),
    responses(
        (status = 201, description = "The camera", body = CameraItem, headers(
            ("Location" = String, description = "Where it is"),
            ("ETag" = String, description = "Its version, for If-Match"),
        ),
            links(
                ("show" = (operation_id = "show_camera", parameters(("id" = "$response.body#/id")))),
                ("why" = (operation_id = "why_camera", parameters(("id" = "$response.body#/id")))),
                ("change" = (operation_id = "change_camera", parameters(("id" = "$response.body#/id")))),
                ("remove" = (operation_id = "remove_camera", parameters(("id" = "$response.body#/id")))),
            )),
        (status = 409, description = "It is there already, stands in a declared file, or clashes with another"),
        (status = 413, description = "The body is too large"),
        (status = 415, description = "The body is no JSON"),
        (status = 422, description = "Fields are wrong: each problem is told"),
        (status = 500, description = "The store does not keep it"),
        (status = 503, description = "The gateway is stopping"),
    )
)]
pub(super) async fn add(
    State(api): State<Api>,
    caller: Caller,
    fields: Fields,
) -> Result<Response, Problem> {
    let fields = fields_of(fields)?;
    let camera = api.edit(Edit::Add { fields }, caller).await?;
    let camera = api.camera(camera.as_str())?;
    let place = format!("/api/v1/cameras/{}", camera.id);
    let created = [(header::LOCATION, place)];
    Ok((StatusCode::CREATED, created, tagged(&camera, &api)).into_response())
}

/// Changes fields of a camera (JSON Merge Patch, RFC 7396)
#[utoipa::path(
    patch, path = "/api/v1/cameras/{id}", operation_id = "change_camera", tag = "cameras",
    params(
        ("id" = String, Path, description = "Its id or its code"),
        ("If-Match" = String, Header, description = "The ETag that it was read with, or `*`", example = "*"),
    ),
    request_body(content(
        (CameraFields = "application/merge-patch+json", example = json!({"address": "东门外"})),
        (CameraFields = "application/json", example = json!({"address": null})),
    )),
    responses(
        (status = 200, description = "The camera", body = CameraItem,
            headers(("ETag" = String, description = "Its version, for If-Match"))),
        (status = 409, description = "It is there already, stands in a declared file, or clashes with another"),
        (status = 413, description = "The body is too large"),
        (status = 415, description = "The body is no JSON"),
        (status = 422, description = "Fields are wrong: each problem is told"),
        (status = 404, description = "There is no such camera"),
        (status = 412, description = "It is not as If-Match says any more"),
        (status = 428, description = "If-Match is missing"),
        (status = 500, description = "The store does not keep it"),
        (status = 503, description = "The gateway is stopping"),
    )
)]
pub(super) async fn change(
    State(api): State<Api>,
    Path(id): Path<String>,
    headers: HeaderMap,
    caller: Caller,
    fields: Fields,
) -> Result<Response, Problem> {
    let camera = api.camera(&id)?.id;
    let tags = tags(&headers)?;
    let fields = fields_of(fields)?;
    let edit = Edit::Change {
        camera,
        fields,
        tags,
    };
    let camera = api.edit(edit, caller).await?;
    let camera = api.camera(camera.as_str())?;
    Ok(tagged(&camera, &api).into_response())
}

/// Removes a camera
#[utoipa::path(
    delete, path = "/api/v1/cameras/{id}", operation_id = "remove_camera", tag = "cameras",
    params(
        ("id" = String, Path, description = "Its id or its code"),
        ("If-Match" = String, Header, description = "The ETag that it was read with, or `*`", example = "*"),
    ),
    responses(
        (status = 204, description = "It is gone; its id and code stay its own"),
        (status = 409, description = "It is there already, stands in a declared file, or clashes with another"),
        (status = 404, description = "There is no such camera"),
        (status = 412, description = "It is not as If-Match says any more"),
        (status = 428, description = "If-Match is missing"),
        (status = 500, description = "The store does not keep it"),
        (status = 503, description = "The gateway is stopping"),
    )
)]
pub(super) async fn remove(
    State(api): State<Api>,
    Path(id): Path<String>,
    headers: HeaderMap,
    caller: Caller,
) -> Result<StatusCode, Problem> {
    let camera = api.camera(&id)?.id;
    let tags = tags(&headers)?;
    api.edit(Edit::Remove { camera, tags }, caller).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A camera with its tag.
pub(super) fn tagged(camera: &Camera, api: &Api) -> impl IntoResponse + use<> {
    let tag = [(header::ETAG, format!("\"{}\"", tag(camera)))];
    let item = CameraItem::of(camera, &api.0.sources, Datum::Wgs84);
    (tag, Json(item))
}

/// The tags of `If-Match`; a weak one is none (RFC 9110 §13.1.1).
fn tags(headers: &HeaderMap) -> Result<Vec<String>, Problem> {
    let mut parts = listed(headers, &header::IF_MATCH).peekable();
    if parts.peek().is_none() {
        return Err(Problem::precondition_required());
    }
    let tag = |part: &str| match part {
        "*" => Some("*".to_owned()),
        quoted => Some(quoted.strip_prefix('"')?.strip_suffix('"')?.to_owned()),
    };
    Ok(parts.filter_map(tag).collect())
}

/// The fields of a body, by the names of the inventory's columns; all that is wrong with their names and kinds.
fn fields_of(fields: Fields) -> Result<Vec<(Column, Option<String>)>, Problem> {
    let Json(fields) = fields?;
    let (mut known, mut problems) = (Vec::new(), Vec::new());
    for (name, value) in fields {
        let text = match value {
            Value::Null => Ok(None),
            Value::String(text) => Ok(Some(text.trim().to_owned())),
            Value::Number(number) => Ok(Some(number.to_string())),
            Value::Bool(is_so) => Ok(Some(is_so.to_string())),
            Value::Array(_) | Value::Object(_) => Err("must be text, a number, true or false"),
        };
        match (Column::of(&name), text) {
            (Ok(column), Ok(text)) => known.push((column, text)),
            (Ok(column), Err(wrong)) => problems.push(format!("{}: {wrong}", column.name())),
            (Err(no), _) => problems.push(no_field(&no)),
        }
    }
    if problems.is_empty() {
        Ok(known)
    } else {
        Err(Problem::wrong_fields(problems))
    }
}

fn no_field(no: &NoColumn) -> String {
    no.to_string().replace("column", "field")
}

impl Api {
    async fn edit(&self, edit: Edit, caller: Caller) -> Result<CameraId, Problem> {
        let given = Given {
            import: None,
            by: caller.to_string(),
            at: wall_clock(),
        };
        let done = self.ask(|answer| Operation::Edit {
            edit,
            given,
            answer,
        });
        done.await?.map_err(Problem::from)
    }
}
