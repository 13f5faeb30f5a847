//! The catalogue in pages (GB/T 28181-2016 §A.2.6 d, annex J, O).

use std::hash::{DefaultHasher, Hash, Hasher};

use super::answer::{begin, end, put_head};
use super::charset::Charset;
use super::manscdp::Ask;
use super::xml::put;
use crate::catalog::{Camera, Node, NodeKind, Tree};

/// What is the same for all items towards one platform.
#[derive(Clone, Debug)]
pub struct Style<'a> {
    /// How bodies are written.
    pub charset: Charset,
    /// The most items of a page.
    pub items_per_message: usize,
    /// The most bytes of a page; an item that is longer alone goes without its optional fields.
    pub page_bytes_max: usize,
    /// Who runs the gateway: `Owner` and `Block` of nodes.
    pub owner: &'a str,
    /// The gateway's division: `CivilCode` of what has none of its own.
    pub civil_code: &'a str,
}

/// One page, and how many items it holds.
#[derive(Debug, Eq, PartialEq)]
pub struct Page {
    /// The body.
    pub body: Vec<u8>,
    /// Its items.
    pub items: usize,
}

/// Writes the page that starts at node `first` of `tree`; `is_on` says a camera's status.
///
/// An empty tree is one page without items.
pub fn page(
    ask: &Ask,
    tree: &Tree,
    first: usize,
    style: &Style<'_>,
    is_on: &dyn Fn(&Camera) -> bool,
) -> Page {
    let nodes = tree.nodes().get(first..).unwrap_or_default();
    let total = tree.nodes().len();
    let mut items = String::new();
    let mut count = 0;
    for node in nodes.iter().take(style.items_per_message.max(1)) {
        let frame = PAGE_HEAD_BYTES;
        let text = fitting_item(node, style, is_on);
        let together =
            style.charset.encode(&items).len() + style.charset.encode(&text).len() + frame;
        if count > 0 && together > style.page_bytes_max {
            break;
        }
        items.push_str(&text);
        count += 1;
    }
    let mut body = begin("Response", style.charset);
    put_head(&mut body, &ask.command, &ask.number, &ask.device);
    put(&mut body, "SumNum", &total.to_string());
    body.push_str(&format!(
        "<DeviceList Num=\"{count}\">\r\n{items}</DeviceList>\r\n"
    ));
    Page {
        body: end(body, "Response", style.charset),
        items: count,
    }
}

/// Tells whether two items say the same, apart from ON and OFF.
pub fn mark(node: &Node, style: &Style<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    fitting_item(node, style, &|_| true).hash(&mut hasher);
    hasher.finish()
}

/// The item with as many of its optional fields as a page has room for.
pub(super) fn fitting_item(
    node: &Node,
    style: &Style<'_>,
    is_on: &dyn Fn(&Camera) -> bool,
) -> String {
    for kept in (1..=OPTIONAL_FIELDS).rev() {
        let text = item(node, style, is_on, kept);
        if style.charset.encode(&text).len() + PAGE_HEAD_BYTES <= style.page_bytes_max {
            return text;
        }
    }
    item(node, style, is_on, 0)
}

fn item(
    node: &Node,
    style: &Style<'_>,
    is_on: &dyn Fn(&Camera) -> bool,
    optional: usize,
) -> String {
    let mut out = String::with_capacity(1024);
    out.push_str("<Item>\r\n");
    put(&mut out, "DeviceID", node.id.as_str());
    put(&mut out, "Name", &shorten(&node.name, style.charset));
    match &node.kind {
        NodeKind::System => put_system(&mut out, style),
        NodeKind::Group | NodeKind::Organisation => put_organisation(&mut out, node),
        NodeKind::Region => put_region(&mut out, node),
        NodeKind::Camera(camera) => put_camera(&mut out, node, camera, style, is_on, optional),
    }
    out.push_str("</Item>\r\n");
    out
}

fn put_system(out: &mut String, style: &Style<'_>) {
    put(out, "Manufacturer", MANUFACTURER);
    put(out, "Model", MODEL);
    put(out, "Owner", style.owner);
    put(out, "CivilCode", style.civil_code);
    put(out, "Address", style.owner);
    put(out, "Parental", "1");
    put(out, "SafetyWay", "0");
    put(out, "RegisterWay", "1");
    put(out, "Secrecy", "0");
    put(out, "Status", "ON");
}

