//! A camera as it stands in the index, and the lamp that shows its state.

use std::sync::Arc;

use super::{Camera, CameraId, GbCode, Upkeep};

/// The place of a camera's state among the states of all: whoever shows states keeps them side by side, and needs no look
/// for each of ten thousands. A camera keeps its lamp from catalogue to catalogue while it is there; no other camera is
/// given it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Lamp(pub u32);

/// A camera at its place, with what puts it before or behind others: a question that finds ten thousands looks at the
/// records of the few that it answers.
#[derive(Clone, Debug)]
pub struct Spot {
    /// The camera.
    pub camera: Arc<Camera>,
    /// Its id.
    pub id: CameraId,
    /// Its code.
    pub code: GbCode,
    /// Its lamp.
    pub lamp: Lamp,
    /// Whether it is in service.
    pub upkeep: Upkeep,
    /// How far it sees, in metres.
    pub view_distance: Option<u16>,
}

impl Spot {
    /// The spot of a camera.
    pub fn of(camera: &Arc<Camera>, lamp: Lamp) -> Self {
        Self {
            id: camera.id,
            code: camera.code,
            lamp,
            upkeep: camera.record.upkeep,
            view_distance: camera.record.details.view_distance,
            camera: camera.clone(),
        }
    }
}
