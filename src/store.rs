//! Keeps events: on disk before anybody is told so, once each, until the collector has them.
//!
//! SQLite, in WAL mode with `synchronous=FULL`, in one data directory. It has the best crash record there is, and `events` and
//! `replay` read it beside the running process. One thread writes (`writer.rs`); it takes every waiting request into one
//! transaction, so that many requests share one sync, and answers them when the commit has returned.
//!
//! What the design rests on:
//!
//! - A transaction holds the group's events, their fingerprints and what they add to the counters. So a counter can never
//!   disagree with the events, whatever the moment of a crash.
//! - One row holds a group's events, as compressed JSON lines (`documents.rs`), and one its fingerprints; the set of fingerprints
//!   itself is in memory (`seen.rs`). Random ids in a B-tree would dirty a page each.
//! - A sync that failed is not tried again: the kernel may have dropped the pages it could not write and report success next
//!   time. All waiters fail, the process ends with its own exit code, and the next start recovers what is on disk.
//! - The cursor of log export moves only by [`Backlog::settle`], in a transaction of its own.
//! - A newer schema is refused untouched, an older one migrated, an unreadable file moved aside with a loud message.

mod archive;
mod backlog;
mod checkpointer;
mod disk;
mod documents;
mod feeds;
mod fold;
mod opening;
mod prepared;
mod retention;
mod schema;
mod seen;
mod settlement;
mod statements;
mod wal;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use prometheus::proto::MetricFamily;
use tokio::sync::{mpsc, oneshot, watch};

pub use self::archive::{Archive, ArchiveError, ListedQuarantine, PartialDelivery, StoredEvent};
pub use self::backlog::Backlog;
pub use self::feeds::FeedState;
use self::feeds::Feeds;
use self::fold::{Numbers, State};
pub use self::opening::OpenError;
pub use self::schema::SCHEMA_VERSION;
use self::seen::Seen;
pub use self::settlement::{Settlement, StoreGone};
use self::writer::{Command, Gathering, Waiting, Writer};
use crate::intake::{ACCEPT_TIMEOUT, AcceptError, Arrival, Intake, Receipt};
use crate::metrics::SeriesLabels;
use crate::metrics::{Admission, Metrics, Restored};
use crate::sid::{AccountSid, EventSid};

/// The most requests that wait for the writer; one more is answered 503.
pub const QUEUE_MAX: usize = 4096;

/// `store`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The data directory.
    pub dir: PathBuf,
    /// The most bytes the store may hold.
    pub bytes_max: u64,
    /// How long delivered events stay readable.
    pub retention: Duration,
    /// How long an event's Sid is remembered.
    pub dedupe_window: Duration,
    /// The most events that are remembered.
    pub dedupe_events_max: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            dir: PathBuf::from("./data"),
            bytes_max: 1 << 30,
            retention: Duration::from_hours(7 * 24),
            dedupe_window: Duration::from_hours(32 * 24),
            dedupe_events_max: 1_000_000,
        }
    }
}

/// The store as inputs see it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    commands: mpsc::Sender<Command>,
    gathering: Gathering,
    pressure: watch::Receiver<Pressure>,
    failed: watch::Receiver<bool>,
}

/// An opened store that nobody writes yet: the counters it kept are needed to start the metrics, and those to start the
/// writer.
#[derive(Debug)]
pub struct Opened {
    disk: disk::Disk,
    seen: Seen,
    remembered: u64,
    numbers: Numbers,
    feeds: Feeds,
    /// The counters of the last process.
    pub restored: Restored,
    /// Where an unreadable store was moved to, if one was found.
    pub moved_aside: Option<PathBuf>,
}

/// The counters as they stand on disk.
pub type KeptCounters = Arc<Vec<MetricFamily>>;

/// How full the store is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pressure {
    /// Below 80 %.
    Normal,
    /// From 80 %: new events are stored without their payload.
    High,
    /// At the limit: nothing new is taken.
    Full,
}

/// Opens the store in `settings.dir`, creating both.
///
/// # Errors
///
/// [`OpenError`], for a directory that cannot be used, one in use, and a store of a newer version.
pub fn open(settings: &Settings) -> Result<Opened, OpenError> {
    opening::open(settings)
}

impl Opened {
    /// Starts the writer's thread. `keep_for_export` says whether events wait for the collector or are delivered by being stored.
    ///
    /// # Panics
    ///
    /// If the system has no thread to give.
    #[must_use]
    pub fn start(
        self,
        metrics: Arc<Metrics>,
        admission: Admission,
        limits: Settings,
        keep_for_export: bool,
    ) -> (Store, Backlog, std::thread::JoinHandle<()>) {
        let Self { disk, seen, remembered, numbers, feeds, .. } = self;
        let (commands, received) = mpsc::channel(QUEUE_MAX);
        let (failed_sender, failed) = watch::channel(false);
        let (stored_sender, stored) = watch::channel(numbers.last_seq);
        let (pressure_sender, pressure) = watch::channel(Pressure::Normal);
        let backlog = Backlog::new(disk.path(), numbers.cursor, commands.clone(), stored);
        let state = State { numbers, seen, remembered, remembered_max: limits.dedupe_events_max, admission, feeds };
        let gathering = Gathering::default();
        let writer = Writer::new(
            (disk, state),
            metrics,
            (limits, pressure_sender),
            stored_sender,
            keep_for_export,
            gathering.clone(),
        );
        // The first scrape may come before the first round.
        writer.show_size();
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || writer.run(received, &failed_sender))
            .expect("a thread at start-up");
        (Store { commands, gathering, pressure, failed }, backlog, thread)
    }
}

