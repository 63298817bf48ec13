//! The open store: what is committed to it, what it uses, and when its log is carried over.

use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, OptionalExtension as _, TransactionBehavior};

use super::statements::Statements;
use super::wal::Wal;

/// What one commit adds to the log besides the documents themselves: a page or two of each table it touches.
const COMMIT_BYTES: usize = 32 << 10;

/// How long one try to write waits for another program that holds the write lock. Whoever can wait longer tries again.
const LOCK_WAIT: Duration = Duration::from_millis(200);

/// A reason why a transaction was not committed; nothing of it is written.
#[derive(Debug, thiserror::Error)]
pub(super) enum CommitError {
    /// Another program holds the write lock: an operator's shell, a backup. It will let go of it.
    #[error("another program has locked the store")]
    Locked,
    /// The disk is full.
    #[error("the disk is full")]
    Full,
    /// A write or a sync failed, and what is on disk is for the next start to find out.
    #[error("a write or a sync failed")]
    Failed(#[source] rusqlite::Error),
}

impl From<rusqlite::Error> for CommitError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked,
            Some(ErrorCode::DiskFull) => Self::Full,
            _ => Self::Failed(error),
        }
    }
}

/// The open store, of which there is one writer.
#[derive(Debug)]
pub(super) struct Disk {
    connection: Connection,
    wal: Wal,
    bytes: u64,
    /// Of a page; a store that an earlier version began has larger ones than a new one.
    page_bytes: u64,
    path: PathBuf,
    _lock: File,
}

impl Disk {
    /// Takes over an open database, and the lock of its directory.
    pub(super) fn new(connection: Connection, path: PathBuf, lock: File) -> rusqlite::Result<Self> {
        connection.busy_timeout(LOCK_WAIT)?;
        let page_bytes = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
        let bytes = pages_of(&connection)? * page_bytes;
        Ok(Self { connection, wal: Wal::start(path.clone()), bytes, page_bytes, path, _lock: lock })
    }

    pub(super) fn path(&self) -> PathBuf {
        self.path.clone()
    }

    /// Commits what `write` writes, and keeps the books: how much the store uses, and how far the log has grown.
    ///
    /// The write lock is taken at the beginning: a transaction that reads first is refused without any wait when somebody else has
    /// written meanwhile. One that comes too late waits for [`LOCK_WAIT`]; who can wait longer comes again.
    ///
    /// # Errors
    ///
    /// [`CommitError`]; nothing is written.
    pub(super) fn commit<T>(
        &mut self,
        write: impl FnOnce(&Statements<'_>) -> Result<T, CommitError>,
    ) -> Result<T, CommitError> {
        let changes = self.connection.total_changes();
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let statements = Statements::new(&transaction);
        let outcome = write(&statements)?;
        let written = statements.bytes();
        // Asked in the transaction this costs no locks of its own.
        let pages = pages_of(&transaction)?;
        transaction.commit()?;
        self.bytes = pages * self.page_bytes;
        if self.connection.total_changes() > changes {
            self.wal.grow(written + COMMIT_BYTES);
        }
        Ok(outcome)
    }

    /// Bytes of the pages in use.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Carries the log over if it has grown enough for that.
    pub(super) fn checkpoint_if_due(&mut self) -> rusqlite::Result<()> {
        self.wal.checkpoint_if_due(&self.connection)
    }

    /// Carries all of the log over.
    pub(super) fn checkpoint(&mut self) -> rusqlite::Result<()> {
        self.wal.checkpoint(&self.connection)
    }

    /// Whether a write or a sync has failed beside the writer.
    pub(super) fn has_failed(&self) -> bool {
        self.wal.has_failed()
    }

    /// When the oldest event arrived.
    pub(super) fn oldest(&self) -> rusqlite::Result<Option<Timestamp>> {
        let mut statement =
            self.connection.prepare_cached("SELECT received_at FROM event_groups ORDER BY last_seq LIMIT 1")?;
        let millis: Option<i64> = statement.query_row([], |row| row.get(0)).optional()?;
        Ok(millis.and_then(|millis| Timestamp::from_millisecond(millis).ok()))
    }
}

/// The pages in use.
fn pages_of(connection: &Connection) -> rusqlite::Result<u64> {
    let number = |pragma| connection.prepare_cached(pragma)?.query_row([], |row| row.get::<_, u64>(0));
    Ok(number("PRAGMA page_count")?.saturating_sub(number("PRAGMA freelist_count")?))
}
