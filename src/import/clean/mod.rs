//! Fields as people write them, made into what records are made of. What was taken for what is told.

mod fields;
mod regions;
mod told;

use std::net::IpAddr;

use self::fields::RULES;
pub(in crate::import) use self::fields::read_as;
pub(in crate::import) use self::told::shown;
use super::card::MASK;
use super::columns::{Column, LINKS};
use super::record::{Field, Row};
use super::url::{login_of, split_link};
use crate::catalog::{Department, Level, Regions, Transport, normalise as rule};

pub use told::{Guess, Guesses, Warning};

/// What rows may name.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// The departments.
    pub departments: &'a [Department],
    /// Divisions and grids.
    pub regions: &'a Regions,
    /// The department that the file is for, by id: rows need not name it, and rows of others are refused.
    pub only: Option<&'a str>,
    /// A department is named by its id or its name alone, as it stands in the configuration. Rights hang on it: who declares
    /// cameras knows how it is called there, who sends a spreadsheet does not.
    pub exact_departments: bool,
}

/// A row as it is meant.
#[derive(Clone, Debug)]
pub struct Cleaned {
    /// The row.
    pub row: Row,
    /// What was taken for what.
    pub guesses: Vec<Guess>,
    /// What is left out, or is better otherwise.
    pub warnings: Vec<Warning>,
}

/// Makes the fields of a row into what records are made of, and says what was taken for what. What no rule understands
/// stays as it is.
pub fn clean(row: Row, terms: &Terms<'_>) -> Cleaned {
    let mut cleaned = Cleaned {
        row,
        guesses: Vec::new(),
        warnings: Vec::new(),
    };
    if cleaned.row.broken.is_some() {
        return cleaned;
    }
    cleaned.split_pair();
    cleaned.fields();
    cleaned.position();
    cleaned.department(terms);
    cleaned.name(terms);
    cleaned.regions(terms.regions);
    cleaned.place_type();
    cleaned.numbers_of_nobody();
    cleaned.code();
    cleaned.url();
    cleaned.links();
    cleaned.transport();
    cleaned
}

impl Cleaned {
    /// Both coordinates in one cell.
    fn split_pair(&mut self) {
        let columns = [Column::Longitude, Column::Latitude];
        let there: Vec<_> = columns.iter().filter(|c| self.row.has(**c)).collect();
        let [only] = there[..] else {
            return;
        };
        let both = self.row.text(*only).and_then(rule::pair);
        let Some([longitude, latitude]) = both else {
            return;
        };
        let (own, other, rest) = match only {
            Column::Longitude => (longitude, Column::Latitude, latitude),
            _ => (latitude, Column::Longitude, longitude),
        };
        self.take(*only, "pair", own);
        self.row.put(other, &rest);
    }

    /// Each field by its column alone. One that is given as empty says that there is nothing.
    fn fields(&mut self) {
        let says_something = |field: &Field| field.wrong.is_none() && !field.text.is_empty();
        let readable = self.row.fields.iter().filter(|(_, f)| says_something(f));
        let columns: Vec<Column> = readable.map(|(column, _)| *column).collect();
        for column in columns {
            for meaning in RULES {
                let text = self.row.text(column).unwrap_or_default();
                let Some((rule, text)) = meaning(column, text) else {
                    continue;
                };
                let showed_nothing = rule == "width" && text.is_empty();
                self.take(column, rule, text);
                if showed_nothing {
                    self.row.fields.remove(&column);
                    break;
                }
            }
        }
    }

