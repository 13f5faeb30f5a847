//! Which camera a row is that was refused: what can still be read of it.

use std::sync::Arc;

use super::columns::Column;
use super::record::Row;
use super::url::split_url;
use crate::catalog::{Camera, CameraId, Department, Record};

/// What a refused row says of who it is.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Hint {
    id: Option<String>,
    department: Option<String>,
    source_id: Option<String>,
    gb_code: Option<String>,
    /// Host, port, path and query without secrets.
    place: Option<String>,
    name: Option<String>,
}

/// Reads what can be read of a row.
pub fn hint(row: &Row, departments: &[Department]) -> Hint {
    let text = |column| row.fields.get(&column).map(|field| field.text.clone());
    let department = text(Column::Department);
    let known = departments.iter().find(|known| {
        department
            .as_ref()
            .is_some_and(|name| known.is_called(name))
    });
    let place = text(Column::Url).and_then(|url| Some(split_url(&url)?.0.key()));
    Hint {
        id: text(Column::Id),
        department: known.map(|known| known.id.clone()),
        source_id: text(Column::SourceId),
        gb_code: text(Column::GbCode),
        place,
        name: text(Column::Name),
    }
}

impl Hint {
    /// What a record says of who it is.
    pub fn of(record: &Record) -> Self {
        Self {
            id: record.id.map(|id| id.to_string()),
            department: Some(record.department.clone()),
            source_id: record.source_id.clone(),
            gb_code: record.gb_code.map(|code| code.to_string()),
            place: Some(record.location.key()),
            name: Some(record.name.clone()),
        }
    }

    /// A camera whose id is all that is known.
    pub fn of_camera(id: CameraId) -> Self {
        Self {
            id: Some(id.to_string()),
            ..Self::default()
        }
    }

    /// The camera that the row is, by the first field that finds one: id, department and `source_id`,
    /// code, place, the name within its department. One of these fields may be what is wrong.
    pub fn find<'a>(&self, cameras: &'a [Arc<Camera>]) -> Option<&'a Arc<Camera>> {
        let is_in = |camera: &Camera| {
            let department = &camera.record.department;
            self.department.as_ref().is_none_or(|id| id == department)
        };
        let is = |field: &Option<String>, value: &str| field.as_deref() == Some(value);
        let by = |is_it: &dyn Fn(&Camera) -> bool| cameras.iter().find(|camera| is_it(camera));
        by(&|camera| is(&self.id, camera.id.as_str()))
            .or_else(|| {
                by(&|camera| {
                    let source_id = &camera.record.source_id;
                    source_id.is_some() && self.source_id == *source_id && is_in(camera)
                })
            })
            .or_else(|| by(&|camera| is(&self.gb_code, camera.code.as_str())))
            .or_else(|| by(&|camera| is(&self.place, &camera.record.location.key())))
            .or_else(|| by(&|camera| is(&self.name, &camera.record.name) && is_in(camera)))
    }
}
