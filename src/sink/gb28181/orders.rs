//! What an operator orders of a platform's task: to list its sessions, to stop one.

use std::time::SystemTime;

use tokio::sync::oneshot;
use tracing::info;

use super::platform::Platform;
use crate::catalog::CameraId;

/// An order; the answer goes back by its channel.
#[derive(Debug)]
pub(super) enum Order {
    /// Who watches now.
    Sessions(oneshot::Sender<Vec<SessionStatus>>),
    /// End the session of that id; whether there is one.
    Stop(String, oneshot::Sender<bool>),
}

/// A session of a platform.
#[derive(Clone, Debug)]
pub struct SessionStatus {
    /// Its id, ours.
    pub id: String,
    /// The platform.
    pub platform: String,
    /// The camera.
    pub camera: CameraId,
    /// Since when.
    pub since: SystemTime,
    /// Where media goes.
    pub peer: String,
    /// `udp` or `tcp`.
    pub transport: &'static str,
    /// Whether media was asked for and not yet answered.
    pub is_starting: bool,
}

impl Platform {
    pub(super) fn handle_order(&mut self, order: Order) {
        // Whoever asked may have gone.
        match order {
            Order::Sessions(answer) => {
                let _heard = answer.send(self.session_statuses());
            }
            Order::Stop(id, answer) => {
                let call_id = self.calls.of_session(&id);
                if let Some(call_id) = &call_id {
                    info!(session = id, "stopped by an operator");
                    self.end_call(call_id);
                }
                let _heard = answer.send(call_id.is_some());
            }
        }
    }
}
