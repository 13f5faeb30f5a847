//! Where a camera is, as it was given and on the globe.

use super::geo::{Datum, Point};

/// Where a camera is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Position {
    given: Point,
    datum: Option<Datum>,
    /// In WGS-84, where the datum is known.
    globe: Option<Point>,
    is_declared: bool,
}

impl Position {
    /// A position whose source names its datum.
    pub fn declared(given: Point, datum: Datum) -> Self {
        Self {
            is_declared: true,
            ..Self::found(given, datum)
        }
    }

    /// A position whose datum was found by where the cameras beside it are said to be.
    pub fn found(given: Point, datum: Datum) -> Self {
        Self {
            given,
            datum: Some(datum),
            globe: Some(datum.to_wgs84(given)),
            is_declared: false,
        }
    }

    /// A position whose source says that nobody knows its datum: it is converted to nothing.
    pub fn unsure(given: Point) -> Self {
        Self {
            is_declared: true,
            ..Self::open(given)
        }
    }

    /// A position whose source says nothing of its datum: until it is found, it is converted to nothing.
    pub fn open(given: Point) -> Self {
        Self {
            given,
            datum: None,
            globe: None,
            is_declared: false,
        }
    }

    /// Whether its datum is to be looked for.
    pub fn is_open(&self) -> bool {
        self.datum.is_none() && !self.is_declared
    }

    /// As its source gives it.
    pub fn given(&self) -> Point {
        self.given
    }

    /// The datum that it is given in; `None` where nobody knows.
    pub fn datum(&self) -> Option<Datum> {
        self.datum
    }

    /// Whether its source names the datum, or says that it is unsure.
    pub fn is_declared(&self) -> bool {
        self.is_declared
    }

    /// In WGS-84; `None` where nobody knows the datum.
    pub fn wgs84(&self) -> Option<Point> {
        self.globe
    }

    /// In WGS-84 where the datum is known, else as it is given: up to some 600 m beside the truth.
    pub fn nearest(&self) -> Point {
        self.globe.unwrap_or(self.given)
    }
}
