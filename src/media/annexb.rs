//! Annex B byte streams (ITU-T H.264 and H.265, annex B): NAL units behind start codes.

/// The start code that the gateway writes before every NAL unit.
pub const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// Returns the NAL units of a byte stream that has four-byte start codes, in order, without them.
///
/// Written for streams that this gateway made; a three-byte start code is taken too.
pub fn units(stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = skip_start_code(stream);
    std::iter::from_fn(move || {
        let current = rest?;
        let (unit, next) = split_at_start_code(current);
        rest = next;
        Some(unit)
    })
    .filter(|unit| !unit.is_empty())
}

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

fn skip_start_code(stream: &[u8]) -> Option<&[u8]> {
    split_at_start_code(stream).1
}

/// Splits before the next start code: the bytes up to it, and the bytes after it.
fn split_at_start_code(stream: &[u8]) -> (&[u8], Option<&[u8]>) {
    let found = stream.windows(3).position(|window| window == [0, 0, 1]);
    match found.and_then(|at| Some((stream.get(..at)?, stream.get(at + 3..)?))) {
        Some((before, after)) => (before.strip_suffix(&[0]).unwrap_or(before), Some(after)),
        None => (stream, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_found_behind_start_codes_of_both_lengths() {
        let stream = [0, 0, 0, 1, 0x67, 9, 0, 0, 1, 0x68, 8, 7, 0, 0, 0, 1, 0x65];
        let found: Vec<_> = units(&stream).collect();
        assert_eq!(found, [&[0x67, 9][..], &[0x68, 8, 7], &[0x65]]);
    }

    #[test]
    fn a_stream_without_start_code_has_no_units() {
        assert_eq!(units(&[1, 2, 3]).count(), 0);
    }

    #[test]
    fn emulation_prevention_is_removed() {
        assert_eq!(to_rbsp(&[0, 0, 3, 1, 0, 0, 3], 64), [0, 0, 1, 0, 0]);
    }
}
