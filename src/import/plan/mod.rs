//! What an import would do, row by row; nothing is done.
//!
//! A plan follows from the file, the request and the catalogue alone: planned again for its application, it is the same
//! as long as the catalogue is.

mod allowed;
mod complete;
mod digest;
mod masked;
mod names;
mod notes;
mod places;
mod together;

use std::collections::HashMap;
use std::sync::Arc;

use self::allowed::declared;
use self::complete::{complete, hold_known_position};
use self::masked::{check_known, take_masked_password};
use self::names::{Named, names_of};
use self::notes::leave_out_wrong;
use super::card::{Card, Change};
use super::clean::{Cleaned, Guess, Terms, clean};
use super::columns::Column;
use super::record::{Row, to_record};
use crate::catalog::{
    Assigned, Camera, CameraId, Catalog, Department, Given, Record, Regions, Registry, Upkeep,
};
use crate::problem::Problem;

pub use digest::tag;

/// What is asked of an import.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Request {
    /// The name of the file.
    pub file: String,
    /// The department that it is for, by id: rows need not name it, and rows of others are refused.
    pub department: Option<String>,
    /// What becomes of what the file does not say.
    pub mode: Mode,
    /// So many cameras may be disabled because the file has them not.
    pub allow_removals: usize,
    /// Who asks, and when.
    pub given: Given,
}

/// What becomes of what a file does not say.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mode {
    /// It stays as it is.
    Merge,
    /// A field that is not given is gone, and a camera that is not there is disabled.
    Replace,
    /// A field that is not given is gone, of one camera: it was given whole.
    Edit,
}

impl Mode {
    /// Those of imports.
    pub const ALL: [Self; 2] = [Self::Merge, Self::Replace];

    /// As the API names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Merge => "merge",
            Self::Replace => "replace",
            Self::Edit => "edit",
        }
    }
}

/// What a plan is made against.
#[derive(Clone, Debug)]
pub struct Known {
    /// The cameras.
    pub catalog: Arc<Catalog>,
    /// All identities ever given.
    pub registry: Arc<Registry>,
    /// The departments.
    pub departments: Vec<Department>,
    /// Divisions and grids, with their areas.
    pub regions: Arc<Regions>,
}

/// What an import would do.
#[derive(Debug)]
pub struct Plan {
    /// Row by row, in their order; then the cameras that are disabled since no row is them.
    pub rows: Vec<PlannedRow>,
    /// What is to be said of the file.
    pub warnings: Vec<Problem>,
    /// The records that change, with their identities.
    pub changed: Vec<Assigned>,
    /// All identities, those of the rows among them.
    pub registry: Registry,
    /// Tells this plan from every other.
    pub digest: String,
}

/// A row, and what would become of it.
#[derive(Debug)]
pub struct PlannedRow {
    /// Its line; 0 for a camera that is in no row.
    pub line: u64,
    /// What would be done.
    pub action: Action,
    /// The camera, where it is known already.
    pub camera: Option<CameraId>,
    /// The camera's name.
    pub name: String,
    /// Why it is refused.
    pub errors: Vec<Problem>,
    /// What was taken for what.
    pub guesses: Vec<Guess>,
    /// What is left out, or is better otherwise.
    pub warnings: Vec<Problem>,
    /// What would be other.
    pub changes: Vec<Change>,
}

impl PlannedRow {
    fn new(line: u64, action: Action, name: String) -> Self {
        Self {
            line,
            action,
            camera: None,
            name,
            errors: Vec::new(),
            guesses: Vec::new(),
            warnings: Vec::new(),
            changes: Vec::new(),
        }
    }
}

/// What would be done with a row.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Action {
    /// A camera that is not there is added.
    Add,
    /// A camera is changed.
    Change,
    /// Nothing: it says what is known.
    Keep,
    /// Nothing: it is wrong.
    Refuse,
    /// A camera that is in no row is taken out of service.
    Disable,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Add,
        Self::Change,
        Self::Keep,
        Self::Refuse,
        Self::Disable,
    ];

    /// As the API names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Change => "change",
            Self::Keep => "keep",
            Self::Refuse => "refuse",
            Self::Disable => "disable",
        }
    }
}

/// More cameras would be disabled than the request allows: so many, of so many.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "{missing} of {of} cameras are not in the file and would be disabled: if that is meant, allow_removals={missing}"
)]
pub struct TooManyMissing {
    /// They are not in the file.
    pub missing: usize,
    /// In service now.
    pub of: usize,
}

/// Says what the rows of a file would do.
///
/// # Errors
///
/// More cameras would be disabled than the request allows.
pub fn plan(rows: Vec<Row>, request: &Request, known: &Known) -> Result<Plan, TooManyMissing> {
    let mut planning = Planning::new(request, known);
    for row in together::with_department(rows, request) {
        planning.take(row);
    }
    planning.tell_names_apart();
    let warnings = planning.settle_positions();
    planning.tell_places();
    planning.tell_duplicates();
    planning.compare();
    planning.disable_missing()?;
    Ok(planning.finish(warnings))
}

