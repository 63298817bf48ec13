//! The one thread that writes: takes everything that waits, commits it once, and answers afterwards.
//!
//! While one group syncs, the next one gathers in the channel, and a group waits a moment for others to join it, see
//! `gathering.rs`. So under load most clients share a sync; alone a group is one request, not kept waiting, and costs one sync.

mod counters;
mod gathering;
mod overdue;
mod requests;
mod room;
mod settlements;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, watch};

use self::counters::{Kept, Scrape};
use self::gathering::Clients;
pub(super) use self::gathering::Gathering;
pub(super) use self::requests::Waiting;
use self::room::Room;
use super::disk::{CommitError, Disk};
use super::documents::Packed;
use super::fold::State;
use super::settlement::{Settlement, StoreGone};
use super::{KeptCounters, Pressure, Settings};
use crate::metrics::Metrics;
use crate::metrics::SeriesLabels;

/// The most commands of one group.
const GROUP_MAX: usize = 256;

/// How long the last writing may wait for somebody else's lock.
const CLOSE_LOCK_WAIT: Duration = Duration::from_secs(5);

/// A look at the state, and the answer to whoever asked for it.
pub(super) type Ask = Box<dyn FnOnce(&State) + Send>;

/// What the writer is asked to do.
pub(super) enum Command {
    /// Keep an intake.
    Accept(Waiting),
    /// Write the counters, and mark series as shown.
    KeepCounters { shown: Vec<SeriesLabels>, done: oneshot::Sender<Option<KeptCounters>> },
    /// Move the cursor.
    Settle { settlement: Settlement, done: oneshot::Sender<Result<(), StoreGone>> },
    /// Look at the state, once everything before has been done.
    Ask(Ask),
    /// Apply limits, perhaps new ones.
    Maintain { limits: Box<Settings>, done: oneshot::Sender<()> },
    /// Write the counters and end.
    Close,
}

/// The writer: what decides, what is written to, and who waits.
#[derive(Debug)]
pub(super) struct Writer {
    state: State,
    disk: Disk,
    room: Room,
    metrics: Arc<Metrics>,
    /// The counters as they stand in the store.
    kept: Kept,
    /// Tells log export the number of the last event.
    stored: watch::Sender<u64>,
    /// What log export waits for, because it could not be written down yet.
    unsettled: Vec<(Settlement, oneshot::Sender<Result<(), StoreGone>>)>,
    keep_for_export: bool,
    gathering: Gathering,
    clients: Clients,
    /// Whether another program held the lock when it was last wanted.
    is_locked_out: bool,
    /// Buffers of one group, for the next.
    documents: String,
    packed: Packed,
}

/// Everything but intakes that one round has to do.
#[derive(Default)]
struct Chores {
    scrapes: Vec<Scrape>,
    maintained: Vec<oneshot::Sender<()>>,
    asked: Vec<Ask>,
    close: bool,
}

/// Whether there will be another round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Round,
    End,
}

