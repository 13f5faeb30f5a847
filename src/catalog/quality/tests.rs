use std::collections::BTreeMap;
use std::net::IpAddr;

use super::super::geo::{Area, Datum, Point};
use super::super::{
    Department, Level, Location, Places, Position, Pull, Record, Region, Regions, Registry,
};
use super::*;

#[test]
fn a_whole_record_has_all_its_points() {
    for class in [1, 2, 3, 9] {
        let report = report(vec![whole(1, class)]);
        assert_eq!(report.whole.score, Some(Points(10_000)), "class {class}");
        assert_eq!(report.whole.findings, [], "class {class}");
        assert_eq!(report.whole.raises, []);
        assert_eq!(report.whole.classes[0].complete, Some(Points(10_000)));
    }
    let none = report(Vec::new());
    assert_eq!((none.whole.cameras, none.whole.score), (0, None));
}

#[test]
fn each_flaw_of_a_field_is_found_and_costs_what_the_field_is_worth() {
    use Aspect::{Address, Bearing, Mac, Position as Place, Ptz, Serial};
    costs(Kind::Missing(Place), 15, |c| c.record.position = None);
    costs(Kind::Missing(Bearing), 6, |c| c.record.bearing = None);
    costs(Kind::Missing(Ptz), 5, |c| c.record.ptz = None);
    costs(Kind::Missing(Address), 7, |c| {
        c.record.address = Some("无".into());
    });
    costs(Kind::Missing(Serial), 3, |c| {
        c.record.details.serial = Some("0".into());
    });
    costs(Kind::Missing(Mac), 3, |c| {
        c.record.details.mac = Some("00:00:00:00:00:00".into());
    });
    costs(Kind::DatumUnsure, 8, |c| {
        c.record.position = Some(Position::open(at(0.5, 0.5)));
    });
    costs(Kind::GbCodeTaken, 3, |c| {
        c.record.gb_code = Some(code(77));
    });
    costs(Kind::GbCodeKind, 3, |c| {
        c.code = "43021100111186000001".parse().unwrap();
    });
    costs(Kind::RecordDaysShort, 4, |c| {
        c.record.details.record_days = Some(29);
    });
    costs(Kind::ChannelDiffers, 0, |c| {
        c.record.details.channel = Some(2);
    });
    costs(Kind::ForbiddenPlace, 100, |c| {
        c.record.upkeep = Upkeep::NotAllowed;
        c.record.position = None;
    });
}

#[test]
fn each_flaw_of_a_place_is_found_and_costs_what_the_place_is_worth() {
    costs(Kind::OutsideDistrict, 15, |c| {
        // Of regions whose areas nobody knows.
        c.record.details.town = Some("马家河街道".into());
        c.record.details.grid = None;
        c.record.details.community = Some("和平社区".into());
        stand(c, 1.1, 0.5);
    });
    for grid in ["G2", "第二网格"] {
        costs(Kind::Elsewhere(Place::Grid), 4, |c| {
            c.record.details.grid = Some(grid.into());
        });
    }
    costs(Kind::UnknownRegion(Place::Grid), 4, |c| {
        c.record.details.grid = Some("G9".into());
    });
    costs(Kind::Elsewhere(Place::Town), 7, |c| {
        c.record.details.town = Some("栗雨街道".into());
        c.record.civil_code = None;
    });
    for civil_code in ["43021102", "430204"] {
        costs(Kind::CivilCodeTown, 7, |c| {
            c.record.civil_code = Some(civil_code.into());
        });
    }
}

/// Checks that a flaw is told as that kind and no other, and costs so many points.
fn costs(kind: Kind, points: u32, flaw: impl Fn(&mut Camera)) {
    let mut camera = whole(1, 1);
    flaw(&mut camera);
    let part = report(vec![camera]).whole;
    let found: Vec<_> = part.findings.iter().map(|f| (f.kind, f.count)).collect();
    assert_eq!(found, [(kind, 1)]);
    assert_eq!(part.score, Some(Points(10_000 - points * 100)), "{kind:?}");
    let raises = part.raises.iter().map(|raise| (raise.kind, raise.by));
    let expected = (points > 0).then_some((kind, Points(points * 100)));
    assert_eq!(Vec::from_iter(raises), Vec::from_iter(expected));
}

