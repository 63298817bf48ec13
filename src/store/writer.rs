//! The one thread that writes: takes everything that waits, commits it once, and answers afterwards.
//!
//! While one group syncs, the next one gathers in the channel, and a group waits a moment for others to join it, see
//! `gathering.rs`. So under load most clients share a sync; alone a group is one request, not kept waiting, and costs one sync.

mod arrivals;
mod checkpointer;
mod gathering;
mod room;
mod settlements;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU8;

use jiff::Timestamp;
use rusqlite::ErrorCode;
use tokio::sync::{mpsc, oneshot, watch};

pub(super) use self::arrivals::Waiting;
use self::arrivals::{Group, Tally};
use self::checkpointer::{Carried, Checkpointer};
use self::gathering::Clients;
pub(super) use self::gathering::Gathering;
use super::disk::{COMMIT_BYTES, Disk, Write};
use super::documents::Packed;
use super::settlement::{Settlement, StoreGone};
use super::{AcceptError, KeptCounters, Receipt, Settings};
use crate::metrics::Metrics;
use crate::metrics::event_series::SeriesLabels;

/// The most commands of one group.
const GROUP_MAX: usize = 256;

/// Bytes written to the log between two checkpoints in the background.
const NUDGE_BYTES: usize = 4 << 20;

/// Bytes written to the log before the writer carries the rest over itself, and the log starts again.
const CHECKPOINT_BYTES: usize = 16 << 20;

/// What the writer is asked to do.
#[derive(Debug)]
pub(super) enum Command {
    /// Store an arrival.
    Accept(Waiting),
    /// Write the counters, and mark series as shown.
    KeepCounters { shown: Vec<SeriesLabels>, done: oneshot::Sender<Option<KeptCounters>> },
    /// Move the cursor.
    Settle { settlement: Settlement, done: oneshot::Sender<Result<(), StoreGone>> },
    /// Apply limits, perhaps new ones.
    Maintain(Box<Settings>),
    /// Write the counters and end.
    Close,
}

/// The writer's state: the disk and what is known of it.
#[derive(Debug)]
pub(super) struct Writer {
    disk: Disk,
    metrics: Arc<Metrics>,
    pressure: Arc<AtomicU8>,
    stored: watch::Sender<u64>,
    keep_for_export: bool,
    gathering: Gathering,
    limits: Settings,
    kept: HashMap<(String, String), u64>,
    unsettled: Vec<(Settlement, oneshot::Sender<Result<(), StoreGone>>)>,
    bytes: u64,
    nudged_at: usize,
    has_more_to_drop: bool,
    clients: Clients,
    documents: String,
    packed: Packed,
    checkpointer: Checkpointer,
}

/// Everything but arrivals that one round has to do.
#[derive(Debug, Default)]
struct Chores {
    keep_counters: Vec<(Vec<SeriesLabels>, oneshot::Sender<Option<KeptCounters>>)>,
    settlements: Vec<(Settlement, oneshot::Sender<Result<(), StoreGone>>)>,
    maintain: bool,
    close: bool,
}

impl Writer {
    pub(super) fn new(
        disk: Disk,
        metrics: Arc<Metrics>,
        pressure: Arc<AtomicU8>,
        stored: watch::Sender<u64>,
        limits: Settings,
        keep_for_export: bool,
        gathering: Gathering,
    ) -> Self {
        Self {
            checkpointer: Checkpointer::start(disk.path()),
            disk,
            metrics,
            pressure,
            stored,
            keep_for_export,
            gathering,
            limits,
            kept: HashMap::new(),
            unsettled: Vec::new(),
            bytes: 0,
            nudged_at: 0,
            has_more_to_drop: false,
            clients: Clients::default(),
            documents: String::new(),
            packed: Packed::default(),
        }
    }

