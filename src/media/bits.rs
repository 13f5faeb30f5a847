//! Reads bits and Exp-Golomb codes from a parameter set (ITU-T H.264 §9.1).

/// A reader over an RBSP; every read past the end is `None`.
#[derive(Debug)]
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    /// Reads one bit.
    pub(super) fn flag(&mut self) -> Option<bool> {
        let byte = self.bytes.get(self.position / 8)?;
        let bit = byte >> (7 - self.position % 8) & 1;
        self.position += 1;
        Some(bit == 1)
    }

    /// Reads `count` bits, at most 32.
    pub(super) fn u(&mut self, count: u32) -> Option<u32> {
        let mut value = 0;
        for _ in 0..count {
            value = value << 1 | u32::from(self.flag()?);
        }
        Some(value)
    }

    /// Skips `count` bits.
    pub(super) fn skip(&mut self, count: usize) -> Option<()> {
        self.position += count;
        (self.position <= self.bytes.len() * 8).then_some(())
    }

    /// Reads `ue(v)`.
    pub(super) fn ue(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        Some((1 << zeros) - 1 + self.u(zeros)?)
    }

    /// Reads `se(v)`.
    pub(super) fn se(&mut self) -> Option<i32> {
        let code = i64::from(self.ue()?);
        let value = if code % 2 == 1 {
            code / 2 + 1
        } else {
            -(code / 2)
        };
        i32::try_from(value).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_golomb_codes_are_read() {
        let mut bits = Bits::new(&[0xa6, 0x42, 0x80]);
        assert_eq!(
            (bits.ue(), bits.ue(), bits.ue()),
            (Some(0), Some(1), Some(2))
        );
        assert_eq!(bits.ue(), Some(3));
        assert_eq!(bits.se(), Some(-2));
    }

    #[test]
    fn the_end_is_an_absence() {
        let mut bits = Bits::new(&[0]);
        assert_eq!(bits.ue(), None);
        assert_eq!(bits.u(4), None);
    }
}
