//! `huiju import FILE`, `huiju import list|show|apply|undo`: cameras from a spreadsheet, looked at before anything changes.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use serde_json::Value;

use super::client::{Client, Upload};
use super::{fail, say, tell};
use crate::import::{Action, Mode};

/// What to import, or which import.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct What {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    file: Option<File>,
}

/// A file, and how it is to be taken.
#[derive(Debug, Args)]
struct File {
    /// The spreadsheet; nothing changes before `huiju import apply`.
    file: PathBuf,
    /// The department that it is for (id): rows need not name it, and may name no other.
    #[arg(long)]
    department: Option<String>,
    /// merge: what the file does not say stays; replace: it goes, and cameras that are not in the file are disabled.
    #[arg(long, default_value = "merge", value_parser = PossibleValuesParser::new(Mode::ALL.map(Mode::name)))]
    mode: String,
    /// Let so many cameras be disabled; one in ten may always.
    #[arg(long, default_value_t = 0, value_name = "N")]
    allow_removals: usize,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// All imports that are kept.
    List,
    /// One import, row by row.
    Show {
        /// Its number.
        id: u64,
        /// Only the rows with which this is done.
        #[arg(long, value_parser = PossibleValuesParser::new(Action::ALL.map(Action::name)))]
        action: Option<String>,
    },
    /// Do what was looked at.
    Apply {
        /// Its number.
        id: u64,
        /// The digest that was shown: another import is refused.
        #[arg(long)]
        digest: Option<String>,
    },
    /// Have its cameras as they were before.
    Undo {
        /// Its number.
        id: u64,
    },
}

pub(super) async fn run(client: &Client, what: What, json: bool) -> ExitCode {
    match (what.command, what.file) {
        (Some(Command::List), _) => list(client, json).await,
        (Some(Command::Show { id, action }), _) => show(client, id, action.as_deref(), json).await,
        (Some(Command::Apply { id, digest }), _) => {
            let digest = digest.map(|digest| format!("?digest={digest}"));
            let path = format!("/api/v1/imports/{id}/apply{}", digest.unwrap_or_default());
            done(client.post(&path).await, json)
        }
        (Some(Command::Undo { id }), _) => done(
            client.post(&format!("/api/v1/imports/{id}/undo")).await,
            json,
        ),
        (None, Some(file)) => look_at(client, &file, json).await,
        (None, None) => fail("huiju: name the file to import: huiju import FILE"),
    }
}

/// Uploads a file and says what it would do.
async fn look_at(client: &Client, file: &File, json: bool) -> ExitCode {
    let bytes = match std::fs::read(&file.file) {
        Ok(bytes) => bytes,
        Err(error) => return fail(&format!("huiju: {}: {error}", file.file.display())),
    };
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("mode", &file.mode);
    query.append_pair("allow_removals", &file.allow_removals.to_string());
    if let Some(department) = &file.department {
        query.append_pair("department", department);
    }
    let upload = Upload {
        name: name_of(&file.file),
        bytes,
    };
    let path = format!("/api/v1/imports?{}", query.finish());
    let import = match client.upload(&path, upload).await {
        Ok(import) => import,
        Err(code) => return code,
    };
    if json {
        return tell(Ok(import), true);
    }
    let id = import.get("id").and_then(Value::as_u64).unwrap_or_default();
    let code = show(client, id, None, false).await;
    say(&format!("nothing has changed: huiju import apply {id}"));
    code
}

fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

async fn list(client: &Client, json: bool) -> ExitCode {
    let header = format!("{:<6} {:<8} {:<22} {}", "ID", "STATE", "AT", "FILE");
    super::list(client, "/api/v1/imports", json, &header, |import| {
        let text = |name: &str| import.get(name).and_then(Value::as_str).unwrap_or("-");
        let id = import.get("id").and_then(Value::as_u64).unwrap_or_default();
        let (state, at, file) = (text("state"), text("at"), text("file"));
        format!("{id:<6} {state:<8} {at:<22} {file}")
    })
    .await
}

