//! Ids and codes: rows are added, never removed.

use rusqlite::{Row, Transaction, params};

use super::{Error, Store, text};
use crate::catalog::{GbCode, Known, KnownNode, NodeKey};

impl Store {
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
        write(&transaction, cameras, nodes)?;
        Ok(transaction.commit()?)
    }
}

/// Writes identities within a change.
pub(super) fn write<'a>(
    transaction: &Transaction<'_>,
    cameras: impl Iterator<Item = &'a Known>,
    nodes: &[KnownNode],
) -> Result<(), Error> {
    let mut insert = transaction.prepare(
        "INSERT INTO cameras (id, code, department, source_id, location) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (id) DO UPDATE SET department = excluded.department, source_id = excluded.source_id, location = excluded.location",
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
    let mut insert = transaction
        .prepare("INSERT INTO nodes (code, department, organisation) VALUES (?1, ?2, ?3)")?;
    for node in nodes {
        let (department, organisation) = match &node.key {
            NodeKey::Group => (None, None),
            NodeKey::Department(department) => (Some(department), None),
            NodeKey::Organisation(department, unit) => (Some(department), Some(unit)),
        };
        insert.execute(params![node.code.as_str(), department, organisation])?;
    }
    Ok(())
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
