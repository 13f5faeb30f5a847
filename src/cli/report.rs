//! `huiju report`: how good what is known of cameras is.

use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::client::Client;
use super::{say, tell};

/// Of which cameras.
#[derive(Debug, Args)]
pub(super) struct What {
    /// Only of this department (id).
    #[arg(long)]
    department: Option<String>,
}

pub(super) async fn run(client: &Client, what: &What, json: bool) -> ExitCode {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    if let Some(department) = &what.department {
        query.append_pair("department", department);
    }
    if !json {
        query.append_pair("format", "text");
    }
    let path = format!("/api/v1/quality?{}", query.finish());
    match client.get(&path).await {
        Ok(Value::String(text)) => {
            say(text.trim_end());
            ExitCode::SUCCESS
        }
        answer => tell(answer, json),
    }
}
