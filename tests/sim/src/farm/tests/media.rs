//! Media that do not flow as they should, as they are on the wire.

use super::super::{CameraStats, Damage, Ending, Fault, Insertion, ReportClock};
use super::client::{Client, End};
use super::*;

async fn faulty(fault: Fault) -> CameraHandle {
    camera(|settings| settings.fault(fault)).await
}

#[tokio::test]
async fn a_play_may_bring_no_media() {
    let camera = faulty(Fault::Stall {
        after_frames: 0,
        resumes_after: None,
    })
    .await;
    let mut client = Client::playing(&camera).await;
    // Frames come each 50 ms otherwise.
    while client.elapsed() < Duration::from_millis(200) {
        assert_eq!(client.request("GET_PARAMETER", "").await.status, 200);
    }
    assert_eq!(camera.stats().video.packets, 0);
    camera.clear_faults();
    client.media().await;
}

#[tokio::test]
async fn media_may_stall_after_some_frames_and_resume() {
    let pause = Duration::from_millis(400);
    let stall = Fault::Stall {
        after_frames: 3,
        resumes_after: Some(pause),
    };
    let camera = faulty(stall).await;
    let mut client = Client::playing(&camera).await;
    let mut timestamps = Vec::new();
    for _ in 0..4 {
        let packet = client.packet(Client::RTP_CHANNEL).await;
        timestamps.push(u32::from_be_bytes([
            packet[4], packet[5], packet[6], packet[7],
        ]));
    }
    let steps: Vec<u32> = timestamps
        .windows(2)
        .map(|pair| pair[1].wrapping_sub(pair[0]))
        .collect();
    assert_eq!(steps[..2], [4500, 4500]);
    // What was due in the pause is left out, not sent late.
    assert!(steps[2] >= 90 * 400, "{steps:?}");
}

#[tokio::test]
async fn a_camera_in_slow_motion_sends_its_frames_later() {
    let camera = camera(|settings| settings.slow_motion(4)).await;
    let mut client = Client::playing(&camera).await;
    client.media().await;
    let first = client.elapsed();
    client.media().await;
    // Frames come each 50 ms otherwise.
    let took = client.elapsed() - first;
    assert!(took >= Duration::from_millis(150), "{took:?}");
}

#[tokio::test]
async fn a_camera_with_a_beat_begins_on_it_and_not_when_it_is_asked() {
    let before = tokio::time::Instant::now();
    let phase = Duration::from_millis(300);
    let camera = camera(|settings| settings.beat(10 * phase, phase)).await;
    let mut client = Client::playing(&camera).await;
    client.media().await;
    let after_start = before.elapsed();
    assert!(after_start >= phase, "{after_start:?}");
    client.media().await;
    // Frames go on each 50 ms, not with the beat.
    assert!(before.elapsed() - after_start < phase * 9);
}

#[tokio::test]
async fn packets_may_be_lost() {
    let camera = faulty(Fault::Loss(500)).await;
    let mut client = Client::playing(&camera).await;
    let sequence = client.media().await;
    loop {
        let lost = |stats: &CameraStats| stats.packets_dropped > 2;
        if client.media().await.wrapping_sub(sequence) > 2 {
            camera.wait_for(lost, LIMIT).await.unwrap();
            return;
        }
    }
}

#[tokio::test]
async fn a_fault_reaches_a_session_that_plays() {
    let camera = camera(|settings| settings).await;
    let mut client = Client::playing(&camera).await;
    client.media().await;
    camera.set_fault(Fault::Channel(40));
    client.packet(40).await;
    camera.set_fault(Fault::Damage {
        how: Damage::EmptyPayload,
        every: 1,
    });
    while client.packet(40).await.len() > 12 {}
    assert!(camera.stats().packets_damaged > 0);
    camera.clear_faults();
    assert_eq!(client.packet(Client::RTP_CHANNEL).await.len(), 12 + 100);
}

