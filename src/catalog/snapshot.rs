//! The catalogue at one moment: shared as a whole, replaced as a whole.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::geo::Index;
use super::{Camera, CameraId, Department, GbCode, NodeKey, Regions, Registry};

/// All cameras and departments, and the codes of the tree's nodes.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    /// By code.
    cameras: Vec<Arc<Camera>>,
    codes: HashMap<CameraId, GbCode>,
    departments: Vec<Department>,
    nodes: HashMap<NodeKey, GbCode>,
    places: Places,
    index: Index<Arc<Camera>>,
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
    /// Puts a catalogue together.
    pub fn new(
        mut cameras: Vec<Arc<Camera>>,
        departments: Vec<Department>,
        registry: &Registry,
        places: Places,
    ) -> Self {
        cameras.sort_by_key(|camera| camera.code);
        let codes = cameras.iter().map(|camera| (camera.id, camera.code));
        let positions = cameras.iter().filter_map(|camera| {
            let position = camera.record.position?;
            Some((camera.clone(), position.nearest()))
        });
        let mut catalog = Self {
            codes: codes.collect(),
            index: Index::new(positions),
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
            catalog.learn_organisation(camera, registry);
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
        for id in &gone {
            if let Some(camera) = self.by_id(*id)
                && let Some(position) = camera.record.position
            {
                catalog
                    .index
                    .remove(position.nearest(), |other| other.id == *id);
            }
            catalog.codes.remove(id);
        }
        catalog.cameras.retain(|camera| !gone.contains(&camera.id));
        for camera in put {
            if let Some(position) = camera.record.position {
                catalog.index.put(camera.clone(), position.nearest());
            }
            catalog.codes.insert(camera.id, camera.code);
            catalog.learn_organisation(&camera, registry);
            catalog.cameras.push(camera);
        }
        catalog.cameras.sort_by_key(|camera| camera.code);
        catalog
    }

    fn learn_organisation(&mut self, camera: &Camera, registry: &Registry) {
        let record = &camera.record;
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
    pub fn index(&self) -> &Index<Arc<Camera>> {
        &self.index
    }

    /// All cameras, by code.
    pub fn cameras(&self) -> &[Arc<Camera>] {
        &self.cameras
    }

    /// The camera with that id.
    pub fn by_id(&self, id: CameraId) -> Option<&Arc<Camera>> {
        self.by_code(*self.codes.get(&id)?)
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
