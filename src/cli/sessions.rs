//! `huiju session list|stop`.

use std::process::ExitCode;

use serde_json::Value;

use super::client::{Client, segment};

pub(super) async fn list(client: &Client, json: bool) -> ExitCode {
    let header = format!(
        "{:<12} {:<16} {:<12} {:<21} {:<22} {}",
        "ID", "PLATFORM", "CAMERA", "SINCE", "PEER", "NAME"
    );
    super::list(client, "/api/v1/sessions", json, &header, line).await
}

fn line(session: &Value) -> String {
    let text = |name: &str| session.get(name).and_then(Value::as_str).unwrap_or("-");
    let peer = format!("{}/{}", text("peer"), text("transport"));
    let (id, platform, camera) = (text("id"), text("platform"), text("camera"));
    let (since, name) = (text("since"), text("name"));
    format!("{id:<12} {platform:<16} {camera:<12} {since:<21} {peer:<22} {name}")
}

pub(super) async fn stop(client: &Client, id: &str) -> ExitCode {
    match client
        .delete(&format!("/api/v1/sessions/{}", segment(id)))
        .await
    {
        Ok(_) => ExitCode::SUCCESS,
        Err(code) => code,
    }
}
