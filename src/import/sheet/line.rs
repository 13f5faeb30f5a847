//! Rows of a sheet as they stand, before anybody knows what they are.

use csv::StringRecord;

/// A row of a sheet that has cells.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Line {
    /// The line of the file on which it begins, or its number in the sheet.
    pub(super) number: u64,
    /// Its cells up to the last that is filled.
    record: StringRecord,
    /// How many cells it has, with the empty ones at its end.
    pub(super) width: usize,
    /// What is wrong with a cell, counted from 0.
    pub(super) wrong: Vec<(usize, String)>,
}

impl Line {
    /// A line of a record; nothing if all its cells are empty.
    pub(super) fn new(
        number: u64,
        mut record: StringRecord,
        wrong: Vec<(usize, String)>,
    ) -> Option<Self> {
        let width = record.len();
        let cells = record.iter().enumerate();
        let (last, _) = cells.filter(|(_, cell)| !cell.trim().is_empty()).last()?;
        let filled = last + 1;
        record.truncate(filled);
        Some(Self {
            number,
            record,
            width,
            wrong,
        })
    }

    /// Its number: the line of the file on which it begins, or Excel's number of the row.
    pub fn row(&self) -> u64 {
        self.number
    }

    /// Its cells, up to the last one that is filled.
    pub fn cells(&self) -> impl Iterator<Item = &str> {
        self.record.iter()
    }

    /// A cell, counted from 0; a cell that is not there is empty.
    pub fn cell(&self, index: usize) -> &str {
        self.record.get(index).unwrap_or_default()
    }

    /// Which cells are filled.
    pub(super) fn filled(&self) -> impl Iterator<Item = (usize, &str)> {
        let cells = self.record.iter().map(str::trim).enumerate();
        cells.filter(|(_, cell)| !cell.is_empty())
    }

    #[cfg(test)]
    pub(super) fn of(number: u64, cells: &[&str]) -> Self {
        Self::new(number, cells.iter().collect(), Vec::new()).unwrap()
    }
}

/// What was read of a sheet.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) lines: Vec<Line>,
    /// Numbers of empty rows between them; of a long gap the first ones.
    pub(super) empty: Vec<u64>,
    pub(super) end: End,
    /// How many of them are hidden.
    pub(super) hidden: usize,
    bytes: usize,
}

/// How the last line ends.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum End {
    /// As it should.
    #[default]
    Whole,
    /// Without an end of its line.
    Open,
    /// Within a character.
    Cut,
}

impl Lines {
    /// Adds a line; rows between the last one and it, from `empty_from` on, are empty.
    ///
    /// # Errors
    ///
    /// It is more than a sheet may hold.
    pub(super) fn push(&mut self, line: Line, empty_from: u64) -> Result<(), String> {
        if line.record.len() > COLUMNS_MAX {
            return Err(format!("has more than {COLUMNS_MAX} columns"));
        }
        if self.lines.len() >= LINES_MAX {
            return Err(format!("has more than {ROWS_MAX} rows: split it"));
        }
        self.bytes += line.record.as_slice().len();
        if self.bytes > BYTES_MAX {
            return Err(format!("holds more than {} MiB of text", BYTES_MAX >> 20));
        }
        let gap = empty_from..line.number;
        self.empty.extend(gap.take(GAP_MAX));
        self.lines.push(line);
        Ok(())
    }
}

pub(super) const COLUMNS_MAX: usize = 256;
pub(super) const ROWS_MAX: usize = 100_000;
/// With titles, header and what stands below.
const LINES_MAX: usize = ROWS_MAX + 2 * super::header::HEADER_WITHIN;
/// So many empty rows of one gap are told.
const GAP_MAX: usize = 100;
/// What all cells may hold: a text that is kept once in a file may stand in many of its cells.
const BYTES_MAX: usize = 128 << 20;
