//! What a row calls its camera.

use crate::catalog::{CameraId, Conflict, Department, GbCode, Names, Registry};
use crate::import::columns::Column;
use crate::import::record::Row;
use crate::import::url::split_url;

/// One of the things that a camera is called.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) enum Named {
    Id(CameraId),
    /// The department's own id.
    Source(String, String),
    Code(GbCode),
    /// Host, port, path and query without secrets, of a row without a department's own id.
    Location(String),
}

/// What a row calls its camera, as far as that can be read; what cannot is told when it is made a record.
pub(super) struct RowNames {
    id: Option<CameraId>,
    department: String,
    source_id: Option<String>,
    gb_code: Option<GbCode>,
    location: Option<String>,
}

pub(super) fn names_of(row: &Row, departments: &[Department]) -> RowNames {
    let named = row.text(Column::Department).unwrap_or_default();
    let department = departments.iter().find(|known| known.is_called(named));
    let url = row.text(Column::Url).and_then(split_url);
    RowNames {
        id: row.text(Column::Id).and_then(|text| text.parse().ok()),
        department: department
            .map_or(named, |known| known.id.as_str())
            .to_owned(),
        source_id: row.text(Column::SourceId).map(str::to_owned),
        gb_code: row.text(Column::GbCode).and_then(|text| text.parse().ok()),
        location: url.map(|(location, _)| location.key()),
    }
}

impl RowNames {
    /// The camera that has these names, present or gone.
    pub(super) fn find(&self, registry: &Registry) -> Result<Option<CameraId>, Conflict> {
        registry.find(&Names {
            id: self.id,
            department: &self.department,
            source_id: self.source_id.as_deref(),
            gb_code: self.gb_code,
            location: self.location.as_deref(),
        })
    }

    /// Each name, with the column that it stands in.
    pub(super) fn all(&self) -> Vec<(Column, Named)> {
        let source = self.source_id.clone();
        let source = source.map(|source_id| Named::Source(self.department.clone(), source_id));
        let location = self.location.clone().filter(|_| self.source_id.is_none());
        let all = [
            (Column::Id, self.id.map(Named::Id)),
            (Column::SourceId, source),
            (Column::GbCode, self.gb_code.map(Named::Code)),
            (Column::Url, location.map(Named::Location)),
        ];
        let there = all.into_iter();
        there
            .filter_map(|(column, named)| Some((column, named?)))
            .collect()
    }
}