fn put_organisation(out: &mut String, node: &Node) {
    if let Some(parent) = &node.parent {
        put(out, "ParentID", parent.as_str());
    }
    if let Some(group) = node.group {
        put(out, "BusinessGroupID", group.as_str());
    }
}

/// CivilCode of a division is the one above it.
fn put_region(out: &mut String, node: &Node) {
    if let Some(parent) = &node.parent {
        put(out, "CivilCode", parent.as_str());
    }
}

fn put_camera(
    out: &mut String,
    node: &Node,
    camera: &Camera,
    style: &Style<'_>,
    is_on: &dyn Fn(&Camera) -> bool,
    optional: usize,
) {
    let record = &camera.record;
    put(
        out,
        "Manufacturer",
        record.manufacturer.as_deref().unwrap_or(MANUFACTURER),
    );
    put(out, "Model", record.model.as_deref().unwrap_or("IPC"));
    put(
        out,
        "Owner",
        record.organisation.as_deref().unwrap_or(style.owner),
    );
    put(
        out,
        "CivilCode",
        record.civil_code.as_deref().unwrap_or(style.civil_code),
    );
    let address = record.address.as_deref().unwrap_or(&record.name);
    put(out, "Address", &shorten(address, style.charset));
    put(out, "Parental", "0");
    if let Some(parent) = &node.parent {
        put(out, "ParentID", parent.as_str());
    }
    put(out, "SafetyWay", "0");
    put(out, "RegisterWay", "1");
    put(out, "Secrecy", "0");
    put(out, "Status", if is_on(camera) { "ON" } else { "OFF" });
    if let Some(position) = record.position {
        let at = position.nearest();
        put(out, "Longitude", &format!("{:.7}", at.longitude));
        put(out, "Latitude", &format!("{:.7}", at.latitude));
    }
    out.push_str("<Info>\r\n");
    // Dropped from the end where a page has no room.
    let fields: [(&str, Option<u8>); OPTIONAL_FIELDS] = [
        ("PTZType", record.ptz),
        ("DirectionType", record.bearing.map(direction)),
        ("RoomType", record.room),
        ("SupplyLightType", record.light),
    ];
    for (name, value) in fields.iter().take(optional) {
        if let Some(value) = value {
            put(out, name, &value.to_string());
        }
    }
    if let Some(group) = node.group {
        put(out, "BusinessGroupID", group.as_str());
    }
    out.push_str("</Info>\r\n");
}

/// DirectionType from a bearing: 1 E, 2 W, 3 S, 4 N, 5 SE, 6 NE, 7 SW, 8 NW.
fn direction(bearing: u16) -> u8 {
    const CLOCKWISE: [u8; 8] = [4, 6, 1, 5, 3, 7, 2, 8];
    let eighth = usize::from((bearing * 2 + 45) / 90) % 8;
    CLOCKWISE.get(eighth).copied().unwrap_or(4)
}

/// Cuts text so that it has at most 255 bytes in the target charset.
fn shorten(text: &str, charset: Charset) -> String {
    let mut bytes = 0;
    text.chars()
        .take_while(|character| {
            let mut buffer = [0; 4];
            bytes += charset.encode(character.encode_utf8(&mut buffer)).len();
            bytes <= NAME_BYTES_MAX
        })
        .collect()
}

/// What the gateway says of itself and of cameras whose maker is not known.
pub const MANUFACTURER: &str = "huiju";
/// The model that the gateway says of itself.
pub const MODEL: &str = "huiju-gateway";
const NAME_BYTES_MAX: usize = 255;
/// Prolog, head and end of a page, with a number and a total of nine digits.
const PAGE_HEAD_BYTES: usize = 240;
/// Fields of a camera's Info that a page may go without.
const OPTIONAL_FIELDS: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bearings_have_directions() {
        let table = [
            (0, 4),
            (22, 4),
            (23, 6),
            (90, 1),
            (135, 5),
            (180, 3),
            (225, 7),
            (270, 2),
            (359, 4),
        ];
        for (bearing, expected) in table {
            assert_eq!(direction(bearing), expected, "{bearing}");
        }
    }

    #[test]
    fn names_are_cut_at_255_bytes_of_the_charset() {
        let long = "天".repeat(200);
        assert_eq!(shorten(&long, Charset::Gb2312).chars().count(), 127);
        assert_eq!(shorten(&long, Charset::Utf8).chars().count(), 85);
    }
}
