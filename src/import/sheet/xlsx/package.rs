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
    /// So many bytes may still be unpacked, of all parts together.
    left: u64,
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
            left: UNPACKED_MAX,
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
    left: &'a mut u64,
    /// How many came since an element or text was whole.
    since_event: usize,
}

impl Counted<'_> {
    /// An element or text is whole.
    pub(super) fn event(&mut self) {
        self.since_event = 0;
    }
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.unpacked.read(buffer)?;
        *self.left = self
            .left
            .checked_sub(count as u64)
            .ok_or_else(|| io::Error::other(too_large()))?;
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
/// Excel keeps 32,767 characters in a cell.
const EVENT_BYTES_MAX: usize = 1 << 20;
