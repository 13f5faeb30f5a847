//! Whether cameras are where they are said to be.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use super::super::geo::{Area, Index, Point};
use super::super::{Camera, Catalog, Level, Region, Regions};
use super::finding::Place;

/// Where the cameras of a catalogue are; of those that are nowhere known, nothing is said.
#[derive(Debug)]
pub(super) struct Places<'a> {
    catalog: &'a Catalog,
    /// Whether cameras are inside the district; `None` where no area is known.
    inside: Option<Vec<bool>>,
    /// The cameras that are not in the region that they name.
    elsewhere: HashMap<usize, Vec<Place>>,
    /// Levels of which regions are known.
    levels: Vec<Level>,
}

impl<'a> Places<'a> {
    pub(super) fn new(catalog: &'a Catalog) -> Self {
        let cameras = catalog.cameras();
        let positions = cameras.iter().map(|camera| globe(camera));
        let around = (0..)
            .zip(positions)
            .filter_map(|(number, at)| Some((number, at?)));
        let around = Index::new(
            around.flat_map(|(number, at)| with_border(at).map(|point| (number, point))),
        );
        let regions = catalog.regions();
        let district = district(regions, catalog.civil_code());
        let inside = (!district.is_empty()).then(|| {
            let mut inside = vec![false; cameras.len()];
            let found = district.iter().flat_map(|area| around.inside(area));
            for number in found {
                if let Some(inside) = inside.get_mut(*number) {
                    *inside = true;
                }
            }
            inside
        });
        let is_known = |level: &Level| regions.names(*level).next().is_some();
        let levels = Level::ALL.into_iter().filter(is_known);
        Self {
            catalog,
            inside,
            elsewhere: elsewhere(catalog, &around),
            levels: levels.collect(),
        }
    }

    /// Whether the camera of that number is outside the district.
    pub(super) fn is_outside(&self, number: usize) -> bool {
        let is_placed = self
            .catalog
            .cameras()
            .get(number)
            .is_some_and(|camera| globe(camera).is_some());
        let inside = self.inside.as_ref().and_then(|inside| inside.get(number));
        is_placed && inside == Some(&false)
    }

    /// The levels whose region the camera of that number names and is not in.
    pub(super) fn elsewhere(&self, number: usize) -> &[Place] {
        self.elsewhere.get(&number).map_or(&[], Vec::as_slice)
    }

    /// Whether a camera names a region of that level that nobody knows, though others of its level are known.
    pub(super) fn is_unknown(&self, camera: &Camera, place: Place) -> bool {
        let level = place.level();
        let named = named(camera, place);
        named.is_some_and(|text| {
            self.levels.contains(&level) && self.catalog.regions().find(level, text).is_none()
        })
    }

    /// Whether a camera's division is not that of its town. Codes of towns may have 8 digits, as divisions have, or 9,
    /// as statistics have: then the district's six are compared.
    pub(super) fn is_of_other_division(&self, camera: &Camera) -> bool {
        let town = named(camera, Place::Town);
        let town = town.and_then(|town| self.catalog.regions().find(Level::Town, town));
        let (Some((town, _)), Some(own)) = (town, camera.record.civil_code.as_deref()) else {
            return false;
        };
        if !town.bytes().all(|digit| digit.is_ascii_digit()) {
            return false;
        }
        let (town, own) = (significant(town), significant(own));
        let common = if town.len() > 8 { 6 } else { town.len() }.min(own.len());
        town.get(..common) != own.get(..common)
    }
}

/// Where a camera is for sure.
fn globe(camera: &Camera) -> Option<Point> {
    camera.record.position.and_then(|position| position.wgs84())
}

fn named(camera: &Camera, place: Place) -> Option<&str> {
    let details = &camera.record.details;
    let text = match place {
        Place::Town => &details.town,
        Place::Community => &details.community,
        Place::Grid => &details.grid,
    };
    text.as_deref()
}

/// A division's code without the levels that it does not use.
fn significant(code: &str) -> &str {
    let mut code = code;
    while code.len() <= 8 {
        match code.strip_suffix("00") {
            Some(above) if above.len() >= 2 => code = above,
            _ => break,
        }
    }
    code
}

/// The areas of the gateway's district, or of the districts below its city; where none is known, all that are.
fn district<'a>(regions: &'a Regions, civil_code: &str) -> Vec<&'a Area> {
    let own = civil_code.get(..6).unwrap_or(civil_code);
    let areas = |is_wanted: &dyn Fn(&str, &Region) -> bool| -> Vec<&'a Area> {
        let wanted = regions
            .behind(Bound::Unbounded)
            .filter(|(code, region)| is_wanted(code, region));
        wanted
            .filter_map(|(_, region)| region.area.as_ref())
            .collect()
    };
    let of_district =
        areas(&|code, region| region.level == Some(Level::District) && code.starts_with(own));
    if of_district.is_empty() {
        areas(&|_, _| true)
    } else {
        of_district
    }
}

/// Looks each region up once, with all cameras that name it.
fn elsewhere(catalog: &Catalog, around: &Index<usize>) -> HashMap<usize, Vec<Place>> {
    let mut naming: BTreeMap<(Place, &str), Vec<usize>> = BTreeMap::new();
    for (number, camera) in catalog.cameras().iter().enumerate() {
        if globe(camera).is_none() {
            continue;
        }
        for place in Place::ALL {
            if let Some(text) = named(camera, place) {
                naming.entry((place, text)).or_default().push(number);
            }
        }
    }
    let mut elsewhere: HashMap<usize, Vec<Place>> = HashMap::new();
    for ((place, text), numbers) in naming {
        let region = catalog.regions().find(place.level(), text);
        let Some(area) = region.and_then(|(_, region)| region.area.as_ref()) else {
            continue;
        };
        let mut inside: Vec<_> = around.inside(area).into_iter().copied().collect();
        inside.sort_unstable();
        for number in numbers {
            if inside.binary_search(&number).is_err() {
                elsewhere.entry(number).or_default().push(place);
            }
        }
    }
    elsewhere
}

/// The place itself and, since borders are drawn along streets and fixes are some metres off, what is around it.
fn with_border(at: Point) -> [Point; 5] {
    let north = BORDER / 111_195.0;
    let east = north / at.latitude.to_radians().cos().max(0.01);
    let moved = |east: f64, north: f64| Point {
        longitude: at.longitude + east,
        latitude: at.latitude + north,
    };
    [
        at,
        moved(east, 0.0),
        moved(-east, 0.0),
        moved(0.0, north),
        moved(0.0, -north),
    ]
}

/// Metres.
const BORDER: f64 = 50.0;
