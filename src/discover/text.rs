//! Texts of a device, made fit for people and files. Pure.

/// Without control signs and blanks around it, and cut: what a device says may be anything.
pub(super) fn clean(text: &str) -> String {
    let signs = text.trim().chars().filter(|sign| !sign.is_control());
    signs.take(SIGNS_MAX).collect::<String>().trim().to_owned()
}

/// As [`clean`], where something is left.
pub(super) fn some(text: &str) -> Option<String> {
    let text = clean(text);
    (!text.is_empty()).then_some(text)
}

const SIGNS_MAX: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_and_has_no_control_signs() {
        assert_eq!(clean(" 东\n门\u{1b}[31m \r\n"), "东门[31m");
        assert_eq!(clean(&"x".repeat(1000)).len(), SIGNS_MAX);
        assert_eq!(some("\u{0} \t"), None);
    }
}
