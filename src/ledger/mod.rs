//! How cameras are, and why. Pure.

mod explain;
mod state;

pub use explain::Explanation;
pub use state::{Cause, State, StateCause};
