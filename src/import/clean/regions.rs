//! Towns, communities and grids to their codes.

use super::{Cleaned, shown};
use crate::catalog::{Level, Regions};
use crate::import::columns::Column;

impl Cleaned {
    /// Names of regions become their codes, where one region is meant. One that is not known is left out with a warning:
    /// the position says where the camera is. Where several are meant and nothing else of the row says which, it is refused.
    pub(super) fn regions(&mut self, regions: &Regions) {
        let named = COLUMNS.map(|(column, level)| {
            // Where no region of that level is known, any text may be one's name.
            regions.names(level).next()?;
            let text = self.row.text(column).filter(|text| !text.is_empty());
            Some(regions.meant(level, text?))
        });
        for (at, (column, level)) in COLUMNS.into_iter().enumerate() {
            let Some(Some(meant)) = named.get(at) else {
                continue;
            };
            let others = named.iter().enumerate().filter(|(other, _)| *other != at);
            let others: Vec<_> = others.filter_map(|(_, codes)| codes.as_deref()).collect();
            let text = self.row.text(column).unwrap_or_default().to_owned();
            match fitting(meant, &others)[..] {
                [] => {
                    let message = format!(
                        "`{}` is no {} that is known, and is left out",
                        shown(&text),
                        level.name()
                    );
                    self.warn(column, "unknown_region", message);
                    self.row.fields.remove(&column);
                }
                [code] if regions.name(code) == Some(&text) => self.row.put(column, code),
                [code] if code == text => {}
                [code] => self.take(column, "region", code.to_owned()),
                _ => {
                    let message = format!(
                        "`{}` may be {}: write the code, or name the others of town, community and grid",
                        shown(&text),
                        meant.join(" or ")
                    );
                    self.refuse(column, message);
                }
            }
        }
    }
}

/// Of several codes those that lie in, or around, what the row names beside them.
fn fitting<'a>(meant: &[&'a str], others: &[&[&str]]) -> Vec<&'a str> {
    if meant.len() < 2 {
        return meant.to_vec();
    }
    let fits = |code: &&&str| {
        let mut others = others.iter().filter(|codes| !codes.is_empty());
        others.all(|codes| codes.iter().any(|other| are_nested(code, other)))
    };
    let fitting: Vec<_> = meant.iter().filter(fits).copied().collect();
    if fitting.is_empty() {
        return meant.to_vec();
    }
    fitting
}

/// A region's code begins with that of the region around it, but for the zeros that fill it up.
fn are_nested(one: &str, other: &str) -> bool {
    let (one, other) = (one.trim_end_matches('0'), other.trim_end_matches('0'));
    one.starts_with(other) || other.starts_with(one)
}

const COLUMNS: [(Column, Level); 3] = [
    (Column::Town, Level::Town),
    (Column::Community, Level::Community),
    (Column::Grid, Level::Grid),
];
