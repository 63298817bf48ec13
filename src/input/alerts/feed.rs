//! Follows the alerts of every account while the exporter runs, and reads a stretch of time once when asked to.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Settings;
use super::client::{Client, Fault, REQUEST_TIMEOUT};
use super::reader::{Found, Mark, Progress, Reader, gone};
use super::window::{Beginning, LOOK_BACK_MAX, MARGIN, Plan};
use crate::account::Account;
use crate::event::Source;
use crate::http_client::Backoff;
use crate::intake::{Identity, Intake, Origin, Position};
use crate::metrics::{BackfillFailure, Metrics};
use crate::redact::Redaction;
use crate::store::Store;

/// The bounds of the waits after a round that failed for a reason that passes.
const RETRY: (Duration, Duration) = (Duration::from_secs(5), Duration::from_mins(5));

/// How long an account waits whose credentials are refused; a reload asks at once.
const UNAUTHORIZED_WAIT: Duration = Duration::from_mins(15);

/// How long before and after push brought an event its like is looked for in the list.
const PROOF_MARGIN: SignedDuration = SignedDuration::from_mins(2);

/// The longest an account waits whose alerts are held back: each round lists all of them again.
const HELD_WAIT_MAX: Duration = Duration::from_hours(1);

/// What a reload replaces.
#[derive(Debug, Clone)]
pub struct Rules {
    /// `backfill`.
    pub settings: Settings,
    /// Whose alerts are read.
    pub accounts: Vec<Account>,
    /// `redaction`.
    pub redaction: Redaction,
    /// `late_after`.
    pub late_after: Duration,
    /// The data directory.
    pub dir: PathBuf,
}

/// What backfill reaches into.
#[derive(Debug, Clone)]
pub struct Backfill {
    /// Where events go.
    pub store: Store,
    /// Where failures are counted.
    pub metrics: Arc<Metrics>,
}

/// What came of reading the accounts once.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Once {
    /// What was read, of all accounts together.
    pub found: Found,
    /// What went wrong, a sentence for each account with which something did.
    pub faults: Vec<String>,
}

