//! What the collector would not have, and what was not understood: the quarantine, and deliveries that were taken in part.

use jiff::Timestamp;
use rusqlite::Row;

use super::{Archive, ArchiveError};
use crate::quarantine::Quarantined;
use crate::sid::EventSid;

/// An entry of the quarantine with its number.
#[derive(Debug, Clone)]
pub struct ListedQuarantine {
    /// Counted from 1.
    pub id: u64,
    /// The entry.
    pub entry: Quarantined,
}

/// A request of which the collector dropped some records without naming them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartialDelivery {
    /// When.
    pub at: Timestamp,
    /// How many records.
    pub rejected: u64,
    /// The collector's words.
    pub message: String,
    /// The Sids of the whole request.
    pub sids: Vec<String>,
}

impl Archive {
    /// The newest `max` entries of the quarantine, newest first.
    ///
    /// # Errors
    ///
    /// [`ArchiveError`].
    pub fn quarantine(&self, max: usize) -> Result<Vec<ListedQuarantine>, ArchiveError> {
        self.quarantine_before(i64::MAX.unsigned_abs(), max)
    }

    /// The newest `max` of those numbered below `before`, newest first.
    ///
    /// # Errors
    ///
    /// [`ArchiveError`].
    pub fn quarantine_before(&self, before: u64, max: usize) -> Result<Vec<ListedQuarantine>, ArchiveError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT id, document FROM quarantine WHERE id < ?1 ORDER BY id DESC LIMIT ?2")?;
        let max = i64::try_from(max).unwrap_or(i64::MAX);
        let rows = statement.query_map((before, max), id_and_document)?;
        rows.map(|row| listed(row?)).collect()
    }

    /// Every entry of the quarantine for the event with this Sid, oldest first.
    ///
    /// # Errors
    ///
    /// [`ArchiveError`].
    pub fn quarantine_of(&self, sid: &EventSid) -> Result<Vec<ListedQuarantine>, ArchiveError> {
        // Hexadecimal digits may have come in any case; SQLite's `like` has none either.
        let mut statement =
            self.connection.prepare_cached("SELECT id, document FROM quarantine WHERE document LIKE ?1 ORDER BY id")?;
        let rows = statement.query_map([format!("%{sid}%")], id_and_document)?;
        let mut entries = rows.map(|row| listed(row?)).collect::<Result<Vec<_>, _>>()?;
        entries.retain(|listed| {
            listed.entry.sid.as_deref().and_then(|own| EventSid::parse(own).ok()).as_ref() == Some(sid)
        });
        Ok(entries)
    }

    /// The newest `max` partial deliveries, newest first.
    ///
    /// # Errors
    ///
    /// [`ArchiveError`].
    pub fn partial_deliveries(&self, max: usize) -> Result<Vec<PartialDelivery>, ArchiveError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT at, rejected, message, sids FROM partial_deliveries ORDER BY id DESC LIMIT ?1")?;
        let rows = statement.query_map([i64::try_from(max).unwrap_or(i64::MAX)], partial_delivery)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Every partial delivery whose request held the event with this Sid, oldest first: it may be among the dropped ones.
    ///
    /// # Errors
    ///
    /// [`ArchiveError`].
    pub fn partial_deliveries_of(&self, sid: &EventSid) -> Result<Vec<PartialDelivery>, ArchiveError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT at, rejected, message, sids FROM partial_deliveries WHERE instr(sids, ?1) > 0 ORDER BY id",
        )?;
        let rows = statement.query_map([sid.as_str()], partial_delivery)?;
        let mut found = rows.collect::<Result<Vec<_>, _>>()?;
        found.retain(|delivery| delivery.sids.iter().any(|held| held == sid.as_str()));
        Ok(found)
    }
}

fn partial_delivery(row: &Row<'_>) -> rusqlite::Result<PartialDelivery> {
    let sids: String = row.get(3)?;
    Ok(PartialDelivery {
        at: Timestamp::from_millisecond(row.get(0)?).unwrap_or_default(),
        rejected: row.get(1)?,
        message: row.get(2)?,
        sids: sids.lines().map(str::to_owned).collect(),
    })
}

fn id_and_document(row: &Row<'_>) -> rusqlite::Result<(u64, String)> {
    Ok((row.get(0)?, row.get(1)?))
}

fn listed((id, document): (u64, String)) -> Result<ListedQuarantine, ArchiveError> {
    let entry = serde_json::from_str(&document).map_err(|source| ArchiveError::Document { seq: id, source })?;
    Ok(ListedQuarantine { id, entry })
}
