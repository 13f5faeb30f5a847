//! What cameras do wrong once media comes, or should.

#![expect(clippy::too_many_lines, reason = "tables, a row a camera")]

use std::sync::Arc;
use std::time::Duration;

use huiju_sim::clips::{Clip, ClipKind};
use huiju_sim::farm::{
    CameraSettings, Damage, Ending, Fault, Insertion, KeyFrames, Misdeed, ReportClock, Step,
};

use super::{Row, row};
use crate::world::clip;

/// What the cameras show.
pub(super) struct Clips {
    small: Arc<Clip>,
    large: Arc<Clip>,
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
        ending(clips),
        losing(clips),
        inserting(clips),
        damaging(clips),
        jumping(clips),
        beginning_anew(clips),
        living(clips),
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
            // The library asks for the end of a session till that has timed out.
            stall(60, None)
                .fault(Fault::At(Step::Teardown, Misdeed::Silence))
                .session_timeout(Duration::from_secs(4)),
            STALLED,
            8,
        ),
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

fn losing(clips: &Clips) -> Vec<Row> {
    let has = |fault| clips.camera().fault(fault);
    let rows = [
        (
            "loss_of_a_thousandth",
            "loses one packet in a thousand",
            "丢包千分之一",
            Fault::Loss(1),
            ONLINE,
            3,
        ),
        (
            "duplicates",
            "sends one packet in fifty twice",
            "五十分之一的包重复",
            Fault::Duplicates(20),
            STALLED,
            3,
        ),
        (
            "reorder",
            "sends one packet in fifty late",
            "五十分之一的包乱序",
            Fault::Reorder(20),
            STALLED,
            5,
        ),
        (
            "loss_of_a_third",
            "loses each third packet",
            "每三个包丢一个",
            Fault::LossEvery(3),
            &["degraded/bad_bitstream"],
            16,
        ),
        (
            "flipped_bits",
            "flips a bit in each tenth frame",
            "每十帧翻转一位",
            Fault::FlipEvery(10),
            ONLINE,
            3,
        ),
        (
            "one_byte_at_a_time",
            "writes byte by byte",
            "逐字节写入连接",
            Fault::Slices(1),
            ONLINE,
            3,
        ),
        (
            "seven_bytes_at_a_time",
            "writes in pieces of seven bytes",
            "每次写入七个字节",
            Fault::Slices(7),
            ONLINE,
            3,
        ),
    ];
    let row = |(name, en, zh, fault, path, within): (_, _, _, _, &'static [&'static str], _)| {
        row(name, (en, zh), has(fault), path, within)
    };
    rows.into_iter().map(row).collect()
}

fn inserting(clips: &Clips) -> Vec<Row> {
    let insert = |what| clips.camera().fault(Fault::Insert { what, every: 20 });
    let rows: [(_, _, _, _, &'static [&'static str]); 7] = [
        (
            "garbage_between_frames",
            "puts bytes that are no RTSP between frames",
            "帧间插入非 RTSP 字节",
            Insertion::Garbage(100),
            STALLED,
        ),
        (
            "empty_frames",
            "puts frames of no bytes between",
            "插入空的交织帧",
            Insertion::EmptyFrame,
            STALLED,
        ),
        (
            "oversized_frames",
            "puts frames of 64 KiB between",
            "插入 64 KiB 的交织帧",
            Insertion::OversizedFrame,
            STALLED,
        ),
        (
            "short_frames",
            "announces more bytes than it sends",
            "交织帧声称的长度大于实际",
            Insertion::ShortFrame,
            STALLED,
        ),
        (
            "unknown_channel",
            "sends on a channel that nobody set up",
            "使用未建立的交织通道",
            Insertion::UnknownChannel,
            ONLINE,
        ),
        (
            "asks_us",
            "asks the client for OPTIONS",
            "向客户端发送 OPTIONS",
            Insertion::Request,
            ONLINE,
        ),
        (
            "answers_unasked",
            "answers what nobody asked",
            "发送无人请求的应答",
            Insertion::Answer,
            STALLED,
        ),
    ];
    let row = |(name, en, zh, what, path)| row(name, (en, zh), insert(what), path, 5);
    rows.into_iter().map(row).collect()
}

