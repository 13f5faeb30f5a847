//! The channel of a recorder that the path of a stream names.

/// The channel that a path and query name in one of the known forms; main and sub stream are of one channel.
pub(super) fn channel_of(path: &str) -> Option<u16> {
    let lower = path.to_ascii_lowercase();
    let (path, query) = lower.split_once('?').unwrap_or((&lower, ""));
    let segments: Vec<_> = path.split('/').filter(|part| !part.is_empty()).collect();
    let named = match segments[..] {
        // Hikvision: `/Streaming/Channels/102` is the sub stream of channel 1. One or two digits are a stream of the
        // camera itself.
        [.., "streaming", "channels", number] | ["isapi", "streaming", "channels", number, ..] => {
            let channel = number.len().checked_sub(2)?;
            let streams = number.get(channel..)?;
            let is_number = streams.bytes().all(|digit| digit.is_ascii_digit());
            number.get(..channel).filter(|_| is_number)
        }
        // Dahua: `/cam/realmonitor?channel=1&subtype=0`.
        ["cam", "realmonitor"] => parameter(query.split('&'), "channel"),
        // Hikvision, older: `/h264/ch1/main/av_stream`.
        ["h264" | "h265" | "mpeg4", channel, "main" | "sub", ..] => channel.strip_prefix("ch"),
        // Uniview: `/unicast/c1/s0/live`.
        ["unicast", channel, ..] => channel.strip_prefix('c'),
        // TVT: `/?chID=1&streamType=main`.
        [] => parameter(query.split('&'), "chid"),
        // Xiongmai: `/user=…_password=…_channel=1_stream=0.sdp`. A password may hold anything, so the last one counts.
        [only] if only.starts_with("user=") => parameter(only.rsplit(['_', '&']), "channel"),
        _ => None,
    };
    named?.parse().ok().filter(|channel| *channel > 0)
}

fn parameter<'a>(parts: impl Iterator<Item = &'a str>, name: &str) -> Option<&'a str> {
    let mut pairs = parts.filter_map(|part| part.split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_paths_name_their_channel() {
        for (path, channel) in [
            ("/Streaming/Channels/101", Some(1)),
            ("/Streaming/Channels/102", Some(1)),
            ("/streaming/channels/3301?transportmode=unicast", Some(33)),
            ("/ISAPI/Streaming/channels/201", Some(2)),
            ("/cam/realmonitor?channel=7&subtype=1", Some(7)),
            (
                "/cam/realmonitor?subtype=0&channel=12&unicast=true",
                Some(12),
            ),
            ("/h264/ch3/sub/av_stream", Some(3)),
            ("/unicast/c4/s1/live", Some(4)),
            ("/?chID=5&streamType=main", Some(5)),
            (
                "/user=admin_password=a_channel=9_b_channel=6_stream=0.sdp",
                Some(6),
            ),
        ] {
            assert_eq!(channel_of(path), channel, "{path}");
        }
    }

    #[test]
    fn other_paths_name_none() {
        for path in [
            "",
            "/",
            "/1",
            "/live/101",
            "/Streaming/Channels/1",
            "/Streaming/Channels/12",
            "/Streaming/Channels/1x1",
            "/Streaming/Channels/10é",
            "/Streaming/Channels/001",
            "/Streaming/Channels/99999901",
            "/cam/realmonitor?channel=x",
            "/cam/realmonitor",
            "/live?channel=1",
            "/h264/main/1",
            "/unicast/1/s0",
        ] {
            assert_eq!(channel_of(path), None, "{path}");
        }
    }
}
