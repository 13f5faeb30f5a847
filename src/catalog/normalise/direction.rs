//! Where a camera looks, in words.

/// The bearing that words say, in degrees clockwise from north: `东`, `朝东南`, `正北`, `东偏北`, `东偏北30度`, `由西向东`, `NE`, `45°`.
/// What looks all round has none: then the text is empty.
pub fn direction(text: &str) -> Option<String> {
    let text = text.trim();
    if ALL_ROUND.contains(&text) {
        return Some(String::new());
    }
    let bare = text.trim_end_matches(['°', '度']).trim_end();
    if let Ok(degrees) = bare.parse::<u16>() {
        return (bare != text && degrees < 360).then(|| degrees.to_string());
    }
    // From west to east it looks to the east.
    let to = bare.rsplit_once(['向', '往']).map_or(bare, |(_, to)| to);
    let bare = to.trim_matches(|sign| "朝面对正侧方边看拍摄 ".contains(sign));
    let bearing = turned(bare).or_else(|| named(bare))?;
    Some(bearing.to_string())
}

/// So many degrees from one of the four winds towards its neighbour: `东偏北30` is 60.
fn turned(text: &str) -> Option<u16> {
    let (from, rest) = text.split_once('偏')?;
    let from = from.trim_start_matches('正');
    let end = rest.find(|sign: char| sign.is_ascii_digit())?;
    let (towards, degrees) = rest.split_at_checked(end)?;
    let degrees: u16 = degrees.parse().ok().filter(|degrees| *degrees <= 90)?;
    let (from, towards) = (named(from)?, named(towards.trim())?);
    match (360 + towards - from) % 360 {
        90 => Some((from + degrees) % 360),
        270 => Some((360 + from - degrees) % 360),
        _ => None,
    }
}

fn named(text: &str) -> Option<u16> {
    let upper = text.to_uppercase();
    let found = BEARINGS
        .iter()
        .find(|(names, _)| names.contains(&upper.as_str()));
    found.map(|(_, bearing)| *bearing)
}

const ALL_ROUND: [&str; 5] = ["全景", "全向", "全方位", "环视", "四周"];

const BEARINGS: [(&[&str], u16); 16] = [
    (&["北", "N", "NORTH"], 0),
    (&["北偏东", "NNE"], 22),
    (&["东北", "NE", "NORTHEAST"], 45),
    (&["东偏北", "ENE"], 68),
    (&["东", "E", "EAST"], 90),
    (&["东偏南", "ESE"], 112),
    (&["东南", "SE", "SOUTHEAST"], 135),
    (&["南偏东", "SSE"], 158),
    (&["南", "S", "SOUTH"], 180),
    (&["南偏西", "SSW"], 202),
    (&["西南", "SW", "SOUTHWEST"], 225),
    (&["西偏南", "WSW"], 248),
    (&["西", "W", "WEST"], 270),
    (&["西偏北", "WNW"], 292),
    (&["西北", "NW", "NORTHWEST"], 315),
    (&["北偏西", "NNW"], 338),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directions_are_read_as_they_are_written() {
        for (text, expected) in [
            ("东", "90"),
            ("朝东南", "135"),
            ("正北", "0"),
            ("正北方", "0"),
            ("由西向东", "90"),
            ("从南往北", "0"),
            ("面向西", "270"),
            ("东偏北", "68"),
            ("ne", "45"),
            ("45°", "45"),
            ("90 度", "90"),
            ("东偏北30度", "60"),
            ("正东偏南 30°", "120"),
            ("北偏西15°", "345"),
            ("由西南向东北", "45"),
            ("全景", ""),
        ] {
            assert_eq!(direction(text).as_deref(), Some(expected), "{text}");
        }
        for text in ["90", "朝上", "上", "360°", "东偏西30度", "东偏北120度", ""] {
            assert_eq!(direction(text), None, "{text}");
        }
    }
}
