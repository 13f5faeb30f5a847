//! Numbers with units, and hardware addresses.

/// The number before a unit: `50米` in `["米", "m"]` is `50`.
pub fn measure(text: &str, units: &[&str]) -> Option<String> {
    let lower = text.trim().to_lowercase();
    let mut found = units.iter().filter_map(|unit| lower.strip_suffix(unit));
    let number = found.next()?.trim();
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| number.to_owned())
}

/// The number of `3.00`, as a spreadsheet writes a whole one.
pub fn whole(text: &str) -> Option<String> {
    let (number, zeros) = text.split_once('.')?;
    let is_whole = !number.is_empty()
        && number.bytes().all(|byte| byte.is_ascii_digit())
        && !zeros.is_empty()
        && zeros.bytes().all(|byte| byte == b'0');
    is_whole.then(|| number.to_owned())
}

/// Whether a hardware address is nobody's: zeros or ones only.
pub fn is_nobodys_mac(text: &str) -> bool {
    let digits = mac(text).unwrap_or_else(|| text.to_owned());
    matches!(digits.as_str(), "00:00:00:00:00:00" | "ff:ff:ff:ff:ff:ff")
}

/// Whether text only says that there is none: `无`, `不详`, `-`.
pub fn says_none(text: &str) -> bool {
    let signs = |sign: char| "-—/\\无０0".contains(sign);
    NONE.contains(&text.to_uppercase().as_str()) || !text.is_empty() && text.chars().all(signs)
}

/// A hardware address with colons and in lower case: of `44-19-B6-00-11-22`, `4419.b600.1122`, `4419B6001122`.
pub fn mac(text: &str) -> Option<String> {
    let separators = ['-', '.', ':', ' '];
    let digits: Vec<char> = text
        .trim()
        .chars()
        .filter(|sign| !separators.contains(sign))
        .collect();
    let is_mac = digits.len() == 12 && digits.iter().all(char::is_ascii_hexdigit);
    let bytes = digits.chunks(2).map(|pair| pair.iter().collect::<String>());
    let written = bytes.collect::<Vec<_>>().join(":").to_lowercase();
    (is_mac && written != text).then_some(written)
}

const NONE: [&str; 7] = ["没有", "暂无", "不详", "不清楚", "未知", "N/A", "NONE"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_taken_off() {
        let metres = ["米", "m"];
        for (text, expected) in [("50米", "50"), ("50 M", "50"), ("120m", "120")] {
            assert_eq!(measure(text, &metres).as_deref(), Some(expected), "{text}");
        }
        for text in ["50", "米", "五十米", "-3米", "1.5米"] {
            assert_eq!(measure(text, &metres), None, "{text}");
        }
    }

    #[test]
    fn hardware_addresses_have_one_form() {
        for text in [
            "44-19-B6-00-11-22",
            "4419.b600.1122",
            "4419B6001122",
            "44:19:B6:00:11:22",
        ] {
            assert_eq!(mac(text).as_deref(), Some("44:19:b6:00:11:22"), "{text}");
        }
        for text in ["44:19:b6:00:11:22", "4419B600112", "zz19B6001122", ""] {
            assert_eq!(mac(text), None, "{text}");
        }
    }

    #[test]
    fn a_whole_number_needs_no_point() {
        for (text, expected) in [("1.0", Some("1")), ("3.00", Some("3")), ("90.", None)] {
            assert_eq!(whole(text).as_deref(), expected, "{text}");
        }
        for text in ["1", "1.5", ".0", "-1.0", "1.0.0", ""] {
            assert_eq!(whole(text), None, "{text}");
        }
    }

    #[test]
    fn what_says_that_there_is_none_is_nobodys() {
        for text in ["00:00:00:00:00:00", "00-00-00-00-00-00", "FFFFFFFFFFFF"] {
            assert!(is_nobodys_mac(text), "{text}");
        }
        assert!(!is_nobodys_mac("44:19:b6:00:00:00"));
        for text in ["无", "不详", "n/a", "-", "--", "/", "0"] {
            assert!(says_none(text), "{text}");
        }
        for text in ["无01", "SN0", "", "A-1"] {
            assert!(!says_none(text), "{text}");
        }
    }
}
