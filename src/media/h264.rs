//! What the gateway reads of H.264: NAL unit types and the sequence parameter set (ITU-T H.264 §7).

use super::annexb::to_rbsp;
use super::bits::Bits;

/// A slice of a picture that cannot start decoding.
pub const SLICE: u8 = 1;
/// A slice of an IDR picture.
pub const IDR: u8 = 5;
/// Supplemental enhancement information.
pub const SEI: u8 = 6;
/// Sequence parameter set.
pub const SPS: u8 = 7;
/// Picture parameter set.
pub const PPS: u8 = 8;
/// Access unit delimiter.
pub const AUD: u8 = 9;

/// The type of a NAL unit from its first byte (§7.4.1).
pub fn unit_type(first: u8) -> u8 {
    first & 0x1f
}

/// Whether a NAL unit type is a coded slice or slice partition.
pub fn is_slice(unit_type: u8) -> bool {
    (SLICE..=IDR).contains(&unit_type)
}

/// What the gateway reads of a sequence parameter set.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Sps {
    /// Width in luma samples, after cropping.
    pub width: u32,
    /// Height in luma samples, after cropping.
    pub height: u32,
    /// `profile_idc`.
    pub profile: u8,
    /// How many frames may precede another in decoding order and follow it in output order;
    /// `None` where the set does not say.
    pub reorder_depth: Option<u8>,
}

impl Sps {
    /// Reads a sequence parameter set, header byte included; `None` when it is cut or absurd.
    pub fn parse(unit: &[u8]) -> Option<Self> {
        let rbsp = to_rbsp(unit.get(1..)?, SPS_BYTES_MAX);
        let mut bits = Bits::new(&rbsp);
        let profile = u8::try_from(bits.u(8)?).ok()?;
        let constraints = bits.u(8)?;
        bits.skip(8)?; // level_idc
        bits.ue()?; // seq_parameter_set_id
        let chroma = if HIGH_PROFILES.contains(&profile) {
            read_high(&mut bits)?
        } else {
            1
        };
        bits.ue()?; // log2_max_frame_num_minus4
        let order_is_output = read_picture_order(&mut bits)?;
        bits.ue()?; // max_num_ref_frames
        bits.flag()?; // gaps_in_frame_num_value_allowed_flag
        let (width, height) = read_size(&mut bits, chroma)?;
        let told = if bits.flag()? {
            read_vui(&mut bits)
        } else {
            None
        };
        let intra_only = constraints & 0x10 != 0 && [44, 86, 100, 110, 122, 244].contains(&profile);
        let never_reorders = profile == BASELINE || order_is_output || intra_only;
        let reorder_depth = if never_reorders { Some(0) } else { told };
        Some(Self {
            width,
            height,
            profile,
            reorder_depth,
        })
    }
}

/// Reads the fields that only high profiles have; returns `chroma_format_idc`.
fn read_high(bits: &mut Bits<'_>) -> Option<u32> {
    let chroma = bits.ue()?;
    if chroma == 3 {
        bits.flag()?;
    }
    bits.ue()?; // bit_depth_luma_minus8
    bits.ue()?; // bit_depth_chroma_minus8
    bits.flag()?; // qpprime_y_zero_transform_bypass_flag
    if bits.flag()? {
        let lists = if chroma == 3 { 12 } else { 8 };
        for list in 0..lists {
            if bits.flag()? {
                skip_scaling_list(bits, if list < 6 { 16 } else { 64 })?;
            }
        }
    }
    Some(chroma)
}

fn skip_scaling_list(bits: &mut Bits<'_>, size: usize) -> Option<()> {
    let (mut last, mut next) = (8i64, 8i64);
    for _ in 0..size {
        if next != 0 {
            next = (last + i64::from(bits.se()?) + 256) % 256;
        }
        last = if next == 0 { last } else { next };
    }
    Some(())
}

/// Reads the picture order count fields; returns whether output order is decoding order (type 2).
fn read_picture_order(bits: &mut Bits<'_>) -> Option<bool> {
    let order_type = bits.ue()?;
    match order_type {
        0 => {
            bits.ue()?;
        }
        1 => {
            bits.flag()?;
            bits.se()?;
            bits.se()?;
            let cycle = bits.ue()?;
            if cycle > 255 {
                return None;
            }
            for _ in 0..cycle {
                bits.se()?;
            }
        }
        _ => {}
    }
    Some(order_type == 2)
}

