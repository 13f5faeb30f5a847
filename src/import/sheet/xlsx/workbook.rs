//! Which sheets a workbook has, and where its texts and styles are.

use std::collections::BTreeMap;

use super::Wrong;
use super::package::{Package, broken};
use super::strings::{self, Strings};
use super::styles::{self, Styles};
use super::xml::{Node, Xml};

/// A workbook without its cells.
pub(super) struct Workbook {
    /// Names of sheets, and the parts that they are.
    pub(super) sheets: Vec<(String, String)>,
    pub(super) strings: Strings,
    pub(super) styles: Styles,
    /// Days are counted from 1904, as on old Macs.
    pub(super) is_1904: bool,
}

/// What a part refers to: a kind and a name, by id.
type Relations = BTreeMap<String, (String, String)>;

impl Workbook {
    /// Reads all but the cells.
    pub(super) fn read(package: &mut Package<'_>) -> Result<Self, Wrong> {
        let roots = relations(package, "_rels/.rels", "")?;
        let main = target(&roots, "/officeDocument")
            .ok_or_else(no_workbook)?
            .to_owned();
        let (folder, name) = main.rsplit_once('/').unwrap_or(("", &main));
        let related = relations(package, &format!("{folder}/_rels/{name}.rels"), folder)?;
        let (sheets, is_1904) = sheets(package, &main, &related)?;
        let strings = match target(&related, "/sharedStrings") {
            Some(part) => strings::read(package.part(part)?)?,
            None => Strings::default(),
        };
        let styles = match target(&related, "/styles") {
            Some(part) => styles::read(package.part(part)?)?,
            None => Styles::default(),
        };
        Ok(Self {
            sheets,
            strings,
            styles,
            is_1904,
        })
    }
}

/// The part that a relation of that kind leads to. The strict form of the standard has other addresses before the kind.
fn target<'a>(relations: &'a Relations, kind: &str) -> Option<&'a str> {
    let mut relations = relations.values();
    let found = relations.find(|(other, _)| other.ends_with(kind));
    found.map(|(_, target)| target.as_str())
}

fn relations(package: &mut Package<'_>, part: &str, folder: &str) -> Result<Relations, Wrong> {
    let mut relations = Relations::new();
    let Some(mut xml) = package.part(part)? else {
        return Ok(relations);
    };
    loop {
        let element = match xml.next()? {
            Node::Start(element) if element.is(b"Relationship") => element,
            Node::Eof => return Ok(relations),
            _ => continue,
        };
        let id = element.attribute(b"Id");
        let kind = element.attribute(b"Type");
        let target = element.attribute(b"Target");
        if let (Some(id), Some(kind), Some(target)) = (id, kind, target) {
            let target = resolved(folder, &target);
            relations.insert(id.into_owned(), (kind.into_owned(), target));
        }
        if relations.len() > RELATIONS_MAX {
            return Err(broken());
        }
    }
}

/// A name that is told from a folder.
fn resolved(folder: &str, target: &str) -> String {
    let target = target.replace('\\', "/");
    let mut parts: Vec<&str> = match target.starts_with('/') {
        true => Vec::new(),
        false => folder.split('/').collect(),
    };
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The sheets in their order, and whether days are counted from 1904.
fn sheets(
    package: &mut Package<'_>,
    main: &str,
    related: &Relations,
) -> Result<(Vec<(String, String)>, bool), Wrong> {
    let mut xml: Xml<'_> = package.part(main)?.ok_or_else(no_workbook)?;
    let (mut sheets, mut is_1904) = (Vec::new(), false);
    loop {
        match xml.next()? {
            Node::Start(element) if element.is(b"sheet") => {
                let related = element.attribute(b"id").and_then(|id| related.get(&*id));
                // A sheet that is a chart has no cells.
                let is_sheet = |(kind, _): &&(String, String)| kind.ends_with("/worksheet");
                if let Some((_, part)) = related.filter(is_sheet) {
                    let name = element.attribute(b"name").unwrap_or_default();
                    sheets.push((name.into_owned(), part.clone()));
                }
                if sheets.len() > SHEETS_MAX {
                    return Err(format!("has more than {SHEETS_MAX} sheets"));
                }
            }
            Node::Start(element) if element.is(b"workbookPr") => {
                let text = element.attribute(b"date1904");
                is_1904 |= matches!(text.as_deref(), Some("1" | "true"));
            }
            Node::Eof if sheets.is_empty() => return Err(no_workbook()),
            Node::Eof => return Ok((sheets, is_1904)),
            _ => {}
        }
    }
}

fn no_workbook() -> Wrong {
    "is no workbook of Excel: open it and save it as .xlsx".to_owned()
}

/// As many as the zip may have parts.
const SHEETS_MAX: usize = 1000;
const RELATIONS_MAX: usize = 10_000;
