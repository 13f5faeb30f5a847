//! The section `platforms`.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

use super::codes;
use super::departments::ids;
use super::reader::Section;
use super::values::{
    address_or_auto, boolean, code, duration, host_and_port, id, network, number, one_of, only,
    rate, secret, size, text,
};
use crate::catalog::{GbCode, Secret, Share, TreeKind, kind};
use crate::media::VideoCodec;
use crate::problem::none_of;
use crate::proto::gb28181::Charset;
use crate::proto::sip::Transport;
use crate::sink::gb28181::{Authority, Keepalive, Limits, Media, PlatformSettings, SsrcChoice};

pub(super) fn read(root: &Section<'_>) -> Vec<PlatformSettings> {
    let departments = ids(root, "departments");
    let mut platforms: Vec<PlatformSettings> = Vec::new();
    for section in root.sections("platforms") {
        if let Some(platform) = platform(&section, departments.as_deref()) {
            if platforms.iter().any(|other| other.id == platform.id) {
                section.fail("id", format!("`{}` stands twice", platform.id));
            }
            if platforms
                .iter()
                .any(|other| other.gb_id == platform.gb_id && other.host == platform.host)
            {
                section.fail(
                    "gb_id",
                    "another platform at this address has it: they cannot be told apart",
                );
            }
            platforms.push(platform);
        }
    }
    if platforms.len() > PLATFORMS_MAX {
        root.fail("platforms", format!("at most {PLATFORMS_MAX}"));
    }
    platforms
}

/// `None` where neither code can be read.
fn platform(section: &Section<'_>, departments: Option<&[String]>) -> Option<PlatformSettings> {
    let platform = settings(section, departments);
    section.finish(&["upload"]);
    platform
}

fn settings(section: &Section<'_>, departments: Option<&[String]>) -> Option<PlatformSettings> {
    let id = section.required("id", id);
    let gb_id = section.required("gb_id", code);
    let address = section.required("address", host_and_port);
    let local_gb_id = section.required("local_gb_id", |text| {
        code(text).and_then(|code| {
            let is_platform = code.kind() == kind::PLATFORM;
            is_platform
                .then_some(code)
                .ok_or_else(|| format!("`{text}` must be of kind 200, a platform"))
        })
    });
    if gb_id.is_some() && gb_id == local_gb_id {
        section.fail(
            "local_gb_id",
            "is the platform's own gb_id: two platforms with one id collide",
        );
    }
    let signalling = signalling(section, address.as_ref().map(|(host, _)| host.as_str()));
    section.value("edition", only("2016"));
    let (host, port) = address.unwrap_or_default();
    let catalogue = catalogue(&section.section("catalogue"), departments);
    Some(PlatformSettings {
        name: section
            .value("name", text)
            .or_else(|| id.clone())
            .unwrap_or_default(),
        host,
        port,
        signalling,
        transport: section
            .value(
                "transport",
                one_of(&[("udp", Transport::Udp), ("tcp", Transport::Tcp)]),
            )
            .unwrap_or(Transport::Udp),
        local_address: section.value("local_address", address_or_auto).flatten(),
        username: section
            .value("username", text)
            .or_else(|| local_gb_id.map(|code| code.to_string()))
            .unwrap_or_default(),
        password: secret(section, "password").unwrap_or_else(|| Secret::new("")),
        domain: domain(section, gb_id),
        charset: section
            .value(
                "charset",
                one_of(&[("gb2312", Charset::Gb2312), ("utf-8", Charset::Utf8)]),
            )
            .unwrap_or_default(),
        register_expires: register_expires(&section.section("register")),
        keepalive: keepalive(&section.section("keepalive")),
        media: media(&section.section("media")),
        authority: authority(section),
        limits: limits(&section.section("limits")),
        items_per_message: catalogue.items_per_message,
        tree: catalogue.tree,
        push_changes: catalogue.push_changes,
        unknown_online: catalogue.unknown_online,
        share: catalogue.share,
        id: id.unwrap_or_default(),
        gb_id: gb_id.or(local_gb_id)?,
        local_gb_id: local_gb_id.or(gb_id)?,
    })
}

/// Who may send as the platform; a name has no address to take for it.
fn signalling(section: &Section<'_>, host: Option<&str>) -> Vec<IpNet> {
    let signalling = section.values("signalling", network).unwrap_or_default();
    let is_name = host.is_some_and(|host| host.parse::<IpAddr>().is_err());
    if signalling.is_empty() && is_name {
        section.fail(
            "signalling",
            "is needed when the address is a name: who may send as this platform",
        );
    }
    signalling
}

fn register_expires(section: &Section<'_>) -> Duration {
    let second = Duration::from_secs(1);
    let expires = section.value("expires", duration(60 * second..=86_400 * second));
    section.finish(&[]);
    expires.unwrap_or(3600 * second)
}

fn domain(section: &Section<'_>, gb_id: Option<GbCode>) -> String {
    let given = section.value("domain", text);
    given
        .or_else(|| gb_id.map(|code| code.domain().to_owned()))
        .unwrap_or_default()
}

