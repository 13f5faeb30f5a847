//! What counts and what is told while a camera is pulled, and while it gives media.

use super::entry::Entry;
use super::places::Place;
use super::shared::Shared;

/// Counts a camera that is being pulled.
pub(super) struct Counted(prometheus::IntGauge);

impl Counted {
    pub(super) fn new(shared: &Shared, department: &str) -> Self {
        let gauge = shared.metrics.streams.with_label_values(&[department]);
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// A camera that gives media, among those of its recorder and subnet.
pub(super) struct Present<'a> {
    shared: &'a Shared,
    entry: &'a Entry,
    places: Vec<Place>,
}

impl<'a> Present<'a> {
    /// Enters the camera's places; where it is the first there after a failure, it wakes the others.
    pub(super) fn new(shared: &'a Shared, entry: &'a Entry) -> Self {
        let places = entry.inner().places.clone();
        let was_down = std::mem::take(&mut entry.inner().was_down);
        for place in &places {
            let is_first = shared.places().enter(place);
            if is_first && was_down {
                shared.wake(place, entry.id);
            }
        }
        Self {
            shared,
            entry,
            places,
        }
    }
}

impl Drop for Present<'_> {
    fn drop(&mut self) {
        for place in &self.places {
            self.shared.places().leave(place);
        }
        self.entry
            .know(|status| std::mem::take(&mut status.is_live));
    }
}