    /// Serves until told to close or until a write fails; in the latter case `failed` becomes true.
    pub(super) fn run(mut self, mut commands: mpsc::Receiver<Command>, failed: &watch::Sender<bool>) {
        let mut received = Vec::with_capacity(GROUP_MAX);
        while commands.blocking_recv_many(&mut received, GROUP_MAX) > 0 {
            self.let_others_join(&mut received, &mut commands);
            let group = received.len();
            if self.checkpointer.has_failed() {
                failed.send_replace(true);
                return;
            }
            let ended = self.round(received.drain(..)).and_then(|ended| {
                if !ended {
                    self.make_room_meanwhile(&commands)?;
                }
                Ok(ended)
            });
            match ended {
                Ok(false) => self.clients.at_least(group, commands.len()),
                Ok(true) => return,
                Err(error) => {
                    tracing::error!(%error, "the store cannot be written: ending, so that the next start recovers what is on disk");
                    failed.send_replace(true);
                    return;
                }
            }
        }
    }

    /// Waits a moment for others to join those who were received, and takes all who have come.
    fn let_others_join(&mut self, received: &mut Vec<Command>, commands: &mut mpsc::Receiver<Command>) {
        let missing = self.clients.enough().min(GROUP_MAX).saturating_sub(received.len());
        let found_enough = missing == 0 || self.gathering.wait(missing, || commands.len());
        while received.len() < GROUP_MAX
            && let Ok(command) = commands.try_recv()
        {
            received.push(command);
        }
        if !found_enough {
            self.clients.only(received.len());
        }
    }

    /// Does everything that waits; true when it is time to end.
    fn round(&mut self, commands: impl Iterator<Item = Command>) -> rusqlite::Result<bool> {
        let mut group = Group::new(std::mem::take(&mut self.documents));
        let mut chores = Chores::default();
        for command in commands {
            match command {
                Command::Accept(waiting) => group.take(waiting, &mut self.disk.seen),
                Command::KeepCounters { shown, done } => chores.keep_counters.push((shown, done)),
                Command::Settle { settlement, done } => chores.settlements.push((settlement, done)),
                Command::Maintain(limits) => {
                    self.limits = *limits;
                    chores.maintain = true;
                }
                Command::Close => chores.close = true,
            }
        }
        self.store(group)?;
        self.unsettled.append(&mut chores.settlements);
        if !self.unsettled.is_empty() {
            self.settle()?;
        }
        if !chores.keep_counters.is_empty() || chores.close {
            self.keep_counters(chores.keep_counters)?;
        }
        if chores.maintain {
            self.maintain()?;
        }
        if chores.close {
            self.checkpoint()?;
        } else {
            self.checkpoint_if_due()?;
        }
        Ok(chores.close)
    }

