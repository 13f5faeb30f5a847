//! Finds points by place: cells of a hundredth of a degree, about a kilometre.

use std::collections::HashMap;
use std::sync::Arc;

use super::area::Bounds;
use super::sphere::{Direction, EARTH_RADIUS};
use super::{Area, Line, Point};

/// Points by place; each is of something. A copy shares the cells that are not changed.
#[derive(Clone, Debug)]
pub struct Index<T> {
    cells: HashMap<Cell, Points<T>>,
}

/// Something at a point, with the point's direction from the middle of the globe.
type Placed<T> = (T, Point, Direction);
/// What is in a cell.
type Points<T> = Arc<Vec<Placed<T>>>;

impl<T> Default for Index<T> {
    fn default() -> Self {
        Self {
            cells: HashMap::new(),
        }
    }
}

impl<T: Clone> Index<T> {
    /// Sorts points into cells.
    pub fn new(points: impl Iterator<Item = (T, Point)>) -> Self {
        let mut index = Self::default();
        for (of, point) in points {
            index.put(of, point);
        }
        index
    }

    /// Adds a point.
    pub fn put(&mut self, of: T, point: Point) {
        let points = self.cells.entry(cell(point)).or_default();
        Arc::make_mut(points).push((of, point, Direction::of(point)));
    }

    /// Takes away what is at a point and `is_it`.
    pub fn remove(&mut self, point: Point, is_it: impl Fn(&T) -> bool) {
        let cell = cell(point);
        if let Some(points) = self.cells.get_mut(&cell) {
            let points = Arc::make_mut(points);
            points.retain(|(of, ..)| !is_it(of));
            if points.is_empty() {
                self.cells.remove(&cell);
            }
        }
    }

    /// What is within `radius` metres, with its distance; in no order.
    pub fn near(&self, centre: Point, radius: f64) -> Vec<(&T, f64)> {
        let (mut found, from) = (Vec::new(), Direction::of(centre));
        for (_, points) in self.cells(around(centre, radius)) {
            found.extend(points.iter().filter_map(|(of, _, direction)| {
                let distance = from.distance(*direction);
                (distance <= radius).then_some((of, distance))
            }));
        }
        found
    }

    /// What is inside an area; in no order.
    pub fn inside(&self, area: &Area) -> Vec<&T> {
        let mut found = Vec::new();
        for (cell, points) in self.cells(area.bounds()) {
            let part = area.part(bounds_of(cell));
            // Where no edge passes, one point stands for all.
            if part.is_crossed {
                let inside = points.iter().filter(|(_, point, _)| part.contains(*point));
                found.extend(inside.map(|(of, ..)| of));
            } else if points
                .first()
                .is_some_and(|(_, point, _)| part.contains(*point))
            {
                found.extend(points.iter().map(|(of, ..)| of));
            }
        }
        found
    }

    /// What is within `buffer` metres of a line, with its distance; in no order.
    pub fn along(&self, line: &Line, buffer: f64) -> Vec<(&T, f64)> {
        let stretches: Vec<_> = line
            .stretches()
            .map(|(bounds, stretch)| (bounds.widened(buffer), stretch))
            .collect();
        let mut found = Vec::new();
        for (cell, points) in self.cells(line.bounds().widened(buffer)) {
            // Only stretches near the cell: a line may have a thousand.
            let cell = bounds_of(cell);
            let close = stretches.iter().filter(|(bounds, _)| bounds.meets(cell));
            let close: Vec<_> = close.collect();
            found.extend(points.iter().filter_map(|(of, point, _)| {
                let close = close.iter().filter(|(bounds, _)| bounds.contains(*point));
                let distances = close.map(|(_, stretch)| stretch.distance(*point));
                let distance = distances.fold(f64::INFINITY, f64::min);
                (distance <= buffer).then_some((of, distance))
            }));
        }
        found
    }