#[test]
fn what_is_right_in_another_way_is_no_flaw() {
    type Change = fn(&mut Camera);
    let table: [Change; 9] = [
        // One that turns looks everywhere.
        |c| {
            c.record.ptz = Some(1);
            c.record.bearing = None;
            c.record.details.fov = None;
        },
        // On the border of the district and of its grid.
        |c| stand(c, -0.0004, 0.5),
        |c| c.record.civil_code = Some("4302110100".get(..8).unwrap().into()),
        |c| c.record.civil_code = None,
        |c| c.record.details.town = Some("43021101".into()),
        |c| c.record.details.community = Some("和平社区".into()),
        |c| c.record.gb_code = Some(code(1)),
        |c| c.record.details.record_days = Some(30),
        |c| c.record.details.channel = Some(1),
    ];
    for (number, change) in table.into_iter().enumerate() {
        let mut camera = whole(1, 1);
        change(&mut camera);
        assert_eq!(report(vec![camera]).whole.findings, [], "{number}");
    }
}

#[test]
fn towns_with_the_codes_of_statistics_are_compared_by_their_district() {
    let regions = || regions(&[("430211001", "泰山路街道", Level::Town, None)]);
    for (civil_code, is_right) in [("43021101", true), ("430211", true), ("430204", false)] {
        let mut camera = whole(1, 2);
        camera.record.details.town = Some("泰山路街道".into());
        camera.record.civil_code = Some(civil_code.into());
        let part = report_with(vec![camera], regions()).whole;
        assert_eq!(part.findings.is_empty(), is_right, "{civil_code}");
    }
}

#[test]
fn where_no_district_is_known_it_is_all_areas_together() {
    let areas = || {
        regions(&[
            ("G1", "第一网格", Level::Grid, Some((0.0, 0.0))),
            ("G2", "第二网格", Level::Grid, Some((1.0, 0.0))),
        ])
    };
    for (east, is_inside) in [(0.5, true), (1.5, true), (2.1, false)] {
        let mut camera = whole(1, 3);
        camera.record.details = Box::new(super::super::Details {
            grid: None,
            ..*camera.record.details
        });
        stand(&mut camera, east, 0.5);
        let part = report_with(vec![camera], areas()).whole;
        assert_eq!(part.findings.is_empty(), is_inside, "{east}");
    }
    let mut far = whole(1, 3);
    stand(&mut far, 50.0, 0.5);
    assert_eq!(
        report_with(vec![far], Regions::default()).whole.findings,
        []
    );
}

#[test]
fn an_aspect_is_lost_once_and_the_losses_are_the_way_to_a_hundred() {
    let cameras = flawed();
    let part = report(cameras).whole;
    let raises: u32 = part.raises.iter().map(|raise| raise.by.0).sum();
    let score = part.score.unwrap().0;
    let rounded = part.raises.len() as u32;
    let sum = score + raises;
    assert!(
        (10_000 - rounded..=10_000 + rounded).contains(&sum),
        "{score} + {raises}"
    );
    let by: Vec<_> = part.raises.iter().map(|raise| raise.by).collect();
    assert!(by.is_sorted_by(|a, b| a >= b), "{by:?}");
    // A duplicate by two signs loses the five points once.
    let mut twins = [whole(1, 1), whole(2, 1)];
    twins[1].record.details.serial = twins[0].record.details.serial.clone();
    twins[1].record.details.mac = twins[0].record.details.mac.clone();
    let part = report(twins.to_vec()).whole;
    let found: Vec<_> = part.findings.iter().map(|f| (f.kind, f.count)).collect();
    let serial = Kind::Duplicate(Sameness::Serial);
    assert_eq!(found, [(serial, 2), (Kind::Duplicate(Sameness::Mac), 2)]);
    assert_eq!(part.score, Some(Points(9500)));
    assert_eq!(part.raises.len(), 1);
    assert_eq!(
        (part.raises[0].kind, part.raises[0].by),
        (serial, Points(500))
    );
    assert_eq!(part.duplicates.len(), 2);
    assert_eq!(part.duplicates[0].one.name, "路口1东门");
}

