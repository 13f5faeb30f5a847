//! An answer of an ONVIF device: `discover::readers`. What is read stays within its limits, every address that it names is
//! the device's own or is not taken, and what is shown of it has no control signs.

#![no_main]

use std::net::IpAddr;

use huiju::catalog::Department;
use huiju::discover::Information;
use huiju::discover::readers::{
    Ask, Element, Media, Namer, Scheme, Services, name_and_hardware, profiles, uri,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let address: IpAddr = [10, 11, 0, 1].into();
    let department = department();
    let namer = Namer {
        address,
        department: &department,
        forbidden: &[],
    };
    check_address(&namer, &String::from_utf8_lossy(data));
    let Ok(message) = Element::parse(data) else {
        return;
    };
    check_limits(&message);
    for ask in [
        Ask::Services,
        Ask::Capabilities,
        Ask::Scopes,
        Ask::Information,
        Ask::Profiles(Media::One),
        Ask::StreamUri(Media::One, "t"),
        Ask::SnapshotUri(Media::Two, "t"),
    ] {
        let Ok(answer) = ask.answer(&message) else {
            continue;
        };
        let services = [
            Services::of_services(answer),
            Services::of_capabilities(answer),
        ];
        for named in services.iter().flat_map(|one| [&one.media, &one.media2]) {
            check_address(&namer, named.as_deref().unwrap_or_default());
        }
        check_address(&namer, uri(answer).unwrap_or_default());
        let (name, hardware) = name_and_hardware(answer);
        let told = Information::of(answer);
        let texts = [
            name,
            hardware,
            told.manufacturer,
            told.model,
            told.firmware,
            told.serial,
        ];
        for text in texts.into_iter().flatten() {
            assert!(is_plain(&text) && text.chars().count() <= 128, "{text:?}");
        }
        let profiles = profiles(answer);
        assert!(profiles.len() <= 256);
        for profile in profiles {
            // It is sent back as it is.
            let question = Ask::StreamUri(Media::Two, &profile.token).message();
            let question = Element::parse(question.as_bytes()).expect("a question that reads");
            let token = question.text_at(&["Body", "GetStreamUri", "ProfileToken"]);
            assert_eq!(token.unwrap_or_default(), profile.token.trim());
        }
    }
});

fn check_address(namer: &Namer<'_>, text: &str) {
    for scheme in [Scheme::Http, Scheme::Rtsp] {
        let mut warnings = Vec::new();
        if let Some(place) = namer.take("stream", text, scheme, &mut warnings) {
            assert_eq!(place.socket.ip(), namer.address);
            assert!(namer.department.ports.contains(&place.socket.port()));
            assert!(is_plain(&place.shown()));
        }
        assert!(
            warnings.iter().all(|warning| is_plain(warning)),
            "{warnings:?}"
        );
    }
}

fn check_limits(root: &Element) {
    let (mut elements, mut depth, mut level) = (0, 0, vec![root]);
    while !level.is_empty() {
        depth += 1;
        elements += level.len();
        level = level.iter().flat_map(|element| &element.children).collect();
    }
    assert!(
        depth <= 24 && elements <= 40_000,
        "{elements} elements, {depth} deep"
    );
}

fn is_plain(text: &str) -> bool {
    !text.contains(|sign: char| sign.is_control())
}

fn department() -> Department {
    Department {
        id: "education".to_owned(),
        name: "education".to_owned(),
        networks: Vec::new(),
        ports: vec![80, 554],
        pull: huiju::catalog::Pull::OnDemand,
        industry: "11".to_owned(),
        network: 6,
        probe_interval: None,
        credentials: std::collections::BTreeMap::new(),
        limits: huiju::catalog::DepartmentLimits::default(),
        shared_with: None,
    }
}