    /// Coordinates that have lost their points, stand in each other's place, or say nothing.
    fn position(&mut self) {
        let text = |row: &Row, column| row.text(column).map(str::to_owned);
        let both = |row: &Row| Some([text(row, Column::Longitude)?, text(row, Column::Latitude)?]);
        let Some([longitude, latitude]) = both(&self.row) else {
            return;
        };
        if let Some([longitude, latitude]) = rule::scaled(&longitude, &latitude) {
            self.take(Column::Longitude, "scaled", longitude);
            self.take(Column::Latitude, "scaled", latitude);
        }
        let Some([east, north]) = both(&self.row) else {
            return;
        };
        let (Ok(longitude), Ok(latitude)) = (east.parse::<f64>(), north.parse::<f64>()) else {
            return;
        };
        if rule::are_swapped(longitude, latitude) {
            self.take(Column::Longitude, "swapped", north);
            // One exchange is told once.
            self.row.put(Column::Latitude, &east);
        } else if longitude == 0.0 && latitude == 0.0 {
            let message = format!("`{east}`, `{north}` is nobody's position, and is left out");
            self.warn(Column::Longitude, "no_position", message);
            self.row.fields.remove(&Column::Longitude);
            self.row.fields.remove(&Column::Latitude);
        }
    }

    fn department(&mut self, terms: &Terms<'_>) {
        if !self.row.has(Column::Department) {
            if let Some(only) = terms.only {
                self.row.put(Column::Department, "");
                self.take(Column::Department, "department", only.to_owned());
            }
            return;
        }
        let Some(text) = self.row.text(Column::Department) else {
            return;
        };
        if !terms.exact_departments {
            let districts: Vec<_> = terms.regions.names(Level::District).collect();
            if let Some(meant) = rule::department(text, terms.departments, &districts) {
                self.take(Column::Department, "department", meant.id.clone());
            }
        }
        let text = self.row.text(Column::Department).unwrap_or_default();
        let named = terms.departments.iter().find(|known| known.is_called(text));
        let other = named
            .zip(terms.only)
            .filter(|(known, only)| known.id != *only);
        if let Some((known, only)) = other {
            let message = format!(
                "`{}` is not the department of this import, which is {only}",
                known.id
            );
            self.refuse(Column::Department, message);
        }
    }

    /// The row's department in front of the camera's name.
    fn name(&mut self, terms: &Terms<'_>) {
        let named = self.row.text(Column::Department).unwrap_or_default();
        let mut departments = terms.departments.iter();
        let Some(department) = departments.find(|known| known.is_called(named)) else {
            return;
        };
        let own = std::slice::from_ref(department);
        let districts: Vec<_> = terms.regions.names(Level::District).collect();
        let is_own = |text: &str| {
            // Its id is for files and stands before a name by the choice of who numbers so.
            department.name == text || rule::department(text, own, &districts).is_some()
        };
        let name = self.row.text(Column::Name);
        if let Some(name) = name.and_then(|name| rule::name_prefix(name, is_own)) {
            self.take(Column::Name, "name_prefix", name);
        }
    }

    /// Places where the law allows no camera are told; those cameras are disabled.
    fn place_type(&mut self) {
        if let Some(place) = self.row.text(Column::PlaceType) {
            if rule::is_forbidden_place(place) {
                let place = shown(place);
                let message = format!(
                    "the law allows no camera in `{place}`: it is disabled; if it looks at what is beside that, say so"
                );
                self.warn(Column::PlaceType, "forbidden_place", message);
            }
            return;
        }
        let name = self.row.text(Column::Name).unwrap_or_default();
        if !self.row.has(Column::PlaceType) && rule::is_forbidden_place(name) {
            let message = format!(
                "is empty, and the name `{}` is of a place where the law allows no camera: fill in place_type",
                shown(name)
            );
            self.warn(Column::PlaceType, "place_of_name", message);
        }
    }

    /// What stands where a number would and is none.
    fn numbers_of_nobody(&mut self) {
        for (column, is_nobodys) in [
            (Column::Mac, rule::is_nobodys_mac as fn(&str) -> bool),
            (Column::Serial, rule::says_none),
            (Column::SubUrl, rule::says_none),
            (Column::Transport, rule::says_none),
            (Column::OnvifUrl, rule::says_none),
            (Column::SnapshotUrl, rule::says_none),
            (Column::ReplayUrl, rule::says_none),
        ] {
            let Some(text) = self.row.text(column).filter(|text| is_nobodys(text)) else {
                continue;
            };
            let given = self.given(column).unwrap_or(text);
            let message = format!("`{}` is nobody's, and is left out", shown(given));
            self.warn(column, "nobodys", message);
            self.guesses.retain(|guess| guess.column != column);
            self.row.fields.remove(&column);
        }
    }

