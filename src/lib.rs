//! huiju (汇聚): takes department cameras in and republishes them to exchange platforms.
//!
//! ```text
//! camera ─▶ source ─▶ bus ─▶ sink ─▶ platform
//! ```
//!
//! - [`media`] what flows: frames, codecs, time
//! - [`catalog`] what is known of cameras: records, identities, codes, the tree
//! - [`ledger`] how cameras are: states and causes
//! - [`proto`] how it is said: RTP, PS, SDP, SIP, GB/T 28181
//! - [`source`] cameras in, [`bus`] fan-out, [`sink`] platforms out
//! - [`discover`] asks listed addresses by ONVIF what they are
//! - [`import`] inventory files, [`store`] what survives a restart
//! - [`api`] HTTP, [`cli`] commands, [`config`] the file to checked settings
//! - [`gateway`] puts all together; [`task`] is the one place that spawns, [`clock`] reads the wall clock
//!
//! ARCHITECTURE.md says why it is so.

pub mod api;
pub mod bus;
pub mod catalog;
pub mod cli;
pub mod clock;
pub mod config;
pub mod descriptors;
pub mod discover;
pub mod gateway;
pub mod import;
pub mod ledger;
pub mod media;
pub mod meter;
pub mod metrics;
pub mod problem;
pub mod proto;
pub mod sink;
pub mod source;
pub mod store;
pub mod task;
pub mod yaml;
