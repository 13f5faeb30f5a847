//! What the service manager or a terminal says by signals.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Error;

/// Signals from the moment on at which this is made: one that comes while the gateway starts is not lost, and ends no
/// process that has registered at platforms.
#[derive(Debug)]
pub(super) struct Signals {
    /// To stop.
    pub(super) terminate: Signal,
    /// To stop, from a terminal.
    pub(super) interrupt: Signal,
    /// To reload.
    pub(super) hangup: Signal,
}

impl Signals {
    pub(super) fn receive() -> Result<Self, Error> {
        let on = |kind| signal(kind).map_err(Error::Signals);
        Ok(Self {
            terminate: on(SignalKind::terminate())?,
            interrupt: on(SignalKind::interrupt())?,
            hangup: on(SignalKind::hangup())?,
        })
    }
}
