//! The head of a message in the manner of RFC 822, as SIP and RTSP have it: lines up to a blank one.

/// Finds the blank line of `bytes`, looking from `from` on: where the head ends and where the body starts.
///
/// Bare line feeds end lines too. `from` may be where an earlier look ended: the blank line is then found as
/// if all were looked at.
pub(super) fn find_end(bytes: &[u8], from: usize) -> Option<(usize, usize)> {
    let before = bytes.get(..from.min(bytes.len())).unwrap_or_default();
    let mut line_start = before
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    for (at, byte) in bytes.iter().enumerate().skip(from) {
        if *byte != b'\n' {
            continue;
        }
        let line = bytes.get(line_start..at).unwrap_or_default();
        if line.is_empty() || line == b"\r" {
            return Some((line_start, at + 1));
        }
        line_start = at + 1;
    }
    None
}

/// The lines below the first one, folded ones put together; `None` when there are more than `max`.
pub(super) fn lines(head: &str, max: usize) -> Option<Vec<String>> {
    let mut lines: Vec<String> = Vec::new();
    for line in head.lines().skip(1).map(|line| line.trim_end_matches('\r')) {
        let is_folded = line.starts_with([' ', '\t']);
        if let Some(last) = lines.last_mut().filter(|_| is_folded) {
            last.push(' ');
            last.push_str(line.trim());
        } else if lines.len() == max {
            return None;
        } else {
            lines.push(line.to_owned());
        }
    }
    Some(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_found_from_wherever_one_looks() {
        let bytes = b"A\r\nB: c\r\n\r\nbody\n\n";
        for from in 0..=10 {
            assert_eq!(find_end(bytes, from), Some((9, 11)), "from {from}");
        }
        assert_eq!(find_end(b"A\nB\n\nx", 0), Some((4, 5)));
        assert_eq!(find_end(b"A\r\nB\r\n", 0), None);
        assert_eq!(find_end(b"", 7), None);
    }

    #[test]
    fn folded_lines_are_one_and_too_many_are_none() {
        let lines = |max| lines("GET\r\nA: b\r\n  c\r\nD: e\r\n", max);
        assert_eq!(lines(2), Some(vec!["A: b c".to_owned(), "D: e".to_owned()]));
        assert_eq!(lines(1), None);
    }
}
