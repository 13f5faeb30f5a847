//! `huiju discover`: asks addresses of a department by ONVIF what they are, and prints what they say.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use super::client::{Client, segment};
use super::{say, tell};

/// Which addresses.
#[derive(Debug, Args)]
pub(super) struct What {
    /// The department that they are of (id): only its networks and ports are asked.
    #[arg(long)]
    department: String,
    /// Print the rows of an inventory, to be completed and imported.
    #[arg(long)]
    csv: bool,
    /// Addresses, networks like 10.11.0.0/24, ranges like 10.11.0.1-10.11.0.50; 4096 at most.
    #[arg(required = true, value_name = "ADDRESS")]
    addresses: Vec<String>,
}

/// A line a device as it is found; as JSON, and as CSV, all at the end.
pub(super) async fn run(client: &Client, what: &What, json: bool) -> ExitCode {
    let asked = json!({"department": what.department, "addresses": what.addresses});
    let begun = match client.tell("/api/v1/discoveries", asked).await {
        Ok(begun) => begun,
        Err(code) => return code,
    };
    let id = begun.get("id").and_then(Value::as_str).unwrap_or_default();
    let path = format!("/api/v1/discoveries/{}", segment(id));
    if let Err(code) = follow(client, &path, !json && !what.csv).await {
        return code;
    }
    if what.csv {
        return match client.get(&format!("{path}?format=csv")).await {
            Ok(rows) => {
                say(rows.as_str().unwrap_or_default().trim_end());
                ExitCode::SUCCESS
            }
            Err(code) => code,
        };
    }
    if json {
        return tell(client.get(&path).await, true);
    }
    ExitCode::SUCCESS
}

/// Looks at a discovery until it is done, and prints what is new of it where that `is_told`.
async fn follow(client: &Client, path: &str, is_told: bool) -> Result<(), ExitCode> {
    let mut known: usize = 0;
    loop {
        let next = Instant::now() + BETWEEN_LOOKS;
        let look = client.get(&format!("{path}?after={known}")).await?;
        let found = look.get("found").and_then(Value::as_array);
        let found = found.map(Vec::as_slice).unwrap_or_default();
        known += found.len();
        if is_told {
            found.iter().flat_map(lines).for_each(|line| say(&line));
        }
        if look.get("state").and_then(Value::as_str) != Some("running") {
            return Ok(());
        }
        sleep_until(next).await;
    }
}

/// A device, what it could be, and what to know of it.
fn lines(device: &Value) -> Vec<String> {
    let text = |value: &Value, name: &str| {
        let text = value.get(name).and_then(Value::as_str);
        text.unwrap_or("-").to_owned()
    };
    let list = |name: &str| {
        device
            .get(name)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
    };
    let (address, state) = (text(device, "address"), text(device, "state"));
    let made = ["manufacturer", "model", "serial"].map(|name| text(device, name));
    let mut lines = vec![format!("{address:<16} {state:<16} {}", made.join(" "))];
    for proposal in list("proposals") {
        let (name, url) = (text(proposal, "name"), text(proposal, "url"));
        lines.push(format!("  + {name} {url}"));
    }
    for warning in list("warnings").filter_map(Value::as_str) {
        lines.push(format!("  ! {warning}"));
    }
    lines
}

const BETWEEN_LOOKS: Duration = Duration::from_secs(1);
