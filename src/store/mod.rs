//! The embedded store: SQLite with a write-ahead log, in the gateway's data folder.
//!
//! It keeps what must survive a restart: ids and codes (`identities`), the intervals of states, refused
//! passwords and maintenance (`states`), cameras that were imported (`cards`) and their imports (`imports`), their secrets
//! sealed (`seal`). `backup` copies it at work, and back. The folder is locked: a second daemon refuses to start.

mod backup;
mod cards;
mod identities;
mod imports;
mod seal;
mod states;

use std::fs::{File, OpenOptions, Permissions, create_dir_all, set_permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};
use rusqlite::{Connection, Row};

use self::seal::Seal;

pub use backup::{back_up, restore};
pub use cards::{CardsChange, Step, StoredCard};
pub use imports::{Import, NewImport, Progress};
pub use states::{Interval, RefusedLogin, refused_logins_of};

/// The open store.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    seal: Seal,
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
    /// What should be a store is none.
    #[error("{path} is no store of huiju that can be used: {why}")]
    NotAStore {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The key of secrets.
    #[error("the key of secrets {path} {why}")]
    Key {
        /// Its file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// SQLite.
    #[error("the store: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

impl Store {
    /// Opens the store in `folder`, which is made where it is missing, with the key in the file `key`, which is made too.
    ///
    /// # Errors
    ///
    /// The folder cannot be used or is locked, the store is of a newer version, or the key is missing or another.
    pub fn open(folder: &Path, key: &Path) -> Result<Self, Error> {
        let lock = lock(folder)?;
        let connection = Connection::open(folder.join(FILE))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        migrate(&connection)?;
        let were_sealed = "SELECT EXISTS (SELECT 1 FROM imports) OR EXISTS (SELECT 1 FROM cards WHERE secret IS NOT NULL)";
        let were_sealed = connection.query_row(were_sealed, [], |row| row.get(0))?;
        Ok(Self {
            seal: Seal::of_file(key, were_sealed)?,
            connection,
            _lock: lock,
        })
    }
}

fn migrate(connection: &Connection) -> Result<(), Error> {
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > SCHEMA_VERSION {
        return Err(Error::Newer {
            found,
            known: SCHEMA_VERSION,
        });
    }
    let done = usize::try_from(found).unwrap_or(0);
    if done < STEPS.len() {
        let steps = STEPS.get(done..).unwrap_or_default().concat();
        let version = format!("PRAGMA user_version = {SCHEMA_VERSION};");
        connection.execute_batch(&format!("BEGIN; {steps} {version} COMMIT;"))?;
    }
    Ok(())
}

/// Locks the folder, which is made where it is missing.
fn lock(folder: &Path) -> Result<Flock<File>, Error> {
    create_dir_all(folder).map_err(of(folder))?;
    // It holds who was refused where, and later more: for nobody but us.
    set_permissions(folder, Permissions::from_mode(0o700)).map_err(of(folder))?;
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    let file = options.open(folder.join("lock")).map_err(of(folder))?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|_| Error::Locked(folder.to_owned()))
}

/// Names the file or folder that an error is of.
fn of(path: &Path) -> impl Fn(std::io::Error) -> Error {
    move |source| Error::Folder {
        path: path.to_owned(),
        source,
    }
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

const FILE: &str = "huiju.db";
/// The schema's version is the number of steps that made it.
const SCHEMA_VERSION: i64 = STEPS.len() as i64;

const STEPS: [&str; 3] = [IDENTITIES, STATES, IMPORTS];

/// `cameras` and `nodes` only grow: an identity is for good.
const IDENTITIES: &str = "
    CREATE TABLE cameras (
        id TEXT PRIMARY KEY, code TEXT NOT NULL UNIQUE, department TEXT NOT NULL,
        source_id TEXT, location TEXT NOT NULL
    ) STRICT;
    CREATE TABLE nodes (
        code TEXT PRIMARY KEY, department TEXT, organisation TEXT, UNIQUE (department, organisation)
    ) STRICT;
";

/// Times are milliseconds since 1970, UTC. `ended` is NULL while an interval lasts; `life` has the last
/// moment at which the daemon was known to run.
const STATES: &str = "
    CREATE TABLE intervals (
        camera TEXT NOT NULL, began INTEGER NOT NULL, ended INTEGER, state TEXT NOT NULL, cause TEXT NOT NULL
    ) STRICT;
    CREATE INDEX intervals_by_camera ON intervals (camera, began);
    CREATE UNIQUE INDEX intervals_open ON intervals (camera) WHERE ended IS NULL;
    CREATE TABLE life (id INTEGER PRIMARY KEY CHECK (id = 0), at INTEGER NOT NULL) STRICT;
    CREATE TABLE refused_logins (
        host TEXT NOT NULL, port INTEGER NOT NULL, user TEXT NOT NULL, times INTEGER NOT NULL,
        locked_until INTEGER, marks TEXT NOT NULL, PRIMARY KEY (host, port, user)
    ) STRICT;
    CREATE TABLE maintained (camera TEXT PRIMARY KEY, since INTEGER NOT NULL) STRICT;
";

/// `former_cards` has what the cameras of an applied import had before: without a card where `open` is NULL.
const IMPORTS: &str = "
    CREATE TABLE cards (
        camera TEXT PRIMARY KEY, open TEXT NOT NULL, secret BLOB, file TEXT NOT NULL, line INTEGER NOT NULL,
        import INTEGER, given_by TEXT NOT NULL, given_at INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE imports (
        id INTEGER PRIMARY KEY AUTOINCREMENT, file TEXT NOT NULL, department TEXT, mode TEXT NOT NULL,
        allow_removals INTEGER NOT NULL, given_by TEXT NOT NULL, given_at INTEGER NOT NULL, digest TEXT NOT NULL,
        summary TEXT NOT NULL, report TEXT NOT NULL, bytes BLOB NOT NULL, applied_at INTEGER, undone_at INTEGER
    ) STRICT;
    CREATE TABLE former_cards (
        of_import INTEGER NOT NULL, camera TEXT NOT NULL, open TEXT, secret BLOB, file TEXT, line INTEGER,
        import INTEGER, given_by TEXT, given_at INTEGER, PRIMARY KEY (of_import, camera)
    ) STRICT;
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{CameraId, Known, KnownNode, NodeKey};
    use crate::ledger::StateCause;
    use std::time::{Duration, SystemTime};

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
            let mut store = open(&folder.0).unwrap();
            store
                .keep([&known].into_iter(), std::slice::from_ref(&node))
                .unwrap();
        }
        let store = open(&folder.0).unwrap();
        assert_eq!(store.identities().unwrap(), (vec![known], vec![node]));
    }

    #[test]
    fn a_second_daemon_is_refused() {
        let folder = Folder::new("locked");
        let _first = open(&folder.0).unwrap();
        assert!(matches!(open(&folder.0), Err(Error::Locked(_))));
    }

    #[test]
    fn a_newer_store_is_refused_untouched() {
        let folder = Folder::new("newer");
        let store = open(&folder.0).unwrap();
        store
            .connection
            .pragma_update(None, "user_version", 99)
            .unwrap();
        drop(store);
        assert!(matches!(
            open(&folder.0),
            Err(Error::Newer { found: 99, .. })
        ));
    }

    #[test]
    fn intervals_end_where_the_next_begins_and_a_crash_ends_them_when_we_were_last_seen() {
        let folder = Folder::new("intervals");
        let camera = CameraId::derive("education", "a", 0);
        let at = |second| SystemTime::UNIX_EPOCH + Duration::from_secs(second);
        let refused = StateCause::offline(crate::ledger::Cause::Refused);
        {
            let mut store = open(&folder.0).unwrap();
            store.begin_life(at(0)).unwrap();
            let entered = [
                (camera, StateCause::ONLINE, at(10)),
                (camera, refused, at(20)),
            ];
            store.enter_states(&entered, at(30)).unwrap();
        }
        let mut store = open(&folder.0).unwrap();
        store.begin_life(at(100)).unwrap();
        store
            .enter_states(&[(camera, StateCause::ONLINE, at(110))], at(110))
            .unwrap();
        let intervals = store.intervals(camera, 10).unwrap();
        let interval = |state, began, ended| Interval {
            state,
            began: at(began),
            ended,
        };
        assert_eq!(
            intervals,
            [
                interval(StateCause::ONLINE, 110, None),
                interval(refused, 20, Some(at(30))),
                interval(StateCause::ONLINE, 10, Some(at(20))),
            ]
        );
        assert_eq!(store.prune(at(25)).unwrap(), 1);
    }

    #[test]
    fn refused_logins_and_maintenance_are_found_again() {
        let folder = Folder::new("refused");
        let mut store = open(&folder.0).unwrap();
        let camera = CameraId::derive("education", "a", 0);
        let login = RefusedLogin {
            host: "10.0.0.1".into(),
            port: 554,
            user: "admin".into(),
            times: 3,
            locked_until: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(900)),
            marks: [7, 65_535].into(),
        };
        store
            .keep_refused_logins(std::slice::from_ref(&login))
            .unwrap();
        store
            .set_maintained(camera, true, SystemTime::UNIX_EPOCH)
            .unwrap();
        assert_eq!(store.refused_logins().unwrap(), [login]);
        assert_eq!(store.maintained().unwrap(), [camera].into());
        store.keep_refused_logins(&[]).unwrap();
        store
            .set_maintained(camera, false, SystemTime::UNIX_EPOCH)
            .unwrap();
        assert_eq!(store.refused_logins().unwrap(), []);
        assert!(store.maintained().unwrap().is_empty());
    }

    #[test]
    fn a_store_of_the_first_version_is_taken_over() {
        let folder = Folder::new("old");
        create_dir_all(&folder.0).unwrap();
        let connection = Connection::open(folder.0.join("huiju.db")).unwrap();
        connection
            .execute_batch(&format!(
                "BEGIN; {IDENTITIES} PRAGMA user_version = 1; COMMIT;"
            ))
            .unwrap();
        drop(connection);
        let store = open(&folder.0).unwrap();
        assert!(store.refused_logins().unwrap().is_empty());
    }

    pub(super) fn open(folder: &Path) -> Result<Store, Error> {
        Store::open(folder, &folder.join("secrets.key"))
    }

    /// A folder of the test's own, removed at its end.
    pub(super) struct Folder(pub(super) PathBuf);

    impl Folder {
        pub(super) fn new(name: &str) -> Self {
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
