//! The command line: one file a subcommand. Exit 0 done, 1 refused or failed, 2 wrong usage, 78 wrong
//! configuration.

mod backup;
mod cameras;
mod check;
mod client;
mod discover;
mod import;
mod platforms;
mod reload;
mod remote;
mod report;
mod run;
mod sessions;
mod status;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::client::Client;
use crate::config::{Config, DEFAULT_PATH};

/// huiju (汇聚): takes department cameras in by RTSP and republishes them by GB/T 28181.
#[derive(Debug, Parser)]
#[command(name = "huiju", version, about)]
pub struct Cli {
    /// The configuration file.
    #[arg(long, global = true, env = "HUIJU_CONFIG", default_value = DEFAULT_PATH)]
    config: PathBuf,
    /// Ask the gateway over HTTP at this address instead of its admin socket; HUIJU_TOKEN is the token.
    #[arg(long, global = true, env = "HUIJU_URL", value_name = "URL")]
    url: Option<String>,
    /// Print JSON, as the API answers it.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway until it is told to stop.
    Run,
    /// Check configuration and inventory; the gateway is not touched.
    Check(check::What),
    /// Have the running gateway read configuration and inventory again.
    Reload(reload::How),
    /// The running gateway in a few lines.
    Status,
    /// Cameras of the running gateway.
    #[command(subcommand)]
    Camera(CameraCommand),
    /// Platforms of the running gateway.
    #[command(subcommand)]
    Platform(PlatformCommand),
    /// Look at a spreadsheet of cameras, take it over, or undo that.
    Import(import::What),
    /// How good what is known of cameras is, and what would make it better.
    Report(report::What),
    /// Ask addresses of a department by ONVIF what they are; nothing is applied.
    Discover(discover::What),
    /// Who watches now.
    #[command(subcommand)]
    Session(SessionCommand),
    /// Copy what must survive (ids, codes, states) into a file; the gateway may run meanwhile.
    Backup {
        /// The file; it must not be there yet.
        to: PathBuf,
    },
    /// Put a backup in the place of what is there; the gateway must not run.
    Restore {
        /// The file.
        from: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
enum CameraCommand {
    /// All cameras with their states.
    List(cameras::Filter),
    /// One camera, by id or code.
    Show {
        /// Its id or code.
        id: String,
    },
    /// Why it is as it is, and what to do.
    Why {
        /// Its id or code.
        id: String,
    },
    /// Try it now.
    Probe {
        /// Its id or code.
        id: String,
    },
    /// Take it back into service.
    Enable {
        /// Its id or code.
        id: String,
    },
    /// Take it out of service for maintenance; that survives a restart.
    Disable {
        /// Its id or code.
        id: String,
    },
}

#[derive(Debug, Subcommand)]
enum PlatformCommand {
    /// All platforms with their registrations.
    List,
    /// One platform.
    Show {
        /// Its id in the configuration.
        id: String,
    },
    /// Why it is as it is, and what to do.
    Why {
        /// Its id in the configuration.
        id: String,
    },
}

#[derive(Debug, Subcommand)]
enum SessionCommand {
    /// All sessions.
    List,
    /// End a session.
    Stop {
        /// Its id, as `session list` prints it.
        id: String,
    },
}

impl Cli {
    /// Does what the command line says.
    pub async fn run(self) -> ExitCode {
        let client = Client::new(self.config.clone(), self.url);
        let json = self.json;
        match self.command {
            Command::Run => match Config::load(&self.config) {
                Ok(config) => run::run(self.config, config).await,
                Err(problems) => wrong_config(&problems),
            },
            Command::Check(what) => match Config::load(&self.config) {
                Ok(config) => check::run(&config, &what, json).await,
                Err(problems) => wrong_config(&problems),
            },
            Command::Backup { to } => match Config::load(&self.config) {
                Ok(config) => backup::back_up(&config, &to),
                Err(problems) => wrong_config(&problems),
            },
            Command::Restore { from } => match Config::load(&self.config) {
                Ok(config) => backup::restore(&config, &from),
                Err(problems) => wrong_config(&problems),
            },
            Command::Reload(how) => reload::run(&client, &how, json).await,
            Command::Import(what) => import::run(&client, what, json).await,
            Command::Report(what) => report::run(&client, &what, json).await,
            Command::Status => status::run(&client, json).await,
            Command::Camera(command) => command.run(&client, json).await,
            Command::Platform(PlatformCommand::List) => platforms::list(&client, json).await,
            Command::Platform(PlatformCommand::Show { id }) => {
                platforms::show(&client, &id, json).await
            }
            Command::Platform(PlatformCommand::Why { id }) => {
                platforms::why(&client, &id, json).await
            }
            Command::Discover(what) => discover::run(&client, &what, json).await,
            Command::Session(SessionCommand::List) => sessions::list(&client, json).await,
            Command::Session(SessionCommand::Stop { id }) => sessions::stop(&client, &id).await,
        }
    }
}

impl CameraCommand {
    async fn run(self, client: &Client, json: bool) -> ExitCode {
        match self {
            Self::List(filter) => cameras::list(client, &filter, json).await,
            Self::Show { id } => cameras::show(client, &id, json).await,
            Self::Why { id } => cameras::why(client, &id, json).await,
            Self::Probe { id } => cameras::order(client, &id, "probe", json).await,
            Self::Enable { id } => cameras::order(client, &id, "enable", json).await,
            Self::Disable { id } => cameras::order(client, &id, "disable", json).await,
        }
    }
}

/// Prints a page of the API: as JSON, or a line an item below its header.
async fn list(
    client: &Client,
    path: &str,
    json: bool,
    header: &str,
    line: impl Fn(&serde_json::Value) -> String,
) -> ExitCode {
    let page = match client.get(path).await {
        Ok(page) => page,
        Err(code) => return code,
    };
    if json {
        return tell(Ok(page), true);
    }
    say(header);
    let items = page.get("items").and_then(serde_json::Value::as_array);
    items
        .into_iter()
        .flatten()
        .for_each(|item| say(&line(item)));
    ExitCode::SUCCESS
}

/// Prints an object of the API: as JSON, or a field a line.
fn tell(answer: Result<serde_json::Value, ExitCode>, json: bool) -> ExitCode {
    match answer {
        Ok(value) if json => say(&value.to_string()),
        Ok(value) => fields("", &value).iter().for_each(|line| say(line)),
        Err(code) => return code,
    }
    ExitCode::SUCCESS
}

/// `name: value`, with the names above it; what is empty is left out.
fn fields(name: &str, value: &serde_json::Value) -> Vec<String> {
    use serde_json::Value;
    let below = |key: &str| {
        if name.is_empty() {
            key.to_owned()
        } else {
            format!("{name}.{key}")
        }
    };
    match value {
        Value::Null => Vec::new(),
        Value::String(text) if text.is_empty() => Vec::new(),
        Value::String(text) => vec![format!("{name}: {text}")],
        Value::Bool(_) | Value::Number(_) => vec![format!("{name}: {value}")],
        Value::Array(items) => {
            let numbered = items.iter().enumerate();
            numbered
                .flat_map(|(number, item)| fields(&below(&number.to_string()), item))
                .collect()
        }
        Value::Object(entries) => entries
            .iter()
            .flat_map(|(key, value)| fields(&below(key), value))
            .collect(),
    }
}

/// Prints what is wrong with the configuration; sysexits' EX_CONFIG.
fn wrong_config(problems: &[crate::problem::Problem]) -> ExitCode {
    for problem in problems {
        complain(&problem.to_string());
    }
    ExitCode::from(78)
}

/// Says why nothing can be done.
pub fn fail(text: &str) -> ExitCode {
    complain(text);
    ExitCode::FAILURE
}

#[expect(clippy::print_stderr, reason = "a command's complaints")]
fn complain(text: &str) {
    eprintln!("{text}");
}

#[expect(clippy::print_stdout, reason = "a command's output")]
fn say(text: &str) {
    println!("{text}");
}
