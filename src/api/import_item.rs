//! What the API says of imports and their rows.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::import::Action;

/// An import.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, ToSchema)]
pub struct ImportItem {
    /// Its number.
    pub id: u64,
    /// The name of the file.
    pub file: String,
    /// The department that it is for.
    pub department: Option<String>,
    /// `merge` or `replace`.
    pub mode: String,
    /// So many cameras may be disabled.
    pub allow_removals: usize,
    /// Who uploaded it.
    pub by: String,
    /// When.
    pub at: String,
    /// `planned`, `applied` or `undone`.
    pub state: &'static str,
    /// Since when it is applied or undone.
    pub since: Option<String>,
    /// Tells what it would do from everything else.
    pub digest: String,
    /// How much it is of what.
    pub summary: Summary,
}

/// How much an import is of what.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct Summary {
    /// Rows of the file.
    pub rows: usize,
    /// Cameras that are added.
    pub add: usize,
    /// Cameras that are changed.
    pub change: usize,
    /// Rows that say what is known.
    pub keep: usize,
    /// Rows that are wrong.
    pub refuse: usize,
    /// Cameras that are disabled since no row is them.
    pub disable: usize,
    /// Rows that are no rows of a camera.
    pub skip: usize,
    /// Fields that were taken for something else than they say.
    pub guesses: usize,
    /// What is to be said of the file.
    pub warnings: Vec<String>,
}

impl Summary {
    /// As the store keeps it.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads what [`Self::to_text`] wrote; what is something else counts nothing.
    pub fn of_text(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }

    /// Counts what is done with a row.
    pub fn count(&mut self, action: Action) {
        let counter = match action {
            Action::Add => &mut self.add,
            Action::Change => &mut self.change,
            Action::Keep => &mut self.keep,
            Action::Refuse => &mut self.refuse,
            Action::Disable => &mut self.disable,
        };
        *counter += 1;
        self.rows += usize::from(action != Action::Disable);
    }
}

/// What is said of a row.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct ImportRow {
    /// Its line, or its row in a spreadsheet; 0 for a camera that is in no row.
    pub row: u64,
    /// `add`, `change`, `keep`, `refuse`, `disable`, or `skip` of a row that is no row of a camera.
    pub action: String,
    /// The camera, where it was known.
    pub camera: Option<String>,
    /// Its name; `title`, `total` or `empty` of a row that is skipped.
    pub name: String,
    /// Why it is refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<String>,
    /// What was taken for what.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guesses: Vec<GuessItem>,
    /// What is left out, or is better otherwise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// What becomes other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<ChangeItem>,
}

impl ImportRow {
    /// All that is to be said of it, in one text.
    pub fn note(&self) -> String {
        let errors = self
            .errors
            .iter()
            .map(|error| format!("错误 error: {error}"));
        let guesses = self.guesses.iter();
        let guesses = guesses.map(|guess| format!("推断 guess: {}", guess.message));
        let warnings = self.warnings.iter();
        let warnings = warnings.map(|warning| format!("提示 {warning}"));
        let all = errors.chain(guesses).chain(warnings);
        all.collect::<Vec<_>>().join("\n")
    }
}

/// What is done with a row that is no row of a camera.
pub const SKIP: &str = "skip";

/// A field that was taken for something else than it says.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct GuessItem {
    /// The column.
    pub column: String,
    /// By which rule.
    pub rule: String,
    /// In words.
    pub message: String,
}

/// A field that becomes other; secrets are masked.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct ChangeItem {
    /// The field.
    pub field: String,
    /// What it says now.
    pub before: Option<String>,
    /// What it would say.
    pub after: Option<String>,
}

/// What is said of the rows of an import, as the store keeps it: a line of JSON a row. A page is read without those before
/// it.
#[derive(Clone, Debug)]
pub struct Report(pub String);

impl Report {
    /// Writes down what is said of rows.
    ///
    /// # Errors
    ///
    /// It cannot be written down.
    pub fn of(rows: &[ImportRow]) -> Result<Self, String> {
        let mut lines = String::new();
        for row in rows {
            let line = serde_json::to_string(row).map_err(|error| error.to_string())?;
            lines.push_str(&line);
            lines.push('\n');
        }
        Ok(Self(lines))
    }

    /// All rows.
    ///
    /// # Errors
    ///
    /// It is something else.
    pub fn rows(&self) -> Result<Vec<ImportRow>, String> {
        self.0.lines().map(row_of).collect()
    }

    /// At most `count` rows behind the first `skip`, of those with which `action` is done.
    ///
    /// # Errors
    ///
    /// It is something else.
    pub fn page(
        &self,
        action: Option<&str>,
        skip: usize,
        count: usize,
    ) -> Result<Vec<ImportRow>, String> {
        let lines = self.0.lines();
        let Some(action) = action else {
            return lines.skip(skip).take(count).map(row_of).collect();
        };
        let is_other =
            |row: &Result<ImportRow, String>| row.as_ref().is_ok_and(|row| row.action != action);
        let wanted = lines.map(row_of).filter(|row| !is_other(row));
        wanted.skip(skip).take(count).collect()
    }
}

fn row_of(line: &str) -> Result<ImportRow, String> {
    serde_json::from_str(line).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_a_report_hold_together() {
        let rows: Vec<_> = (0..9)
            .map(|row| ImportRow {
                row,
                action: if row % 3 == 0 { "add" } else { "keep" }.to_owned(),
                name: format!("两\n行 {row}"),
                ..ImportRow::default()
            })
            .collect();
        let report = Report::of(&rows).unwrap();
        assert_eq!(report.rows().unwrap(), rows);
        let page = |action, skip| -> Vec<u64> {
            let page = report.page(action, skip, 2).unwrap();
            page.iter().map(|row| row.row).collect()
        };
        assert_eq!(page(None, 7), [7, 8]);
        assert_eq!(page(None, 8), [8]);
        assert_eq!(page(Some("add"), 0), [0, 3]);
        assert_eq!(page(Some("add"), 2), [6]);
        assert!(page(Some("refuse"), 0).is_empty());
        assert!(Report("{}x".to_owned()).page(Some("add"), 0, 2).is_err());
    }
}
