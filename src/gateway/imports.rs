//! Imports: planned beside everything else, applied and undone by the root, one at a time.

use std::sync::Arc;

use tracing::info;

use super::Gateway;
use super::cards::{Changed, Former};
use super::keeper::{SharedStore, on_store};
use crate::api::{
    ChangeItem, GuessItem, ImportItem, ImportOrder, ImportRow, MarkedSheet, Refused, Report, SKIP,
    Summary, timestamp,
};
use crate::catalog::Given;
use crate::clock::wall_clock;
use crate::import::{self, Known, Mode, Plan, PlannedRow, Request, Sheet};
use crate::problem::Problem;
use crate::store::{Import, NewImport, Progress, Step};
use crate::task::blocking;

impl Gateway {
    /// Does what is asked about imports. A plan is made beside everything else, so that nothing waits for it.
    pub(super) async fn order_import(&mut self, order: ImportOrder) {
        match order {
            ImportOrder::Plan {
                request,
                bytes,
                answer,
            } => match self.planning.clone().try_acquire_owned() {
                Err(_) => drop(answer.send(Err(Refused::busy(
                    "another file is being looked at: try again in a moment",
                )))),
                Ok(turn) => {
                    let (store, known) = (self.store.clone(), self.known());
                    self.planned.spawn("import plan", async move {
                        drop(answer.send(plan_and_keep(&store, request, bytes, known).await));
                        drop(turn);
                    });
                }
            },
            ImportOrder::Apply { id, digest, answer } => {
                drop(answer.send(self.apply_import(id, digest).await));
            }
            ImportOrder::Undo { id, answer } => {
                drop(answer.send(self.undo_import(id).await));
            }
            ImportOrder::List { answer } => {
                let kept = on_store(&self.store, |store| store.imports()).await;
                let items = kept.map(|all| all.iter().map(item).collect());
                drop(answer.send(items.map_err(|error| Refused::store(&error))));
            }
            ImportOrder::Marked { id, answer } => {
                drop(answer.send(self.marked_import(id).await));
            }
            ImportOrder::Show { id, answer } => drop(answer.send(self.show_import(id).await)),
        }
    }

    /// What plans are made against.
    pub(super) fn known(&self) -> Known {
        Known {
            catalog: self.catalog.borrow().clone(),
            registry: self.registry.clone(),
            departments: self.config.departments.clone(),
            regions: self.config.gateway.regions.clone(),
        }
    }

    async fn show_import(&self, id: u64) -> Result<(ImportItem, Report), Refused> {
        let kept = on_store(&self.store, move |store| {
            Ok::<_, crate::store::Error>((store.import(id)?, store.import_report(id)?))
        });
        let (import, report) = kept.await.map_err(|error| Refused::store(&error))?;
        let (Some(import), Some(report)) = (import, report) else {
            return Err(no_import(id));
        };
        Ok((item(&import), Report(report)))
    }

    /// The sheet as it came, with what was said of its rows.
    async fn marked_import(&self, id: u64) -> Result<MarkedSheet, Refused> {
        let (import, report) = self.show_import(id).await?;
        let bytes = on_store(&self.store, move |store| store.import_file(id)).await;
        let bytes = bytes.map_err(|error| Refused::store(&error))?;
        let bytes = bytes.ok_or_else(|| no_import(id))?;
        let marking = blocking(move || {
            let sheet = import::read_sheet(&import.file, &bytes).map_err(|problems| {
                Refused::file(problems.iter().map(ToString::to_string).collect())
            })?;
            let rows = report.rows().map_err(|error| Refused::store(&error))?;
            let says = rows.iter().map(|row| (row.row, row.note())).collect();
            Ok((import.file, import::marked(&sheet, &says)))
        });
        marking.await
    }

    async fn import(&self, id: u64) -> Result<Import, Refused> {
        let kept = on_store(&self.store, move |store| store.import(id)).await;
        let kept = kept.map_err(|error| Refused::store(&error))?;
        kept.ok_or_else(|| no_import(id))
    }

