//! The inventory files to records, and records with their identities to a catalogue.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use crate::catalog::{
    Assigned, Camera, CameraId, Catalog, Conflict, Department, GbCode, Known, KnownNode, NodeKey,
    Places, Record, Regions, Registry,
};
use crate::config::Config;
use crate::import::{self, Card, Guesses, Hint, Terms};
use crate::problem::Problem;
use crate::store::{self, Store, StoredCard};

/// What the inventory files hold.
#[derive(Debug, Default)]
pub struct Inventory {
    /// The rows that are right.
    pub records: Vec<Record>,
    /// What is wrong with the others.
    pub rejected: Vec<Problem>,
    /// Which cameras the others are, as far as they say.
    pub refused: Vec<Hint>,
    /// What is taken and should not be there.
    pub warnings: Vec<Problem>,
}

/// Reads all inventory files; `regions` tell the datum of positions whose source does not.
///
/// # Errors
///
/// A file as a whole cannot be used.
pub fn read_inventory(
    files: &[PathBuf],
    departments: &[Department],
    regions: &Regions,
) -> Result<Inventory, Vec<Problem>> {
    let mut inventory = Inventory::default();
    let (mut broken, mut guesses) = (Vec::new(), Guesses::default());
    let terms = Terms {
        departments,
        regions,
        only: None,
        exact_departments: true,
    };
    for file in files {
        match import::read_rows(file) {
            Ok(rows) => {
                broken.extend(import::exposed_secret(file, &rows));
                inventory
                    .warnings
                    .extend(import::warnings(&rows, departments));
                for row in rows {
                    let mut cleaned = import::clean(row, &terms);
                    guesses.note(&cleaned);
                    cleaned.row.drop_empty();
                    match import::to_record(&cleaned.row, departments) {
                        Ok(record) => inventory.records.push(record),
                        Err(problems) => {
                            let hint = import::hint(&cleaned.row, departments);
                            inventory.rejected.extend(problems);
                            inventory.refused.push(hint);
                        }
                    }
                }
            }
            Err(problems) => broken.extend(problems),
        }
    }
    if broken.is_empty() {
        for (place, guess) in import::distinguish_names(&mut inventory.records) {
            if let Some(record) = inventory.records.get(place) {
                guesses.note_guess(&record.origin.file, &guess);
            }
        }
        let unsure = import::settle_datums(&mut inventory.records, regions);
        inventory.warnings.extend(guesses.warnings());
        inventory.warnings.extend(unsure);
        Ok(inventory)
    } else {
        Err(broken)
    }
}

/// The catalogue that configuration and inventory make where nothing was given yet.
pub fn preview(inventory: Inventory, config: &Config) -> Draft {
    Draft::of(Registry::default(), inventory, Vec::new(), config, None)
}

/// The records of the cameras that were imported. One that the configuration allows no more is refused like a row.
fn imported(
    store: &Store,
    departments: &[Department],
    inventory: &mut Inventory,
) -> Result<Vec<Record>, store::Error> {
    let mut records = Vec::new();
    for card in store.cards()? {
        let read = record_of(&card, departments);
        match read {
            Ok(record) => records.push(record),
            Err(problems) => {
                inventory.rejected.extend(problems);
                inventory.refused.push(Hint::of_camera(card.camera));
            }
        }
    }
    Ok(records)
}

/// The record of a card as the store keeps it.
pub(super) fn record_of(
    stored: &StoredCard,
    departments: &[Department],
) -> Result<Record, Vec<Problem>> {
    let card = Card::of_text(&stored.open, stored.secret.as_ref()).ok_or_else(|| {
        let message = format!(
            "camera {}: is not written as this version writes it",
            stored.camera
        );
        vec![Problem::whole("the store", message)]
    })?;
    let mut record = card.record(&stored.origin, departments)?;
    record.id = Some(stored.camera);
    Ok(record)
}

/// The codes that others have: ours at the platforms and theirs, and those that platforms have for cameras.
pub(super) fn reserved(config: &Config) -> Vec<GbCode> {
    let platforms = config.platforms.iter();
    let codes = platforms.flat_map(|p| p.share.codes.all().chain([p.local_gb_id, p.gb_id]));
    codes.collect()
}

