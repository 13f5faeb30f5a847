//! Which of the cameras that are found come first: those that play, see the place, and are near.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::Arc;

use crate::catalog::geo::{Point, Sight};
use crate::catalog::{Camera, GbCode};
use crate::ledger::State;
use crate::source::Sources;

/// Where a camera stands in an answer: how surely it plays, whether it sees the place, how far it is, how far it looks
/// past the place, and its code. A list has codes only.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Rank {
    state: u8,
    covers: u8,
    decimetres: u64,
    turn: u16,
    pub(super) code: GbCode,
}

impl Rank {
    /// In a list.
    pub(super) fn of(code: GbCode) -> Self {
        Self {
            state: 0,
            covers: 0,
            decimetres: 0,
            turn: 0,
            code,
        }
    }

    /// As the cursor of a page has it.
    pub(super) fn cursor(&self) -> String {
        let Self {
            state,
            covers,
            decimetres,
            turn,
            code,
        } = self;
        format!("{state}.{covers}.{decimetres}.{turn}.{code}")
    }

    pub(super) fn of_cursor(cursor: &str) -> Option<Self> {
        let parts: Vec<_> = cursor.split('.').collect();
        let [state, covers, decimetres, turn, code] = parts[..] else {
            return None;
        };
        Some(Self {
            state: state.parse().ok()?,
            covers: covers.parse().ok()?,
            decimetres: decimetres.parse().ok()?,
            turn: turn.parse().ok()?,
            code: code.parse().ok()?,
        })
    }
}

/// A camera that was found.
pub(super) struct Found<'a> {
    pub(super) rank: Rank,
    pub(super) camera: &'a Arc<Camera>,
    pub(super) distance: Option<f64>,
    pub(super) covers: Option<bool>,
}

impl<'a> Found<'a> {
    /// In a list, in which a camera has no rank but its code.
    pub(super) fn listed(camera: &'a Arc<Camera>) -> Self {
        Self {
            rank: Rank::of(camera.code),
            camera,
            distance: None,
            covers: None,
        }
    }

    /// As it is where it sees the place best: what it sees is not looked at yet.
    pub(super) fn at_best(
        camera: &'a Arc<Camera>,
        distance: Option<f64>,
        sources: &Sources,
    ) -> Self {
        let mut found = Self::listed(camera);
        found.distance = distance;
        found.rank.state = match sources.state(camera).state() {
            State::Online => 0,
            State::Degraded => 1,
            State::Connecting => 2,
            State::Unknown => 3,
            State::Offline => 4,
            State::Disabled => 5,
        };
        found.rank.decimetres = (distance.unwrap_or_default() * 10.0).round() as u64;
        found
    }

    /// With what it sees of a place.
    pub(super) fn looking_at(mut self, centre: Option<Point>) -> Self {
        if let (Some(centre), Some(position)) = (centre, self.camera.record.position) {
            let (record, from) = (&self.camera.record, position.nearest());
            let sight = Sight {
                bearing: record.bearing,
                fov: record.details.fov,
                view_distance: record.details.view_distance,
            };
            let can_turn = matches!(record.ptz, Some(1 | 4));
            self.covers = sight.covers(from, centre, can_turn);
            self.rank.covers = match self.covers {
                Some(true) => 0,
                None => 1,
                Some(false) => 2,
            };
            let turn = sight.turn(from, centre).filter(|_| !can_turn);
            self.rank.turn = turn.unwrap_or_default().round() as u16;
        }
        self
    }
}

impl PartialEq for Found<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.rank == other.rank
    }
}

impl Eq for Found<'_> {}

impl PartialOrd for Found<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Found<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank.cmp(&other.rank)
    }
}

/// The best of many: the others are not put into their order, and what they see is not looked at.
pub(super) struct Best<'a> {
    count: usize,
    found: BinaryHeap<Found<'a>>,
}

impl<'a> Best<'a> {
    pub(super) fn of(count: usize) -> Self {
        Self {
            count,
            found: BinaryHeap::with_capacity(count + 1),
        }
    }

    /// Whether one of that rank is among them so far.
    pub(super) fn has_room_for(&self, rank: &Rank) -> bool {
        self.found.len() < self.count || self.found.peek().is_some_and(|worst| *rank < worst.rank)
    }

    pub(super) fn take(&mut self, found: Found<'a>) {
        if self.has_room_for(&found.rank) {
            self.found.push(found);
            if self.found.len() > self.count {
                self.found.pop();
            }
        }
    }

    /// The best, the very best first.
    pub(super) fn sorted(self) -> Vec<Found<'a>> {
        self.found.into_sorted_vec()
    }
}
