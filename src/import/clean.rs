//! Fields as people write them, made into what records are made of. What was taken for what is told.

use std::collections::BTreeMap;
use std::fmt;

use super::columns::Column;
use super::record::{Field, Row};
use crate::catalog::normalise as rule;
use crate::problem::Problem;

/// What was taken for what, each rule once for a column of a file.
#[derive(Debug, Default)]
pub struct Guesses(BTreeMap<(String, Column, &'static str), (Problem, usize)>);

impl Guesses {
    /// Takes note of what was taken for what in a row of `file`.
    pub fn note(&mut self, file: &str, guesses: &[Guess]) {
        for guess in guesses {
            let key = (file.to_owned(), guess.column, guess.rule);
            let (_, count) = self.0.entry(key).or_insert_with(|| {
                let problem = Problem::warning(file, guess.line, guess.place, &guess.to_string());
                (problem, 0)
            });
            *count += 1;
        }
    }

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
}

/// A field that is taken for something else than it says. As text it says so without a secret.
#[derive(Clone, Eq, PartialEq)]
pub struct Guess {
    /// The column.
    pub column: Column,
    /// By which rule.
    pub rule: &'static str,
    given: String,
    taken: String,
    line: u64,
    /// The field's column in its line.
    place: u64,
}

impl fmt::Display for Guess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, rule) = (self.column.name(), self.rule);
        // It may hold a password, and so may what was made of it.
        if self.column == Column::Url {
            return write!(
                f,
                "{name}: is not written as rtsp://user:password@host:port/path, and is read so ({rule})"
            );
        }
        let (given, taken) = (shown(&self.given), &self.taken);
        write!(f, "{name}: `{given}` is read as {taken} ({rule})")
    }
}

impl fmt::Debug for Guess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Text as a message shows it: what nobody sees is written out, and it is not too long.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(64).flat_map(char::escape_debug).collect()
}

/// Makes the fields of a row into what records are made of, and says what was taken for what. What no rule understands
/// stays as it is.
pub fn clean(mut row: Row) -> (Row, Vec<Guess>) {
    let mut guesses = Vec::new();
    // A field that is given as empty says that there is nothing.
    let says_something = |field: &Field| field.wrong.is_none() && !field.text.is_empty();
    let readable = row.fields.iter().filter(|(_, field)| says_something(field));
    let columns: Vec<Column> = readable.map(|(column, _)| *column).collect();
    for column in columns {
        for meaning in [width, meaning] {
            let Some(field) = row.fields.get_mut(&column) else {
                continue;
            };
            if let Some((rule, text)) = meaning(column, &field.text) {
                guesses.push(take(field, column, rule, text));
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
    guesses.extend(exchange_swapped(&mut row));
    (row, guesses)
}

/// Takes a field for `text`.
fn take(field: &mut Field, column: Column, rule: &'static str, text: String) -> Guess {
    let given = std::mem::replace(&mut field.text, text);
    Guess {
        column,
        rule,
        given,
        taken: field.text.clone(),
        line: field.line,
        place: field.column,
    }
}

/// What a field is taken for, and by which rule.
type Meaning = Option<(&'static str, String)>;

/// Signs of double width and signs that nobody sees. A password has whatever signs it has.
fn width(column: Column, text: &str) -> Meaning {
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
    (written != text).then_some(("width", written))
}

/// What a column's text means.
fn meaning(column: Column, text: &str) -> Meaning {
    let (rule, taken) = match column {
        Column::Url => ("url_unescaped", rule::stream_url(text)),
        Column::Longitude | Column::Latitude => ("dms", rule::degrees(text)),
        Column::Bearing => ("direction", rule::direction(text)),
        Column::PointClass => ("point_class", rule::point_class(text)),
        Column::Ptz => ("ptz", rule::ptz(text)),
        Column::Room => ("room", rule::room(text)),
        Column::Light => ("light", rule::light(text)),
        Column::Pull => ("pull", rule::pull(text)),
        Column::Disabled => ("yes_or_no", rule::yes_or_no(text)),
        Column::InstallTime => ("date", rule::date(text)),
        Column::Mac => ("mac", rule::mac(text)),
        Column::Fov => ("unit", rule::measure(text, &["度", "°"])),
        Column::ViewDistance => ("unit", rule::measure(text, &["米", "公尺", "m"])),
        Column::RecordDays => ("unit", rule::measure(text, &["天", "日"])),
        _ => return None,
    };
    Some((rule, taken?))
}

/// Longitude and latitude that stand in each other's place.
fn exchange_swapped(row: &mut Row) -> Vec<Guess> {
    let text = |column| row.fields.get(&column).map(|field| field.text.clone());
    let (Some(east), Some(north)) = (text(Column::Longitude), text(Column::Latitude)) else {
        return Vec::new();
    };
    let are_swapped = match (east.parse(), north.parse()) {
        (Ok(longitude), Ok(latitude)) => rule::are_swapped(longitude, latitude),
        _ => false,
    };
    if !are_swapped {
        return Vec::new();
    }
    let exchanged = [(Column::Longitude, north), (Column::Latitude, east)];
    let guesses = exchanged.into_iter().filter_map(|(column, text)| {
        let field = row.fields.get_mut(&column)?;
        Some(take(field, column, "swapped", text))
    });
    guesses.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_as_they_are_meant_and_what_was_taken_for_what_is_told_once() {
        let (first, taken) = clean(row(
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
        ));
        let mut guesses = Guesses::default();
        guesses.note("x.csv", &taken);
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
        let (_, taken) = clean(row(4, &[(Column::Bearing, "北")]));
        guesses.note("x.csv", &taken);
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
        let (cleaned, guesses) = clean(given.clone());
        let texts =
            |row: &Row| -> Vec<String> { row.fields.values().map(|f| f.text.clone()).collect() };
        assert_eq!(texts(&cleaned), texts(&given));
        assert_eq!(guesses, []);
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
