//! Odd challenges and odd grants of a registration.

use super::super::sip::digest;
use super::*;

/// A platform with these faults and its first 401.
async fn challenged(challenge: Challenging) -> (Platform, Lower, Message) {
    let settings = Settings {
        faults: Faults {
            challenge,
            ..Faults::default()
        },
        ..quiet()
    };
    let (platform, mut lower) = world(settings).await;
    let register = lower.request("REGISTER").with("Expires", "3600");
    let answer = lower.ask(&register).await;
    assert_eq!(answer.code(), 401);
    (platform, lower, answer)
}

/// Answers a 401, and says what comes.
async fn authorised(lower: &mut Lower, challenge: &Message, nc: &str) -> Message {
    let header = challenge.header("WWW-Authenticate").unwrap();
    let algorithm = if header.contains("SHA-256") {
        Algorithm::Sha256
    } else {
        Algorithm::Md5
    };
    let authorization = lower.authorization_nc(challenge, ("12345678", nc), algorithm);
    let request = lower
        .request("REGISTER")
        .with("Expires", "3600")
        .with("Authorization", authorization);
    lower.ask(&request).await
}

#[tokio::test]
async fn odd_challenges_that_can_be_answered_are_answered() {
    for (oddity, has, lacks) in [
        (Challenging::WithoutQop, "realm=\"4302110000\"", "qop"),
        (Challenging::Qop, "qop=\"auth\"", "auth-int"),
        (Challenging::QopBoth, "qop=\"auth,auth-int\"", "stale"),
        (Challenging::Sha256, "algorithm=SHA-256", "MD5"),
        (Challenging::WithoutRealm, "nonce=", "realm"),
        (Challenging::FreshNonces, "algorithm=MD5", "stale"),
    ] {
        let (platform, mut lower, challenge) = challenged(oddity).await;
        let header = challenge.header("WWW-Authenticate").unwrap();
        assert!(
            header.contains(has) && !header.contains(lacks),
            "{oddity:?}: {header}"
        );
        let answer = authorised(&mut lower, &challenge, "00000001").await;
        assert_eq!(answer.code(), 200, "{oddity:?}");
        assert_eq!(platform.violations(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn an_answer_that_no_one_may_give_is_held_against_it() {
    for (oddity, has, expected) in [
        (
            Challenging::UnknownAlgorithm,
            "algorithm=SM3",
            "nobody knows",
        ),
        (
            Challenging::ForeignRealm,
            "realm=\"9999990000\"",
            "somebody else",
        ),
    ] {
        let (platform, mut lower, challenge) = challenged(oddity).await;
        assert!(challenge.header("WWW-Authenticate").unwrap().contains(has));
        let answer = authorised(&mut lower, &challenge, "00000001").await;
        assert_eq!(answer.code(), 401);
        assert!(platform.violations()[0].contains(expected));
    }
}

#[tokio::test]
async fn a_challenge_may_come_again_for_ever() {
    for (oddity, stale) in [
        (Challenging::StaleForEver, true),
        (Challenging::ForEver, false),
    ] {
        let (platform, mut lower, mut challenge) = challenged(oddity).await;
        let mut nonces = std::collections::HashSet::new();
        for _ in 0..4 {
            let header = challenge.header("WWW-Authenticate").unwrap();
            assert_eq!(header.contains("stale=true"), stale);
            assert!(nonces.insert(digest::parse(header).unwrap()["nonce"].clone()));
            challenge = authorised(&mut lower, &challenge, "00000001").await;
            assert_eq!(challenge.code(), 401);
        }
        assert_eq!(platform.violations(), Vec::<String>::new());
        // The answer with a wrong password is told from the right one all the same.
        let wrong = lower.authorization(&challenge, "wrong", Algorithm::Md5);
        let request = lower.request("REGISTER").with("Expires", "60");
        let request = request.with("Authorization", wrong);
        assert_eq!(lower.ask(&request).await.code(), 403);
    }
}

#[tokio::test]
async fn fresh_nonces_challenge_a_refresh_and_one_nonce_serves_them_all() {
    let (_platform, mut lower, challenge) = challenged(Challenging::FreshNonces).await;
    assert_eq!(
        authorised(&mut lower, &challenge, "00000001").await.code(),
        200
    );
    let again = authorised(&mut lower, &challenge, "00000002").await;
    assert_eq!(again.code(), 401);
    assert_eq!(authorised(&mut lower, &again, "00000001").await.code(), 200);

    let (platform, mut lower, challenge) = challenged(Challenging::OneNonce).await;
    for nc in ["00000001", "00000002"] {
        assert_eq!(authorised(&mut lower, &challenge, nc).await.code(), 200);
    }
    let bare = lower.request("REGISTER").with("Expires", "3600");
    assert_eq!(
        lower.ask(&bare).await.header("WWW-Authenticate"),
        challenge.header("WWW-Authenticate")
    );
    assert_eq!(platform.violations(), Vec::<String>::new());
    assert_eq!(
        authorised(&mut lower, &challenge, "00000002").await.code(),
        403
    );
    assert!(platform.violations()[0].contains("nc 00000002"));
}

#[tokio::test]
async fn a_401_that_is_scripted_has_a_challenge_too() {
    let (platform, mut lower) = world(quiet()).await;
    lower.register("12345678", Algorithm::Md5).await;
    platform.answer_next(Step::Register, Answer::Status(401), 1);
    let refresh = lower.request("REGISTER").with("Expires", "3600");
    let challenge = lower.ask(&refresh).await;
    assert_eq!(challenge.code(), 401);
    assert_eq!(
        authorised(&mut lower, &challenge, "00000001").await.code(),
        200
    );
}

#[tokio::test]
async fn the_grant_of_a_registration_may_be_odd() {
    let (platform, mut lower) = world(quiet()).await;
    lower.register("12345678", Algorithm::Md5).await;
    for (grant, said) in [
        (Grant::Missing, None),
        (Grant::Text("99999999999"), Some("99999999999")),
        (Grant::Seconds(u32::MAX), Some("4294967295")),
        (Grant::Seconds(0), Some("0")),
    ] {
        platform.set_faults(|faults| {
            faults.grant = grant;
            faults.no_date = true;
        });
        let refresh = lower.request("REGISTER").with("Expires", "3600");
        let answer = lower.ask(&refresh).await;
        assert_eq!((answer.code(), answer.header("Expires")), (200, said));
        assert_eq!(answer.header("Date"), None);
        let is_registered = platform.registered(Duration::ZERO).await.is_ok();
        assert_eq!(is_registered, said != Some("0"), "{grant:?}");
    }
}

#[tokio::test]
async fn a_tiny_grant_ends_by_itself() {
    let (platform, mut lower) = world(quiet()).await;
    platform.set_faults(|faults| faults.grant = Grant::Seconds(1));
    let answer = lower.register("12345678", Algorithm::Md5).await;
    assert_eq!(answer.header("Expires"), Some("1"));
    platform.registered(Duration::ZERO).await.unwrap();
    platform.unregistered(LIMIT).await.unwrap();
}

#[tokio::test]
async fn a_registration_may_be_sent_elsewhere() {
    let (platform, mut lower) = world(quiet()).await;
    let elsewhere: SocketAddr = "127.0.0.9:5090".parse().unwrap();
    platform.answer_next(Step::Register, Answer::Redirect(elsewhere), 1);
    let request = lower.request("REGISTER").with("Expires", "3600");
    let answer = lower.ask(&request).await;
    assert_eq!(answer.code(), 302);
    assert_eq!(
        answer.header("Contact"),
        Some("<sip:43021100002000000001@127.0.0.9:5090>")
    );
    let answer = lower.register("12345678", Algorithm::Md5).await;
    assert_eq!(answer.code(), 200);
}