/// What a camera would be that is given whole, by its fields; `None`: what it is. A field that is empty is none.
///
/// # Errors
///
/// All that is wrong with the fields.
pub fn edit(row: Row, request: &Request, known: &Known) -> Result<Option<Record>, Vec<Problem>> {
    let mut planning = Planning::new(request, known);
    planning.take(row);
    planning.compare();
    let errors = planning
        .rows
        .pop()
        .map(|row| row.errors)
        .unwrap_or_default();
    if !errors.is_empty() {
        return Err(errors);
    }
    let record = planning.records.pop().map(|(.., record)| record);
    Ok(record.map(|record| given_by(record, request)))
}

/// A record that says who gave it.
fn given_by(mut record: Record, request: &Request) -> Record {
    record.origin.given = Some(Arc::new(request.given.clone()));
    record
}

/// A plan that is being made.
struct Planning<'a> {
    request: &'a Request,
    known: &'a Known,
    /// What earlier rows are called, and where they stand.
    seen: HashMap<Named, u64>,
    rows: Vec<PlannedRow>,
    /// The records of rows that are right, each with its row's place among `rows` and the camera's record as it is.
    records: Vec<(usize, Option<Arc<Camera>>, Record)>,
}

impl<'a> Planning<'a> {
    fn new(request: &'a Request, known: &'a Known) -> Self {
        Self {
            request,
            known,
            seen: HashMap::new(),
            rows: Vec::new(),
            records: Vec::new(),
        }
    }

    /// Reads a row: finds its camera, completes it with what is known of that, and makes it a record.
    fn take(&mut self, row: Row) {
        let known = self.known;
        let terms = Terms {
            departments: &known.departments,
            regions: &known.regions,
            only: self.request.department.as_deref(),
            exact_departments: false,
        };
        let Cleaned {
            mut row,
            guesses,
            warnings,
        } = clean(row, &terms);
        let warnings = warnings.iter().map(|warning| warning.problem(&row.file));
        // What stands there in a row that is broken may be anything.
        let name = row.text(Column::Name).filter(|_| row.broken.is_none());
        let name = name.unwrap_or_default().to_owned();
        let mut planned = PlannedRow {
            guesses,
            warnings: warnings.collect(),
            ..PlannedRow::new(row.line, Action::Refuse, name)
        };
        match self.record(&mut row, &mut planned) {
            Ok((camera, record)) => {
                planned.name.clone_from(&record.name);
                self.records.push((self.rows.len(), camera, record));
            }
            Err(problems) => planned.errors = problems,
        }
        self.rows.push(planned);
    }

    fn record(
        &mut self,
        row: &mut Row,
        planned: &mut PlannedRow,
    ) -> Result<(Option<Arc<Camera>>, Record), Vec<Problem>> {
        let departments = &self.known.departments;
        // A row of another department says nothing of this one's cameras.
        let is_others = row.has(Column::Department) && row.text(Column::Department).is_none();
        if row.broken.is_some() || is_others {
            // What can be read of it may still say which camera it is, which is then not missing.
            let found = names_of(row, departments).find(&self.known.registry);
            planned.camera = found.ok().flatten().filter(|_| row.broken.is_some());
            return Err(to_record(row, departments).err().unwrap_or_default());
        }
        let was_masked = take_masked_password(row);
        let names = names_of(row, departments);
        self.note_names(row, &names)?;
        let found = names.find(&self.known.registry);
        let id = found.map_err(|conflict| vec![row.problem(None, conflict.to_string())])?;
        planned.camera = id;
        let camera = id.and_then(|id| self.known.catalog.by_id(id)).cloned();
        let mut given = None;
        if let Some(camera) = &camera {
            planned.name.clone_from(&camera.record.name);
            self.check_department(row, camera)?;
            given = Some(complete(row, &camera.record, self.request.mode));
        }
        if camera.as_ref().is_none_or(|c| !c.record.is_declared()) {
            self.check_networks(row)?;
        }
        let known = camera.as_ref().map(|camera| &camera.record);
        if self.request.mode != Mode::Edit {
            let told = leave_out_wrong(row, known, self.request.mode, departments);
            planned.warnings.extend(told);
        }
        places::check_division(row, known, self.known.catalog.civil_code());
        if was_masked {
            check_known(row)?;
        }
        // What is said to be empty is not there.
        row.drop_empty();
        let mut record = to_record(row, departments)?;
        if let (Some(camera), Some(given)) = (&camera, given) {
            hold_known_position(&mut record, &camera.record, given);
        }
        record.id = id;
        if let Some(camera) = camera.as_ref().filter(|c| record.gb_code == Some(c.code)) {
            // It says the camera's code; whether that was given to it stays as it is known.
            record.gb_code = camera.record.gb_code;
        }
        Ok((camera, record))
    }

