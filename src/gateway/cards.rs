//! Changes of cameras by imports and by the API: written first, then in force.

use std::sync::Arc;

use tracing::error;

use super::Gateway;
use super::inventory::{assign_nodes, camera, record_of, reserved};
use super::keeper::on_store;
use crate::api::Refused;
use crate::catalog::{Assigned, CameraId, Registry};
use crate::clock::wall_clock;
use crate::import::Card;
use crate::store::{CardsChange, Step, StoredCard};

/// A change that is to be made: cameras with their identities, and cameras that go.
pub(super) struct Changed {
    pub(super) assigned: Vec<Assigned>,
    pub(super) removed: Vec<CameraId>,
    /// What it is to an import.
    pub(super) step: Step,
}

/// A camera, and the card that it had.
pub(super) type Former = (CameraId, Option<StoredCard>);

impl Gateway {
    /// Writes a change, all or nothing, and has it in force.
    pub(super) async fn change(&mut self, changed: Changed) -> Result<(), Refused> {
        let Changed {
            assigned,
            removed,
            step,
        } = changed;
        let (departments, civil_code) = (&self.config.departments, &self.config.gateway.civil_code);
        let registry = Arc::make_mut(&mut self.registry);
        let nodes = assign_nodes(registry, departments, &assigned, civil_code);
        let change = CardsChange {
            cameras: assigned
                .iter()
                .filter(|row| row.is_new)
                .map(|row| row.known.clone())
                .collect(),
            nodes,
            put: assigned.iter().map(card_of).collect(),
            removed,
            step,
        };
        let now = wall_clock();
        let written = on_store(&self.store, move |store| {
            store.change_cards(&change, now).map(|()| change.removed)
        });
        let removed = match written.await {
            Ok(removed) => removed,
            Err(error) => {
                self.forget_identities().await;
                return Err(Refused::store(&error));
            }
        };
        let changed = assigned.iter().map(|row| row.known.id);
        let changed: Vec<_> = changed.chain(removed.iter().copied()).collect();
        let put = assigned.into_iter();
        let put = put.map(|row| Arc::new(camera(row, departments))).collect();
        let old = self.catalog.borrow().clone();
        let catalog = old.changed(put, &removed, &self.registry);
        self.catalog.send_replace(Arc::new(catalog));
        self.sources.follow_cameras(&changed);
        Ok(())
    }

    /// Identities that could not be written were given to nobody: those of the store hold.
    async fn forget_identities(&mut self) {
        let reserved = reserved(&self.config);
        let stored = on_store(&self.store, |store| store.identities()).await;
        match stored {
            Ok((cameras, nodes)) => {
                self.registry = Arc::new(Registry::new(cameras, nodes, &reserved));
            }
            Err(error) => error!(%error, "the store cannot be read"),
        }
    }

    /// The change that gives cameras the cards that they had.
    pub(super) fn restored(&mut self, former: Vec<Former>, step: Step) -> Result<Changed, Refused> {
        let mut registry = Registry::clone(&self.registry);
        let (mut records, mut removed, mut problems) = (Vec::new(), Vec::new(), Vec::new());
        for (camera, card) in former {
            let Some(card) = card else {
                removed.push(camera);
                continue;
            };
            match record_of(&card, &self.config.departments) {
                Ok(record) => records.push(record),
                Err(wrong) => problems.extend(wrong),
            }
        }
        let departments = &self.config.departments;
        let civil_code = &self.config.gateway.civil_code;
        let (assigned, conflicts) = registry.assign(records, departments, civil_code);
        let mut problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
        problems.extend(
            conflicts
                .iter()
                .map(|(record, conflict)| format!("{}: {conflict}", record.origin)),
        );
        if !problems.is_empty() {
            let detail =
                "cameras as they were before are not allowed any more: nothing has changed";
            return Err(Refused::conflict("not_allowed_now", detail, problems));
        }
        self.registry = Arc::new(registry);
        Ok(Changed {
            assigned,
            removed,
            step,
        })
    }
}

/// A camera's record as the store keeps it.
fn card_of(row: &Assigned) -> StoredCard {
    let (open, secret) = Card::of(&row.record).to_text();
    StoredCard {
        camera: row.known.id,
        open,
        secret,
        origin: row.record.origin.clone(),
    }
}
