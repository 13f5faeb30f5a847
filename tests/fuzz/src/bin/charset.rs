//! Bytes in GB 18030, in UTF-8, or said to be: `proto::gb28181::Charset`. Text comes back as it was written.

#![no_main]

use huiju::proto::gb28181::Charset;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let text = Charset::decode(data);
    assert!(text.len() <= 3 * data.len());
    for charset in [Charset::Utf8, Charset::Gb2312] {
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"{}\"?>{text}",
            charset.label()
        );
        let bytes = charset.encode(&body);
        // Text in GB 18030 whose bytes happen to be UTF-8 is read as such: the field mislabels more often.
        let is_ambiguous =
            charset == Charset::Gb2312 && !bytes.is_ascii() && str::from_utf8(&bytes).is_ok();
        if !is_ambiguous && !body.contains(is_lossy) {
            assert_eq!(Charset::decode(&bytes), body);
        }
    }
});

/// The one character that GB 18030 of the WHATWG cannot write, and those of private use that it maps twice.
fn is_lossy(character: char) -> bool {
    ('\u{e000}'..='\u{f8ff}').contains(&character)
}