    /// Plans once more and does it, if it is what was reviewed.
    async fn apply_import(
        &mut self,
        id: u64,
        digest: Option<String>,
    ) -> Result<ImportItem, Refused> {
        let import = self.import(id).await?;
        if import.progress != Progress::Planned {
            let detail = format!("import {id} is {} already", state(import.progress).0);
            return Err(Refused::conflict("import_state", &detail, Vec::new()));
        }
        if digest.is_some_and(|digest| digest != import.digest) {
            let detail = "the digest is not that of this import: look at it again";
            return Err(Refused::conflict("digest", detail, Vec::new()));
        }
        let bytes = on_store(&self.store, move |store| store.import_file(id)).await;
        let bytes = bytes.map_err(|error| Refused::store(&error))?;
        let bytes = bytes.ok_or_else(|| no_import(id))?;
        let (request, known) = (request_of(&import), self.known());
        let planned = blocking(move || plan_of(&bytes, &request, &known)).await;
        let plan = match planned {
            Ok((plan, _)) if plan.digest == import.digest => plan,
            // What it would do now was reviewed by nobody.
            _ => {
                let detail = "the catalogue or the configuration has changed since the file was looked at: \
                              upload it again and review what it would do now";
                return Err(Refused::conflict("catalogue_changed", detail, Vec::new()));
            }
        };
        let Plan {
            changed, registry, ..
        } = plan;
        self.registry = Arc::new(registry);
        let changed = Changed {
            assigned: changed,
            removed: Vec::new(),
            step: Step::Apply(id),
        };
        self.change(changed).await?;
        info!(import = id, by = %import.by, file = import.file, "import is applied");
        self.import(id).await.map(|import| item(&import))
    }

    /// Gives every camera of an import the card that it had before.
    async fn undo_import(&mut self, id: u64) -> Result<ImportItem, Refused> {
        let import = self.import(id).await?;
        if !matches!(import.progress, Progress::Applied(_)) {
            let detail = format!("import {id} is {}", state(import.progress).0);
            return Err(Refused::conflict("import_state", &detail, Vec::new()));
        }
        let former = on_store(&self.store, move |store| store.former_cards(id)).await;
        let former = former.map_err(|error| Refused::store(&error))?;
        let catalog = self.catalog.borrow().clone();
        let is_untouched = |former: &&Former| {
            let camera = catalog.by_id(former.0);
            let given = camera.and_then(|camera| camera.record.origin.given.clone());
            given.is_some_and(|given| given.import == Some(id))
        };
        let touched = former.iter().filter(|former| !is_untouched(former));
        let touched: Vec<_> = touched
            .map(|(camera, _)| format!("camera {camera} was changed later"))
            .take(PROBLEMS_MAX)
            .collect();
        if !touched.is_empty() {
            let detail = "cameras of this import were changed after it: change them back first";
            return Err(Refused::conflict("edited_since", detail, touched));
        }
        let changed = self.restored(former, Step::Undo(id))?;
        self.change(changed).await?;
        info!(import = id, "import is undone");
        self.import(id).await.map(|import| item(&import))
    }
}

/// Plans and keeps what was planned, for whoever reviews it.
async fn plan_and_keep(
    store: &SharedStore,
    request: Request,
    bytes: Vec<u8>,
    known: Known,
) -> Result<ImportItem, Refused> {
    let planned = blocking(move || {
        let (plan, sheet) = plan_of(&bytes, &request, &known)?;
        let (summary, rows) = report(&plan, &sheet);
        let import = Import {
            id: 0,
            file: request.file,
            department: request.department,
            mode: request.mode.name().to_owned(),
            allow_removals: request.allow_removals,
            by: request.given.by,
            at: request.given.at,
            digest: plan.digest,
            summary: summary.to_text(),
            progress: Progress::Planned,
        };
        let report = Report::of(&rows).map_err(|error| Refused::store(&error))?;
        Ok((import, bytes, report))
    });
    let (mut import, bytes, report) = planned.await?;
    let kept = on_store(store, move |store| {
        let new = NewImport {
            import: &import,
            bytes: &bytes,
            report: &report.0,
        };
        import.id = store.keep_import(&new)?;
        Ok::<_, crate::store::Error>(import)
    });
    let import = kept.await.map_err(|error| Refused::store(&error))?;
    Ok(item(&import))
}

