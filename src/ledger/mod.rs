//! What was: the state of a camera with its cause. Pure.

mod state;

pub use state::{Cause, State, StateCause};
