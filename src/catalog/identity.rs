//! A camera's own id: `c` and ten characters of base32, for good.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

/// The gateway's stable id of a camera.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct CameraId([u8; 11]);

impl CameraId {
    /// Derives an id from the department and what names the camera in it; `attempt` counts collisions.
    pub fn derive(department: &str, name: &str, attempt: u32) -> Self {
        let mut hash = Sha256::new();
        hash.update(department.as_bytes());
        hash.update([0]);
        hash.update(name.as_bytes());
        if attempt > 0 {
            hash.update([0]);
            hash.update(attempt.to_be_bytes());
        }
        let hash = hash.finalize();
        let bits = hash
            .iter()
            .take(8)
            .fold(0u64, |bits, byte| bits << 8 | u64::from(*byte));
        let mut id = [b'c'; 11];
        for (index, character) in id.iter_mut().skip(1).enumerate() {
            let five = (bits >> (59 - 5 * index) & 31) as usize;
            *character = ALPHABET.get(five).copied().unwrap_or(b'a');
        }
        Self(id)
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl FromStr for CameraId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let id: [u8; 11] = text.as_bytes().try_into().map_err(|_| WHAT_AN_ID_IS)?;
        let fits = id.first() == Some(&b'c') && id.iter().skip(1).all(|c| ALPHABET.contains(c));
        fits.then_some(Self(id)).ok_or(WHAT_AN_ID_IS)
    }
}

impl fmt::Display for CameraId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for CameraId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
const WHAT_AN_ID_IS: &str = "a camera id is `c` and ten characters of a-z and 2-7";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_stable_and_reads_back() {
        let id = CameraId::derive("education", "A-17", 0);
        assert_eq!(id, CameraId::derive("education", "A-17", 0));
        assert_eq!(id.as_str().parse(), Ok(id));
        assert_ne!(id, CameraId::derive("health", "A-17", 0));
        assert_ne!(id, CameraId::derive("education", "A-17", 1));
    }

    #[test]
    fn the_hash_is_what_the_contract_says() {
        // The first fifty bits of SHA-256 over "education", a zero byte, "A-17", as RFC 4648 base32.
        let hash = Sha256::digest(b"education\0A-17");
        let bits: String = hash.iter().map(|byte| format!("{byte:08b}")).collect();
        let expected: String = (0..10)
            .map(|n| usize::from_str_radix(&bits[n * 5..n * 5 + 5], 2).unwrap())
            .map(|five| ALPHABET[five] as char)
            .collect();
        assert_eq!(
            CameraId::derive("education", "A-17", 0).as_str(),
            format!("c{expected}")
        );
    }
}
