//! Gives cameras and tree nodes their ids and codes: once, stored, never reused.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{CameraId, Department, GbCode, Record, kind, mask_secrets, pad_civil_code};

/// A camera that has an identity, present or gone.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Known {
    /// Our id.
    pub id: CameraId,
    /// Its code.
    pub code: GbCode,
    /// The department it is in.
    pub department: String,
    /// The department's own id of it.
    pub source_id: Option<String>,
    /// Host, port, path and query without secrets.
    pub location: String,
}

/// What a 215 or 216 of the business tree stands for.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum NodeKey {
    /// The one business group.
    Group,
    /// A department.
    Department(String),
    /// A unit of a department.
    Organisation(String, String),
}

/// A node that has a code.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KnownNode {
    /// What it stands for.
    pub key: NodeKey,
    /// Its code.
    pub code: GbCode,
}

/// All identities ever given.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    known: HashMap<CameraId, Known>,
    by_source: HashMap<(String, String), CameraId>,
    by_location: HashMap<String, CameraId>,
    by_code: HashMap<GbCode, CameraId>,
    nodes: BTreeMap<NodeKey, GbCode>,
    used: HashSet<GbCode>,
    /// Codes that rows of the load at hand bring with them: nobody else is given them.
    brought: HashSet<GbCode>,
    /// The lowest serial that may be unused, by series.
    next_serial: HashMap<String, u32>,
}

/// What may name a camera.
#[derive(Clone, Copy, Debug, Default)]
pub struct Names<'a> {
    /// Our id.
    pub id: Option<CameraId>,
    /// The department's id.
    pub department: &'a str,
    /// The department's own id of it.
    pub source_id: Option<&'a str>,
    /// Its code.
    pub gb_code: Option<GbCode>,
    /// Host, port, path and query without secrets.
    pub location: Option<&'a str>,
}

/// Why a row gets no identity.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Conflict {
    /// Its fields name different cameras.
    #[error("names two cameras: {by_one} is {one}, {by_other} is {other}")]
    Ambiguous {
        /// A field.
        by_one: &'static str,
        /// The camera it names.
        one: CameraId,
        /// Another field.
        by_other: &'static str,
        /// The camera that one names.
        other: CameraId,
    },
    /// Another row of the same load is this camera.
    #[error("is the same camera as {0}")]
    Duplicate(String),
    /// No serial is left in the series.
    #[error("no code is left in series {0}")]
    Exhausted(String),
    /// It names an id that was never given.
    #[error("has the id {0}, which this gateway never gave")]
    UnknownId(CameraId),
}

/// A row with its identity.
#[derive(Clone, Debug, PartialEq)]
pub struct Assigned {
    /// Its id and code.
    pub known: Known,
    /// The row.
    pub record: Record,
    /// Whether the identity is new and must be stored.
    pub is_new: bool,
}

impl Registry {
    /// Loads what was given before; `reserved` are codes that others have, such as our own.
    pub fn new(cameras: Vec<Known>, nodes: Vec<KnownNode>, reserved: &[GbCode]) -> Self {
        let mut registry = Self::default();
        registry.used.extend(reserved);
        for node in nodes {
            registry.used.insert(node.code);
            registry.nodes.insert(node.key, node.code);
        }
        for mut known in cameras {
            // An earlier version may have masked less of it: it is the same place.
            let (place, path) = split_place(&known.location);
            known.location = format!("{place}{}", mask_secrets(path));
            registry.learn(known);
        }
        registry
    }

    /// The code of a node.
    pub fn node(&self, key: &NodeKey) -> Option<GbCode> {
        self.nodes.get(key).copied()
    }

    /// Gives every row its camera: the known one, else a new one.
    ///
    /// New codes are given in the order of department, `source_id` and location, so that the order of
    /// the rows does not matter. Returns what was assigned, and the rows that conflict.
    pub fn assign(
        &mut self,
        records: Vec<Record>,
        departments: &[Department],
        civil_code: &str,
    ) -> (Vec<Assigned>, Vec<(Record, Conflict)>) {
        let mut rows = records;
        rows.sort_by_cached_key(|row| {
            (
                row.department.clone(),
                row.source_id.clone(),
                row.location.key(),
            )
        });
        self.brought = rows.iter().filter_map(|row| row.gb_code).collect();
        let mut taken: HashMap<CameraId, String> = HashMap::new();
        let (mut assigned, mut conflicts) = (Vec::new(), Vec::new());
        for record in rows {
            let department = departments.iter().find(|d| d.id == record.department);
            let outcome = self.assign_one(&record, department, civil_code, &taken);
            match outcome {
                Ok((known, is_new)) => {
                    taken.insert(known.id, record.origin.to_string());
                    assigned.push(Assigned {
                        known,
                        record,
                        is_new,
                    });
                }
                Err(conflict) => conflicts.push((record, conflict)),
            }
        }
        self.brought.clear();
        (assigned, conflicts)
    }

