//! Reads one account's alerts of a stretch of time, page by page, and hands them to the store.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

use super::client::{Client, Fault};
use super::comparison::{Listed, Noted};
use super::page::{Next, Page};
use super::row;
use super::window::{Plan, ROWS_MAX, Window, parts_of};
use crate::event::Source;
use crate::http_client::Backoff;
use crate::input::reception::Reception;
use crate::intake::{Arrival, Identity, Intake, Origin, Position, Receipt};
use crate::metrics::{BackfillFailure, Metrics};
use crate::redact::Redaction;
use crate::sid::{AccountSid, EventSid};
use crate::store::{Store, StoreGone};

/// How often a page is asked for that does not come, before the round is given up.
const TRIES_MAX: usize = 5;

/// The bounds of the waits between them.
const PATIENCE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(1));

/// The most pages of one list: those of the smallest size that anybody sends.
const PAGES_MAX: usize = 400;

/// The most answers without sense, one after the other, before the server is taken to have none: halving a month down to a second, and
/// that into its levels, takes fewer.
const SENSELESS_MAX: usize = 32;

/// The most pages that are looked through for something that push has brought as well.
const PROOF_PAGES_MAX: usize = 3;

/// What has been read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Found {
    /// Rows.
    pub found: u64,
    /// Of these, events that were known, and entries of the quarantine that were.
    pub known: u64,
    /// Events that were not.
    pub recovered: u64,
    /// Rows that are no event and went to quarantine.
    pub quarantined: u64,
    /// Events that are held back until the account's Sids are known to be the same in every feed.
    pub held: u64,
    /// Seconds of which not everything was listed.
    pub left: u64,
}

/// How far it has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Progress {
    /// What has been read so far.
    pub found: Found,
    /// Seconds of time that have been read.
    pub seconds_read: u64,
    /// Seconds of time that are to be read.
    pub seconds: u64,
}

impl Progress {
    /// Adds that of another account.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let found = Found {
            found: self.found.found + other.found.found,
            known: self.found.known + other.found.known,
            recovered: self.found.recovered + other.found.recovered,
            quarantined: self.found.quarantined + other.found.quarantined,
            held: self.found.held + other.found.held,
            left: self.found.left + other.found.left,
        };
        Self { found, seconds_read: self.seconds_read + other.seconds_read, seconds: self.seconds + other.seconds }
    }
}

/// The position that moves as windows are read; it is never taken back.
#[derive(Debug, Clone)]
pub(super) struct Mark {
    pub(super) feed: String,
    pub(super) read_through: Timestamp,
}

/// What reads one account's alerts.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) account: AccountSid,
    pub(super) client: Client,
    pub(super) store: Store,
    /// Where the store is, for reading beside its writer.
    pub(super) dir: PathBuf,
    pub(super) metrics: Arc<Metrics>,
    pub(super) redaction: Redaction,
    pub(super) late_after: Duration,
    /// Whether each new alert is asked for by itself.
    pub(super) details: bool,
}

/// How a window was listed.
enum Listing {
    /// All of it.
    Whole,
    /// As much as one list may hold, of so many seconds.
    CutOff { seconds: u64 },
}

impl Reader {
    /// Reads everything of `plan`, and moves `mark` with it if there is one.
    ///
    /// # Errors
    ///
    /// [`Fault`], for what cannot be helped by asking for less. What has been read until then is kept.
    pub(super) async fn read(
        &self,
        mut plan: Plan,
        mark: Option<Mark>,
        progress: &watch::Sender<Progress>,
    ) -> Result<Found, Fault> {
        let mut senseless = 0;
        while let Some(window) = plan.next() {
            let whole = match self.list(&window, mark.as_ref(), progress).await {
                Ok(Listing::Whole) => true,
                Ok(Listing::CutOff { seconds }) => {
                    let divided = plan.divide(window, parts_of(&window, seconds));
                    if !divided {
                        self.leave(&window, BackfillFailure::Truncated, progress);
                    }
                    senseless = 0;
                    !divided
                }
                Err(fault) if fault.is_of_the_page() => {
                    senseless += 1;
                    if senseless > SENSELESS_MAX {
                        return Err(fault);
                    }
                    let divided = plan.divide(window, 2);
                    if !divided {
                        self.leave(&window, fault.class, progress);
                    } else if senseless == 1 {
                        tracing::warn!(account = %self.account, class = fault.class.as_str(), %fault, "an answer that makes no sense: asking for less");
                        self.metrics.backfill_failed(&self.account, fault.class);
                    }
                    continue;
                }
                Err(fault) => return Err(fault),
            };
            if whole {
                senseless = 0;
                let seconds = if window.read_through().is_some() { window.seconds() } else { 0 };
                progress.send_modify(|progress| progress.seconds_read += seconds);
            }
        }
        Ok(progress.borrow().found)
    }

