//! Signs of double width, and signs that nobody sees.

/// Text without signs that show nothing (controls, zero-width signs, marks of direction) and with plain blanks; letters
/// and digits of double width become plain ones. Chinese text and its punctuation stay bit for bit.
pub fn visible(text: &str) -> String {
    let signs = text.chars().filter(|sign| !is_invisible(*sign));
    let text: String = signs
        .map(|sign| match sign {
            '\u{ff10}'..='\u{ff19}' | '\u{ff21}'..='\u{ff3a}' | '\u{ff41}'..='\u{ff5a}' => {
                plain(sign)
            }
            sign if sign.is_whitespace() => ' ',
            sign => sign,
        })
        .collect();
    text.trim().to_owned()
}

/// As [`visible`], with punctuation of double width made plain too: for what a machine reads.
pub fn narrow(text: &str) -> String {
    let signs = text.chars().filter(|sign| !is_invisible(*sign));
    let text: String = signs
        .map(|sign| match sign {
            '\u{ff01}'..='\u{ff5e}' => plain(sign),
            '。' => '.',
            sign if sign.is_whitespace() => ' ',
            sign => sign,
        })
        .collect();
    text.trim().to_owned()
}

/// The ASCII sign that a sign of double width looks like.
fn plain(sign: char) -> char {
    char::from_u32(u32::from(sign) - 0xfee0).unwrap_or(sign)
}

fn is_invisible(sign: char) -> bool {
    let shows_nothing = matches!(
        sign,
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
    );
    shows_nothing || sign.is_control() && !sign.is_whitespace()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_punctuation_and_lose_what_nobody_sees() {
        for (text, expected) in [
            ("天元小学（东门）", "天元小学（东门）"),
            ("　１号楼Ａ座　", "1号楼A座"),
            ("东\u{200b}门\u{202e}", "东门"),
            ("a\0b", "ab"),
            ("第一\t机房\u{a0}", "第一 机房"),
        ] {
            assert_eq!(visible(text), expected, "{text:?}");
        }
    }

    #[test]
    fn what_a_machine_reads_is_plain() {
        for (text, expected) in [
            ("１１３．０８６８", "113.0868"),
            ("rtsp：／／10.0.0.1／1", "rtsp://10.0.0.1/1"),
            ("10。11。0。1", "10.11.0.1"),
        ] {
            assert_eq!(narrow(text), expected, "{text:?}");
        }
    }
}
