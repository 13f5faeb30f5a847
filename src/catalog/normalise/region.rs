//! Names of towns, communities and grids.

use crate::catalog::Level;

/// A region's name without what says only which kind of region it is, so that two writings of it are the same.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct RegionStem {
    /// `泰山` of 泰山路街道.
    pub stem: String,
    /// What it says that it is: `街道`, `镇`, `村` … Text that does not say is any of them.
    pub kind: Option<&'static str>,
}

impl RegionStem {
    /// The stem of a name: of `泰山路街道`, `泰山街道`, `泰山路办事处` the same; of `湘江1网格` and `湘江01网格` the same.
    pub fn of(level: Level, name: &str) -> Self {
        let name: String = name.split_whitespace().collect();
        let ends: &[(&str, &'static str)] = match level {
            Level::District => &[],
            Level::Town => &TOWNS,
            Level::Community => &COMMUNITIES,
            Level::Grid => &GRIDS,
        };
        let found = ends.iter().find_map(|(end, kind)| {
            let stem = name.strip_suffix(end).filter(|stem| !stem.is_empty())?;
            Some((stem, *kind))
        });
        let (stem, kind) = found.map_or((&*name, None), |(stem, kind)| (stem, Some(kind)));
        let stem = match level {
            Level::Town if kind != Some("镇") && kind != Some("乡") => without_road(stem),
            _ => stem,
        };
        let stem = match level {
            Level::Grid => plain_numbers(stem),
            _ => stem.to_owned(),
        };
        Self { stem, kind }
    }

    /// Whether both may be names of one region.
    pub fn is_like(&self, other: &Self) -> bool {
        let is_same_kind = self.kind == other.kind || self.kind.is_none() || other.kind.is_none();
        is_same_kind && self.stem == other.stem
    }
}

/// 泰山路街道 is called 泰山街道 too.
fn without_road(stem: &str) -> &str {
    let short = stem.strip_suffix('路').unwrap_or(stem);
    if short.chars().count() < ROAD_CHARS_MIN {
        return stem;
    }
    short
}

/// Numbers without zeros in front, and without 第 and 号 around them.
fn plain_numbers(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(sign) = rest.chars().next() {
        let end = rest.find(|sign: char| !sign.is_ascii_digit());
        let digits = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
        if digits.is_empty() {
            if !matches!(sign, '第' | '号') {
                out.push(sign);
            }
            rest = rest.get(sign.len_utf8()..).unwrap_or_default();
        } else {
            let number = digits.trim_start_matches('0');
            out.push_str(if number.is_empty() { "0" } else { number });
            rest = rest.get(digits.len()..).unwrap_or_default();
        }
    }
    out
}

const TOWNS: [(&str, &str); 9] = [
    ("街道办事处", "街道"),
    ("办事处", "街道"),
    ("街道办", "街道"),
    ("街道", "街道"),
    ("街办", "街道"),
    ("镇人民政府", "镇"),
    ("镇", "镇"),
    ("乡人民政府", "乡"),
    ("乡", "乡"),
];
const COMMUNITIES: [(&str, &str); 8] = [
    ("社区居民委员会", "社区"),
    ("社区居委会", "社区"),
    ("居民委员会", "社区"),
    ("居委会", "社区"),
    ("社区", "社区"),
    ("村民委员会", "村"),
    ("村委会", "村"),
    ("村", "村"),
];
const GRIDS: [(&str, &str); 1] = [("网格", "网格")];
const ROAD_CHARS_MIN: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writings_of_one_region_are_alike_and_those_of_two_are_not() {
        for (level, one, other, expected) in [
            (Level::Town, "泰山路街道", "泰山路办事处", true),
            (Level::Town, "泰山路街道", "泰山路街道办事处", true),
            (Level::Town, "泰山路街道", "泰山街道", true),
            (Level::Town, "泰山路街道", "泰山路", true),
            (Level::Town, "泰山路街道", "泰山镇", false),
            (Level::Town, "三门镇", "三门镇人民政府", true),
            (Level::Town, "三门镇", "三门", true),
            (Level::Town, "泰山路街道", "芦淞街道", false),
            (Level::Town, "大路街道", "大街道", false),
            (Level::Community, "泰山社区", "泰山社区居委会", true),
            (Level::Community, "泰山社区", "泰山居委会", true),
            (Level::Community, "泰山社区", "泰山村", false),
            (Level::Community, "泰山社区", "湘江社区", false),
            (Level::Grid, "湘江01网格", "湘江1网格", true),
            (Level::Grid, "湘江01网格", "湘江第1网格", true),
            (Level::Grid, "湘江01网格", "湘江 01", true),
            (Level::Grid, "湘江10网格", "湘江1网格", false),
            (Level::Grid, "湘江100网格", "湘江10网格", false),
            (Level::Grid, "湘江01网格", "湘江11网格", false),
        ] {
            let like = RegionStem::of(level, one).is_like(&RegionStem::of(level, other));
            assert_eq!(like, expected, "{one} {other}");
        }
    }
}