fn keepalive(section: &Section<'_>) -> Keepalive {
    let second = Duration::from_secs(1);
    let keepalive = Keepalive {
        interval: section
            .value("interval", duration(5 * second..=255 * second))
            .unwrap_or(60 * second),
        missed_max: section.value("missed_max", number(1..=100)).unwrap_or(3),
    };
    section.finish(&[]);
    keepalive
}

/// The section `catalogue` of a platform.
struct Catalogue {
    items_per_message: usize,
    tree: TreeKind,
    push_changes: bool,
    unknown_online: bool,
    share: Share,
}

fn catalogue(section: &Section<'_>, departments: Option<&[String]>) -> Catalogue {
    let share = section.section("share");
    let known = |text: &str| match departments {
        Some(ids) if !ids.iter().any(|id| id == text) => {
            Err(none_of(text, "department", ids.iter().map(String::as_str)))
        }
        _ => Ok(text.to_owned()),
    };
    let shared = share.values("departments", known);
    if share.node("departments").is_none() {
        share.missing("departments");
    }
    let classes = share.some_values("point_classes", |text| match text.parse() {
        Ok(class @ (1 | 2 | 3 | 9)) => Ok(class),
        _ => Err(format!("`{text}` must be 1, 2, 3 or 9")),
    });
    share.finish(&[]);
    let catalogue = Catalogue {
        items_per_message: section
            .value(
                "items_per_message",
                one_of(&[("1", 1), ("2", 2), ("4", 4), ("8", 8)]),
            )
            .unwrap_or(1),
        tree: section
            .value(
                "tree",
                one_of(&[
                    ("business", TreeKind::Business),
                    ("region", TreeKind::Region),
                ]),
            )
            .unwrap_or_default(),
        push_changes: section.value("push_changes", boolean).unwrap_or(true),
        unknown_online: section.value("unknown_online", boolean).unwrap_or(true),
        share: Share {
            departments: shared.unwrap_or_default(),
            point_classes: classes.unwrap_or_default(),
            codes: section
                .value("codes", |file| codes::read(&section.context.path(file)))
                .unwrap_or_default(),
        },
    };
    section.finish(&[]);
    catalogue
}

fn media(section: &Section<'_>) -> Media {
    let second = Duration::from_secs(1);
    let networks = section.some_values("networks", network);
    if section.node("networks").is_none() {
        section.missing("networks");
    }
    section.value("stream", only("main"));
    section.value("audio", only("pass"));
    let timeout = |text: &str| match text {
        "none" => Ok(None),
        other => duration(10 * second..=3600 * second)(other).map(Some),
    };
    let burst = |text: &str| match text {
        "none" => Ok(None),
        other => size(2..=60)(other).map(Some),
    };
    let media = Media {
        address: section.value("address", address_or_auto).flatten(),
        networks: networks.unwrap_or_default(),
        ssrc: section
            .value(
                "ssrc",
                one_of(&[("theirs", SsrcChoice::Theirs), ("own", SsrcChoice::Own)]),
            )
            .unwrap_or(SsrcChoice::Theirs),
        codecs: section
            .some_values(
                "codecs",
                one_of(&[("h264", VideoCodec::H264), ("h265", VideoCodec::H265)]),
            )
            .unwrap_or_else(|| vec![VideoCodec::H264, VideoCodec::H265]),
        rtcp_timeout: section.value("rtcp_timeout", timeout).flatten(),
        lost_grace: section
            .value("lost_grace", duration(second..=600 * second))
            .unwrap_or(10 * second),
        first_frame_within: section
            .value("first_frame_within", duration(second..=60 * second))
            .unwrap_or(10 * second),
        burst: section.value("burst", burst).unwrap_or(Some(BURST)),
        media_after_loss: section
            .value("media_after_loss", duration(Duration::ZERO..=3600 * second))
            .unwrap_or(60 * second),
    };
    section.finish(&[]);
    media
}

/// Without a standing authorisation a platform may not look.
fn authority(platform: &Section<'_>) -> Authority {
    let section = platform.section("authority");
    if !section.is_present() {
        if platform.node("authority").is_none() {
            platform.missing("authority");
        }
        return Authority {
            document: String::new(),
            unit: String::new(),
            purpose: String::new(),
        };
    }
    let authority = Authority {
        document: section.required("document", text).unwrap_or_default(),
        unit: section.required("unit", text).unwrap_or_default(),
        purpose: section.required("purpose", text).unwrap_or_default(),
    };
    section.finish(&[]);
    authority
}

fn limits(section: &Section<'_>) -> Limits {
    let limits = Limits {
        sessions: section.value("sessions", number(1..=10_000)).unwrap_or(500),
        bandwidth: section.value("bandwidth", rate).unwrap_or(2_000_000_000),
    };
    section.finish(&[]);
    limits
}

/// A switch with small buffers has a few hundred KiB for all its ports.
const BURST: usize = 32 * 1024;
const PLATFORMS_MAX: usize = 16;