#[test]
fn what_its_owner_took_out_of_service_is_not_judged() {
    let mut old = whole(2, 1);
    old.record.details.serial = whole(1, 1).record.details.serial;
    old.record.position = None;
    old.record.upkeep = Upkeep::Disabled;
    let part = report(vec![whole(1, 1), old]).whole;
    assert_eq!((part.cameras, part.disabled), (1, 1));
    assert_eq!((part.score, part.findings.len()), (Some(Points(10_000)), 0));
    assert_eq!(part.duplicates, []);
}

#[test]
fn the_order_of_cameras_does_not_matter() {
    let expected = report(flawed());
    for turn in [1, 7, 20] {
        let mut cameras = flawed();
        cameras.rotate_left(turn);
        assert_eq!(report(cameras), expected, "{turn}");
    }
    let mut cameras = flawed();
    cameras.reverse();
    assert_eq!(report(cameras), expected);
}

#[test]
fn a_department_is_judged_by_its_own_cameras() {
    let mut other = whole(2, 2);
    other.record.department = "health".into();
    other.record.address = None;
    other.record.details.serial = whole(1, 1).record.details.serial;
    let report = report(vec![whole(1, 1), other]);
    let scores: Vec<_> = report.departments.iter().map(|part| part.score).collect();
    assert_eq!(scores, [Some(Points(9500)), Some(Points(8600)), None]);
    assert_eq!(report.whole.score, Some(Points(9050)));
    let health = report.department("health").unwrap();
    assert_eq!(
        health.duplicates.len(),
        1,
        "its other half is in another department"
    );
    assert_eq!(health.classes.len(), 1);
    assert_eq!(
        (health.classes[0].point_class, health.classes[0].cameras),
        (2, 1)
    );
    let address = health.classes[0]
        .fields
        .iter()
        .find(|f| f.field == Aspect::Address);
    assert_eq!(
        address.map(|field| (field.needed, field.filled)),
        Some((1, 0))
    );
    assert_eq!(report.department("housing"), None);
}

#[test]
fn a_hundred_is_only_what_lacks_nothing() {
    let cameras = (0..30_000).map(|number| {
        let mut camera = whole(number, 1);
        if number == 0 {
            camera.record.room = None;
        }
        camera
    });
    let part = report(cameras.collect()).whole;
    assert_eq!(part.score, Some(Points(9_999)));
    assert_eq!(part.raises[0].by, Points(1));
    assert_eq!(part.findings[0].count, 1);
}

#[test]
fn rows_and_text_say_the_same() {
    let report = report(flawed());
    let rows = rows(std::iter::once(&report.whole).chain(&report.departments));
    assert!(
        rows.iter().all(|row| row.len() == rows[0].len()),
        "{rows:?}"
    );
    let of = |name: &str| {
        rows.iter()
            .filter(|row| row[0].is_empty() && row[2] == name)
            .count()
    };
    assert_eq!(of("score"), 1);
    assert_eq!(of("finding"), report.whole.findings.len());
    assert_eq!(of("raise"), report.whole.raises.len());
    let raise = rows.iter().find(|row| row[2] == "raise").unwrap();
    assert_eq!(raise[7], report.whole.raises[0].by.to_string());
    let text = text(std::iter::once(&report.whole));
    let first = &report.whole.raises[0];
    let told = format!(
        "+{} {} / {}",
        first.by,
        first.kind.zh(first.count),
        first.kind.en(first.count)
    );
    assert!(text.contains(&told), "{told}\n{text}");
    let example = &report.whole.findings[0].examples[0];
    assert!(
        text.contains(&format!("{} {}", example.id, example.name)),
        "{text}"
    );
}

/// Cameras with flaws of many kinds, all of them different ones.
fn flawed() -> Vec<Camera> {
    let cameras = (0..40).map(|number| {
        let mut camera = whole(number, [1, 2, 3, 9][number as usize % 4]);
        let record = &mut camera.record;
        if number % 2 == 0 {
            record.bearing = None;
        }
        match number % 7 {
            0 => record.position = None,
            1 => record.details.serial = Some("SN-0001".into()),
            2 => record.details.grid = Some("G2".into()),
            3 => record.position = Some(Position::unsure(at(0.3, 0.3))),
            4 => record.upkeep = Upkeep::NotAllowed,
            5 => record.location = Location::new("10.0.0.9", 554, "/Streaming/Channels/101"),
            _ => {}
        }
        camera
    });
    cameras.collect()
}

