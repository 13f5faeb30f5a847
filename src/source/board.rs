//! The states of all cameras side by side, by their lamps.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use crate::catalog::Lamp;
use crate::ledger::State;

/// A byte a camera. Each is written together with the camera's status, under the lock of that, and only read here.
#[derive(Debug, Default)]
pub(super) struct Board(RwLock<Vec<AtomicU8>>);

impl Board {
    /// Shows a camera's state from now on.
    pub(super) fn set(&self, lamp: Lamp, state: State) {
        let number = lamp.0 as usize;
        let show = |lamps: &[AtomicU8]| {
            let lamp = lamps.get(number);
            lamp.map(|lamp| lamp.store(state as u8, Ordering::Relaxed))
        };
        if show(&self.lamps()).is_none() {
            let mut lamps = self.0.write().unwrap_or_else(PoisonError::into_inner);
            let count = lamps.len().max(number + 1);
            lamps.resize_with(count, || AtomicU8::new(State::Unknown as u8));
            show(&lamps);
        }
    }

    /// The states that lamps show, in their order. A lamp that was never set shows `unknown`.
    pub(super) fn states(&self, lamps: impl Iterator<Item = Lamp>) -> Vec<State> {
        let board = self.lamps();
        let state = |lamp: Lamp| {
            let shown = board.get(lamp.0 as usize);
            shown.map_or(State::Unknown, |shown| {
                state_of(shown.load(Ordering::Relaxed))
            })
        };
        lamps.map(state).collect()
    }

    fn lamps(&self) -> RwLockReadGuard<'_, Vec<AtomicU8>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

fn state_of(byte: u8) -> State {
    State::ALL
        .get(usize::from(byte))
        .copied()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lamp_shows_what_it_was_set_to_last() {
        let board = Board::default();
        for (number, state) in (0..6).zip(State::ALL).rev() {
            board.set(Lamp(number), State::Online);
            board.set(Lamp(number), state);
        }
        let shown = board.states((0..8).map(Lamp));
        assert_eq!(shown[..6], State::ALL);
        assert_eq!(shown[6..], [State::Unknown; 2]);
    }
}
