//! Annex B byte streams (ITU-T H.264 and H.265, annex B): NAL units behind start codes.

/// The start code that the gateway writes before every NAL unit.
pub const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// Removes the emulation prevention bytes of a NAL unit's first `max` bytes.
pub fn to_rbsp(unit: &[u8], max: usize) -> Vec<u8> {
    let mut rbsp = Vec::with_capacity(unit.len().min(max));
    let mut zeros = 0;
    for &byte in unit.iter().take(max) {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        rbsp.push(byte);
    }
    rbsp
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emulation_prevention_is_removed() {
        assert_eq!(to_rbsp(&[0, 0, 3, 1, 0, 0, 3], 64), [0, 0, 1, 0, 0]);
    }
}
