//! Cells that a spreadsheet would compute: kept from it in CSV by one apostrophe, which reading takes off again.

use std::borrow::Cow;

/// The text as it is written to CSV.
pub(super) fn guard(text: &str) -> Cow<'_, str> {
    if is_computed(text) {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// The text that was written so.
pub(super) fn unguard(text: &str) -> &str {
    let guarded = text.strip_prefix('\'');
    guarded.filter(|rest| is_computed(rest)).unwrap_or(text)
}

/// Whether a spreadsheet would compute it. A text that begins with an apostrophe before such a sign counts too: else what
/// was taken off in reading would not be what was put there in writing.
fn is_computed(text: &str) -> bool {
    let begins = text.trim_start_matches('\'').starts_with(SIGNS);
    begins && !is_number(text)
}

/// Digits with a sign before and a point within.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
    let are_digits =
        |text: &str| !text.is_empty() && text.bytes().all(|sign| sign.is_ascii_digit());
    are_digits(whole) && are_digits(part)
}

/// What begins a formula, in single and in double width, and what Excel passes over before one.
const SIGNS: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// A cell that is longer is not read.
pub(super) const TEXT_BYTES_MAX: usize = 4 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_be_computed_gets_one_apostrophe_and_loses_one() {
        for (text, written) in [
            ("=1+1", "'=1+1"),
            ("+1+1店门口", "'+1+1店门口"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("-", "'-"),
            ("＝1+1", "'＝1+1"),
            ("'=1", "''=1"),
            ("''-5", "'''-5"),
            ("-5", "-5"),
            ("+113.25", "+113.25"),
            ("-5-5", "'-5-5"),
            ("'; DELETE--", "'; DELETE--"),
            ("'4302", "'4302"),
            ("", ""),
        ] {
            assert_eq!(guard(text), written);
            assert_eq!(unguard(written), text);
        }
    }
}