fn damaging(clips: &Clips) -> Vec<Row> {
    let damage = |how| {
        let settings = CameraSettings::new(&clips.large);
        settings.fault(Fault::Damage { how, every: 10 })
    };
    let rows: [(_, _, _, _, &'static [&'static str]); 10] = [
        (
            "truncated_units",
            "cuts units off",
            "NAL 单元被截断",
            Damage::Truncate,
            ONLINE,
        ),
        (
            "fragments_without_start",
            "leaves out the start bit of fragments",
            "分片缺少起始标志",
            Damage::NoFragmentStart,
            ONLINE,
        ),
        (
            "fragments_without_end",
            "leaves out the end bit of fragments",
            "分片缺少结束标志",
            Damage::NoFragmentEnd,
            ONLINE,
        ),
        (
            "aggregates_too_long",
            "sends aggregates longer than their packet",
            "聚合包长度越界",
            Damage::AggregateSizes,
            ONLINE,
        ),
        (
            "forbidden_bit",
            "sets the forbidden bit",
            "置位禁止位",
            Damage::ForbiddenBit,
            ONLINE,
        ),
        (
            "reserved_type",
            "sends units of a reserved type",
            "使用保留的单元类型",
            Damage::ReservedType,
            ONLINE,
        ),
        (
            "empty_payload",
            "sends packets without payload",
            "发送无负载的 RTP 包",
            Damage::EmptyPayload,
            ONLINE,
        ),
        (
            "short_header",
            "sends packets that end in the RTP header",
            "RTP 头不完整",
            Damage::ShortHeader,
            STALLED,
        ),
        (
            "bad_version",
            "sends RTP of version 0",
            "RTP 版本号为 0",
            Damage::BadVersion,
            STALLED,
        ),
        (
            "bad_padding",
            "pads by more than the packet has",
            "填充长度越界",
            Damage::BadPadding,
            STALLED,
        ),
    ];
    let row = |(name, en, zh, how, path)| row(name, (en, zh), damage(how), path, 5);
    rows.into_iter().map(row).collect()
}

fn jumping(clips: &Clips) -> Vec<Row> {
    let jump = |ticks| Fault::TimestampJump {
        after_frames: 60,
        ticks,
    };
    let switch = Fault::Switch {
        after_frames: 60,
        clip: clips.large.clone(),
    };
    let rows = [
        (
            "clock_jumps_ahead",
            "jumps an hour ahead",
            "时间戳前跳一小时",
            jump(HOUR),
        ),
        (
            "clock_jumps_back",
            "jumps an hour back",
            "时间戳后跳一小时",
            jump(-HOUR),
        ),
        (
            "switches_size",
            "changes its resolution",
            "切换分辨率",
            switch,
        ),
    ];
    let row = |(name, en, zh, fault)| row(name, (en, zh), clips.camera().fault(fault), ONLINE, 3);
    rows.into_iter().map(row).collect()
}

fn beginning_anew(clips: &Clips) -> Vec<Row> {
    let has = |fault| clips.camera().fault(fault);
    vec![
        row(
            "clock_stands",
            ("stops its timestamps", "时间戳停滞"),
            has(Fault::TimestampStands { after_frames: 60 }),
            &["online", "degraded/no_key_frame"],
            20,
        ),
        row(
            "ssrc_changes",
            ("takes another SSRC", "更换 SSRC"),
            has(Fault::SsrcChange { after_frames: 250 }),
            STALLED,
            12,
        ),
        row(
            "sequence_begins_anew",
            ("begins its sequence anew", "序号重新开始"),
            has(Fault::SequenceReset {
                after_frames: 60,
                to: 0,
            })
            .rtp_start(10_000, 0),
            STALLED,
            5,
        ),
    ]
}

fn living(clips: &Clips) -> Vec<Row> {
    let short = || clips.camera().session_timeout(Duration::from_secs(4));
    let at = |misdeed| short().fault(Fault::At(Step::Keepalive, misdeed));
    let clock = |clock| clips.camera().fault(Fault::ReportClock(clock));
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
            STALLED,
            3,
        ),
        row(
            "keepalive_501",
            ("refuses keepalives", "拒绝保活请求（501）"),
            at(Misdeed::Status(501)),
            ONLINE,
            3,
        ),
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

const ONLINE: &[&str] = &["online"];
const STALLED: &[&str] = &["online", "degraded/stalled"];
const HOUR: i64 = 3600 * 90_000;
