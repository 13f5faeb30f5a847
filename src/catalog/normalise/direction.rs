//! Where a camera looks, in words.

/// The bearing that words say, in degrees clockwise from north: `东`, `朝东南`, `正北`, `东偏北`, `由西向东`, `NE`, `45°`.
pub fn direction(text: &str) -> Option<String> {
    let text = text.trim();
    if let Some(number) = text.strip_suffix(['°', '度']) {
        let degrees: u16 = number.trim().parse().ok()?;
        return (degrees < 360).then(|| degrees.to_string());
    }
    // From west to east it looks to the east.
    let to = text.rsplit_once(['向', '往']).map_or(text, |(_, to)| to);
    let bare = to.trim_matches(|sign| "朝面对正侧方边看拍摄 ".contains(sign));
    let upper = bare.to_uppercase();
    let found = BEARINGS
        .iter()
        .find(|(names, _)| names.contains(&upper.as_str()));
    found.map(|(_, bearing)| bearing.to_string())
}

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
        ] {
            assert_eq!(direction(text).as_deref(), Some(expected), "{text}");
        }
        for text in ["90", "全景", "上", "360°", ""] {
            assert_eq!(direction(text), None, "{text}");
        }
    }
}
