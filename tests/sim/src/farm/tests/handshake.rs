//! Cameras that do not answer as they should.

use super::super::{Fault, Misdeed, Step};
use super::client::{Client, End};
use super::*;

/// The steps at which something can go wrong.
const STEPS: [Step; 7] = [
    Step::Accept,
    Step::Options,
    Step::Describe,
    Step::Setup,
    Step::Play,
    Step::Keepalive,
    Step::Teardown,
];

async fn faulty(step: Step, misdeed: Misdeed) -> CameraHandle {
    camera(|settings| settings.fault(Fault::At(step, misdeed))).await
}

#[tokio::test]
async fn a_silent_step_is_not_answered_and_others_are() {
    for step in &STEPS[1..] {
        let camera = faulty(*step, Misdeed::Silence).await;
        let mut client = Client::connect(&camera).await;
        client.go_to(*step).await;
        // The next answer is to what is asked after it.
        let answer = client.request("PAUSE", "").await;
        let asked = if *step < Step::Play { "2" } else { "3" };
        assert_eq!(answer.header("CSeq"), Some(asked), "{step:?}");
    }
}

#[tokio::test]
async fn a_camera_may_accept_and_answer_nothing_till_its_faults_are_cleared() {
    let camera = faulty(Step::Accept, Misdeed::Silence).await;
    let mut client = Client::connect(&camera).await;
    client.go_to(Step::Describe).await;
    let asked = |stats: &super::super::CameraStats| stats.requests_of("DESCRIBE").total == 1;
    camera.wait_for(asked, LIMIT).await.unwrap();
    camera.clear_faults();
    let answer = client.request("OPTIONS", "").await;
    assert_eq!(answer.header("CSeq"), Some("2"));
}

#[tokio::test]
async fn a_connection_can_end_at_each_step() {
    for step in STEPS {
        for (misdeed, expected) in [(Misdeed::Close, End::Closed), (Misdeed::Reset, End::Reset)] {
            let camera = faulty(step, misdeed).await;
            let mut client = Client::connect(&camera).await;
            client.go_to(step).await;
            assert_eq!(
                client.read_raw(1).await,
                (vec![], Some(expected)),
                "{step:?}"
            );
            let ended = |stats: &super::super::CameraStats| stats.connections == 0;
            let stats = camera.wait_for(ended, LIMIT).await.unwrap();
            assert_eq!((stats.sessions, stats.handshakes), (0, 0));
        }
    }
}

#[tokio::test]
async fn half_an_answer_is_the_first_half_of_the_sound_one() {
    let camera = camera(|settings| settings).await;
    let sound = Client::connect(&camera).await.request("DESCRIBE", "").await;
    let sound = [sound.head.as_bytes(), &sound.body].concat();
    camera.set_fault(Fault::At(Step::Describe, Misdeed::HalfThenClose));
    let mut client = Client::connect(&camera).await;
    client.go_to(Step::Describe).await;
    let (half, end) = client.read_raw(usize::MAX).await;
    assert_eq!(half, sound[..sound.len() / 2]);
    assert_eq!(end, Some(End::Closed));
}

#[tokio::test]
async fn after_half_an_answer_nothing_is_answered_for_good() {
    let camera = faulty(Step::Describe, Misdeed::HalfThenSilence).await;
    let mut client = Client::connect(&camera).await;
    client.go_to(Step::Describe).await;
    let (half, _) = client.read_raw(50).await;
    client.go_to(Step::Options).await;
    let asked = |stats: &super::super::CameraStats| stats.requests_of("OPTIONS").total == 1;
    camera.wait_for(asked, LIMIT).await.unwrap();
    camera.kill().await;
    let (rest, _) = client.read_raw(usize::MAX).await;
    let all = String::from_utf8([half, rest].concat()).unwrap();
    assert_eq!(all.matches("RTSP/1.0").count(), 1);
}