    /// The cells with points that meet a box.
    fn cells(&self, bounds: Bounds) -> Vec<(Cell, &[Placed<T>])> {
        let (west, south) = cell(Point {
            longitude: bounds.west,
            latitude: bounds.south,
        });
        let (east, north) = cell(Point {
            longitude: bounds.east,
            latitude: bounds.north,
        });
        let count =
            (i64::from(east) - i64::from(west) + 1) * (i64::from(north) - i64::from(south) + 1);
        // Looking into each cell of a country takes longer than into each that has points.
        if usize::try_from(count).is_ok_and(|count| count <= self.cells.len()) {
            let cells = (west..=east).flat_map(|x| (south..=north).map(move |y| (x, y)));
            cells
                .filter_map(|cell| Some((cell, self.cells.get(&cell)?.as_slice())))
                .collect()
        } else {
            let is_in = |(x, y): &Cell| (west..=east).contains(x) && (south..=north).contains(y);
            let cells = self.cells.iter().filter(|(cell, _)| is_in(cell));
            cells
                .map(|(cell, points)| (*cell, points.as_slice()))
                .collect()
        }
    }
}

/// Hundredths of a degree east and north.
type Cell = (i32, i32);

/// The box of a cell, a little more for what is rounded.
fn bounds_of((x, y): Cell) -> Bounds {
    let edge = |number: i32| f64::from(number) / 100.0;
    Bounds {
        west: edge(x) - 1e-9,
        south: edge(y) - 1e-9,
        east: edge(x) + 0.01 + 1e-9,
        north: edge(y) + 0.01 + 1e-9,
    }
}

/// The box that a circle fits into.
fn around(centre: Point, radius: f64) -> Bounds {
    let point = Bounds {
        west: centre.longitude,
        south: centre.latitude,
        east: centre.longitude,
        north: centre.latitude,
    };
    point.widened(radius)
}

impl Bounds {
    /// The box with so many metres more on each side; near a pole, all the way around.
    fn widened(self, metres: f64) -> Self {
        // A hundredth more than what a sphere says, for what is rounded.
        let degrees = (metres / EARTH_RADIUS).to_degrees() * 1.01;
        let (south, north) = (self.south - degrees, self.north + degrees);
        let furthest = south.abs().max(north.abs()).min(90.0).to_radians();
        let across = (degrees / furthest.cos().max(1e-6)).min(360.0);
        Self {
            west: self.west - across,
            south,
            east: self.east + across,
            north,
        }
    }
}

