//! The spreadsheets that departments send: CSV as any program saves it, XLSX, YAML.
//!
//! Unlike the reader of declared files this one is tolerant: the header may stand below titles and in other words, and
//! rows that are no cameras are passed over. Whatever it passes over it tells.

mod aliases;
mod delimited;
mod footer;
mod formula;
mod header;
mod line;
mod table;
mod write;
mod xlsx;

use std::path::Path;

pub use header::SheetColumn;
pub use line::Line;
pub use write::{Unwritable, write_csv, write_xlsx};

use super::columns::Column;
use super::record::Row;
use super::{FILE_BYTES_MAX, yaml_file};
use crate::problem::Problem;

/// What was read of a file.
#[derive(Clone, Debug)]
pub struct Sheet {
    /// The name of the file.
    pub file: String,
    /// The columns of the table, what each was taken for.
    pub columns: Vec<SheetColumn>,
    /// The row of the header; 0 if there is none, as in YAML.
    pub header_row: u64,
    /// The rows of the table. A line is that of the file on which the row begins, or Excel's number of the row; the column
    /// of a field is the number of the column, from 1.
    pub rows: Vec<Row>,
    /// All rows that have cells, titles and header too, as they stand.
    pub cells: Vec<Line>,
    /// Rows that are no rows of the table.
    pub skipped: Vec<Skipped>,
    /// What is to be told of the file.
    pub warnings: Vec<Problem>,
}

/// A row that is no row of the table.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Skipped {
    /// Its line, or Excel's number of it.
    pub row: u64,
    /// What it is.
    pub why: Why,
}

/// What a row is that is no row of the table.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Why {
    /// It stands above the header.
    Title,
    /// It sums up, or stands below the table: who signed it, a note.
    Total,
    /// It has no filled cell.
    Empty,
}

impl Why {
    /// As a report names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Title => "title",
            Self::Total => "total",
            Self::Empty => "empty",
        }
    }
}

/// Reads a spreadsheet for an import. Its content says whether it is XLSX; else its name says what it is.
///
/// Columns that are missing are no error here: an import may only say more of cameras that are known.
///
/// # Errors
///
/// The file as a whole cannot be used: all that is wrong with it.
pub fn read_sheet(name: &str, bytes: &[u8]) -> Result<Sheet, Vec<Problem>> {
    let fail = |message: &str| Err(vec![Problem::whole(name, message)]);
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return fail(&format!("is larger than {} MiB", FILE_BYTES_MAX >> 20));
    }
    if bytes.starts_with(b"PK") {
        return xlsx::read(name, bytes);
    }
    if bytes.starts_with(OLE2) {
        let is_encrypted = bytes.windows(ENCRYPTED.len()).any(|part| part == ENCRYPTED);
        return match is_encrypted {
            true => fail("is protected by a password: save it without one"),
            false => fail("is an .xls of old Excel: save it as .xlsx"),
        };
    }
    let extension = Path::new(name).extension().and_then(|text| text.to_str());
    match extension.unwrap_or_default().to_ascii_lowercase().as_str() {
        "yaml" | "yml" => read_yaml(name, bytes),
        "csv" => delimited::read(name, bytes),
        "xlsx" | "xls" => {
            fail("is no workbook whatever its name says: open it and save it as .xlsx")
        }
        _ => fail("is neither .csv, .xlsx nor .yaml"),
    }
}

/// YAML has no table: its columns are all that its cameras have.
fn read_yaml(file: &str, bytes: &[u8]) -> Result<Sheet, Vec<Problem>> {
    let (rows, warnings) = yaml_file::read_tolerantly(file, bytes)?;
    if rows.is_empty() {
        return Err(vec![no_rows(file)]);
    }
    if rows.len() > line::ROWS_MAX {
        let message = format!("has more than {} rows: split it", line::ROWS_MAX);
        return Err(vec![Problem::whole(file, message)]);
    }
    let mut known: Vec<Column> = rows
        .iter()
        .flat_map(|row| row.fields.keys().copied())
        .collect();
    known.sort_unstable();
    known.dedup();
    let cells = rows.iter().filter_map(|row| {
        let text = |column| {
            row.fields
                .get(column)
                .map_or("", |field| field.text.as_str())
        };
        Line::new(row.line, known.iter().map(text).collect(), Vec::new())
    });
    Ok(Sheet {
        file: file.to_owned(),
        header_row: 0,
        cells: cells.collect(),
        columns: known
            .into_iter()
            .map(|column| SheetColumn {
                column: Some(column),
                double_of: None,
                header: column.name().to_owned(),
            })
            .collect(),
        rows,
        skipped: Vec::new(),
        warnings,
    })
}

fn no_header(file: &str) -> Problem {
    let message = format!(
        "none of the first {} rows names the columns: write them into one row, such as 名称, 所属部门, 主码流地址",
        header::HEADER_WITHIN
    );
    Problem::whole(file, message)
}

fn no_rows(file: &str) -> Problem {
    Problem::whole(file, "has no rows: a truncated file changes nothing")
}

/// What files of old Excel begin with, and those that Excel protects by a password.
const OLE2: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";
/// What the latter hold: `EncryptedPackage` in UTF-16.
const ENCRYPTED: &[u8] = b"E\0n\0c\0r\0y\0p\0t\0e\0d\0P\0a\0c\0k\0a\0g\0e\0";
