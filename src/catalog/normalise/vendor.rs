//! Makers and their models.

/// The one name of a maker that is written in another way: `HIKVISION` and `海康` are 海康威视. Others stay.
pub fn vendor(text: &str) -> Option<String> {
    let upper = text.to_uppercase();
    let upper: String = upper.split([' ', '-', '_']).collect();
    let bare = COMPANY
        .iter()
        .find_map(|end| upper.strip_suffix(end))
        .unwrap_or(&upper);
    let found = VENDORS
        .iter()
        .find(|(name, words)| *name == bare || words.contains(&bare));
    let (name, _) = found.filter(|(name, _)| *name != text)?;
    Some((*name).to_owned())
}

/// A model with single blanks, none beside its dashes, and in capitals where none of its letters is one.
pub fn model(text: &str) -> Option<String> {
    let words: Vec<_> = text.split_whitespace().collect();
    let mut written = words.join(" ");
    for sign in ["-", "/"] {
        for apart in [format!(" {sign}"), format!("{sign} ")] {
            written = written.replace(&apart, sign);
        }
    }
    if !written.chars().any(char::is_uppercase) {
        written.make_ascii_uppercase();
    }
    (written != text).then_some(written)
}

const COMPANY: [&str; 4] = [
    "数字技术股份有限公司",
    "技术股份有限公司",
    "科技有限公司",
    "股份有限公司",
];

/// Names in capitals, without blanks and dashes.
const VENDORS: [(&str, &[&str]); 12] = [
    ("海康威视", &["海康", "HIKVISION", "HIK", "杭州海康威视"]),
    ("大华", &["DAHUA", "浙江大华", "大华股份"]),
    ("宇视", &["UNIVIEW", "UNV", "宇视科技", "浙江宇视"]),
    ("天地伟业", &["TIANDY"]),
    ("科达", &["KEDACOM", "苏州科达"]),
    ("华为", &["HUAWEI"]),
    ("普联", &["TPLINK"]),
    ("安讯士", &["AXIS"]),
    ("博世", &["BOSCH"]),
    ("萤石", &["EZVIZ"]),
    ("雄迈", &["XIONGMAI"]),
    ("英飞拓", &["INFINOVA"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_maker_has_one_name() {
        for (text, expected) in [
            ("海康", Some("海康威视")),
            ("HIKVISION", Some("海康威视")),
            ("Hikvision", Some("海康威视")),
            ("杭州海康威视数字技术股份有限公司", Some("海康威视")),
            ("DAHUA", Some("大华")),
            ("浙江大华技术股份有限公司", Some("大华")),
            ("UNV", Some("宇视")),
            ("uniview", Some("宇视")),
            ("TP-LINK", Some("普联")),
            ("Axis", Some("安讯士")),
            ("海康威视", None),
            ("大华", None),
            ("某某科技", None),
            ("", None),
        ] {
            assert_eq!(vendor(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_model_has_one_writing() {
        for (text, expected) in [
            ("ds-2cd2t47", Some("DS-2CD2T47")),
            ("DS - 2CD2T47", Some("DS-2CD2T47")),
            ("DS-2CD2T47  (D)", Some("DS-2CD2T47 (D)")),
            ("iDS-2CD7A46", None),
            ("DS-2CD2T47", None),
            ("", None),
        ] {
            assert_eq!(model(text).as_deref(), expected, "{text}");
        }
    }
}
