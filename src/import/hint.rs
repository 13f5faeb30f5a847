//! Which camera a row is that was refused: what can still be read of it.

use super::columns::Column;
use super::record::{Row, split_url};
use crate::catalog::{Camera, Department};

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
            .is_some_and(|text| known.id == *text || known.name == *text)
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
    /// Whether the row is of that camera: by id, else department and `source_id`, else code, else
    /// place, else the name within its department.
    pub fn is_of(&self, camera: &Camera) -> bool {
        let record = &camera.record;
        let is_in = self
            .department
            .as_ref()
            .is_none_or(|id| *id == record.department);
        if let Some(id) = &self.id {
            return *id == camera.id.to_string();
        }
        if self.source_id.is_some() {
            return is_in && self.source_id == record.source_id;
        }
        if let Some(code) = &self.gb_code {
            return *code == camera.code.to_string();
        }
        if let Some(place) = &self.place {
            return *place == record.location.key();
        }
        is_in && self.name.as_ref() == Some(&record.name)
    }
}