fn overrides(record: &Record) -> String {
    let id = record.id.map(|id| id.to_string()).unwrap_or_default();
    let message =
        format!("camera {id} was imported and now stands in an inventory file, which holds");
    Problem::warning(&record.origin.file, record.origin.line, 0, &message).to_string()
}

pub(super) fn places(config: &Config) -> Places {
    Places {
        civil_code: config.gateway.civil_code.clone(),
        regions: config.gateway.regions.clone(),
    }
}

/// All that is wrong with rows, in the order of the files and of their rows.
fn told(
    rejected: Vec<Problem>,
    conflicts: &[(Record, Conflict)],
    files: &[PathBuf],
) -> Vec<String> {
    let conflicts = conflicts.iter().map(|(record, conflict)| {
        let origin = &record.origin;
        Problem::new(&origin.file, origin.line, 0, conflict.to_string())
    });
    let mut problems: Vec<_> = rejected.into_iter().chain(conflicts).collect();
    let ranks: BTreeMap<_, _> = (0..)
        .zip(files)
        .map(|(rank, file)| (file.display().to_string(), rank))
        .collect();
    let rank = |problem: &Problem| ranks.get(&problem.file).copied().unwrap_or(ranks.len());
    problems.sort_by_key(|problem| (rank(problem), problem.place()));
    problems.iter().map(ToString::to_string).collect()
}

/// A catalogue that was put together and is not in force yet.
#[derive(Debug)]
pub struct Draft {
    /// The catalogue.
    pub catalog: Catalog,
    /// All identities, those that are new among them.
    pub registry: Registry,
    /// What is wrong with rows that were refused.
    pub refused: Vec<String>,
    /// What is taken and should not be there.
    pub warnings: Vec<String>,
    /// How many they are.
    pub rows_refused: usize,
    new_cameras: Vec<Known>,
    new_nodes: Vec<KnownNode>,
}

impl Draft {
    /// Gives every record its identity, the one that the store has or a new one; nothing is stored. The cameras that were
    /// imported are taken from the store.
    pub(super) fn new(
        store: &Store,
        mut inventory: Inventory,
        config: &Config,
        old: Option<&Catalog>,
    ) -> Result<Self, store::Error> {
        let (cameras, nodes) = store.identities()?;
        let known = Registry::new(cameras, nodes, &reserved(config));
        let imported = imported(store, &config.departments, &mut inventory)?;
        Ok(Self::of(known, inventory, imported, config, old))
    }

    /// Gives every record its identity among those that are `known`, and puts the catalogue together. What a file
    /// declares comes before what was `imported`.
    ///
    /// A row that is refused changes nothing: the camera that it is keeps the record that it has in
    /// `old`.
    fn of(
        known: Registry,
        inventory: Inventory,
        imported: Vec<Record>,
        config: &Config,
        old: Option<&Catalog>,
    ) -> Self {
        let (departments, civil_code) = (&config.departments, &config.gateway.civil_code);
        // At the start there is nothing to go back to, and no copy is made of it.
        let again = old.map(|old| (old, known.clone(), inventory.records.clone()));
        let mut registry = known;
        let (mut assigned, mut conflicts) =
            registry.assign(inventory.records, departments, civil_code);
        if let Some((old, known, mut records)) = again {
            let former = former(old, &inventory.refused, &conflicts, &assigned);
            if !former.is_empty() {
                let has_department =
                    |record: &Record| departments.iter().any(|d| d.id == record.department);
                records.extend(former.into_iter().filter(has_department));
                registry = known;
                (assigned, conflicts) = registry.assign(records, departments, civil_code);
            }
        }
        let declared: HashSet<_> = assigned.iter().map(|row| row.known.id).collect();
        let is_declared = |record: &Record| record.id.is_some_and(|id| declared.contains(&id));
        let (overridden, imported): (Vec<_>, Vec<_>) = imported.into_iter().partition(is_declared);
        let (besides, disputed) = registry.assign(imported, departments, civil_code);
        assigned.extend(besides);
        conflicts.extend(disputed);
        let new_nodes = assign_nodes(&mut registry, departments, &assigned, civil_code);
        let new_cameras = assigned
            .iter()
            .filter(|row| row.is_new)
            .map(|row| row.known.clone())
            .collect();
        let cameras = assigned
            .into_iter()
            .map(|row| Arc::new(camera(row, departments)))
            .collect();
        let mut warnings: Vec<_> = inventory.warnings.iter().map(ToString::to_string).collect();
        warnings.extend(overridden.iter().map(overrides));
        Self {
            catalog: Catalog::new(cameras, departments.clone(), &registry, places(config), old),
            registry,
            refused: told(inventory.rejected, &conflicts, &config.inventory),
            warnings,
            rows_refused: inventory.refused.len() + conflicts.len(),
            new_cameras,
            new_nodes,
        }
    }