fn cell(point: Point) -> Cell {
    let number = |degrees: f64| (degrees * 100.0).floor() as i32;
    (number(point.longitude), number(point.latitude))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_finds_what_a_look_at_every_point_finds() {
        let points: Vec<_> = (0..5000_u32)
            .map(|n| {
                let part = |prime: u32| f64::from(n * prime % 4999) / 4999.0;
                let point = Point {
                    longitude: 113.0 + 0.3 * part(17),
                    latitude: 27.7 + 0.3 * part(101),
                };
                (n, point)
            })
            .collect();
        let index = Index::new(points.iter().copied());
        for (number, centre) in points.iter().step_by(501) {
            let radius = 200.0 + f64::from(*number);
            let all = points.iter();
            let expected = all.filter(|(_, point)| centre.distance(*point) <= radius);
            let found = index.near(*centre, radius).into_iter().map(|(n, _)| *n);
            assert_eq!(sorted(found), sorted(expected.map(|(n, _)| *n)));
            let other = Point {
                longitude: centre.longitude + 0.05,
                latitude: centre.latitude - 0.03,
            };
            let line = Line::new(vec![*centre, other], 2).unwrap();
            let all = points.iter();
            let expected = all.filter(|(_, point)| line.distance(*point) <= radius);
            let found = index.along(&line, radius).into_iter().map(|(n, _)| *n);
            assert_eq!(sorted(found), sorted(expected.map(|(n, _)| *n)));
            let third = Point {
                longitude: centre.longitude,
                ..other
            };
            let area = Area::new(vec![vec![vec![*centre, other, third, *centre]]], 4).unwrap();
            let all = points.iter();
            let expected = all.filter(|(_, point)| area.contains(*point));
            let expected = sorted(expected.map(|(n, _)| *n));
            assert_eq!(sorted(index.inside(&area).into_iter().copied()), expected);
        }
        let world = Area::new(vec![vec![box_of(-180.0, -90.0, 180.0, 90.0)]], 5).unwrap();
        assert_eq!(index.inside(&world).len(), points.len());
    }

    #[test]
    fn what_is_put_and_removed_later_is_found_as_if_it_had_always_been_so() {
        let point = |n: u32| Point {
            longitude: 113.0 + f64::from(n) * 0.003,
            latitude: 27.8,
        };
        let mut index = Index::new((0..10).map(|n| (n, point(n))));
        let before = index.clone();
        index.put(10, point(3));
        for gone in [3, 9] {
            index.remove(point(gone), |n| *n == gone);
        }
        let all = |index: &Index<u32>| {
            let found = index.near(point(5), 10_000.0).into_iter();
            sorted(found.map(|(n, _)| *n))
        };
        assert_eq!(all(&index), [0, 1, 2, 4, 5, 6, 7, 8, 10]);
        assert_eq!(all(&before), (0..10).collect::<Vec<_>>());
    }

    #[test]
    fn fine_areas_with_holes_and_long_lines_are_answered_as_by_a_look_at_every_point() {
        let mut seed = 5_u64;
        let mut random = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 11) as f64 / (1_u64 << 53) as f64
        };
        let at = |longitude, latitude| Point {
            longitude,
            latitude,
        };
        // Every tenth lies on a corner of cells.
        let round = |degrees: f64, n: u32| {
            if n.is_multiple_of(10) {
                (degrees * 100.0).round() / 100.0
            } else {
                degrees
            }
        };
        let points: Vec<_> = (0..20_000)
            .map(|n| {
                let (x, y) = (113.0 + 0.4 * random(), 27.6 + 0.4 * random());
                (n, at(round(x, n), round(y, n)))
            })
            .collect();
        let index = Index::new(points.iter().copied());
        for corners in [3, 12, 90, 400] {
            let mut star = |radius: f64| {
                let mut ring: Vec<_> = (0..corners)
                    .map(|n| {
                        let turn = f64::from(n) / f64::from(corners) * std::f64::consts::TAU;
                        let radius = radius * (0.4 + 0.6 * random());
                        at(113.2 + radius * turn.cos(), 27.8 + radius * turn.sin())
                    })
                    .collect();
                ring.push(ring[0]);
                ring
            };
            let polygons = vec![
                vec![star(0.19), star(0.07)],
                vec![box_of(113.01, 27.61, 113.05, 27.65)],
            ];
            let area = Area::new(polygons, 1000).unwrap();
            let inside = points.iter().filter(|(_, point)| area.contains(*point));
            let expected = sorted(inside.map(|(n, _)| *n));
            assert!(!expected.is_empty() && expected.len() < points.len());
            assert_eq!(sorted(index.inside(&area).into_iter().copied()), expected);

            let line = (0..corners).map(|_| at(113.0 + 0.4 * random(), 27.6 + 0.4 * random()));
            let line = Line::new(line.collect(), 1000).unwrap();
            let found = index.along(&line, 60.0).into_iter();
            let mut found: Vec<_> = found.map(|(n, metres)| (*n, metres)).collect();
            found.sort_by_key(|(number, _)| *number);
            let measured = points.iter().map(|(n, point)| (*n, line.distance(*point)));
            let expected: Vec<_> = measured.filter(|(_, metres)| *metres <= 60.0).collect();
            assert!(!expected.is_empty());
            assert_eq!(found, expected);
        }
    }

    fn box_of(west: f64, south: f64, east: f64, north: f64) -> Vec<Point> {
        let corners = [
            (west, south),
            (east, south),
            (east, north),
            (west, north),
            (west, south),
        ];
        let corners = corners.map(|(longitude, latitude)| Point {
            longitude,
            latitude,
        });
        corners.to_vec()
    }

    fn sorted(numbers: impl Iterator<Item = u32>) -> Vec<u32> {
        let mut numbers: Vec<_> = numbers.collect();
        numbers.sort_unstable();
        numbers
    }
}
