//! The elementary stream of one frame: Annex B with a slice that fits the pack, or whole ADTS frames.

/// Says what is wrong with the elementary stream of one frame.
pub(super) fn wrong_with(kind: u8, is_key: bool, payload: &[u8]) -> Option<String> {
    match kind {
        0x1B | 0x24 => match first_slice(kind, payload) {
            None => Some("an access unit without a slice behind a start code".into()),
            Some(is_random) if is_random != is_key => {
                Some(format!("random access {is_random}, stream map {is_key}"))
            }
            Some(_) => None,
        },
        0x0F => check_adts(payload),
        _ => None,
    }
}

/// Says whether the first slice of an Annex B access unit is of an IDR or IRAP picture.
fn first_slice(kind: u8, payload: &[u8]) -> Option<bool> {
    if !payload.starts_with(&[0, 0, 1]) && !payload.starts_with(&[0, 0, 0, 1]) {
        return None;
    }
    let mut at = 0;
    loop {
        at += payload
            .get(at..)?
            .windows(3)
            .position(|window| window == [0, 0, 1])?
            + 3;
        let first = *payload.get(at)?;
        match (kind, first & 0x1F, first >> 1 & 0x3F) {
            (0x1B, slice @ 1..=5, _) => return Some(slice == 5),
            (0x24, _, slice @ 0..=31) => return Some((16..=23).contains(&slice)),
            _ => {}
        }
    }
}

/// ADTS frames (ISO/IEC 14496-3 §1.A.2.2) must fill the payload exactly.
fn check_adts(mut payload: &[u8]) -> Option<String> {
    while !payload.is_empty() {
        let [0xFF, second, _, fourth, fifth, sixth, _, ..] = payload else {
            return Some("AAC without ADTS".into());
        };
        let length =
            usize::from(fourth & 3) << 11 | usize::from(*fifth) << 3 | usize::from(sixth >> 5);
        if second & 0xF6 != 0xF0 || length < 7 || length > payload.len() {
            return Some(format!("ADTS frame of {length} bytes in {}", payload.len()));
        }
        payload = &payload[length..];
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adts_frames_must_fill_their_payload() {
        let frame = [0xFF, 0xF1, 0x4C, 0x40, 0x01, 0x1F, 0xFC, 0];
        assert_eq!(check_adts(&frame), None);
        assert!(check_adts(&frame[..7]).is_some());
        assert!(check_adts(&[1; 8]).is_some());
    }

    #[test]
    fn the_first_slice_says_whether_the_pack_must_have_a_map() {
        let idr = [0, 0, 0, 1, 0x67, 1, 0, 0, 1, 0x65, 9];
        assert_eq!(wrong_with(0x1B, true, &idr), None);
        assert!(wrong_with(0x1B, false, &idr).is_some());
        let irap = [0, 0, 1, 0x40, 1, 0, 0, 1, 0x26, 1, 9];
        assert_eq!(wrong_with(0x24, true, &irap), None);
        assert!(wrong_with(0x1B, true, &idr[1..4]).is_some());
        assert!(wrong_with(0x1B, true, &idr[4..]).is_some());
    }
}
