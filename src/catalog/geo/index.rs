//! Finds points by place: cells of a hundredth of a degree, about a kilometre.

use std::collections::HashMap;

use super::area::Bounds;
use super::sphere::EARTH_RADIUS;
use super::{Area, Line, Point};

/// Points by place; each has a number of its owner's.
#[derive(Clone, Debug, Default)]
pub struct Index {
    cells: HashMap<Cell, Vec<(u32, Point)>>,
}

impl Index {
    /// Sorts points into cells.
    pub fn new(points: impl Iterator<Item = (u32, Point)>) -> Self {
        let mut index = Self::default();
        for (number, point) in points {
            let cell = index.cells.entry(cell(point)).or_default();
            cell.push((number, point));
        }
        index
    }

    /// The points within `radius` metres, with their distances; in no order.
    pub fn near(&self, centre: Point, radius: f64) -> Vec<(u32, f64)> {
        let mut found = Vec::new();
        for (_, points) in self.cells(around(centre, radius)) {
            found.extend(points.iter().filter_map(|(number, point)| {
                let distance = centre.distance(*point);
                (distance <= radius).then_some((*number, distance))
            }));
        }
        found
    }

    /// The points inside an area; in no order.
    pub fn inside(&self, area: &Area) -> Vec<u32> {
        let mut found = Vec::new();
        for (cell, points) in self.cells(area.bounds()) {
            let part = area.part(bounds_of(cell));
            // Where no edge passes, one point stands for all.
            if part.is_crossed {
                let inside = points.iter().filter(|(_, point)| part.contains(*point));
                found.extend(inside.map(|(number, _)| *number));
            } else if points
                .first()
                .is_some_and(|(_, point)| part.contains(*point))
            {
                found.extend(points.iter().map(|(number, _)| *number));
            }
        }
        found
    }

    /// The points within `buffer` metres of a line, with their distances; in no order.
    pub fn along(&self, line: &Line, buffer: f64) -> Vec<(u32, f64)> {
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
            found.extend(points.iter().filter_map(|(number, point)| {
                let close = close.iter().filter(|(bounds, _)| bounds.contains(*point));
                let distances = close.map(|(_, stretch)| stretch.distance(*point));
                let distance = distances.fold(f64::INFINITY, f64::min);
                (distance <= buffer).then_some((*number, distance))
            }));
        }
        found
    }

    /// The cells with points that meet a box.
    fn cells(&self, bounds: Bounds) -> Vec<(Cell, &[(u32, Point)])> {
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
            let found = index.near(*centre, radius).into_iter().map(|(n, _)| n);
            assert_eq!(sorted(found), sorted(expected.map(|(n, _)| *n)));
            let other = Point {
                longitude: centre.longitude + 0.05,
                latitude: centre.latitude - 0.03,
            };
            let line = Line::new(vec![*centre, other], 2).unwrap();
            let all = points.iter();
            let expected = all.filter(|(_, point)| line.distance(*point) <= radius);
            let found = index.along(&line, radius).into_iter().map(|(n, _)| n);
            assert_eq!(sorted(found), sorted(expected.map(|(n, _)| *n)));
            let third = Point {
                longitude: centre.longitude,
                ..other
            };
            let area = Area::new(vec![vec![vec![*centre, other, third, *centre]]], 4).unwrap();
            let all = points.iter();
            let expected = all.filter(|(_, point)| area.contains(*point));
            let expected = sorted(expected.map(|(n, _)| *n));
            assert_eq!(sorted(index.inside(&area).into_iter()), expected);
        }
        let world = Area::new(vec![vec![box_of(-180.0, -90.0, 180.0, 90.0)]], 5).unwrap();
        assert_eq!(index.inside(&world).len(), points.len());
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
            assert_eq!(sorted(index.inside(&area).into_iter()), expected);

            let line = (0..corners).map(|_| at(113.0 + 0.4 * random(), 27.6 + 0.4 * random()));
            let line = Line::new(line.collect(), 1000).unwrap();
            let mut found = index.along(&line, 60.0);
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
