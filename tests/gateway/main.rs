//! The real gateway between simulated cameras and platforms; a file a scenario.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails"
)]

mod commands;
mod configuration;
mod edits;
mod environment;
mod first_light;
mod golden;
mod invites;
mod judges;
mod lifecycle;
mod notices;
mod operations;
mod operators;
mod platform_quirks;
mod raw;
mod readers;
mod refusals;
mod reload;
mod reload_random;
mod reload_refused;
mod reload_settings;
mod restart;
mod shipped_config;
mod why;
mod world;
