//! Finds points by place: cells of a hundredth of a degree, about a kilometre.

use std::collections::HashMap;

use super::area::Bounds;
use super::sphere::EARTH_RADIUS;
use super::{Area, Line, Point};

/// Points by place; each has a number of its owner's.
#[derive(Clone, Debug, Default)]
pub struct Index {
    cells: HashMap<(i32, i32), Vec<(u32, Point)>>,
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
        self.within(around(centre, radius), |point| {
            let distance = centre.distance(point);
            (distance <= radius).then_some(distance)
        })
    }

    /// The points inside an area; in no order.
    pub fn inside(&self, area: &Area) -> Vec<u32> {
        let found = self.within(area.bounds(), |point| area.contains(point).then_some(0.0));
        found.into_iter().map(|(number, _)| number).collect()
    }

    /// The points within `buffer` metres of a line, with their distances; in no order.
    pub fn along(&self, line: &Line, buffer: f64) -> Vec<(u32, f64)> {
        self.within(line.bounds().widened(buffer), |point| {
            let distance = line.distance(point);
            (distance <= buffer).then_some(distance)
        })
    }

    fn within(&self, bounds: Bounds, measure: impl Fn(Point) -> Option<f64>) -> Vec<(u32, f64)> {
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
        let mut found = Vec::new();
        let mut take = |points: &[(u32, Point)]| {
            let measured = points
                .iter()
                .filter_map(|(number, point)| Some((*number, measure(*point)?)));
            found.extend(measured);
        };
        // Looking into each cell of a country takes longer than into each that has points.
        if usize::try_from(count).is_ok_and(|count| count <= self.cells.len()) {
            let cells = (west..=east).flat_map(|x| (south..=north).map(move |y| (x, y)));
            cells
                .filter_map(|cell| self.cells.get(&cell))
                .for_each(|points| take(points));
        } else {
            let is_in =
                |(x, y): &(i32, i32)| (west..=east).contains(x) && (south..=north).contains(y);
            let cells = self.cells.iter().filter(|(cell, _)| is_in(cell));
            cells.for_each(|(_, points)| take(points));
        }
        found
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

fn cell(point: Point) -> (i32, i32) {
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
