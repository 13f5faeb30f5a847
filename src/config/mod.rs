//! The file `huiju.yaml` to checked settings: every error at once, with line and column.
//!
//! Each module owns its settings; here is how they are written. A key that this version does not know
//! yet is refused, not ignored.

mod departments;
mod platforms;
mod reader;
mod sections;
mod values;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::catalog::Department;
use crate::problem::Problem;
use crate::sink::gb28181::PlatformSettings;
use crate::source;
use crate::yaml::parse;

use reader::{Context, Section};

/// The whole configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// `gateway`.
    pub gateway: Gateway,
    /// `listen`.
    pub listen: Listen,
    /// `streams`.
    pub streams: source::Settings,
    /// `departments`.
    pub departments: Vec<Department>,
    /// `inventory.files`, against the folder of the configuration.
    pub inventory: Vec<PathBuf>,
    /// `platforms`.
    pub platforms: Vec<PlatformSettings>,
}

/// Who the gateway is.
#[derive(Clone, Debug)]
pub struct Gateway {
    /// Its name, as platforms show it.
    pub name: String,
    /// Its administrative division, 2 to 8 digits.
    pub civil_code: String,
    /// Where it keeps its state.
    pub data_dir: PathBuf,
    /// The zone of all times towards platforms.
    pub timezone: chrono_tz::Tz,
}

/// Where it listens.
#[derive(Clone, Debug)]
pub struct Listen {
    /// Health; loopback only.
    pub http: SocketAddr,
    /// Prometheus; loopback only.
    pub metrics: SocketAddr,
    /// SIP, UDP and TCP.
    pub sip: SocketAddr,
    /// First and last RTP port.
    pub rtp_ports: (u16, u16),
    /// The admin socket.
    pub admin: PathBuf,
}

/// The default of `--config`.
pub const DEFAULT_PATH: &str = "/etc/huiju/huiju.yaml";

/// Overrides by environment are of the contract, not of this version: refused, not ignored.
fn overrides(file: &str) -> Vec<Problem> {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let mut names: Vec<_> = names
        .filter(|name| name.starts_with("HUIJU_SET_"))
        .collect();
    names.sort();
    let problem = |name| Problem {
        file: file.to_owned(),
        line: 0,
        column: 0,
        message: format!("the environment's {name} is not supported by this version: unset it"),
    };
    names.into_iter().map(problem).collect()
}

impl Config {
    /// Reads and checks a configuration file.
    ///
    /// # Errors
    ///
    /// All that is wrong with it.
    pub fn load(path: &Path) -> Result<Self, Vec<Problem>> {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| {
            let message = format!("{error}: name the file with --config");
            vec![Problem {
                file: file.clone(),
                line: 0,
                column: 0,
                message,
            }]
        })?;
        let overrides = overrides(&file);
        if !overrides.is_empty() {
            return Err(overrides);
        }
        let folder = path.parent().unwrap_or_else(|| Path::new("."));
        Self::parse(&file, folder, &text)
    }

    /// Checks the text of a configuration; relative paths count from `folder`.
    ///
    /// # Errors
    ///
    /// All that is wrong with it.
    pub fn parse(file: &str, folder: &Path, text: &str) -> Result<Self, Vec<Problem>> {
        let root = parse(file, text).map_err(|problem| vec![problem])?;
        let context = Context::new(file, folder);
        let config = Section::root(&context, &root).map(|section| Self::read(&section));
        let problems = context.into_problems();
        match config {
            Some(config) if problems.is_empty() => Ok(config),
            _ => Err(problems),
        }
    }

    fn read(root: &Section<'_>) -> Self {
        let gateway = sections::gateway(&root.section("gateway"));
        let listen = sections::listen(&root.section("listen"));
        let streams = sections::streams(&root.section("streams"));
        let departments = departments::read(root);
        let inventory = sections::inventory(&root.section("inventory"));
        let platforms = platforms::read(root, &departments);
        root.finish(&["public", "audit"]);
        Self {
            gateway,
            listen,
            streams,
            departments,
            inventory,
            platforms,
        }
    }
}
