//! What a sheet notes of a camera beside its stream: where it is wrong the camera is one all the same.

use super::Mode;
use crate::catalog::{Department, Record};
use crate::import::card::Card;
use crate::import::details::wrong_notes;
use crate::import::record::Row;
use crate::problem::Problem;

/// Leaves out what is wrong: addresses that are none, or masked and not known; a way of sending that is none. What is known
/// of the camera stays, where the mode keeps it. Returns what is to be said of it.
pub(super) fn leave_out_wrong(
    row: &mut Row,
    known: Option<&Record>,
    mode: Mode,
    departments: &[Department],
) -> Vec<Problem> {
    let wrong = wrong_notes(row, departments);
    if wrong.is_empty() {
        return Vec::new();
    }
    let card = known.filter(|_| mode == Mode::Merge).map(Card::of);
    for (column, _) in &wrong {
        row.fields.remove(column);
        if let Some(text) = card.as_ref().and_then(|card| card.text(*column)) {
            row.put(*column, text);
        }
    }
    // What is known may be as wrong, where the row moves the camera to another department.
    for (column, _) in wrong_notes(row, departments) {
        row.fields.remove(&column);
    }
    let warning = |problem: Problem| {
        let message = format!("{} (it is left out)", problem.message);
        Problem::warning(&problem.file, problem.line, problem.column, &message)
    };
    wrong
        .into_iter()
        .map(|(_, problem)| warning(problem))
        .collect()
}
