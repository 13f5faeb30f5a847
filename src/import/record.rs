//! A row to a record: every field is checked, and every error of the row is told at once.

use std::collections::BTreeMap;

use super::columns::Column;
use super::url::login_of;
use crate::catalog::geo::{Datum, Point};
use crate::catalog::normalise::is_forbidden_place;
use crate::catalog::{Department, Origin, Position, Pull, Record, Upkeep, pad_civil_code};
use crate::problem::{Problem, none_of};

/// A row of an inventory file.
#[derive(Clone, Debug)]
pub struct Row {
    /// The file.
    pub file: String,
    /// Its line.
    pub line: u64,
    /// Its fields that are not empty.
    pub fields: BTreeMap<Column, Field>,
    /// What is wrong with the row as such.
    pub broken: Option<String>,
}

/// A field and where it stands.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its text, without blanks around it.
    pub text: String,
    /// Its line.
    pub line: u64,
    /// Its column: in fields for CSV, in characters for YAML.
    pub column: u64,
    /// What is wrong with how it is written; then its text is not used.
    pub wrong: Option<String>,
}

impl Row {
    /// A row of fields that stand in no file; `what` they are is told with what is wrong with them.
    pub fn of_fields(what: &str, fields: impl IntoIterator<Item = (Column, String)>) -> Self {
        let field = |text| Field {
            text,
            line: 0,
            column: 0,
            wrong: None,
        };
        let fields = fields.into_iter();
        Self {
            file: what.to_owned(),
            line: 0,
            fields: fields.map(|(column, text)| (column, field(text))).collect(),
            broken: None,
        }
    }

    /// What a field says, where it can be used as it is written.
    pub(super) fn text(&self, column: Column) -> Option<&str> {
        let field = self.fields.get(&column)?;
        field.wrong.is_none().then_some(field.text.as_str())
    }

    /// Whether it has that field.
    pub(super) fn has(&self, column: Column) -> bool {
        self.fields.contains_key(&column)
    }

    /// Has a field say something; it keeps its place.
    pub(super) fn put(&mut self, column: Column, text: &str) {
        let line = self.line;
        let field = self.fields.entry(column).or_insert_with(|| Field {
            text: String::new(),
            line,
            column: 0,
            wrong: None,
        });
        text.clone_into(&mut field.text);
    }

    /// Takes out the fields that say that there is nothing: a record has none of them.
    pub fn drop_empty(&mut self) {
        self.fields
            .retain(|_, field| field.wrong.is_some() || !field.text.is_empty());
    }

    /// A problem at one of its fields, or of the row.
    pub(super) fn problem(&self, column: Option<Column>, message: String) -> Problem {
        let field = column.and_then(|column| self.fields.get(&column));
        let message = match column {
            Some(column) => format!("{}: {message}", column.name()),
            None => message,
        };
        let (line, column) = field.map_or((self.line, 0), |field| (field.line, field.column));
        Problem::new(&self.file, line, column, message)
    }

    /// Whether it holds a password, in its column or in a URL.
    pub(super) fn has_secret(&self) -> bool {
        let mut urls = self.fields.iter().filter(|(column, _)| column.is_url());
        let in_url = urls.any(|(_, field)| {
            login_of(&field.text).is_some_and(|(_, password)| !password.expose().is_empty())
        });
        in_url || self.fields.contains_key(&Column::Password)
    }
}

/// Checks a row and makes it a record.
///
/// # Errors
///
/// All that is wrong with it; the row is refused.
pub fn to_record(row: &Row, departments: &[Department]) -> Result<Record, Vec<Problem>> {
    let mut check = Check::of(row);
    if let Some(message) = &row.broken {
        check.fail(None, message.clone());
        return Err(check.problems);
    }
    check.writing();
    let record = check.record(departments);
    match record {
        Some(record) if check.problems.is_empty() => Ok(record),
        _ => {
            check.problems.sort_by_key(Problem::place);
            Err(check.problems)
        }
    }
}

pub(super) struct Check<'a> {
    row: &'a Row,
    problems: Vec<Problem>,
}

