//! A sheet as it came, with what is to be said of each row beside it.

use std::collections::{BTreeMap, HashSet};

use super::card::MASK;
use super::clean::read_as;
use super::columns::Column;
use super::sheet::{Line, Sheet, SheetColumn};
use super::url::{masked, may_hide_login, shown_template};

/// The rows of a sheet as they stand, with one column more: what `says` of each row. Passwords are masked. A row that has no
/// cells, as a camera in YAML that cannot be read, is there if something is said of it.
pub fn marked(sheet: &Sheet, says: &BTreeMap<u64, String>) -> Vec<Vec<String>> {
    let lines = sheet.cells.iter();
    let width = lines.map(|line| line.cells().count()).max().unwrap_or(0);
    let width = width.max(sheet.columns.len());
    let broken = sheet.rows.iter().filter(|row| row.broken.is_some());
    let broken: HashSet<u64> = broken.map(|row| row.line).collect();
    let mut columns = sheet.columns.iter();
    let first = columns.position(|column| meaning(column).is_some_and(may_hold_secret));
    let mut rows = BTreeMap::new();
    for (row, note) in says.iter().filter(|(_, note)| !note.is_empty()) {
        rows.insert(*row, with_note(Vec::new(), width, note));
    }
    if sheet.header_row == 0 {
        let header = sheet.columns.iter().map(|column| column.header.clone());
        rows.insert(0, with_note(header.collect(), width, PROBLEMS));
    }
    for line in &sheet.cells {
        let note = if line.row() == sheet.header_row {
            PROBLEMS
        } else {
            says.get(&line.row()).map_or("", String::as_str)
        };
        let moved = first.filter(|_| broken.contains(&line.row()));
        rows.insert(
            line.row(),
            with_note(shown(sheet, line, moved), width, note),
        );
    }
    rows.into_values().collect()
}

fn with_note(mut cells: Vec<String>, width: usize, note: &str) -> Vec<String> {
    cells.resize(width, String::new());
    cells.push(note.to_owned());
    cells
}

/// The cells of a line; in one whose cells have moved, those from `moved` on may be anything.
fn shown(sheet: &Sheet, line: &Line, moved: Option<usize>) -> Vec<String> {
    let is_row = line.row() > sheet.header_row;
    let moved = moved.filter(|_| is_row).unwrap_or(usize::MAX);
    let cells = line.cells().enumerate();
    let cells = cells.map(|(place, cell)| {
        let column = sheet.columns.get(place).and_then(meaning);
        match column.filter(|_| is_row && !cell.trim().is_empty()) {
            _ if place >= moved && !cell.trim().is_empty() => MASK.to_owned(),
            Some(Column::Password) => MASK.to_owned(),
            Some(column) if column.is_url() => masked_cell(column, cell),
            _ => cell.to_owned(),
        }
    });
    cells.collect()
}

/// What a column is, taken or not.
fn meaning(column: &SheetColumn) -> Option<Column> {
    column.column.or(column.double_of)
}

/// Whether a password may stand there, and where cells have moved in any column behind it.
fn may_hold_secret(column: Column) -> bool {
    column.is_url() || column == Column::Password
}

/// An address without its secrets and as it is read: it comes back and means the same.
fn masked_cell(column: Column, cell: &str) -> String {
    let read = read_as(column, cell.trim());
    if may_hide_login(&read) {
        return MASK.to_owned();
    }
    shown_template(&read).unwrap_or_else(|| masked(&read))
}

/// The header of what is said.
const PROBLEMS: &str = "问题";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::read_sheet;

    #[test]
    fn a_second_column_of_passwords_is_masked_as_the_first_is() {
        let csv = "名称,主码流地址,密码,登录密码,RTSP地址\n\
                   a,rtsp://10.11.0.1/1,s3cret,s3cret,rtsp://a:s3cret@10.11.0.1/1\n";
        let sheet = read_sheet("x.csv", csv.as_bytes()).unwrap();
        let text = format!("{:?}", marked(&sheet, &BTreeMap::new()));
        assert!(text.contains("rtsp://a:****@10.11.0.1/1"), "{text}");
        assert!(!text.contains("s3cret"), "{text}");
    }

    #[test]
    fn of_a_row_whose_cells_have_moved_none_is_shown_behind_the_first_that_may_be_secret() {
        let csv = "名称,主码流地址,用户名,密码,备注\n\
                   a,b,rtsp://10.11.0.1/1,admin,s3cret,x\nb,rtsp://10.11.0.2/1,admin,,x\n";
        let sheet = read_sheet("x.csv", csv.as_bytes()).unwrap();
        let rows = marked(&sheet, &BTreeMap::new());
        assert_eq!(rows[1][..6], ["a", "****", "****", "****", "****", "****"]);
        assert_eq!(rows[2][..5], ["b", "rtsp://10.11.0.2/1", "admin", "", "x"]);
    }

    #[test]
    fn what_is_said_of_a_row_without_cells_is_there_too() {
        let yaml =
            "cameras:\n  - name: a\n  - 东门 rtsp://viewer:secret@10.11.0.1/1\n  - name: c\n";
        let sheet = read_sheet("x.yaml", yaml.as_bytes()).unwrap();
        let says = [(2, String::new()), (3, "wrong".to_owned())].into();
        let rows = marked(&sheet, &says);
        assert_eq!(
            rows,
            [["name", PROBLEMS], ["a", ""], ["", "wrong"], ["c", ""]]
        );
    }

    #[test]
    fn a_cell_is_shown_as_it_is_read_and_without_its_secret() {
        for (column, cell, shown) in [
            (
                Column::Url,
                "rtsp://admin:12/s3cret@10.11.0.1/1",
                "rtsp://admin:****@10.11.0.1/1",
            ),
            (
                Column::Url,
                "rtsp://admin:s3cret＠10.11.0.1/1",
                "rtsp://admin:****@10.11.0.1/1",
            ),
            (
                Column::SubUrl,
                "10.11.0.1:554/2?channel=1&pwd=s3cret",
                "rtsp://10.11.0.1:554/2?channel=1&pwd=****",
            ),
            (
                Column::SnapshotUrl,
                "http://admin:12/s3cret@10.11.0.1/x",
                "http://admin:****@10.11.0.1/x",
            ),
            (
                Column::SnapshotUrl,
                "http://admin:12/s3cret@cam.local/x",
                "****",
            ),
            (Column::OnvifUrl, "支持", "支持"),
            (
                Column::Url,
                "rtsp://{用户名}:{密码}@{IP}/ch{通道号}?token=s3cret",
                "rtsp://{用户名}:{密码}@{IP}/ch{通道号}?token=****",
            ),
            (Column::Url, "rtsp://admin:s3cr", "****"),
            (
                Column::Url,
                "rtsp://admin:s3cret@10.11.0.1/1?a=b@c",
                "rtsp://admin:****@10.11.0.1/1?a=b@c",
            ),
        ] {
            assert_eq!(masked_cell(column, cell), shown);
        }
    }
}
