//! The SDP of an INVITE: `proto::sdp::Offer`. What is read of it can be answered, and the answer reads back.

#![no_main]

use huiju::proto::rtp::Ssrc;
use huiju::proto::sdp::{Answer, MediaTransport, Offer};
use huiju_sim::platform::Description;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(offer) = Offer::parse(data) else {
        return;
    };
    let listens = offer.transport == MediaTransport::TcpListen;
    assert!(offer.port != 0 || listens, "port 0");
    assert!(
        offer.payload_type < 128,
        "payload type {}",
        offer.payload_type
    );
    let answer = Answer {
        owner: "43021100002000000002".to_owned(),
        session: offer.session.clone(),
        address: offer.address,
        port: offer.port.max(1),
        transport: offer.transport,
        payload_type: offer.payload_type,
        ssrc: offer.ssrc.unwrap_or(Ssrc(211_000_001)),
    };
    check(&answer);
});

/// The platform of the tests reads the answer, and so do we.
fn check(answer: &Answer) {
    let text = answer.write();
    let read = Description::parse(&text).expect("an answer that reads");
    assert_eq!(
        (read.address.ip(), read.address.port()),
        (answer.address, answer.port)
    );
    assert_eq!(read.payload_types, [answer.payload_type]);
    assert_eq!(read.encoding, "PS/90000");
    assert_eq!(read.ssrc(), Some(answer.ssrc.0));
    let again = Offer::parse(text.as_bytes()).expect("an answer that we read");
    assert_eq!((again.address, again.port), (answer.address, answer.port));
    assert_eq!(
        (again.payload_type, again.ssrc),
        (answer.payload_type, Some(answer.ssrc))
    );
    // Who connects in the answer is who is connected to in the offer.
    assert_eq!(
        again.transport,
        match answer.transport {
            MediaTransport::Udp => MediaTransport::Udp,
            MediaTransport::TcpConnect => MediaTransport::TcpListen,
            MediaTransport::TcpListen => MediaTransport::TcpConnect,
        }
    );
}
