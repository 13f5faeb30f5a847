//! The row that names the columns, and what each of its names means.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::str::FromStr;
use std::sync::LazyLock;

use super::aliases::{ALIASES, each};
use super::line::Line;
use crate::catalog::geo::Datum;
use crate::catalog::normalise::narrow;
use crate::import::clean::shown;
use crate::import::columns::Column;
use crate::problem::{Problem, did_you_mean};

/// So many rows may stand above the header, and it is one of them.
pub(super) const HEADER_WITHIN: usize = 20;
/// A row that names neither name nor URL is a header if it names so many columns.
const KNOWN_MIN: usize = 3;

/// A column of a table: what it was taken for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SheetColumn {
    /// What it is, if that is known and it is taken.
    pub column: Option<Column>,
    /// What it is once more, where another column is that already.
    pub double_of: Option<Column>,
    /// What its header says.
    pub header: String,
}

/// A header with what is to be told of it.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) columns: Vec<SheetColumn>,
    /// Columns of one meaning: what it is, the one that counts, and the one that stands in for it where it is empty.
    pub(super) doubles: Vec<(Column, usize, usize)>,
    pub(super) warnings: Vec<Problem>,
}

/// Which of the first lines is the header: the first that names name and URL, or else the one that names most.
pub(super) fn find<'a>(lines: impl Iterator<Item = &'a Line>) -> Option<usize> {
    let mut best = None;
    for (index, line) in lines.take(HEADER_WITHIN).enumerate() {
        let known = known_in(line);
        if known.contains(&Column::Name) && known.contains(&Column::Url) {
            return Some(index);
        }
        let count = known.len();
        if count >= KNOWN_MIN && best.is_none_or(|(most, _)| count > most) {
            best = Some((count, index));
        }
    }
    best.map(|(_, index)| index)
}

/// How well a line serves as a header: whether it has name and URL, and how many columns it names.
pub(super) fn score(line: &Line) -> (bool, usize) {
    let known = known_in(line);
    let is_plain = known.contains(&Column::Name) && known.contains(&Column::Url);
    (is_plain, known.len())
}

fn known_in(line: &Line) -> BTreeSet<Column> {
    line.cells().filter_map(meaning).collect()
}

/// Reads a header.
///
/// # Errors
///
/// One name stands twice.
pub(super) fn read(file: &str, line: &Line) -> Result<Header, Vec<Problem>> {
    let mut header = Header {
        columns: Vec::new(),
        doubles: Vec::new(),
        warnings: Vec::new(),
    };
    let mut keys: BTreeMap<String, usize> = BTreeMap::new();
    let mut firsts: BTreeMap<Column, usize> = BTreeMap::new();
    let mut errors = Vec::new();
    for (index, text) in line.cells().enumerate() {
        let at = |message: String| Problem::new(file, line.number, index as u64 + 1, message);
        let warn = |message: &str| Problem::warning(file, line.number, index as u64 + 1, message);
        let mut column = SheetColumn {
            column: None,
            double_of: None,
            header: text.trim().to_owned(),
        };
        match meaning(text) {
            _ if text.trim().is_empty() => {}
            Some(found) => {
                header
                    .warnings
                    .extend(datum_in(text, found).map(|told| warn(&told)));
                if let Some(first) = keys.insert(key(text), index) {
                    errors.push(at(format!(
                        "column `{}` stands twice, in columns {} and {}: leave one",
                        found.name(),
                        first + 1,
                        index + 1
                    )));
                } else if let Some(first) = firsts.get(&found) {
                    let other = &header.columns[*first].header;
                    header.warnings.push(warn(&double(found, other, text)));
                    header.doubles.push((found, *first, index));
                    column.double_of = Some(found);
                } else {
                    firsts.insert(found, index);
                    column.column = Some(found);
                }
            }
            None => header.warnings.push(warn(&unknown(text.trim()))),
        }
        header.columns.push(column);
    }
    if errors.is_empty() {
        Ok(header)
    } else {
        Err(errors)
    }
}

fn double(column: Column, first: &str, second: &str) -> String {
    format!(
        "{}: `{}` and `{}` are one column: the first counts, and a row in which they differ is refused",
        column.name(),
        shown(first.trim()),
        shown(second.trim())
    )
}

fn unknown(header: &str) -> String {
    // A row that stands in the header's place may hold a password: it is not repeated.
    if header.contains("://") {
        return "a URL stands in the header, which names the columns: this column is not taken"
            .to_owned();
    }
    let name = shown(header);
    let key = key(header);
    let names = Column::contract().map(|(_, name)| name);
    // Words of two signs are all alike.
    let meant = did_you_mean(&key, names).filter(|_| key.chars().count() > 2);
    match meant {
        Some(meant) => format!("unknown column `{name}` is not taken: did you mean `{meant}`?"),
        None => format!("unknown column `{name}` is not taken"),
    }
}

/// A datum that stands beside the name of a coordinate is not taken from there.
fn datum_in(header: &str, column: Column) -> Option<String> {
    let (_, inner) = without_brackets(&narrow(header));
    let is_coordinate = matches!(column, Column::Longitude | Column::Latitude);
    let is_datum = inner.iter().any(|text| Datum::from_str(text).is_ok());
    (is_coordinate && is_datum).then(|| {
        format!(
            "{}: the datum in the header is not taken: add a column `datum`",
            column.name()
        )
    })
}