impl<'a> Check<'a> {
    pub(super) fn of(row: &'a Row) -> Self {
        Self {
            row,
            problems: Vec::new(),
        }
    }

    /// What is wrong.
    pub(super) fn problems(self) -> Vec<Problem> {
        self.problems
    }
}

impl Check<'_> {
    /// Tells of fields that cannot be used as they are written.
    fn writing(&mut self) {
        for (column, field) in &self.row.fields {
            if let Some(wrong) = &field.wrong {
                self.fail(Some(*column), wrong.clone());
            }
        }
    }

    fn record(&mut self, departments: &[Department]) -> Option<Record> {
        let name = self.name();
        let department = self.department(departments);
        let place = self
            .required(Column::Url)
            .and_then(|url| self.place(&url, department));
        let id = self.parsed(
            Column::Id,
            |text| text.parse().ok(),
            "is no id of this gateway",
        );
        let point_class = self.point_class(department);
        let civil_code = self.parsed(
            Column::CivilCode,
            |text| pad_civil_code(text).map(|_| text.to_owned()),
            "must have 2, 4, 6 or 8 digits (0 to 9)",
        );
        let position = self.position();
        let details = self.details(department);
        let ptz = self.number(Column::Ptz, 1..=4);
        let room = self.number(Column::Room, 1..=2);
        let light = self.number(Column::Light, 1..=9);
        let bearing = self.parsed(
            Column::Bearing,
            |text| text.parse().ok().filter(|degrees| *degrees < 360),
            "must be 0 to 359 degrees clockwise from north",
        );
        let pull = self.pull();
        let upkeep = self.upkeep();
        let (location, login) = place?;
        Some(Record {
            origin: Origin {
                file: self.row.file.clone(),
                line: self.row.line,
                given: None,
            },
            name: name?,
            department: department?.id.clone(),
            location,
            source_id: self.text(Column::SourceId),
            id,
            login,
            credential: self.text(Column::Credential),
            // A code that is none is as good as no code: the gateway gives one.
            gb_code: self.text(Column::GbCode).and_then(|text| text.parse().ok()),
            organisation: self.text(Column::Organisation),
            point_class,
            civil_code,
            address: self.text(Column::Address),
            position,
            ptz,
            room,
            light,
            bearing,
            manufacturer: self.text(Column::Manufacturer),
            model: self.text(Column::Model),
            nvr: self.text(Column::Nvr),
            pull,
            upkeep,
            details: Box::new(details),
        })
    }

    pub(super) fn text(&self, column: Column) -> Option<String> {
        self.row.text(column).map(str::to_owned)
    }

    fn name(&mut self) -> Option<String> {
        let name = self.required(Column::Name)?;
        if name.chars().count() > NAME_SIGNS_MAX {
            let message = format!("is longer than {NAME_SIGNS_MAX} signs: shorten it");
            self.fail(Some(Column::Name), message);
            return None;
        }
        Some(name)
    }

    fn required(&mut self, column: Column) -> Option<String> {
        let text = self.text(column);
        if !self.row.fields.contains_key(&column) {
            self.fail(None, format!("{} is missing", column.name()));
        }
        if text
            .as_ref()
            .is_some_and(|text| text.len() > TEXT_BYTES_MAX)
        {
            self.fail(
                Some(column),
                format!("is longer than {TEXT_BYTES_MAX} bytes"),
            );
            return None;
        }
        text
    }

    pub(super) fn parsed<T>(
        &mut self,
        column: Column,
        parse: impl Fn(&str) -> Option<T>,
        wrong: &str,
    ) -> Option<T> {
        let text = self.text(column)?;
        let parsed = parse(&text);
        if parsed.is_none() {
            self.fail(Some(column), format!("`{text}` {wrong}"));
        }
        parsed
    }

    fn number(&mut self, column: Column, range: std::ops::RangeInclusive<u8>) -> Option<u8> {
        let wrong = format!("must be {} to {}", range.start(), range.end());
        self.parsed(
            column,
            |text| text.parse().ok().filter(|number| range.contains(number)),
            &wrong,
        )
    }

    fn department<'a>(&mut self, departments: &'a [Department]) -> Option<&'a Department> {
        let text = self.required(Column::Department)?;
        let found = departments.iter().find(|d| d.is_called(&text));
        if found.is_none() {
            let known = departments.iter().map(|d| d.id.as_str());
            let message = none_of(&text, "department", known);
            self.fail(Some(Column::Department), message);
        }
        found
    }

    fn point_class(&mut self, department: Option<&Department>) -> u8 {
        let default = if department.is_some_and(|d| d.id == "social") {
            3
        } else {
            2
        };
        let class = self.parsed(
            Column::PointClass,
            |text| {
                text.parse()
                    .ok()
                    .filter(|class| matches!(class, 1 | 2 | 3 | 9))
            },
            "must be 1, 2, 3 or 9",
        );
        class.unwrap_or(default)
    }

    fn position(&mut self) -> Option<Position> {
        let mut degrees = |column, limit: f64| {
            let wrong = format!("must be degrees between -{limit} and {limit}");
            self.parsed(
                column,
                |text| text.parse().ok().filter(|d: &f64| d.abs() <= limit),
                &wrong,
            )
        };
        let (longitude, latitude) = (
            degrees(Column::Longitude, 180.0),
            degrees(Column::Latitude, 90.0),
        );
        let both = [Column::Longitude, Column::Latitude];
        let missing = both.map(|column| !self.row.fields.contains_key(&column));
        let missing = match missing {
            [true, false] => Some(Column::Longitude),
            [false, true] => Some(Column::Latitude),
            _ => None,
        };
        if let Some(column) = missing {
            let name = column.name();
            let message = format!("{name} is missing: longitude and latitude belong together");
            self.fail(None, message);
        }
        let datum = self.parsed(
            Column::Datum,
            |text| match text {
                UNSURE => Some(None),
                text => text.parse::<Datum>().ok().map(Some),
            },
            "must be wgs84, gcj02, bd09, cgcs2000 or unsure",
        );
        let given = Point {
            longitude: longitude?,
            latitude: latitude?,
        };
        Some(match datum {
            Some(Some(datum)) => Position::declared(given, datum),
            Some(None) => Position::unsure(given),
            None => Position::open(given),
        })
    }

    fn pull(&mut self) -> Option<Pull> {
        self.parsed(
            Column::Pull,
            |text| match text {
                "on_demand" | "按需" => Some(Pull::OnDemand),
                "always" | "常拉" => Some(Pull::Always),
                _ => None,
            },
            "must be on_demand or always",
        )
    }

    fn upkeep(&mut self) -> Upkeep {
        let place = self.text(Column::PlaceType);
        if place.is_some_and(|place| is_forbidden_place(&place)) {
            return Upkeep::NotAllowed;
        }
        let disabled = self.parsed(
            Column::Disabled,
            |text| match text.to_lowercase().as_str() {
                "true" | "yes" | "1" | "是" => Some(true),
                "false" | "no" | "0" | "否" => Some(false),
                _ => None,
            },
            "must be true or false",
        );
        if disabled == Some(true) {
            Upkeep::Disabled
        } else {
            Upkeep::InService
        }
    }

    pub(super) fn fail(&mut self, column: Option<Column>, message: String) {
        self.problems.push(self.row.problem(column, message));
    }
}

