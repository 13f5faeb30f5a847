//! Where rows say that their cameras are, held to the district and to its regions.

use std::ops::Bound;

use crate::catalog::geo::Area;
use crate::catalog::{Level, Record, Regions};
use crate::import::columns::Column;
use crate::import::record::Row;

/// A division of another district is wrong in a sheet, unless the camera is known with it: codes that platforms are given
/// begin with it.
pub(super) fn check_division(row: &mut Row, known: Option<&Record>, own: &str) {
    let Some(given) = row.text(Column::CivilCode) else {
        return;
    };
    let is_known = known.is_some_and(|known| known.civil_code.as_deref() == Some(given));
    let (given_part, own_part) = (significant(given), significant(own));
    let is_related = given_part.starts_with(own_part) || own_part.starts_with(given_part);
    if is_known || is_related {
        return;
    }
    let message = format!(
        "`{given}` is no division of {own}, the gateway's own: correct it, or leave it out"
    );
    if let Some(field) = row.fields.get_mut(&Column::CivilCode) {
        field.wrong.get_or_insert(message);
    }
}

/// A division's code without the levels that it does not use.
fn significant(code: &str) -> &str {
    let mut code = code;
    while let Some(above) = code.strip_suffix("00").filter(|above| above.len() >= 2) {
        code = above;
    }
    code
}

/// The areas of the gateway's district, as far as they are known.
pub(super) fn districts<'a>(regions: &'a Regions, own: &str) -> Vec<&'a Area> {
    let own = own.get(..6).unwrap_or(own);
    let all = regions.behind(Bound::Unbounded);
    let of_district = all.filter(|(code, region)| {
        region.level == Some(Level::District) && code.starts_with(significant(own))
    });
    of_district
        .filter_map(|(_, region)| region.area.as_ref())
        .collect()
}

/// What is to be said of a position that is in none of the districts.
pub(super) fn outside(record: &Record, districts: &[&Area]) -> Option<(Column, String)> {
    let position = record.position?;
    let at = position.wgs84()?;
    if districts.is_empty() || districts.iter().any(|area| area.contains(at)) {
        return None;
    }
    let distances = districts.iter().map(|area| area.distance(at));
    let metres = distances.fold(f64::INFINITY, f64::min);
    let given = position.given();
    (metres > BORDER).then(|| {
        let message = format!(
            "`{}`, `{}` is {} outside the district: check the position",
            given.longitude,
            given.latitude,
            far(metres)
        );
        (Column::Longitude, message)
    })
}

/// What is to be said of a position outside the smallest region that its row names.
pub(super) fn elsewhere(record: &Record, regions: &Regions) -> Option<(Column, String)> {
    let at = record.position?.wgs84()?;
    let details = &record.details;
    let named = [
        (Column::Grid, Level::Grid, &details.grid),
        (Column::Community, Level::Community, &details.community),
        (Column::Town, Level::Town, &details.town),
    ];
    let smallest = named.into_iter().find_map(|(column, level, text)| {
        let (_, region) = regions.find(level, text.as_ref()?)?;
        Some((column, region, region.area.as_ref()?))
    });
    let (column, region, area) = smallest?;
    let metres = area.distance(at);
    (metres > BORDER).then(|| {
        let message = format!(
            "the position is {} outside {}: check which of them is wrong",
            far(metres),
            region.name
        );
        (column, message)
    })
}

fn far(metres: f64) -> String {
    if metres < 10_000.0 {
        format!("{metres:.0} m")
    } else {
        format!("{:.0} km", metres / 1000.0)
    }
}

/// Borders are drawn along streets, and fixes are some metres off.
const BORDER: f64 = 50.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::geo::{Datum, Point};
    use crate::catalog::{Details, Position, Region};

    #[test]
    fn a_division_of_another_district_is_wrong_unless_the_camera_is_known_with_it() {
        for (given, is_wrong) in [
            ("43021101", false),
            ("430211", false),
            ("4302", false),
            ("43020000", false),
            ("430204", true),
            ("43020401", true),
            ("43", false),
            ("440211", true),
        ] {
            let fields = [(Column::CivilCode, given.to_owned())];
            let mut row = Row::of_fields("x.csv", fields);
            check_division(&mut row, None, "430211");
            let wrong = &row.fields[&Column::CivilCode].wrong;
            assert_eq!(wrong.is_some(), is_wrong, "{given}: {wrong:?}");
        }
        let known = Record {
            civil_code: Some("430204".to_owned()),
            ..Record::sample()
        };
        let mut row = Row::of_fields("x.csv", [(Column::CivilCode, "430204".to_owned())]);
        check_division(&mut row, Some(&known), "430211");
        assert_eq!(row.text(Column::CivilCode), Some("430204"));
    }

    #[test]
    fn positions_outside_are_told_from_what_they_are_outside_of() {
        let regions = regions();
        let districts = districts(&regions, "430211");
        let told = |longitude, grid: Option<&str>| {
            let record = record(longitude, grid);
            outside(&record, &districts).or_else(|| elsewhere(&record, &regions))
        };
        assert_eq!(told(113.05, Some("G1")), None);
        assert_eq!(told(113.1003, Some("G1")), None, "within the border");
        let (column, message) = told(113.15, Some("G1")).unwrap();
        assert_eq!(column, Column::Grid);
        assert!(message.contains("4916 m outside 一号网格"), "{message}");
        assert_eq!(told(113.15, None), None);
        let (column, message) = told(121.47, Some("G1")).unwrap();
        assert_eq!(column, Column::Longitude);
        assert!(
            message.contains("`121.47`, `27.85` is 813 km outside the district"),
            "{message}"
        );
        assert_eq!(outside(&record(121.47, None), &[]), None);
    }

    fn record(longitude: f64, grid: Option<&str>) -> Record {
        let latitude = 27.85;
        Record {
            position: Some(Position::declared(
                Point {
                    longitude,
                    latitude,
                },
                Datum::Wgs84,
            )),
            details: Box::new(Details {
                grid: grid.map(str::to_owned),
                ..Details::default()
            }),
            ..Record::sample()
        }
    }

    fn regions() -> Regions {
        let region = |name: &str, level, east| Region {
            name: name.to_owned(),
            level: Some(level),
            area: Some(square(113.0, east)),
        };
        Regions::new(
            [
                (
                    "430211".to_owned(),
                    region("天元区", Level::District, 113.2),
                ),
                ("G1".to_owned(), region("一号网格", Level::Grid, 113.1)),
            ]
            .into(),
        )
    }

    fn square(west: f64, east: f64) -> Area {
        let corners = [
            (west, 27.8),
            (east, 27.8),
            (east, 27.9),
            (west, 27.9),
            (west, 27.8),
        ];
        let corners = corners.map(|(longitude, latitude)| Point {
            longitude,
            latitude,
        });
        Area::new(vec![vec![corners.to_vec()]], 5).unwrap()
    }
}
