//! `huiju platform list`.

use std::process::ExitCode;

use serde_json::Value;

use super::client::get;
use super::say;
use crate::config::Config;

pub(super) async fn list(config: &Config, json: bool) -> ExitCode {
    let page = match get(config, "/api/v1/platforms").await {
        Ok(page) => page,
        Err(code) => return code,
    };
    if json {
        say(&page.to_string());
        return ExitCode::SUCCESS;
    }
    say(&format!(
        "{:<16} {:<24} {:<14} {:>8} {:>8}  {}",
        "ID", "ADDRESS", "REGISTERED", "CAMERAS", "SESSIONS", "REASON"
    ));
    for platform in page
        .get("items")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        say(&line(platform));
    }
    ExitCode::SUCCESS
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
