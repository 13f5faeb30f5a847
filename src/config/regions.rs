//! Administrative divisions and grids, from a GeoJSON file whose features have `code` and `name`, and may have `level`
//! (district, town, community, grid) and a Polygon or MultiPolygon.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::values::check_size;
use crate::catalog::geo::{Area, Point};
use crate::catalog::{Level, Region, Regions};
use crate::problem::none_of;

#[derive(Deserialize)]
struct Collection {
    features: Vec<Feature>,
}

#[derive(Deserialize)]
struct Feature {
    properties: Properties,
    #[serde(default)]
    geometry: Option<Geometry>,
}

#[derive(Deserialize)]
struct Properties {
    code: String,
    name: String,
    #[serde(default)]
    level: Option<String>,
}

/// Longitude and latitude; a height may follow.
type Position = Vec<f64>;

#[derive(Deserialize)]
#[serde(tag = "type", content = "coordinates")]
enum Geometry {
    Polygon(Vec<Vec<Position>>),
    MultiPolygon(Vec<Vec<Vec<Position>>>),
}

/// Reads the regions by code.
pub(super) fn read(path: &Path) -> Result<Regions, String> {
    let shown = path.display();
    check_size(path, BYTES_MAX)?;
    let text = std::fs::read_to_string(path).map_err(|error| format!("{shown}: {error}"))?;
    let collection: Collection = serde_json::from_str(&text).map_err(|error| {
        format!("{shown} is no GeoJSON of divisions with code and name: {error}")
    })?;
    let mut regions = BTreeMap::new();
    for feature in collection.features {
        let (code, name) = (feature.properties.code.clone(), &feature.properties.name);
        let told = format!("{shown}: {name} ({code})");
        let region = region(feature).map_err(|wrong| format!("{told} {wrong}"))?;
        if regions.insert(code, region).is_some() {
            return Err(format!("{told} has a code that stands there twice"));
        }
    }
    Ok(Regions::new(regions))
}

fn region(feature: Feature) -> Result<Region, String> {
    let properties = feature.properties;
    let level = properties.level.map(|name| level(&name)).transpose()?;
    let polygons = match feature.geometry {
        None => None,
        Some(Geometry::Polygon(rings)) => Some(vec![rings]),
        Some(Geometry::MultiPolygon(polygons)) => Some(polygons),
    };
    let area = polygons.map(|polygons| {
        let polygons = polygons.into_iter().map(|rings| {
            let rings = rings.into_iter();
            rings.map(|ring| ring.iter().map(point).collect()).collect()
        });
        Area::new(polygons.collect(), POSITIONS_MAX).map_err(|error| error.to_string())
    });
    Ok(Region {
        name: properties.name,
        level,
        area: area.transpose()?,
    })
}

fn level(name: &str) -> Result<Level, String> {
    let found = Level::ALL.into_iter().find(|level| level.name() == name);
    found.ok_or_else(|| {
        let known = Level::ALL.map(Level::name);
        format!(
            "has a wrong level: {}",
            none_of(name, "level", known.into_iter())
        )
    })
}

/// What is missing is out of range.
fn point(position: &Position) -> Point {
    let degrees = |number: usize| position.get(number).copied().unwrap_or(f64::NAN);
    Point {
        longitude: degrees(0),
        latitude: degrees(1),
    }
}

const BYTES_MAX: u64 = 32 << 20;
const POSITIONS_MAX: usize = 100_000;
