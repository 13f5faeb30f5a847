//! Places on the globe: datums, distances, areas, and which cameras are near. Pure.

mod area;
mod datum;
mod detect;
mod index;
mod sight;
mod sphere;

pub use area::{Area, AreaError, Line};
pub use datum::Datum;
pub use detect::{Evidence, detect};
pub use index::Index;
pub use sight::{Sight, reaches};
pub use sphere::Point;
