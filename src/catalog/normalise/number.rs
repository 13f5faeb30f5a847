//! Numbers with units, and hardware addresses.

/// The number before a unit: `50米` in `["米", "m"]` is `50`.
pub fn measure(text: &str, units: &[&str]) -> Option<String> {
    let lower = text.trim().to_lowercase();
    let mut found = units.iter().filter_map(|unit| lower.strip_suffix(unit));
    let number = found.next()?.trim();
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| number.to_owned())
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
}
