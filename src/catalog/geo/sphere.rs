//! Points, and distances between them.

/// A point on the globe.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Degrees east, −180 … 180.
    pub longitude: f64,
    /// Degrees north, −90 … 90.
    pub latitude: f64,
}

/// Metres east and north of an origin: true within a thousandth up to some 20 km from it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Offset {
    pub(super) east: f64,
    pub(super) north: f64,
}

impl Point {
    /// Whether longitude and latitude are within their ranges, and numbers at all.
    pub fn is_on_globe(&self) -> bool {
        self.longitude.abs() <= 180.0 && self.latitude.abs() <= 90.0
    }

    /// The distance to another point along a great circle, in metres.
    pub fn distance(self, other: Self) -> f64 {
        let (south, north) = (self.latitude.to_radians(), other.latitude.to_radians());
        let half = |from: f64, to: f64| ((to - from).to_radians() / 2.0).sin().powi(2);
        let chord = half(self.latitude, other.latitude)
            + south.cos() * north.cos() * half(self.longitude, other.longitude);
        2.0 * EARTH_RADIUS * chord.sqrt().min(1.0).asin()
    }

    /// The bearing of another point, in degrees clockwise from north, 0 … 360.
    pub fn bearing(self, other: Self) -> f64 {
        let (from, to) = (self.latitude.to_radians(), other.latitude.to_radians());
        let turn = (other.longitude - self.longitude).to_radians();
        let east = turn.sin() * to.cos();
        let north = from.cos() * to.sin() - from.sin() * to.cos() * turn.cos();
        let degrees = east.atan2(north).to_degrees().rem_euclid(360.0);
        // What is a hair west of north is rounded up to a full turn.
        if degrees < 360.0 { degrees } else { 0.0 }
    }

    /// Where this point is from `origin`.
    pub(super) fn offset(self, origin: Self) -> Offset {
        let metres = EARTH_RADIUS.to_radians();
        let turn = (self.longitude - origin.longitude + 540.0).rem_euclid(360.0) - 180.0;
        Offset {
            east: turn * metres * origin.latitude.to_radians().cos(),
            north: (self.latitude - origin.latitude) * metres,
        }
    }
}

/// Where a point is from the middle of the globe, as a vector of length one: distances between many of them cost less.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Direction([f64; 3]);

impl Direction {
    pub(super) fn of(point: Point) -> Self {
        let (east, north) = (point.longitude.to_radians(), point.latitude.to_radians());
        Self([
            north.cos() * east.cos(),
            north.cos() * east.sin(),
            north.sin(),
        ])
    }

    /// The distance along a great circle, in metres.
    pub(super) fn distance(self, other: Self) -> f64 {
        let [x, y, z] = [0, 1, 2].map(|axis| self.0[axis] - other.0[axis]);
        let chord = (x * x + y * y + z * z).sqrt();
        2.0 * EARTH_RADIUS * (chord / 2.0).min(1.0).asin()
    }
}

impl Offset {
    /// The distance of the origin to the stretch from here to `end`, in metres.
    pub(super) fn distance_of_origin(self, end: Self) -> f64 {
        let (east, north) = (end.east - self.east, end.north - self.north);
        let length = east * east + north * north;
        let along = if length > 0.0 {
            (-(self.east * east + self.north * north) / length).clamp(0.0, 1.0)
        } else {
            0.0
        };
        (self.east + along * east).hypot(self.north + along * north)
    }
}

/// Of a sphere with the volume of the Earth, in metres.
pub(super) const EARTH_RADIUS: f64 = 6_371_008.8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_by_directions_are_those_by_degrees() {
        let at = |longitude, latitude| Point {
            longitude,
            latitude,
        };
        let from = at(113.134, 27.828);
        for to in [
            from,
            at(113.134_001, 27.828),
            at(113.2, 27.9),
            at(-66.0, -27.0),
        ] {
            let (by_direction, by_degrees) = (
                Direction::of(from).distance(Direction::of(to)),
                from.distance(to),
            );
            assert!((by_direction - by_degrees).abs() < 0.001 + by_degrees * 1e-7);
        }
    }

    #[test]
    fn distances_and_bearings_are_those_of_the_map() {
        let zhuzhou = Point {
            longitude: 113.134,
            latitude: 27.828,
        };
        let changsha = Point {
            longitude: 112.9388,
            latitude: 28.2282,
        };
        assert!((zhuzhou.distance(changsha) - 48_434.0).abs() < 50.0);
        assert!((zhuzhou.bearing(changsha) - 336.7).abs() < 0.2);
        let hair = Point {
            longitude: 0.0,
            latitude: 27.8,
        };
        let north = Point {
            longitude: -1e-300,
            latitude: 27.9,
        };
        assert_eq!(hair.bearing(north), 0.0);
        let east = Point {
            longitude: 113.144,
            ..zhuzhou
        };
        assert!((zhuzhou.bearing(east) - 90.0).abs() < 0.01);
        let offset = east.offset(zhuzhou);
        assert!((offset.east - zhuzhou.distance(east)).abs() < 0.01 && offset.north == 0.0);
    }
}
