//! Names of cameras.

/// A name without its department in front of it, where a sign ends that: `【区教育局】滨江中学正门`, `区教育局-滨江中学后门`. Without a
/// sign it stays: 区教育局机关大院 is a place. So does one that would be a number.
pub fn name_prefix(name: &str, is_department: impl Fn(&str) -> bool) -> Option<String> {
    let in_brackets = BRACKETS.iter().find_map(|(open, close)| {
        let inner = name.strip_prefix(*open)?;
        inner.split_once(*close)
    });
    let (owner, rest) = in_brackets.or_else(|| name.split_once(ENDS))?;
    let rest = rest.trim_start_matches(ENDS).trim();
    let is_name = rest.chars().count() >= REST_CHARS_MIN && rest.contains(char::is_alphabetic);
    (is_name && is_department(owner.trim())).then(|| rest.to_owned())
}

const BRACKETS: [(char, char); 5] = [
    ('【', '】'),
    ('[', ']'),
    ('［', '］'),
    ('（', '）'),
    ('(', ')'),
];
const ENDS: [char; 10] = ['-', '—', '－', '_', ':', '：', '/', '|', '·', '、'];
const REST_CHARS_MIN: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_department_that_a_sign_ends_is_left_out() {
        for (name, expected) in [
            ("【区教育局】滨江中学正门", Some("滨江中学正门")),
            ("[区教育局] 滨江中学正门", Some("滨江中学正门")),
            ("区教育局-滨江中学后门", Some("滨江中学后门")),
            ("区教育局——滨江中学后门", Some("滨江中学后门")),
            ("区教育局：滨江中学操场", Some("滨江中学操场")),
            ("区教育局机关大院东门", None),
            ("区教育局-门", None),
            // A number alone names nothing.
            ("区教育局-017", None),
            ("【区教育局】", None),
            ("滨江中学-后门", None),
            ("（东）校门口", None),
            ("区教育局", None),
            ("", None),
        ] {
            let read = name_prefix(name, |owner| owner == "区教育局");
            assert_eq!(read.as_deref(), expected, "{name}");
        }
    }
}