#[tokio::test]
async fn pieces_that_are_no_packets_come_between_frames() {
    let zeros = |bytes: usize| vec![0; bytes];
    let table = [
        (Insertion::Garbage(500), vec![0xfe; 500]),
        (Insertion::EmptyFrame, b"$\x06\0\0".to_vec()),
        (
            Insertion::OversizedFrame,
            [b"$\x06\xff\xff".to_vec(), zeros(65_535)].concat(),
        ),
        (
            Insertion::ShortFrame,
            [b"$\x06\x04\x4c".to_vec(), zeros(100), b"$".to_vec()].concat(),
        ),
        (
            Insertion::UnknownChannel,
            [b"$\xc9\0\x64".to_vec(), zeros(100)].concat(),
        ),
        (
            Insertion::Request,
            b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n".to_vec(),
        ),
        (
            Insertion::Answer,
            b"RTSP/1.0 200 OK\r\nCSeq: 1048576\r\n\r\n".to_vec(),
        ),
    ];
    for (what, expected) in table {
        let camera = faulty(Fault::Insert { what, every: 1 }).await;
        let mut client = Client::playing(&camera).await;
        // A report, a frame with its piece, and another frame, so that there is something behind the piece.
        let (bytes, _) = client.read_raw(expected.len() + 400).await;
        let found = bytes
            .windows(expected.len())
            .any(|window| window == expected);
        assert!(found, "{what:?}");
        assert!(camera.stats().insertions > 0);
    }
}

#[tokio::test]
async fn reports_may_tell_a_wrong_time_or_not_come() {
    /// Seconds from the epoch of NTP to that of Unix.
    const NTP_OFFSET: u32 = 2_208_988_800;
    let time = |report: &[u8]| {
        let seconds = u32::from_be_bytes([report[8], report[9], report[10], report[11]]);
        i64::from(seconds.wrapping_sub(NTP_OFFSET))
    };
    let sound = camera(|settings| settings).await;
    let now = time(
        &Client::playing(&sound)
            .await
            .packet(Client::RTCP_CHANNEL)
            .await,
    );
    for (clock, expected) in [
        (ReportClock::Since1970, 0),
        (ReportClock::Shift(-28_800), now - 28_800),
        (ReportClock::Shift(28_800), now + 28_800),
    ] {
        let camera = faulty(Fault::ReportClock(clock)).await;
        let report = Client::playing(&camera)
            .await
            .packet(Client::RTCP_CHANNEL)
            .await;
        assert!((time(&report) - expected).abs() < 60, "{clock:?}");
    }
    let camera = faulty(Fault::NoReports).await;
    let mut client = Client::playing(&camera).await;
    // A sound camera's report comes before its first frame.
    assert!(matches!(
        client.next().await,
        Some(Incoming::Packet(Client::RTP_CHANNEL, _))
    ));
}

#[tokio::test]
async fn a_camera_may_end_the_session_in_many_ways() {
    for (how, expected, mark) in [
        (Ending::Close, End::Closed, ""),
        (Ending::Reset, End::Reset, ""),
        (Ending::Teardown, End::Closed, "TEARDOWN rtsp://"),
    ] {
        let camera = faulty(Fault::End {
            after_frames: 2,
            how,
        })
        .await;
        let mut client = Client::playing(&camera).await;
        let (bytes, end) = client.read_raw(usize::MAX).await;
        assert_eq!(end, Some(expected), "{how:?}");
        assert!(String::from_utf8_lossy(&bytes).contains(mark));
        let ended = |stats: &CameraStats| stats.connections == 0 && stats.sessions == 0;
        let stats = camera.wait_for(ended, LIMIT).await.unwrap();
        assert_eq!((stats.video.frames, stats.sessions_abandoned), (2, 0));
    }
}

#[tokio::test]
async fn after_a_bye_no_media_come_and_requests_are_answered() {
    let camera = faulty(Fault::End {
        after_frames: 1,
        how: Ending::Bye,
    })
    .await;
    let mut client = Client::playing(&camera).await;
    // The sender report of the beginning comes first.
    let _report = client.packet(Client::RTCP_CHANNEL).await;
    let bye = client.packet(Client::RTCP_CHANNEL).await;
    assert_eq!((bye[1], bye[9]), (201, 203));
    assert_eq!(client.request("OPTIONS", "").await.status, 200);
    assert_eq!(camera.stats().video.frames, 1);
}