impl Backfill {
    /// Follows the alerts of the accounts in `rules`, and of those in new rules from then on, until `stop`.
    pub async fn follow(self, mut rules: watch::Receiver<Rules>, stop: CancellationToken) {
        loop {
            let in_force = rules.borrow_and_update().clone();
            let mut accounts = JoinSet::new();
            if in_force.settings.enabled {
                self.metrics.know_backfilled(&in_force.accounts);
                for account in &in_force.accounts {
                    match self.reader(&in_force, account) {
                        Ok(reader) => drop(accounts.spawn(follow(reader, in_force.settings.clone()))),
                        Err(error) => tracing::error!(account = %account.sid, %error, "backfill cannot ask for alerts"),
                    }
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                changed = rules.changed() => if changed.is_err() { return },
            }
            // Whatever was being read is read again: what is stored of it is known.
            accounts.shutdown().await;
        }
    }

    /// Reads the alerts of every account from `since` to `until` once, whatever has been read before, and moves no mark.
    ///
    /// `progress` is told how far it has come. Dropping the future ends it; what has been read until then is kept.
    pub async fn once(
        &self,
        rules: &Rules,
        since: Timestamp,
        until: Timestamp,
        progress: &watch::Sender<Progress>,
    ) -> Once {
        let since = since.max(Timestamp::now() - LOOK_BACK_MAX);
        let mut once = Once::default();
        let seconds = Plan::new(since, until).seconds() * rules.accounts.len() as u64;
        let mut done = Progress { seconds, ..Progress::default() };
        progress.send_replace(done);
        for account in &rules.accounts {
            let fault = match self.reader(rules, account) {
                Ok(reader) => match reader.once(since, until, done, progress).await {
                    Ok(()) => None,
                    Err(fault) => {
                        self.metrics.backfill_failed(&account.sid, fault.class);
                        Some(fault.to_string())
                    }
                },
                Err(error) => Some(error.to_string()),
            };
            once.faults.extend(fault.map(|fault| format!("{}: {fault}", account.sid)));
            done = *progress.borrow();
        }
        once.found = done.found;
        once
    }

    fn reader(&self, rules: &Rules, account: &Account) -> Result<Reader, reqwest::Error> {
        Ok(Reader {
            account: account.sid.clone(),
            client: Client::new(&rules.settings.url, account, REQUEST_TIMEOUT)?,
            store: self.store.clone(),
            dir: rules.dir.clone(),
            metrics: self.metrics.clone(),
            redaction: rules.redaction,
            late_after: rules.late_after,
            details: rules.settings.details,
        })
    }
}

/// Reads an account's alerts at once and then every `interval`, for ever.
async fn follow(reader: Reader, settings: Settings) {
    let mut backoff = Backoff::new(RETRY.0, RETRY.1);
    let mut held_wait = settings.interval;
    let mut said = None;
    loop {
        let started = Instant::now();
        let outcome = reader.round(settings.first).await;
        let class = outcome.as_ref().err().map(|fault| fault.class);
        let until = match outcome {
            Ok(()) => {
                backoff = Backoff::new(RETRY.0, RETRY.1);
                held_wait = settings.interval;
                started + settings.interval
            }
            Err(fault) => {
                reader.metrics.backfill_failed(&reader.account, fault.class);
                // Said once, as long as it stays the same.
                if said != class {
                    let (account, class) = (&reader.account, fault.class.as_str());
                    tracing::warn!(%account, class, %fault, "backfill: alerts are not read as far as they should be");
                }
                Instant::now()
                    + match fault.class {
                        BackfillFailure::Unauthorized => UNAUTHORIZED_WAIT,
                        BackfillFailure::Unproved | BackfillFailure::Identity => {
                            held_wait = (held_wait * 2).min(HELD_WAIT_MAX.max(settings.interval));
                            held_wait
                        }
                        _ => backoff.next(fault.after),
                    }
            }
        };
        if said.is_some() && class.is_none() {
            tracing::info!(account = %reader.account, "backfill: alerts are read again");
        }
        said = class;
        tokio::time::sleep_until(until).await;
    }
}

impl Reader {
    /// Reads everything from the mark to a little before now.
    ///
    /// # Errors
    ///
    /// [`Fault`], if not everything could be read, or not all of it be added.
    async fn round(&self, first: Duration) -> Result<(), Fault> {
        // A second time where the proof came after what was held back for want of it. What is held back even then is of another account,
        // which stands in the list of this one.
        for is_last in [false, true] {
            let found = self.read_on(first).await?;
            if found.recovered > 0 || found.quarantined > 0 {
                let Found { found, known, recovered, quarantined, .. } = found;
                let account = &self.account;
                tracing::info!(%account, found, known, recovered, quarantined, "backfill has found what push has not brought");
            }
            if found.held == 0 {
                self.metrics.backfill_succeeded(&self.account, Timestamp::now());
                return Ok(());
            }
            let state = self.store.feed_state(&self.account, []).await.map_err(gone)?;
            match state.identity {
                Identity::Proved if !is_last => {}
                Identity::Proved | Identity::Unproved => return Err(unproved(found.held)),
                Identity::Refuted => return Err(refuted()),
            }
        }
        Ok(())
    }

    /// Where nothing has been seen in both feeds yet, looks for what push brought first: it is likelier to be there than in what is new.
    async fn seek_proof(&self) -> Result<(), Fault> {
        let state = self.store.feed_state(&self.account, []).await.map_err(gone)?;
        let now = Timestamp::now();
        let around = |since: Timestamp| Plan::new(since - PROOF_MARGIN, (since + PROOF_MARGIN).min(now)).next();
        let is_listed = |since: &Timestamp| *since - PROOF_MARGIN > now - LOOK_BACK_MAX;
        match state.push_since.filter(is_listed).and_then(around) {
            Some(window) if state.identity == Identity::Unproved => self.prove(&window).await,
            _ => Ok(()),
        }
    }