    fn assign_one(
        &mut self,
        record: &Record,
        department: Option<&Department>,
        civil_code: &str,
        taken: &HashMap<CameraId, String>,
    ) -> Result<(Known, bool), Conflict> {
        let key = record.location.key();
        let found = self.find(&Names {
            id: record.id,
            department: &record.department,
            source_id: record.source_id.as_deref(),
            gb_code: record.gb_code,
            location: Some(&key),
        })?;
        if let Some(origin) = found.and_then(|id| taken.get(&id)) {
            return Err(Conflict::Duplicate(origin.clone()));
        }
        if let Some(known) = found.and_then(|id| self.known.get_mut(&id)) {
            let old = known.clone();
            known.department.clone_from(&record.department);
            known.source_id = record.source_id.clone().or_else(|| known.source_id.clone());
            known.location = key;
            let known = known.clone();
            let is_new = old != known;
            if is_new {
                self.forget_names(&old);
                self.learn(known.clone());
            }
            return Ok((known, is_new));
        }
        let code = match record.gb_code.filter(|code| !self.used.contains(code)) {
            Some(code) => code,
            None => self.next_camera_code(record, department, civil_code)?,
        };
        let known = Known {
            id: self.new_id(record),
            code,
            department: record.department.clone(),
            source_id: record.source_id.clone(),
            location: key,
        };
        self.learn(known.clone());
        Ok((known, true))
    }

