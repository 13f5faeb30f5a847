//! Bytes of a text file: their charset, and whether the text is whole.

use std::borrow::Cow;

use encoding_rs::{Encoding, GB18030, UTF_8, UTF_16BE, UTF_16LE};

use crate::problem::Problem;

/// Text of a file.
#[derive(Debug)]
pub(super) struct Text<'a> {
    pub(super) text: Cow<'a, str>,
    /// The file ends within a character.
    pub(super) is_cut: bool,
    /// Something within it is no character of its charset; it stands as U+FFFD.
    pub(super) is_damaged: bool,
}

/// Decodes UTF-8 with or without BOM, else GB18030.
pub(super) fn decode(bytes: &[u8]) -> Text<'_> {
    let (bytes, has_mark) = match bytes.strip_prefix(b"\xef\xbb\xbf") {
        Some(rest) => (rest, true),
        None => (bytes, false),
    };
    match str::from_utf8(bytes) {
        Ok(text) => Text {
            text: Cow::Borrowed(text),
            is_cut: false,
            is_damaged: false,
        },
        // Only its last character is not whole.
        Err(error) if has_mark || error.error_len().is_none() => decode_as(UTF_8, bytes),
        Err(_) => decode_as(GB18030, bytes),
    }
}

/// As [`decode`], and UTF-16 with BOM, which Excel calls Unicode text.
pub(super) fn decode_any(bytes: &[u8]) -> Text<'_> {
    match bytes {
        [0xff, 0xfe, rest @ ..] => decode_as(UTF_16LE, rest),
        [0xfe, 0xff, rest @ ..] => decode_as(UTF_16BE, rest),
        _ => decode(bytes),
    }
}

fn decode_as<'a>(charset: &'static Encoding, bytes: &'a [u8]) -> Text<'a> {
    let (text, has_errors) = charset.decode_without_bom_handling(bytes);
    let is_cut = has_errors && text.ends_with('\u{fffd}');
    let whole = text.strip_suffix('\u{fffd}').filter(|_| is_cut);
    let is_damaged = has_errors && whole.unwrap_or(&text).contains('\u{fffd}');
    Text {
        text,
        is_cut,
        is_damaged,
    }
}

/// A last line without an end: whoever wrote the file had not finished.
pub(super) fn cut_off(file: &str, text: &str) -> Option<Problem> {
    let is_cut_off = !text.is_empty() && !text.ends_with(['\n', '\r']);
    is_cut_off.then(|| {
        let line = text.lines().count() as u64;
        let message = "the last line has no end: the file is cut off, or needs a line break there";
        Problem::new(file, line, 0, message)
    })
}

/// A quote that opens a field and is never closed takes all rows behind it into that field.
pub(super) fn unclosed_quote(file: &str, text: &str, separator: u8) -> Option<Problem> {
    let (mut line, mut opened_at, mut is_at_start) = (1, None, true);
    for byte in text.bytes() {
        match (byte, opened_at) {
            (b'"', None) if is_at_start => opened_at = Some(line),
            // Two quotes inside a field stand for one: closed and opened again.
            (b'"', Some(_)) => opened_at = None,
            _ => {}
        }
        let is_between = byte == separator || matches!(byte, b'\n' | b'\r' | b'"');
        is_at_start = opened_at.is_none() && is_between;
        line += u64::from(byte == b'\n');
    }
    opened_at.map(|line| Problem::new(file, line, 0, "a quote opens here and is never closed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_ends_within_a_character_keeps_its_charset() {
        let text = "名称,所属部门\n东门,教育局";
        let utf_16 = |mark: [u8; 2], bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
            let units = text.encode_utf16().flat_map(bytes);
            mark.into_iter().chain(units).collect()
        };
        let marked = [b"\xef\xbb\xbf", text.as_bytes()].concat();
        for whole in [
            text.as_bytes().to_vec(),
            marked,
            GB18030.encode(text).0.into_owned(),
            utf_16([0xff, 0xfe], u16::to_le_bytes),
            utf_16([0xfe, 0xff], u16::to_be_bytes),
        ] {
            let read = decode_any(&whole);
            assert_eq!(
                (&*read.text, read.is_cut, read.is_damaged),
                (text, false, false)
            );
            let cut = decode_any(&whole[..whole.len() - 1]);
            assert!(cut.is_cut && !cut.is_damaged, "{cut:?}");
            assert!(cut.text.starts_with("名称,所属部门\n东门,教育"), "{cut:?}");
        }
    }

    #[test]
    fn bytes_that_are_no_character_are_known() {
        let read = decode_any(b"\xef\xbb\xbfname\xff,url\n");
        assert!(read.is_damaged && !read.is_cut);
    }
}
