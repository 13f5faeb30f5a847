//! Answers to REGISTER: `proto::gb28181::Registration`. Whatever a platform says, it is asked again in
//! time, not in a storm, and the password answers its realm only.

#![no_main]

use std::time::{Duration, Instant};

use huiju::proto::gb28181::{Outcome, Registration};
use huiju::proto::sip::{Credentials, Method, Request, Response};
use huiju_fuzz::Input;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let mut now = start();
    let mut registration = Registration::new(Duration::from_secs(3600), REALM, now);
    let mut agains = 0;
    while !input.is_empty() {
        let step = input.byte();
        let jitter = f64::from(input.byte()) / 255.0;
        let outcome = match step % 8 {
            0 => {
                registration.handle_loss(now, jitter);
                continue;
            }
            1 => {
                registration.handle_known();
                continue;
            }
            2 => registration.handle_silence(now, jitter),
            _ => {
                now = registration.poll_timeout().unwrap_or(now);
                agains *= u8::from(!registration.handle_timeout(now));
                registration.handle_response(now, &response(step, &mut input), jitter)
            }
        };
        if outcome == Outcome::Again {
            agains += 1;
            assert!(agains <= 3, "a platform is answered for ever");
        } else {
            check_wait(&registration, now);
        }
        check_realm(&mut registration);
    }
});

fn check_wait(registration: &Registration, now: Instant) {
    let due = registration
        .poll_timeout()
        .expect("the next try has a time");
    let wait = due.duration_since(now);
    assert!(wait >= Duration::from_secs(1), "a storm: {wait:?}");
    assert!(wait <= Duration::from_secs(86_400), "never again: {wait:?}");
}

fn check_realm(registration: &mut Registration) {
    let credentials = Credentials {
        username: "u",
        password: "p",
    };
    if let Some(answer) = registration.authorization(credentials, "sip:x", "cn") {
        assert!(answer.contains(&format!("realm=\"{REALM}\"")), "{answer}");
    }
}

fn response(step: u8, input: &mut Input<'_>) -> Response {
    let code = [401, 407, 200, 403, 404, 302, 503, 299][usize::from(step / 8) % 8];
    let mut response = Request::new(Method::Register, "sip:x").answer(code, "t");
    for _ in 0..input.index(4) {
        let name = [
            "WWW-Authenticate",
            "Contact",
            "Expires",
            "Proxy-Authenticate",
        ];
        let name = name[input.index(4)];
        response = response.with(name, input.text());
    }
    response
}

const REALM: &str = "4302110000";

#[expect(clippy::disallowed_methods, reason = "any instant will do")]
fn start() -> Instant {
    Instant::now()
}
