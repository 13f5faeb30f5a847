//! A sheet as it came, with what is to be said of each row beside it.

use std::collections::BTreeMap;

use super::card::MASK;
use super::clean::read_as;
use super::columns::Column;
use super::sheet::{Line, Sheet};
use super::url::{masked, may_hide_login};

/// The rows of a sheet as they stand, with one column more: what `says` of each row. Passwords are masked. A row that has no
/// cells, as a camera in YAML that cannot be read, is there if something is said of it.
pub fn marked(sheet: &Sheet, says: &BTreeMap<u64, String>) -> Vec<Vec<String>> {
    let lines = sheet.cells.iter();
    let width = lines.map(|line| line.cells().count()).max().unwrap_or(0);
    let width = width.max(sheet.columns.len());
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
        rows.insert(line.row(), with_note(shown(sheet, line), width, note));
    }
    rows.into_values().collect()
}

fn with_note(mut cells: Vec<String>, width: usize, note: &str) -> Vec<String> {
    cells.resize(width, String::new());
    cells.push(note.to_owned());
    cells
}

fn shown(sheet: &Sheet, line: &Line) -> Vec<String> {
    let is_row = line.row() > sheet.header_row;
    let cells = line.cells().enumerate();
    let cells = cells.map(|(place, cell)| {
        let column = sheet.columns.get(place);
        let column = column.and_then(|column| column.column.or(column.double_of));
        match column.filter(|_| is_row && !cell.trim().is_empty()) {
            Some(Column::Password) => MASK.to_owned(),
            Some(column) if column.is_url() => masked_cell(column, cell),
            _ => cell.to_owned(),
        }
    });
    cells.collect()
}

/// An address without its secrets and as it is read: it comes back and means the same.
fn masked_cell(column: Column, cell: &str) -> String {
    let read = read_as(column, cell.trim());
    if may_hide_login(&read) {
        return MASK.to_owned();
    }
    masked(&read)
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
        ] {
            assert_eq!(masked_cell(column, cell), shown);
        }
    }
}
