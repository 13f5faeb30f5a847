//! Which of the cameras that are found come first: those that play, see the place, and are near.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::Arc;

use crate::catalog::geo::{Point, Sight, reaches};
use crate::catalog::{Camera, GbCode, Spot};
use crate::ledger::State;

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

    /// As it is if it looks at `centre`, should there be one.
    pub(super) fn at_best(
        spot: &Spot,
        state: State,
        distance: Option<f64>,
        centre: Option<Point>,
    ) -> Self {
        let distance = distance.unwrap_or_default();
        let state = match state {
            State::Online => 0,
            State::Degraded => 1,
            State::Connecting => 2,
            State::Unknown => 3,
            State::Offline => 4,
            State::Disabled => 5,
        };
        Self {
            state,
            covers: centre.map_or(0, |_| covering(reaches(spot.view_distance, distance))),
            decimetres: (distance * 10.0).round() as u64,
            ..Self::of(spot.code)
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

    /// With what it sees of a place; `rank` is as if it looked at it.
    pub(super) fn looking_at(
        camera: &'a Arc<Camera>,
        rank: Rank,
        distance: Option<f64>,
        centre: Option<Point>,
    ) -> Self {
        let mut found = Self {
            rank,
            camera,
            distance,
            covers: None,
        };
        if let (Some(centre), Some(position)) = (centre, camera.record.position) {
            let (record, from) = (&camera.record, position.nearest());
            let sight = Sight {
                bearing: record.bearing,
                fov: record.details.fov,
                view_distance: record.details.view_distance,
            };
            let can_turn = matches!(record.ptz, Some(1 | 4));
            let away = distance.unwrap_or_default();
            found.covers = sight.covers(from, centre, away, can_turn);
            found.rank.covers = covering(found.covers);
            let turn = sight.turn(from, centre).filter(|_| !can_turn);
            found.rank.turn = turn.unwrap_or_default().round() as u16;
        }
        found
    }
}

/// Cameras that see the place come first, those that do not last.
fn covering(covers: Option<bool>) -> u8 {
    match covers {
        Some(true) => 0,
        None => 1,
        Some(false) => 2,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::geo::Datum;
    use crate::catalog::{CameraId, Lamp, Position, Record};

    #[test]
    fn no_camera_is_left_out_before_it_is_looked_at_that_would_be_among_the_best() {
        let centre = at(0, 0);
        let cameras: Vec<_> = (0..600).map(camera).collect();
        let looked_at: Vec<_> = cameras
            .iter()
            .map(|camera| {
                let position = camera.record.position.unwrap().nearest();
                let distance = Some(position.distance(centre));
                let state = State::ALL[usize::from(camera.id.as_str().as_bytes()[1]) % 3];
                let rank = Rank::at_best(&Spot::of(camera, Lamp(0)), state, distance, Some(centre));
                let found = Found::looking_at(camera, rank, distance, Some(centre));
                assert!(rank <= found.rank, "{rank:?} {:?}", found.rank);
                (rank, found.rank, camera, distance)
            })
            .collect();
        let covering = looked_at.iter().filter(|(_, rank, ..)| rank.covers == 0);
        assert!((1..300).contains(&covering.count()));
        let mut expected: Vec<_> = looked_at.iter().map(|(_, rank, ..)| *rank).collect();
        expected.sort();
        for count in [1, 7, 100] {
            let mut best = Best::of(count);
            for (rank, _, camera, distance) in &looked_at {
                if best.has_room_for(rank) {
                    best.take(Found::looking_at(camera, *rank, *distance, Some(centre)));
                }
            }
            let best: Vec<_> = best.sorted().into_iter().map(|found| found.rank).collect();
            assert_eq!(best, expected[..count]);
        }
    }

    fn at(east: u16, north: u16) -> Point {
        Point {
            longitude: 113.0 + f64::from(east) * 0.0003,
            latitude: 27.8 + f64::from(north) * 0.0003,
        }
    }

    /// Cameras of all kinds of sights, some of them known in part.
    fn camera(n: u16) -> Arc<Camera> {
        let mut record = Record {
            position: Some(Position::declared(
                at(n * 7 % 31, n * 11 % 29),
                Datum::Wgs84,
            )),
            bearing: (!n.is_multiple_of(5)).then_some(n * 37 % 360),
            ptz: Some(1 + u8::from(!n.is_multiple_of(4))),
            ..Record::sample()
        };
        record.details.fov = (!n.is_multiple_of(3)).then_some(60);
        record.details.view_distance = (n % 7 > 1).then_some(n * 13 % 600);
        Arc::new(Camera {
            id: CameraId::derive("education", &n.to_string(), 0),
            code: format!("43021100111326{n:06}").parse().unwrap(),
            record,
            pull: Default::default(),
        })
    }
}
