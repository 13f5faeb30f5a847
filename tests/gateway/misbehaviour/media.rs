//! What cameras do wrong once media comes, or should.

use std::sync::Arc;
use std::time::Duration;

use huiju_sim::clips::{Clip, ClipKind};
use huiju_sim::farm::{CameraSettings, Ending, Fault, KeyFrames, Misdeed, ReportClock, Step};

use super::{ONLINE, Row, STALLED, row};
use crate::world::clip;

/// What the cameras show.
pub(super) struct Clips {
    small: Arc<Clip>,
    pub(super) large: Arc<Clip>,
    audio: Arc<Clip>,
}

impl Clips {
    pub(super) async fn new() -> Self {
        Self {
            small: clip(ClipKind::H264Small).await,
            large: clip(ClipKind::H264Baseline720p).await,
            audio: clip(ClipKind::G711A).await,
        }
    }

    /// A sound camera; a key frame a second.
    pub(super) fn camera(&self) -> CameraSettings {
        CameraSettings::new(&self.small)
    }

    pub(super) fn with_audio(&self) -> CameraSettings {
        self.camera().audio(&self.audio)
    }
}

/// Rows of cameras whose media misbehave.
pub(super) fn rows(clips: &Clips) -> Vec<Row> {
    [
        stalling(clips),
        lacking_key_frames(clips),
        ending(clips),
        living(clips),
        telling_time(clips),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn stalling(clips: &Clips) -> Vec<Row> {
    let stall = |after_frames, resumes_after| {
        clips.camera().fault(Fault::Stall {
            after_frames,
            resumes_after,
        })
    };
    vec![
        row(
            "no_media",
            ("answers PLAY and sends nothing", "应答 PLAY 后不发媒体"),
            stall(0, None),
            &["offline/no_media"],
            10,
        ),
        row(
            "no_video",
            ("has audio alone", "只有音频"),
            audio_alone(clips),
            &["offline/codec_unsupported"],
            2,
        ),
        row(
            "stall",
            (
                "stops its media after 60 frames, each time",
                "每次发送 60 帧后停流",
            ),
            stall(60, None),
            STALLED,
            8,
        ),
        row(
            "stall_of_video",
            ("stops its video and not its audio", "视频停流，音频继续"),
            clips.with_audio().fault(Fault::Stall {
                after_frames: 60,
                resumes_after: None,
            }),
            STALLED,
            8,
        ),
        row(
            "hiccup",
            ("pauses for a second", "停顿一秒后恢复"),
            stall(60, Some(Duration::from_secs(1))),
            ONLINE,
            3,
        ),
        row(
            "stall_and_no_teardown",
            (
                "stops its media and does not answer TEARDOWN",
                "停流且不应答 TEARDOWN",
            ),
            // What is said at the end of its session is waited for, but not long.
            stall(60, None)
                .fault(Fault::At(Step::Teardown, Misdeed::Silence))
                .session_timeout(Duration::from_secs(4)),
            STALLED,
            8,
        ),
    ]
}

fn lacking_key_frames(clips: &Clips) -> Vec<Row> {
    vec![
        row(
            "no_key_frame",
            ("sends no key frame", "不发关键帧"),
            clips.camera().fault(Fault::KeyFrames(KeyFrames::Never)),
            &["degraded/no_key_frame"],
            16,
        ),
        row(
            "rare_key_frames",
            (
                "sends a key frame each 20 seconds",
                "每 20 秒才发一个关键帧",
            ),
            clips
                .camera()
                .fault(Fault::KeyFrames(KeyFrames::Every(Duration::from_secs(20)))),
            &["online", "degraded/no_key_frame"],
            18,
        ),
    ]
}

fn audio_alone(clips: &Clips) -> CameraSettings {
    CameraSettings::default().audio(&clips.audio)
}

fn ending(clips: &Clips) -> Vec<Row> {
    let end = |how| {
        clips.camera().fault(Fault::End {
            after_frames: 60,
            how,
        })
    };
    vec![
        row(
            "ends_by_close",
            (
                "closes the connection after 60 frames",
                "发送 60 帧后关闭连接",
            ),
            end(Ending::Close),
            STALLED,
            5,
        ),
        row(
            "ends_by_reset",
            (
                "resets the connection after 60 frames",
                "发送 60 帧后复位连接",
            ),
            end(Ending::Reset),
            STALLED,
            5,
        ),
        row(
            "ends_by_teardown",
            ("sends a TEARDOWN of its own", "自行发送 TEARDOWN"),
            end(Ending::Teardown),
            STALLED,
            5,
        ),
        row(
            "ends_by_bye",
            (
                "says BYE by RTCP and keeps the connection",
                "发送 RTCP BYE 但保持连接",
            ),
            end(Ending::Bye),
            STALLED,
            8,
        ),
        row(
            "dies",
            ("dies after three seconds of media", "出流三秒后宕机"),
            clips.camera().die_after(Duration::from_secs(3)),
            &["online", "degraded/stalled", "offline/refused"],
            8,
        ),
    ]
}

fn living(clips: &Clips) -> Vec<Row> {
    let short = || clips.camera().session_timeout(Duration::from_secs(4));
    let at = |misdeed| short().fault(Fault::At(Step::Keepalive, misdeed));
    vec![
        row(
            "sound",
            ("does nothing wrong", "一切正常"),
            clips.with_audio(),
            ONLINE,
            3,
        ),
        row(
            "short_session",
            (
                "ends sessions that are silent for four seconds",
                "会话四秒无请求即超时",
            ),
            short(),
            ONLINE,
            3,
        ),
        row(
            "keepalive_silence",
            ("does not answer keepalives", "不应答保活请求"),
            at(Misdeed::Silence),
            ONLINE,
            3,
        ),
        row(
            "keepalive_501",
            ("refuses keepalives", "拒绝保活请求（501）"),
            at(Misdeed::Status(501)),
            ONLINE,
            3,
        ),
    ]
}

fn telling_time(clips: &Clips) -> Vec<Row> {
    let clock = |clock| clips.camera().fault(Fault::ReportClock(clock));
    vec![
        row(
            "no_reports",
            ("sends no sender reports", "不发送 RTCP 报告"),
            clips.camera().fault(Fault::NoReports),
            ONLINE,
            3,
        ),
        row(
            "clock_of_1970",
            ("reports the year 1970", "RTCP 时间为 1970 年"),
            clock(ReportClock::Since1970),
            ONLINE,
            3,
        ),
        row(
            "clock_eight_hours_off",
            ("reports a time eight hours ahead", "RTCP 时间快八小时"),
            clock(ReportClock::Shift(8 * 3600)),
            ONLINE,
            3,
        ),
        row(
            "other_channel",
            (
                "sends on another channel than agreed",
                "媒体走约定以外的交织通道",
            ),
            clips.camera().fault(Fault::Channel(9)),
            &["offline/no_media"],
            10,
        ),
        row(
            "flaps",
            (
                "is there for four seconds and away for three",
                "四秒在线、三秒离线交替",
            ),
            clips.camera().fault(Fault::Flap {
                up: Duration::from_secs(4),
                down: Duration::from_secs(3),
            }),
            &["online", "degraded/stalled", "offline/refused"],
            14,
        ),
    ]
}