impl Store {
    /// Keeps `intake`, all of it or nothing, and returns once it is synced to disk; then its counters have moved as well. Gives what
    /// became of each arrival, in their order.
    ///
    /// Events lose their payload while the store is filling up.
    ///
    /// # Errors
    ///
    /// [`AcceptError`].
    ///
    /// Dropping the future does not stop the write.
    pub async fn accept(&self, mut intake: Intake) -> Result<Vec<Receipt>, AcceptError> {
        if self.pressure() != Pressure::Normal {
            intake.arrivals.iter_mut().for_each(Arrival::trim);
        }
        let is_request = intake.origin.is_request();
        let (waiting, answer) = Waiting::new(intake);
        let claim = waiting.claim();
        self.commands.try_send(Command::Accept(waiting)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => AcceptError::QueueFull,
            mpsc::error::TrySendError::Closed(_) => AcceptError::Failed,
        })?;
        self.gathering.joined(self.commands.max_capacity() - self.commands.capacity());
        if !is_request {
            return answer.await.unwrap_or(Err(AcceptError::Failed));
        }
        match tokio::time::timeout(ACCEPT_TIMEOUT, answer).await {
            Ok(answer) => answer.unwrap_or(Err(AcceptError::Failed)),
            Err(_) if claim.give_up() => Err(AcceptError::Timeout),
            Err(_) => Err(AcceptError::Late),
        }
    }

    /// Whether anything can be taken now; ask before reading what could be large.
    ///
    /// # Errors
    ///
    /// [`AcceptError::Full`].
    pub fn check_room(&self) -> Result<(), AcceptError> {
        if self.pressure() == Pressure::Full { Err(AcceptError::Full) } else { Ok(()) }
    }

    /// How full the store is, as of the last commit.
    #[must_use]
    pub fn pressure(&self) -> Pressure {
        *self.pressure.borrow()
    }

    /// Writes the counters and marks series as shown, so that a scrape can show them; none if the store cannot just now.
    ///
    /// Returns within a second, because a scrape that fails says less than one whose last digits a crash might take back.
    pub async fn keep_counters(&self, shown: Vec<SeriesLabels>) -> Option<KeptCounters> {
        let (done, kept) = oneshot::channel();
        self.commands.try_send(Command::KeepCounters { shown, done }).ok()?;
        tokio::time::timeout(Duration::from_secs(1), kept).await.ok()?.ok()?
    }

    /// Lets retention, the dedupe window and the limits do their work, and returns when a round of it is done; call it now and then.
    pub async fn maintain(&self, settings: Settings) {
        let (done, maintained) = oneshot::channel();
        // A writer that is gone has nothing left to maintain.
        if self.commands.send(Command::Maintain { limits: Box::new(settings), done }).await.is_ok() {
            let _ = maintained.await;
        }
    }

    /// What is known of the feeds of `account`, and how far those called `feeds` have been read.
    ///
    /// # Errors
    ///
    /// [`StoreGone`] once the writer has ended.
    pub async fn feed_state<const N: usize>(
        &self,
        account: &AccountSid,
        feeds: [&str; N],
    ) -> Result<FeedState<N>, StoreGone> {
        let (answer, answered) = oneshot::channel();
        let command = Command::Ask(Box::new({
            let (account, feeds) = (account.clone(), feeds.map(str::to_owned));
            move |state: &State| drop(answer.send(state.feeds.state_of(&account, &feeds)))
        }));
        self.commands.send(command).await.map_err(|_| StoreGone)?;
        answered.await.map_err(|_| StoreGone)
    }

    /// Which of these events are known, in their order.
    ///
    /// # Errors
    ///
    /// [`StoreGone`] once the writer has ended.
    pub async fn knows(&self, sids: Vec<EventSid>) -> Result<Vec<bool>, StoreGone> {
        let (answer, answered) = oneshot::channel();
        let ask = move |state: &State| drop(answer.send(sids.iter().map(|sid| state.seen.knows_sid(sid)).collect()));
        self.commands.send(Command::Ask(Box::new(ask))).await.map_err(|_| StoreGone)?;
        answered.await.map_err(|_| StoreGone)
    }

    /// Writes the counters a last time and ends the writer.
    pub async fn close(&self) {
        let _ = self.commands.send(Command::Close).await;
    }

    /// Becomes true when the writer has failed and the process must end.
    #[must_use]
    pub fn failed(&self) -> watch::Receiver<bool> {
        self.failed.clone()
    }
}

#[cfg(test)]
mod tests;
