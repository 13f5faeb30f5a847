//! Inventory files to records: `import::read_rows`, `import::clean`, `import::to_record`. The reader takes a path only, so
//! every input goes through a file.
//!
//! ```text
//! `y` YAML, anything else CSV | the file
//! ```

#![no_main]

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use huiju::catalog::{Department, DepartmentLimits, Level, Pull, Record, Region, Regions};
use huiju::import::{Column, Row, Terms, clean, read_rows, to_record, warnings};
use huiju::problem::Problem;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((kind, file)) = data.split_first() else {
        return;
    };
    let extension = if *kind == b'y' { "yaml" } else { "csv" };
    let path = scratch().join(format!("{}.{extension}", std::process::id()));
    std::fs::write(&path, file).expect("a folder to write to");
    let rows = match read_rows(&path) {
        Ok(rows) => rows,
        Err(problems) => {
            assert!(!problems.is_empty());
            let is_said = |problem: &Problem| !problem.message.is_empty();
            assert!(problems.iter().all(is_said));
            return;
        }
    };
    let (departments, regions) = (departments(), regions());
    let terms = Terms {
        departments: &departments,
        regions: &regions,
        only: None,
        exact_departments: false,
    };
    assert!(!rows.is_empty());
    let lines = 1 + file
        .iter()
        .filter(|byte| matches!(byte, b'\n' | b'\r'))
        .count() as u64;
    for warning in warnings(&rows, &departments) {
        assert!(!warning.message.contains(SECRET), "{warning}");
    }
    for row in rows {
        assert!(
            (1..=lines).contains(&row.line),
            "line {} of {lines}",
            row.line
        );
        let has_secret = holds_secret(&row);
        let cleaned = clean(row, &terms);
        let guesses = cleaned.guesses.iter().map(ToString::to_string);
        let warnings = cleaned
            .warnings
            .iter()
            .map(|warning| warning.message.clone());
        let said: String = guesses.chain(warnings).collect();
        assert!(!has_secret || !said.contains(SECRET), "{said}");
        let mut row = cleaned.row;
        row.drop_empty();
        let told = match to_record(&row, &departments) {
            Ok(record) => {
                check(&record, &departments);
                format!("{record:?}")
            }
            Err(problems) => {
                assert!(!problems.is_empty());
                problems.iter().map(ToString::to_string).collect()
            }
        };
        assert!(!has_secret || !told.contains(SECRET), "{told}");
    }
});

fn regions() -> Regions {
    let region = |name: &str, level| Region {
        name: name.to_owned(),
        level: Some(level),
        area: None,
    };
    Regions::new(BTreeMap::from([
        ("430211".to_owned(), region("天元区", Level::District)),
        ("43021101".to_owned(), region("泰山路街道", Level::Town)),
        (
            "43021101001".to_owned(),
            region("滨江社区", Level::Community),
        ),
        (
            "43021102001".to_owned(),
            region("滨江社区", Level::Community),
        ),
        (
            "43021101001001".to_owned(),
            region("湘江01网格", Level::Grid),
        ),
    ]))
}

fn check(record: &Record, departments: &[Department]) {
    let found = departments
        .iter()
        .find(|department| department.id == record.department);
    let department = found.expect("a department that there is");
    assert!(department.ports.contains(&record.location.port));
    if let Ok(address) = record.location.host.parse::<IpAddr>() {
        let networks = &department.networks;
        let address = address.to_canonical();
        assert!(networks.is_empty() || networks.iter().any(|network| network.contains(&address)));
    }
    assert!(!record.name.is_empty() && record.name.len() <= 1024);
    assert!(matches!(record.point_class, 1 | 2 | 3 | 9));
    assert!(record.bearing.is_none_or(|degrees| degrees < 360));
    if let Some(position) = record.position {
        let place = position.given();
        assert!(place.longitude.abs() <= 180.0 && place.latitude.abs() <= 90.0);
    }
}

/// Whether the row has the secret where a secret belongs, and nowhere else.
fn holds_secret(row: &Row) -> bool {
    let mut fields = row
        .fields
        .iter()
        .filter(|(_, field)| field.text.contains(SECRET));
    let is_password = matches!(fields.next(), Some((Column::Password, _)));
    is_password && fields.next().is_none()
}

fn departments() -> [Department; 2] {
    let department = |id: &str, name: &str, network: &str, ports| Department {
        id: id.to_owned(),
        name: name.to_owned(),
        networks: vec![network.parse().expect("a network")],
        ports,
        pull: Pull::OnDemand,
        industry: "11".to_owned(),
        network: 6,
        probe_interval: None,
        credentials: BTreeMap::new(),
        limits: DepartmentLimits::default(),
        shared_with: None,
    };
    [
        department("education", "区教育局", "10.11.0.0/16", vec![554]),
        department("social", "社会面", "fd00::/8", vec![554, 8554]),
    ]
}

/// `run` says where.
fn scratch() -> PathBuf {
    std::env::temp_dir()
}

const SECRET: &str = "s3cret";
