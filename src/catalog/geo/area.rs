//! Areas and lines, as GeoJSON has them (RFC 7946 §3.1): in degrees, longitude first.

use std::fmt;

use super::Point;

/// One or more polygons with holes.
#[derive(Clone, Debug, PartialEq)]
pub struct Area {
    polygons: Vec<Polygon>,
    bounds: Bounds,
}

/// Rings, the first outside and the others holes; the last point of each is its first.
#[derive(Clone, Debug, PartialEq)]
struct Polygon(Vec<Vec<Point>>);

/// The least box around points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bounds {
    pub(super) west: f64,
    pub(super) south: f64,
    pub(super) east: f64,
    pub(super) north: f64,
}

/// What is wrong with positions.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum AreaError {
    /// There is no polygon, or a polygon without a ring.
    Empty,
    /// A ring of fewer than four positions, or a line of fewer than two.
    TooFew(usize),
    /// A ring that does not end where it begins.
    Open,
    /// No longitude and latitude in degrees.
    OutOfRange,
    /// More positions than are taken.
    TooMany {
        /// So many there are.
        found: usize,
        /// So many are taken.
        most: usize,
    },
}

impl fmt::Display for AreaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("has no ring"),
            Self::TooFew(count) => write!(
                f,
                "has {count} positions: a ring takes four with the first again at its end, a line two"
            ),
            Self::Open => f.write_str("has a ring that does not end where it begins"),
            Self::OutOfRange => f.write_str(
                "has a position that is no longitude (-180 to 180) and latitude (-90 to 90)",
            ),
            Self::TooMany { found, most } => {
                write!(f, "has {found} positions, {most} are the most")
            }
        }
    }
}

impl Area {
    /// Checks polygons: each a list of rings, the first outside, and no more than `most` positions in all.
    ///
    /// # Errors
    ///
    /// What is wrong with them.
    pub fn new(polygons: Vec<Vec<Vec<Point>>>, most: usize) -> Result<Self, AreaError> {
        if polygons.is_empty() || polygons.iter().any(Vec::is_empty) {
            return Err(AreaError::Empty);
        }
        let rings = polygons.iter().flatten();
        check_positions(rings.clone().flatten(), most)?;
        for ring in rings {
            if ring.len() < 4 {
                return Err(AreaError::TooFew(ring.len()));
            }
            if ring.first() != ring.last() {
                return Err(AreaError::Open);
            }
        }
        let bounds = Bounds::of(polygons.iter().flatten().flatten());
        Ok(Self {
            polygons: polygons.into_iter().map(Polygon).collect(),
            bounds,
        })
    }

    /// Whether a point is inside; what is on the border may be either.
    pub fn contains(&self, point: Point) -> bool {
        self.bounds.contains(point) && self.polygons.iter().any(|polygon| polygon.contains(point))
    }

    /// How far a point is from the area, in metres; nothing inside.
    pub fn distance(&self, point: Point) -> f64 {
        if self.contains(point) {
            return 0.0;
        }
        let rings = self.polygons.iter().flat_map(|polygon| &polygon.0);
        rings
            .map(|ring| distance(ring, point))
            .fold(f64::INFINITY, f64::min)
    }

    pub(super) fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// What decides whether points of a box are inside.
    pub(super) fn part(&self, bounds: Bounds) -> AreaPart {
        let is_level = |edge: &Stretch| {
            let of_edge = edge.bounds();
            of_edge.south <= bounds.north && of_edge.north >= bounds.south
        };
        let bands = self.polygons.iter().map(|polygon| {
            let edges = polygon.0.iter().flat_map(|ring| stretches(ring));
            edges.filter(is_level).collect()
        });
        let bands: Vec<Vec<Stretch>> = bands.collect();
        let mut edges = bands.iter().flatten();
        AreaPart {
            is_crossed: edges.any(|edge| edge.bounds().meets(bounds)),
            bands,
        }
    }
}

/// The edges of an area on the level of a box: a ray to the east crosses no others.
pub(super) struct AreaPart {
    bands: Vec<Vec<Stretch>>,
    /// Whether an edge may lie in the box; else all of the box is inside, or all outside.
    pub(super) is_crossed: bool,
}

impl AreaPart {
    /// Whether a point of the box is inside.
    pub(super) fn contains(&self, point: Point) -> bool {
        let mut bands = self.bands.iter();
        bands.any(|band| is_inside(band.iter().copied(), point))
    }
}

/// From one position to the next.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch {
    from: Point,
    to: Point,
}

impl Stretch {
    fn bounds(self) -> Bounds {
        Bounds::of([self.from, self.to].iter())
    }

    /// How far a point is from it, in metres.
    pub(super) fn distance(self, point: Point) -> f64 {
        let to = self.to.offset(point);
        self.from.offset(point).distance_of_origin(to)
    }

    /// Whether a ray from the point to the east crosses it.
    fn is_crossed(self, point: Point) -> bool {
        let Self { from, to } = self;
        let is_between = (from.latitude > point.latitude) != (to.latitude > point.latitude);
        is_between && {
            let part = (point.latitude - from.latitude) / (to.latitude - from.latitude);
            point.longitude < from.longitude + part * (to.longitude - from.longitude)
        }
    }
}

fn stretches(points: &[Point]) -> impl Iterator<Item = Stretch> {
    let pairs = points.iter().zip(points.iter().skip(1));
    pairs.map(|(from, to)| Stretch {
        from: *from,
        to: *to,
    })
}

