//! The sections `gateway`, `listen`, `streams` and `inventory`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::reader::Section;
use super::regions;
use super::values::{duration, loopback, ports, secret, socket, text};
use super::{ADMIN_SOCKET, Gateway, Listen};
use crate::catalog::{Secret, pad_civil_code};
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
    let (address, token) = http(section);
    let listen = Listen {
        http: address.or_else(|| fixed("127.0.0.1:8080")).unwrap_or(ANY),
        token,
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

/// An address, or a mapping with the token of the API beside it.
fn http(listen: &Section<'_>) -> (Option<SocketAddr>, Option<Secret>) {
    if listen.is_no_mapping("http") {
        return (listen.value("http", loopback), None);
    }
    let http = listen.section("http");
    let address = http.value("address", loopback);
    let token = match http.node("token") {
        Some(_) => secret(&http, "token").filter(|token| is_token(&http, token)),
        None => None,
    };
    http.finish(&[
        "tls",
        "client_ca",
        "allowed_origins",
        "trusted_proxies",
        "plaintext",
    ]);
    (address, token)
}

/// Whether a token is long enough to stand against guessing, and of letters that a header can hold (RFC 6750 §2.1).
fn is_token(http: &Section<'_>, token: &Secret) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    let text = token.expose();
    let is_token = text.len() >= TOKEN_LETTERS_MIN && text.bytes().all(is_letter);
    if !is_token {
        http.fail(
            "token",
            format!(
                "a token must have {TOKEN_LETTERS_MIN} characters at least, of A-Z a-z 0-9 - . _ ~ + / =: \
                 openssl rand -base64 32 makes one"
            ),
        );
    }
    is_token
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

const TOKEN_LETTERS_MIN: usize = 32;
const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);
