//! A SIP message of a datagram: `proto::sip::parse_datagram`. What is read is written as it was read.

#![no_main]

use bytes::Bytes;
use huiju::proto::sip::{BODY_BYTES_MAX, Challenge, HEADERS_MAX, Message, Request, parse_datagram};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(message) = parse_datagram(&Bytes::copy_from_slice(data)) else {
        return;
    };
    assert!(
        message.headers().len() <= HEADERS_MAX,
        "{} headers",
        message.headers().len()
    );
    assert!(body(&message).len() <= BODY_BYTES_MAX);
    let needs_length = message.headers().get("Content-Length").is_none();
    if needs_length && message.headers().len() == HEADERS_MAX {
        return; // What we write has its length too: one line more than may be read.
    }
    let written = message.to_bytes();
    let again = parse_datagram(&written).expect("what we write we read");
    assert_eq!(again.to_bytes(), written);
    assert_eq!(body(&again), body(&message));
    assert_eq!(again.headers().call_id(), message.headers().call_id());
    assert_eq!(again.headers().cseq(), message.headers().cseq());
    assert_eq!(again.headers().via(), message.headers().via());
    assert_eq!(again.headers().from(), message.headers().from());
    match &message {
        Message::Request(request) => check_answer(request),
        Message::Response(response) => {
            let _ = Challenge::of(response);
        }
    }
});

/// An answer finds its way back: what names the transaction is repeated, and To has a tag.
fn check_answer(request: &Request) {
    if let Some(user) = request.uri_user() {
        assert!(request.uri.contains(user));
    }
    let via = request.headers.via().expect("a Via that was read");
    assert!(via.sent_by.starts_with(via.host_and_port().0));
    for code in [100, 200, 486] {
        let answer = request.answer(code, "ours");
        let read = parse_datagram(&answer.to_bytes()).expect("an answer that reads");
        assert_eq!(read.headers().cseq(), request.headers.cseq());
        assert_eq!(read.headers().call_id(), request.headers.call_id());
        assert_eq!(read.headers().via(), request.headers.via());
        assert_eq!(read.headers().from(), request.headers.from());
        let has_tag = read.headers().to().is_some_and(|to| to.tag.is_some());
        assert!(has_tag || code == 100, "no tag");
        assert!(matches!(read, Message::Response(response) if response.code == code));
    }
}

fn body(message: &Message) -> &Bytes {
    match message {
        Message::Request(request) => &request.body,
        Message::Response(response) => &response.body,
    }
}
