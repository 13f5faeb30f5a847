//! The file `huiju.yaml` to checked settings: every error at once, with line and column.
//!
//! Each module owns its settings; here is how they are written. A key that this version does not know
//! yet is refused, not ignored.

mod departments;
mod overrides;
mod platforms;
mod reader;
mod regions;
mod sections;
mod values;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::catalog::Department;
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
    /// The zone of all times towards platforms.
    pub timezone: chrono_tz::Tz,
    /// Names of divisions by code.
    pub regions: BTreeMap<String, String>,
}

/// Where it listens.
#[derive(Clone, Debug, Eq, PartialEq)]
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
        let text = std::fs::read_to_string(path).map_err(|error| {
            let message = format!("{error}: name the file with --config");
            vec![Problem {
                file: file.clone(),
                line: 0,
                column: 0,
                message,
            }]
        })?;
        let folder = path.parent().unwrap_or_else(|| Path::new("."));
        Self::parse(&file, folder, &text, &Overrides::of_environment())
    }

    /// The admin socket of the gateway that runs with this file. Nothing else of it is looked at: whoever
    /// asks the gateway may not have its secrets, and the file may have been broken since.
    pub fn admin_socket(path: &Path) -> PathBuf {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let Ok(mut root) = parse(&file, &text) else {
            return PathBuf::from(ADMIN_SOCKET);
        };
        let overrides = Overrides::of_environment();
        overrides.apply(&mut root);
        let folder = path.parent().unwrap_or_else(|| Path::new("."));
        let context = Context::new(&file, folder, &overrides);
        let listen =
            Section::root(&context, &root).map(|root| sections::listen(&root.section("listen")));
        listen.map_or_else(|| PathBuf::from(ADMIN_SOCKET), |listen| listen.admin)
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
        let mut platforms = platforms::read(root, &departments);
        departments::check_sharing(root, &platforms);
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
