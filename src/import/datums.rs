//! Finds out what positions are measured from, where their source does not say.

use std::collections::BTreeMap;

use crate::catalog::geo::{Area, Evidence, Point, detect};
use crate::catalog::{Level, Position, Record, Regions};
use crate::problem::Problem;

/// Sets the datum of positions whose source does not name it, for each file and department: the one in which they are
/// where their grids or communities are. Where that is not sure they stay as they are, and a warning says so.
pub fn settle_datums<'a>(
    records: impl IntoIterator<Item = &'a mut Record>,
    regions: &Regions,
) -> Vec<Problem> {
    let mut groups: BTreeMap<(String, String), Vec<&mut Record>> = BTreeMap::new();
    for record in records {
        if record.position.is_some_and(|position| position.is_open()) {
            let key = (record.origin.file.clone(), record.department.clone());
            groups.entry(key).or_default().push(record);
        }
    }
    let settled = groups.into_iter();
    settled
        .filter_map(|((file, department), records)| settle(&file, &department, records, regions))
        .collect()
}

fn settle(
    file: &str,
    department: &str,
    records: Vec<&mut Record>,
    regions: &Regions,
) -> Option<Problem> {
    let rows = records
        .iter()
        .filter_map(|record| declared(record, regions));
    let (found, evidence) = detect(rows);
    let Some(datum) = found else {
        let first = records.first()?.origin.line;
        let message = unsure(department, records.len(), &evidence);
        return Some(Problem::warning(file, first, 0, &message));
    };
    for record in records {
        let position = record.position.map(|position| position.given());
        record.position = position.map(|given| Position::found(given, datum));
    }
    None
}

/// Where a record's position is said to be: the smallest region that has an area.
fn declared<'a>(record: &Record, regions: &'a Regions) -> Option<(Point, &'a Area)> {
    let details = &record.details;
    let named = [
        (Level::Grid, &details.grid),
        (Level::Community, &details.community),
    ];
    let area = named.into_iter().find_map(|(level, name)| {
        let (_, region) = regions.find(level, name.as_ref()?)?;
        region.area.as_ref()
    });
    Some((record.position?.given(), area?))
}

fn unsure(department: &str, count: usize, evidence: &Evidence) -> String {
    let Evidence {
        wgs84,
        gcj02,
        bd09,
        rows,
    } = evidence;
    let why = if *rows == 0 {
        "none of them names a grid or community whose area is known".to_owned()
    } else {
        format!(
            "of {rows} with a known grid or community {wgs84} are there in wgs84, {gcj02} in gcj02, {bd09} in bd09"
        )
    };
    format!(
        "department {department}: the datum of {count} positions is unsure, so they are taken as they are: {why}: \
         name it in the column datum"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::geo::Datum;
    use crate::catalog::{Details, Region};

    #[test]
    fn positions_are_found_by_their_grids_for_each_file_and_department() {
        let mut records = Vec::new();
        for n in 0..20 {
            let datum = if n % 2 == 0 {
                Datum::Bd09
            } else {
                Datum::Wgs84
            };
            let department = if n % 2 == 0 { "education" } else { "health" };
            records.push(record(department, Some("G1"), datum.of_wgs84(inside(n))));
            // Beside the others, and without a grid of its own.
            records.push(record(department, None, datum.of_wgs84(inside(n))));
        }
        let said = record("education", None, inside(3));
        let said = Record {
            position: Some(Position::declared(inside(3), Datum::Gcj02)),
            ..said
        };
        records.push(said);
        records.push(record("park", Some("G1"), inside(1)));
        let warnings = settle_datums(&mut records, &regions());
        for (n, pair) in (0..20).zip(records.chunks(2)) {
            for record in pair {
                let position = record.position.unwrap();
                assert!(position.wgs84().unwrap().distance(inside(n)) < 0.01);
                assert!(!position.is_declared());
            }
        }
        let [.., said, alone] = &records[..] else {
            panic!("no records");
        };
        assert_eq!(said.position.unwrap().datum(), Some(Datum::Gcj02));
        assert_eq!(alone.position.unwrap().wgs84(), None);
        let told: Vec<_> = warnings.iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("department park: the datum of 1 positions is unsure"));
    }

    /// Some points of a grid of 500 m.
    fn inside(n: i32) -> Point {
        Point {
            longitude: 113.0 + 0.0002 * f64::from(n),
            latitude: 27.8 + 0.0002 * f64::from(n),
        }
    }

    fn regions() -> Regions {
        let at = |longitude, latitude| Point {
            longitude,
            latitude,
        };
        let ring = vec![
            at(112.9995, 27.7995),
            at(113.0045, 27.7995),
            at(113.0045, 27.8045),
            at(112.9995, 27.8045),
            at(112.9995, 27.7995),
        ];
        let grid = Region {
            name: "泰山路第一网格".to_owned(),
            level: Some(Level::Grid),
            area: Some(Area::new(vec![vec![ring]], 5).unwrap()),
        };
        Regions::new([("G1".to_owned(), grid)].into())
    }

    fn record(department: &str, grid: Option<&str>, given: Point) -> Record {
        Record {
            department: department.to_owned(),
            position: Some(Position::open(given)),
            details: Box::new(Details {
                grid: grid.map(str::to_owned),
                ..Details::default()
            }),
            ..Record::sample()
        }
    }
}
