//! The catalogue at one moment: shared as a whole, replaced as a whole.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::geo::Index;
use super::{Camera, CameraId, Department, GbCode, Lamp, NodeKey, Regions, Registry, Spot};

/// All cameras and departments, and the codes of the tree's nodes.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    /// By code.
    cameras: Vec<Arc<Camera>>,
    codes: HashMap<CameraId, (GbCode, Lamp)>,
    /// How many lamps were given so far.
    lamps: u32,
    departments: Vec<Department>,
    nodes: HashMap<NodeKey, GbCode>,
    places: Places,
    index: Index<Spot>,
}

/// Where the gateway is, and what the divisions around it are called.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Places {
    /// The gateway's division, 2 to 8 digits.
    pub civil_code: String,
    /// Divisions and grids.
    pub regions: Arc<Regions>,
}

impl Catalog {
    /// Puts a catalogue together. Cameras that are in `old` keep their lamps.
    pub fn new(
        mut cameras: Vec<Arc<Camera>>,
        departments: Vec<Department>,
        registry: &Registry,
        places: Places,
        old: Option<&Self>,
    ) -> Self {
        cameras.sort_by_key(|camera| camera.code);
        let mut catalog = Self {
            codes: HashMap::with_capacity(cameras.len()),
            lamps: old.map_or(0, |old| old.lamps),
            index: Index::default(),
            nodes: HashMap::new(),
            departments,
            places,
            cameras: Vec::new(),
        };
        let departments = catalog.departments.iter();
        let departments = departments.map(|department| NodeKey::Department(department.id.clone()));
        let keys: Vec<_> = departments.chain([NodeKey::Group]).collect();
        for key in keys {
            catalog.learn_node(key, registry);
        }
        for camera in &cameras {
            let lamp = old.and_then(|old| old.lamp(camera.id));
            catalog.learn(camera, lamp, registry);
        }
        catalog.cameras = cameras;
        catalog
    }

    /// The catalogue with other cameras: those that are `put` instead of what they were before, without those that are
    /// `removed`. What stays is shared.
    #[must_use]
    pub fn changed(
        &self,
        put: Vec<Arc<Camera>>,
        removed: &[CameraId],
        registry: &Registry,
    ) -> Self {
        let mut catalog = self.clone();
        let gone: HashSet<CameraId> = put
            .iter()
            .map(|camera| camera.id)
            .chain(removed.iter().copied())
            .collect();
        let is_small = gone.len() <= SMALL;
        for id in &gone {
            let Some(camera) = self.by_id(*id) else {
                continue;
            };
            if let Some(position) = camera.record.position {
                let index = &mut catalog.index;
                index.remove(position.nearest(), |other| other.id == *id);
            }
            catalog.codes.remove(id);
            if is_small && let Ok(place) = catalog.place(camera.code) {
                catalog.cameras.remove(place);
            }
        }
        if !is_small {
            catalog.cameras.retain(|camera| !gone.contains(&camera.id));
        }
        for camera in put {
            catalog.learn(&camera, self.lamp(camera.id), registry);
            match catalog.place(camera.code) {
                Err(place) if is_small => catalog.cameras.insert(place, camera),
                _ => catalog.cameras.push(camera),
            }
        }
        if !is_small {
            catalog.cameras.sort_by_key(|camera| camera.code);
        }
        catalog
    }

    /// Where the camera of a code is among all, or would be.
    fn place(&self, code: GbCode) -> Result<usize, usize> {
        self.cameras
            .binary_search_by_key(&code, |camera| camera.code)
    }

    /// Takes a camera into everything but the list.
    fn learn(&mut self, camera: &Arc<Camera>, lamp: Option<Lamp>, registry: &Registry) {
        let lamp = lamp.unwrap_or_else(|| {
            self.lamps += 1;
            Lamp(self.lamps - 1)
        });
        self.codes.insert(camera.id, (camera.code, lamp));
        let record = &camera.record;
        if let Some(position) = record.position {
            let spot = Spot::of(camera, lamp);
            self.index.put(spot, position.nearest());
        }
        if let Some(organisation) = &record.organisation {
            let key = NodeKey::Organisation(record.department.clone(), organisation.clone());
            self.learn_node(key, registry);
        }
    }

    fn learn_node(&mut self, key: NodeKey, registry: &Registry) {
        if let Some(code) = registry.node(&key) {
            self.nodes.insert(key, code);
        }
    }

    /// The gateway's division.
    pub fn civil_code(&self) -> &str {
        &self.places.civil_code
    }

    /// Divisions and grids.
    pub fn regions(&self) -> &Regions {
        &self.places.regions
    }

