//! `huiju status`.

use std::process::ExitCode;

use super::client::Client;
use super::say;

pub(super) async fn run(client: &Client, json: bool) -> ExitCode {
    let status = match client.get("/api/v1/status").await {
        Ok(status) => status,
        Err(code) => return code,
    };
    if json {
        say(&status.to_string());
        return ExitCode::SUCCESS;
    }
    let number = |name: &str| {
        status
            .get(name)
            .and_then(serde_json::Value::as_u64)
            .unwrap_or(0)
    };
    let text = |name: &str| {
        status
            .get(name)
            .and_then(|value| value.as_str())
            .unwrap_or("-")
    };
    say(&format!(
        "huiju {}, running since {}",
        text("version"),
        text("started")
    ));
    say(&format!(
        "platforms: {} of {} registered, {} sessions",
        number("platforms_registered"),
        number("platforms"),
        number("sessions")
    ));
    let cameras = status
        .get("cameras")
        .and_then(|cameras| cameras.as_object());
    let counts: Vec<String> = cameras
        .into_iter()
        .flatten()
        .map(|(state, count)| format!("{count} {state}"))
        .collect();
    say(&format!(
        "cameras: {}",
        if counts.is_empty() {
            "none".to_owned()
        } else {
            counts.join(", ")
        }
    ));
    if number("inventory_rows_rejected") > 0 {
        say(&format!(
            "inventory: {} rows refused (huiju check says why)",
            number("inventory_rows_rejected")
        ));
    }
    ExitCode::SUCCESS
}