/// The plan of a file, and the file.
fn plan_of(bytes: &[u8], request: &Request, known: &Known) -> Result<(Plan, Sheet), Refused> {
    let told = |problems: Vec<Problem>| problems.iter().map(ToString::to_string).collect();
    let mut sheet = import::read_sheet(&request.file, bytes)
        .map_err(|problems| Refused::file(told(problems)))?;
    let rows = std::mem::take(&mut sheet.rows);
    let plan =
        import::plan(rows, request, known).map_err(|error| Refused::removals(error.to_string()))?;
    Ok((plan, sheet))
}

fn report(plan: &Plan, sheet: &Sheet) -> (Summary, Vec<ImportRow>) {
    let warnings = sheet.warnings.iter().chain(&plan.warnings);
    let mut summary = Summary {
        warnings: warnings.map(ToString::to_string).collect(),
        skip: sheet.skipped.len(),
        ..Summary::default()
    };
    for row in &plan.rows {
        summary.count(row.action);
        summary.guesses += row.guesses.len();
    }
    let mut rows: Vec<_> = plan.rows.iter().map(row_item).collect();
    rows.extend(sheet.skipped.iter().map(|skipped| ImportRow {
        row: skipped.row,
        action: SKIP.to_owned(),
        name: skipped.why.name().to_owned(),
        ..ImportRow::default()
    }));
    // What is in no row comes last.
    rows.sort_by_key(|row| if row.row == 0 { u64::MAX } else { row.row });
    (summary, rows)
}

fn row_item(row: &PlannedRow) -> ImportRow {
    let guesses = row.guesses.iter().map(|guess| GuessItem {
        column: guess.column.name().to_owned(),
        rule: guess.rule.to_owned(),
        message: guess.to_string(),
    });
    let changes = row.changes.iter().map(|change| ChangeItem {
        field: change.column.name().to_owned(),
        before: change.before.clone(),
        after: change.after.clone(),
    });
    ImportRow {
        row: row.line,
        action: row.action.name().to_owned(),
        camera: row.camera.map(|id| id.to_string()),
        name: row.name.clone(),
        errors: row.errors.iter().map(ToString::to_string).collect(),
        guesses: guesses.collect(),
        warnings: row.warnings.iter().map(ToString::to_string).collect(),
        changes: changes.collect(),
    }
}

fn item(import: &Import) -> ImportItem {
    let (state, since) = state(import.progress);
    ImportItem {
        id: import.id,
        file: import.file.clone(),
        department: import.department.clone(),
        mode: import.mode.clone(),
        allow_removals: import.allow_removals,
        by: import.by.clone(),
        at: timestamp(import.at),
        state,
        since,
        digest: import.digest.clone(),
        summary: Summary::of_text(&import.summary),
    }
}

fn state(progress: Progress) -> (&'static str, Option<String>) {
    match progress {
        Progress::Planned => ("planned", None),
        Progress::Applied(at) => ("applied", Some(timestamp(at))),
        Progress::Undone(at) => ("undone", Some(timestamp(at))),
    }
}

/// What was asked, from what was kept of it.
fn request_of(import: &Import) -> Request {
    let mode = Mode::ALL
        .into_iter()
        .find(|mode| mode.name() == import.mode);
    Request {
        file: import.file.clone(),
        department: import.department.clone(),
        mode: mode.unwrap_or(Mode::Merge),
        allow_removals: import.allow_removals,
        given: Given {
            import: Some(import.id),
            by: import.by.clone(),
            at: wall_clock(),
        },
    }
}

fn no_import(id: u64) -> Refused {
    Refused::not_found(&format!("import `{id}`"))
}

/// So many cameras are named; the others are like them.
const PROBLEMS_MAX: usize = 20;
