//! Cards: what is kept of cameras that were imported, under their ids.

use std::sync::Arc;
use std::time::SystemTime;

use rusqlite::{Row, Transaction, params};

use super::seal::Seal;
use super::states::{millis, time};
use super::{Error, Store, identities, text};
use crate::catalog::{CameraId, Given, Known, KnownNode, Origin, Secret};

/// A card as it is kept: what may be read of it, and what is sealed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoredCard {
    /// The camera.
    pub camera: CameraId,
    /// A line a field.
    pub open: String,
    /// The same of those that are secret.
    pub secret: Option<Secret>,
    /// Who gave it, and where it stood there.
    pub origin: Origin,
}

/// A change of cards; all of it is written or nothing.
#[derive(Clone, Debug, Default)]
pub struct CardsChange {
    /// Identities that are new or whose source changed.
    pub cameras: Vec<Known>,
    /// Codes that are new.
    pub nodes: Vec<KnownNode>,
    /// Cards that are new or other than before.
    pub put: Vec<StoredCard>,
    /// Cards that go.
    pub removed: Vec<CameraId>,
    /// What it is to an import.
    pub step: Step,
}

/// What a change is to an import.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Step {
    /// It is none's.
    #[default]
    None,
    /// The import is applied: what was before is kept for its undo.
    Apply(u64),
    /// The import is undone.
    Undo(u64),
}

impl Store {
    /// All cards.
    ///
    /// # Errors
    ///
    /// The store cannot be read, or the key is another.
    pub fn cards(&self) -> Result<Vec<StoredCard>, Error> {
        let mut cards = self
            .connection
            .prepare(&format!("SELECT {CARD} FROM cards"))?;
        let mut rows = cards.query([])?;
        let mut cards = Vec::new();
        while let Some(row) = rows.next()? {
            cards.push(card(row, &self.seal)?);
        }
        Ok(cards)
    }

    /// Writes a change, all or nothing.
    ///
    /// # Errors
    ///
    /// The store cannot be written; nothing was.
    pub fn change_cards(&mut self, change: &CardsChange, now: SystemTime) -> Result<(), Error> {
        let transaction = self.connection.transaction()?;
        identities::write(&transaction, change.cameras.iter(), &change.nodes)?;
        if let Step::Apply(import) = change.step {
            let put = change.put.iter().map(|card| card.camera);
            keep_former(
                &transaction,
                import,
                put.chain(change.removed.iter().copied()),
            )?;
        }
        put(&transaction, &change.put, &self.seal)?;
        let mut remove = transaction.prepare("DELETE FROM cards WHERE camera = ?1")?;
        for camera in &change.removed {
            remove.execute([camera.as_str()])?;
        }
        drop(remove);
        super::imports::step(&transaction, change.step, now)?;
        Ok(transaction.commit()?)
    }

    /// What an import that was applied changed: each camera with the card that it had before, if it had one.
    ///
    /// # Errors
    ///
    /// The store cannot be read, or the key is another.
    pub fn former_cards(&self, import: u64) -> Result<Vec<(CameraId, Option<StoredCard>)>, Error> {
        let query = format!("SELECT {CARD} FROM former_cards WHERE of_import = ?1");
        let mut cards = self.connection.prepare(&query)?;
        let mut rows = cards.query([import])?;
        let mut former = Vec::new();
        while let Some(row) = rows.next()? {
            let is_there = row.get::<_, Option<String>>(1)?.is_some();
            let card = is_there.then(|| card(row, &self.seal)).transpose()?;
            former.push((text(row, 0)?, card));
        }
        Ok(former)
    }
}

fn keep_former(
    transaction: &Transaction<'_>,
    import: u64,
    cameras: impl Iterator<Item = CameraId>,
) -> Result<(), Error> {
    // A sealed secret is its camera's wherever it stands: it is copied as it is.
    let query = format!(
        "INSERT INTO former_cards (of_import, {CARD})
         SELECT ?1, ?2, open, secret, file, line, import, given_by, given_at
         FROM (SELECT 1) LEFT JOIN cards ON camera = ?2"
    );
    let mut keep = transaction.prepare(&query)?;
    for camera in cameras {
        keep.execute(params![import, camera.as_str()])?;
    }
    Ok(())
}

