//! Fields as people write them, made into what records are made of. What was taken for what is told.

use std::collections::BTreeMap;

use super::columns::Column;
use super::record::{Field, Row};
use crate::catalog::normalise as rule;
use crate::problem::Problem;

/// What was taken for what, each rule once for a column of a file.
#[derive(Debug, Default)]
pub struct Guesses(BTreeMap<(String, Column, &'static str), (Problem, usize)>);

impl Guesses {
    /// Warnings, each at the first place; with how often it was so.
    pub fn warnings(self) -> Vec<Problem> {
        let told = self.0.into_values().map(|(mut problem, count)| {
            if count > 1 {
                problem
                    .message
                    .push_str(&format!(", and {} more like it", count - 1));
            }
            problem
        });
        told.collect()
    }

    fn note(&mut self, row: &Row, column: Column, guess: &Guess) {
        let Some(field) = row.fields.get(&column) else {
            return;
        };
        let key = (row.file.clone(), column, guess.rule);
        let (_, count) = self.0.entry(key).or_insert_with(|| {
            let message = guess.message(column, &field.text);
            let problem = Problem::warning(&row.file, field.line, field.column, &message);
            (problem, 0)
        });
        *count += 1;
    }
}

/// A field that is taken for something else than it says.
struct Guess {
    rule: &'static str,
    text: String,
}

impl Guess {
    fn new(rule: &'static str, text: Option<String>) -> Option<Self> {
        text.map(|text| Self { rule, text })
    }

    fn message(&self, column: Column, given: &str) -> String {
        let (name, rule) = (column.name(), self.rule);
        // It may hold a password, and so may what was made of it.
        if column == Column::Url {
            return format!(
                "{name}: is not written as rtsp://user:password@host:port/path, and is read so ({rule})"
            );
        }
        format!(
            "{name}: `{}` is read as {} ({rule})",
            shown(given),
            self.text
        )
    }
}

/// Text as a message shows it: what nobody sees is written out, and it is not too long.
fn shown(text: &str) -> String {
    text.chars().take(64).flat_map(char::escape_debug).collect()
}

/// Makes the fields of a row into what records are made of; `guesses` gets what was taken for what. What no rule
/// understands stays as it is.
pub fn clean(mut row: Row, guesses: &mut Guesses) -> Row {
    let readable = row.fields.iter().filter(|(_, field)| field.wrong.is_none());
    let columns: Vec<Column> = readable.map(|(column, _)| *column).collect();
    for column in columns {
        for guess in [width, meaning] {
            let text = row.fields.get(&column).map(|field| field.text.as_str());
            if let Some(guess) = text.and_then(|text| guess(column, text)) {
                guesses.note(&row, column, &guess);
                if let Some(field) = row.fields.get_mut(&column) {
                    field.text = guess.text;
                }
            }
        }
        if row
            .fields
            .get(&column)
            .is_some_and(|field| field.text.is_empty())
        {
            row.fields.remove(&column);
        }
    }
    exchange_swapped(&mut row, guesses);
    row
}

/// Signs of double width and signs that nobody sees. A password has whatever signs it has.
fn width(column: Column, text: &str) -> Option<Guess> {
    let written = match column {
        Column::Username | Column::Password => return None,
        Column::Name
        | Column::Department
        | Column::SourceId
        | Column::Credential
        | Column::Organisation
        | Column::Town
        | Column::Community
        | Column::Grid
        | Column::Address
        | Column::PlaceType
        | Column::Manufacturer
        | Column::Model
        | Column::Nvr
        | Column::Contact
        | Column::LegalBasis => rule::visible(text),
        _ => rule::narrow(text),
    };
    Guess::new("width", (written != text).then_some(written))
}

/// What a column's text means.
fn meaning(column: Column, text: &str) -> Option<Guess> {
    match column {
        Column::Url => Guess::new("url_unescaped", rule::stream_url(text)),
        Column::Longitude | Column::Latitude => Guess::new("dms", rule::degrees(text)),
        Column::Bearing => Guess::new("direction", rule::direction(text)),
        Column::PointClass => Guess::new("point_class", rule::point_class(text)),
        Column::Ptz => Guess::new("ptz", rule::ptz(text)),
        Column::Room => Guess::new("room", rule::room(text)),
        Column::Light => Guess::new("light", rule::light(text)),
        Column::Pull => Guess::new("pull", rule::pull(text)),
        Column::Disabled => Guess::new("yes_or_no", rule::yes_or_no(text)),
        Column::InstallTime => Guess::new("date", rule::date(text)),
        Column::Mac => Guess::new("mac", rule::mac(text)),
        Column::Fov => Guess::new("unit", rule::measure(text, &["度", "°"])),
        Column::ViewDistance => Guess::new("unit", rule::measure(text, &["米", "公尺", "m"])),
        Column::RecordDays => Guess::new("unit", rule::measure(text, &["天", "日"])),
        _ => None,
    }
}

/// Longitude and latitude that stand in each other's place.
fn exchange_swapped(row: &mut Row, guesses: &mut Guesses) {
    let degrees = |column| {
        let field: &Field = row.fields.get(&column)?;
        field.text.parse::<f64>().ok()
    };
    let (Some(longitude), Some(latitude)) = (degrees(Column::Longitude), degrees(Column::Latitude))
    else {
        return;
    };
    if !rule::are_swapped(longitude, latitude) {
        return;
    }
    let text = |column| row.fields.get(&column).map(|field| field.text.clone());
    let (east, north) = (text(Column::Latitude), text(Column::Longitude));
    for (column, text) in [(Column::Longitude, east), (Column::Latitude, north)] {
        let Some(guess) = Guess::new("swapped", text) else {
            continue;
        };
        guesses.note(row, column, &guess);
        if let Some(field) = row.fields.get_mut(&column) {
            field.text = guess.text;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_as_they_are_meant_and_what_was_taken_for_what_is_told_once() {
        let mut guesses = Guesses::default();
        let first = clean(
            row(
                3,
                &[
                    (Column::Name, "　１号门（东）\u{200b}"),
                    (Column::Longitude, "27°49′30″"),
                    (Column::Latitude, "１１３．１"),
                    (Column::Bearing, "朝东南"),
                    (Column::Password, "Ｐａｓｓ"),
                    (Column::Url, "rtsp://admin:a/secret@10.11.0.1/1"),
                    (Column::Address, "\u{200b}"),
                ],
            ),
            &mut guesses,
        );
        let text = |column| first.fields.get(&column).map(|field| field.text.as_str());
        assert_eq!(text(Column::Name), Some("1号门（东）"));
        assert_eq!(
            (text(Column::Longitude), text(Column::Latitude)),
            (Some("113.1"), Some("27.825"))
        );
        assert_eq!(text(Column::Bearing), Some("135"));
        assert_eq!(text(Column::Password), Some("Ｐａｓｓ"));
        assert_eq!(
            text(Column::Url),
            Some("rtsp://admin:a%2Fsecret@10.11.0.1/1")
        );
        assert_eq!(text(Column::Address), None);
        clean(row(4, &[(Column::Bearing, "北")]), &mut guesses);
        let told: Vec<_> = guesses.warnings().iter().map(ToString::to_string).collect();
        assert!(told.contains(&"x.csv:3:17: warning: bearing: `朝东南` is read as 135 (direction), and 1 more like it".to_owned()), "{told:?}");
        assert!(
            told.iter()
                .any(|line| line.contains("longitude: `27.825` is read as 113.1 (swapped)")),
            "{told:?}"
        );
        assert!(!told.iter().any(|line| line.contains("secret")), "{told:?}");
    }

    #[test]
    fn what_is_written_well_is_left_alone() {
        let mut guesses = Guesses::default();
        let given = row(
            3,
            &[
                (Column::Name, "天元小学（东门）"),
                (Column::Longitude, "113.1"),
                (Column::Latitude, "27.8"),
                (Column::Bearing, "90"),
                (Column::Url, "rtsp://admin:a%2Fb@10.11.0.1/1"),
                (Column::Mac, "44:19:b6:00:11:22"),
                (Column::InstallTime, "2021-03-05"),
            ],
        );
        let cleaned = clean(given.clone(), &mut guesses);
        let texts =
            |row: &Row| -> Vec<String> { row.fields.values().map(|f| f.text.clone()).collect() };
        assert_eq!(texts(&cleaned), texts(&given));
        assert!(guesses.warnings().is_empty());
    }

    fn row(line: u64, fields: &[(Column, &str)]) -> Row {
        let fields = fields.iter().map(|(column, text)| {
            let field = Field {
                text: (*text).to_owned(),
                line,
                column: *column as u64 + 1,
                wrong: None,
            };
            (*column, field)
        });
        Row {
            file: "x.csv".into(),
            line,
            fields: fields.collect(),
            broken: None,
        }
    }
}
