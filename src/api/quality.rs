//! `GET /api/v1/quality?department=&format=`: how good what is known of cameras is, as JSON, as text, or as a table.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use super::openapi;
use super::problem::Problem;
use super::table;
use crate::catalog::quality::{
    ClassPart, Example, FieldPart, Finding, Kind, Pair, Part, Points, Raise, Report, rows, text,
};
use crate::problem::none_of;
use crate::task::blocking;

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    department: Option<String>,
    #[param(schema_with = openapi::report)]
    format: Option<String>,
    /// How many cameras a finding names.
    #[param(maximum = 1000)]
    examples: Option<usize>,
}

/// How good what is known of cameras is
#[utoipa::path(
    get, path = "/api/v1/quality", operation_id = "show_quality", tag = "quality", params(Wanted),
    responses(
        (status = 200, description = "Of all and of each department, or of one", content(
            (PartItem = "application/json"),
            (String = "text/plain"),
            (String = "text/csv"),
            (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        )),
        (status = 404, description = "There is no such department"),
    )
)]
pub(super) async fn show(
    State(api): State<Api>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(wanted) = wanted?;
    let examples = wanted.examples.unwrap_or(EXAMPLES);
    if examples > EXAMPLES_MAX {
        let message = format!("examples must be 0 to {EXAMPLES_MAX}");
        return Err(Problem::bad_request(message));
    }
    let format = Format::of(wanted.format.as_deref())?;
    if let Some(id) = &wanted.department {
        api.check_department(id)?;
    }
    let catalog = api.0.catalog.borrow().clone();
    // A hundred thousand cameras take a second.
    let report = blocking(move || Report::of(&catalog, examples)).await;
    let (part, below) = match &wanted.department {
        None => (&report.whole, report.departments.as_slice()),
        Some(id) => {
            let part = report.department(id);
            let part = part.ok_or_else(|| Problem::no_such("department", id))?;
            (part, &[][..])
        }
    };
    let parts = std::iter::once(part).chain(below);
    match format {
        Format::Json => Ok(Json(PartItem::of(part, below)).into_response()),
        Format::Text => {
            let content_type = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
            Ok((content_type, text(parts)).into_response())
        }
        Format::Table(format) => format.answer("quality", rows(parts)).await,
    }
}

enum Format {
    Json,
    Text,
    Table(table::Format),
}

impl Format {
    fn of(name: Option<&str>) -> Result<Self, Problem> {
        match name {
            None | Some("json") => Ok(Self::Json),
            Some("text") => Ok(Self::Text),
            Some(name) => table::Format::named(name).map(Self::Table).ok_or_else(|| {
                let known = ["json", "text", "csv", "xlsx"].into_iter();
                Problem::bad_request(none_of(name, "format", known))
            }),
        }
    }
}

/// What was found of some cameras.
#[derive(Debug, Serialize, ToSchema)]
struct PartItem {
    department: Option<String>,
    name: Option<String>,
    cameras: usize,
    disabled: usize,
    score: Option<f64>,
    classes: Vec<ClassItem>,
    findings: Vec<FindingItem>,
    raises: Vec<RaiseItem>,
    duplicates: Vec<PairItem>,
    /// Of each department, where all were asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(no_recursion, value_type = Vec<PartItem>)]
    departments: Vec<Self>,
}

#[derive(Debug, Serialize, ToSchema)]
struct ClassItem {
    point_class: u8,
    cameras: usize,
    complete: Option<f64>,
    fields: Vec<FieldItem>,
}

#[derive(Debug, Serialize, ToSchema)]
struct FieldItem {
    field: &'static str,
    needed: usize,
    filled: usize,
}

#[derive(Debug, Serialize, ToSchema)]
struct FindingItem {
    sort: &'static str,
    kind: &'static str,
    field: &'static str,
    severity: &'static str,
    count: usize,
    zh: String,
    en: String,
    examples: Vec<ExampleItem>,
}

#[derive(Debug, Serialize, ToSchema)]
struct RaiseItem {
    kind: &'static str,
    field: &'static str,
    count: usize,
    by: f64,
    zh: String,
    en: String,
}

#[derive(Debug, Serialize, ToSchema)]
struct PairItem {
    by: &'static str,
    cameras: [ExampleItem; 2],
}

#[derive(Debug, Serialize, ToSchema)]
struct ExampleItem {
    id: String,
    name: String,
}

impl PartItem {
    fn of(part: &Part, below: &[Part]) -> Self {
        let (department, name) = part.department.clone().unzip();
        Self {
            department,
            name,
            cameras: part.cameras,
            disabled: part.disabled,
            score: part.score.map(number),
            classes: part.classes.iter().map(ClassItem::of).collect(),
            findings: part.findings.iter().map(FindingItem::of).collect(),
            raises: part.raises.iter().map(RaiseItem::of).collect(),
            duplicates: part.duplicates.iter().map(PairItem::of).collect(),
            departments: below.iter().map(|part| Self::of(part, &[])).collect(),
        }
    }
}

impl ClassItem {
    fn of(class: &ClassPart) -> Self {
        let field = |part: &FieldPart| FieldItem {
            field: part.field.name(),
            needed: part.needed,
            filled: part.filled,
        };
        Self {
            point_class: class.point_class,
            cameras: class.cameras,
            complete: class.complete.map(number),
            fields: class.fields.iter().map(field).collect(),
        }
    }
}

impl FindingItem {
    fn of(finding: &Finding) -> Self {
        let Finding {
            kind,
            count,
            examples,
        } = finding;
        Self {
            sort: kind.sort(),
            kind: kind.name(),
            field: kind.field(),
            severity: kind.severity().name(),
            count: *count,
            zh: kind.zh(*count),
            en: kind.en(*count),
            examples: examples.iter().map(ExampleItem::of).collect(),
        }
    }
}

impl RaiseItem {
    fn of(raise: &Raise) -> Self {
        let kind: Kind = raise.kind;
        Self {
            kind: kind.name(),
            field: kind.field(),
            count: raise.count,
            by: number(raise.by),
            zh: kind.zh(raise.count),
            en: kind.en(raise.count),
        }
    }
}

impl PairItem {
    fn of(pair: &Pair) -> Self {
        Self {
            by: pair.by.name(),
            cameras: [ExampleItem::of(&pair.one), ExampleItem::of(&pair.other)],
        }
    }
}

impl ExampleItem {
    fn of(example: &Example) -> Self {
        Self {
            id: example.id.to_string(),
            name: example.name.clone(),
        }
    }
}

fn number(Points(hundredths): Points) -> f64 {
    f64::from(hundredths) / 100.0
}

/// Cameras that a finding names where nobody says how many.
const EXAMPLES: usize = 5;
const EXAMPLES_MAX: usize = 1000;
