//! `huiju reload`: reads configuration and inventory again, or says what that would change.

use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::client::Client;
use super::{complain, say, tell};

/// How to reload.
#[derive(Debug, Args)]
pub(super) struct How {
    /// Only say what would change.
    #[arg(long)]
    plan: bool,
    /// Let so many cameras go; a few may always.
    #[arg(long, default_value_t = 0, value_name = "N")]
    allow_removals: usize,
}

pub(super) async fn run(client: &Client, how: &How, json: bool) -> ExitCode {
    let How {
        plan,
        allow_removals,
    } = how;
    let path = format!("/api/v1/reload?plan={plan}&allow_removals={allow_removals}");
    let report = match client.post(&path).await {
        Ok(report) => report,
        Err(code) => return code,
    };
    if json {
        return tell(Ok(report), true);
    }
    let lines = lines(&report);
    if lines.is_empty() {
        say("nothing has changed");
    }
    for line in lines {
        say(&line);
    }
    for warning in texts(&report, "warnings") {
        complain(warning);
    }
    ExitCode::SUCCESS
}

fn lines(report: &Value) -> Vec<String> {
    const LISTS: [(&str, &str); 8] = [
        ("cameras_added", "+ camera"),
        ("cameras_removed", "- camera"),
        ("cameras_changed", "~ camera"),
        ("cameras_restarted", "! camera, pulled anew:"),
        ("platforms_added", "+ platform"),
        ("platforms_removed", "- platform"),
        ("platforms_changed", "~ platform"),
        ("platforms_restarted", "! platform, registered anew:"),
    ];
    let mut lines = Vec::new();
    for (name, mark) in LISTS {
        lines.extend(texts(report, name).map(|item| format!("{mark} {item}")));
    }
    if report.get("settings_changed").and_then(Value::as_bool) == Some(true) {
        lines.push("~ settings of the gateway or of departments".to_owned());
    }
    lines.extend(texts(report, "refused").map(|row| format!("? row refused: {row}")));
    lines
}

fn texts<'a>(report: &'a Value, name: &str) -> impl Iterator<Item = &'a str> {
    let items = report.get(name).and_then(Value::as_array);
    items.into_iter().flatten().filter_map(Value::as_str)
}
