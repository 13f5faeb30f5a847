//! Words of closed lists.

/// The number of a point class: of `一类`, `1类`, `Ⅱ类点`, `三类视频监控点`, `其他`.
pub fn point_class(text: &str) -> Option<String> {
    let bare = text.trim();
    let bare = bare.strip_prefix('第').unwrap_or(bare);
    let bare = ["视频监控点位", "视频监控点", "监控点", "点位", "点"]
        .iter()
        .fold(bare, |text, end| text.strip_suffix(end).unwrap_or(text));
    let bare = bare.strip_suffix('类').unwrap_or(bare);
    word(
        bare,
        &[
            ("1", &["1", "一", "Ⅰ", "I"]),
            ("2", &["2", "二", "Ⅱ", "II"]),
            ("3", &["3", "三", "Ⅲ", "III"]),
            ("9", &["9", "其他", "其它"]),
        ],
    )
    .filter(|number| number != text)
}

/// PTZType of GB/T 28181.
pub fn ptz(text: &str) -> Option<String> {
    word(
        text.trim(),
        &[
            ("1", &["球机", "球", "高速球", "球型", "云台", "球型摄像机"]),
            ("2", &["半球", "半球机", "半球型"]),
            ("3", &["枪机", "固定枪机", "固定", "固定枪", "枪", "枪型"]),
            ("4", &["遥控枪机", "遥控枪", "云台枪机"]),
        ],
    )
}

/// RoomType of GB/T 28181.
pub fn room(text: &str) -> Option<String> {
    let outside: &[&str] = &["室外", "户外", "外"];
    let inside: &[&str] = &["室内", "户内", "内"];
    word(text.trim(), &[("1", outside), ("2", inside)])
}

/// SupplyLightType of GB/T 28181.
pub fn light(text: &str) -> Option<String> {
    word(
        text.trim(),
        &[
            ("1", &["无", "无补光", "没有", "否"]),
            ("2", &["红外", "红外补光", "红外灯"]),
            ("3", &["白光", "白光补光", "白光灯"]),
            ("4", &["激光", "激光补光"]),
            ("9", &["其他", "其它"]),
        ],
    )
}

/// When a camera is pulled.
pub fn pull(text: &str) -> Option<String> {
    let on_demand: &[&str] = &["按需拉流", "按需拉取", "点播"];
    let always: &[&str] = &["一直", "常拉流", "始终", "长期"];
    word(text.trim(), &[("on_demand", on_demand), ("always", always)])
}

/// How a stream is sent; nothing where both will do.
pub fn transport(text: &str) -> Option<String> {
    let tcp: &[&str] = &[
        "TCP",
        "RTP OVER TCP",
        "RTP/AVP/TCP",
        "RTP OVER RTSP",
        "RTSP OVER TCP",
        "INTERLEAVED",
        "TCP协议",
    ];
    let udp: &[&str] = &["UDP", "RTP OVER UDP", "RTP/AVP", "RTP/AVP/UDP", "UDP协议"];
    let any: &[&str] = &["自动", "AUTO", "TCP/UDP", "UDP/TCP", "默认"];
    let written = word(text.trim(), &[("tcp", tcp), ("udp", udp), ("", any)])?;
    (written != text).then_some(written)
}

/// `true` or `false`.
pub fn yes_or_no(text: &str) -> Option<String> {
    let yes: &[&str] = &["√", "✓", "Y", "停用", "已停用", "停"];
    let no: &[&str] = &["×", "✗", "X", "N", "启用", "在用", "无", "正常", "使用中"];
    word(text.trim(), &[("true", yes), ("false", no)])
}

fn word(text: &str, list: &[(&str, &[&str])]) -> Option<String> {
    let upper = text.to_uppercase();
    let found = list
        .iter()
        .find(|(_, words)| words.contains(&upper.as_str()));
    found.map(|(value, _)| (*value).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_for_numbers() {
        type Rule = fn(&str) -> Option<String>;
        let table: [(Rule, &str, Option<&str>); 23] = [
            (point_class, "一类", Some("1")),
            (point_class, "Ⅱ类点", Some("2")),
            (point_class, "三类视频监控点", Some("3")),
            (point_class, "第1类", Some("1")),
            (point_class, "其它", Some("9")),
            (point_class, "2", None),
            (point_class, "四类", None),
            (ptz, "球机", Some("1")),
            (ptz, "枪机", Some("3")),
            (ptz, "3", None),
            (room, "室外", Some("1")),
            (room, "室内", Some("2")),
            (light, "红外", Some("2")),
            (light, "2", None),
            (pull, "一直", Some("always")),
            (transport, "RTP over TCP", Some("tcp")),
            (transport, "自动", Some("")),
            (transport, "tcp", None),
            (transport, "组播", None),
            (yes_or_no, "√", Some("true")),
            (yes_or_no, "n", Some("false")),
            (yes_or_no, "启用", Some("false")),
            (yes_or_no, "也许", None),
        ];
        for (rule, text, expected) in table {
            assert_eq!(rule(text).as_deref(), expected, "{text}");
        }
    }
}
