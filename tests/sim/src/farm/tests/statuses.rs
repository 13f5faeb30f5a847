//! Cameras that refuse, and what cameras count of handshakes.

use super::super::{CameraStats, Challenge, Fault, Misdeed, RequestStats, Step, Target};
use super::*;

#[tokio::test]
async fn any_status_can_answer_any_step() {
    let camera = camera(|settings| settings).await;
    for step in [
        Step::Options,
        Step::Describe,
        Step::Setup,
        Step::Play,
        Step::Teardown,
    ] {
        for code in [
            400, 403, 404, 451, 453, 454, 455, 457, 461, 500, 501, 503, 551,
        ] {
            camera.set_fault(Fault::At(step, Misdeed::Status(code)));
            let mut client = Client::connect(&camera).await;
            client.go_to(step).await;
            assert_eq!(client.answer().await.status, code, "{step:?}");
        }
        camera.clear_faults();
    }
}

#[tokio::test]
async fn a_redirect_leads_where_it_says() {
    let camera = camera(|settings| settings).await;
    let redirect = |target| Fault::At(Step::Describe, Misdeed::Redirect(302, target));
    let mut client = Client::connect(&camera).await;

    camera.set_fault(redirect(Target::SameHost));
    let answer = client.request("DESCRIBE", "").await;
    let moved = format!("{}/moved", camera.url());
    assert_eq!(
        (answer.status, answer.header("Location")),
        (302, Some(&*moved))
    );
    let answer = client
        .request_to("/stream/main/moved", "DESCRIBE", "")
        .await;
    assert_eq!(answer.status, 200);

    camera.set_fault(redirect(Target::Loop));
    let answer = client.request("DESCRIBE", "").await;
    assert_eq!(answer.header("Location"), Some(&*camera.url()));

    camera.set_fault(redirect(Target::Url("http://10.0.0.1/".to_owned())));
    let answer = client.request("DESCRIBE", "").await;
    assert_eq!(answer.header("Location"), Some("http://10.0.0.1/"));
}

#[tokio::test]
async fn a_401_may_challenge_in_many_ways_and_is_counted() {
    let camera = camera(|settings| settings).await;
    let table = [
        (Challenge::Digest, Some("stale=\"FALSE\"")),
        (Challenge::Stale, Some("stale=\"TRUE\"")),
        (Challenge::Basic, Some("Basic realm=")),
        (Challenge::Missing, None),
        (Challenge::UnknownScheme, Some("Vendor realm=")),
        (Challenge::UnknownAlgorithm, Some("algorithm=VENDOR-1")),
    ];
    for (challenge, mark) in table {
        camera.set_fault(Fault::At(Step::Setup, Misdeed::Unauthorized(challenge)));
        let mut client = Client::connect(&camera).await;
        assert_eq!(client.request("DESCRIBE", "").await.status, 200);
        let answer = client.set_up().await;
        assert_eq!(answer.status, 401);
        let header = answer.header("WWW-Authenticate");
        assert_eq!(header.is_some(), mark.is_some());
        assert!(
            mark.is_none_or(|mark| header.unwrap().contains(mark)),
            "{header:?}"
        );
    }
    camera.set_fault(Fault::At(
        Step::Every,
        Misdeed::Unauthorized(Challenge::Digest),
    ));
    let mut client = Client::connect(&camera).await;
    client
        .request("DESCRIBE", "Authorization: Basic AAAA\r\n")
        .await;
    let stats = camera.stats();
    assert_eq!((stats.challenges, stats.wrong_passwords), (6, 1));
}

#[tokio::test]
async fn credentials_may_be_asked_for_at_one_step_only() {
    let (username, password) = ("admin".to_owned(), "secret".to_owned());
    let auth = Auth::Basic { username, password };
    let ask = |settings: CameraSettings| settings.auth(auth).fault(Fault::AuthOnlyAt(Step::Play));
    let camera = camera(ask).await;
    let mut client = Client::connect(&camera).await;
    assert_eq!(client.request("DESCRIBE", "").await.status, 200);
    assert_eq!(client.set_up().await.status, 200);
    assert_eq!(client.request("PLAY", "").await.status, 401);
    let right = "Authorization: Basic YWRtaW46c2VjcmV0\r\n";
    assert_eq!(client.request("PLAY", right).await.status, 200);
}

#[tokio::test]
async fn the_status_of_a_session_too_many_can_be_chosen() {
    let camera = camera(|settings| settings.session_max(0).session_max_status(503)).await;
    assert_eq!(Client::connect(&camera).await.set_up().await.status, 503);
}

#[tokio::test]
async fn handshakes_and_their_maximum_are_counted() {
    let camera = camera(|settings| settings).await;
    let mut first = Client::connect(&camera).await;
    let second = Client::connect(&camera).await;
    let two = |stats: &CameraStats| stats.handshakes == 2;
    camera.wait_for(two, LIMIT).await.unwrap();
    assert_eq!(first.set_up().await.status, 200);
    assert_eq!(first.request("PLAY", "").await.status, 200);
    drop(second);
    let none = |stats: &CameraStats| stats.handshakes == 0 && stats.connections == 1;
    let stats = camera.wait_for(none, LIMIT).await.unwrap();
    assert_eq!((stats.handshakes_max, stats.connections_total), (2, 2));
    let times = camera.connection_times();
    assert_eq!(times.len(), 2);
    assert!(times[0] <= times[1]);
}

#[tokio::test]
async fn requests_are_counted_by_method_and_by_credentials() {
    let camera = camera(|settings| settings).await;
    let mut client = Client::connect(&camera).await;
    client.request("DESCRIBE", "").await;
    client
        .request("DESCRIBE", "Authorization: Basic AAAA\r\n")
        .await;
    client.request("RECORD", "").await;
    let stats = camera.stats();
    let two = RequestStats {
        total: 2,
        authorized: 1,
    };
    let one = RequestStats {
        total: 1,
        authorized: 0,
    };
    assert_eq!(stats.requests_of("DESCRIBE"), two);
    assert_eq!(stats.requests_of("other"), one);
    assert_eq!(stats.requests_of("SETUP"), RequestStats::default());
}