    /// Says that not everything of a second was listed.
    fn leave(&self, window: &Window, class: BackfillFailure, progress: &watch::Sender<Progress>) {
        let (second, _) = window.ends();
        let level = window.level.unwrap_or("any");
        tracing::error!(account = %self.account, %second, level, class = class.as_str(), "alerts of this second are left out");
        self.metrics.backfill_failed(&self.account, class);
        progress.send_modify(|progress| progress.found.left += 1);
    }

    /// Lists one window.
    async fn list(
        &self,
        window: &Window,
        mark: Option<&Mark>,
        progress: &watch::Sender<Progress>,
    ) -> Result<Listing, Fault> {
        let mut url = self.client.list_of(window);
        let (mut rows, mut listed) = (0, Listed::default());
        for _ in 0..PAGES_MAX {
            let body = self.ask(&url).await?;
            let page = Page::parse(&body, &url).map_err(|detail| Fault::new(BackfillFailure::Invalid, detail))?;
            rows += page.rows.len() as u64;
            let is_cut_off = rows >= ROWS_MAX;
            let is_last = page.next == Next::End || is_cut_off;
            // Not past what stands in the rest of a list that was cut off, unless there is no way to see that.
            let is_read = is_last && (!is_cut_off || !window.is_divisible());
            let held = progress.borrow().found.held > 0;
            let through = window.read_through().filter(|_| is_read && !held);
            let position = mark.zip(through).map(|(mark, through)| Position {
                feed: mark.feed.clone(),
                read_through: through.max(mark.read_through),
            });
            self.keep(&page.rows, position, &mut listed, progress).await?;
            match page.next {
                _ if is_cut_off => return Ok(Listing::CutOff { seconds: listed.seconds() }),
                Next::End => {
                    self.compare(listed, window).await?;
                    return Ok(Listing::Whole);
                }
                Next::Page(next) => url = next,
                Next::Foreign(place) => {
                    let detail = format!("the next page is said to be at {place}, which is not what was asked");
                    return Err(Fault::new(BackfillFailure::ForeignPage, detail));
                }
            }
        }
        Err(Fault::new(BackfillFailure::Invalid, format!("the list has more than {PAGES_MAX} pages")))
    }

    /// Asks for a page until it comes, within limits.
    async fn ask(&self, url: &reqwest::Url) -> Result<Vec<u8>, Fault> {
        let mut backoff = Backoff::new(PATIENCE.0, PATIENCE.1);
        for _ in 1..TRIES_MAX {
            match self.client.get(url).await {
                Err(fault) if fault.may_pass() => {
                    self.metrics.backfill_failed(&self.account, fault.class);
                    let wait = backoff.next(fault.after);
                    tracing::debug!(account = %self.account, %fault, ?wait, "asking again");
                    tokio::time::sleep(wait).await;
                }
                answer => return answer,
            }
        }
        self.client.get(url).await
    }

    /// Hands rows to the store, the oldest first.
    async fn keep(
        &self,
        rows: &[&str],
        position: Option<Position>,
        listed: &mut Listed,
        progress: &watch::Sender<Progress>,
    ) -> Result<(), Fault> {
        if rows.is_empty() && position.is_none() {
            return Ok(());
        }
        let mut arrivals = self.arrivals_of(rows).await?;
        if self.details {
            self.add_details(&mut arrivals).await?;
        }
        let noted: Vec<_> = arrivals
            .iter()
            .map(|arrival| match arrival {
                Arrival::Event(event) => Some(Noted::of(event)),
                Arrival::Quarantined(_) => None,
            })
            .collect();
        let origin = Origin::Page { source: Source::AlertsApi, position, conflict: None };
        let intake = Intake { arrivals, ignored: Vec::new(), origin };
        let receipts = self.store.accept(intake).await;
        let receipts = receipts.map_err(|error| Fault::new(BackfillFailure::Store, error.to_string()))?;
        progress.send_modify(|progress| {
            let found = &mut progress.found;
            for (receipt, noted) in receipts.into_iter().zip(noted) {
                found.found += 1;
                *match (receipt, &noted) {
                    (Receipt::Duplicate, _) => &mut found.known,
                    (Receipt::Stored, Some(_)) => &mut found.recovered,
                    (Receipt::Stored, None) => &mut found.quarantined,
                    (Receipt::Held, _) => &mut found.held,
                } += 1;
                if let Some(noted) = noted {
                    listed.add(noted, receipt != Receipt::Duplicate);
                }
            }
        });
        Ok(())
    }

