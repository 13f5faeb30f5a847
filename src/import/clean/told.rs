//! What was taken for what, and what is left out.

use std::collections::BTreeMap;
use std::fmt;

use super::Cleaned;
use crate::import::columns::Column;
use crate::import::record::Field;
use crate::import::url::form_of;
use crate::problem::Problem;

/// What is told of the rows of files: each rule once for a column of a file.
#[derive(Debug, Default)]
pub struct Guesses(BTreeMap<(String, Column, &'static str), (Problem, usize)>);

impl Guesses {
    /// Takes note of what is told of a row.
    pub fn note(&mut self, cleaned: &Cleaned) {
        let file = &cleaned.row.file;
        for guess in &cleaned.guesses {
            self.note_guess(file, guess);
        }
        for warning in &cleaned.warnings {
            self.count(file, (warning.column, warning.rule), || {
                warning.problem(file)
            });
        }
    }

    /// Takes note of what was taken for what in `file`.
    pub fn note_guess(&mut self, file: &str, guess: &Guess) {
        self.count(file, (guess.column, guess.rule), || {
            Problem::warning(file, guess.line, guess.place, &guess.to_string())
        });
    }

    fn count(
        &mut self,
        file: &str,
        (column, rule): (Column, &'static str),
        problem: impl FnOnce() -> Problem,
    ) {
        let entry = self.0.entry((file.to_owned(), column, rule));
        let (_, count) = entry.or_insert_with(|| (problem(), 0));
        *count += 1;
    }

    /// Warnings, each at the first place; with how often it was so.
    pub fn warnings(self) -> Vec<Problem> {
        let told = self.0.into_values().map(|(mut problem, count)| {
            if count > 1 {
                problem
                    .message
                    .push_str(&format!(", and {} more like it", count - 1));
            }
            problem
        });
        told.collect()
    }
}

/// A field that is taken for something else than it says. As text it says so without a secret.
#[derive(Clone, Eq, PartialEq)]
pub struct Guess {
    /// The column.
    pub column: Column,
    /// By which rule.
    pub rule: &'static str,
    given: String,
    taken: String,
    line: u64,
    /// The field's column in its line.
    place: u64,
}

impl Guess {
    /// Takes a field for `text`.
    pub(super) fn take(
        field: &mut Field,
        column: Column,
        rule: &'static str,
        text: String,
    ) -> Self {
        let given = std::mem::replace(&mut field.text, text);
        Self {
            column,
            rule,
            given,
            taken: field.text.clone(),
            line: field.line,
            place: field.column,
        }
    }

    /// What the field said.
    pub(super) fn given(&self) -> &str {
        &self.given
    }

    /// What a position was found to be measured from beside those of the others.
    pub(in crate::import) fn of_datum(longitude: f64, datum: &str, line: u64) -> Self {
        Self {
            column: Column::Longitude,
            rule: "datum",
            given: longitude.to_string(),
            taken: datum.to_owned(),
            line,
            place: 0,
        }
    }

    /// What a row's name was taken for beside those of the others.
    pub(in crate::import) fn of_name(given: &str, taken: &str, line: u64) -> Self {
        Self {
            column: Column::Name,
            rule: "name_duplicate",
            given: given.to_owned(),
            taken: taken.to_owned(),
            line,
            place: 0,
        }
    }
}

impl fmt::Display for Guess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, rule) = (self.column.name(), self.rule);
        // It may hold a password, and so may what was made of it.
        if self.column.is_url() {
            let form = match self.column {
                Column::Url | Column::SubUrl => "rtsp://user:password@host:port/path",
                column => form_of(column),
            };
            return write!(
                f,
                "{name}: is not written as {form}, and is read so ({rule})"
            );
        }
        let (given, taken) = (shown(&self.given), shown(&self.taken));
        match (given.is_empty(), taken.is_empty()) {
            (true, _) => write!(f, "{name}: is empty, and is read as {taken} ({rule})"),
            (_, true) => write!(f, "{name}: `{given}` is read as nothing ({rule})"),
            _ => write!(f, "{name}: `{given}` is read as {taken} ({rule})"),
        }
    }
}

impl fmt::Debug for Guess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Something that is not as it should be and refuses nothing. No secret is in it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Warning {
    /// The column.
    pub column: Column,
    /// What kind of thing.
    pub rule: &'static str,
    /// In words.
    pub message: String,
    pub(super) line: u64,
    /// The field's column in its line.
    pub(super) place: u64,
}

impl Warning {
    /// As a problem of a file.
    pub fn problem(&self, file: &str) -> Problem {
        let message = format!("{}: {}", self.column.name(), self.message);
        Problem::warning(file, self.line, self.place, &message)
    }
}

/// Text as a message shows it: what nobody sees is written out, and it is not too long.
pub(in crate::import) fn shown(text: &str) -> String {
    text.chars().take(64).flat_map(char::escape_debug).collect()
}
