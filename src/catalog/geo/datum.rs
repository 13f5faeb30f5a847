//! What a longitude and a latitude are measured from.
//!
//! Maps sold in China are moved: GCJ-02 by a published formula of sines, BD-09 by another on top of it. CGCS2000 is
//! WGS-84 within centimetres.

use std::f64::consts::PI;
use std::str::FromStr;

use super::Point;

/// A datum that positions in China are given in.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Datum {
    /// That of satellite navigation.
    Wgs84,
    /// That of the State Bureau of Surveying and Mapping's maps, of Amap and Tencent.
    Gcj02,
    /// That of Baidu's maps.
    Bd09,
    /// China's geodetic system of 2000; here the same as WGS-84.
    Cgcs2000,
}

impl Datum {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Wgs84, Self::Gcj02, Self::Bd09, Self::Cgcs2000];

    /// The name that files and the API use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Wgs84 => "wgs84",
            Self::Gcj02 => "gcj02",
            Self::Bd09 => "bd09",
            Self::Cgcs2000 => "cgcs2000",
        }
    }

    /// A point of this datum in WGS-84, within a centimetre.
    pub fn to_wgs84(self, point: Point) -> Point {
        match self {
            Self::Wgs84 | Self::Cgcs2000 => point,
            Self::Gcj02 => undo(gcj02_of_wgs84, point),
            Self::Bd09 => undo(gcj02_of_wgs84, undo(bd09_of_gcj02, point)),
        }
    }

    /// A point of WGS-84 in this datum.
    pub fn of_wgs84(self, point: Point) -> Point {
        match self {
            Self::Wgs84 | Self::Cgcs2000 => point,
            Self::Gcj02 => gcj02_of_wgs84(point),
            Self::Bd09 => bd09_of_gcj02(gcj02_of_wgs84(point)),
        }
    }
}

impl FromStr for Datum {
    type Err = ();

    /// Reads a name as departments write it: signs, case, and words such as 坐标系 do not matter. Two names, as in
    /// `GCJ02（高德）`, must mean the same.
    fn from_str(text: &str) -> Result<Self, ()> {
        let parts = text.split(['(', ')', '（', '）', '/', '、']);
        let parts = parts.map(bare_name).filter(|name| !name.is_empty());
        let mut found = parts.map(|name| named(&name));
        let first = found.next().flatten().ok_or(())?;
        if found.all(|other| other == Some(first)) {
            Ok(first)
        } else {
            Err(())
        }
    }
}

fn bare_name(text: &str) -> String {
    let letters = text.chars().filter(|sign| sign.is_alphanumeric());
    let name: String = letters.flat_map(char::to_lowercase).collect();
    let name = name.strip_suffix('系').unwrap_or(&name);
    let name = name.strip_suffix("坐标").unwrap_or(name);
    match name.strip_suffix("地图") {
        // 天地图 is a name of its own.
        Some(name) if name != "天" => name.to_owned(),
        _ => name.to_owned(),
    }
}

fn named(name: &str) -> Option<Datum> {
    let found = NAMES.iter().find(|(_, names)| names.contains(&name));
    found.map(|(datum, _)| *datum)
}

const NAMES: [(Datum, &[&str]); 4] = [
    (Datum::Wgs84, &["wgs84", "wgs1984", "84", "gps"]),
    (
        Datum::Gcj02,
        &[
            "gcj02",
            "gcj02ll",
            "gcj",
            "高德",
            "腾讯",
            "火星",
            "国测局",
            "国测局02",
        ],
    ),
    (Datum::Bd09, &["bd09", "bd09ll", "百度"]),
    (
        Datum::Cgcs2000,
        &[
            "cgcs2000",
            "2000",
            "国家2000",
            "2000国家",
            "国家大地2000",
            "国家2000大地",
            "2000国家大地",
            "2000大地",
            "大地2000",
            "天地图",
        ],
    ),
];

/// Where a map that moves points a little moved one from: what it moves there to is brought nearer step by step.
fn undo(moved: fn(Point) -> Point, point: Point) -> Point {
    let mut from = point;
    for _ in 0..STEPS {
        let to = moved(from);
        from.longitude += point.longitude - to.longitude;
        from.latitude += point.latitude - to.latitude;
    }
    from
}

/// Each makes what is left some thousand times smaller.
const STEPS: usize = 5;

