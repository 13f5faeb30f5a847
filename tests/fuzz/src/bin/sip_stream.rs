//! SIP messages of a TCP connection: `proto::sip::frame_length`. Where a message ends does not depend on
//! how the bytes come.
//!
//! ```text
//! length of the first read (2) | stream
//! ```

#![no_main]

use bytes::Bytes;
use huiju::proto::sip::{Message, frame_length, parse_stream};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((first_read, mut stream)) = data.split_first_chunk::<2>() else {
        return;
    };
    let first_read = usize::from(u16::from_be_bytes(*first_read));
    while let Some(length) = check(stream, first_read) {
        let (frame, rest) = stream.split_at(length);
        if let Ok(message) = parse_stream(&Bytes::copy_from_slice(frame)) {
            check_body(&message);
        }
        stream = rest;
    }
});

/// Returns where the first message ends, after holding the answer against those for parts of the stream.
fn check(stream: &[u8], first_read: usize) -> Option<usize> {
    let whole = frame_length(stream);
    if let Ok(Some(length)) = whole {
        assert!((1..=stream.len()).contains(&length));
        assert_eq!(frame_length(&stream[..length]), whole);
        assert!(!matches!(frame_length(&stream[..length - 1]), Ok(Some(_))));
    }
    let part = frame_length(&stream[..first_read.min(stream.len())]);
    assert!(
        part == Ok(None) || part == whole,
        "{part:?}, then {whole:?}"
    );
    whole.ok().flatten()
}

/// On a connection the body is as long as its length says.
fn check_body(message: &Message) {
    let body = match message {
        Message::Request(request) => &request.body,
        Message::Response(response) => &response.body,
    };
    let length = message.headers().get("Content-Length");
    let length = length.map_or(Ok(0), |length| length.trim().parse());
    assert_eq!(Ok(body.len()), length);
}
