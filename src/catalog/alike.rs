//! Names of cameras that people write a little otherwise.

use super::normalise::narrow;

/// How names of a department begin, that is left out where they are compared.
#[derive(Clone, Debug)]
pub(super) struct Prefix(String);

impl Prefix {
    pub(super) fn new(department: &str) -> Self {
        Self(bare(department))
    }

    /// A name without it.
    fn strip<'a>(&self, name: &'a str) -> &'a str {
        let Self(whole) = self;
        // 区教育局 is written 教育局 too.
        let short = whole.strip_prefix('区').unwrap_or(whole);
        let rest = name.strip_prefix(whole.as_str());
        let rest = rest.or_else(|| name.strip_prefix(short));
        rest.filter(|rest| !rest.is_empty()).unwrap_or(name)
    }
}

/// A name as it is compared: without blanks, punctuation and brackets, in plain width and small letters, and without
/// its department's name before it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct BareName(Vec<char>);

impl BareName {
    /// `None` where nothing is left to compare.
    pub(super) fn new(name: &str, prefix: &Prefix) -> Option<Self> {
        let name = bare(name);
        let signs: Vec<char> = prefix.strip(&name).chars().take(SIGNS_MAX).collect();
        (!signs.is_empty()).then_some(Self(signs))
    }

    /// The signs that tell one place of a building from another, in their order: names that are alike have the same.
    pub(super) fn telling(&self) -> impl Iterator<Item = char> {
        self.0.iter().copied().filter(|sign| is_telling(*sign))
    }

    /// Whether they are the same but for slips of the pen: one for each six signs, two at most, and none in a sign
    /// that tells places apart. 体检中心东门 and 体检中心西门 are two gates.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let longer = self.0.len().max(other.0.len());
        let slips = (longer / SIGNS_A_SLIP).min(SLIPS_MAX);
        is_within(&self.0, &other.0, slips) && self.telling().eq(other.telling())
    }
}

fn bare(text: &str) -> String {
    let signs = narrow(text);
    let signs = signs.chars().filter(|sign| sign.is_alphanumeric());
    signs.flat_map(char::to_lowercase).collect()
}

/// Numbers, directions, floors, sides, and what kind of camera it is.
#[rustfmt::skip]
fn is_telling(sign: char) -> bool {
    matches!(
        sign,
        '0'..='9' | 'a'..='z' | 'Ⅰ'..='ⅿ'
        | '〇' | '零' | '一' | '二' | '两' | '三' | '四' | '五' | '六' | '七' | '八' | '九' | '十' | '百' | '千'
        | '甲' | '乙' | '丙' | '丁' | '戊' | '己' | '庚' | '辛'
        | '东' | '西' | '南' | '北' | '中' | '前' | '后' | '左' | '右' | '上' | '下' | '内' | '外' | '里'
        | '进' | '出' | '入' | '正' | '侧' | '旁' | '主' | '副' | '大' | '小' | '高' | '低'
        | '男' | '女' | '新' | '旧' | '枪' | '球'
    )
}

/// Whether so many signs put in, left out or exchanged make one of the other.
fn is_within(one: &[char], other: &[char], edits: usize) -> bool {
    match (one, other) {
        ([], rest) | (rest, []) => rest.len() <= edits,
        ([a, one @ ..], [b, other @ ..]) if a == b => is_within(one, other, edits),
        ([_, one_rest @ ..], [_, other_rest @ ..]) => {
            edits > 0
                && (is_within(one_rest, other_rest, edits - 1)
                    || is_within(one_rest, other, edits - 1)
                    || is_within(one, other_rest, edits - 1))
        }
    }
}

const SIGNS_MAX: usize = 64;
const SIGNS_A_SLIP: usize = 6;
const SLIPS_MAX: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_differ_in_how_they_are_written_are_alike() {
        for (one, other) in [
            ("体检中心东门", "体检中心（东门）"),
            ("体检中心东门", "体检中心 【东门】"),
            ("Ａ座１号门", "a座1号门"),
            ("区教育局天元小学校门", "天元小学校门"),
            ("教育局-天元小学校门", "天元小学_校门"),
            ("天元小学教学楼走廊", "天元小学教学楼走郎"),
            ("天元小学教学楼走廊", "天元小学教学楼的走廊"),
            ("天元小学教学楼楼梯口走廊监控", "天元小学教学楼楼梯口走廊"),
        ] {
            assert!(alike(one, other), "{one} {other}");
            assert!(alike(other, one), "{other} {one}");
        }
    }

    #[test]
    fn names_of_two_places_are_not() {
        for (one, other) in [
            ("体检中心东门", "体检中心西门"),
            ("超市12号门口", "超市13号门口"),
            ("超市1号门口", "超市11号门口"),
            ("教学楼一楼走廊东侧", "教学楼二楼走廊东侧"),
            ("人民路与建设路口枪机", "人民路与建设路口球机"),
            ("A座电梯厅入口处", "B座电梯厅入口处"),
            ("体检中心东门", "医保窗口"),
            ("门口", "门厅"),
            ("天元小学教学楼楼梯口走廊监控", "天元小学教学楼楼梯口"),
        ] {
            assert!(!alike(one, other), "{one} {other}");
            assert!(!alike(other, one), "{other} {one}");
        }
        assert_eq!(BareName::new("（－）", &Prefix::new("区教育局")), None);
    }

    fn alike(one: &str, other: &str) -> bool {
        let bare = |name| BareName::new(name, &Prefix::new("区教育局")).unwrap();
        bare(one).is_like(&bare(other))
    }
}
