//! The rows of a sheet, below the header that is among them.

use std::collections::{BTreeMap, BTreeSet};

use super::footer::{is_total, note_count};
use super::formula::TEXT_BYTES_MAX;
use super::header::{self, Header};
use super::line::{End, Line, Lines, ROWS_MAX};
use super::{Sheet, Skipped, Why};
use crate::import::clean::shown;
use crate::import::columns::Column;
use crate::import::record::{Field, Row};
use crate::problem::Problem;

/// Whether a row may have cells that the header has not.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Beside {
    /// A sign too many in a line of text moves all cells behind it.
    Never,
    /// A cell stands where it stands.
    Sometimes,
}

/// A sheet of lines; nothing if none of them is a header.
///
/// # Errors
///
/// All that is wrong with the header, or with the sheet as a whole.
pub(super) fn sheet(
    file: &str,
    lines: Lines,
    beside: Beside,
) -> Result<Option<Sheet>, Vec<Problem>> {
    let Some(at) = header::find(lines.lines.iter()) else {
        return Ok(None);
    };
    let head = &lines.lines[at];
    let Header {
        columns,
        doubles,
        mut warnings,
    } = header::read(file, head)?;
    let table = Table {
        file,
        columns: columns.iter().map(|column| column.column).collect(),
        named: columns
            .iter()
            .map(|column| !column.header.is_empty())
            .collect(),
        doubles,
        width: head.width,
        beside,
    };
    let mut skipped: Vec<_> = lines.lines[..at]
        .iter()
        .map(|line| skip(line.number, Why::Title))
        .chain(lines.empty.iter().map(|row| skip(*row, Why::Empty)))
        .collect();
    let below = &lines.lines[at + 1..];
    let is_short = |line: &Line| line.width < head.width || lines.end == End::Cut;
    let cut = below
        .last()
        .filter(|line| lines.end != End::Whole && is_short(line))
        .map(|line| line.number);
    let last_row = match cut {
        Some(_) => below.len(),
        None => below.len() - note_count(below, &table.columns),
    };
    let mut rows = Vec::new();
    for (index, line) in below.iter().enumerate() {
        let is_cut = cut == Some(line.number);
        if index >= last_row || !is_cut && is_total(line, &table.columns) {
            skipped.push(skip(line.number, Why::Total));
        } else {
            rows.push(table.row(line, is_cut));
        }
    }
    if rows.len() > ROWS_MAX {
        let message = format!("has more than {ROWS_MAX} rows: split it");
        return Err(vec![Problem::whole(file, message)]);
    }
    skipped.sort_by_key(|skipped| skipped.row);
    warnings.extend(table.unheaded(&below[..last_row]));
    if lines.hidden > 0 {
        let message = format!(
            "hidden rows are read like all others: {} of them",
            lines.hidden
        );
        warnings.push(Problem::warning(file, 0, 0, &message));
    }
    warnings.sort_by_key(Problem::place);
    Ok(Some(Sheet {
        file: file.to_owned(),
        header_row: head.number,
        columns,
        rows,
        cells: lines.lines,
        skipped,
        warnings,
    }))
}

fn skip(row: u64, why: Why) -> Skipped {
    Skipped { row, why }
}

struct Table<'a> {
    file: &'a str,
    /// What each column is taken for.
    columns: Vec<Option<Column>>,
    /// Which of them have a header.
    named: Vec<bool>,
    doubles: Vec<(Column, usize, usize)>,
    /// How many columns the header has.
    width: usize,
    beside: Beside,
}

impl Table<'_> {
    fn row(&self, line: &Line, is_cut: bool) -> Row {
        let mut fields = BTreeMap::new();
        for (index, text) in line.filled() {
            if let Some(column) = self.columns.get(index).copied().flatten() {
                fields.insert(column, field(line, index, text));
            }
        }
        for (column, first, second) in &self.doubles {
            self.settle_double(&mut fields, line, (*column, *first, *second));
        }
        let broken = match is_cut {
            true => Some("the file is cut off within this row: send it whole".to_owned()),
            false => self.overfull(line),
        };
        Row {
            file: self.file.to_owned(),
            line: line.number,
            fields,
            broken,
        }
    }

    /// Two columns of one meaning: the second stands in for the first, and may not contradict it.
    fn settle_double(
        &self,
        fields: &mut BTreeMap<Column, Field>,
        line: &Line,
        (column, first, second): (Column, usize, usize),
    ) {
        let text = line.cell(second).trim();
        if text.is_empty() {
            return;
        }
        let Some(known) = fields.get_mut(&column) else {
            fields.insert(column, field(line, second, text));
            return;
        };
        if known.text == text || known.wrong.is_some() {
            return;
        }
        // What may hold a password is not repeated.
        let is_login = matches!(column, Column::Username | Column::Password);
        let is_secret = column.is_url() || is_login;
        let values = match is_secret {
            true => String::new(),
            false => format!(": `{}` and `{}`", shown(&known.text), shown(text)),
        };
        known.wrong = Some(format!(
            "columns {} and {} differ{values}: leave one of them",
            first + 1,
            second + 1
        ));
    }

    /// More cells than the header has names: something moved them.
    fn overfull(&self, line: &Line) -> Option<String> {
        let (last, _) = line.filled().last()?;
        let is_beside = last >= self.width;
        let named = self.named.iter().filter(|is_named| **is_named).count();
        let is_moved = self.beside == Beside::Never || line.filled().count() > named;
        let is_overfull = is_beside && is_moved;
        is_overfull.then(|| {
            format!(
                "has a cell in column {}, and the header has {} columns: a separator within a cell must stand in \
                 quotes",
                last + 1,
                self.width
            )
        })
    }

    /// Cells under no header: each column once, where it is first.
    fn unheaded(&self, below: &[Line]) -> Vec<Problem> {
        let mut told = BTreeSet::new();
        let mut warnings = Vec::new();
        for line in below {
            let unnamed = line.filled().filter(|(index, _)| !self.is_named(*index));
            for (index, _) in unnamed {
                if told.insert(index) {
                    let column = index as u64 + 1;
                    let message =
                        format!("column {column} has cells and no header: it is not taken");
                    warnings.push(Problem::warning(self.file, line.number, column, &message));
                }
            }
        }
        warnings
    }

    fn is_named(&self, index: usize) -> bool {
        self.named.get(index).copied().unwrap_or_default()
    }
}

fn field(line: &Line, index: usize, text: &str) -> Field {
    let wrong = line.wrong.iter().find(|(cell, _)| *cell == index);
    let wrong = wrong.map(|(_, wrong)| wrong.clone());
    let is_long = text.len() > TEXT_BYTES_MAX;
    Field {
        text: if is_long {
            String::new()
        } else {
            text.to_owned()
        },
        line: line.number,
        column: index as u64 + 1,
        wrong: wrong.or_else(|| is_long.then(|| format!("is longer than {TEXT_BYTES_MAX} bytes"))),
    }
}