/// What is said of an address that an export shows and nobody knows.
pub(super) const MASKED: &str =
    "its secret is masked, and it is not the URL that is known: write it out";
const TEXT_BYTES_MAX: usize = 1024;
/// Platforms have no more room for a name than that.
const NAME_SIGNS_MAX: usize = 255;
/// The datum of a position whose datum nobody knows and nobody is to look for.
pub(super) const UNSURE: &str = "unsure";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_errors_of_a_row_are_told_with_their_places() {
        let row = row(&[
            (Column::Department, "educatio"),
            (Column::Url, "http://x"),
            (Column::PointClass, "7"),
            (Column::Longitude, "200"),
        ]);
        let problems = to_record(&row, &departments()).unwrap_err();
        let texts: Vec<_> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            [
                "x.csv:3: name is missing",
                "x.csv:3: latitude is missing: longitude and latitude belong together",
                "x.csv:3:2: department: `educatio` is none of education",
                "x.csv:3:3: url: is not rtsp://host[:port]/path: an address of http is no stream",
                "x.csv:3:11: point_class: `7` must be 1, 2, 3 or 9",
                "x.csv:3:14: longitude: `200` must be degrees between -180 and 180",
            ]
        );
    }

    #[test]
    fn a_camera_outside_its_departments_networks_is_refused() {
        let row = row(&[
            (Column::Name, "a"),
            (Column::Department, "区教育局"),
            (Column::Url, "rtsp://10.99.0.1/1"),
        ]);
        let problems = to_record(&row, &departments()).unwrap_err();
        assert!(
            problems[0]
                .message
                .contains("outside the department's networks")
        );
    }

    #[test]
    fn a_forbidden_place_takes_the_camera_out() {
        let row = row(&[
            (Column::Name, "a"),
            (Column::Department, "education"),
            (Column::Url, "rtsp://10.11.0.1/1"),
            (Column::PlaceType, "学生宿舍"),
        ]);
        assert_eq!(
            to_record(&row, &departments()).unwrap().upkeep,
            Upkeep::NotAllowed
        );
    }

    #[test]
    fn a_login_of_the_url_and_of_the_columns_is_one() {
        let login = |url: &str, columns: &[(Column, &str)]| {
            let mut fields = vec![
                (Column::Name, "东门"),
                (Column::Department, "education"),
                (Column::Url, url),
            ];
            fields.extend_from_slice(columns);
            let record = to_record(&row(&fields), &departments());
            let texts = |problems: Vec<Problem>| -> Vec<String> {
                problems.iter().map(ToString::to_string).collect()
            };
            let login = record.map_err(texts)?.login;
            Ok::<_, Vec<String>>(login.map(|(user, password)| (user, password.expose().to_owned())))
        };
        let (bare, full) = ("rtsp://10.11.0.1/1", "rtsp://viewer:in-url@10.11.0.1/1");
        let is = |user: &str, password: &str| Ok(Some((user.to_owned(), password.to_owned())));
        let (user, password) = ((Column::Username, "viewer"), (Column::Password, "in-url"));
        assert_eq!(login(bare, &[]), Ok(None));
        assert_eq!(login(bare, &[user, password]), is("viewer", "in-url"));
        for columns in [&[][..], &[user], &[password], &[user, password]] {
            assert_eq!(login(full, columns), is("viewer", "in-url"), "{columns:?}");
        }
        let only_user = "rtsp://viewer@10.11.0.1/1";
        assert_eq!(login(only_user, &[password]), is("viewer", "in-url"));
        let wrong = login(full, &[user, (Column::Password, "in-column")]).unwrap_err();
        let says =
            "x.csv:3:7: password: differs from the password in the URL: leave one of them out";
        assert_eq!(wrong, [says]);
        let wrong = login(full, &[(Column::Username, "admin")]).unwrap_err();
        assert!(wrong[0].contains("username: differs from"), "{wrong:?}");
    }

    #[test]
    fn a_name_has_a_length() {
        for (length, is_right) in [(255, true), (256, false)] {
            let name = "门".repeat(length);
            let fields = [
                (Column::Name, name.as_str()),
                (Column::Department, "education"),
                (Column::Url, "rtsp://10.11.0.1/1"),
            ];
            let record = to_record(&row(&fields), &departments());
            assert_eq!(record.is_ok(), is_right, "{length}");
        }
    }

    fn row(fields: &[(Column, &str)]) -> Row {
        let fields = fields.iter().map(|(column, text)| {
            let place = *column as u64 + 1;
            (
                *column,
                Field {
                    text: (*text).to_owned(),
                    line: 3,
                    column: place,
                    wrong: None,
                },
            )
        });
        Row {
            file: "x.csv".into(),
            line: 3,
            fields: fields.collect(),
            broken: None,
        }
    }

    fn departments() -> Vec<Department> {
        vec![Department {
            networks: vec!["10.11.0.0/16".parse().unwrap()],
            ..Department::sample()
        }]
    }
}