/// Even–odd: a ray to the east crosses the edges an odd number of times.
fn is_inside(edges: impl Iterator<Item = Stretch>, point: Point) -> bool {
    edges.filter(|edge| edge.is_crossed(point)).count() % 2 == 1
}

impl Polygon {
    fn contains(&self, point: Point) -> bool {
        is_inside(self.0.iter().flat_map(|ring| stretches(ring)), point)
    }
}

/// A line of stretches.
#[derive(Clone, Debug, PartialEq)]
pub struct Line(Vec<Point>);

impl Line {
    /// Checks a line of no more than `most` positions.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn new(points: Vec<Point>, most: usize) -> Result<Self, AreaError> {
        check_positions(points.iter(), most)?;
        if points.len() < 2 {
            return Err(AreaError::TooFew(points.len()));
        }
        Ok(Self(points))
    }

    /// How far a point is from the line, in metres.
    pub fn distance(&self, point: Point) -> f64 {
        distance(&self.0, point)
    }

    pub(super) fn bounds(&self) -> Bounds {
        Bounds::of(self.0.iter())
    }

    /// Its stretches, each with its box.
    pub(super) fn stretches(&self) -> impl Iterator<Item = (Bounds, Stretch)> {
        stretches(&self.0).map(|stretch| (stretch.bounds(), stretch))
    }
}

/// How far a point is from the nearest stretch, in metres.
fn distance(points: &[Point], point: Point) -> f64 {
    let distances = stretches(points).map(|stretch| stretch.distance(point));
    distances.fold(f64::INFINITY, f64::min)
}

fn check_positions<'a>(
    points: impl Iterator<Item = &'a Point> + Clone,
    most: usize,
) -> Result<(), AreaError> {
    let found = points.clone().count();
    if found > most {
        return Err(AreaError::TooMany { found, most });
    }
    let mut points = points;
    if points.all(Point::is_on_globe) {
        Ok(())
    } else {
        Err(AreaError::OutOfRange)
    }
}

impl Bounds {
    fn of<'a>(points: impl Iterator<Item = &'a Point>) -> Self {
        let none = Self {
            west: f64::INFINITY,
            south: f64::INFINITY,
            east: f64::NEG_INFINITY,
            north: f64::NEG_INFINITY,
        };
        points.fold(none, |bounds, point| Self {
            west: bounds.west.min(point.longitude),
            south: bounds.south.min(point.latitude),
            east: bounds.east.max(point.longitude),
            north: bounds.north.max(point.latitude),
        })
    }

    /// Whether the boxes have a point in common.
    pub(super) fn meets(self, other: Self) -> bool {
        self.west <= other.east
            && other.west <= self.east
            && self.south <= other.north
            && other.south <= self.north
    }

    pub(super) fn contains(&self, point: Point) -> bool {
        (self.west..=self.east).contains(&point.longitude)
            && (self.south..=self.north).contains(&point.latitude)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hole_is_outside_and_a_second_polygon_inside() {
        let area = Area::new(
            vec![
                vec![square(113.0, 27.8, 0.1), square(113.04, 27.84, 0.02)],
                vec![square(114.0, 27.8, 0.1)],
            ],
            100,
        );
        let area = area.unwrap();
        for (longitude, latitude, is_inside) in [
            (113.01, 27.81, true),
            (113.05, 27.85, false),
            (114.05, 27.85, true),
            (113.5, 27.85, false),
        ] {
            let point = at(longitude, latitude);
            assert_eq!(area.contains(point), is_inside, "{point:?}");
        }
        // A hundredth of a degree is 1,112 m to the north.
        assert!((area.distance(at(113.05, 27.91)) - 1112.0).abs() < 1.0);
        assert!((area.distance(at(113.05, 27.85)) - 983.0).abs() < 2.0);
    }

    #[test]
    fn a_corridor_is_measured_from_its_stretches_and_its_ends() {
        let line = Line::new(vec![at(113.0, 27.8), at(113.1, 27.8), at(113.1, 27.9)], 10);
        let line = line.unwrap();
        assert!((line.distance(at(113.05, 27.801)) - 111.2).abs() < 0.1);
        assert!((line.distance(at(112.999, 27.8)) - 98.4).abs() < 0.1);
    }

    #[test]
    fn what_is_no_area_is_refused() {
        let open = vec![at(0.0, 0.0), at(1.0, 0.0), at(1.0, 1.0), at(0.0, 1.0)];
        let wild = vec![at(0.0, 0.0), at(1.0, f64::NAN), at(1.0, 1.0), at(0.0, 0.0)];
        for (rings, error) in [
            (vec![], AreaError::Empty),
            (vec![vec![at(0.0, 0.0)]], AreaError::TooFew(1)),
            (vec![open], AreaError::Open),
            (vec![wild], AreaError::OutOfRange),
            (
                vec![square(0.0, 0.0, 1.0), square(0.0, 0.0, 1.0)],
                AreaError::TooMany { found: 10, most: 9 },
            ),
        ] {
            assert_eq!(Area::new(vec![rings], 9), Err(error));
        }
        assert_eq!(Area::new(Vec::new(), 9), Err(AreaError::Empty));
        let short = Line::new(vec![at(0.0, 0.0)], 9);
        assert_eq!(short, Err(AreaError::TooFew(1)));
    }

    fn at(longitude: f64, latitude: f64) -> Point {
        Point {
            longitude,
            latitude,
        }
    }

    fn square(west: f64, south: f64, side: f64) -> Vec<Point> {
        let (east, north) = (west + side, south + side);
        vec![
            at(west, south),
            at(east, south),
            at(east, north),
            at(west, north),
            at(west, south),
        ]
    }
}
