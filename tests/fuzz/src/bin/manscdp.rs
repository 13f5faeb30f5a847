//! The body of a MESSAGE: `proto::gb28181::Ask`. What is read stays within its limits, and its answer
//! reads back, by the simulated platform too.

#![no_main]

use huiju::proto::gb28181::answer::{DeviceInfo, device_info, error, no_records};
use huiju::proto::gb28181::{Ask, AskKind, Charset};
use huiju_sim::platform::manscdp;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(ask) = Ask::parse(data) else {
        return;
    };
    // The type of an element cannot be named from here, so that no function can walk it.
    let (mut elements, mut level) = (0, vec![&ask.element]);
    let mut depth = 0;
    while !level.is_empty() {
        depth += 1;
        elements += level.len();
        level = level.iter().flat_map(|element| &element.children).collect();
    }
    assert!(
        depth <= 8 && elements <= 4096,
        "{elements} elements, {depth} deep"
    );
    for field in [&ask.command, &ask.number, &ask.device] {
        assert!(!field.is_empty() && field.len() <= 64);
    }
    let is_plain = |field: &String| !field.contains(|c: char| c.is_control() || c >= '\u{fffe}');
    if [&ask.command, &ask.number, &ask.device]
        .into_iter()
        .all(is_plain)
    {
        check_answers(&ask);
    }
});

fn check_answers(ask: &Ask) {
    let info = DeviceInfo {
        name: &ask.command,
        manufacturer: "m",
        model: &ask.device,
        firmware: "1",
        channels: 1,
    };
    for charset in [Charset::Utf8, Charset::Gb2312] {
        for answer in [
            device_info(ask, &info, charset),
            error(ask, charset),
            no_records(ask, charset),
        ] {
            let text = manscdp::decode(&answer).expect("an answer in its charset");
            let root = manscdp::parse(&text).expect("an answer that is well formed");
            let read = ["CmdType", "SN", "DeviceID"].map(|name| root.text_of(name));
            assert_eq!(read, [&ask.command, &ask.number, &ask.device]);
        }
    }
    let again = Ask::parse(&error(ask, Charset::Utf8)).expect("an answer that we read");
    assert_eq!(again.kind, AskKind::Response);
    assert_eq!((&again.command, &again.number), (&ask.command, &ask.number));
}
