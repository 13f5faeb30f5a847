//! The 20 digits that name everything in GB/T 28181 (2016 annex D).

use std::fmt;
use std::str::FromStr;

/// `center` 8, `industry` 2, `kind` 3, `network` 1, `serial` 6 digits.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct GbCode([u8; 20]);

/// The `kind` digits that the gateway writes.
pub mod kind {
    /// A network camera.
    pub const CAMERA: u16 = 132;
    /// A signalling server: a platform's own code.
    pub const PLATFORM: u16 = 200;
    /// A business group (业务分组).
    pub const BUSINESS_GROUP: u16 = 215;
    /// A virtual organisation (虚拟组织).
    pub const ORGANISATION: u16 = 216;
}

/// Why text is no code.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CodeError {
    /// Not 20 characters.
    #[error("a code has 20 digits, this has {0} characters")]
    Length(usize),
    /// A character that is no digit.
    #[error("a code has only the digits 0 to 9")]
    Digits,
}

impl GbCode {
    /// Puts a code together; `None` where a part has too many digits.
    pub fn compose(
        center: &str,
        industry: &str,
        kind: u16,
        network: u8,
        serial: u32,
    ) -> Option<Self> {
        format!("{center:0<8}{industry:0>2}{kind:03}{network}{serial:06}")
            .parse()
            .ok()
    }

    /// The code as text.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The administrative division, 8 digits.
    pub fn center(&self) -> &str {
        self.as_str().get(..8).unwrap_or_default()
    }

    /// What it names: 132 a camera, 200 a platform …
    pub fn kind(&self) -> u16 {
        self.as_str()
            .get(10..13)
            .and_then(|digits| digits.parse().ok())
            .unwrap_or_default()
    }

    /// All but the serial: what codes of one series share.
    pub fn series(&self) -> &str {
        self.as_str().get(..14).unwrap_or_default()
    }

    /// The running number in its series.
    pub fn serial(&self) -> u32 {
        self.as_str()
            .get(14..)
            .and_then(|digits| digits.parse().ok())
            .unwrap_or_default()
    }

    /// The first ten digits: the domain of a platform.
    pub fn domain(&self) -> &str {
        self.as_str().get(..10).unwrap_or_default()
    }
}

impl FromStr for GbCode {
    type Err = CodeError;

    fn from_str(text: &str) -> Result<Self, CodeError> {
        let characters = text.chars().count();
        if characters != 20 {
            return Err(CodeError::Length(characters));
        }
        // A character of more than one byte is no digit.
        let digits = text.as_bytes().try_into().map_err(|_| CodeError::Digits)?;
        let code = Self(digits);
        let has_digits_only = code.0.iter().all(u8::is_ascii_digit);
        has_digits_only.then_some(code).ok_or(CodeError::Digits)
    }
}

impl fmt::Display for GbCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for GbCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A civil code of 2, 4, 6 or 8 digits, padded with zeros to the 8 digits of a code's center.
pub fn pad_civil_code(civil_code: &str) -> Option<String> {
    let is_code = matches!(civil_code.len(), 2 | 4 | 6 | 8)
        && civil_code.bytes().all(|digit| digit.is_ascii_digit());
    is_code.then(|| format!("{civil_code:0<8}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_its_parts() {
        let code = GbCode::compose("430211", "11", kind::CAMERA, 6, 7).unwrap();
        assert_eq!(code.as_str(), "43021100111326000007");
        assert_eq!(
            (code.center(), code.kind(), code.serial()),
            ("43021100", 132, 7)
        );
        assert_eq!(code.domain(), "4302110011");
    }

    #[test]
    fn what_is_no_code_is_refused() {
        assert_eq!("4302".parse::<GbCode>(), Err(CodeError::Length(4)));
        assert_eq!(
            "4302110011132600000x".parse::<GbCode>(),
            Err(CodeError::Digits)
        );
        assert_eq!(
            "４３０２１１００１１１３２６００００００".parse::<GbCode>(),
            Err(CodeError::Digits),
            "full-width digits look like digits"
        );
        assert_eq!(GbCode::compose("430211", "11", 132, 6, 1_000_000), None);
        assert_eq!(pad_civil_code("43021"), None);
        assert_eq!(pad_civil_code("430211").as_deref(), Some("43021100"));
    }
}
