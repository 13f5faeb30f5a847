//! What cameras do wrong with packets, clocks and numbers.

use huiju_sim::farm::{CameraSettings, Damage, Fault, Insertion};

use super::media::Clips;
use super::{ONLINE, Row, STALLED, row};

/// Rows of cameras that damage what they send.
pub(super) fn rows(clips: &Clips) -> Vec<Row> {
    [
        losing(clips),
        inserting(clips),
        damaging(clips),
        damaging_headers(clips),
        jumping(clips),
        beginning_anew(clips),
    ]
    .into_iter()
    .flatten()
    .collect()
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
            ONLINE,
            3,
        ),
        (
            "reorder",
            "sends one packet in fifty late",
            "五十分之一的包乱序",
            Fault::Reorder(20),
            ONLINE,
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
            ONLINE,
        ),
        (
            "oversized_frames",
            "puts frames of 64 KiB between",
            "插入 64 KiB 的交织帧",
            Insertion::OversizedFrame,
            ONLINE,
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
            ONLINE,
        ),
    ];
    let row = |(name, en, zh, what, path)| row(name, (en, zh), insert(what), path, 5);
    rows.into_iter().map(row).collect()
}

fn damaging(clips: &Clips) -> Vec<Row> {
    let damage = |how| damaged(clips, how);
    let rows: [(_, _, _, _, &'static [&'static str]); 7] = [
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
    ];
    let row = |(name, en, zh, how, path)| row(name, (en, zh), damage(how), path, 5);
    rows.into_iter().map(row).collect()
}

fn damaging_headers(clips: &Clips) -> Vec<Row> {
    let rows = [
        (
            "short_header",
            "sends packets that end in the RTP header",
            "RTP 头不完整",
            Damage::ShortHeader,
        ),
        (
            "bad_version",
            "sends RTP of version 0",
            "RTP 版本号为 0",
            Damage::BadVersion,
        ),
        (
            "bad_padding",
            "pads by more than the packet has",
            "填充长度越界",
            Damage::BadPadding,
        ),
    ];
    let row = |(name, en, zh, how)| row(name, (en, zh), damaged(clips, how), ONLINE, 5);
    rows.into_iter().map(row).collect()
}

/// Larger pictures, which are sent in fragments.
fn damaged(clips: &Clips, how: Damage) -> CameraSettings {
    let settings = CameraSettings::new(&clips.large);
    settings.fault(Fault::Damage { how, every: 10 })
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
            ONLINE,
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
            ONLINE,
            5,
        ),
    ]
}

const HOUR: i64 = 3600 * 90_000;
