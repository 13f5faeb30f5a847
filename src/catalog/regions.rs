//! Administrative divisions and grids: codes, names, areas.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use super::geo::Area;

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
    /// Codes by level and name; `None` where several have the name.
    by_name: HashMap<(Level, String), Option<String>>,
}

impl Regions {
    /// Puts regions together.
    pub fn new(by_code: BTreeMap<String, Region>) -> Self {
        let mut by_name = HashMap::new();
        for (code, region) in &by_code {
            let Some(level) = region.level else { continue };
            by_name
                .entry((level, region.name.clone()))
                .and_modify(|code| *code = None)
                .or_insert_with(|| Some(code.clone()));
        }
        Self { by_code, by_name }
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
            let code = self.by_name.get(&(level, text.to_owned()))?.as_ref()?;
            self.by_code.get_key_value(code)
        });
        found.map(|(code, region)| (code.as_str(), region))
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
}
