//! Cameras as rows of a sheet that imports back unchanged.

use super::card::Card;
use super::columns::Column;
use crate::catalog::Camera;

/// The rows of a sheet: a header, then a row a camera. Passwords are not in it: an import leaves those as they are that it
/// does not name.
pub fn sheet_of<'a>(cameras: impl IntoIterator<Item = &'a Camera>) -> Vec<Vec<String>> {
    let columns = || Column::all().filter(|column| *column != Column::Password);
    let header = columns()
        .map(|column| column.chinese().to_owned())
        .collect();
    let mut rows = vec![header];
    rows.extend(cameras.into_iter().map(|camera| {
        let card = Card::of(&camera.record);
        let cell = |column| match column {
            Column::Id => camera.id.to_string(),
            Column::GbCode => camera.code.to_string(),
            column => card.shown(column).unwrap_or_default(),
        };
        columns().map(cell).collect()
    }));
    rows
}
