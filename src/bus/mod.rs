//! Fans the frames of a camera out to its viewers.
//!
//! A [`Stream`] is a short log of frames: from the last key frame on, so that a viewer starts at once,
//! and as far back as the slowest viewer that is still within its limit. A viewer is a place in that
//! log. Publishing never waits: a viewer that falls behind jumps to the newest key frame, counted, and
//! nobody else notices.
//!
//! A viewer that has read all may leave an [`Outlet`] at its place: frames that come then go out through it in the
//! turn of whoever publishes them, and no task is woken.

mod log;
mod places;
mod stream;
mod subscriber;

pub use places::Outlet;
pub use stream::{Item, Publisher, Stream};
pub use subscriber::{Beside, Next, Subscriber};
