//! The embedded store: SQLite with a write-ahead log, in the gateway's data folder.
//!
//! It keeps what must survive a restart, ids and codes; everything is read once at the start. The
//! folder is locked: a second daemon refuses to start.

use std::fs::{File, OpenOptions, create_dir_all};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};
use rusqlite::{Connection, Row, params};

use crate::catalog::{GbCode, Known, KnownNode, NodeKey};

/// The open store.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    _lock: Flock<File>,
}

/// Why the store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder cannot be made or written.
    #[error("{path}: {source}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Another daemon uses it.
    #[error("{0} is in use by another huiju: stop that one, or set another gateway.data_dir")]
    Locked(PathBuf),
    /// A newer version wrote it.
    #[error("the store has schema {found}, this version knows up to {known}: use the newer huiju")]
    Newer {
        /// The schema found.
        found: i64,
        /// The newest schema known.
        known: i64,
    },
    /// SQLite.
    #[error("the store: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

impl Store {
    /// Opens the store in `folder`, which is made where it is missing.
    ///
    /// # Errors
    ///
    /// The folder cannot be used or is locked, or the store is of a newer version.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let of_folder = |source| Error::Folder {
            path: folder.to_owned(),
            source,
        };
        create_dir_all(folder).map_err(of_folder)?;
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        let file = options.open(folder.join("lock")).map_err(of_folder)?;
        let lock = Flock::lock(file, FlockArg::LockExclusiveNonblock)
            .map_err(|_| Error::Locked(folder.to_owned()))?;
        let connection = Connection::open(folder.join("huiju.db"))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        let store = Self {
            connection,
            _lock: lock,
        };
        store.migrate()?;
        Ok(store)
    }

    fn migrate(&self) -> Result<(), Error> {
        let found: i64 = self
            .connection
            .pragma_query_value(None, "user_version", |row| row.get(0))?;
        if found > SCHEMA_VERSION {
            return Err(Error::Newer {
                found,
                known: SCHEMA_VERSION,
            });
        }
        if found < SCHEMA_VERSION {
            let version = format!("PRAGMA user_version = {SCHEMA_VERSION};");
            self.connection
                .execute_batch(&format!("BEGIN; {SCHEMA} {version} COMMIT;"))?;
        }
        Ok(())
    }

    /// All identities ever given.
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    pub fn identities(&self) -> Result<(Vec<Known>, Vec<KnownNode>), Error> {
        let mut cameras = self
            .connection
            .prepare("SELECT id, code, department, source_id, location FROM cameras")?;
        let cameras = cameras.query_map([], known)?.collect::<Result<_, _>>()?;
        let mut nodes = self
            .connection
            .prepare("SELECT code, department, organisation FROM nodes")?;
        let nodes = nodes.query_map([], known_node)?.collect::<Result<_, _>>()?;
        Ok((cameras, nodes))
    }

    /// Keeps identities that are new or whose source changed; all or none.
    ///
    /// # Errors
    ///
    /// The store cannot be written; nothing was.
    pub fn keep<'a>(
        &mut self,
        cameras: impl Iterator<Item = &'a Known>,
        nodes: &[KnownNode],
    ) -> Result<(), Error> {
        let transaction = self.connection.transaction()?;
        {
            let mut insert = transaction.prepare(
                "INSERT INTO cameras (id, code, department, source_id, location) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (id) DO UPDATE SET source_id = excluded.source_id, location = excluded.location",
            )?;
            for known in cameras {
                let (id, code) = (known.id.as_str(), known.code.as_str());
                insert.execute(params![
                    id,
                    code,
                    known.department,
                    known.source_id,
                    known.location
                ])?;
            }
            let mut insert = transaction.prepare(
                "INSERT INTO nodes (code, department, organisation) VALUES (?1, ?2, ?3)",
            )?;
            for node in nodes {
                let (department, organisation) = match &node.key {
                    NodeKey::Group => (None, None),
                    NodeKey::Department(department) => (Some(department), None),
                    NodeKey::Organisation(department, unit) => (Some(department), Some(unit)),
                };
                insert.execute(params![node.code.as_str(), department, organisation])?;
            }
        }
        Ok(transaction.commit()?)
    }
}

fn known(row: &Row<'_>) -> rusqlite::Result<Known> {
    Ok(Known {
        id: text(row, 0)?,
        code: text(row, 1)?,
        department: row.get(2)?,
        source_id: row.get(3)?,
        location: row.get(4)?,
    })
}

fn known_node(row: &Row<'_>) -> rusqlite::Result<KnownNode> {
    let key = match (row.get(1)?, row.get(2)?) {
        (None, _) => NodeKey::Group,
        (Some(department), None) => NodeKey::Department(department),
        (Some(department), Some(organisation)) => NodeKey::Organisation(department, organisation),
    };
    Ok(KnownNode {
        key,
        code: text::<GbCode>(row, 0)?,
    })
}

/// Reads a column that holds an id or a code.
fn text<T: std::str::FromStr>(row: &Row<'_>, column: usize) -> rusqlite::Result<T>
where
    T::Err: ToString,
{
    let text: String = row.get(column)?;
    text.parse().map_err(|error: T::Err| {
        let error = error.to_string().into();
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, error)
    })
}

const SCHEMA_VERSION: i64 = 1;

/// `cameras` and `nodes` only grow: an identity is for good.
const SCHEMA: &str = "
    CREATE TABLE cameras (
        id TEXT PRIMARY KEY, code TEXT NOT NULL UNIQUE, department TEXT NOT NULL,
        source_id TEXT, location TEXT NOT NULL
    ) STRICT;
    CREATE TABLE nodes (
        code TEXT PRIMARY KEY, department TEXT, organisation TEXT, UNIQUE (department, organisation)
    ) STRICT;
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::CameraId;

    #[test]
    fn what_is_kept_is_found_again() {
        let folder = Folder::new("kept");
        let known = Known {
            id: CameraId::derive("education", "a", 0),
            code: "43021100111326000001".parse().unwrap(),
            department: "education".into(),
            source_id: None,
            location: "10.0.0.1:554/".into(),
        };
        let node = KnownNode {
            key: NodeKey::Organisation("education".into(), "天元小学".into()),
            code: "43021100002166000001".parse().unwrap(),
        };
        {
            let mut store = Store::open(&folder.0).unwrap();
            store
                .keep([&known].into_iter(), std::slice::from_ref(&node))
                .unwrap();
        }
        let store = Store::open(&folder.0).unwrap();
        assert_eq!(store.identities().unwrap(), (vec![known], vec![node]));
    }

    #[test]
    fn a_second_daemon_is_refused() {
        let folder = Folder::new("locked");
        let _first = Store::open(&folder.0).unwrap();
        assert!(matches!(Store::open(&folder.0), Err(Error::Locked(_))));
    }

    #[test]
    fn a_newer_store_is_refused_untouched() {
        let folder = Folder::new("newer");
        let store = Store::open(&folder.0).unwrap();
        store
            .connection
            .pragma_update(None, "user_version", 99)
            .unwrap();
        drop(store);
        assert!(matches!(
            Store::open(&folder.0),
            Err(Error::Newer { found: 99, .. })
        ));
    }

    /// A folder of the test's own, removed at its end.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let folder =
                std::env::temp_dir().join(format!("huiju-store-{name}-{}", std::process::id()));
            Self(folder)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            // What is left in a temporary folder harms nobody.
            let _removed = std::fs::remove_dir_all(&self.0);
        }
    }
}