    /// Says in the log what is wrong with the inventory.
    pub(super) fn log(&self) {
        for problem in &self.refused {
            tracing::warn!(problem, "inventory row refused");
        }
        for problem in &self.warnings {
            tracing::warn!(problem, "inventory is taken as it is");
        }
    }

    /// Stores what is new; from then on its ids and codes are given.
    pub(super) fn keep(&self, store: &mut Store) -> Result<(), store::Error> {
        store.keep(self.new_cameras.iter(), &self.new_nodes)
    }
}

/// The records that the cameras of refused rows have, where no row that is right is the camera.
fn former(
    old: &Catalog,
    refused: &[Hint],
    conflicts: &[(Record, Conflict)],
    assigned: &[Assigned],
) -> Vec<Record> {
    let hinted = refused.iter().filter_map(|hint| hint.find(old.cameras()));
    let mut wanted: BTreeSet<CameraId> = hinted.map(|camera| camera.id).collect();
    for (record, conflict) in conflicts {
        match conflict {
            Conflict::Ambiguous { one, other, .. } => wanted.extend([*one, *other]),
            Conflict::UnknownId(_) => {
                let found = Hint::of(record).find(old.cameras());
                wanted.extend(found.map(|camera| camera.id));
            }
            Conflict::Duplicate(_) | Conflict::Exhausted(_) => {}
        }
    }
    let is_there = |id: CameraId| assigned.iter().any(|row| row.known.id == id);
    let missing = wanted.into_iter().filter(|id| !is_there(*id));
    missing
        .filter_map(|id| Some(old.by_id(id)?.record.clone()))
        .collect()
}

pub(super) fn camera(row: Assigned, departments: &[Department]) -> Camera {
    let of_department = departments
        .iter()
        .find(|d| d.id == row.record.department)
        .map(|d| d.pull);
    let pull = row.record.pull.or(of_department).unwrap_or_default();
    Camera {
        id: row.known.id,
        code: row.known.code,
        pull,
        record: row.record,
    }
}

/// Codes for the tree: the group, every department, every unit that has cameras.
pub(super) fn assign_nodes(
    registry: &mut Registry,
    departments: &[Department],
    assigned: &[Assigned],
    civil_code: &str,
) -> Vec<KnownNode> {
    let mut keys = vec![NodeKey::Group];
    keys.extend(
        departments
            .iter()
            .map(|department| NodeKey::Department(department.id.clone())),
    );
    let mut units: Vec<_> = assigned
        .iter()
        .filter_map(|row| {
            let unit = row.record.organisation.clone()?;
            Some(NodeKey::Organisation(row.record.department.clone(), unit))
        })
        .collect();
    units.sort();
    units.dedup();
    keys.extend(units);
    let mut new = Vec::new();
    for key in keys {
        match registry.assign_node(key.clone(), civil_code) {
            Ok((code, true)) => new.push(KnownNode { key, code }),
            Ok((_, false)) => {}
            Err(conflict) => tracing::warn!(?key, "no code for a node of the tree: {conflict}"),
        }
    }
    new
}