    /// Hands on of a window what is known already, and nothing else: whether push brought it under the same Sid.
    ///
    /// # Errors
    ///
    /// [`Fault`], as for any other list.
    pub(super) async fn prove(&self, window: &Window) -> Result<(), Fault> {
        let mut url = self.client.list_of(window);
        for _ in 0..PROOF_PAGES_MAX {
            let body = self.ask(&url).await?;
            let page = Page::parse(&body, &url).map_err(|detail| Fault::new(BackfillFailure::Invalid, detail))?;
            let reception = self.reception();
            let read = page.rows.iter().rev().map(|row| row::arrival(row, &reception));
            let mut events: Vec<_> = read.filter(|arrival| matches!(arrival, Arrival::Event(_))).collect();
            let mut known =
                self.store.knows(events.iter().filter_map(sid_of).collect()).await.map_err(gone)?.into_iter();
            events.retain(|_| known.next() == Some(true));
            if !events.is_empty() {
                let origin = Origin::Page { source: Source::AlertsApi, position: None, conflict: None };
                let handed = self.store.accept(Intake { arrivals: events, ignored: Vec::new(), origin }).await;
                return handed.map(drop).map_err(|error| Fault::new(BackfillFailure::Store, error.to_string()));
            }
            let Next::Page(next) = page.next else { return Ok(()) };
            url = next;
        }
        Ok(())
    }

    /// What rows bring, the oldest first. Of what is known, which is most of what the same time brings again, nothing will be kept: so
    /// it is read without its bulk, whose redaction takes longer than all else.
    async fn arrivals_of(&self, rows: &[&str]) -> Result<Vec<Arrival>, Fault> {
        let sids: Vec<_> = rows.iter().rev().map(|row| row::sid_of(row)).collect();
        let mut known = self.store.knows(sids.iter().flatten().cloned().collect()).await.map_err(gone)?.into_iter();
        let reception = self.reception();
        let without_bulk = Reception { redaction: Redaction::Strict, ..reception };
        let arrivals = rows.iter().rev().zip(sids).map(|(row, sid)| {
            let is_known = sid.is_some() && known.next() == Some(true);
            row::arrival(row, if is_known { &without_bulk } else { &reception })
        });
        Ok(arrivals.collect())
    }

    /// Asks for each event that is not known by itself, and takes what that has in its place.
    async fn add_details(&self, arrivals: &mut [Arrival]) -> Result<(), Fault> {
        let state = self.store.feed_state(&self.account, []).await.map_err(gone)?;
        if state.identity != Identity::Proved && state.push_since.is_some() {
            // What is held back is asked for again and again.
            return Ok(());
        }
        let sids: Vec<_> = arrivals.iter().filter_map(sid_of).collect();
        let mut known = self.store.knows(sids).await.map_err(gone)?.into_iter();
        for arrival in arrivals {
            let Some(sid) = sid_of(arrival) else { continue };
            if known.next() != Some(false) {
                continue;
            }
            match self.ask(&self.client.alert(&sid)).await {
                Ok(body) => {
                    let detailed = row::arrival(&String::from_utf8_lossy(&body), &self.reception());
                    if sid_of(&detailed) == Some(sid) {
                        *arrival = detailed;
                    }
                }
                Err(fault) if fault.may_pass() => return Err(fault),
                Err(fault) => {
                    tracing::warn!(account = %self.account, %sid, %fault, "an alert without its details");
                    self.metrics.backfill_failed(&self.account, fault.class);
                }
            }
        }
        Ok(())
    }

    /// Looks for events that the list has under other Sids than push, and ends adding if there is one.
    async fn compare(&self, listed: Listed, window: &Window) -> Result<(), Fault> {
        let state = self.store.feed_state(&self.account, []).await.map_err(gone)?;
        if state.push_since.is_none() || state.identity == Identity::Refuted {
            return Ok(());
        }
        let (dir, account, ends) = (self.dir.clone(), self.account.clone(), window.ends());
        let compared = tokio::task::spawn_blocking(move || listed.conflict_in(&dir, &account, ends)).await;
        let conflict = match compared {
            Ok(Ok(conflict)) => conflict,
            Ok(Err(error)) => {
                return Err(Fault::new(BackfillFailure::Store, crate::causes::with_causes(&error)));
            }
            Err(_) => return Err(Fault::new(BackfillFailure::Store, "reading the store was interrupted")),
        };
        let Some(conflict) = conflict else { return Ok(()) };
        tracing::error!(
            account = %self.account, pushed = %conflict.pushed, listed = %conflict.listed,
            "the list of alerts has an event under another Sid than push: nothing of this account is added from it any more"
        );
        self.metrics.backfill_failed(&self.account, BackfillFailure::Identity);
        let origin = Origin::Page { source: Source::AlertsApi, position: None, conflict: Some(self.account.clone()) };
        let refuted = self.store.accept(Intake { arrivals: Vec::new(), ignored: Vec::new(), origin }).await;
        refuted.map(drop).map_err(|error| Fault::new(BackfillFailure::Store, error.to_string()))
    }

    fn reception(&self) -> Reception {
        let Self { redaction, late_after, .. } = *self;
        Reception { redaction, late_after, at: Timestamp::now(), request_trace: None }
    }
}

fn sid_of(arrival: &Arrival) -> Option<EventSid> {
    match arrival {
        Arrival::Event(event) => Some(event.sid.clone()),
        Arrival::Quarantined(_) => None,
    }
}

pub(super) fn gone(_: StoreGone) -> Fault {
    Fault::new(BackfillFailure::Store, "the store has ended")
}
