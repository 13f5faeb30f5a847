//! The other side of huiju: cameras that are pulled or asked what they are, and a platform that looks, for tests, quickstart and benches.
//!
//! It shares no code with the gateway, so that an error of one is not an error of both.

mod arguments;
pub mod chart;
pub mod clips;
pub mod farm;
pub mod floor;
pub mod histogram;
pub mod onvif;
pub mod platform;