/// A camera of which all is known, and right.
fn whole(number: u32, point_class: u8) -> Camera {
    let host = IpAddr::from([10, 1, (number / 250) as u8, (number % 250) as u8]).to_string();
    let mut record = Record::sample();
    record.name = format!("路口{number}东门");
    record.location = Location::new(host, 554, "/Streaming/Channels/101");
    record.point_class = point_class;
    record.organisation = Some("天元小学".into());
    record.civil_code = Some("43021101".into());
    record.address = Some("泰山路1号".into());
    record.position = Some(Position::declared(at(0.5, 0.5), Datum::Wgs84));
    (record.ptz, record.room, record.light) = (Some(3), Some(1), Some(2));
    record.bearing = Some(90);
    record.manufacturer = Some("海康威视".into());
    record.model = Some("DS-2CD2T47".into());
    let details = &mut record.details;
    details.town = Some("泰山路街道".into());
    details.grid = Some("第一网格".into());
    details.place_type = Some("学校门口".into());
    (details.fov, details.view_distance) = (Some(80), Some(50));
    details.serial = Some(format!("SN-2021-{number:06}"));
    details.mac = Some(format!(
        "44:19:b6:{:02x}:{:02x}:01",
        number >> 8,
        number & 0xff
    ));
    details.install_time = Some("2021-03".into());
    details.record_days = Some(90);
    details.contact = Some("张 0731-2200".into());
    details.legal_basis = Some("7-2-1".into());
    Camera {
        id: CameraId::derive("education", &number.to_string(), 0),
        code: code(number),
        record,
        pull: Pull::OnDemand,
    }
}

fn code(number: u32) -> super::super::GbCode {
    format!("43021100111326{number:06}").parse().unwrap()
}

/// Puts a camera so many sides of a grid to the east and north.
fn stand(camera: &mut Camera, east: f64, north: f64) {
    camera.record.position = Some(Position::declared(at(east, north), Datum::Wgs84));
}

fn at(east: f64, north: f64) -> Point {
    Point {
        longitude: 113.13 + 0.01 * east,
        latitude: 27.82 + 0.01 * north,
    }
}

fn report(cameras: Vec<Camera>) -> Report {
    let known = [
        ("430211", "天元区", Level::District, Some((0.0, 0.0))),
        ("430204", "石峰区", Level::District, Some((1.0, 0.0))),
        ("43021101", "泰山路街道", Level::Town, Some((0.0, 0.0))),
        ("43021102", "栗雨街道", Level::Town, Some((5.0, 0.0))),
        ("430211009", "马家河街道", Level::Town, None),
        ("G1", "第一网格", Level::Grid, Some((0.0, 0.0))),
        ("G2", "第二网格", Level::Grid, Some((1.0, 0.0))),
    ];
    report_with(cameras, regions(&known))
}

fn report_with(cameras: Vec<Camera>, regions: Regions) -> Report {
    let departments = ["education", "health", "park"].map(|id| Department {
        id: id.into(),
        ..Department::sample()
    });
    let places = Places {
        civil_code: "430211".into(),
        regions: Arc::new(regions),
    };
    let cameras = cameras.into_iter().map(Arc::new).collect();
    let catalog = Catalog::new(
        cameras,
        departments.into(),
        &Registry::default(),
        places,
        None,
    );
    Report::of(&catalog, 5)
}

/// Code, name, level, and the corner of its area.
type Known<'a> = (&'a str, &'a str, Level, Option<(f64, f64)>);

/// Regions, some with an area: a square of a hundredth of a degree.
fn regions(known: &[Known<'_>]) -> Regions {
    let region = |(code, name, level, corner): &Known<'_>| {
        let area = corner.map(|(east, north)| {
            let corners = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0), (0.0, 0.0)];
            let ring = corners.map(|(x, y)| at(east + x, north + y));
            Area::new(vec![vec![ring.to_vec()]], 10).unwrap()
        });
        let region = Region {
            name: (*name).to_owned(),
            level: Some(*level),
            area,
        };
        ((*code).to_owned(), region)
    };
    Regions::new(BTreeMap::from_iter(known.iter().map(region)))
}
