//! What a field means by its column alone.

use crate::catalog::geo::Datum;
use crate::catalog::normalise as rule;
use crate::import::columns::Column;

/// What a field is taken for, and by which rule.
type Meaning = Option<(&'static str, String)>;

/// The rules, in the order in which they are tried; each sees what the one before made of the field.
pub(super) const RULES: [fn(Column, &str) -> Meaning; 3] = [width, number, meaning];

/// What a field is read as by its column alone.
pub(in crate::import) fn read_as(column: Column, text: &str) -> String {
    let read = |text: String, rule: &fn(Column, &str) -> Meaning| {
        rule(column, &text).map_or(text, |(_, taken)| taken)
    };
    RULES.iter().fold(text.to_owned(), read)
}

/// Signs of double width and signs that nobody sees. A password has whatever signs it has.
fn width(column: Column, text: &str) -> Meaning {
    let written = match column {
        Column::Username | Column::Password => return None,
        Column::Name
        | Column::Department
        | Column::Credential
        | Column::Organisation
        | Column::Town
        | Column::Community
        | Column::Grid
        | Column::Address
        | Column::Manufacturer
        | Column::Model
        | Column::Nvr
        | Column::Contact
        | Column::LegalBasis => rule::visible(text),
        Column::PlaceType => place(text),
        // Its other signs stay: cameras are known by it.
        Column::SourceId => rule::visible(text).replace('－', "-"),
        _ => rule::narrow(text),
    };
    (written != text).then_some(("width", written))
}

/// A blank within Chinese text hides what it says.
fn place(text: &str) -> String {
    let text = rule::visible(text);
    if text.is_ascii() {
        return text;
    }
    text.replace(' ', "")
}

/// Whole numbers that a spreadsheet wrote as others.
fn number(column: Column, text: &str) -> Meaning {
    let is_whole = matches!(
        column,
        Column::PointClass
            | Column::CivilCode
            | Column::PlaceType
            | Column::Bearing
            | Column::Ptz
            | Column::Room
            | Column::Light
            | Column::Fov
            | Column::ViewDistance
            | Column::Channel
            | Column::RecordDays
    );
    let number = is_whole.then(|| rule::whole(text)).flatten()?;
    Some(("number", number))
}

/// What a column's text means.
fn meaning(column: Column, text: &str) -> Meaning {
    let (rule, taken) = match column {
        Column::Url | Column::SubUrl => ("url_unescaped", rule::stream_url(text)),
        Column::OnvifUrl if !text.contains("://") => ("onvif_service", rule::onvif_service(text)),
        Column::OnvifUrl | Column::SnapshotUrl | Column::ReplayUrl => {
            ("url_unescaped", rule::web_url(text))
        }
        Column::Transport => ("transport", rule::transport(text)),
        Column::GbCode => ("code", rule::code(text)),
        Column::PlaceType => ("place_type", rule::place_type(text)),
        Column::Manufacturer => ("vendor", rule::vendor(text)),
        Column::Model => ("model", rule::model(text)),
        Column::Longitude | Column::Latitude => ("dms", rule::degrees(text)),
        Column::Bearing => ("direction", rule::direction(text)),
        Column::PointClass => ("point_class", rule::point_class(text)),
        Column::Ptz => ("ptz", rule::ptz(text)),
        Column::Room => ("room", rule::room(text)),
        Column::Light => ("light", rule::light(text)),
        Column::Pull => ("pull", rule::pull(text)),
        Column::Disabled => ("yes_or_no", rule::yes_or_no(text)),
        Column::InstallTime => ("date", rule::date(text)),
        Column::Datum => ("datum", datum(text)),
        Column::Mac => ("mac", rule::mac(text)),
        Column::Fov => ("unit", rule::measure(text, &["度", "°"])),
        Column::ViewDistance => ("unit", rule::measure(text, &["米", "公尺", "m"])),
        Column::RecordDays => ("unit", rule::measure(text, &["天", "日"])),
        _ => return None,
    };
    Some((rule, taken?))
}

/// A datum that is called otherwise than here; capitals do not matter.
fn datum(text: &str) -> Option<String> {
    let name = text.parse::<Datum>().ok()?.name();
    (!name.eq_ignore_ascii_case(text)).then(|| name.to_owned())
}
