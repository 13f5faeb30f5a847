//! `huiju camera list|show|why|probe|enable|disable`.

use std::process::ExitCode;

use clap::Args;
use clap::builder::PossibleValuesParser;
use serde_json::Value;

use super::client::{Client, segment};
use super::{say, tell};
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
}

/// As JSON it is one page of the API that holds all of them.
pub(super) async fn list(client: &Client, filter: &Filter, json: bool) -> ExitCode {
    let mut cursor: Option<String> = None;
    let mut cameras: Vec<Value> = Vec::new();
    loop {
        let mut page = match client.get(&path(filter, cursor.as_deref())).await {
            Ok(page) => page,
            Err(code) => return code,
        };
        if let Some(items) = page.get_mut("items").and_then(Value::as_array_mut) {
            cameras.append(items);
        }
        cursor = page.get("next").and_then(Value::as_str).map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    if json {
        say(&serde_json::json!({"items": cameras, "next": null}).to_string());
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
    let pairs = [("department", &filter.department), ("state", &filter.state)];
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
    format!("{id:<12} {code:<21} {department:<16} {state:<28} {name}")
}
