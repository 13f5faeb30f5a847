//! The CRC-32 of MPEG systems (ISO/IEC 13818-1 annex A): polynomial 04C11DB7, start all ones, not reflected.

/// Returns the CRC of `bytes`.
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte) << 24, |crc, _| {
            if crc & 0x8000_0000 == 0 {
                crc << 1
            } else {
                crc << 1 ^ POLYNOMIAL
            }
        })
    })
}

const POLYNOMIAL: u32 = 0x04c1_1db7;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_the_algorithm_holds() {
        assert_eq!(crc32(b"123456789"), 0x0376_e6e7);
    }
}
