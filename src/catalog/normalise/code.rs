//! Codes of 20 digits.

/// The digits of a code that stands in groups, behind an apostrophe or in a formula: `4302 1100 …`, `'4302…`, `="4302…"`.
pub fn code(text: &str) -> Option<String> {
    let digits = digits_of(text);
    let is_code = digits.len() == CODE_DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    (is_code && digits != text).then_some(digits)
}

/// Why a code cannot be the one that was meant: whoever knows the camera by that would know it by another.
pub fn damaged_code(text: &str) -> Option<String> {
    let digits = digits_of(text);
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_rounded = digits
        .to_ascii_lowercase()
        .split_once('e')
        .is_some_and(|(number, power)| {
            is_number(&number.replace('.', "")) && is_number(power.trim_start_matches('+'))
        });
    if is_rounded || is_number(&digits) && digits.len() == CODE_DIGITS && digits.ends_with(NOBODY) {
        return Some(format!(
            "`{text}` is what a spreadsheet leaves of a long number: format the column as text and write the code again"
        ));
    }
    let is_nearly = is_number(&digits) && NEARLY.contains(&digits.len());
    (is_nearly && digits.len() != CODE_DIGITS).then(|| {
        format!(
            "`{text}` has {} digits: a code has {CODE_DIGITS}",
            digits.len()
        )
    })
}

fn digits_of(text: &str) -> String {
    let signs = text.chars().filter(|sign| !" -'\"=`’“”".contains(*sign));
    signs.collect()
}

const CODE_DIGITS: usize = 20;
/// So many digits are meant as a code; fewer are somebody's own number, which is as good as none.
const NEARLY: std::ops::RangeInclusive<usize> = 15..=25;
/// No camera has this serial number; a spreadsheet writes it for the digits that it does not keep.
const NOBODY: &str = "000000";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_its_digits_alone() {
        for text in [
            "'43021101091326000018",
            "=\"43021101091326000018\"",
            "4302 1101 0913 2600 0018",
            "43021101-09-132-6-000018",
        ] {
            assert_eq!(
                code(text).as_deref(),
                Some("43021101091326000018"),
                "{text}"
            );
            assert_eq!(damaged_code(text), None, "{text}");
        }
        for text in ["43021101091326000018", "4302", "4.30211E+19", "无", ""] {
            assert_eq!(code(text), None, "{text}");
        }
    }

    #[test]
    fn a_damaged_code_is_told_as_one() {
        for (text, says) in [
            ("4.30211E+19", "`4.30211E+19` is what a spreadsheet leaves"),
            ("4.3021101441326e19", "format the column as text"),
            ("43021101091326000000", "`43021101091326000000` is what"),
            ("4302110109132600021", "has 19 digits: a code has 20"),
            ("430211010913260000210", "has 21 digits"),
        ] {
            let told = damaged_code(text).unwrap_or_default();
            assert!(told.contains(says), "{text}: {told}");
        }
        for text in ["43021101091326000018", "4302", "无", "E5", "GB-17", ""] {
            assert_eq!(damaged_code(text), None, "{text}");
        }
    }
}