/// As JSON it is one page of the API that holds all rows.
async fn show(client: &Client, id: u64, action: Option<&str>, json: bool) -> ExitCode {
    let action = action.map(|action| format!("&action={action}"));
    let action = action.unwrap_or_default();
    let (mut cursor, mut rows) = (String::new(), Vec::new());
    let mut import = loop {
        let path = format!("/api/v1/imports/{id}?limit=1000{action}{cursor}");
        let mut import = match client.get(&path).await {
            Ok(import) => import,
            Err(code) => return code,
        };
        if let Some(items) = import
            .pointer_mut("/rows/items")
            .and_then(Value::as_array_mut)
        {
            rows.append(items);
        }
        match import.pointer("/rows/next").and_then(Value::as_str) {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break import,
        }
    };
    if json {
        if let Some(all) = import.get_mut("rows") {
            *all = serde_json::json!({"items": rows, "next": null});
        }
        return tell(Ok(import), true);
    }
    for row in &rows {
        lines(row).iter().for_each(|line| say(line));
    }
    say(&summary(&import));
    ExitCode::SUCCESS
}

fn done(import: Result<Value, ExitCode>, json: bool) -> ExitCode {
    match import {
        Ok(import) if json => tell(Ok(import), true),
        Ok(import) => {
            say(&summary(&import));
            ExitCode::SUCCESS
        }
        Err(code) => code,
    }
}

/// What is to be said of a row: its mark, then what is wrong, what was guessed, what becomes other.
fn lines(row: &Value) -> Vec<String> {
    let text = |value: &Value, name: &str| {
        let text = value.get(name).and_then(Value::as_str);
        text.unwrap_or("-").to_owned()
    };
    let mark = match text(row, "action").as_str() {
        "add" => "+",
        "change" => "~",
        "refuse" => "?",
        "disable" => "-",
        _ => "=",
    };
    let number = row.get("row").and_then(Value::as_u64).unwrap_or_default();
    let name = text(row, "name");
    let list = |name: &str| {
        row.get(name)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
    };
    let errors = list("errors").filter_map(Value::as_str);
    let guesses = list("guesses").map(|guess| text(guess, "message"));
    let warnings = list("warnings").filter_map(Value::as_str);
    let changes = list("changes").map(|change| {
        let (field, before, after) = (
            text(change, "field"),
            text(change, "before"),
            text(change, "after"),
        );
        format!("{field}: {before} → {after}")
    });
    let mut lines: Vec<_> = errors
        .map(str::to_owned)
        .chain(guesses)
        .chain(warnings.map(str::to_owned))
        .chain(changes)
        .collect();
    if mark == "=" && lines.is_empty() {
        return lines;
    }
    lines.iter_mut().for_each(|line| line.insert_str(0, "    "));
    lines.insert(0, format!("{mark} row {number} {name}"));
    lines
}

fn summary(import: &Value) -> String {
    let of = |name: &str| {
        let number = import.pointer(&format!("/summary/{name}"));
        number.and_then(Value::as_u64).unwrap_or_default()
    };
    let text = |name: &str| import.get(name).and_then(Value::as_str).unwrap_or("-");
    let warnings = import
        .pointer("/summary/warnings")
        .and_then(Value::as_array);
    let warnings = warnings.into_iter().flatten().filter_map(Value::as_str);
    let mut lines: Vec<_> = warnings.map(str::to_owned).collect();
    lines.push(format!(
        "{} is {}: {} rows: {} add, {} change, {} keep, {} refused; {} cameras disabled; {} guesses",
        text("file"),
        text("state"),
        of("rows"),
        of("add"),
        of("change"),
        of("keep"),
        of("refuse"),
        of("disable"),
        of("guesses")
    ));
    lines.push(format!("digest {}", text("digest")));
    lines.join("\n")
}
