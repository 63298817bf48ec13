//! Reads the store without writing it: for log export, and for `events` and `replay` beside a running process.

mod set_aside;

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row};

pub use self::set_aside::{ListedQuarantine, PartialDelivery};
use super::documents::Lines;
use super::schema::{FILE_NAME, SCHEMA_VERSION, version_of};
use crate::event::DebuggerEvent;
use crate::sid::EventSid;

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

/// The most groups that are searched in one reading.
const PAGE_GROUPS: usize = 256;

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

    /// The events numbered below `before`, newest first, at most `max` and about 4 MiB of them; at least one if there is one. Not all
    /// at once, for as long as somebody reads, the writer's log can only grow.
    ///
    /// # Errors
    ///
    /// [`ArchiveError`].
    pub fn events_before(&self, before: u64, max: usize) -> Result<Vec<StoredEvent>, ArchiveError> {
        // The last group is the one that the event before `before` is in, or would be.
        let mut statement = self.connection.prepare_cached(
            "SELECT last_seq, events, documents FROM event_groups
             WHERE last_seq <= coalesce((SELECT min(last_seq) FROM event_groups WHERE last_seq >= ?1), ?1)
             ORDER BY last_seq DESC",
        )?;
        let mut rows = statement.query([before.saturating_sub(1)])?;
        let mut events = Vec::new();
        let mut bytes = 0;
        while let Some(row) = rows.next()? {
            let (numbers, lines) = documents_of(row)?;
            for (seq, document) in numbers.rev().zip(lines.iter().rev()).filter(|(seq, _)| *seq < before) {
                if events.len() == max || bytes >= READ_BYTES_MAX {
                    return Ok(events);
                }
                bytes += document.len();
                events.push(parse(seq, document)?);
            }
        }
        Ok(events)
    }

    /// Every event with this Sid, oldest first: more than one where it has come again after it was forgotten.
    ///
    /// There is no index of Sids: this reads everything, a part at a time.
    ///
    /// # Errors
    ///
    /// [`ArchiveError`].
    pub fn events_of(&self, sid: &EventSid) -> Result<Vec<StoredEvent>, ArchiveError> {
        let page = format!(
            "SELECT last_seq, events, documents FROM event_groups WHERE last_seq > ?1 ORDER BY last_seq LIMIT {PAGE_GROUPS}"
        );
        let mut statement = self.connection.prepare_cached(&page)?;
        let (mut position, mut found) = (0, Vec::new());
        loop {
            let mut rows = statement.query([position])?;
            let before = position;
            while let Some(row) = rows.next()? {
                let (numbers, lines) = documents_of(row)?;
                position = *numbers.end();
                // A Sid is letters and digits, so it stands in the document as it is.
                for (seq, document) in numbers.zip(lines.iter()).filter(|(_, document)| document.contains(sid.as_str()))
                {
                    found.extend(Some(parse(seq, document)?).filter(|stored| stored.event.sid == *sid));
                }
            }
            if position == before {
                return Ok(found);
            }
        }
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
