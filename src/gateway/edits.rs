//! Edits of single cameras by the API.

use std::sync::Arc;

use tracing::info;

use super::Gateway;
use super::cards::Changed;
use crate::api::{Edit, Refused};
use crate::catalog::{Camera, CameraId, Given};
use crate::import::{self, Card, Column, Known, Mode, Request, Row};
use crate::problem::Problem;
use crate::store::Step;

impl Gateway {
    /// Does an edit, and returns the camera.
    pub(super) async fn edit(&mut self, edit: Edit, given: Given) -> Result<CameraId, Refused> {
        let by = given.by.clone();
        let (what, camera) = match edit {
            Edit::Add { fields } => ("added", self.add(fields, given).await?),
            Edit::Change {
                camera,
                fields,
                tags,
            } => ("changed", self.patch(camera, fields, &tags, given).await?),
            Edit::Remove { camera, tags } => {
                self.editable(camera, &tags)?;
                self.change(Changed {
                    assigned: Vec::new(),
                    removed: vec![camera],
                    step: Step::None,
                })
                .await?;
                ("removed", camera)
            }
        };
        info!(%camera, by, what, "edit");
        Ok(camera)
    }

    async fn add(
        &mut self,
        fields: Vec<(Column, Option<String>)>,
        given: Given,
    ) -> Result<CameraId, Refused> {
        let fields = fields.into_iter();
        let fields = fields.filter_map(|(column, text)| Some((column, text?)));
        let (request, known) = (request(given), self.known());
        let row = Row::of_fields(WHAT, fields);
        let record = import::edit(row, &request, &known).map_err(wrong)?;
        let there = match &record {
            Some(record) => record.id.filter(|id| known.catalog.by_id(*id).is_some()),
            None => None,
        };
        drop(known);
        match (record, there) {
            (Some(record), None) => self.take(record).await,
            (_, there) => {
                let which = there.map(|id| format!(" {id}")).unwrap_or_default();
                let detail = format!("it is camera{which} already: change that one");
                Err(Refused::conflict("exists", &detail, Vec::new()))
            }
        }
    }

    async fn patch(
        &mut self,
        camera: CameraId,
        fields: Vec<(Column, Option<String>)>,
        tags: &[String],
        given: Given,
    ) -> Result<CameraId, Refused> {
        let old = self.editable(camera, tags)?;
        let mut row = Card::of(&old.record).without_login();
        row.insert(Column::Id, camera.to_string());
        for (column, text) in fields {
            let is_login = matches!(
                column,
                Column::Username | Column::Password | Column::Credential
            );
            match text {
                Some(text) => drop(row.insert(column, text)),
                // A login that is taken away must not be taken from what is known.
                None if is_login => drop(row.insert(column, String::new())),
                None => drop(row.remove(&column)),
            }
        }
        let (request, known): (_, Known) = (request(given), self.known());
        let record = import::edit(Row::of_fields(WHAT, row), &request, &known).map_err(wrong)?;
        drop(known);
        match record {
            Some(record) => self.take(record).await,
            None => Ok(camera),
        }
    }

    /// Gives a record its identity, writes it, and has it in force.
    async fn take(&mut self, record: crate::catalog::Record) -> Result<CameraId, Refused> {
        let (departments, civil_code) = (&self.config.departments, &self.config.gateway.civil_code);
        let registry = Arc::make_mut(&mut self.registry);
        let (assigned, conflicts) = registry.assign(vec![record], departments, civil_code);
        if let Some((_, conflict)) = conflicts.first() {
            return Err(Refused::fields(vec![conflict.to_string()]));
        }
        let camera = assigned.first().map(|row| row.known.id);
        self.change(Changed {
            assigned,
            removed: Vec::new(),
            step: Step::None,
        })
        .await?;
        camera.ok_or_else(|| Refused::store(&"the camera has no id"))
    }

    /// The camera, if it is the one that whoever edits it has seen.
    fn editable(&self, id: CameraId, tags: &[String]) -> Result<Arc<Camera>, Refused> {
        let camera = self.catalog.borrow().by_id(id).cloned();
        let camera = camera.ok_or_else(|| Refused::not_found(&format!("camera `{id}`")))?;
        if camera.record.is_declared() {
            let detail = format!(
                "camera {id} is declared in {}: change it there",
                camera.record.origin
            );
            return Err(Refused::conflict("declared_in_file", &detail, Vec::new()));
        }
        let tag = import::tag(&camera);
        if !tags.iter().any(|seen| *seen == tag || seen == "*") {
            return Err(Refused::precondition(
                "the camera has changed since it was read: read it again",
            ));
        }
        Ok(camera)
    }
}

fn request(given: Given) -> Request {
    Request {
        file: WHAT.to_owned(),
        department: None,
        mode: Mode::Edit,
        allow_removals: 0,
        given,
    }
}

fn wrong(problems: Vec<Problem>) -> Refused {
    Refused::fields(problems.iter().map(ToString::to_string).collect())
}

/// Where the fields of an edit stand.
const WHAT: &str = "api";
