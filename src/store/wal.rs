//! The write-ahead log: how far it has grown, and when what stands in it is carried over into the database.
//!
//! Commits are written to the log and synced there. A checkpoint carries them over, beside the writer and in small parts, so that
//! requests hardly ever wait for one; when the log has become large the writer does the rest itself, and the log starts again from its
//! beginning. So its size is bounded, and a commit hardly ever makes a file grow.

use std::path::PathBuf;

use rusqlite::Connection;

use super::checkpointer::{Checkpoint, Checkpointer, checkpoint};

/// Bytes written to the log between two checkpoints in the background.
const NUDGE_BYTES: usize = 4 << 20;

/// Bytes written to the log before the writer carries the rest over itself, and the log starts again.
const CHECKPOINT_BYTES: usize = 16 << 20;

/// What is known of the log.
#[derive(Debug)]
pub(super) struct Wal {
    /// What stands in it, about.
    bytes: usize,
    /// How much that was at the last nudge.
    nudged_at: usize,
    checkpointer: Checkpointer,
}

impl Wal {
    /// Starts the thread for checkpoints of the database at `path`.
    pub(super) fn start(path: PathBuf) -> Self {
        Self { bytes: 0, nudged_at: 0, checkpointer: Checkpointer::start(path) }
    }

    /// Notes that something was written.
    pub(super) fn grow(&mut self, bytes: usize) {
        self.bytes += bytes;
    }

    /// Whether a write or a sync has failed while the log was carried over: then the writer must not go on either.
    pub(super) fn has_failed(&self) -> bool {
        self.checkpointer.has_failed()
    }

    /// Carries over what is due, or has it carried over.
    pub(super) fn checkpoint_if_due(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        if self.bytes >= CHECKPOINT_BYTES {
            self.checkpoint(connection)?;
        } else if self.bytes >= self.nudged_at + NUDGE_BYTES {
            self.checkpointer.nudge();
            self.nudged_at = self.bytes;
        }
        Ok(())
    }

    /// Carries over the rest, so that the log can start again from its beginning.
    pub(super) fn checkpoint(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        self.bytes = match checkpoint(connection)? {
            Checkpoint::Complete => 0,
            Checkpoint::Partial => CHECKPOINT_BYTES - NUDGE_BYTES,
        };
        self.nudged_at = self.bytes;
        Ok(())
    }
}
