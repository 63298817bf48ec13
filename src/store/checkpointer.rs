//! Carries the write-ahead log over into the database file beside the writer, so that hardly anything is left to do when the
//! writer does it itself.
//!
//! Only the writer's own checkpoint lets the log start again from its beginning: while it writes, this one is always a little
//! behind. But then a few megabytes are left and not all of them, and whoever waits waits milliseconds.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};

use rusqlite::{Connection, ErrorCode};

/// How much of the log has been carried over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Checkpoint {
    /// All of it: the log starts again from its beginning.
    Complete,
    /// Not all: another checkpoint is running, a reader holds a part, or the disk is full. It stays in the log.
    Partial,
}

/// The thread that does it; it ends with this value.
#[derive(Debug)]
pub(super) struct Checkpointer {
    wake: SyncSender<()>,
    failed: Arc<AtomicBool>,
}

impl Checkpointer {
    pub(super) fn start(path: PathBuf) -> Self {
        let (wake, woken) = sync_channel(1);
        let failed = Arc::new(AtomicBool::new(false));
        let noted = failed.clone();
        let work = move || {
            let outcome = Connection::open(&path).and_then(|connection| {
                while woken.recv().is_ok() {
                    checkpoint(&connection)?;
                }
                Ok(())
            });
            if let Err(error) = outcome {
                tracing::error!(%error, "the log cannot be carried over");
                noted.store(true, Ordering::Release);
            }
        };
        let spawned = std::thread::Builder::new().name("checkpointer".into()).spawn(work);
        if let Err(error) = spawned {
            tracing::warn!(%error, "no thread for checkpoints: the writer does them alone");
        }
        Self { wake, failed }
    }

    /// Asks for a checkpoint, unless one is asked for already.
    pub(super) fn nudge(&self) {
        // Full: one is waiting to be done. Gone: the writer does it alone.
        let _ = self.wake.try_send(());
    }

    /// Whether a write or a sync has failed: then the writer must not go on either.
    pub(super) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }
}

/// Carries over what nobody reads. An error is fatal; want of room is none, nor is a lock of somebody else's.
pub(super) fn checkpoint(connection: &Connection) -> rusqlite::Result<Checkpoint> {
    let outcome = connection.prepare_cached("PRAGMA wal_checkpoint(PASSIVE)").and_then(|mut statement| {
        statement.query_row([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?)))
    });
    match outcome {
        Ok((0, pages, carried)) if pages == carried => Ok(Checkpoint::Complete),
        Ok(_) => Ok(Checkpoint::Partial),
        Err(error) => match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull | ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Ok(Checkpoint::Partial),
            _ => Err(error),
        },
    }
}
