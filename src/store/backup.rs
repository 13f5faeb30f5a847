//! A copy of the store while the daemon runs, and the way back.

use std::fs::{File, OpenOptions, Permissions, copy, hard_link, metadata, remove_file, rename};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::{Error, FILE, SCHEMA_VERSION, lock, of};

/// Writes the store of `folder` as it is at this moment to `to`, which nobody else can read; a daemon may be at work
/// there meanwhile.
///
/// # Errors
///
/// `to` is there already, or one of them cannot be read or written; then there is no `to`.
pub fn back_up(folder: &Path, to: &Path) -> Result<(), Error> {
    let store = folder.join(FILE);
    // An empty file is what SQLite copies into: it would make one that others can read.
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options.open(to).map_err(of(to))?;
    let copied = copy_into(&store, to).and_then(|()| {
        let file = File::open(to).map_err(of(to))?;
        file.sync_all().map_err(of(to))
    });
    if copied.is_err() {
        // What is half written is no backup; why it is has been said.
        let _removed = remove_file(to);
    }
    copied
}

fn copy_into(store: &Path, to: &Path) -> Result<(), Error> {
    metadata(store).map_err(of(store))?;
    let connection = Connection::open_with_flags(store, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    check(&connection, store)?;
    let name = to.to_str().ok_or_else(|| Error::NotAStore {
        path: to.to_owned(),
        why: "its name is not UTF-8".to_owned(),
    })?;
    connection.execute("VACUUM INTO ?1", [name])?;
    Ok(())
}

/// Puts a backup in the place of the store of `folder`; returns where the former store is now, if there was one.
///
/// # Errors
///
/// A daemon is at work there, or `from` is no backup that this version can read; nothing has changed.
pub fn restore(folder: &Path, from: &Path) -> Result<Option<PathBuf>, Error> {
    let _lock = lock(folder)?;
    let (store, new) = (folder.join(FILE), folder.join("huiju.db.new"));
    let checked = copy(from, &new).map_err(of(from)).and_then(|_| {
        let connection = Connection::open_with_flags(&new, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        check(&connection, from)?;
        drop(connection);
        let mut options = OpenOptions::new();
        let file = options.write(true).open(&new).map_err(of(&new))?;
        file.set_permissions(Permissions::from_mode(0o600))
            .and_then(|()| file.sync_all())
            .map_err(of(&new))
    });
    if let Err(error) = checked {
        let _removed = remove_file(&new);
        return Err(error);
    }
    let former = keep_former(&store)?;
    rename(&new, &store).map_err(of(&store))?;
    let sync = File::open(folder).and_then(|folder| folder.sync_all());
    sync.map_err(of(folder))?;
    Ok(former)
}

/// Keeps the store that is there under a second name, with what its log still holds: there is a store at every moment,
/// or a start in between would give new codes.
fn keep_former(store: &Path) -> Result<Option<PathBuf>, Error> {
    // The last connection that closes writes the log into the store and removes it. One that is broken, which
    // may be why another is put in its place, is kept as it is.
    let _closed = Connection::open_with_flags(store, OpenFlags::SQLITE_OPEN_READ_WRITE)
        .and_then(|connection| connection.pragma_update(None, "journal_mode", "DELETE"));
    let former = store.with_extension("db.before-restore");
    for end in ["", "-wal", "-shm"] {
        let (own, kept) = (with_end(store, end), with_end(&former, end));
        if metadata(&kept).is_ok() {
            remove_file(&kept).map_err(of(&kept))?;
        }
        if metadata(&own).is_err() {
            continue;
        }
        // A log must not be taken for that of the new store.
        let keep = if end.is_empty() { hard_link } else { rename };
        keep(&own, &kept).map_err(of(&kept))?;
    }
    Ok(metadata(&former).is_ok().then_some(former))
}

fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// Whether this is a store, whole and of no newer version.
fn check(connection: &Connection, path: &Path) -> Result<(), Error> {
    let not_a_store = |why: String| Error::NotAStore {
        path: path.to_owned(),
        why,
    };
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get(0));
    let found: i64 = pragma("user_version").map_err(|error| not_a_store(error.to_string()))?;
    if found > SCHEMA_VERSION {
        return Err(Error::Newer {
            found,
            known: SCHEMA_VERSION,
        });
    }
    if found == 0 {
        return Err(not_a_store("it has no schema of huiju".to_owned()));
    }
    let integrity = connection.pragma_query_value(None, "integrity_check", |row| row.get(0));
    match integrity {
        Ok(said) if said == "ok" => Ok(()),
        Ok::<String, _>(said) => Err(not_a_store(said)),
        Err(error) => Err(not_a_store(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::catalog::CameraId;
    use crate::store::tests::{Folder, open};

    #[test]
    fn a_restored_store_is_the_one_that_was_backed_up_and_the_former_is_kept() {
        let (folder, other) = (Folder::new("backed-up"), Folder::new("restored"));
        let backup = folder.0.join("backup");
        let mut store = open(&folder.0).unwrap();
        let camera = CameraId::derive("education", "a", 0);
        store
            .set_maintained(camera, true, SystemTime::UNIX_EPOCH)
            .unwrap();
        back_up(&folder.0, &backup).unwrap();
        drop(open(&other.0).unwrap());
        let former = restore(&other.0, &backup).unwrap().unwrap();
        assert!(metadata(former).is_ok());
        let restored = open(&other.0).unwrap();
        assert_eq!(restored.maintained().unwrap(), [camera].into());
    }

    #[test]
    fn a_store_that_is_broken_gives_way_to_a_backup_and_leaves_it_no_log() {
        let (folder, other) = (Folder::new("whole"), Folder::new("broken"));
        let backup = folder.0.join("backup");
        drop(open(&folder.0).unwrap());
        back_up(&folder.0, &backup).unwrap();
        drop(open(&other.0).unwrap());
        let log = with_end(&other.0.join(FILE), "-wal");
        // Twice: what an earlier restore has kept is in nobody's way.
        for broken in ["broken", "broken again"] {
            std::fs::write(other.0.join(FILE), broken).unwrap();
            std::fs::write(&log, "its log").unwrap();
            let former = restore(&other.0, &backup).unwrap().unwrap();
            assert_eq!(std::fs::read(&former).unwrap(), broken.as_bytes());
            assert!(metadata(&log).is_err());
            drop(open(&other.0).unwrap());
        }
    }

    #[test]
    fn what_is_no_whole_store_is_not_restored_and_the_store_stays() {
        let folder = Folder::new("not-restored");
        let (good, bad) = (folder.0.join("good"), folder.0.join("bad"));
        drop(open(&folder.0).unwrap());
        back_up(&folder.0, &good).unwrap();
        let whole = std::fs::read(&good).unwrap();
        // A page in the middle, so that the head reads well.
        let mut damaged = whole.clone();
        damaged[2 * 4096..3 * 4096].fill(0xff);
        let newer = |connection: &Connection| {
            let version = SCHEMA_VERSION + 1;
            connection.pragma_update(None, "user_version", version)
        };
        for (bytes, change) in [
            (b"name,department,url\n".to_vec(), None),
            (Vec::new(), None),
            (whole[..whole.len() / 2].to_vec(), None),
            (damaged, None),
            (whole.clone(), Some(newer)),
        ] {
            std::fs::write(&bad, &bytes).unwrap();
            if let Some(change) = change {
                change(&Connection::open(&bad).unwrap()).unwrap();
            }
            let before = std::fs::read(folder.0.join(FILE)).unwrap();
            restore(&folder.0, &bad).unwrap_err();
            assert_eq!(std::fs::read(folder.0.join(FILE)).unwrap(), before);
            assert!(metadata(folder.0.join("huiju.db.new")).is_err());
        }
        drop(open(&folder.0).unwrap());
    }
}