/// What a header means: its whole text, or what stands outside of brackets, unless they hold the name of another column.
fn meaning(header: &str) -> Option<Column> {
    if header.len() > HEADER_BYTES_MAX {
        return None;
    }
    if let Some(whole) = NAMES.get(&key(header)) {
        return Some(*whole);
    }
    let (outer, inner) = without_brackets(&narrow(header));
    let found = NAMES.get(&key(&outer))?;
    let mut named = inner.iter().filter_map(|text| NAMES.get(&key(text)));
    named.all(|other| other == found).then_some(*found)
}

/// What a name is compared by: its letters and digits, small and of single width.
fn key(header: &str) -> String {
    let plain = narrow(header);
    let signs = plain.chars().filter(|sign| sign.is_alphanumeric());
    signs.flat_map(char::to_lowercase).collect()
}

/// The text outside of brackets, and what stands in each of them.
fn without_brackets(header: &str) -> (String, Vec<String>) {
    let (mut outer, mut inner, mut depth) = (String::new(), Vec::new(), 0_usize);
    for sign in header.chars() {
        match sign {
            '(' | '[' | '【' | '〔' | '<' | '《' => {
                depth += 1;
                inner.push(String::new());
            }
            ')' | ']' | '】' | '〕' | '>' | '》' => depth = depth.saturating_sub(1),
            _ => match inner.last_mut().filter(|_| depth > 0) {
                Some(text) => text.push(sign),
                None => outer.push(sign),
            },
        }
    }
    (outer, inner)
}

/// All names by what they are compared by.
static NAMES: LazyLock<HashMap<String, Column>> = LazyLock::new(|| {
    let contract = Column::contract().map(|(column, name)| (key(name), column));
    let aliases = ALIASES.iter().flat_map(|(column, names)| {
        let named = each(names).map(key);
        named.map(|name| (name, *column))
    });
    contract.chain(aliases).collect()
});

/// No column has so long a name.
const HEADER_BYTES_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_known_by_its_letters_whatever_stands_around_them() {
        let table = [
            ("点位名称\n(必填)", Column::Name),
            ("*名称", Column::Name),
            ("摄像机名称＊", Column::Name),
            ("责任部门", Column::Department),
            ("ＲＴＳＰ地址", Column::Url),
            ("取流 地址", Column::Url),
            ("设备编号", Column::SourceId),
            ("Source ID", Column::SourceId),
            ("国标编码(20位)", Column::GbCode),
            ("经度（°）", Column::Longitude),
            ("纬度\n(度)", Column::Latitude),
            ("监控方向", Column::Bearing),
            ("品牌", Column::Manufacturer),
            ("街道（乡镇）", Column::Town),
            ("所属街道", Column::Town),
            ("存储天数(天)", Column::RecordDays),
            ("辅码流", Column::SubUrl),
            ("ONVIF", Column::OnvifUrl),
            ("id", Column::Id),
        ];
        for (header, column) in table {
            assert_eq!(meaning(header), Some(column), "{header}");
        }
    }

    #[test]
    fn what_only_resembles_a_column_is_not_taken_for_it() {
        for header in [
            "序号",
            "备注",
            "<b>备注</b>",
            "编号(国标)",
            "设备地址(IP)",
            "名",
            "nane",
            "第二联系电话",
            "",
        ] {
            assert_eq!(meaning(header), None, "{header}");
        }
    }

    #[test]
    fn no_name_means_two_columns() {
        let contract = Column::contract().map(|(column, name)| (key(name), column));
        let aliases = ALIASES
            .iter()
            .flat_map(|(column, names)| each(names).map(|name| (key(name), *column)));
        let mut seen = BTreeMap::new();
        for (name, column) in contract.chain(aliases) {
            assert!(!name.is_empty());
            let known = *seen.entry(name.clone()).or_insert(column);
            assert_eq!(known, column, "{name}");
        }
    }

    #[test]
    fn what_is_told_of_a_header_names_it() {
        let told = |cells: &[&str]| -> Vec<String> {
            let line = Line::of(3, cells);
            let told = match read("x.csv", &line) {
                Ok(header) => header.warnings,
                Err(errors) => errors,
            };
            told.iter().map(ToString::to_string).collect()
        };
        let table: [(&[&str], &str); 6] = [
            (
                &["名称", "", "备注"],
                "x.csv:3:3: warning: unknown column `备注` is not taken",
            ),
            (
                &["name", "longitute"],
                "x.csv:3:2: warning: unknown column `longitute` is not taken: did you mean `longitude`?",
            ),
            (
                &["name", "url", "Name"],
                "x.csv:3:3: column `name` stands twice, in columns 1 and 3: leave one",
            ),
            (
                &["经度(度)", "longitude"],
                "x.csv:3:2: warning: longitude: `经度(度)` and `longitude` are one column: the first counts, \
                 and a row in which they differ is refused",
            ),
            (
                &["经度(GCJ02)"],
                "x.csv:3:1: warning: longitude: the datum in the header is not taken: add a column `datum`",
            ),
            (
                &["rtsp://admin:Passw0rd@10.0.0.1/1"],
                "x.csv:3:1: warning: a URL stands in the header, which names the columns: this column is not taken",
            ),
        ];
        for (cells, message) in table {
            assert_eq!(told(cells), [message]);
        }
    }
}
