//! What departments write into spreadsheets, made into one form. Pure.
//!
//! One function a rule. Each returns `None` where there is nothing for it to do: then the text stays as it is, and
//! whoever reads it says what is wrong with it.

mod code;
mod coordinates;
mod date;
mod department;
mod direction;
mod name;
mod number;
mod place;
mod region;
mod stream_url;
mod template;
mod vendor;
mod width;
mod words;

pub use code::{code, damaged_code};
pub use coordinates::{are_swapped, degrees, pair, scaled};
pub use date::{date, is_date};
pub use department::{department, without_place};
pub use direction::direction;
pub use name::name_prefix;
pub use number::{is_nobodys_mac, mac, measure, says_none, whole};
pub use place::{is_forbidden_place, place_type};
pub use region::RegionStem;
pub use stream_url::{begins_with_address, onvif_service, stream_url, web_url};
pub use template::{Said, url_template};
pub use vendor::{model, vendor};
pub use width::{narrow, visible};
pub use words::{light, point_class, ptz, pull, room, transport, yes_or_no};
