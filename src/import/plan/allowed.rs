//! Which cameras an import may change at all.

use super::Planning;
use crate::catalog::{Camera, Record};
use crate::import::columns::Column;
use crate::import::record::Row;
use crate::problem::Problem;

impl Planning<'_> {
    /// A department that does not say where its cameras may be takes none from strangers: only a declared file may name
    /// them, at private addresses.
    pub(super) fn check_networks(&self, row: &Row) -> Result<(), Vec<Problem>> {
        let named = row.text(Column::Department).unwrap_or_default();
        let mut departments = self.known.departments.iter();
        match departments.find(|department| department.is_called(named)) {
            Some(department) if department.networks.is_empty() => {
                let message = format!(
                    "`{}` has no networks, so it takes no camera here: name them in the configuration",
                    department.id
                );
                Err(vec![row.problem(Some(Column::Department), message)])
            }
            _ => Ok(()),
        }
    }

    /// A steward changes what is their department's.
    pub(super) fn check_department(&self, row: &Row, camera: &Camera) -> Result<(), Vec<Problem>> {
        let record = &camera.record;
        match &self.request.department {
            Some(only) if *only != record.department => {
                let message = format!(
                    "camera {} is of department {}, this import is for {only}",
                    camera.id, record.department
                );
                Err(vec![row.problem(None, message)])
            }
            _ => Ok(()),
        }
    }
}

/// What a declared file says is changed there, and nowhere else.
pub(super) fn declared(camera: &Camera, record: &Record) -> Problem {
    let message = format!(
        "camera {} is declared in {}: change it there",
        camera.id, camera.record.origin
    );
    Problem::new(&record.origin.file, record.origin.line, 0, message)
}