    /// A camera whose code was damaged must not get another: platforms may know it by its own.
    fn code(&mut self) {
        let damaged = self.row.text(Column::GbCode).and_then(rule::damaged_code);
        if let Some(message) = damaged {
            self.refuse(Column::GbCode, message);
        }
    }

    /// What stands for the address of a stream.
    fn url(&mut self) {
        let Some(url) = self.row.text(Column::Url) else {
            return;
        };
        let number = |column| self.row.text(column).and_then(|text| text.parse().ok());
        let ip = self.row.text(Column::Ip);
        let said = rule::Said {
            ip: ip.and_then(|text| text.parse::<IpAddr>().ok()),
            channel: number(Column::Channel),
            vendor: self.row.text(Column::Manufacturer),
        };
        match rule::url_template(url, &said) {
            Some(Ok(url)) => self.take(Column::Url, "url_template", url),
            Some(Err(message)) => self.refuse(Column::Url, message),
            None if REPEATS.contains(&url) => {
                let message = format!(
                    "`{url}` repeats another row, and rows may have been sorted: write the address out"
                );
                self.refuse(Column::Url, message);
            }
            None => {}
        }
    }

    /// User and password of a camera are its stream's, and stand in its other addresses again.
    fn links(&mut self) {
        let (user, password) = self.login();
        let says_whose = user.is_some() || password.is_some();
        for column in LINKS {
            let read = self
                .row
                .text(column)
                .and_then(|url| split_link(column, url));
            let Some((link, _, Some((in_user, in_password)))) = read else {
                continue;
            };
            self.row.put(column, link.whole().expose());
            let in_password = in_password.expose();
            let is_other = user.as_deref().is_some_and(|user| user != in_user)
                || password.as_deref().is_some_and(|text| text != in_password);
            let message = if is_other {
                "the user and password in it are not those of the stream, and are left out"
            } else {
                "the user and password in it stand nowhere else, and are left out: write them into username and password"
            };
            // A row that says nothing of its stream leaves that as it is known.
            let is_lost =
                !says_whose && self.row.has(Column::Url) && !self.row.has(Column::Credential);
            if in_password != MASK && (is_other || is_lost) {
                self.warn(column, "other_login", message.to_owned());
            }
        }
    }

    /// User and password, as far as columns and URL say them.
    fn login(&self) -> (Option<String>, Option<String>) {
        let given = |column| {
            let text = self.row.text(column).filter(|text| !text.is_empty());
            text.map(str::to_owned)
        };
        let in_url = self.row.text(Column::Url).and_then(login_of);
        let (user, password) = in_url.map_or((None, None), |(user, password)| {
            (Some(user), Some(password.expose().to_owned()))
        });
        let is_given = |text: &String| !text.is_empty();
        (
            given(Column::Username).or_else(|| user.filter(is_given)),
            given(Column::Password).or_else(|| password.filter(is_given)),
        )
    }

    /// What a stream is said to be sent by, where that is not how it is pulled.
    fn transport(&mut self) {
        if self.row.text(Column::Transport) == Some(Transport::Udp.name()) {
            let message = "udp is noted, and the stream is pulled over TCP all the same".to_owned();
            self.warn(Column::Transport, "pulled_over_tcp", message);
        }
    }

    fn take(&mut self, column: Column, rule: &'static str, text: String) {
        if let Some(field) = self.row.fields.get_mut(&column) {
            self.guesses.push(Guess::take(field, column, rule, text));
        }
    }

    /// Says that a field cannot be used as it is written.
    fn refuse(&mut self, column: Column, message: String) {
        if let Some(field) = self.row.fields.get_mut(&column) {
            field.wrong = Some(message);
        }
    }

    fn warn(&mut self, column: Column, rule: &'static str, message: String) {
        let field = self.row.fields.get(&column);
        let (line, place) = field.map_or((self.row.line, 0), |field| (field.line, field.column));
        self.warnings.push(Warning {
            column,
            rule,
            message,
            line,
            place,
        });
    }