    /// Finds the camera that has these names, present or gone: by id, else department and `source_id`, else code, else
    /// location.
    ///
    /// # Errors
    ///
    /// Hits that differ are an error, not a guess; an id that was never given is one too.
    pub fn find(&self, names: &Names<'_>) -> Result<Option<CameraId>, Conflict> {
        if let Some(id) = names.id.filter(|id| !self.known.contains_key(id)) {
            return Err(Conflict::UnknownId(id));
        }
        let source = names
            .source_id
            .map(|source_id| (names.department.to_owned(), source_id.to_owned()));
        let location = names.location.and_then(|key| self.by_location.get(key));
        let location = location.filter(|id| {
            // A camera that the department names otherwise is another one at the same place.
            let named = self.known.get(*id);
            let named = named.and_then(|known| known.source_id.as_deref());
            names.source_id.is_none() || named.is_none() || named == names.source_id
        });
        let hits = [
            ("id", names.id),
            (
                "source_id",
                source
                    .and_then(|source| self.by_source.get(&source))
                    .copied(),
            ),
            (
                "gb_code",
                names
                    .gb_code
                    .and_then(|code| self.by_code.get(&code))
                    .copied(),
            ),
            ("url", location.copied()),
        ];
        let mut found: Option<(&'static str, CameraId)> = None;
        for (by, id) in hits {
            match (found, id) {
                (Some((by_one, one)), Some(other)) if one != other => {
                    return Err(Conflict::Ambiguous {
                        by_one,
                        one,
                        by_other: by,
                        other,
                    });
                }
                (None, Some(id)) => found = Some((by, id)),
                _ => {}
            }
        }
        Ok(found.map(|(_, id)| id))
    }

    fn new_id(&self, record: &Record) -> CameraId {
        let name = record.identity_name();
        let mut attempt = 0;
        loop {
            let id = CameraId::derive(&record.department, &name, attempt);
            if !self.known.contains_key(&id) {
                return id;
            }
            attempt += 1;
        }
    }

    fn next_camera_code(
        &mut self,
        record: &Record,
        department: Option<&Department>,
        gateway: &str,
    ) -> Result<GbCode, Conflict> {
        let civil_code = record.civil_code.as_deref().unwrap_or(gateway);
        let industry = department.map_or("00", |department| department.industry.as_str());
        let network = department.map_or(6, |department| department.network);
        self.next_code(civil_code, industry, kind::CAMERA, network)
    }

    /// Gives a node of the tree its code, once.
    ///
    /// # Errors
    ///
    /// No serial is left.
    pub fn assign_node(
        &mut self,
        key: NodeKey,
        civil_code: &str,
    ) -> Result<(GbCode, bool), Conflict> {
        if let Some(code) = self.nodes.get(&key) {
            return Ok((*code, false));
        }
        let kind = if key == NodeKey::Group {
            kind::BUSINESS_GROUP
        } else {
            kind::ORGANISATION
        };
        let code = self.next_code(civil_code, "00", kind, NODE_NETWORK)?;
        self.used.insert(code);
        self.nodes.insert(key, code);
        Ok((code, true))
    }

    /// The lowest serial of the series that was never given.
    fn next_code(
        &mut self,
        civil_code: &str,
        industry: &str,
        kind: u16,
        network: u8,
    ) -> Result<GbCode, Conflict> {
        let center = pad_civil_code(civil_code).unwrap_or_default();
        let series = format!("{center}{industry}{kind}{network}");
        let next = self.next_serial.entry(series.clone()).or_insert(1);
        loop {
            let code = GbCode::compose(&center, industry, kind, network, *next)
                .ok_or_else(|| Conflict::Exhausted(series.clone()))?;
            *next += 1;
            if !self.used.contains(&code) && !self.brought.contains(&code) {
                return Ok(code);
            }
        }
    }

    /// What a camera was called before is free for others; its id and code never are.
    fn forget_names(&mut self, known: &Known) {
        if self.by_location.get(&known.location) == Some(&known.id) {
            self.by_location.remove(&known.location);
        }
        let source = known.source_id.clone();
        let source = source.map(|source_id| (known.department.clone(), source_id));
        if let Some(source) = source.filter(|source| self.by_source.get(source) == Some(&known.id))
        {
            self.by_source.remove(&source);
        }
    }

    fn learn(&mut self, known: Known) {
        self.used.insert(known.code);
        self.by_code.insert(known.code, known.id);
        self.by_location.insert(known.location.clone(), known.id);
        if let Some(source_id) = known.source_id.clone() {
            self.by_source
                .insert((known.department.clone(), source_id), known.id);
        }
        self.known.insert(known.id, known);
    }
}

/// Host and port of a place, and its path; see [`super::Location::key`].
fn split_place(location: &str) -> (&str, &str) {
    location.split_at(location.find('/').unwrap_or(location.len()))
}

/// Nodes of the tree are of the e-government extranet.
const NODE_NETWORK: u8 = 6;

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::catalog::{Location, Origin};

    #[test]
    fn a_place_that_was_stored_with_a_secret_is_known_again_and_its_host_is_no_secret() {
        for (host, path) in [
            ("nvr-keyuan.lan", "/user=admin&password=x"),
            ("compass.lan", "/ch=1"),
            ("cam.lan", "/live?psw=x"),
        ] {
            let location = Location::new(host, 554, path);
            let given = |location: String| Known {
                id: CameraId::derive("education", host, 0),
                code: "43021101111326000009".parse().unwrap(),
                department: "education".to_owned(),
                source_id: None,
                location,
            };
            for stored in [location.key(), format!("{host}:554{path}")] {
                let registry = Registry::new(vec![given(stored)], Vec::new(), &[]);
                let key = location.key();
                let names = Names {
                    department: "education",
                    location: Some(&key),
                    ..Names::default()
                };
                let id = CameraId::derive("education", host, 0);
                assert_eq!(registry.find(&names), Ok(Some(id)), "{host}{path}");
            }
        }
    }

    #[test]
    fn codes_do_not_depend_on_the_order_of_the_rows() {
        let rows = || vec![record("b", "/2"), record("a", "/1"), record("c", "/3")];
        let (first, _) = Registry::default().assign(rows(), &departments(), "430211");
        let mut reversed = rows();
        reversed.reverse();
        let (second, _) = Registry::default().assign(reversed, &departments(), "430211");
        assert_eq!(codes(&first), codes(&second));
        assert_eq!(first[0].known.code.as_str(), "43021100111326000001");
    }

    #[test]
    fn a_code_is_never_given_again() {
        let mut registry = Registry::default();
        let (first, _) = registry.assign(vec![record("a", "/1")], &departments(), "430211");
        let (second, _) = registry.assign(vec![record("b", "/2")], &departments(), "430211");
        assert_ne!(first[0].known.code, second[0].known.code);
        let (back, _) = registry.assign(vec![record("a", "/1")], &departments(), "430211");
        assert_eq!(
            (back[0].known.code, back[0].is_new),
            (first[0].known.code, false)
        );
    }

