//! What was: intervals of states, passwords that were refused, maintenance.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OpenFlags, Row, params};

use super::{Error, Store, text};
use crate::catalog::CameraId;
use crate::ledger::{Cause, State, StateCause};

/// A stretch of time in which a camera had one state.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Interval {
    /// The state.
    pub state: StateCause,
    /// When it was entered.
    pub began: SystemTime,
    /// When it was left; `None`: not yet.
    pub ended: Option<SystemTime>,
}

/// A password that cameras refused.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RefusedLogin {
    /// The camera's host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The user.
    pub user: String,
    /// How often.
    pub times: u32,
    /// Until when it must not be tried.
    pub locked_until: Option<SystemTime>,
    /// Tell the passwords that were refused from others.
    pub marks: BTreeSet<u16>,
}

/// The refused passwords that a daemon with that folder knows; none where there is no store. The folder
/// may be in use.
///
/// # Errors
///
/// The store cannot be read.
pub fn refused_logins_of(folder: &Path) -> Result<Vec<RefusedLogin>, Error> {
    let file = folder.join(super::FILE);
    if !file.exists() {
        return Ok(Vec::new());
    }
    let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    if connection.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))? < 2 {
        return Ok(Vec::new());
    }
    read_refused_logins(&connection)
}

fn read_refused_logins(connection: &Connection) -> Result<Vec<RefusedLogin>, Error> {
    let mut select = connection.prepare_cached(
        "SELECT host, port, user, times, locked_until, marks FROM refused_logins",
    )?;
    let rows = select.query_map([], |row| {
        Ok(RefusedLogin {
            host: row.get(0)?,
            port: row.get(1)?,
            user: row.get(2)?,
            times: row.get(3)?,
            locked_until: row.get::<_, Option<i64>>(4)?.map(time),
            marks: marks(&row.get::<_, String>(5)?),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

impl Store {
    /// Ends the intervals that the last run left open, when that run was last known to live.
    ///
    /// # Errors
    ///
    /// The store cannot be written.
    pub fn begin_life(&mut self, now: SystemTime) -> Result<(), Error> {
        let transaction = self.connection.transaction()?;
        transaction.execute(
            "UPDATE intervals SET ended = max(began, coalesce((SELECT at FROM life), began)) WHERE ended IS NULL",
            [],
        )?;
        transaction.execute(
            "INSERT OR REPLACE INTO life (id, at) VALUES (0, ?1)",
            [millis(now)],
        )?;
        Ok(transaction.commit()?)
    }

    /// Notes states that cameras entered, in order, and that we live; all or none.
    ///
    /// # Errors
    ///
    /// The store cannot be written; nothing was.
    pub fn enter_states(
        &mut self,
        entered: &[(CameraId, StateCause, SystemTime)],
        now: SystemTime,
    ) -> Result<(), Error> {
        let transaction = self.connection.transaction()?;
        {
            let mut end = transaction.prepare_cached(
                "UPDATE intervals SET ended = max(began, ?2) WHERE camera = ?1 AND ended IS NULL",
            )?;
            let mut begin = transaction.prepare_cached(
                "INSERT INTO intervals (camera, began, state, cause) VALUES (?1, ?2, ?3, ?4)",
            )?;
            for (camera, state, at) in entered {
                end.execute(params![camera.as_str(), millis(*at)])?;
                let (state, cause) = (state.state().name(), state.cause().name());
                begin.execute(params![camera.as_str(), millis(*at), state, cause])?;
            }
        }
        transaction.execute(
            "INSERT OR REPLACE INTO life (id, at) VALUES (0, ?1)",
            [millis(now)],
        )?;
        Ok(transaction.commit()?)
    }

    /// The newest intervals of a camera, newest first.
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    pub fn intervals(&self, camera: CameraId, count: usize) -> Result<Vec<Interval>, Error> {
        let mut select = self.connection.prepare_cached(
            "SELECT state, cause, began, ended FROM intervals WHERE camera = ?1 ORDER BY began DESC, rowid DESC LIMIT ?2",
        )?;
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let rows = select.query_map(params![camera.as_str(), count], interval)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Forgets intervals that ended before `before`; returns how many.
    ///
    /// # Errors
    ///
    /// The store cannot be written.
    pub fn prune(&mut self, before: SystemTime) -> Result<usize, Error> {
        let deleted = self
            .connection
            .execute("DELETE FROM intervals WHERE ended < ?1", [millis(before)])?;
        Ok(deleted)
    }

    /// The passwords that were refused.
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    pub fn refused_logins(&self) -> Result<Vec<RefusedLogin>, Error> {
        read_refused_logins(&self.connection)
    }

    /// Keeps these refused passwords, and only these.
    ///
    /// # Errors
    ///
    /// The store cannot be written; nothing was.
    pub fn keep_refused_logins(&mut self, logins: &[RefusedLogin]) -> Result<(), Error> {
        let transaction = self.connection.transaction()?;
        transaction.execute("DELETE FROM refused_logins", [])?;
        for login in logins {
            let locked_until = login.locked_until.map(millis);
            transaction.execute(
                "INSERT INTO refused_logins (host, port, user, times, locked_until, marks) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![login.host, login.port, login.user, login.times, locked_until, written(&login.marks)],
            )?;
        }
        Ok(transaction.commit()?)
    }

    /// The cameras that operators took out of service.
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    pub fn maintained(&self) -> Result<BTreeSet<CameraId>, Error> {
        let mut select = self
            .connection
            .prepare_cached("SELECT camera FROM maintained")?;
        let rows = select.query_map([], |row| text(row, 0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Notes that an operator took a camera out of service, or back into it.
    ///
    /// # Errors
    ///
    /// The store cannot be written.
    pub fn set_maintained(
        &mut self,
        camera: CameraId,
        is_maintained: bool,
        now: SystemTime,
    ) -> Result<(), Error> {
        let (sql, values) = if is_maintained {
            (
                "INSERT OR IGNORE INTO maintained (camera, since) VALUES (?1, ?2)",
                params![camera.as_str(), millis(now)],
            )
        } else {
            (
                "DELETE FROM maintained WHERE camera = ?1 AND ?2 IS NOT NULL",
                params![camera.as_str(), millis(now)],
            )
        };
        self.connection.execute(sql, values)?;
        Ok(())
    }
}

/// Marks as they are stored: decimal, with blanks between them.
fn written(marks: &BTreeSet<u16>) -> String {
    marks
        .iter()
        .map(u16::to_string)
        .collect::<Vec<_>>()
        .join(" ")
}

fn marks(text: &str) -> BTreeSet<u16> {
    text.split(' ')
        .filter_map(|mark| mark.parse().ok())
        .collect()
}

fn interval(row: &Row<'_>) -> rusqlite::Result<Interval> {
    let (state, cause): (String, String) = (row.get(0)?, row.get(1)?);
    let state = State::of(&state).zip(Cause::of(&cause));
    let state = state.and_then(|(state, cause)| StateCause::new(state, cause));
    Ok(Interval {
        state: state.unwrap_or(StateCause::UNKNOWN),
        began: time(row.get(2)?),
        ended: row.get::<_, Option<i64>>(3)?.map(time),
    })
}

pub(super) fn millis(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

pub(super) fn time(millis: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}
