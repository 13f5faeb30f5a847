//! `/api/v1/imports`: what a file would do, doing it, and undoing it.

use std::time::Duration;

use axum::Json;
use axum::extract::multipart::{Multipart, MultipartError};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use tokio::time::timeout;
use utoipa::ToSchema;

use super::Api;
use super::caller::Caller;
use super::import_item::{ImportItem, ImportRow, Report, SKIP};
use super::openapi;
use super::operations::{Operation, Refused};
use super::problem::Problem;
use super::query::{check_department, named, page_limit};
use super::table::Format;
use crate::catalog::Given;
use crate::clock::wall_clock;
use crate::import::{Action, Mode, Request};

/// An order to the root that is about imports.
#[derive(Debug)]
pub enum ImportOrder {
    /// Say what a file would do.
    Plan {
        /// What is asked.
        request: Request,
        /// The file.
        bytes: Vec<u8>,
        /// The answer.
        answer: oneshot::Sender<Result<ImportItem, Refused>>,
    },
    /// Do what was planned.
    Apply {
        /// Which.
        id: u64,
        /// The digest of what was reviewed, where whoever reviewed it says so.
        digest: Option<String>,
        /// The answer.
        answer: oneshot::Sender<Result<ImportItem, Refused>>,
    },
    /// Have it as it was before.
    Undo {
        /// Which.
        id: u64,
        /// The answer.
        answer: oneshot::Sender<Result<ImportItem, Refused>>,
    },
    /// All that are kept, the newest first.
    List {
        /// The answer.
        answer: oneshot::Sender<Result<Vec<ImportItem>, Refused>>,
    },
    /// The sheet of one as it came, with what was said of its rows.
    Marked {
        /// Which.
        id: u64,
        /// The answer.
        answer: oneshot::Sender<Result<MarkedSheet, Refused>>,
    },
    /// One, with what was said of its rows.
    Show {
        /// Which.
        id: u64,
        /// The answer.
        answer: oneshot::Sender<Result<(ImportItem, Report), Refused>>,
    },
}

/// A sheet as it came, with what was said of its rows: the name of its file, and its cells.
pub type MarkedSheet = (String, Vec<Vec<String>>);

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Imports {
    items: Vec<ImportItem>,
    next: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ImportWithRows {
    #[serde(flatten)]
    import: ImportItem,
    rows: Rows,
}

/// A page of rows.
#[derive(Debug, Serialize, ToSchema)]
struct Rows {
    items: Vec<ImportRow>,
    next: Option<String>,
}

/// The file that is looked at.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is read part by part")]
struct Upload {
    /// CSV or a spreadsheet.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    department: Option<String>,
    #[param(schema_with = openapi::mode)]
    mode: Option<String>,
    #[serde(default)]
    allow_removals: usize,
}

/// Looks at a file of cameras: nothing changes
#[utoipa::path(
    post, path = "/api/v1/imports", operation_id = "plan_import", tag = "imports",
    params(Wanted), request_body(content = Upload, content_type = "multipart/form-data", example = json!({
        "file": "name,department,url\n西门,education,rtsp://10.11.0.8:554/live\n",
    })),
    responses(
        (status = 200, description = "What it would do", body = ImportItem, links(
            ("show" = (operation_id = "show_import", parameters(("id" = "$response.body#/id")))),
            ("apply" = (operation_id = "apply_import", parameters(("id" = "$response.body#/id")))),
            ("undo" = (operation_id = "undo_import", parameters(("id" = "$response.body#/id")))),
        )),
        (status = 413, description = "The file is too large"),
        (status = 422, description = "The file cannot be used: each problem is told"),
        (status = 500, description = "The store does not keep it"),
        (status = 503, description = "Too much is being done already"),
    )
)]
pub(super) async fn plan(
    State(api): State<Api>,
    caller: Caller,
    wanted: Result<Query<Wanted>, QueryRejection>,
    upload: Result<Multipart, axum::extract::multipart::MultipartRejection>,
) -> Result<Json<ImportItem>, Problem> {
    let Query(wanted) = wanted?;
    let mode = wanted.mode.as_deref();
    let mode = mode.map(|name| named("mode", name, &Mode::ALL, Mode::name));
    let mode = mode.transpose()?.unwrap_or(Mode::Merge);
    if let Some(id) = &wanted.department {
        api.check_department(id)?;
    }
    let upload = upload?;
    let (file, bytes) = timeout(UPLOAD_TIME, file_of(upload))
        .await
        .map_err(|_| Problem::too_slow())??;
    let given = Given {
        import: None,
        by: caller.to_string(),
        at: wall_clock(),
    };
    let request = Request {
        file,
        department: wanted.department,
        mode,
        allow_removals: wanted.allow_removals,
        given,
    };
    let order = |answer| ImportOrder::Plan {
        request,
        bytes,
        answer,
    };
    api.order(order).await.map(Json)
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Reviewed {
    digest: Option<String>,
}

/// Does what an import would do
#[utoipa::path(
    post, path = "/api/v1/imports/{id}/apply", operation_id = "apply_import", tag = "imports",
    params(("id" = String, Path, description = "Its number"), Reviewed),
    responses(
        (status = 200, description = "The import", body = ImportItem),
        (status = 404, description = "There is no such import"),
        (status = 409, description = "It cannot be done as things are now"),
        (status = 422, description = "It is refused: each problem is told"),
        (status = 500, description = "The store does not keep it"),
        (status = 503, description = "Too much is being done already"),
    )
)]
pub(super) async fn apply(
    State(api): State<Api>,
    Path(id): Path<String>,
    reviewed: Result<Query<Reviewed>, QueryRejection>,
) -> Result<Json<ImportItem>, Problem> {
    let id = number(&id)?;
    let Query(Reviewed { digest }) = reviewed?;
    let order = |answer| ImportOrder::Apply { id, digest, answer };
    api.order(order).await.map(Json)
}

