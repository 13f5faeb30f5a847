//! `huiju platform list|show|why`.

use std::process::ExitCode;

use serde_json::Value;

use super::client::{Client, segment};
use super::tell;

pub(super) async fn list(client: &Client, json: bool) -> ExitCode {
    let header = format!(
        "{:<16} {:<24} {:<14} {:>8} {:>8}  {}",
        "ID", "ADDRESS", "REGISTERED", "CAMERAS", "SESSIONS", "REASON"
    );
    super::list(client, "/api/v1/platforms", json, &header, line).await
}

pub(super) async fn show(client: &Client, id: &str, json: bool) -> ExitCode {
    tell(
        client
            .get(&format!("/api/v1/platforms/{}", segment(id)))
            .await,
        json,
    )
}

pub(super) async fn why(client: &Client, id: &str, json: bool) -> ExitCode {
    tell(
        client
            .get(&format!("/api/v1/platforms/{}/why", segment(id)))
            .await,
        json,
    )
}

fn line(platform: &Value) -> String {
    let text = |name: &str| platform.get(name).and_then(Value::as_str).unwrap_or("");
    let number = |name: &str| platform.get(name).and_then(Value::as_u64).unwrap_or(0);
    let is_registered = platform.get("registered").and_then(Value::as_bool) == Some(true);
    format!(
        "{:<16} {:<24} {:<14} {:>8} {:>8}  {}",
        text("id"),
        text("address"),
        if is_registered { "yes" } else { "no" },
        number("cameras"),
        number("sessions"),
        text("reason")
    )
}
