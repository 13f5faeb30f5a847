//! Finds the datum of many positions, by the areas that they are said to be in.

use super::{Area, Datum, Point};

/// What speaks for each datum: how many rows are where they are said to be if it is the one.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Evidence {
    /// WGS-84 and CGCS2000, which are the same here.
    pub wgs84: usize,
    /// GCJ-02.
    pub gcj02: usize,
    /// BD-09.
    pub bd09: usize,
    /// Rows that have an area at all.
    pub rows: usize,
}

impl Evidence {
    fn of(&self, datum: Datum) -> usize {
        match datum {
            Datum::Wgs84 | Datum::Cgcs2000 => self.wgs84,
            Datum::Gcj02 => self.gcj02,
            Datum::Bd09 => self.bd09,
        }
    }
}

/// Finds the datum that positions are given in, each with the area that it is said to be in. `None` where that is not
/// sure: too few rows, or no datum that stands out, as when several are mixed.
pub fn detect<'a>(rows: impl Iterator<Item = (Point, &'a Area)>) -> (Option<Datum>, Evidence) {
    let mut evidence = Evidence::default();
    // How many rows fit the first of a pair and not the second.
    let mut ahead = [[0_usize; CANDIDATES.len()]; CANDIDATES.len()];
    for (given, area) in rows {
        let fits = CANDIDATES.map(|datum| area.contains(datum.to_wgs84(given)));
        evidence.rows += 1;
        evidence.wgs84 += usize::from(fits[0]);
        evidence.gcj02 += usize::from(fits[1]);
        evidence.bd09 += usize::from(fits[2]);
        for (row, fits_one) in ahead.iter_mut().zip(fits) {
            for (count, fits_other) in row.iter_mut().zip(fits) {
                *count += usize::from(fits_one && !fits_other);
            }
        }
    }
    let beats = |one: usize, other: usize| {
        let (with, against) = (ahead[one][other], ahead[other][one]);
        // A few rows filed under a wrong grid fit another datum by chance; more are of another datum.
        one == other || (with >= against + TELLING_MIN && against * AGAINST_PART <= with)
    };
    let found = (0..CANDIDATES.len()).find(|one| {
        let is_usual = evidence.of(CANDIDATES[*one]) * 3 >= evidence.rows * 2;
        is_usual && (0..CANDIDATES.len()).all(|other| beats(*one, other))
    });
    (found.map(|one| CANDIDATES[one]), evidence)
}

const CANDIDATES: [Datum; 3] = [Datum::Wgs84, Datum::Gcj02, Datum::Bd09];
/// So many rows more must speak for a datum than for any other.
const TELLING_MIN: usize = 5;
/// For so many rows that speak for a datum, one may speak for another.
const AGAINST_PART: usize = 7;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_thousand_batches_with_grids_nearly_all_are_found_and_none_is_wrong() {
        let mut random = Random(7);
        let mut found = 0;
        for batch in 0..1000 {
            let datum = [Datum::Wgs84, Datum::Gcj02, Datum::Bd09][batch % 3];
            let rows = rows(&mut random, datum, 50 + batch % 100);
            if let Some(answer) = detect(rows.iter().map(|(point, area)| (*point, area))).0 {
                assert_eq!(answer, datum, "batch {batch}");
                found += 1;
            }
        }
        assert!(found >= 990, "{found}");
    }

    #[test]
    fn mixed_datums_are_unsure() {
        let mut random = Random(8);
        for batch in 0..200 {
            let mut mixed = rows(&mut random, Datum::Gcj02, 40);
            let other = [Datum::Wgs84, Datum::Bd09][batch % 2];
            mixed.extend(rows(&mut random, other, 40));
            let found = detect(mixed.iter().map(|(point, area)| (*point, area)));
            assert_eq!(found.0, None, "batch {batch}: {:?}", found.1);
        }
    }

    #[test]
    fn a_fifth_in_another_datum_is_unsure() {
        let mut random = Random(10);
        let all = [Datum::Wgs84, Datum::Gcj02, Datum::Bd09];
        for batch in 0..180 {
            let (most, rest) = (all[batch % 3], all[(batch + 1 + batch / 3 % 2) % 3]);
            let mut mixed = rows(&mut random, most, 80);
            mixed.extend(rows(&mut random, rest, 20));
            let found = detect(mixed.iter().map(|(point, area)| (*point, area)));
            assert_eq!(found.0, None, "batch {batch}: {:?}", found.1);
        }
    }

    #[test]
    fn a_few_rows_or_none_are_unsure() {
        let mut random = Random(9);
        let few = rows(&mut random, Datum::Bd09, 4);
        assert_eq!(detect(few.iter().map(|(p, a)| (*p, a))).0, None);
        assert_eq!(detect(std::iter::empty()).0, None);
    }

    /// Cameras in grids of 200 to 800 m, a tenth of them filed under another grid, with the error of a telephone.
    fn rows(random: &mut Random, datum: Datum, count: usize) -> Vec<(Point, Area)> {
        let row = |_| {
            let side = 0.002 + 0.006 * random.next();
            let (west, south) = (113.0 + 0.2 * random.next(), 27.75 + 0.15 * random.next());
            let wrong = if random.next() < 0.1 { side } else { 0.0 };
            let noise = 20.0 / 111_000.0;
            let point = Point {
                longitude: west + side * random.next() + wrong + noise * (random.next() - 0.5),
                latitude: south + side * random.next() + noise * (random.next() - 0.5),
            };
            let at = |east: f64, north: f64| Point {
                longitude: west + east * side,
                latitude: south + north * side,
            };
            let ring = vec![at(0., 0.), at(1., 0.), at(1., 1.), at(0., 1.), at(0., 0.)];
            let area = Area::new(vec![vec![ring]], 5).unwrap();
            (datum.of_wgs84(point), area)
        };
        (0..count).map(row).collect()
    }

    struct Random(u64);

    impl Random {
        /// 0 … 1.
        fn next(&mut self) -> f64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 >> 11) as f64 / (1_u64 << 53) as f64
        }
    }
}
