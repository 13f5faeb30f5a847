//! A sheet as it came, with what is to be said of each row beside it.

use std::collections::BTreeMap;

use super::card::MASK;
use super::columns::Column;
use super::sheet::{Line, Sheet};
use super::url::masked;

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
        let column = sheet.columns.get(place).and_then(|column| column.column);
        match column.filter(|_| is_row && !cell.trim().is_empty()) {
            Some(Column::Password) => MASK.to_owned(),
            Some(column) if column.is_url() => masked(cell.trim()),
            _ => cell.to_owned(),
        }
    });
    cells.collect()
}

/// The header of what is said.
const PROBLEMS: &str = "问题";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::read_sheet;

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
}