fn gcj02_of_wgs84(point: Point) -> Point {
    if !is_moved(point) {
        return point;
    }
    let (x, y) = (point.longitude - 105.0, point.latitude - 35.0);
    let root = x.abs().sqrt();
    let waves = |value: f64, parts: [(f64, f64); 2]| -> f64 {
        let parts = parts.map(|(height, length)| height * (value * PI / length).sin());
        parts.iter().sum::<f64>() * 2.0 / 3.0
    };
    let common = waves(x, [(20.0, 1.0 / 6.0), (20.0, 0.5)]);
    let north = -100.0
        + 2.0 * x
        + 3.0 * y
        + 0.2 * y * y
        + 0.1 * x * y
        + 0.2 * root
        + common
        + waves(y, [(20.0, 1.0), (40.0, 3.0)])
        + waves(y, [(160.0, 12.0), (320.0, 30.0)]);
    let east = 300.0
        + x
        + 2.0 * y
        + 0.1 * x * x
        + 0.1 * x * y
        + 0.1 * root
        + common
        + waves(x, [(20.0, 1.0), (40.0, 3.0)])
        + waves(x, [(150.0, 12.0), (300.0, 30.0)]);
    let latitude = point.latitude.to_radians();
    let flat = 1.0 - ECCENTRICITY * latitude.sin().powi(2);
    let along = AXIS * (1.0 - ECCENTRICITY) / (flat * flat.sqrt());
    let across = AXIS / flat.sqrt() * latitude.cos();
    Point {
        longitude: point.longitude + (east / across).to_degrees(),
        latitude: point.latitude + (north / along).to_degrees(),
    }
}

fn bd09_of_gcj02(point: Point) -> Point {
    if !is_moved(point) {
        return point;
    }
    let (x, y) = (point.longitude, point.latitude);
    let turn = PI * 3000.0 / 180.0;
    let radius = x.hypot(y) + 0.000_02 * (y * turn).sin();
    let angle = y.atan2(x) + 0.000_003 * (x * turn).cos();
    Point {
        longitude: radius * angle.cos() + 0.0065,
        latitude: radius * angle.sin() + 0.006,
    }
}

/// The box outside which maps are not moved.
fn is_moved(point: Point) -> bool {
    (72.004..=137.8347).contains(&point.longitude) && (0.8293..=55.8271).contains(&point.latitude)
}

/// Of Krasovsky's ellipsoid, in metres, and its eccentricity squared.
const AXIS: f64 = 6_378_245.0;
const ECCENTRICITY: f64 = 0.006_693_421_622_965_943;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_that_is_moved_there_and_back_is_where_it_was() {
        for step in 0..2000 {
            let part = |prime: usize| (step * prime % 1999) as f64 / 1999.0;
            let point = Point {
                longitude: 73.0 + 64.0 * part(7),
                latitude: 3.0 + 51.0 * part(13),
            };
            for datum in Datum::ALL {
                let back = datum.to_wgs84(datum.of_wgs84(point));
                assert!(back.distance(point) < 0.01, "{datum:?} {point:?}");
            }
        }
    }

    #[test]
    fn names_are_read_as_departments_write_them() {
        for (text, datum) in [
            ("WGS-84", Datum::Wgs84),
            (" gps ", Datum::Wgs84),
            ("GCJ_02", Datum::Gcj02),
            ("高德", Datum::Gcj02),
            ("火星坐标系", Datum::Gcj02),
            ("BD-09", Datum::Bd09),
            ("百度地图", Datum::Bd09),
            ("2000国家大地坐标系", Datum::Cgcs2000),
            ("国家2000大地坐标系", Datum::Cgcs2000),
            ("天地图", Datum::Cgcs2000),
            ("天地图坐标", Datum::Cgcs2000),
            ("腾讯坐标系", Datum::Gcj02),
            ("GCJ02（高德）", Datum::Gcj02),
            ("WGS84坐标", Datum::Wgs84),
        ] {
            assert_eq!(text.parse(), Ok(datum), "{text}");
        }
        // BD-09MC is in metres.
        for text in ["北京54", "bd09mc", "高德/百度", "坐标系", ""] {
            assert_eq!(text.parse::<Datum>(), Err(()), "{text}");
        }
        for datum in Datum::ALL {
            assert_eq!(datum.name().parse(), Ok(datum));
        }
    }
}
