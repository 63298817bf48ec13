//! The store as log export sees it: what has not been delivered, and how to say that it has.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{mpsc, oneshot, watch};

use super::archive::{Archive, StoredEvent};
use super::settlement::{Settlement, StoreGone};
use super::writer::Command;

/// The undelivered part of the store. Not to be cloned: there is one cursor, and who moves it has it.
#[derive(Debug)]
pub struct Backlog {
    path: PathBuf,
    /// Opened at the first read; shared with the thread that reads, which may outlive a dropped [`Self::unsent`].
    reader: Arc<Mutex<Option<Archive>>>,
    cursor: u64,
    commands: mpsc::Sender<Command>,
    stored: watch::Receiver<u64>,
}

impl Backlog {
    pub(super) fn new(
        path: PathBuf,
        cursor: u64,
        commands: mpsc::Sender<Command>,
        stored: watch::Receiver<u64>,
    ) -> Self {
        Self { path, reader: Arc::default(), cursor, commands, stored }
    }

    /// The next events behind the cursor, oldest first, at most `records_max`; waits until there is one.
    ///
    /// # Errors
    ///
    /// [`StoreGone`] if the store cannot be read, or its writer has ended.
    pub async fn unsent(&self, records_max: usize) -> Result<Vec<StoredEvent>, StoreGone> {
        let mut stored = self.stored.clone();
        loop {
            let last = *stored.borrow_and_update();
            if last > self.cursor {
                let events = self.read(self.cursor, records_max).await?;
                // None, although there were some: they were let go while log export was off.
                if !events.is_empty() {
                    return Ok(events);
                }
            }
            stored.changed().await.map_err(|_| StoreGone)?;
        }
    }

    /// Moves the cursor; returns once that is synced.
    ///
    /// # Errors
    ///
    /// [`StoreGone`]; the cursor may or may not have moved.
    pub async fn settle(&mut self, settlement: Settlement) -> Result<(), StoreGone> {
        let through = settlement.through;
        let (done, settled) = oneshot::channel();
        self.commands.send(Command::Settle { settlement, done }).await.map_err(|_| StoreGone)?;
        settled.await.map_err(|_| StoreGone)??;
        self.cursor = through.max(self.cursor);
        Ok(())
    }

    async fn read(&self, after: u64, records_max: usize) -> Result<Vec<StoredEvent>, StoreGone> {
        let (path, reader) = (self.path.clone(), self.reader.clone());
        let read = move || {
            let mut reader = reader.lock().unwrap_or_else(PoisonError::into_inner);
            let archive = match &mut *reader {
                Some(archive) => archive,
                None => reader.insert(Archive::open_file(&path)?),
            };
            archive.events_after(after, records_max)
        };
        let events = tokio::task::spawn_blocking(read).await.map_err(|_| StoreGone)?;
        events.map_err(|error| {
            tracing::error!(%error, "the store cannot be read for log export");
            StoreGone
        })
    }
}
