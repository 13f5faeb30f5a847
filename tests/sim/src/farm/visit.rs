//! A connection as the counters see it, from its acceptance to its end.

use std::sync::Arc;

use tokio::time::Instant;

use super::camera::Shared;

/// A connection that is counted; dropping it takes it from the counts.
#[derive(Debug)]
pub(super) struct Visit {
    camera: Arc<Shared>,
    is_handshake: bool,
}

impl Visit {
    pub(super) fn begin(camera: &Arc<Shared>, now: Instant) -> Self {
        camera.welcome(now);
        Self {
            camera: camera.clone(),
            is_handshake: true,
        }
    }

    /// Takes note that a PLAY was answered.
    pub(super) fn end_handshake(&mut self) {
        if std::mem::take(&mut self.is_handshake) {
            self.camera.count(|stats| stats.handshakes -= 1);
        }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.end_handshake();
        self.camera.count(|stats| stats.connections -= 1);
    }
}