    async fn read_on(&self, first: Duration) -> Result<Found, Fault> {
        self.seek_proof().await?;
        let now = Timestamp::now();
        let (feed, began) = (format!("alerts/{}", self.account), format!("alerts/{}/began", self.account));
        let state = self.store.feed_state(&self.account, [&feed, &began]).await.map_err(gone)?;
        if state.identity == Identity::Refuted {
            return Err(refuted());
        }
        let began = match state.read_through {
            [_, Some(began)] => began,
            [mark, None] => {
                let first = SignedDuration::try_from(first).unwrap_or(LOOK_BACK_MAX).min(LOOK_BACK_MAX);
                let from = mark.unwrap_or(now - first);
                // Kept at once: if nothing can be read for an hour, and then the process ends, that hour is still wanted.
                self.begin(Position { feed: began, read_through: from }).await?;
                from
            }
        };
        let mark = state.read_through[0].unwrap_or(began);
        let Beginning { from, gap_since } = Beginning::of(mark, began, now);
        if let Some(since) = gap_since {
            tracing::error!(account = %self.account, %since, until = %from, "nothing was read for so long that Twilio no longer lists what there was");
            self.metrics.backfill_failed(&self.account, BackfillFailure::Gap);
        }
        let (progress, _) = watch::channel(Progress::default());
        let mark = Mark { feed, read_through: mark };
        self.read(Plan::new(from, now - MARGIN), Some(mark), &progress).await
    }

    async fn begin(&self, position: Position) -> Result<(), Fault> {
        let origin = Origin::Page { source: Source::AlertsApi, position: Some(position), conflict: None };
        let begun = self.store.accept(Intake { arrivals: Vec::new(), ignored: Vec::new(), origin }).await;
        begun.map(drop).map_err(|error| Fault::new(BackfillFailure::Store, error.to_string()))
    }

    /// Reads a stretch of time, and a second time where the proof came after what was held back for want of it; adds what it finds to
    /// what was found before.
    async fn once(
        &self,
        since: Timestamp,
        until: Timestamp,
        before: Progress,
        progress: &watch::Sender<Progress>,
    ) -> Result<(), Fault> {
        let plan = Plan::new(since, until);
        let own = watch::Sender::new(Progress::default());
        let mut watched = own.subscribe();
        let pass_on = async {
            while watched.changed().await.is_ok() {
                let now = *watched.borrow_and_update();
                progress.send_replace(before.and(now));
            }
            std::future::pending().await
        };
        let read = async {
            self.seek_proof().await?;
            let found = self.read(plan.clone(), None, &own).await?;
            let state = self.store.feed_state(&self.account, []).await.map_err(gone)?;
            if found.held > 0 && state.identity == Identity::Proved {
                own.send_replace(Progress::default());
                return self.read(plan, None, &own).await;
            }
            Ok(found)
        };
        let read = tokio::select! {
            read = read => read,
            never = pass_on => never,
        };
        progress.send_replace(before.and(*own.borrow()));
        match read? {
            Found { held: 0, .. } => Ok(()),
            Found { held, .. } => match self.store.feed_state(&self.account, []).await.map_err(gone)?.identity {
                Identity::Refuted => Err(refuted()),
                _ => Err(unproved(held)),
            },
        }
    }
}

fn unproved(held: u64) -> Fault {
    let detail = format!(
        "{held} alerts wait: push has brought events of this account, and no event has been seen in both, which would show that it has \
         the same Sid in both; `backfill --since` a time from which push has brought some proves it"
    );
    Fault::new(BackfillFailure::Unproved, detail)
}

fn refuted() -> Fault {
    Fault::new(BackfillFailure::Identity, "the list of alerts has an event of this account under another Sid than push")
}
