//! Which places a camera sees.

use super::Point;

/// What a camera looks at, as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sight {
    /// Degrees clockwise from north, 0 … 359.
    pub bearing: Option<u16>,
    /// How wide, in degrees, 1 … 360.
    pub fov: Option<u16>,
    /// How far, in metres.
    pub view_distance: Option<u16>,
}

impl Sight {
    /// Whether a camera at `from` sees `place`, which is `distance` metres away; `None` where it is not known how it
    /// looks. A camera that can turn sees all around.
    pub fn covers(&self, from: Point, place: Point, distance: f64, can_turn: bool) -> Option<bool> {
        let if_it_looks_there = reaches(self.view_distance, distance);
        // Right below it there is no direction.
        let sees_around = can_turn || self.fov == Some(360) || distance < 1.0;
        if sees_around || if_it_looks_there == Some(false) {
            return if_it_looks_there;
        }
        let away = self.turn(from, place)?;
        let half = f64::from(self.fov.unwrap_or(FOV_USUAL)) / 2.0;
        if away > half {
            return Some(false);
        }
        if_it_looks_there
    }

    /// How far the camera at `from` looks past `place`, in degrees, 0 … 180.
    pub fn turn(&self, from: Point, place: Point) -> Option<f64> {
        let bearing = f64::from(self.bearing?);
        let away = (from.bearing(place) - bearing).rem_euclid(360.0);
        Some(away.min(360.0 - away))
    }
}

/// Whether a camera that sees so far sees a place at that distance if it looks there, both in metres.
pub fn reaches(view_distance: Option<u16>, distance: f64) -> Option<bool> {
    view_distance.map(|most| distance <= f64::from(most))
}

/// Of a fixed camera with a 4 mm lens.
const FOV_USUAL: u16 = 90;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_covers_what_is_before_it_and_not_too_far() {
        let from = Point {
            longitude: 113.0,
            latitude: 27.8,
        };
        // 111 m to the north, and 98 m to the east.
        let north = Point {
            latitude: 27.801,
            ..from
        };
        let east = Point {
            longitude: 113.001,
            ..from
        };
        let sight = |bearing, fov, view_distance| Sight {
            bearing,
            fov,
            view_distance,
        };
        let table = [
            (
                sight(Some(0), Some(60), Some(150)),
                north,
                false,
                Some(true),
            ),
            (
                sight(Some(0), Some(60), Some(150)),
                east,
                false,
                Some(false),
            ),
            (sight(Some(0), Some(60), Some(150)), east, true, Some(true)),
            (
                sight(Some(0), Some(60), Some(100)),
                north,
                true,
                Some(false),
            ),
            (sight(Some(350), None, Some(150)), north, false, Some(true)),
            (sight(Some(0), Some(60), None), north, false, None),
            (sight(Some(180), Some(60), None), north, false, Some(false)),
            (sight(None, None, Some(150)), north, false, None),
            (sight(None, Some(360), Some(150)), east, false, Some(true)),
        ];
        for (sight, place, can_turn, expected) in table {
            assert_eq!(
                sight.covers(from, place, from.distance(place), can_turn),
                expected,
                "{sight:?} {place:?}"
            );
        }
    }
}
