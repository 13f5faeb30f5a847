//! The cells of a sheet, row by row.

use csv::StringRecord;

use super::Wrong;
use super::package::broken;
use super::strings::{Shown, Strings};
use super::styles::Styles;
use super::value::{iso_date, number, unescape};
use super::xml::{Element, Node, Xml};
use crate::import::clean::shown as short;
use crate::import::sheet::line::{COLUMNS_MAX, Line, Lines};

/// What cells refer to.
pub(super) struct Context<'a> {
    pub(super) strings: &'a Strings,
    pub(super) styles: &'a Styles,
    pub(super) is_1904: bool,
}

/// Reads the first lines that have cells. What size the sheet announces is of no account.
pub(super) fn read(mut xml: Xml<'_>, context: &Context<'_>, most: usize) -> Result<Lines, Wrong> {
    let mut sheet = Reading::default();
    while sheet.lines.lines.len() < most {
        match xml.next()? {
            Node::Start(element) => sheet.begin(&element)?,
            Node::Text(text) => sheet.shown.add(&text, &mut sheet.raw),
            Node::End(end) => match end.name() {
                b"v" | b"t" => sheet.shown.end(),
                b"rPh" => sheet.shown.is_spelling = false,
                b"c" => sheet.end_cell(context)?,
                b"row" => sheet.end_row()?,
                b"sheetData" => break,
                _ => {}
            },
            // A sheet that is a chart, or cut off.
            Node::Eof if sheet.is_open => return Err(broken()),
            Node::Eof => break,
            Node::Other => {}
        }
    }
    Ok(sheet.lines)
}

/// What was read of a sheet so far.
#[derive(Default)]
struct Reading {
    lines: Lines,
    /// The number of the row, and of the last one that has cells.
    row: u64,
    last: u64,
    is_hidden: bool,
    /// The cells of the row that are not empty, from 0.
    cells: Vec<Cell>,
    cell: Option<Place>,
    shown: Shown,
    raw: String,
    /// The data began, and did not end.
    is_open: bool,
}

/// A cell that has begun.
struct Place {
    column: usize,
    kind: Kind,
    style: Option<u64>,
    is_formula: bool,
}

/// What a cell's value is.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Kind {
    Shared,
    Text,
    Boolean,
    Error,
    Date,
    Number,
}

impl Kind {
    /// By its name in the file.
    fn of(name: Option<&str>) -> Self {
        match name {
            Some("s") => Self::Shared,
            Some("inlineStr" | "str") => Self::Text,
            Some("b") => Self::Boolean,
            Some("e") => Self::Error,
            Some("d") => Self::Date,
            _ => Self::Number,
        }
    }
}

/// A cell that has something.
struct Cell {
    column: usize,
    text: String,
    wrong: Option<String>,
}

impl Reading {
    fn begin(&mut self, element: &Element<'_>) -> Result<(), Wrong> {
        if element.is(b"sheetData") {
            self.is_open = true;
        } else if !self.is_open {
            // What stands above the data has elements of the same names.
        } else if element.is(b"row") {
            let number = element.number(b"r").unwrap_or(self.row + 1);
            if number <= self.row || number > ROWS_MAX {
                return Err(broken());
            }
            self.row = number;
            let hidden = element.attribute(b"hidden");
            self.is_hidden = matches!(hidden.as_deref(), Some("1" | "true"));
            self.cells.clear();
        } else if element.is(b"c") {
            let next = self.cell.as_ref().map_or(0, |cell| cell.column + 1);
            let place = element.attribute(b"r");
            let column = match place.as_deref().map(column) {
                Some(column) => column.ok_or_else(broken)?,
                None => next,
            };
            self.raw.clear();
            self.cell = Some(Place {
                column,
                kind: Kind::of(element.attribute(b"t").as_deref()),
                style: element.number(b"s"),
                is_formula: false,
            });
        } else if element.is(b"f") {
            if let Some(cell) = &mut self.cell {
                cell.is_formula = true;
            }
        } else if element.is(b"v") || element.is(b"t") {
            self.shown.begin();
        } else if element.is(b"rPh") {
            self.shown.is_spelling = true;
        }
        Ok(())
    }

