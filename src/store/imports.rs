//! Imports: what was uploaded, what was said of it, and what became of it.

use std::time::SystemTime;

use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::cards::Step;
use super::states::{millis, time};
use super::{Error, Store};

/// An import: a file that was uploaded, and what it would do or did.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Import {
    /// Its number.
    pub id: u64,
    /// The name of the file.
    pub file: String,
    /// The department that it is for, by id.
    pub department: Option<String>,
    /// `merge` or `replace`.
    pub mode: String,
    /// So many cameras may be disabled.
    pub allow_removals: usize,
    /// Who uploaded it.
    pub by: String,
    /// When.
    pub at: SystemTime,
    /// What it was reviewed against and would do: another plan has another digest.
    pub digest: String,
    /// How much it is of what, as whoever wrote it keeps it.
    pub summary: String,
    /// What became of it.
    pub progress: Progress,
}

/// What became of an import.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Progress {
    /// It was looked at.
    Planned,
    /// It is in force since then.
    Applied(SystemTime),
    /// It was in force; since then it is not.
    Undone(SystemTime),
}

/// An import that is to be kept.
#[derive(Clone, Debug)]
pub struct NewImport<'a> {
    /// All but its number.
    pub import: &'a Import,
    /// The file itself; it is sealed.
    pub bytes: &'a [u8],
    /// What is to be said of each row.
    pub report: &'a str,
}

impl Store {
    /// Keeps an import and returns its number. The oldest ones go when there are many: then they can be undone no more.
    ///
    /// # Errors
    ///
    /// The store cannot be written; nothing was.
    pub fn keep_import(&mut self, new: &NewImport<'_>) -> Result<u64, Error> {
        let sealed = self.seal.seal(FILE_OWNER, new.bytes)?;
        let transaction = self.connection.transaction()?;
        let import = new.import;
        transaction.execute(
            "INSERT INTO imports (file, department, mode, allow_removals, given_by, given_at, digest, summary, bytes, report)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            params![
                import.file,
                import.department,
                import.mode,
                import.allow_removals,
                import.by,
                millis(import.at),
                import.digest,
                import.summary,
                sealed,
                new.report
            ],
        )?;
        let id = u64::try_from(transaction.last_insert_rowid()).unwrap_or(0);
        let newest = id.saturating_sub(IMPORTS_MAX);
        transaction.execute("DELETE FROM former_cards WHERE of_import <= ?1", [newest])?;
        transaction.execute("DELETE FROM imports WHERE id <= ?1", [newest])?;
        transaction.commit()?;
        Ok(id)
    }

    /// All imports that are kept, the newest first.
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    pub fn imports(&self) -> Result<Vec<Import>, Error> {
        let query = format!("SELECT {IMPORT} FROM imports ORDER BY id DESC");
        let mut imports = self.connection.prepare(&query)?;
        let imports = imports.query_map([], import)?;
        Ok(imports.collect::<Result<_, _>>()?)
    }

    /// One import.
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    pub fn import(&self, id: u64) -> Result<Option<Import>, Error> {
        let query = format!("SELECT {IMPORT} FROM imports WHERE id = ?1");
        Ok(self.connection.query_row(&query, [id], import).optional()?)
    }

    /// What was said of each row of an import.
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    pub fn import_report(&self, id: u64) -> Result<Option<String>, Error> {
        let query = "SELECT report FROM imports WHERE id = ?1";
        let report = self.connection.query_row(query, [id], |row| row.get(0));
        Ok(report.optional()?)
    }

    /// The file that was uploaded.
    ///
    /// # Errors
    ///
    /// The store cannot be read, or the key is another.
    pub fn import_file(&self, id: u64) -> Result<Option<Vec<u8>>, Error> {
        let query = "SELECT bytes FROM imports WHERE id = ?1";
        let sealed = self.connection.query_row(query, [id], |row| row.get(0));
        let sealed: Option<Vec<u8>> = sealed.optional()?;
        sealed
            .map(|sealed| self.seal.open(FILE_OWNER, &sealed))
            .transpose()
    }
}

/// Writes what became of an import.
pub(super) fn step(
    transaction: &Transaction<'_>,
    step: Step,
    now: SystemTime,
) -> Result<(), Error> {
    let (column, id) = match step {
        Step::None => return Ok(()),
        Step::Apply(id) => ("applied_at", id),
        Step::Undo(id) => ("undone_at", id),
    };
    let update = format!("UPDATE imports SET {column} = ?1 WHERE id = ?2");
    transaction.execute(&update, params![millis(now), id])?;
    Ok(())
}

fn import(row: &Row<'_>) -> rusqlite::Result<Import> {
    let (applied, undone): (Option<i64>, Option<i64>) = (row.get(9)?, row.get(10)?);
    let progress = match (applied, undone) {
        (_, Some(at)) => Progress::Undone(time(at)),
        (Some(at), None) => Progress::Applied(time(at)),
        (None, None) => Progress::Planned,
    };
    Ok(Import {
        id: row.get(0)?,
        file: row.get(1)?,
        department: row.get(2)?,
        mode: row.get(3)?,
        allow_removals: row.get(4)?,
        by: row.get(5)?,
        at: time(row.get(6)?),
        digest: row.get(7)?,
        summary: row.get(8)?,
        progress,
    })
}

const IMPORT: &str = "id, file, department, mode, allow_removals, given_by, given_at, digest, summary, applied_at, undone_at";
/// An import's number is given by the store: its file cannot name it.
const FILE_OWNER: &str = "import";
/// So many imports are kept, with their files.
const IMPORTS_MAX: u64 = 64;
