//! The catalogue at one moment: shared as a whole, replaced as a whole.

use std::collections::HashMap;
use std::sync::Arc;

use super::geo::Index;
use super::{Camera, CameraId, Department, GbCode, NodeKey, Regions, Registry};

/// All cameras and departments, and the codes of the tree's nodes.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    cameras: Vec<Arc<Camera>>,
    by_id: HashMap<CameraId, usize>,
    by_code: HashMap<GbCode, usize>,
    departments: Vec<Department>,
    nodes: HashMap<NodeKey, GbCode>,
    places: Places,
    index: Index,
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
    /// Puts a catalogue together; cameras are ordered by code.
    pub fn new(
        mut cameras: Vec<Arc<Camera>>,
        departments: Vec<Department>,
        registry: &Registry,
        places: Places,
    ) -> Self {
        cameras.sort_by_key(|camera| camera.code);
        let mut keys: Vec<NodeKey> = vec![NodeKey::Group];
        keys.extend(
            departments
                .iter()
                .map(|d| NodeKey::Department(d.id.clone())),
        );
        keys.extend(cameras.iter().filter_map(|camera| {
            let organisation = camera.record.organisation.clone()?;
            Some(NodeKey::Organisation(
                camera.record.department.clone(),
                organisation,
            ))
        }));
        let nodes = keys
            .into_iter()
            .filter_map(|key| Some((key.clone(), registry.node(&key)?)));
        let nodes = nodes.collect();
        let by_id = cameras
            .iter()
            .enumerate()
            .map(|(index, camera)| (camera.id, index))
            .collect();
        let by_code = cameras
            .iter()
            .enumerate()
            .map(|(index, camera)| (camera.code, index))
            .collect();
        let index = Index::new((0..).zip(&cameras).filter_map(|(number, camera)| {
            let position = camera.record.position?;
            Some((number, position.nearest()))
        }));
        Self {
            index,
            cameras,
            by_id,
            by_code,
            departments,
            nodes,
            places,
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

    /// Finds cameras by place; the numbers are those of [`Self::cameras`].
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// All cameras, by code.
    pub fn cameras(&self) -> &[Arc<Camera>] {
        &self.cameras
    }

    /// The camera with that id.
    pub fn by_id(&self, id: CameraId) -> Option<&Arc<Camera>> {
        self.cameras.get(*self.by_id.get(&id)?)
    }

    /// The camera with that code.
    pub fn by_code(&self, code: GbCode) -> Option<&Arc<Camera>> {
        self.cameras.get(*self.by_code.get(&code)?)
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