    /// Commits a group and answers it. An error is fatal; a full disk is not one.
    fn store(&mut self, mut group: Group) -> rusqlite::Result<()> {
        if group.is_empty() {
            self.documents = group.take_documents();
            return Ok(());
        }
        if group.has_nothing_new() {
            self.answer(group, Ok(()));
            return Ok(());
        }
        self.packed.pack(group.documents());
        let bytes = self.packed.as_bytes().len() + group.quarantined_bytes();
        if self.bytes + bytes as u64 > self.limits.bytes_max {
            return self.refuse(group);
        }
        let tally = group.tally(&self.metrics);
        match self.commit_group(&group, &tally) {
            Ok(bytes) => self.bytes = bytes,
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DiskFull) => {
                tracing::warn!("the disk is full: events are refused until there is room");
                return self.refuse(group);
            }
            Err(error) => {
                self.answer(group, Err(AcceptError::Failed));
                return Err(error);
            }
        }
        let events = group.events();
        self.disk.remembered += group.arrivals();
        self.disk.state.events += events;
        self.disk.state.last_seq += events;
        self.disk.log_bytes += bytes + COMMIT_BYTES;
        // Counted only now, and before anybody is told: a crash can take back neither.
        self.metrics.count_group(tally.counts);
        self.answer(group, Ok(()));
        self.stored.send_replace(self.disk.state.last_seq);
        if events > 0 && self.disk.state.events == events {
            // The store was empty: its oldest event is one of these.
            self.note_oldest()?;
        }
        self.weigh()
    }

    /// Writes a group, and gives the bytes that the store then uses.
    fn commit_group(&mut self, group: &Group, tally: &Tally) -> rusqlite::Result<u64> {
        let now = Timestamp::now();
        let transaction = self.disk.connection.transaction()?;
        let write = Write(&transaction);
        if group.events() > 0 {
            write.events(self.disk.state.last_seq + group.events(), group.events(), now, &self.packed)?;
        }
        for document in group.quarantined() {
            write.quarantine(now, document)?;
        }
        write.seen(now, group.fingerprints())?;
        for (labels, (events, last_event)) in &tally.counts.series {
            write.count_series(labels, *events, *last_event)?;
        }
        for (metric, labels, count) in &tally.rows {
            write.add_to_counter(metric, labels, *count)?;
        }
        let pages = write.pages()?;
        transaction.commit()?;
        Ok(pages * self.disk.page_bytes)
    }

    /// Refuses a group for want of room, and makes room if that can be.
    fn refuse(&mut self, group: Group) -> rusqlite::Result<()> {
        self.disk.seen.forget(group.fingerprints());
        self.answer(group, Err(AcceptError::Full));
        self.maintain()
    }

    /// Answers everybody with `outcome`: what is a duplicate may be one of what this group did not store.
    fn answer(&mut self, mut group: Group, outcome: Result<(), AcceptError>) {
        // The next group's will be about as long.
        self.documents = group.take_documents();
        let counts = group.answer(outcome.map(|()| Receipt::Stored));
        self.metrics.count_group(counts);
    }

    /// Writes every counter that has moved, so that a scrape may show it.
    fn keep_counters(
        &mut self,
        waiting: Vec<(Vec<SeriesLabels>, oneshot::Sender<Option<KeptCounters>>)>,
    ) -> rusqlite::Result<()> {
        let (rows, families) = self.metrics.durable_counters();
        let moved: Vec<_> = rows
            .into_iter()
            .filter(|row| self.kept.get(&(row.metric.clone(), row.labels.clone())) != Some(&row.value))
            .collect();
        let shown = waiting.iter().flat_map(|(shown, _)| shown);
        let kept = if moved.is_empty() && shown.clone().next().is_none() {
            true
        } else {
            let transaction = self.disk.connection.transaction()?;
            let write = Write(&transaction);
            let result = moved.iter().try_for_each(|row| write.set_counter(row));
            let result = result.and_then(|()| shown.clone().try_for_each(|labels| write.mark_shown(labels)));
            match result.and_then(|()| transaction.commit()) {
                Ok(()) => {
                    self.disk.log_bytes += COMMIT_BYTES;
                    true
                }
                Err(error) if error.sqlite_error_code() == Some(ErrorCode::DiskFull) => false,
                Err(error) => return Err(error),
            }
        };
        if kept {
            self.kept.extend(moved.into_iter().map(|row| ((row.metric, row.labels), row.value)));
        }
        let families = kept.then(|| Arc::new(families));
        for (_, done) in waiting {
            // A scrape that has given up shows nothing.
            let _ = done.send(families.clone());
        }
        Ok(())
    }

    fn checkpoint_if_due(&mut self) -> rusqlite::Result<()> {
        if self.disk.log_bytes >= CHECKPOINT_BYTES {
            self.checkpoint()?;
        } else if self.disk.log_bytes >= self.nudged_at + NUDGE_BYTES {
            self.checkpointer.nudge();
            self.nudged_at = self.disk.log_bytes;
        }
        Ok(())
    }

    /// Carries the rest of the log over, so that it can start again from its beginning.
    fn checkpoint(&mut self) -> rusqlite::Result<()> {
        self.disk.log_bytes = match checkpointer::checkpoint(&self.disk.connection)? {
            Carried::All => 0,
            Carried::Some => CHECKPOINT_BYTES - NUDGE_BYTES,
        };
        self.nudged_at = self.disk.log_bytes;
        Ok(())
    }
}
