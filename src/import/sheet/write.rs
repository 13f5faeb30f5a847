//! Tables as spreadsheets: CSV and XLSX that no program computes, and that read back as they were.

use std::fmt;

use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, IgnoreError, Workbook, XlsxError};

use super::formula::guard;

/// Writes CSV as Excel reads it: UTF-8 with BOM, lines ended by CRLF. A cell that a spreadsheet would compute gets an
/// apostrophe before it, which [`super::read_sheet`] takes off again.
pub fn write_csv<R>(rows: impl IntoIterator<Item = R>) -> Vec<u8>
where
    R: IntoIterator,
    R::Item: AsRef<str>,
{
    let mut text = String::from("\u{feff}");
    for row in rows {
        let begin = text.len();
        for (index, cell) in row.into_iter().enumerate() {
            if index > 0 {
                text.push(',');
            }
            field(&guard(cell.as_ref()), &mut text);
        }
        // Else a row of one empty cell would be no row.
        if text.len() == begin {
            text.push_str("\"\"");
        }
        text.push_str("\r\n");
    }
    text.into_bytes()
}

fn field(cell: &str, text: &mut String) {
    let is_plain = !cell.contains(['"', ',', '\r', '\n']) && cell.trim() == cell;
    if is_plain {
        text.push_str(cell);
    } else {
        text.push('"');
        text.push_str(&cell.replace('"', "\"\""));
        text.push('"');
    }
}

/// Writes XLSX: every cell is text, so that no formula is computed and no digit of a code is lost; the first row is bold
/// and stays in sight. The same rows make the same bytes. Control characters are kept in Excel's own way.
///
/// # Errors
///
/// What no workbook can hold.
pub fn write_xlsx<R>(rows: impl IntoIterator<Item = R>) -> Result<Vec<u8>, Unwritable>
where
    R: IntoIterator,
    R::Item: AsRef<str>,
{
    let mut workbook = Workbook::new();
    let properties = DocProperties::new();
    let created =
        ExcelDateTime::from_ymd(2000, 1, 1).map_err(|error| Unwritable(error.to_string()))?;
    workbook.set_properties(&properties.set_creation_datetime(&created));
    let sheet = workbook.add_worksheet();
    let (bold, plain) = (
        Format::new().set_bold().set_num_format("@"),
        Format::new().set_num_format("@"),
    );
    let mut last = (0, 0);
    for (row, cells) in (0..).zip(rows) {
        for (column, cell) in (0..=u16::MAX).zip(cells) {
            let cell = cell.as_ref();
            let place = |error| unwritable(row, column, cell, &error);
            if let Some(wrong) = cannot_be_held(cell) {
                return Err(Unwritable(format!(
                    "row {}, column {}: {wrong}",
                    row + 1,
                    column + 1
                )));
            }
            if !cell.is_empty() {
                let format = if row == 0 { &bold } else { &plain };
                sheet
                    .write_string_with_format(row, column, cell, format)
                    .map_err(place)?;
            }
            last = (last.0.max(row), last.1.max(column));
        }
    }
    let whole = |error: XlsxError| Unwritable(error.to_string());
    sheet.set_freeze_panes(1, 0).map_err(whole)?;
    // Codes are text and meant so: no mark in each of their cells.
    sheet
        .ignore_error_range(0, 0, last.0, last.1, IgnoreError::NumberStoredAsText)
        .map_err(whole)?;
    workbook.save_to_buffer().map_err(whole)
}

/// Why no workbook can hold a cell, or none that the library writes.
fn cannot_be_held(cell: &str) -> Option<&'static str> {
    if cell.contains(['\u{fffe}', '\u{ffff}']) {
        return Some("holds a sign that no workbook can hold (U+FFFE or U+FFFF)");
    }
    // The control character becomes `_x0017_`, of which the library does not think when it looks whether a text is an
    // escape: `_x0007` and that would be read as another sign.
    let mut beginnings = cell.match_indices("_x");
    let is_mixed = beginnings.any(|(at, _)| {
        let (digits, behind) = (cell.get(at + 2..at + 6), cell.as_bytes().get(at + 6));
        digits.is_some_and(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            && behind.is_some_and(|sign| matches!(sign, 0..=8 | 0x0b..=0x1f))
    });
    is_mixed.then_some(
        "holds a control character behind what looks like an escaped one: save it as CSV",
    )
}