fn put(transaction: &Transaction<'_>, cards: &[StoredCard], seal: &Seal) -> Result<(), Error> {
    let query =
        format!("INSERT OR REPLACE INTO cards ({CARD}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
    let mut insert = transaction.prepare(&query)?;
    for card in cards {
        let camera = card.camera.as_str();
        let secret = card.secret.as_ref().map(Secret::expose);
        let secret = secret.map(|secret| seal.seal(camera, secret.as_bytes()));
        let given = card.origin.given.as_ref();
        insert.execute(params![
            camera,
            card.open,
            secret.transpose()?,
            card.origin.file,
            card.origin.line,
            given.and_then(|given| given.import),
            given.map_or("", |given| given.by.as_str()),
            given.map_or(0, |given| millis(given.at)),
        ])?;
    }
    Ok(())
}

fn card(row: &Row<'_>, seal: &Seal) -> Result<StoredCard, Error> {
    let camera: CameraId = text(row, 0)?;
    let sealed: Option<Vec<u8>> = row.get(2)?;
    let secret = sealed
        .map(|sealed| seal.open(camera.as_str(), &sealed))
        .transpose()?;
    let secret = secret.map(|secret| Secret::new(String::from_utf8_lossy(&secret)));
    let given = Given {
        import: row.get(5)?,
        by: row.get(6)?,
        at: time(row.get(7)?),
    };
    Ok(StoredCard {
        camera,
        open: row.get(1)?,
        secret,
        origin: Origin {
            file: row.get(3)?,
            line: row.get(4)?,
            given: Some(Arc::new(given)),
        },
    })
}

const CARD: &str = "camera, open, secret, file, line, import, given_by, given_at";

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::imports::{Import, NewImport, Progress};
    use super::super::tests::{Folder, open};
    use super::*;

    #[test]
    fn what_an_import_changed_is_found_again_and_its_secrets_are_nowhere_in_the_files() {
        let folder = Folder::new("cards");
        let at = |second| SystemTime::UNIX_EPOCH + Duration::from_secs(second);
        let mut store = open(&folder.0).unwrap();
        let before = card("a", "name\tbefore\n", None);
        let first = CardsChange {
            put: vec![before.clone()],
            ..CardsChange::default()
        };
        store.change_cards(&first, at(1)).unwrap();
        let import = looked_at(at(2));
        let new = NewImport {
            import: &import,
            bytes: b"hunter2 in a file",
            report: "[]",
        };
        let id = store.keep_import(&new).unwrap();
        let changed = card("a", "name\tafter\n", Some(id));
        let added = card("b", "name\tnew\n", Some(id));
        let second = CardsChange {
            put: vec![changed.clone(), added.clone()],
            step: Step::Apply(id),
            ..CardsChange::default()
        };
        store.change_cards(&second, at(3)).unwrap();
        drop(store);
        for file in std::fs::read_dir(&folder.0).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            assert!(!bytes.windows(7).any(|bytes| bytes == b"hunter2"));
        }
        let mut store = open(&folder.0).unwrap();
        let mut cards = store.cards().unwrap();
        cards.sort_by_key(|card| card.open.clone());
        assert_eq!(cards, [changed, added.clone()]);
        assert_eq!(store.import_file(id).unwrap().unwrap(), new.bytes);
        assert_eq!(store.import_report(id).unwrap().unwrap(), "[]");
        let kept = store.import(id).unwrap().unwrap();
        assert_eq!(
            kept,
            Import {
                id,
                progress: Progress::Applied(at(3)),
                ..import
            }
        );
        let mut former = store.former_cards(id).unwrap();
        former.sort_by_key(|(_, card)| card.is_none());
        let expected = [(before.camera, Some(before.clone())), (added.camera, None)];
        assert_eq!(former, expected);
        let back = CardsChange {
            put: vec![before.clone()],
            removed: vec![added.camera],
            step: Step::Undo(id),
            ..CardsChange::default()
        };
        store.change_cards(&back, at(4)).unwrap();
        assert_eq!(store.cards().unwrap(), [before]);
        let kept = store.import(id).unwrap().unwrap();
        assert_eq!(kept.progress, Progress::Undone(at(4)));
        std::fs::remove_file(folder.0.join("secrets.key")).unwrap();
        drop(store);
        assert!(matches!(open(&folder.0), Err(Error::Key { .. })));
    }

    fn looked_at(at: SystemTime) -> Import {
        Import {
            id: 0,
            file: "a.csv".into(),
            department: Some("education".into()),
            mode: "merge".into(),
            allow_removals: 0,
            by: "local:root".into(),
            at,
            digest: "d".into(),
            summary: "{}".into(),
            progress: Progress::Planned,
        }
    }

    fn card(name: &str, open: &str, import: Option<u64>) -> StoredCard {
        let given = Given {
            import,
            by: "local:root".into(),
            at: SystemTime::UNIX_EPOCH,
        };
        StoredCard {
            camera: CameraId::derive("education", name, 0),
            open: open.into(),
            secret: Some(Secret::new("password\thunter2\n")),
            origin: Origin {
                file: "a.csv".into(),
                line: 2,
                given: Some(Arc::new(given)),
            },
        }
    }
}
