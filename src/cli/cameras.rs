//! `huiju camera list|show|why|probe|enable|disable`.

use std::process::ExitCode;

use clap::Args;
use clap::builder::PossibleValuesParser;
use serde_json::Value;

use super::client::{Client, segment};
use super::{say, tell};
use crate::catalog::geo::Datum;
use crate::ledger::State;

/// Which cameras.
#[derive(Debug, Args)]
pub(super) struct Filter {
    /// Only of this department (id).
    #[arg(long)]
    department: Option<String>,
    /// Only in this state.
    #[arg(long, value_parser = PossibleValuesParser::new(State::ALL.map(State::name)))]
    state: Option<String>,
    /// Only in this town, by code or name.
    #[arg(long)]
    town: Option<String>,
    /// Only in this grid, by code or name.
    #[arg(long)]
    grid: Option<String>,
    /// Only with this in the name, the address, the unit or the department's own id.
    #[arg(long, value_name = "TEXT")]
    q: Option<String>,
    /// Only near this place, those that play and see it first.
    #[arg(long, value_name = "LONGITUDE,LATITUDE", allow_hyphen_values = true)]
    near: Option<String>,
    /// How near, in metres; 500.
    #[arg(long, value_name = "METRES", requires = "near")]
    radius: Option<String>,
    /// What `near` and all positions are measured from; wgs84.
    #[arg(long, value_parser = PossibleValuesParser::new(Datum::ALL.map(Datum::name)))]
    datum: Option<String>,
}

/// As JSON it is one page of the API that holds all of them.
pub(super) async fn list(client: &Client, filter: &Filter, json: bool) -> ExitCode {
    let mut cursor: Option<String> = None;
    let mut cameras: Vec<Value> = Vec::new();
    let datum = loop {
        let mut page = match client.get(&path(filter, cursor.as_deref())).await {
            Ok(page) => page,
            Err(code) => return code,
        };
        if let Some(items) = page.get_mut("items").and_then(Value::as_array_mut) {
            cameras.append(items);
        }
        cursor = page.get("next").and_then(Value::as_str).map(str::to_owned);
        if cursor.is_none() {
            break page.get("datum").cloned();
        }
    };
    if json {
        say(&serde_json::json!({"items": cameras, "next": null, "datum": datum}).to_string());
        return ExitCode::SUCCESS;
    }
    say(&format!(
        "{:<12} {:<21} {:<16} {:<28} {}",
        "ID", "GB CODE", "DEPARTMENT", "STATE", "NAME"
    ));
    for camera in &cameras {
        say(&line(camera));
    }
    ExitCode::SUCCESS
}

pub(super) async fn show(client: &Client, id: &str, json: bool) -> ExitCode {
    tell(
        client
            .get(&format!("/api/v1/cameras/{}", segment(id)))
            .await,
        json,
    )
}

pub(super) async fn why(client: &Client, id: &str, json: bool) -> ExitCode {
    tell(
        client
            .get(&format!("/api/v1/cameras/{}/why", segment(id)))
            .await,
        json,
    )
}

/// `probe`, `enable` or `disable`.
pub(super) async fn order(client: &Client, id: &str, order: &str, json: bool) -> ExitCode {
    tell(
        client
            .post(&format!("/api/v1/cameras/{}/{order}", segment(id)))
            .await,
        json,
    )
}

fn path(filter: &Filter, cursor: Option<&str>) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("limit", "1000");
    let pairs = [
        ("department", &filter.department),
        ("state", &filter.state),
        ("town", &filter.town),
        ("grid", &filter.grid),
        ("q", &filter.q),
        ("near", &filter.near),
        ("radius", &filter.radius),
        ("datum", &filter.datum),
    ];
    for (name, value) in pairs {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    if let Some(cursor) = cursor {
        query.append_pair("cursor", cursor);
    }
    format!("/api/v1/cameras?{}", query.finish())
}

fn line(camera: &Value) -> String {
    let text = |name: &str| camera.get(name).and_then(Value::as_str).unwrap_or("-");
    let state = match text("cause") {
        "none" => text("state").to_owned(),
        cause => format!("{}/{cause}", text("state")),
    };
    let (id, code, department, name) = (
        text("id"),
        text("gb_code"),
        text("department"),
        text("name"),
    );
    let distance = camera.get("distance").and_then(Value::as_f64);
    let distance = distance.map(|metres| format!(" ({metres:.0} m)"));
    let distance = distance.unwrap_or_default();
    format!("{id:<12} {code:<21} {department:<16} {state:<28} {name}{distance}")
}