impl Writer {
    pub(super) fn new(
        (disk, state): (Disk, State),
        metrics: Arc<Metrics>,
        (limits, pressure): (Settings, watch::Sender<Pressure>),
        stored: watch::Sender<u64>,
        keep_for_export: bool,
        gathering: Gathering,
    ) -> Self {
        Self {
            state,
            disk,
            room: Room::new(limits, pressure),
            metrics,
            kept: Kept::default(),
            stored,
            unsettled: Vec::new(),
            keep_for_export,
            gathering,
            clients: Clients::default(),
            is_locked_out: false,
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
            if self.disk.has_failed() {
                failed.send_replace(true);
                return;
            }
            let next = self.round(received.drain(..)).and_then(|next| {
                if next == Next::Round {
                    self.work_meanwhile(&commands)?;
                }
                Ok(next)
            });
            match next {
                Ok(Next::Round) => self.clients.saw_waiting(group, commands.len()),
                Ok(Next::End) => return,
                Err(error) => {
                    let error = &error as &(dyn std::error::Error + 'static);
                    tracing::error!(
                        error,
                        "the store cannot be written: ending, so that the next start recovers what is on disk"
                    );
                    failed.send_replace(true);
                    return;
                }
            }
        }
    }

    /// Does what nobody waits for, or what could not be done before, as long as nobody comes.
    fn work_meanwhile(&mut self, commands: &mpsc::Receiver<Command>) -> Result<(), CommitError> {
        self.make_room_meanwhile(commands)?;
        // Each try waits for a while for the lock.
        while self.is_locked_out && !self.unsettled.is_empty() && commands.is_empty() {
            self.settle()?;
        }
        Ok(())
    }

    /// Waits a moment for others to join those who were received, and takes all who have come.
    fn let_others_join(&mut self, received: &mut Vec<Command>, commands: &mut mpsc::Receiver<Command>) {
        let missing = self.clients.group_size().min(GROUP_MAX).saturating_sub(received.len());
        let have_come = missing == 0 || self.gathering.wait(missing, || commands.len());
        while received.len() < GROUP_MAX
            && let Ok(command) = commands.try_recv()
        {
            received.push(command);
        }
        if !have_come {
            self.clients.saw_all(received.len());
        }
    }

    /// Does everything that waits.
    fn round(&mut self, commands: impl Iterator<Item = Command>) -> Result<Next, CommitError> {
        let mut waiting = Vec::new();
        let mut chores = Chores::default();
        for command in commands {
            match command {
                Command::Accept(intake) => waiting.push(intake),
                Command::KeepCounters { shown, done } => chores.scrapes.push(Scrape { shown, done }),
                Command::Settle { settlement, done } => self.unsettled.push((settlement, done)),
                Command::Ask(ask) => chores.asked.push(ask),
                Command::Maintain { limits, done } => {
                    self.state.remembered_max = limits.dedupe_events_max;
                    self.room.limits = *limits;
                    chores.maintained.push(done);
                }
                Command::Close => chores.close = true,
            }
        }
        self.keep_all(waiting)?;
        chores.asked.into_iter().for_each(|ask| ask(&self.state));
        if !self.unsettled.is_empty() {
            self.settle()?;
        }
        if chores.close {
            self.close(chores.scrapes)?;
            return Ok(Next::End);
        }
        if !chores.scrapes.is_empty() {
            if_possible(self.keep_counters(chores.scrapes))?;
        }
        if !chores.maintained.is_empty() {
            self.maintain()?;
        }
        for done in chores.maintained {
            // Who asked may be ending.
            let _ = done.send(());
        }
        self.disk.checkpoint_if_due()?;
        Ok(Next::Round)
    }

    /// Writes what must not be lost, the last time. What cannot be written now is lost, so that is a failure like any other.
    fn close(&mut self, mut scrapes: Vec<Scrape>) -> Result<(), CommitError> {
        let deadline = Instant::now() + CLOSE_LOCK_WAIT;
        loop {
            match self.keep_counters(std::mem::take(&mut scrapes)) {
                Err(CommitError::Locked) if Instant::now() < deadline => {}
                outcome => break outcome?,
            }
        }
        Ok(self.disk.checkpoint()?)
    }

    /// Notes whether another program holds the lock, and says it when that changes.
    fn note_foreign_lock(&mut self, is_held: bool) {
        if std::mem::replace(&mut self.is_locked_out, is_held) != is_held {
            if is_held {
                tracing::warn!("another program has locked the store: events wait, and are refused after five seconds");
            } else {
                tracing::info!("the store is no longer locked");
            }
        }
    }
}

/// Lets want of room pass, and a lock of somebody else's: it will be tried again.
fn if_possible(outcome: Result<(), CommitError>) -> Result<(), CommitError> {
    match outcome {
        Err(CommitError::Locked | CommitError::Full) => Ok(()),
        outcome => outcome,
    }
}
