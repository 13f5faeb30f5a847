//! Digests that tell whether something is still what it was.

use std::time::UNIX_EPOCH;

use sha2::{Digest, Sha256};

use super::{PlannedRow, Request};
use crate::catalog::{Camera, Catalog};
use crate::import::card::Card;

/// Changes with whatever is said of a camera. No secret is in it: a short password could be found by trying. One that
/// changes alone is told by when it was given.
pub fn tag(camera: &Camera) -> String {
    let mut hash = Sha256::new();
    hash.update(camera.id.as_str());
    hash.update(camera.code.as_str());
    let (open, _) = Card::of(&camera.record).to_text();
    hash.update(open);
    hash.update(version(camera));
    hash.finalize()
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// When a record was given, and by which import: none is given twice in a millisecond. A declared one has no version; what
/// a plan makes of it is in the plan.
fn version(camera: &Camera) -> [u8; 16] {
    let given = camera.record.origin.given.as_ref();
    let (at, import) = given.map_or((UNIX_EPOCH, None), |given| (given.at, given.import));
    let at = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let both = at.as_millis() << 64 | u128::from(import.unwrap_or_default());
    both.to_be_bytes()
}

/// Of a plan: what it is made against, what was asked, and what it would do.
pub(super) fn plan_digest(catalog: &Catalog, request: &Request, rows: &[PlannedRow]) -> String {
    let mut hash = Sha256::new();
    for camera in catalog.cameras() {
        hash.update(camera.id.as_str());
        hash.update(version(camera));
    }
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
        // What is left out is said there, also of a camera that is new.
        for warning in &row.warnings {
            say(&warning.message);
        }
    }
    hex::encode(hash.finalize())
}