fn read_size(bits: &mut Bits<'_>, chroma: u32) -> Option<(u32, u32)> {
    let width = bits.ue()?.checked_add(1)?.checked_mul(16)?;
    let map_units = bits.ue()?.checked_add(1)?;
    let frames_only = bits.flag()?;
    if !frames_only {
        bits.flag()?; // mb_adaptive_frame_field_flag
    }
    let height = map_units.checked_mul(if frames_only { 16 } else { 32 })?;
    bits.flag()?; // direct_8x8_inference_flag
    if !bits.flag()? {
        return Some((width, height));
    }
    let unit_x = if matches!(chroma, 1 | 2) { 2 } else { 1 };
    let unit_y = if chroma == 1 { 2 } else { 1 } * if frames_only { 1 } else { 2 };
    let mut crop = |unit: u32| bits.ue()?.checked_add(bits.ue()?)?.checked_mul(unit);
    let (crop_x, crop_y) = (crop(unit_x)?, crop(unit_y)?);
    Some((width.checked_sub(crop_x)?, height.checked_sub(crop_y)?))
}

/// Reads the VUI (annex E) up to `max_num_reorder_frames`, which it returns where present.
fn read_vui(bits: &mut Bits<'_>) -> Option<u8> {
    if bits.flag()? && bits.u(8)? == EXTENDED_SAR {
        bits.skip(32)?;
    }
    if bits.flag()? {
        bits.flag()?; // overscan_appropriate_flag
    }
    if bits.flag()? {
        bits.skip(4)?;
        if bits.flag()? {
            bits.skip(24)?;
        }
    }
    if bits.flag()? {
        bits.ue()?;
        bits.ue()?;
    }
    if bits.flag()? {
        bits.skip(65)?; // num_units_in_tick, time_scale, fixed_frame_rate_flag
    }
    let nal_hrd = bits.flag()?;
    if nal_hrd {
        skip_hrd(bits)?;
    }
    let vcl_hrd = bits.flag()?;
    if vcl_hrd {
        skip_hrd(bits)?;
    }
    if nal_hrd || vcl_hrd {
        bits.flag()?;
    }
    bits.flag()?; // pic_struct_present_flag
    if !bits.flag()? {
        return None;
    }
    bits.flag()?;
    for _ in 0..4 {
        bits.ue()?;
    }
    u8::try_from(bits.ue()?)
        .ok()
        .filter(|depth| *depth <= REORDER_DEPTH_MAX)
}

fn skip_hrd(bits: &mut Bits<'_>) -> Option<()> {
    let count = bits.ue()?;
    if count > 31 {
        return None;
    }
    bits.skip(8)?;
    for _ in 0..=count {
        bits.ue()?;
        bits.ue()?;
        bits.flag()?;
    }
    bits.skip(20)
}

const SPS_BYTES_MAX: usize = 1024;
const BASELINE: u8 = 66;
const EXTENDED_SAR: u32 = 255;
/// The most frames that may be held back for reordering (§A.3.1: the size of the picture buffer).
const REORDER_DEPTH_MAX: u8 = 16;
/// Profiles whose set has the chroma and scaling fields (§7.3.2.1.1).
const HIGH_PROFILES: [u8; 13] = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];

#[cfg(test)]
mod tests {
    use super::*;

    /// Written by libx264: High profile, 1920×1080, two B-frames with a pyramid.
    const X264_HIGH: &str = "67640028acd940780227e5c044000003000400000300c83c60c658";
    /// From a Hikvision DS-2CD2032-I: Main profile, 1280×720, no VUI restriction.
    const BASELINE_QVGA: &str = "6742c00dda0507e840000003004000000ca3c50aa8";

    #[test]
    fn size_and_depth_of_an_encoder_set_are_read() {
        let sps = Sps::parse(&hex::decode(X264_HIGH).unwrap()).unwrap();
        assert_eq!((sps.width, sps.height, sps.profile), (1920, 1080, 100));
        assert_eq!(sps.reorder_depth, Some(2));
    }

    #[test]
    fn baseline_never_reorders() {
        let sps = Sps::parse(&hex::decode(BASELINE_QVGA).unwrap()).unwrap();
        assert_eq!((sps.profile, sps.reorder_depth), (66, Some(0)));
    }

    #[test]
    fn a_cut_set_is_refused() {
        let whole = hex::decode(X264_HIGH).unwrap();
        assert_eq!(Sps::parse(&whole[..6]), None);
        assert_eq!(Sps::parse(&[]), None);
    }
}
