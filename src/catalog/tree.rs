//! The business tree of one platform: system → 215 → a 216 a department → a 216 a unit → camera
//! (GB/T 28181-2016 annex J). Its codes are the same at every platform; only the system is its own.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Camera, Catalog, GbCode, NodeKey};

/// What a platform may see.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Share {
    /// Departments by id.
    pub departments: Vec<String>,
    /// Point classes; empty means all.
    pub point_classes: Vec<u8>,
}

impl Share {
    /// Whether the platform may see the camera.
    pub fn includes(&self, camera: &Camera) -> bool {
        camera.is_in_service()
            && self.departments.contains(&camera.record.department)
            && (self.point_classes.is_empty()
                || self.point_classes.contains(&camera.record.point_class))
    }
}

/// A node of the tree.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its code.
    pub code: GbCode,
    /// Its name.
    pub name: String,
    /// The node above it; none at the top.
    pub parent: Option<GbCode>,
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
    /// A camera.
    Camera(Arc<Camera>),
}

/// The nodes in order: every node stands behind its parent.
#[derive(Clone, Debug, Default)]
pub struct Tree(Vec<Node>);

impl Tree {
    /// Builds the tree of a platform that knows us as `system`.
    pub fn business(catalog: &Catalog, share: &Share, system: GbCode, name: &str) -> Self {
        let mut nodes = vec![Node {
            code: system,
            name: name.to_owned(),
            parent: None,
            group: None,
            kind: NodeKind::System,
        }];
        let Some(group) = catalog.node(&NodeKey::Group) else {
            return Self(nodes);
        };
        nodes.push(Node {
            code: group,
            name: name.to_owned(),
            parent: Some(system),
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

    /// The node of that code and all below it; `None` where there is no such node.
    pub fn below(&self, code: GbCode) -> Option<Self> {
        self.0.iter().find(|node| node.code == code)?;
        let mut inside: BTreeSet<GbCode> = BTreeSet::from([code]);
        let mut nodes = Vec::new();
        for node in &self.0 {
            let is_inside = inside.contains(&node.code)
                || node.parent.is_some_and(|parent| inside.contains(&parent));
            if is_inside {
                inside.insert(node.code);
                nodes.push(node.clone());
            }
        }
        Some(Self(nodes))
    }

    /// How many cameras it has.
    pub fn cameras(&self) -> usize {
        self.0
            .iter()
            .filter(|node| matches!(node.kind, NodeKind::Camera(_)))
            .count()
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
            code: camera.code,
            name: camera.record.name.clone(),
            parent: Some(unit.unwrap_or(parent)),
            group: Some(group),
            kind: NodeKind::Camera(camera.clone()),
        });
    }
}

fn organisation(code: GbCode, name: &str, parent: GbCode, group: GbCode) -> Node {
    Node {
        code,
        name: name.to_owned(),
        parent: Some(parent),
        group: Some(group),
        kind: NodeKind::Organisation,
    }
}

#[cfg(test)]
mod tests {
    use super::super::allocate::tests::{departments, record};
    use super::*;
    use crate::catalog::{Pull, Record, Registry};

    #[test]
    fn a_unit_hangs_between_department_and_camera() {
        let catalog = catalog();
        let tree = Tree::business(&catalog, &share(), system(), "网关");
        let kinds: Vec<_> = tree.nodes().iter().map(|node| node.code.kind()).collect();
        assert_eq!(kinds, [200, 215, 216, 216, 132, 132]);
        let nodes = tree.nodes();
        assert_eq!(nodes[1].group, Some(nodes[1].code), "the 215 names itself");
        assert_eq!(
            nodes[2].parent,
            Some(nodes[1].code),
            "the top 216 hangs on its 215"
        );
        assert_eq!(nodes[3].parent, Some(nodes[2].code));
        let parents: Vec<_> = nodes[4..].iter().map(|node| node.parent).collect();
        assert_eq!(parents, [Some(nodes[2].code), Some(nodes[3].code)]);
        assert_eq!(tree.below(nodes[3].code).unwrap().nodes().len(), 2);
        assert!(
            tree.below("43021100111326999999".parse().unwrap())
                .is_none()
        );
    }

    #[test]
    fn what_is_not_shared_is_not_there() {
        let nothing = Share {
            departments: vec!["health".into()],
            point_classes: vec![],
        };
        assert_eq!(
            Tree::business(&catalog(), &nothing, system(), "网关").cameras(),
            0
        );
        let other_class = Share {
            point_classes: vec![1],
            ..share()
        };
        assert_eq!(
            Tree::business(&catalog(), &other_class, system(), "网关").cameras(),
            0
        );
    }

    fn share() -> Share {
        Share {
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
        Catalog::new(cameras.collect(), departments(), &registry)
    }
}