    /// What a column's field said before it was taken for something else.
    fn given(&self, column: Column) -> Option<&str> {
        let first = self.guesses.iter().find(|guess| guess.column == column);
        first.map(Guess::given)
    }
}

const REPEATS: [&str; 6] = ["同上", "同前", "同左", "〃", "\"", "''"];

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::catalog::{Region, Upkeep};
    use crate::import::to_record;

    #[test]
    fn fields_are_read_as_they_are_meant_and_what_was_taken_for_what_is_told_once() {
        let mut guesses = Guesses::default();
        let first = cleaned(&[
            (Column::Name, "　１号门（东）\u{200b}"),
            (Column::Longitude, "27°49′30″"),
            (Column::Latitude, "１１３．１"),
            (Column::Bearing, "朝东南"),
            (Column::Password, "Ｐａｓｓ"),
            (Column::Url, "rtsp://admin:a/secret@10.11.0.1/1"),
            (Column::Address, "\u{200b}"),
        ]);
        guesses.note(&first);
        let text = |column| text(&first, column);
        assert_eq!(text(Column::Name), Some("1号门（东）"));
        assert_eq!(text(Column::Longitude), Some("113.1"));
        assert_eq!(text(Column::Latitude), Some("27.825"));
        assert_eq!(text(Column::Bearing), Some("135"));
        assert_eq!(text(Column::Password), Some("Ｐａｓｓ"));
        assert_eq!(
            text(Column::Url),
            Some("rtsp://admin:a%2Fsecret@10.11.0.1/1")
        );
        assert_eq!(text(Column::Address), None);
        guesses.note(&cleaned(&[(Column::Bearing, "北")]));
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
        let given = row(&[
            (Column::Name, "天元小学（东门）"),
            (Column::Department, "区教育局"),
            (Column::Longitude, "113.1"),
            (Column::Latitude, "27.8"),
            (Column::Bearing, "90"),
            (Column::Url, "rtsp://admin:a%2Fb@10.11.0.1/1"),
            (Column::Mac, "44:19:b6:00:11:22"),
            (Column::InstallTime, "2021-03-05"),
            (Column::GbCode, "43021101091326000018"),
            (Column::Manufacturer, "海康威视"),
            (Column::Model, "DS-2CD2T47"),
            (Column::Town, "43021101"),
            (Column::PlaceType, "校门"),
            (Column::Datum, "WGS84"),
        ]);
        let (departments, regions) = (departments(), regions());
        let cleaned = clean(given.clone(), &terms(&departments, &regions));
        let texts =
            |row: &Row| -> Vec<String> { row.fields.values().map(|f| f.text.clone()).collect() };
        assert_eq!(texts(&cleaned.row), texts(&given));
        assert_eq!((cleaned.guesses, cleaned.warnings), (vec![], vec![]));
    }

    #[test]
    fn fields_are_taken_by_the_rules_of_their_columns() {
        for (column, given, taken, rule) in [
            (
                Column::GbCode,
                "4302 1101 0913 2600 0018",
                "43021101091326000018",
                "code",
            ),
            (Column::Manufacturer, "HIKVISION", "海康威视", "vendor"),
            (Column::Model, "ds-2cd2t47", "DS-2CD2T47", "model"),
            (Column::PlaceType, "10", "交通干线", "place_type"),
            (
                Column::SourceId,
                "ＪＹ－００１７（东）",
                "JY-0017（东）",
                "width",
            ),
            (Column::PlaceType, "操 场", "操场", "width"),
            (Column::Channel, "3.00", "3", "number"),
            (Column::Bearing, "90.0", "90", "number"),
            (
                Column::Department,
                "天元区教育局",
                "education",
                "department",
            ),
            (Column::Town, "泰山路办事处", "43021101", "region"),
            (Column::Datum, "百度地图", "bd09", "datum"),
            (Column::Grid, "湘江1网格", "43021101002001", "region"),
        ] {
            let read = cleaned(&[(column, given)]);
            assert_eq!(text(&read, column), Some(taken), "{given}");
            let rules: Vec<_> = read.guesses.iter().map(|guess| guess.rule).collect();
            assert_eq!(rules, [rule], "{given}");
        }
    }

    #[test]
    fn a_direction_that_is_none_says_that_there_is_none() {
        let read = cleaned(&[(Column::Bearing, "全景")]);
        assert_eq!(text(&read, Column::Bearing), Some(""));
        let told = read.guesses[0].to_string();
        assert_eq!(told, "bearing: `全景` is read as nothing (direction)");
    }

    #[test]
    fn positions_are_found_in_what_was_made_of_them() {
        for (longitude, latitude, expected, rules) in [
            (
                Some("113118758"),
                Some("27819479"),
                Some(["113.118758", "27.819479"]),
                &["scaled", "scaled"][..],
            ),
            (
                Some("27831729"),
                Some("113118668"),
                Some(["113.118668", "27.831729"]),
                &["scaled", "scaled", "swapped"],
            ),
            (
                Some("113.109989，27.820484"),
                None,
                Some(["113.109989", "27.820484"]),
                &["pair"],
            ),
            (
                None,
                Some("27.8,113.1"),
                Some(["113.1", "27.8"]),
                &["pair", "swapped"],
            ),
            (
                Some("1131.06"),
                Some("27.82"),
                Some(["1131.06", "27.82"]),
                &[],
            ),
            (Some("0"), Some("0.000"), None, &[]),
        ] {
            let longitude = longitude.map(|text| (Column::Longitude, text));
            let latitude = latitude.map(|text| (Column::Latitude, text));
            let given: Vec<_> = longitude.into_iter().chain(latitude).collect();
            let read = cleaned(&given);
            let both = [Column::Longitude, Column::Latitude].map(|column| text(&read, column));
            assert_eq!(
                both,
                expected.map_or([None; 2], |both| both.map(Some)),
                "{given:?}"
            );
            let told: Vec<_> = read.guesses.iter().map(|guess| guess.rule).collect();
            assert_eq!(told, rules, "{given:?}");
            assert_eq!(
                read.warnings.len(),
                usize::from(expected.is_none()),
                "{given:?}"
            );
        }
    }

    #[test]
    fn a_row_belongs_to_the_department_of_its_import() {
        let (departments, regions) = (departments(), regions());
        let terms = Terms {
            only: Some("education"),
            ..terms(&departments, &regions)
        };
        let read = clean(row(&[]), &terms);
        assert_eq!(text(&read, Column::Department), Some("education"));
        let told = read.guesses[0].to_string();
        assert_eq!(
            told,
            "department: is empty, and is read as education (department)"
        );
        for (named, says) in [
            ("区卫生健康局", "which is education"),
            ("卫健局", "which is education"),
            ("教体局", "`教体局` is none of"),
        ] {
            let read = clean(row(&[(Column::Department, named)]), &terms);
            let problems = to_record(&read.row, &departments).unwrap_err();
            let is_said = problems
                .iter()
                .any(|problem| problem.message.contains(says));
            assert!(is_said, "{named}: {problems:?}");
        }
    }

    #[test]
    fn whoever_declares_cameras_names_the_department_as_it_is_configured() {
        let (departments, regions) = (departments(), regions());
        let terms = Terms {
            exact_departments: true,
            ..terms(&departments, &regions)
        };
        let read = clean(row(&[(Column::Department, "教育局")]), &terms);
        assert_eq!(text(&read, Column::Department), Some("教育局"));
        assert_eq!(read.guesses, []);
    }

    #[test]
    fn the_rows_own_department_goes_from_the_name() {
        for (department, name, expected) in [
            ("区教育局", "【区教育局】滨江中学正门", "滨江中学正门"),
            ("education", "教育局：滨江中学操场", "滨江中学操场"),
            ("区教育局", "天元区教育局-滨江中学", "滨江中学"),
            ("区教育局", "区卫生健康局-滨江中学", "区卫生健康局-滨江中学"),
            ("区教育局", "区教育局机关大院东门", "区教育局机关大院东门"),
            ("教体局", "区教育局-滨江中学", "区教育局-滨江中学"),
        ] {
            let read = cleaned(&[(Column::Department, department), (Column::Name, name)]);
            assert_eq!(text(&read, Column::Name), Some(expected), "{name}");
        }
    }

    #[test]
    fn regions_become_their_codes_and_what_is_not_known_is_left_out() {
        type Named = &'static [(Column, &'static str)];
        let table: [(Named, Column, Option<&str>); 7] = [
            (
                &[(Column::Town, "泰山路街道")],
                Column::Town,
                Some("43021101"),
            ),
            (&[(Column::Town, "芦淞街道")], Column::Town, None),
            (&[(Column::Grid, "不清楚")], Column::Grid, None),
            (
                &[(Column::Community, "滨江社区"), (Column::Town, "栗雨街道")],
                Column::Community,
                Some("43021102001"),
            ),
            (
                &[
                    (Column::Community, "滨江社区"),
                    (Column::Grid, "栗滨01网格"),
                ],
                Column::Community,
                Some("43021102001"),
            ),
            // It is known, though what it is said to lie in is not around it.
            (
                &[(Column::Community, "湘江社区"), (Column::Town, "栗雨街道")],
                Column::Community,
                Some("43021101002"),
            ),
            (&[(Column::Address, "某地")], Column::Town, None),
        ];
        for (named, column, expected) in table {
            let read = cleaned(named);
            assert_eq!(text(&read, column), expected, "{named:?}");
            let is_left_out = expected.is_none() && read.row.fields.is_empty();
            assert_eq!(read.warnings.len(), usize::from(is_left_out), "{named:?}");
        }
        let (departments, none) = (departments(), Regions::default());
        let read = clean(
            row(&[(Column::Town, "芦淞街道")]),
            &terms(&departments, &none),
        );
        assert_eq!(
            text(&read, Column::Town),
            Some("芦淞街道"),
            "no town is known"
        );
    }

    #[test]
    fn a_name_of_two_regions_is_refused_where_nothing_says_which() {
        let problems = refused(&[(Column::Community, "滨江社区")]);
        assert!(
            problems.contains("community: `滨江社区` may be 43021101003 or 43021102001"),
            "{problems}"
        );
    }

    #[test]
    fn places_where_no_camera_may_be_are_told() {
        let read = cleaned(&[(Column::PlaceType, "　浴 室")]);
        assert_eq!(text(&read, Column::PlaceType), Some("浴室"));
        assert!(read.warnings[0].message.contains("no camera in `浴室`"));
        let read = cleaned(&[(Column::Name, "三标段女更衣室")]);
        let warning = read.warnings[0].problem("x.csv").to_string();
        assert!(
            warning.starts_with(
                "x.csv:3: warning: place_type: is empty, and the name `三标段女更衣室`"
            ),
            "{warning}"
        );
        for (place, upkeep) in [
            ("工人宿舍", Upkeep::NotAllowed),
            ("宿舍楼大门", Upkeep::InService),
        ] {
            let read = cleaned(&[
                (Column::Name, "东门"),
                (Column::Department, "education"),
                (Column::Url, "rtsp://10.11.0.1/1"),
                (Column::PlaceType, place),
            ]);
            assert_eq!(to_record(&read.row, &departments()).unwrap().upkeep, upkeep);
        }
        assert_eq!(cleaned(&[(Column::Name, "宿舍区大门")]).warnings, []);
    }

    #[test]
    fn numbers_of_nobody_are_left_out() {
        for (column, given) in [
            (Column::Mac, "00:00:00:00:00:00"),
            (Column::Mac, "00-00-00-00-00-00"),
            (Column::Serial, "无"),
        ] {
            let read = cleaned(&[(column, given)]);
            assert_eq!(text(&read, column), None, "{given}");
            assert_eq!(read.guesses, [], "{given}");
            let expected = format!("`{given}` is nobody's, and is left out");
            assert_eq!(read.warnings[0].message, expected);
        }
    }

    #[test]
    fn a_damaged_code_refuses_its_row() {
        for (given, says) in [
            (
                "4.30211E+19",
                "gb_code: `4.30211E+19` is what a spreadsheet",
            ),
            ("43021101091326000000", "format the column as text"),
            ("4302110109132600021", "has 19 digits"),
        ] {
            let problems = refused(&[(Column::GbCode, given)]);
            assert!(problems.contains(says), "{problems}");
        }
    }

    #[test]
    fn what_stands_for_an_address_is_filled_from_the_row_or_says_what_is_missing() {
        let read = cleaned(&[
            (
                Column::Url,
                "rtsp://{用户名}:{密码}@{IP}:554/Streaming/Channels/{通道号}01",
            ),
            (Column::Ip, "10.11.3.8"),
            (Column::Channel, "3.0"),
        ]);
        let url = "rtsp://10.11.3.8:554/Streaming/Channels/301";
        assert_eq!(text(&read, Column::Url), Some(url));
        let read = cleaned(&[(Column::Url, "10.11.3.9"), (Column::Manufacturer, "DAHUA")]);
        let url = "rtsp://10.11.3.9/cam/realmonitor?channel=1&subtype=0";
        assert_eq!(text(&read, Column::Url), Some(url));
        let rules: Vec<_> = read.guesses.iter().map(|guess| guess.rule).collect();
        assert_eq!(rules, ["vendor", "url_template"]);
        for (url, says) in [
            ("10.11.3.11", "fill in manufacturer"),
            ("rtsp://{密码}:{密码}@{IP}/secret", "{IP} has no value"),
            ("同上", "`同上` repeats another row"),
            (
                "http://10.11.3.23/secret",
                "an address of http is no stream",
            ),
        ] {
            let problems = refused(&[(Column::Url, url)]);
            assert!(problems.contains(says), "{problems}");
            assert!(!problems.contains("secret"), "{problems}");
        }
    }

    #[test]
    fn the_cameras_user_and_password_are_not_repeated_in_its_other_addresses() {
        let url = "rtsp://admin:p%40ss@10.11.0.1/1";
        for (fields, warns) in [
            (&[(Column::Url, url)][..], false),
            (
                &[
                    (Column::Url, "rtsp://10.11.0.1/1"),
                    (Column::Username, "admin"),
                    (Column::Password, "p@ss"),
                ],
                false,
            ),
            (&[(Column::Url, "rtsp://10.11.0.1/1")], true),
            (
                &[
                    (Column::Url, "rtsp://admin@10.11.0.1/1"),
                    (Column::Password, "p@ss"),
                ],
                false,
            ),
            (
                &[
                    (Column::Url, "rtsp://10.11.0.1/1"),
                    (Column::Credential, "nvr"),
                ],
                false,
            ),
            (&[(Column::Name, "东门")], false),
            (&[(Column::Url, "rtsp://admin:other@10.11.0.1/1")], true),
        ] {
            let links = [
                (Column::SubUrl, "rtsp://admin:p@ss@10.11.0.1/2"),
                (Column::SnapshotUrl, "http://admin:p@ss@10.11.0.1/picture"),
            ];
            let read = cleaned(&[fields, &links].concat());
            assert_eq!(text(&read, Column::SubUrl), Some("rtsp://10.11.0.1/2"));
            assert_eq!(
                text(&read, Column::SnapshotUrl),
                Some("http://10.11.0.1/picture")
            );
            let told: Vec<_> = read.warnings.iter().map(|warning| warning.rule).collect();
            let expected = if warns {
                vec!["other_login"; 2]
            } else {
                vec![]
            };
            assert_eq!(told, expected, "{fields:?}");
        }
    }

    #[test]
    fn what_a_camera_has_beside_its_stream_is_held_to_its_department_and_its_form() {
        for (column, given, says) in [
            (Column::SubUrl, "rtsp://8.8.4.4/secret", "8.8.4.4 is"),
            (
                Column::SubUrl,
                "rtsp://10.11.0.1:81/secret",
                "port 81 is none of the department's ports",
            ),
            (
                Column::SubUrl,
                "http://10.11.0.1/secret",
                "sub_url: is not rtsp://host[:port]/path",
            ),
            (
                Column::SnapshotUrl,
                "rtsp://10.11.0.1/secret",
                "snapshot_url: is not http://host[:port]/path",
            ),
            (Column::OnvifUrl, "http://8.8.8.8/secret", "8.8.8.8 is"),
            (Column::Transport, "组播", "must be tcp or udp"),
        ] {
            let problems = refused(&[
                (Column::Name, "东门"),
                (Column::Department, "education"),
                (Column::Url, "rtsp://10.11.0.1/1"),
                (column, given),
            ]);
            assert!(problems.contains(says), "{given}: {problems}");
            assert!(!problems.contains("secret"), "{problems}");
        }
        let read = cleaned(&[
            (Column::OnvifUrl, "10.11.0.1"),
            (Column::Transport, "UDP"),
            (Column::ReplayUrl, "暂无"),
        ]);
        let service = "http://10.11.0.1/onvif/device_service";
        assert_eq!(text(&read, Column::OnvifUrl), Some(service));
        assert_eq!(text(&read, Column::ReplayUrl), None);
        let told: Vec<_> = read.warnings.iter().map(|warning| warning.rule).collect();
        assert_eq!(told, ["nobodys", "pulled_over_tcp"]);
    }

    #[test]
    fn a_broken_row_is_left_as_it_is() {
        let given = Row {
            broken: Some("is cut off".to_owned()),
            ..row(&[(Column::Bearing, "东")])
        };
        let (departments, regions) = (departments(), regions());
        let read = clean(given, &terms(&departments, &regions));
        assert_eq!(text(&read, Column::Bearing), Some("东"));
    }

    fn cleaned(fields: &[(Column, &str)]) -> Cleaned {
        let (departments, regions) = (departments(), regions());
        clean(row(fields), &terms(&departments, &regions))
    }

    /// What is wrong with a row that has these fields.
    fn refused(fields: &[(Column, &str)]) -> String {
        let read = cleaned(fields);
        let problems = to_record(&read.row, &departments()).unwrap_err();
        problems
            .iter()
            .map(|problem| format!("{problem}\n"))
            .collect()
    }

    fn text(cleaned: &Cleaned, column: Column) -> Option<&str> {
        cleaned
            .row
            .fields
            .get(&column)
            .map(|field| field.text.as_str())
    }

    fn terms<'a>(departments: &'a [Department], regions: &'a Regions) -> Terms<'a> {
        Terms {
            departments,
            regions,
            only: None,
            exact_departments: false,
        }
    }

    fn departments() -> Vec<Department> {
        let health = Department {
            id: "health".to_owned(),
            name: "区卫生健康局".to_owned(),
            ..Department::sample()
        };
        vec![Department::sample(), health]
    }

    fn regions() -> Regions {
        let all = [
            ("430211", "天元区", Level::District),
            ("43021101", "泰山路街道", Level::Town),
            ("43021102", "栗雨街道", Level::Town),
            ("43021101002", "湘江社区", Level::Community),
            ("43021101003", "滨江社区", Level::Community),
            ("43021102001", "滨江社区", Level::Community),
            ("43021101002001", "湘江01网格", Level::Grid),
            ("43021102001001", "栗滨01网格", Level::Grid),
        ];
        let by_code = all.map(|(code, name, level)| {
            let region = Region {
                name: name.to_owned(),
                level: Some(level),
                area: None,
            };
            (code.to_owned(), region)
        });
        Regions::new(BTreeMap::from(by_code))
    }

    fn row(fields: &[(Column, &str)]) -> Row {
        let fields = fields.iter().map(|(column, text)| {
            let field = Field {
                text: (*text).to_owned(),
                line: 3,
                column: *column as u64 + 1,
                wrong: None,
            };
            (*column, field)
        });
        Row {
            file: "x.csv".into(),
            line: 3,
            fields: fields.collect(),
            broken: None,
        }
    }
}
