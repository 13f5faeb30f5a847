//! What is settled for all rows of a file together.

use super::places::{districts, elsewhere, outside};
use super::{PlannedRow, Planning, Request};
use crate::catalog::{Record, Sameness, duplicates};
use crate::import::clean::Guess;
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
        let records = self.records.iter_mut().map(|(.., record)| record);
        for (at, guess) in distinguish_names(records) {
            let Some((place, _, record)) = self.records.get(at) else {
                continue;
            };
            if let Some(row) = self.rows.get_mut(*place) {
                row.name.clone_from(&record.name);
                row.guesses.push(guess);
            }
        }
    }

    /// Finds the datums of positions whose rows do not name it.
    pub(super) fn settle_positions(&mut self) -> Vec<Problem> {
        let is_open = |record: &Record| record.position.is_some_and(|position| position.is_open());
        let open: Vec<_> = self.records.iter().map(|(.., r)| is_open(r)).collect();
        let records = self.records.iter_mut().map(|(.., record)| record);
        let warnings = settle_datums(records, &self.known.regions);
        let settled = self
            .records
            .iter()
            .zip(open)
            .filter(|(_, was_open)| *was_open);
        for ((place, _, record), _) in settled {
            let (Some(position), Some(row)) = (record.position, self.rows.get_mut(*place)) else {
                continue;
            };
            match position.datum() {
                Some(datum) => {
                    let longitude = position.given().longitude;
                    row.guesses
                        .push(Guess::of_datum(longitude, datum.name(), row.line));
                }
                None => row.warn(record, Column::Longitude, UNSURE_DATUM),
            }
        }
        warnings
    }

    /// Tells of positions that are outside the district, or outside what their rows say that they are in. Nothing is refused
    /// for it: a camera whose position is wrong is better known than not.
    pub(super) fn tell_places(&mut self) {
        let regions = &self.known.regions;
        let districts = districts(regions, self.known.catalog.civil_code());
        for (place, _, record) in &self.records {
            let told = outside(record, &districts).or_else(|| elsewhere(record, regions));
            if let (Some((column, message)), Some(row)) = (told, self.rows.get_mut(*place)) {
                row.warn(record, column, &message);
            }
        }
    }

    /// Tells both rows of each pair that may be one camera; which of them is gone is for the steward to say.
    pub(super) fn tell_duplicates(&mut self) {
        let records: Vec<_> = self.records.iter().map(|(.., record)| record).collect();
        for pair in duplicates(&records, &self.known.departments) {
            for (own, other) in [(pair.one, pair.other), (pair.other, pair.one)] {
                let (Some((place, _, record)), Some((.., other))) =
                    (self.records.get(own), self.records.get(other))
                else {
                    continue;
                };
                let message = format!(
                    "may be the camera of row {} by {}: if it is, disable one of them",
                    other.origin.line,
                    pair.by.name()
                );
                if let Some(row) = self.rows.get_mut(*place) {
                    row.warn(record, column_of(pair.by), &message);
                }
            }
        }
    }
}

impl PlannedRow {
    fn warn(&mut self, record: &Record, column: Column, message: &str) {
        let message = format!("{}: {message}", column.name());
        let warning = Problem::warning(&record.origin.file, self.line, 0, &message);
        self.warnings.push(warning);
    }
}

/// The column by which two rows may be one camera.
fn column_of(by: Sameness) -> Column {
    match by {
        Sameness::HostChannel => Column::Url,
        Sameness::Serial => Column::Serial,
        Sameness::Mac => Column::Mac,
        Sameness::Near => Column::Name,
    }
}

const UNSURE_DATUM: &str =
    "its datum is unsure, so it is taken as it is: name it in the column datum";

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