    #[test]
    fn a_restart_keeps_ids_and_codes() {
        let mut registry = Registry::default();
        let rows = || vec![record("a", "/1"), record("b", "/2")];
        let (first, _) = registry.assign(rows(), &departments(), "430211");
        let (group, _) = registry.assign_node(NodeKey::Group, "430211").unwrap();
        let stored = first.iter().map(|row| row.known.clone()).collect();
        let nodes = vec![KnownNode {
            key: NodeKey::Group,
            code: group,
        }];
        let mut restarted = Registry::new(stored, nodes, &[]);
        let (second, _) = restarted.assign(rows(), &departments(), "430211");
        assert_eq!(codes(&first), codes(&second));
        assert!(second.iter().all(|row| !row.is_new));
        assert_eq!(
            restarted.assign_node(NodeKey::Group, "430211"),
            Ok((group, false))
        );
    }

    #[test]
    fn a_valid_free_code_is_kept_and_a_taken_one_is_not() {
        let given: GbCode = "43021100111320000042".parse().unwrap();
        let with_code = |source_id, path| Record {
            gb_code: Some(given),
            ..record(source_id, path)
        };
        let (assigned, conflicts) =
            Registry::default().assign(vec![with_code("a", "/1")], &departments(), "430211");
        assert_eq!(assigned[0].known.code, given);
        assert!(conflicts.is_empty());
        let (fresh, _) = Registry::new(vec![], vec![], &[given]).assign(
            vec![with_code("a", "/1")],
            &departments(),
            "430211",
        );
        assert_ne!(fresh[0].known.code, given);
    }

    #[test]
    fn a_code_that_a_later_row_brings_is_not_given_to_an_earlier_one() {
        let brought: GbCode = "43021100111326000001".parse().unwrap();
        let rows = vec![
            record("a", "/1"),
            Record {
                gb_code: Some(brought),
                ..record("b", "/2")
            },
        ];
        let (assigned, _) = Registry::default().assign(rows, &departments(), "430211");
        assert_eq!(assigned[1].known.code, brought);
        assert_eq!(assigned[0].known.code.serial(), 2);
    }

    #[test]
    fn two_rows_of_one_camera_and_a_row_of_two_cameras_are_errors() {
        let mut registry = Registry::default();
        let rows = vec![record("a", "/1"), record("a", "/2")];
        let (assigned, conflicts) = registry.assign(rows, &departments(), "430211");
        assert_eq!(assigned.len(), 1);
        assert!(matches!(conflicts[0].1, Conflict::Duplicate(_)));
        let (other, _) = registry.assign(vec![record("b", "/3")], &departments(), "430211");
        let mixed = Record {
            id: Some(other[0].known.id),
            ..record("a", "/1")
        };
        let (_, conflicts) = registry.assign(vec![mixed], &departments(), "430211");
        assert!(
            matches!(conflicts[0].1, Conflict::Ambiguous { .. }),
            "{conflicts:?}"
        );
    }

    #[test]
    fn a_camera_that_moves_keeps_its_code() {
        let mut registry = Registry::default();
        let (first, _) = registry.assign(vec![record("a", "/1")], &departments(), "430211");
        let (moved, _) = registry.assign(vec![record("a", "/9")], &departments(), "430211");
        assert_eq!(first[0].known.code, moved[0].known.code);
        assert!(moved[0].is_new, "the new place is stored");
    }

    fn codes(assigned: &[Assigned]) -> Vec<(CameraId, GbCode)> {
        let mut codes: Vec<_> = assigned
            .iter()
            .map(|row| (row.known.id, row.known.code))
            .collect();
        codes.sort();
        codes
    }

    pub(in crate::catalog) fn record(source_id: &str, path: &str) -> Record {
        Record {
            origin: Origin {
                given: None,
                file: format!("row {source_id}"),
                line: 1,
            },
            name: source_id.to_owned(),
            location: Location::new("10.0.0.1", 554, path),
            source_id: Some(source_id.to_owned()),
            ..Record::sample()
        }
    }

    pub(in crate::catalog) fn departments() -> Vec<Department> {
        vec![Department::sample()]
    }
}
