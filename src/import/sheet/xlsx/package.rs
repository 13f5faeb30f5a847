//! The zip that a workbook is: what it announces is checked before anything is unpacked, and what comes out is counted.

use std::collections::BTreeMap;
use std::io::{self, BufReader, Cursor, Read};

use zip::ZipArchive;
use zip::result::ZipError;

use super::Wrong;
use super::xml::Xml;

/// A zip whose parts are unpacked one at a time.
pub(super) struct Package<'a> {
    archive: ZipArchive<Cursor<&'a [u8]>>,
    /// Where each part is, by its name in small letters.
    places: BTreeMap<String, usize>,
    left: Left,
}

/// How much may still be read, of all parts together.
struct Left {
    bytes: u64,
    elements: u64,
}

impl<'a> Package<'a> {
    /// Opens a zip.
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, Wrong> {
        // Counted before the library keeps what it reads of each.
        let heads = bytes.windows(HEAD.len()).filter(|part| *part == HEAD);
        if heads.take(ENTRIES_MAX + 1).count() > ENTRIES_MAX {
            return Err(format!("has more than {ENTRIES_MAX} parts"));
        }
        let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|_| broken())?;
        let (mut places, mut announced) = (BTreeMap::new(), 0_u64);
        for index in 0..archive.len() {
            let part = archive.by_index_raw(index).map_err(|_| broken())?;
            announced = announced.saturating_add(part.size());
            if let Ok(name) = part.name() {
                places.insert(plain(&name), index);
            }
        }
        if announced > UNPACKED_MAX {
            return Err(too_large());
        }
        Ok(Self {
            archive,
            places,
            left: Left {
                bytes: UNPACKED_MAX,
                elements: ELEMENTS_MAX,
            },
        })
    }

    /// A part by its name, if there is one.
    pub(super) fn part(&mut self, name: &str) -> Result<Option<Xml<'_>>, Wrong> {
        let Some(index) = self.places.get(&plain(name)) else {
            return Ok(None);
        };
        let part = self.archive.by_index(*index).map_err(|error| match error {
            ZipError::UnsupportedArchive(text) if text == ZipError::PASSWORD_REQUIRED => {
                "is protected by a password: save it without one".to_owned()
            }
            _ => broken(),
        })?;
        let counted = Counted {
            unpacked: Box::new(part),
            left: &mut self.left,
            since_event: 0,
        };
        Ok(Some(Xml::new(BufReader::new(counted))))
    }
}

/// A part's bytes as they are unpacked.
pub(super) struct Counted<'a> {
    unpacked: Box<dyn Read + 'a>,
    left: &'a mut Left,
    /// How many came since an element or text was whole.
    since_event: usize,
}

impl Counted<'_> {
    /// An element or text is whole.
    pub(super) fn event(&mut self) {
        self.since_event = 0;
    }

    /// An element begins.
    pub(super) fn element(&mut self) -> Result<(), Wrong> {
        let left = self.left.elements.checked_sub(1);
        self.left.elements = left.ok_or_else(|| {
            let millions = ELEMENTS_MAX / 1_000_000;
            format!(
                "has more than {millions} million elements: delete rows and columns that are empty"
            )
        })?;
        Ok(())
    }
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.unpacked.read(buffer)?;
        let left = self.left.bytes.checked_sub(count as u64);
        self.left.bytes = left.ok_or_else(|| io::Error::other(too_large()))?;
        self.since_event += count;
        if self.since_event > EVENT_BYTES_MAX {
            return Err(io::Error::other(
                "holds an element or a text of more than a MiB",
            ));
        }
        Ok(count)
    }
}

/// A name as it is compared. Some programs write `\` for `/`, and Windows knows no case.
fn plain(name: &str) -> String {
    let name = name.replace('\\', "/").to_lowercase();
    name.trim_start_matches('/').to_owned()
}

pub(super) fn broken() -> Wrong {
    "is no whole workbook: open it, save it as .xlsx and send it again".to_owned()
}

fn too_large() -> Wrong {
    format!("unpacks to more than {} MiB", UNPACKED_MAX >> 20)
}

/// What an entry of the zip's directory begins with.
const HEAD: &[u8] = b"PK\x01\x02";
const ENTRIES_MAX: usize = 1000;
const UNPACKED_MAX: u64 = 256 << 20;
/// 100,000 rows of 80 cells. An element costs some hundred nanoseconds, however few bytes it has.
const ELEMENTS_MAX: u64 = 16_000_000;
/// Excel keeps 32,767 characters in a cell.
const EVENT_BYTES_MAX: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use crate::import::sheet::write_xlsx;
    use crate::import::sheet::xlsx::xml::Node;

    use super::*;

    #[test]
    fn elements_of_all_parts_are_counted_together() {
        let bytes = write_xlsx([["name", "url"]]).unwrap();
        let mut package = Package::open(&bytes).unwrap();
        let mut read = |elements: u64| {
            package.left.elements = elements;
            for name in ["xl/sharedStrings.xml", "XL\\sharedStrings.xml"] {
                let mut part = package.part(name)?.unwrap();
                while !matches!(part.next()?, Node::Eof) {}
            }
            Ok(package.left.elements)
        };
        // Each time a list of two texts.
        assert_eq!(read(10), Ok(0));
        let wrong: Wrong = read(9).unwrap_err();
        assert!(
            wrong.starts_with("has more than 16 million elements"),
            "{wrong}"
        );
    }
}