fn unwritable(row: u32, column: u16, cell: &str, error: &XlsxError) -> Unwritable {
    let place = format!(
        "row {}, column {}",
        u64::from(row) + 1,
        u32::from(column) + 1
    );
    Unwritable(match error {
        XlsxError::MaxStringLengthExceeded => {
            format!(
                "{place}: has {} characters, and a workbook holds 32767 in a cell",
                cell.chars().count()
            )
        }
        XlsxError::RowColumnLimitError => {
            format!("{place}: is beyond the last row or column of a workbook")
        }
        error => format!("{place}: {error}"),
    })
}

/// What no workbook can hold, and where it is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unwritable(String);

impl fmt::Display for Unwritable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unwritable {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::import::sheet::read_sheet;

    const HEAD: [&str; 5] = ["name", "url", "address", "备注", "序号"];

    /// What is read of a file, without empty cells at the ends of rows.
    fn cells(name: &str, bytes: &[u8]) -> Vec<Vec<String>> {
        let sheet = read_sheet(name, bytes).unwrap();
        let lines = sheet
            .cells
            .iter()
            .map(|line| line.cells().map(str::to_owned).collect());
        lines.collect()
    }

    fn cell() -> impl Strategy<Value = String> {
        let signs = prop::char::any().prop_filter("no workbook holds it", |sign| {
            !matches!(sign, '\u{fffe}' | '\u{ffff}')
        });
        let hostile = prop::sample::select(vec![
            "'", "=", "+", "-", "@", "\t", "\r", "\n", "\"", ",", ";", " ", "\0", "\u{7}",
            "_x0007_", "_x005F_", "_x0007", "_", "5", "1.5", "]]>", "&amp;", "\u{feff}", "＝",
        ]);
        let part = prop_oneof![
            hostile.prop_map(str::to_owned),
            signs.prop_map(String::from)
        ];
        prop::collection::vec(part, 0..6).prop_map(|parts| parts.concat())
    }

    fn table() -> impl Strategy<Value = Vec<Vec<String>>> {
        let row = prop::collection::vec(cell(), 3).prop_map(|mut row| {
            // Its last cells show where the row ends, and that it is no note below the table.
            row.extend(["end", "end"].map(str::to_owned));
            row
        });
        prop::collection::vec(row, 1..5).prop_map(|mut rows| {
            rows.insert(0, HEAD.map(str::to_owned).to_vec());
            rows
        })
    }

    proptest! {
        #[test]
        fn any_table_reads_back_as_it_was_written(table in table()) {
            prop_assert_eq!(&cells("x.csv", &write_csv(&table)), &table);
            match write_xlsx(&table) {
                Ok(written) => prop_assert_eq!(&cells("x.xlsx", &written), &table),
                Err(error) => prop_assert!(error.to_string().contains("control character"), "{}", error),
            }
        }
    }

    #[test]
    fn csv_is_what_excel_reads_and_nothing_in_it_is_computed() {
        let rows = [
            vec!["name", "url", "x"],
            vec!["=1+1", "a,b", "-5"],
            vec!["a\"b", " c", "d\r\ne"],
            vec![""],
        ];
        let text =
            "\u{feff}name,url,x\r\n'=1+1,\"a,b\",-5\r\n\"a\"\"b\",\" c\",\"d\r\ne\"\r\n\"\"\r\n";
        assert_eq!(String::from_utf8(write_csv(rows)).unwrap(), text);
    }

    #[test]
    fn the_same_rows_make_the_same_workbook() {
        let rows = [["name", "url"], ["=1+1", "43021101441326000060"]];
        let (one, two) = (write_xlsx(rows).unwrap(), write_xlsx(rows).unwrap());
        assert_eq!(one, two);
        let mut archive = zip::ZipArchive::new(std::io::Cursor::new(&one)).unwrap();
        let mut part = |name: &str| {
            let mut text = String::new();
            std::io::Read::read_to_string(&mut archive.by_name(name).unwrap(), &mut text).unwrap();
            text
        };
        assert!(part("docProps/core.xml").contains(">2000-01-01T00:00:00Z<"));
        let sheet = part("xl/worksheets/sheet1.xml");
        assert!(
            !sheet.contains("<f>") && sheet.contains("state=\"frozen\""),
            "{sheet}"
        );
    }

    #[test]
    fn what_no_workbook_can_hold_is_refused_with_its_place() {
        let long = "门".repeat(32_768);
        for (cell, message) in [
            (
                long.as_str(),
                "row 2, column 1: has 32768 characters, and a workbook holds 32767 in a cell",
            ),
            (
                "a\u{ffff}",
                "row 2, column 1: holds a sign that no workbook can hold (U+FFFE or U+FFFF)",
            ),
        ] {
            let error = write_xlsx([[HEAD[0]], [cell]]).unwrap_err();
            assert_eq!(error.to_string(), message);
        }
    }
}
