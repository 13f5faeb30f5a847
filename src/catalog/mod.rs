//! What is known of cameras: records, identities, codes, and the tree a platform sees. Pure.
//!
//! `import` brings records, `store` keeps identities and codes, `sink::gb28181` serves the tree.

mod alike;
mod allocate;
mod camera;
mod channel;
mod code;
mod department;
mod details;
mod duplicates;
pub mod geo;
mod identity;
mod link;
pub mod normalise;
mod override_codes;
mod position;
pub mod quality;
mod regions;
mod snapshot;
mod spot;
mod tree;

pub use allocate::{Assigned, Conflict, Known, KnownNode, Names, NodeKey, Registry};
pub use camera::{Camera, Given, Location, Origin, Pull, Record, Secret, Upkeep, mask_secrets};
pub use code::{CodeError, GbCode, kind, pad_civil_code};
pub use department::{Department, DepartmentLimits, is_forbidden};
pub use details::{Details, Transport};
pub use duplicates::{Duplicate, Sameness, duplicates};
pub use identity::CameraId;
pub use link::Link;
pub use override_codes::{CameraKey, OverrideCodes};
pub use position::Position;
pub use regions::{Level, Region, Regions};
pub use snapshot::{Catalog, Places};
pub use spot::{Lamp, Spot};
pub use tree::{Node, NodeId, NodeKind, Share, Tree, TreeKind};
