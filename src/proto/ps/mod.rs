//! MPEG program stream (ISO/IEC 13818-1 §2.5) within the limits of GB/T 28181-2016 annex C.
//!
//! Pure: [`Pack::of`] turns a frame into one pack. The pack does not copy the frame: it has small headers
//! of its own between slices of the frame's bytes, and is made once a camera, whatever the number of
//! viewers. It does not demultiplex.
//!
//! ```text
//! key frame:   pack header | system header | stream map | PES …
//! other video: pack header | PES …
//! audio:       pack header | PES
//! ```

mod crc;
mod pack;

pub use pack::Pack;