#[tokio::test]
async fn an_answer_may_have_no_end() {
    for (misdeed, mark) in [
        (Misdeed::EndlessBody, "Content-Length: 1000000000\r\n\r\n"),
        (Misdeed::EndlessHead, "X-Endless: aaa"),
    ] {
        let camera = faulty(Step::Describe, misdeed).await;
        let mut client = Client::connect(&camera).await;
        client.go_to(Step::Describe).await;
        let (bytes, end) = client.read_raw(1 << 20).await;
        assert!(String::from_utf8(bytes).unwrap().contains(mark));
        assert_eq!(end, None);
        drop(client);
        let ended = |stats: &super::super::CameraStats| stats.connections == 0;
        let stats = camera.wait_for(ended, LIMIT).await.unwrap();
        assert!(stats.bytes_flooded >= (1 << 20) - 1024);
    }
}

#[tokio::test]
async fn an_answer_may_be_huge() {
    let camera = faulty(Step::Describe, Misdeed::LongLine(1_000_000)).await;
    let answer = Client::connect(&camera).await.request("DESCRIBE", "").await;
    assert!(answer.body.len() > 1_000_000);

    camera.set_fault(Fault::At(Step::Describe, Misdeed::Headers(100_000)));
    let answer = Client::connect(&camera).await.request("DESCRIBE", "").await;
    assert_eq!(answer.head.matches("X-Filler").count(), 100_000);
    assert!(answer.head.starts_with("RTSP/1.0 200 OK\r\nX-Filler"));
}

#[tokio::test]
async fn what_is_sent_may_be_no_rtsp() {
    let camera = faulty(Step::Describe, Misdeed::Garbage).await;
    let mut client = Client::connect(&camera).await;
    client.go_to(Step::Describe).await;
    assert!(client.read_raw(1).await.0.starts_with(b"\x16\x03"));

    for step in [Step::Accept, Step::Describe] {
        let camera = faulty(step, Misdeed::Http).await;
        let mut client = Client::connect(&camera).await;
        client.go_to(step).await;
        assert!(client.read_raw(1).await.0.starts_with(b"HTTP/1.1 400"));
    }
}

#[tokio::test]
async fn an_answer_may_come_late_and_is_sound_then() {
    let delay = Duration::from_millis(200);
    for step in [Step::Accept, Step::Describe, Step::Every] {
        let camera = faulty(step, Misdeed::Delay(delay)).await;
        let mut client = Client::connect(&camera).await;
        assert_eq!(client.request("DESCRIBE", "").await.status, 200);
        assert!(client.elapsed() >= delay);
    }
    let camera = faulty(Step::Options, Misdeed::Trickle(Duration::from_millis(1))).await;
    let mut client = Client::connect(&camera).await;
    let answer = client.request("OPTIONS", "").await;
    assert!(client.elapsed() >= Duration::from_millis(answer.head.len() as u64 - 1));
}

#[tokio::test]
async fn a_client_that_leaves_a_thinking_camera_is_noticed_at_once() {
    let camera = faulty(Step::Describe, Misdeed::Delay(Duration::from_secs(3600))).await;
    let mut client = Client::connect(&camera).await;
    client.go_to(Step::Describe).await;
    let waits = |stats: &super::super::CameraStats| stats.requests_of("DESCRIBE").total == 1;
    camera.wait_for(waits, LIMIT).await.unwrap();
    drop(client);
    let ended = |stats: &super::super::CameraStats| stats.connections == 0;
    camera.wait_for(ended, LIMIT).await.unwrap();
}

#[tokio::test]
async fn slices_change_nothing_but_the_pieces() {
    let camera = camera(|settings| settings.fault(Fault::Slices(1))).await;
    let whole = Client::connect(&camera).await.request("OPTIONS", "").await;
    let mut client = Client::connect(&camera).await;
    client.go_to(Step::Options).await;
    let (piece, _) = client.read_raw(1).await;
    assert!(piece.len() < whole.head.len(), "{}", piece.len());
    let mut client = Client::playing(&camera).await;
    let sequence = client.media().await;
    assert_eq!(client.media().await, sequence.wrapping_add(1));
}
