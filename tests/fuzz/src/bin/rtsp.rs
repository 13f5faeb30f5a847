//! What a camera sends on its connection: `proto::rtsp::Reader`. What is read does not depend on how the bytes
//! come, and nothing grows beyond its limits.
//!
//! ```text
//! bytes at a time (1) | stream
//! ```

#![no_main]

use huiju::proto::rtsp::{
    BODY_BYTES_MAX, Base, HEADERS_MAX, Message, ParseError, Reader, SessionHeader,
    parse_interleaved,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((step, stream)) = data.split_first() else {
        return;
    };
    let whole = read(stream, stream.len().max(1));
    let parts = read(stream, usize::from(*step).max(1));
    let common = whole.0.len().min(parts.0.len());
    // Parts may be refused earlier: an unfinished head that is too long, for instance.
    assert_eq!(whole.0[..common], parts.0[..common]);
    assert!(
        parts.1.is_some() || whole == parts,
        "{whole:?}, then {parts:?}"
    );
});

/// The messages, and what ended the reading before the end of the stream.
fn read(stream: &[u8], step: usize) -> (Vec<String>, Option<ParseError>) {
    let (mut reader, mut seen, mut start) = (Reader::default(), Vec::new(), 0);
    for end in (step..stream.len()).step_by(step).chain([stream.len()]) {
        loop {
            match reader.next(&stream[start..end]) {
                Ok(None) => break,
                Ok(Some((message, length))) => {
                    assert!((1..=end - start).contains(&length));
                    check(&message);
                    seen.push(format!("{message:?}"));
                    start += length;
                }
                Err(error) => return (seen, Some(error)),
            }
        }
    }
    (seen, None)
}

fn check(message: &Message<'_>) {
    let headers = match message {
        Message::Packet { bytes, .. } => {
            assert!(bytes.len() <= usize::from(u16::MAX));
            return;
        }
        Message::Response(response) => {
            assert!((100..1000).contains(&response.status));
            assert!(response.body.len() <= BODY_BYTES_MAX);
            &response.headers
        }
        Message::Request(request) => &request.headers,
    };
    assert!(headers.all("CSeq").count() <= HEADERS_MAX);
    let url = Base::of(headers, "rtsp://a/b").control(headers.get("Location"));
    assert!(!url.is_empty());
    for value in headers.all("Session") {
        assert!(SessionHeader::parse(value).is_none_or(|session| !session.id.is_empty()));
    }
    for value in headers.all("Transport") {
        parse_interleaved(value);
    }
}