    fn end_cell(&mut self, context: &Context<'_>) -> Result<(), Wrong> {
        let Some(place) = &self.cell else {
            return Ok(());
        };
        let (text, wrong) = shown(&self.raw, place, context);
        if text.is_empty() && wrong.is_none() {
            return Ok(());
        }
        if place.column >= COLUMNS_MAX || self.cells.len() >= COLUMNS_MAX {
            if text.trim().is_empty() {
                return Ok(());
            }
            return Err(format!("has more than {COLUMNS_MAX} columns"));
        }
        self.cells.push(Cell {
            column: place.column,
            text,
            wrong,
        });
        Ok(())
    }

    fn end_row(&mut self) -> Result<(), Wrong> {
        self.cell = None;
        let mut cells = std::mem::take(&mut self.cells);
        cells.sort_by_key(|cell| cell.column);
        let mut record = StringRecord::new();
        let mut wrong = Vec::new();
        for cell in cells {
            if cell.column < record.len() {
                return Err(broken());
            }
            while record.len() < cell.column {
                record.push_field("");
            }
            record.push_field(&cell.text);
            wrong.extend(cell.wrong.map(|wrong| (cell.column, wrong)));
        }
        if let Some(line) = Line::new(self.row, record, wrong) {
            self.lines.push(line, self.last + 1)?;
            self.last = self.row;
            self.lines.hidden += usize::from(self.is_hidden);
        }
        Ok(())
    }
}

/// What a cell shows, and what is wrong with it.
fn shown(raw: &str, place: &Place, context: &Context<'_>) -> (String, Option<String>) {
    let text = |text: &str| (text.to_owned(), None);
    // A formula whose value is an empty text has the kind of texts.
    if place.is_formula && raw.trim().is_empty() && place.kind != Kind::Text {
        let wrong =
            "holds a formula that was never computed: open the file, save it and send it again";
        return ("=".to_owned(), Some(wrong.to_owned()));
    }
    match place.kind {
        Kind::Shared => match raw
            .trim()
            .parse()
            .ok()
            .and_then(|index| context.strings.get(index))
        {
            Some(found) => text(found),
            None if raw.trim().is_empty() => text(""),
            None => (
                raw.to_owned(),
                Some("refers to a text that the file has not".to_owned()),
            ),
        },
        Kind::Text => text(&unescape(raw)),
        Kind::Boolean => text(match raw.trim() {
            "1" | "true" => "TRUE",
            "0" | "false" => "FALSE",
            other => other,
        }),
        Kind::Error => (
            raw.to_owned(),
            Some(format!(
                "holds Excel's error `{}`: write the value",
                short(raw)
            )),
        ),
        Kind::Date => text(&iso_date(raw)),
        Kind::Number => number(raw, context.styles.format(place.style), context.is_1904),
    }
}

/// The column of a place such as `AB12`, from 0; at most a column more than there may be.
fn column(place: &str) -> Option<usize> {
    let letters = place.bytes().take_while(u8::is_ascii_alphabetic);
    let mut column = 0_usize;
    for letter in letters {
        let value = usize::from(letter.to_ascii_uppercase() - b'A') + 1;
        column = (column * 26 + value).min(COLUMNS_MAX + 1);
    }
    column.checked_sub(1)
}

/// As many as Excel has.
const ROWS_MAX: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_names_its_column() {
        for (place, expected) in [
            ("A1", Some(0)),
            ("z9", Some(25)),
            ("AA1", Some(26)),
            ("IV7", Some(255)),
            ("XFD1048576", Some(COLUMNS_MAX)),
            ("AAAAAAAAAAAAAAAAAAAA1", Some(COLUMNS_MAX)),
            ("1", None),
        ] {
            assert_eq!(column(place), expected, "{place}");
        }
    }
}
