//! A connection as the counters see it, from its acceptance to its end.

use std::sync::Arc;

use tokio::time::Instant;

use super::camera::Shared;
use super::group::Group;

/// A connection that is counted; dropping it takes it from the counts.
#[derive(Debug)]
pub(super) struct Visit {
    group: Option<Group>,
    camera: Option<Arc<Shared>>,
    accepted: Instant,
    is_handshake: bool,
}

impl Visit {
    /// Takes note of a connection to a group's address.
    pub(super) fn begin(group: Option<Group>, now: Instant) -> Self {
        if let Some(group) = &group {
            group.welcome(now);
        }
        Self {
            group,
            camera: None,
            accepted: now,
            is_handshake: true,
        }
    }

    /// Takes note of the camera that it is for.
    pub(super) fn reach(&mut self, camera: &Arc<Shared>) {
        camera.welcome(self.accepted);
        self.camera = Some(camera.clone());
    }

    /// Takes note that a PLAY was answered.
    pub(super) fn end_handshake(&mut self) {
        if !std::mem::take(&mut self.is_handshake) {
            return;
        }
        if let Some(camera) = &self.camera {
            camera.count(|stats| stats.handshakes -= 1);
        }
        if let Some(group) = &self.group {
            group.count(|stats| stats.handshakes -= 1);
        }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.end_handshake();
        if let Some(camera) = &self.camera {
            camera.count(|stats| stats.connections -= 1);
        }
        if let Some(group) = &self.group {
            group.count(|stats| stats.connections -= 1);
        }
    }
}
