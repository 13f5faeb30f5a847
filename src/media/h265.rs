//! What the gateway reads of H.265: NAL unit types and the sequence parameter set (ITU-T H.265 §7).

use super::annexb::to_rbsp;
use super::bits::Bits;

/// First type of pictures that decoding may start at (BLA, IDR, CRA).
pub const IRAP_FIRST: u8 = 16;
/// Last type of such pictures.
pub const IRAP_LAST: u8 = 23;
/// Video parameter set.
pub const VPS: u8 = 32;
/// Sequence parameter set.
pub const SPS: u8 = 33;
/// Picture parameter set.
pub const PPS: u8 = 34;
/// Access unit delimiter.
pub const AUD: u8 = 35;

/// The type of a NAL unit from its first byte (§7.4.2.2).
pub fn unit_type(first: u8) -> u8 {
    first >> 1 & 0x3f
}

/// Whether a NAL unit type is a coded slice segment.
pub fn is_slice(unit_type: u8) -> bool {
    unit_type < VPS
}

/// Whether a NAL unit type belongs to a picture that decoding can start at.
pub fn is_irap(unit_type: u8) -> bool {
    (IRAP_FIRST..=IRAP_LAST).contains(&unit_type)
}

/// What the gateway reads of a sequence parameter set.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Sps {
    /// Width in luma samples, after cropping.
    pub width: u32,
    /// Height in luma samples, after cropping.
    pub height: u32,
    /// `sps_max_num_reorder_pics` of the highest temporal layer.
    pub reorder_depth: u8,
}

impl Sps {
    /// Reads a sequence parameter set, both header bytes included; `None` when cut or absurd.
    pub fn parse(unit: &[u8]) -> Option<Self> {
        let rbsp = to_rbsp(unit.get(2..)?, SPS_BYTES_MAX);
        let mut bits = Bits::new(&rbsp);
        bits.skip(4)?; // sps_video_parameter_set_id
        let sub_layers = bits.u(3)?;
        bits.flag()?; // sps_temporal_id_nesting_flag
        skip_profile_tier_level(&mut bits, sub_layers)?;
        bits.ue()?; // sps_seq_parameter_set_id
        let chroma = bits.ue()?;
        if chroma == 3 {
            bits.flag()?;
        }
        let (width, height) = (bits.ue()?, bits.ue()?);
        let (width, height) = if bits.flag()? {
            crop(&mut bits, chroma, width, height)?
        } else {
            (width, height)
        };
        bits.ue()?; // bit_depth_luma_minus8
        bits.ue()?; // bit_depth_chroma_minus8
        bits.ue()?; // log2_max_pic_order_cnt_lsb_minus4
        let every_layer = bits.flag()?;
        let mut reorder_depth = 0;
        for _ in 0..if every_layer { sub_layers + 1 } else { 1 } {
            bits.ue()?; // sps_max_dec_pic_buffering_minus1
            reorder_depth = u8::try_from(bits.ue()?)
                .ok()
                .filter(|d| *d <= REORDER_DEPTH_MAX)?;
            bits.ue()?; // sps_max_latency_increase_plus1
        }
        Some(Self {
            width,
            height,
            reorder_depth,
        })
    }
}

fn skip_profile_tier_level(bits: &mut Bits<'_>, sub_layers: u32) -> Option<()> {
    bits.skip(96)?;
    let mut present = Vec::new();
    for _ in 0..sub_layers {
        present.push((bits.flag()?, bits.flag()?));
    }
    if sub_layers > 0 {
        bits.skip(2 * (8 - sub_layers as usize))?;
    }
    for (profile, level) in present {
        bits.skip(if profile { 88 } else { 0 } + if level { 8 } else { 0 })?;
    }
    Some(())
}

fn crop(bits: &mut Bits<'_>, chroma: u32, width: u32, height: u32) -> Option<(u32, u32)> {
    let unit_x = if matches!(chroma, 1 | 2) { 2 } else { 1 };
    let unit_y = if chroma == 1 { 2 } else { 1 };
    let mut sum = |unit: u32| bits.ue()?.checked_add(bits.ue()?)?.checked_mul(unit);
    let (crop_x, crop_y) = (sum(unit_x)?, sum(unit_y)?);
    Some((width.checked_sub(crop_x)?, height.checked_sub(crop_y)?))
}

const SPS_BYTES_MAX: usize = 1024;
/// The size of the picture buffer (§A.4.2) bounds the depth.
const REORDER_DEPTH_MAX: u8 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_set_is_refused() {
        assert_eq!(Sps::parse(&[0x42, 0x01, 0x01]), None);
    }

    #[test]
    fn types_are_read_from_the_first_byte() {
        assert_eq!(unit_type(0x42), SPS);
        assert!(is_irap(unit_type(0x26)) && is_slice(unit_type(0x26)));
        assert!(!is_irap(unit_type(0x02)));
    }
}
