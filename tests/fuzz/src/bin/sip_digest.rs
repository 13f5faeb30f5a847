//! Challenges of a platform: `proto::sip::Challenge`. What is answered is held against the simulated
//! platform's own computation.
//!
//! ```text
//! 0 | the value of WWW-Authenticate        or        1… | parts of a challenge
//! ```

#![no_main]

use huiju::proto::sip::{Challenge, Credentials};
use huiju_fuzz::Input;
use huiju_sim::platform::sip::digest;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    if input.index(2) > 0 {
        check_answer(input);
        return;
    }
    let text = String::from_utf8_lossy(input.rest());
    let Some(mut challenge) = Challenge::parse(&text) else {
        return;
    };
    let answer = challenge.answer(CREDENTIALS, "REGISTER", "sip:x", "cn");
    assert!(answer.starts_with("Digest username=\"user\", realm=\""));
});

fn check_answer(mut input: Input<'_>) {
    let choice = input.byte();
    let challenge = digest::Challenge {
        realm: clean(&input.text()),
        nonce: clean(&input.text()),
        algorithm: [digest::Algorithm::Md5, digest::Algorithm::Sha256][usize::from(choice & 1)],
        qop: choice & 2 != 0,
    };
    let mut header = challenge.to_header();
    if choice & 4 != 0 {
        header += &format!(" ,\topaque = \"{}\" , stale = FALSE", clean(&input.text()));
    }
    let mut ours = Challenge::parse(&header).expect("a challenge that reads");
    for _ in 0..2 {
        let answer = ours.answer(CREDENTIALS, "REGISTER", "sip:4302110000", "cn");
        let verdict = challenge.verify(&answer, "REGISTER", "user", CREDENTIALS.password);
        assert_eq!(verdict, Ok(()), "{header} was answered {answer}");
    }
}

/// Text that may stand in quotes; blanks around it are nobody's.
fn clean(text: &str) -> String {
    let text = text.replace(|c: char| c.is_control() || c == '"' || c == '\\', "");
    text.trim().to_owned()
}

const CREDENTIALS: Credentials<'_> = Credentials {
    username: "user",
    password: "correct horse",
};
