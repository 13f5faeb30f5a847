//! The tree that one platform sees (GB/T 28181-2016 annex J): by business, system → 215 → a 216 a
//! department → a 216 a unit → camera, or by region, system → divisions → camera. Codes are the same at
//! every platform, but for the system and for cameras that a platform has its own codes for.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use super::{Camera, Catalog, GbCode, NodeKey, OverrideCodes};

/// Which tree a platform sees.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum TreeKind {
    /// By business group and organisation.
    #[default]
    Business,
    /// By administrative division.
    Region,
}

/// What a node is called: a code of 20 digits, or a division of 2, 4, 6 or 8.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum NodeId {
    /// A code.
    Code(GbCode),
    /// A division.
    Region(String),
}

impl NodeId {
    /// Its digits.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Code(code) => code.as_str(),
            Self::Region(code) => code,
        }
    }
}

impl From<GbCode> for NodeId {
    fn from(code: GbCode) -> Self {
        Self::Code(code)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a platform may see.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Share {
    /// Departments by id.
    pub departments: Vec<String>,
    /// Point classes; empty means all.
    pub point_classes: Vec<u8>,
    /// The codes that it has for cameras, where they are not their own.
    pub codes: OverrideCodes,
}

impl Share {
    /// Whether the platform may see the camera.
    pub fn includes(&self, camera: &Camera) -> bool {
        camera.is_in_service()
            && self.departments.contains(&camera.record.department)
            && (self.point_classes.is_empty()
                || self.point_classes.contains(&camera.record.point_class))
    }

    /// The code under which the platform knows a camera.
    pub fn code_of(&self, camera: &Camera, catalog: &Catalog) -> GbCode {
        self.codes.code_of(camera, catalog)
    }

    /// The camera that the platform means by a code, if it may see it.
    pub fn camera(&self, code: GbCode, catalog: &Catalog) -> Option<Arc<Camera>> {
        let camera = self.codes.camera(code, catalog)?;
        self.includes(camera).then(|| camera.clone())
    }
}

/// A node of the tree.
#[derive(Clone, Debug)]
pub struct Node {
    /// What it is called.
    pub id: NodeId,
    /// Its name.
    pub name: String,
    /// The node above it; none at the top.
    pub parent: Option<NodeId>,
    /// The 215 that it belongs to; itself for the 215.
    pub group: Option<GbCode>,
    /// What it is.
    pub kind: NodeKind,
}

/// What a node is.
#[derive(Clone, Debug)]
pub enum NodeKind {
    /// The gateway as this platform knows it.
    System,
    /// 业务分组.
    Group,
    /// 虚拟组织.
    Organisation,
    /// 行政区划.
    Region,
    /// A camera.
    Camera(Arc<Camera>),
}

/// The nodes in order: every node stands behind its parent.
#[derive(Clone, Debug, Default)]
pub struct Tree(Vec<Node>);

impl Tree {
    /// Builds the tree of a platform that knows us as `system`.
    pub fn new(
        kind: TreeKind,
        catalog: &Catalog,
        share: &Share,
        system: GbCode,
        name: &str,
    ) -> Self {
        match kind {
            TreeKind::Business => Self::business(catalog, share, system, name),
            TreeKind::Region => Self::region(catalog, share, system, name),
        }
    }

    /// The divisions of all cameras that are shared, from the gateway's own down. A camera whose division
    /// is not below the gateway's hangs on the gateway's.
    fn region(catalog: &Catalog, share: &Share, system: GbCode, name: &str) -> Self {
        let root = catalog.civil_code();
        let cameras: Vec<_> = catalog
            .cameras()
            .iter()
            .filter(|camera| share.includes(camera))
            .collect();
        let division = |camera: &Camera| {
            let own = camera.record.civil_code.as_deref();
            own.filter(|own| own.starts_with(root))
                .unwrap_or(root)
                .to_owned()
        };
        let mut divisions = BTreeSet::from([root.to_owned()]);
        for camera in &cameras {
            let own = division(camera);
            divisions.extend(
                (root.len()..=own.len())
                    .step_by(2)
                    .filter_map(|end| own.get(..end).map(str::to_owned)),
            );
        }
        let mut nodes = vec![system_node(system, name)];
        // Shorter codes stand before longer ones that begin with them.
        nodes.extend(divisions.iter().map(|code| {
            Node {
                id: NodeId::Region(code.clone()),
                name: catalog.regions().name(code).unwrap_or(code).to_owned(),
                parent: (code != root)
                    .then(|| NodeId::Region(code.get(..code.len() - 2).unwrap_or(root).to_owned())),
                group: None,
                kind: NodeKind::Region,
            }
        }));
        nodes.extend(cameras.into_iter().map(|camera| Node {
            id: share.code_of(camera, catalog).into(),
            name: camera.record.name.clone(),
            parent: Some(NodeId::Region(division(camera))),
            group: None,
            kind: NodeKind::Camera(camera.clone()),
        }));
        Self(nodes)
    }

    fn business(catalog: &Catalog, share: &Share, system: GbCode, name: &str) -> Self {
        let mut nodes = vec![system_node(system, name)];
        let Some(group) = catalog.node(&NodeKey::Group) else {
            return Self(nodes);
        };
        nodes.push(Node {
            id: group.into(),
            name: name.to_owned(),
            parent: Some(system.into()),
            group: Some(group),
            kind: NodeKind::Group,
        });
        for department in catalog.departments() {
            if share.departments.contains(&department.id)
                && let Some(code) = catalog.node(&NodeKey::Department(department.id.clone()))
            {
                nodes.push(organisation(code, &department.name, group, group));
                add_cameras(&mut nodes, catalog, share, &department.id, code, group);
            }
        }
        Self(nodes)
    }

    /// All nodes.
    pub fn nodes(&self) -> &[Node] {
        &self.0
    }

    /// The node of that name and all below it; `None` where there is no such node.
    pub fn below(&self, name: &str) -> Option<Self> {
        let top = self.0.iter().find(|node| node.id.as_str() == name)?;
        let mut inside = BTreeSet::from([&top.id]);
        let mut nodes = Vec::new();
        for node in &self.0 {
            let is_inside = inside.contains(&node.id)
                || node
                    .parent
                    .as_ref()
                    .is_some_and(|parent| inside.contains(parent));
            if is_inside {
                inside.insert(&node.id);
                nodes.push(node.clone());
            }
        }
        Some(Self(nodes))
    }

    /// Its cameras.
    pub fn cameras(&self) -> impl Iterator<Item = &Arc<Camera>> {
        self.0.iter().filter_map(|node| match &node.kind {
            NodeKind::Camera(camera) => Some(camera),
            NodeKind::System | NodeKind::Group | NodeKind::Organisation | NodeKind::Region => None,
        })
    }
}

fn add_cameras(
    nodes: &mut Vec<Node>,
    catalog: &Catalog,
    share: &Share,
    department: &str,
    parent: GbCode,
    group: GbCode,
) {
    let cameras: Vec<_> = catalog
        .cameras()
        .iter()
        .filter(|camera| camera.record.department == department && share.includes(camera))
        .collect();
    let units: BTreeSet<_> = cameras
        .iter()
        .filter_map(|c| c.record.organisation.clone())
        .collect();
    for unit in units {
        let key = NodeKey::Organisation(department.to_owned(), unit.clone());
        if let Some(code) = catalog.node(&key) {
            nodes.push(organisation(code, &unit, parent, group));
        }
    }
    for camera in cameras {
        let unit = camera.record.organisation.clone();
        let unit =
            unit.and_then(|unit| catalog.node(&NodeKey::Organisation(department.to_owned(), unit)));
        nodes.push(Node {
            id: share.code_of(camera, catalog).into(),
            name: camera.record.name.clone(),
            parent: Some(unit.unwrap_or(parent).into()),
            group: Some(group),
            kind: NodeKind::Camera(camera.clone()),
        });
    }
}

fn system_node(system: GbCode, name: &str) -> Node {
    Node {
        id: system.into(),
        name: name.to_owned(),
        parent: None,
        group: None,
        kind: NodeKind::System,
    }
}

fn organisation(code: GbCode, name: &str, parent: GbCode, group: GbCode) -> Node {
    Node {
        id: code.into(),
        name: name.to_owned(),
        parent: Some(parent.into()),
        group: Some(group),
        kind: NodeKind::Organisation,
    }
}

#[cfg(test)]
mod tests {
    use super::super::allocate::tests::{departments, record};
    use super::*;
    use crate::catalog::{Places, Pull, Record, Registry};

    #[test]
    fn a_unit_hangs_between_department_and_camera() {
        let catalog = catalog();
        let tree = Tree::business(&catalog, &share(), system(), "网关");
        let nodes = tree.nodes();
        let kind = |node: &Node| node.id.as_str().get(10..13).map(str::to_owned);
        let kinds: Vec<_> = nodes.iter().filter_map(kind).collect();
        assert_eq!(kinds, ["200", "215", "216", "216", "132", "132"]);
        assert_eq!(
            nodes[1].group.map(NodeId::from),
            Some(nodes[1].id.clone()),
            "the 215 names itself"
        );
        let parents: Vec<_> = nodes[2..]
            .iter()
            .map(|node| node.parent.clone().unwrap())
            .collect();
        let expected = [&nodes[1].id, &nodes[2].id, &nodes[2].id, &nodes[3].id];
        assert_eq!(
            parents.iter().collect::<Vec<_>>(),
            expected,
            "the top 216 hangs on its 215"
        );
        assert_eq!(tree.below(nodes[3].id.as_str()).unwrap().nodes().len(), 2);
        assert!(tree.below("43021100111326999999").is_none());
    }

    #[test]
    fn divisions_stand_between_the_gateway_and_its_cameras() {
        let tree = Tree::region(&catalog(), &share(), system(), "网关");
        let lines: Vec<_> = tree
            .nodes()
            .iter()
            .map(|node| {
                format!(
                    "{} < {}",
                    node.name,
                    node.parent.as_ref().map_or("-", NodeId::as_str)
                )
            })
            .collect();
        assert_eq!(
            lines,
            [
                "网关 < -",
                "天元区 < -",
                "43021101 < 430211",
                "a < 430211",
                "b < 43021101"
            ]
        );
        assert_eq!(tree.below("43021101").unwrap().nodes().len(), 2);
        assert_eq!(tree.below("430211").unwrap().nodes().len(), 4);
    }

    #[test]
    fn what_is_not_shared_is_not_there() {
        let nothing = Share {
            codes: OverrideCodes::default(),
            departments: vec!["health".into()],
            point_classes: vec![],
        };
        assert_eq!(
            Tree::business(&catalog(), &nothing, system(), "网关")
                .cameras()
                .count(),
            0
        );
        let other_class = Share {
            point_classes: vec![1],
            ..share()
        };
        assert_eq!(
            Tree::business(&catalog(), &other_class, system(), "网关")
                .cameras()
                .count(),
            0
        );
    }

    fn share() -> Share {
        Share {
            codes: OverrideCodes::default(),
            departments: vec!["education".into()],
            point_classes: vec![2, 3],
        }
    }

    fn system() -> GbCode {
        "43021100002000000002".parse().unwrap()
    }

    fn catalog() -> Catalog {
        let mut registry = Registry::default();
        let in_unit = Record {
            organisation: Some("天元小学".into()),
            civil_code: Some("43021101".into()),
            ..record("b", "/2")
        };
        let disabled = Record {
            upkeep: super::super::Upkeep::NotAllowed,
            ..record("c", "/3")
        };
        let rows = vec![record("a", "/1"), in_unit, disabled];
        let (assigned, _) = registry.assign(rows, &departments(), "430211");
        for key in [
            NodeKey::Group,
            NodeKey::Department("education".into()),
            NodeKey::Organisation("education".into(), "天元小学".into()),
        ] {
            registry.assign_node(key, "430211").unwrap();
        }
        let cameras = assigned.into_iter().map(|row| Camera {
            id: row.known.id,
            code: row.known.code,
            record: row.record,
            pull: Pull::OnDemand,
        });
        let tianyuan = crate::catalog::Region {
            name: "天元区".to_owned(),
            level: None,
            area: None,
        };
        let places = Places {
            civil_code: "430211".into(),
            regions: Arc::new(crate::catalog::Regions::new(
                [("430211".to_owned(), tianyuan)].into(),
            )),
        };
        Catalog::new(
            cameras.map(Arc::new).collect(),
            departments(),
            &registry,
            places,
            None,
        )
    }
}