/// Has the cameras of an import as they were before
#[utoipa::path(
    post, path = "/api/v1/imports/{id}/undo", operation_id = "undo_import", tag = "imports",
    params(("id" = String, Path, description = "Its number")),
    responses(
        (status = 200, description = "The import", body = ImportItem),
        (status = 404, description = "There is no such import"),
        (status = 409, description = "It cannot be done as things are now"),
        (status = 422, description = "It is refused: each problem is told"),
        (status = 500, description = "The store does not keep it"),
        (status = 503, description = "Too much is being done already"),
    )
)]
pub(super) async fn undo(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<Json<ImportItem>, Problem> {
    let id = number(&id)?;
    let order = |answer| ImportOrder::Undo { id, answer };
    api.order(order).await.map(Json)
}

/// All imports that are kept
#[utoipa::path(
    get, path = "/api/v1/imports", operation_id = "list_imports", tag = "imports",
    responses(
        (status = 200, description = "All imports that are kept, the newest first", body = Imports),
        (status = 500, description = "The store cannot be read"),
        (status = 503, description = "The gateway is stopping"),
    )
)]
pub(super) async fn list(State(api): State<Api>) -> Result<Json<Imports>, Problem> {
    let items = api.order(|answer| ImportOrder::List { answer }).await?;
    Ok(Json(Imports { items, next: None }))
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    /// `xlsx` or `csv`: the sheet as it came, with a column of what is wrong.
    #[param(schema_with = openapi::table)]
    format: Option<String>,
    #[param(schema_with = openapi::action)]
    action: Option<String>,
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    cursor: Option<usize>,
}

/// An import with its rows
#[utoipa::path(
    get, path = "/api/v1/imports/{id}", operation_id = "show_import", tag = "imports",
    params(("id" = String, Path, description = "Its number"), Page),
    responses(
        (status = 200, description = "The import with a page of its rows, or its sheet", content(
            (ImportWithRows = "application/json"),
            (String = "text/csv"),
            (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        )),
        (status = 404, description = "There is no such import"),
        (status = 500, description = "The store cannot be read"),
        (status = 503, description = "The gateway is stopping"),
    )
)]
pub(super) async fn show(
    State(api): State<Api>,
    Path(id): Path<String>,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Response, Problem> {
    let id = number(&id)?;
    let Query(page) = page?;
    if let Some(format) = Format::of(page.format.as_deref())? {
        let marked = api.order(|answer| ImportOrder::Marked { id, answer });
        let (file, rows) = marked.await?;
        return format.answer(&file, rows).await;
    }
    let limit = page_limit(page.limit)?;
    if let Some(action) = &page.action {
        let actions = Action::ALL.map(Action::name).into_iter().chain([SKIP]);
        let actions: Vec<_> = actions.collect();
        named("action", action, &actions, |name| name)?;
    }
    let (import, report) = api.order(|answer| ImportOrder::Show { id, answer }).await?;
    let first = page.cursor.unwrap_or(0);
    let items = report.page(page.action.as_deref(), first, limit + 1);
    let mut items = items.map_err(Problem::internal)?;
    let has_more = items.len() > limit;
    items.truncate(limit);
    let next = has_more.then(|| (first + limit).to_string());
    let rows = Rows { items, next };
    Ok(Json(ImportWithRows { import, rows }).into_response())
}

fn number(id: &str) -> Result<u64, Problem> {
    id.parse().map_err(|_| Problem::no_such("import", id))
}

/// The part `file` of an upload, and its name.
async fn file_of(mut upload: Multipart) -> Result<(String, Vec<u8>), Problem> {
    let wrong = |error: &MultipartError| match error.status().as_u16() {
        413 => Problem::too_large(format!("a file may have {} MiB", UPLOAD_BYTES_MAX >> 20)),
        _ => Problem::bad_request(error.body_text()),
    };
    while let Some(part) = upload.next_field().await.map_err(|error| wrong(&error))? {
        if part.name() != Some("file") {
            continue;
        }
        let name = part.file_name().unwrap_or("file").to_owned();
        let bytes = part.bytes().await.map_err(|error| wrong(&error))?;
        return Ok((base_name(&name), bytes.to_vec()));
    }
    Err(Problem::bad_request(
        "the upload has no part `file`: send multipart/form-data with the spreadsheet in it",
    ))
}

/// The last part of a path, in signs that everybody sees.
fn base_name(name: &str) -> String {
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let shown = name.chars().filter(|sign| !sign.is_control());
    let name: String = shown.take(NAME_SIGNS_MAX).collect();
    if name.is_empty() {
        "file".to_owned()
    } else {
        name
    }
}

impl Api {
    /// Gives the root an order about imports and waits for its answer.
    async fn order<T>(
        &self,
        order: impl FnOnce(oneshot::Sender<Result<T, Refused>>) -> ImportOrder,
    ) -> Result<T, Problem> {
        let answered = self.ask(|answer| Operation::Import(order(answer)));
        answered.await?.map_err(Problem::from)
    }

    /// A department that is none is a slip.
    pub(super) fn check_department(&self, id: &str) -> Result<(), Problem> {
        check_department(id, &self.0.catalog.borrow().clone())
    }
}

/// The most bytes of an upload.
pub(super) const UPLOAD_BYTES_MAX: usize = 32 << 20;
const UPLOAD_TIME: Duration = Duration::from_secs(120);
const NAME_SIGNS_MAX: usize = 100;
