//! The real gateway between simulated cameras and platforms; a file a scenario.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails"
)]

mod alerts;
mod camera_edits;
mod canaries;
mod commands;
mod configuration;
mod discovery;
mod documentation;
mod edits;
mod endurance;
mod environment;
mod events;
mod first_light;
mod golden;
mod hostile;
mod hostile_cameras;
mod http;
mod imports;
mod inert;
mod invites;
mod judges;
mod kills;
mod lifecycle;
mod misbehaviour;
mod notices;
mod observe;
mod openapi;
mod operations;
mod operators;
mod platform_codes;
mod platform_misbehaviour;
mod platform_quirks;
mod python;
mod quality;
mod queries;
mod raw;
mod readers;
mod refusals;
mod reload;
mod reload_random;
mod reload_refused;
mod reload_settings;
mod restart;
mod service;
mod sheets;
mod shipped_config;
mod soak;
mod states;
mod why;
mod world;
