//! The real gateway between simulated cameras and platforms; a file a scenario.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails"
)]

mod alerts;
mod canaries;
mod commands;
mod configuration;
mod documentation;
mod endurance;
mod first_light;
mod hostile;
mod hostile_cameras;
mod invites;
mod judges;
mod lifecycle;
mod notices;
mod operations;
mod platform_quirks;
mod raw;
mod readers;
mod refusals;
mod restart;
mod service;
mod shipped_config;
mod world;
