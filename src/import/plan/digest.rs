//! Digests that tell whether something is still what it was.

use sha2::{Digest, Sha256};

use super::{PlannedRow, Request};
use crate::catalog::{Camera, Catalog};
use crate::import::card::Card;

/// Changes with whatever is said of a camera. No secret is in it: a short password could be found by trying. One that
/// changes alone is told by when it was given.
pub fn tag(camera: &Camera) -> String {
    hex::encode(camera_hash(camera).get(..16).unwrap_or_default())
}

/// Changes with whatever is said of any camera.
pub fn catalog_digest(catalog: &Catalog) -> String {
    hex::encode(catalog_hash(catalog))
}

fn catalog_hash(catalog: &Catalog) -> [u8; 32] {
    let mut hash = Sha256::new();
    for camera in catalog.cameras() {
        hash.update(camera_hash(camera));
    }
    hash.finalize().into()
}

fn camera_hash(camera: &Camera) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(camera.id.as_str());
    hash.update(camera.code.as_str());
    let (open, _) = Card::of(&camera.record).to_text();
    hash.update(open);
    if let Some(given) = &camera.record.origin.given {
        let at = given.at.duration_since(std::time::UNIX_EPOCH);
        hash.update(at.unwrap_or_default().as_millis().to_be_bytes());
    }
    hash.finalize().into()
}

/// Of a plan: what it is made against, what was asked, and what it would do.
pub(super) fn plan_digest(catalog: &Catalog, request: &Request, rows: &[PlannedRow]) -> String {
    let mut hash = Sha256::new();
    hash.update(catalog_hash(catalog));
    let mut say = |text: &str| {
        hash.update(text.len().to_be_bytes());
        hash.update(text);
    };
    say(request.mode.name());
    say(request.department.as_deref().unwrap_or_default());
    say(&request.allow_removals.to_string());
    for row in rows {
        say(&row.line.to_string());
        say(row.action.name());
        say(&row.name);
        say(&row.camera.map(|id| id.to_string()).unwrap_or_default());
        for change in &row.changes {
            say(change.column.name());
            say(change.before.as_deref().unwrap_or_default());
            say(change.after.as_deref().unwrap_or_default());
        }
    }
    hex::encode(hash.finalize())
}