    /// Finds cameras by place.
    pub fn index(&self) -> &Index<Spot> {
        &self.index
    }

    /// All cameras, by code.
    pub fn cameras(&self) -> &[Arc<Camera>] {
        &self.cameras
    }

    /// The camera with that id.
    pub fn by_id(&self, id: CameraId) -> Option<&Arc<Camera>> {
        self.by_code(self.codes.get(&id)?.0)
    }

    /// The lamp of the camera with that id.
    pub fn lamp(&self, id: CameraId) -> Option<Lamp> {
        self.codes.get(&id).map(|(_, lamp)| *lamp)
    }

    /// The camera with that code.
    pub fn by_code(&self, code: GbCode) -> Option<&Arc<Camera>> {
        let found = self
            .cameras
            .binary_search_by_key(&code, |camera| camera.code);
        self.cameras.get(found.ok()?)
    }

    /// The camera that text names: by id, else by code.
    pub fn find(&self, text: &str) -> Option<&Arc<Camera>> {
        match text.parse::<CameraId>() {
            Ok(id) => self.by_id(id),
            Err(_) => self.by_code(text.parse().ok()?),
        }
    }

    /// The departments, in the order of the configuration.
    pub fn departments(&self) -> &[Department] {
        &self.departments
    }

    /// The department of that id.
    pub fn department(&self, id: &str) -> Option<&Department> {
        self.departments
            .iter()
            .find(|department| department.id == id)
    }

    /// The code of a node of the tree.
    pub fn node(&self, key: &NodeKey) -> Option<GbCode> {
        self.nodes.get(key).copied()
    }
}

/// So many cameras are moved one by one; of more the whole list is put into order once.
const SMALL: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::geo::{Datum, Point};
    use crate::catalog::{Position, Record};

    #[test]
    fn a_changed_catalogue_is_what_one_made_anew_would_be() {
        let places = Places::default();
        let registry = Registry::default();
        for changes in [3, 200] {
            let mut cameras: Vec<_> = (0..500).map(|n| camera(n, 0)).collect();
            let old = Catalog::new(cameras.clone(), Vec::new(), &registry, places.clone(), None);
            let removed: Vec<_> = (0..changes).map(|n| cameras[n * 2].id).collect();
            cameras.retain(|camera| !removed.contains(&camera.id));
            let put: Vec<_> = (0..changes).map(|n| camera(n * 2 + 1, 7)).collect();
            let put: Vec<_> = put.into_iter().chain([camera(1000, 7)]).collect();
            cameras.retain(|camera| put.iter().all(|other| other.id != camera.id));
            cameras.extend(put.iter().cloned());
            let changed = old.changed(put, &removed, &registry);
            let anew = Catalog::new(cameras, Vec::new(), &registry, places.clone(), Some(&old));
            assert_eq!(changed.cameras(), anew.cameras());
            for n in 0..1001 {
                let id = CameraId::derive("education", &n.to_string(), 0);
                assert_eq!(changed.by_id(id), anew.by_id(id), "{n}");
                if old.by_id(id).is_some() {
                    let lamp = old.lamp(id).filter(|_| changed.by_id(id).is_some());
                    assert_eq!((changed.lamp(id), anew.lamp(id)), (lamp, lamp), "{n}");
                }
            }
            let newest = CameraId::derive("education", "1000", 0);
            assert_eq!(changed.lamp(newest), Some(Lamp(500)));
            for (spot, _) in changed.index().near(at(0, 0), 1_000_000.0) {
                assert_eq!(changed.lamp(spot.id), Some(spot.lamp));
            }
            let all = |catalog: &Catalog| {
                let found = catalog.index().near(at(0, 0), 1_000_000.0).into_iter();
                let mut ids: Vec<_> = found.map(|(spot, _)| spot.code).collect();
                ids.sort();
                ids
            };
            assert_eq!(all(&changed), all(&anew));
        }
    }

    fn at(n: usize, moved: usize) -> Point {
        Point {
            longitude: 113.0 + n as f64 * 0.001,
            latitude: 27.8 + moved as f64 * 0.001,
        }
    }

    fn camera(n: usize, moved: usize) -> Arc<Camera> {
        Arc::new(Camera {
            id: CameraId::derive("education", &n.to_string(), 0),
            code: format!("43021100111326{:06}", 1001 - n).parse().unwrap(),
            record: Record {
                name: format!("{n} {moved}"),
                position: Some(Position::declared(at(n, moved), Datum::Wgs84)),
                ..Record::sample()
            },
            pull: Default::default(),
        })
    }
}
