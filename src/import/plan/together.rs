//! What is settled for all rows of a file together.

use super::{Planning, Request};
use crate::import::columns::Column;
use crate::import::datums::settle_datums;
use crate::import::distinct::distinguish_names;
use crate::import::record::Row;
use crate::problem::Problem;

/// The rows of a file that names no department at all are of the import's: nothing is taken for anything.
pub(super) fn with_department(mut rows: Vec<Row>, request: &Request) -> Vec<Row> {
    let names_any = rows.iter().any(|row| row.has(Column::Department));
    if let Some(only) = request.department.as_deref().filter(|_| !names_any) {
        for row in &mut rows {
            row.put(Column::Department, only);
        }
    }
    rows
}

impl Planning<'_> {
    /// Cameras of one department and name are told apart.
    pub(super) fn tell_names_apart(&mut self) {
        let mut records: Vec<_> = self.records.iter().map(|(.., r)| r.clone()).collect();
        for (at, guess) in distinguish_names(&mut records) {
            let (Some((place, _, record)), Some(told_apart)) =
                (self.records.get_mut(at), records.get(at))
            else {
                continue;
            };
            record.name.clone_from(&told_apart.name);
            if let Some(row) = self.rows.get_mut(*place) {
                row.name.clone_from(&told_apart.name);
                row.guesses.push(guess);
            }
        }
    }

    /// Finds the datums of positions whose rows do not name it.
    pub(super) fn settle_positions(&mut self) -> Vec<Problem> {
        let mut records: Vec<_> = self.records.iter().map(|(.., r)| r.clone()).collect();
        let warnings = settle_datums(&mut records, &self.known.regions);
        for ((.., record), settled) in self.records.iter_mut().zip(records) {
            record.position = settled.position;
        }
        warnings
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Given;
    use crate::import::Mode;

    #[test]
    fn a_file_without_departments_is_the_imports() {
        let row = |fields: &[(Column, &str)]| {
            let fields = fields.iter().map(|(c, text)| (*c, (*text).to_owned()));
            Row::of_fields("x.csv", fields)
        };
        let request = Request {
            file: "x.csv".to_owned(),
            department: Some("education".to_owned()),
            mode: Mode::Merge,
            allow_removals: 0,
            given: Given {
                import: None,
                by: "steward".to_owned(),
                at: std::time::UNIX_EPOCH,
            },
        };
        let named = |rows: Vec<Row>| -> Vec<Option<String>> {
            let rows = with_department(rows, &request).into_iter();
            rows.map(|row| row.text(Column::Department).map(str::to_owned))
                .collect()
        };
        let name = (Column::Name, "东门");
        let all = vec![Some("education".to_owned()); 2];
        assert_eq!(named(vec![row(&[name]), row(&[name])]), all);
        let some = vec![row(&[name]), row(&[(Column::Department, "health")])];
        assert_eq!(named(some), [None, Some("health".to_owned())]);
    }
}
