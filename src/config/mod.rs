//! The file `huiju.yaml` to checked settings: every error at once, with line and column.
//!
//! Each module owns its settings; here is how they are written. A key that this version does not know
//! yet is refused, not ignored.

mod codes;
mod departments;
mod overrides;
mod platforms;
mod reader;
mod regions;
mod sections;
mod values;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::catalog::{Department, Regions, Secret};
use crate::problem::Problem;
use crate::sink::gb28181::PlatformSettings;
use crate::source;
use crate::yaml::parse;

pub use overrides::Overrides;

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
    /// The file with the key of the secrets in it.
    pub secrets_key: PathBuf,
    /// The zone of all times towards platforms.
    pub timezone: chrono_tz::Tz,
    /// Divisions and grids.
    pub regions: Arc<Regions>,
}

/// Where it listens.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Listen {
    /// Health, and the API where there is a token; loopback only.
    pub http: SocketAddr,
    /// What opens the API there.
    pub token: Option<Secret>,
    /// Prometheus; loopback only.
    pub metrics: SocketAddr,
    /// SIP, UDP and TCP.
    pub sip: SocketAddr,
    /// First and last RTP port.
    pub rtp_ports: (u16, u16),
    /// The admin socket.
    pub admin: PathBuf,
}

const ADMIN_SOCKET: &str = "/run/huiju/admin.sock";
/// The default of `--config`.
pub const DEFAULT_PATH: &str = "/etc/huiju/huiju.yaml";

impl Config {
    /// Reads and checks a configuration file.
    ///
    /// # Errors
    ///
    /// All that is wrong with it.
    pub fn load(path: &Path) -> Result<Self, Vec<Problem>> {
        let file = path.display().to_string();
        let text = text_of(path).map_err(|problem| vec![problem])?;
        Self::parse(&file, folder_of(path), &text, &Overrides::of_environment())
    }

    /// The admin socket of the gateway that runs with this file. Nothing else of it is looked at: whoever
    /// asks the gateway may not have its secrets, and other keys may have become wrong since.
    ///
    /// # Errors
    ///
    /// The file does not say where the socket is: all that is wrong with that.
    pub fn admin_socket(path: &Path) -> Result<PathBuf, Vec<Problem>> {
        let file = path.display().to_string();
        let read = text_of(path).and_then(|text| parse(&file, &text));
        let mut root = read.map_err(|problem| vec![problem])?;
        let overrides = Overrides::of_environment();
        overrides.apply(&mut root);
        let context = Context::new(&file, folder_of(path), &overrides);
        let admin =
            Section::root(&context, &root).map(|root| sections::admin(&root.section("listen")));
        let problems = context.into_problems();
        admin.filter(|_| problems.is_empty()).ok_or(problems)
    }

    /// Checks the text of a configuration, changed by `overrides`; relative paths count from `folder`.
    ///
    /// # Errors
    ///
    /// All that is wrong with it.
    pub fn parse(
        file: &str,
        folder: &Path,
        text: &str,
        overrides: &Overrides,
    ) -> Result<Self, Vec<Problem>> {
        let mut root = parse(file, text).map_err(|problem| vec![problem])?;
        let mut problems = overrides.apply(&mut root);
        let context = Context::new(file, folder, overrides);
        let config = Section::root(&context, &root).map(|section| Self::read(&section));
        problems.extend(context.into_problems());
        Overrides::sort(&mut problems, file);
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
        let mut platforms = platforms::read(root);
        departments::check_sharing(root);
        departments::withhold(&departments, &mut platforms);
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

fn text_of(path: &Path) -> Result<String, Problem> {
    let file = path.display().to_string();
    let bytes = std::fs::read(path)
        .map_err(|error| Problem::whole(&file, format!("{error}: name the file with --config")))?;
    String::from_utf8(bytes).map_err(|error| {
        let right = error
            .as_bytes()
            .iter()
            .take(error.utf8_error().valid_up_to());
        let line = 1 + right.filter(|byte| **byte == b'\n').count() as u64;
        Problem::new(&file, line, 0, "is not UTF-8: save the file as UTF-8")
    })
}

/// Relative paths of a configuration count from here.
fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or_else(|| Path::new("."))
}
