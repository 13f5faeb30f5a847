//! Values of several rounds.

/// A median, and how far values lie from it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
    pub(crate) count: usize,
}

impl Spread {
    /// Of any values; none without one.
    pub(crate) fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let count = values.len();
        let (least, most) = (*values.first()?, *values.last()?);
        Some(Self {
            median: f64::midpoint(values[(count - 1) / 2], values[count / 2]),
            least,
            most,
            count,
        })
    }
}

/// How much `y` rises for each `x` from one point to another.
pub(crate) fn slope((x0, y0): (f64, f64), (x1, y1): (f64, f64)) -> f64 {
    (y1 - y0) / (x1 - x0)
}
