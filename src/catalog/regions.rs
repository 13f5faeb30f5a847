//! Administrative divisions and grids: codes, names, areas.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use super::geo::Area;
use super::normalise::{RegionStem, without_place};

/// What a region is.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Level {
    /// 区县.
    District,
    /// 街道 or 镇.
    Town,
    /// 社区 or 村.
    Community,
    /// 网格.
    Grid,
}

impl Level {
    /// All of them, from the widest.
    pub const ALL: [Self; 4] = [Self::District, Self::Town, Self::Community, Self::Grid];

    /// The name that files and the API use.
    pub fn name(self) -> &'static str {
        match self {
            Self::District => "district",
            Self::Town => "town",
            Self::Community => "community",
            Self::Grid => "grid",
        }
    }
}

/// A region.
#[derive(Clone, Debug, PartialEq)]
pub struct Region {
    /// Its name.
    pub name: String,
    /// What it is, where that is said.
    pub level: Option<Level>,
    /// Where it is, where that is said.
    pub area: Option<Area>,
}

/// All regions that are known, by code.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Regions {
    by_code: BTreeMap<String, Region>,
    /// Codes by level and name.
    by_name: HashMap<(Level, String), Vec<String>>,
    /// Codes by level and what a name is without its kind.
    by_stem: HashMap<(Level, String), Vec<String>>,
    /// Names by level.
    names: HashMap<Level, Vec<String>>,
}

impl Regions {
    /// Puts regions together.
    pub fn new(by_code: BTreeMap<String, Region>) -> Self {
        let (mut by_name, mut by_stem) = (HashMap::new(), HashMap::new());
        let mut names = HashMap::new();
        for (code, region) in &by_code {
            let Some(level) = region.level else { continue };
            let note = |names: &mut HashMap<_, Vec<String>>, name: String| {
                names.entry((level, name)).or_default().push(code.clone());
            };
            note(&mut by_stem, RegionStem::of(level, &region.name).stem);
            note(&mut by_name, region.name.clone());
            let names: &mut Vec<_> = names.entry(level).or_default();
            names.push(region.name.clone());
        }
        Self {
            by_code,
            by_name,
            by_stem,
            names,
        }
    }

    /// The name of the region with that code.
    pub fn name(&self, code: &str) -> Option<&str> {
        self.by_code.get(code).map(|region| region.name.as_str())
    }

    /// The regions behind a code, by code.
    pub fn behind(&self, after: Bound<String>) -> impl Iterator<Item = (&str, &Region)> {
        let behind = self.by_code.range((after, Bound::Unbounded));
        behind.map(|(code, region)| (code.as_str(), region))
    }

    /// The region that text names, by its code or by a name that no other of its level has.
    pub fn find(&self, level: Level, text: &str) -> Option<(&str, &Region)> {
        let of_level = |(_, region): &(&String, &Region)| region.level == Some(level);
        let found = self.by_code.get_key_value(text).filter(of_level);
        let found = found.or_else(|| {
            let codes = self.by_name.get(&(level, text.to_owned()))?;
            let [code] = codes.as_slice() else {
                return None;
            };
            self.by_code.get_key_value(code)
        });
        found.map(|(code, region)| (code.as_str(), region))
    }

    /// The codes of the regions that text may mean: the one that has it for its code, those that it is the name of, or else
    /// those that are called so with more or less of what says that they are regions.
    pub fn meant(&self, level: Level, text: &str) -> Vec<&str> {
        if let Some((code, _)) = self.find(level, text) {
            return vec![code];
        }
        if let Some(codes) = self.by_name.get(&(level, text.to_owned())) {
            return codes.iter().map(String::as_str).collect();
        }
        let districts: Vec<_> = self.names(Level::District).collect();
        let stem = RegionStem::of(level, without_place(text, &districts));
        let alike = self.by_stem.get(&(level, stem.stem.clone()));
        let is_like = |code: &&String| {
            let region = self.by_code.get(*code);
            region.is_some_and(|region| RegionStem::of(level, &region.name).is_like(&stem))
        };
        let alike = alike.into_iter().flatten().filter(is_like);
        alike.map(String::as_str).collect()
    }

    /// The names of the regions of a level.
    pub fn names(&self, level: Level) -> impl Iterator<Item = &str> {
        let names = self.names.get(&level);
        names.into_iter().flatten().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_two_regions_have_names_neither() {
        let region = |name: &str, level| Region {
            name: name.to_owned(),
            level: Some(level),
            area: None,
        };
        let regions = Regions::new(BTreeMap::from([
            ("430211001".to_owned(), region("泰山路街道", Level::Town)),
            ("430211001001".to_owned(), region("和平", Level::Community)),
            ("430211002001".to_owned(), region("和平", Level::Community)),
        ]));
        let code = |level, text| regions.find(level, text).map(|(code, _)| code);
        assert_eq!(code(Level::Town, "泰山路街道"), Some("430211001"));
        assert_eq!(code(Level::Town, "430211001"), Some("430211001"));
        assert_eq!(code(Level::Community, "和平"), None);
        assert_eq!(code(Level::Community, "430211002001"), Some("430211002001"));
        assert_eq!(code(Level::Grid, "430211001"), None);
    }

    #[test]
    fn a_name_may_have_more_or_less_of_what_says_that_it_is_a_region() {
        let region = |name: &str, level| Region {
            name: name.to_owned(),
            level: Some(level),
            area: None,
        };
        let regions = Regions::new(BTreeMap::from([
            ("430211".to_owned(), region("天元区", Level::District)),
            ("430211001".to_owned(), region("泰山路街道", Level::Town)),
            (
                "430211001001".to_owned(),
                region("和平社区", Level::Community),
            ),
            (
                "430211002001".to_owned(),
                region("和平社区", Level::Community),
            ),
        ]));
        for (level, text, expected) in [
            (Level::Town, "430211001", vec!["430211001"]),
            (Level::Town, "泰山路街道", vec!["430211001"]),
            (Level::Town, "泰山路办事处", vec!["430211001"]),
            (Level::Town, "天元区泰山街道", vec!["430211001"]),
            (Level::Town, "芦淞街道", vec![]),
            (Level::Town, "", vec![]),
            (
                Level::Community,
                "和平",
                vec!["430211001001", "430211002001"],
            ),
            (
                Level::Community,
                "和平社区",
                vec!["430211001001", "430211002001"],
            ),
        ] {
            assert_eq!(regions.meant(level, text), expected, "{text}");
        }
    }
}
