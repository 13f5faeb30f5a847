//! Viewers out: one folder a protocol, and none imports another.

pub mod gb28181;
