//! Reads the store without writing it: for log export, and for `events` and `replay` beside a running process.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row};

use super::documents::Lines;
use super::schema::{FILE_NAME, SCHEMA_VERSION, version_of};
use crate::event::DebuggerEvent;
use crate::quarantine::Quarantined;

/// An event on disk.
#[derive(Debug, Clone)]
pub struct StoredEvent {
    /// Position in the store: 1 for the first event ever, never reused.
    pub seq: u64,
    /// The event.
    pub event: DebuggerEvent,
}

/// How much is read at once, however many events were asked for: what a few hundred large ones would take in memory.
const READ_BYTES_MAX: usize = 4 << 20;

/// A store, open for reading.
#[derive(Debug)]
pub struct Archive {
    connection: Connection,
}

/// A reason why a store cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// There is no store in the directory.
    #[error("there is no store in {}", dir.display())]
    Absent {
        /// Which directory.
        dir: PathBuf,
    },
    /// Another version has written it.
    #[error("the store has schema version {found}, and this program reads version {SCHEMA_VERSION}")]
    Version {
        /// Its version.
        found: i64,
    },
    /// SQLite cannot.
    #[error("cannot read the store")]
    Sqlite(#[from] rusqlite::Error),
    /// A document is not what this program writes.
    #[error("event {seq} is not readable")]
    Document {
        /// The event's number.
        seq: u64,
        /// Why.
        source: serde_json::Error,
    },
}

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
    /// Opens the store in `dir`.
    ///
    /// # Errors
    ///
    /// [`ArchiveError`].
    pub fn open(dir: &Path) -> Result<Self, ArchiveError> {
        let path = dir.join(FILE_NAME);
        if !path.exists() {
            return Err(ArchiveError::Absent { dir: dir.to_owned() });
        }
        Self::open_file(&path)
    }

    pub(super) fn open_file(path: &Path) -> Result<Self, ArchiveError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        // A checkpoint of the writer may hold the file for a moment.
        connection.busy_timeout(std::time::Duration::from_secs(5))?;
        match version_of(&connection)? {
            SCHEMA_VERSION => Ok(Self { connection }),
            found => Err(ArchiveError::Version { found }),
        }
    }

    /// The events numbered above `after`, oldest first, at most `max` and about 4 MiB of them; at least one if there
    /// is one.
    ///
    /// # Errors
    ///
    /// [`ArchiveError`].
    pub fn events_after(&self, after: u64, max: usize) -> Result<Vec<StoredEvent>, ArchiveError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT last_seq, events, documents FROM event_groups WHERE last_seq > ?1 ORDER BY last_seq",
        )?;
        let mut rows = statement.query([after])?;
        let mut events = Vec::new();
        let mut bytes = 0;
        while let Some(row) = rows.next()? {
            let (numbers, lines) = documents_of(row)?;
            for (seq, document) in numbers.zip(lines.iter()).filter(|(seq, _)| *seq > after) {
                if events.len() == max || bytes >= READ_BYTES_MAX {
                    return Ok(events);
                }
                bytes += document.len();
                events.push(parse(seq, document)?);
            }
        }
        Ok(events)
    }

    /// The newest `max` events, newest first.
    ///
    /// # Errors
    ///
    /// [`ArchiveError`].
    pub fn newest_events(&self, max: usize) -> Result<Vec<StoredEvent>, ArchiveError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT last_seq, events, documents FROM event_groups ORDER BY last_seq DESC")?;
        let mut rows = statement.query([])?;
        let mut events = Vec::new();
        while let Some(row) = rows.next()? {
            let (numbers, lines) = documents_of(row)?;
            for (seq, document) in numbers.rev().zip(lines.iter().rev()) {
                if events.len() == max {
                    return Ok(events);
                }
                events.push(parse(seq, document)?);
            }
        }
        Ok(events)
    }

    /// The number of the last event received before `time`; 0 when there is none.
    ///
    /// # Errors
    ///
    /// [`ArchiveError`].
    pub fn last_before(&self, time: Timestamp) -> Result<u64, ArchiveError> {
        // Groups stand in the order of their arrival: each look halves what is left. `before` is the number of a group that
        // arrived in time, and from `after` on none did.
        let mut statement = self.connection.prepare_cached(
            "SELECT last_seq, received_at FROM event_groups WHERE last_seq >= ?1 ORDER BY last_seq LIMIT 1",
        )?;
        let (mut before, mut after) = (0, self.last_seq()? + 1);
        while after - before > 1 {
            let middle = before + (after - before) / 2;
            let group =
                statement.query_row([middle], |row| Ok((row.get::<_, u64>(0)?, row.get::<_, i64>(1)?))).optional()?;
            match group {
                Some((last_seq, received_at)) if received_at < time.as_millisecond() => before = last_seq,
                _ => after = middle,
            }
        }
        Ok(before)
    }

    /// The number of the last event in the store; 0 for an empty one.
    ///
    /// # Errors
    ///
    /// [`ArchiveError`].
    pub fn last_seq(&self) -> Result<u64, ArchiveError> {
        Ok(self.connection.query_row("SELECT last_seq FROM state", [], |row| row.get(0))?)
    }

    /// The newest `max` entries of the quarantine, newest first.
    ///
    /// # Errors
    ///
    /// [`ArchiveError`].
    pub fn quarantine(&self, max: usize) -> Result<Vec<ListedQuarantine>, ArchiveError> {
        let mut statement =
            self.connection.prepare_cached("SELECT id, document FROM quarantine ORDER BY id DESC LIMIT ?1")?;
        let rows = statement.query_map([i64::try_from(max).unwrap_or(i64::MAX)], |row| {
            Ok((row.get::<_, u64>(0)?, row.get::<_, String>(1)?))
        })?;
        let mut entries = Vec::new();
        for row in rows {
            let (id, document) = row?;
            let entry = serde_json::from_str(&document).map_err(|source| ArchiveError::Document { seq: id, source })?;
            entries.push(ListedQuarantine { id, entry });
        }
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
        let rows = statement.query_map([i64::try_from(max).unwrap_or(i64::MAX)], |row| {
            let sids: String = row.get(3)?;
            Ok(PartialDelivery {
                at: Timestamp::from_millisecond(row.get(0)?).unwrap_or_default(),
                rejected: row.get(1)?,
                message: row.get(2)?,
                sids: sids.lines().map(str::to_owned).collect(),
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// The numbers of a group's events, and their documents.
fn documents_of(row: &Row<'_>) -> rusqlite::Result<(RangeInclusive<u64>, Lines)> {
    let (last_seq, events): (u64, u64) = (row.get(0)?, row.get(1)?);
    Ok((last_seq + 1 - events..=last_seq, row.get(2)?))
}

fn parse(seq: u64, document: &str) -> Result<StoredEvent, ArchiveError> {
    let event: DebuggerEvent =
        serde_json::from_str(document).map_err(|source| ArchiveError::Document { seq, source })?;
    Ok(StoredEvent { seq, event })
}
