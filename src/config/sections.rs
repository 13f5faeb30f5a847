//! The sections `gateway`, `listen`, `streams` and `inventory`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::reader::Section;
use super::regions;
use super::values::{duration, loopback, ports, socket, text};
use super::{ADMIN_SOCKET, Gateway, Listen};
use crate::catalog::pad_civil_code;
use crate::source;

pub(super) fn gateway(section: &Section<'_>) -> Gateway {
    let civil_code = section.required("civil_code", |text| {
        let code = pad_civil_code(text).map(|_| text.to_owned());
        code.ok_or_else(|| format!("`{text}` must have 2, 4, 6 or 8 digits (0 to 9), in quotes"))
    });
    let data_dir = section.value("data_dir", text).map_or_else(
        || PathBuf::from("/var/lib/huiju"),
        |path| section.context.path(&path),
    );
    let gateway = Gateway {
        secrets_key: secrets_key(&section.section("secrets_key"), &data_dir),
        name: section.required("name", text).unwrap_or_default(),
        civil_code: civil_code.unwrap_or_default(),
        data_dir,
        timezone: section
            .value("timezone", |text| {
                text.parse()
                    .map_err(|_| format!("`{text}` is no time zone"))
            })
            .unwrap_or(chrono_tz::Asia::Shanghai),
        regions: section
            .value("regions", |path| regions::read(&section.context.path(path)))
            .unwrap_or_default()
            .into(),
    };
    section.finish(&[]);
    gateway
}

/// The file of the key; it is made at the first start.
fn secrets_key(section: &Section<'_>, data_dir: &Path) -> PathBuf {
    let file = section.value("file", text);
    section.finish(&[]);
    file.map_or_else(
        || data_dir.join("secrets.key"),
        |file| section.context.path(&file),
    )
}

pub(super) fn listen(section: &Section<'_>) -> Listen {
    let fixed = |text: &str| {
        socket(text)
            .map_err(|error| format!("default: {error}"))
            .ok()
    };
    let listen = Listen {
        http: section
            .value("http", loopback)
            .or_else(|| fixed("127.0.0.1:8080"))
            .unwrap_or(ANY),
        metrics: section
            .value("metrics", loopback)
            .or_else(|| fixed("127.0.0.1:9180"))
            .unwrap_or(ANY),
        sip: section
            .value("sip", socket)
            .or_else(|| fixed("0.0.0.0:5060"))
            .unwrap_or(ANY),
        rtp_ports: section
            .value("rtp_ports", ports)
            .unwrap_or((20_000, 29_999)),
        admin: admin(section),
    };
    section.finish(&["rtsp"]);
    listen
}

/// The place of the admin socket.
pub(super) fn admin(listen: &Section<'_>) -> PathBuf {
    let given = listen.value("admin", text);
    given.map_or_else(
        || PathBuf::from(ADMIN_SOCKET),
        |path| listen.context.path(&path),
    )
}

pub(super) fn streams(section: &Section<'_>) -> source::Settings {
    let seconds = |from, to| Duration::from_secs(from)..=Duration::from_secs(to);
    let settings = source::Settings {
        linger: section
            .value("linger", duration(seconds(0, 3600)))
            .unwrap_or(Duration::from_secs(30)),
        key_frame_within: section
            .value("key_frame_within", duration(seconds(1, 300)))
            .unwrap_or(Duration::from_secs(15)),
    };
    section.finish(&[]);
    settings
}

pub(super) fn inventory(section: &Section<'_>) -> Vec<PathBuf> {
    let files = section.values("files", text).unwrap_or_default();
    section.finish(&[]);
    files
        .iter()
        .map(|path| section.context.path(path))
        .collect()
}

const ANY: std::net::SocketAddr =
    std::net::SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);