    /// Two rows are not one camera.
    fn note_names(&mut self, row: &Row, names: &names::RowNames) -> Result<(), Vec<Problem>> {
        let all = names.all();
        for (column, named) in &all {
            if let Some(line) = self.seen.get(named) {
                let text = row.text(*column).unwrap_or_default();
                let text = if column.is_url() { "" } else { text };
                let message = format!("{text} is the camera of row {line} already");
                return Err(vec![row.problem(Some(*column), message.trim().to_owned())]);
            }
        }
        self.seen
            .extend(all.into_iter().map(|(_, named)| (named, row.line)));
        Ok(())
    }

    /// Says for each record what would become other; those that say what is known already are done.
    fn compare(&mut self) {
        let records = std::mem::take(&mut self.records);
        for (place, camera, record) in records {
            let after = Card::of(&record);
            let before = camera.as_ref().map(|camera| Card::of(&camera.record));
            let Some(row) = self.rows.get_mut(place) else {
                continue;
            };
            row.action = match &before {
                None => Action::Add,
                Some(before) if before.says_the_same_as(&after) => Action::Keep,
                Some(_) => Action::Change,
            };
            if let Some(before) = before {
                row.changes = before.changes_to(&after);
            }
            if row.action == Action::Change
                && let Some(camera) = camera.as_ref().filter(|c| c.record.is_declared())
            {
                row.action = Action::Refuse;
                row.errors = vec![declared(camera, &record)];
                continue;
            }
            if row.action != Action::Keep {
                self.records.push((place, camera, record));
            }
        }
    }

    /// What a whole list does not have is not there any more: it is taken out of service, and stays known.
    fn disable_missing(&mut self) -> Result<(), TooManyMissing> {
        if self.request.mode != Mode::Replace {
            return Ok(());
        }
        let there: std::collections::HashSet<_> =
            self.rows.iter().filter_map(|row| row.camera).collect();
        let concerned = self.departments_concerned();
        let cameras = self.known.catalog.cameras().iter();
        let in_service: Vec<_> = cameras
            .filter(|camera| camera.is_in_service() && !camera.record.is_declared())
            .filter(|camera| concerned.contains(&camera.record.department))
            .cloned()
            .collect();
        let of = in_service.len();
        let missing = in_service
            .into_iter()
            .filter(|camera| !there.contains(&camera.id));
        let missing: Vec<_> = missing.collect();
        if missing.len() > self.request.allow_removals && missing.len() * REMOVALS_PART > of {
            return Err(TooManyMissing {
                missing: missing.len(),
                of,
            });
        }
        for camera in missing {
            let mut record = camera.record.clone();
            record.upkeep = Upkeep::Disabled;
            record.origin.file.clone_from(&self.request.file);
            record.origin.line = 0;
            record.id = Some(camera.id);
            self.records
                .push((self.rows.len(), Some(camera.clone()), record.clone()));
            self.rows.push(PlannedRow {
                camera: Some(camera.id),
                changes: Card::of(&camera.record).changes_to(&Card::of(&record)),
                ..PlannedRow::new(0, Action::Disable, record.name.clone())
            });
        }
        Ok(())
    }

    fn departments_concerned(&self) -> Vec<String> {
        match &self.request.department {
            Some(only) => vec![only.clone()],
            None => {
                let ids = self.known.departments.iter().map(|d| d.id.clone());
                ids.filter(|id| self.names_department(id)).collect()
            }
        }
    }

    /// Whether a camera of the file is in that department.
    fn names_department(&self, id: &str) -> bool {
        let of_rows = self.rows.iter().filter_map(|row| row.camera);
        let mut of_rows = of_rows.filter_map(|camera| self.known.catalog.by_id(camera));
        of_rows.any(|camera| camera.record.department == id)
            || self.records.iter().any(|(.., r)| r.department == id)
    }

    /// Gives what changes its identity, and the plan its digest.
    fn finish(mut self, warnings: Vec<Problem>) -> Plan {
        let mut registry = Registry::clone(&self.known.registry);
        let places: HashMap<u64, usize> = self
            .records
            .iter()
            .map(|(place, _, record)| (record.origin.line, *place))
            .collect();
        let records = std::mem::take(&mut self.records).into_iter();
        let records: Vec<_> = records
            .map(|(.., record)| given_by(record, self.request))
            .collect();
        let (changed, conflicts) = registry.assign(
            records,
            &self.known.departments,
            self.known.catalog.civil_code(),
        );
        for (record, conflict) in conflicts {
            let place = places.get(&record.origin.line);
            if let Some(row) = place.and_then(|place| self.rows.get_mut(*place)) {
                let origin = &record.origin;
                row.action = Action::Refuse;
                row.errors = vec![Problem::new(
                    &origin.file,
                    origin.line,
                    0,
                    conflict.to_string(),
                )];
            }
        }
        let digest = digest::plan_digest(&self.known.catalog, self.request, &self.rows);
        Plan {
            rows: self.rows,
            warnings,
            changed,
            registry,
            digest,
        }
    }
}

/// One camera in so many may be missing.
const REMOVALS_PART: usize = 10;
