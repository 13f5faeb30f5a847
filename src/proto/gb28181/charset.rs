//! The charset of a body: the prolog names it, and the field does not always keep its word.

use std::borrow::Cow;

use encoding_rs::GB18030;

/// How bodies towards a platform are written.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Charset {
    /// GB18030 bytes under the label GB2312, which they extend: every character can be written.
    #[default]
    Gb2312,
    /// UTF-8.
    Utf8,
}

impl Charset {
    /// The label in the prolog.
    pub fn label(self) -> &'static str {
        match self {
            Self::Gb2312 => "GB2312",
            Self::Utf8 => "UTF-8",
        }
    }

    /// Writes text.
    pub fn encode(self, text: &str) -> Cow<'_, [u8]> {
        match self {
            Self::Gb2312 => GB18030.encode(text).0,
            Self::Utf8 => Cow::Borrowed(text.as_bytes()),
        }
    }

    /// Reads a body: as its prolog says when that fits, else as UTF-8, else as GB18030.
    pub fn decode(body: &[u8]) -> Cow<'_, str> {
        let says_gb = prolog(body).is_some_and(|prolog| {
            let prolog = prolog.to_ascii_lowercase();
            ["gb2312", "gbk", "gb18030"]
                .iter()
                .any(|name| prolog.contains(name))
        });
        // Chinese in UTF-8 under a GB2312 prolog is common; real GB text is almost never valid UTF-8.
        match str::from_utf8(body) {
            Ok(text) if !says_gb || !text.is_ascii() => Cow::Borrowed(text),
            _ => GB18030.decode_without_bom_handling(body).0,
        }
    }
}

fn prolog(body: &[u8]) -> Option<String> {
    let start = body.iter().position(|byte| *byte == b'<')?;
    let end = body.iter().position(|byte| *byte == b'>')?;
    let prolog = body
        .get(start..end)
        .filter(|prolog| prolog.starts_with(b"<?xml"))?;
    Some(String::from_utf8_lossy(prolog).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_prolog_says_and_what_is_there_are_both_taken() {
        let name = "<Name>天元小学东门</Name>";
        let gb = "<?xml version=\"1.0\" encoding=\"GB2312\"?>";
        let utf8 = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>";
        for (prolog, bytes) in [
            (gb, GB18030.encode(name).0),
            (utf8, name.as_bytes().into()),
            (gb, name.as_bytes().into()),
            ("", GB18030.encode(name).0),
            ("", name.as_bytes().into()),
        ] {
            let body = [prolog.as_bytes(), &bytes].concat();
            assert_eq!(Charset::decode(&body), format!("{prolog}{name}"));
        }
    }

    #[test]
    fn a_character_outside_gb2312_is_written() {
        let bytes = Charset::Gb2312.encode("㐀镕");
        assert_eq!(Charset::decode(&bytes), "㐀镕");
    }
}
