//! What a group of arrivals changes: the one place that decides it, and a pure function.
//!
//! [`fold`] knows no clock, no file and no configuration: the same state, the same arrivals and the same time give the same [`Change`],
//! however often and wherever they are folded. The writer puts a change on disk, and only then [`State::apply`]s it; a change that could
//! not be written has changed nothing.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;

use super::feeds::{Awaited, Feeds, FeedsChange, Folding, Found, REPEATED_FOR};
use super::prepared::{Item, Kind, Prepared};
use super::seen::{Fingerprints, Fresh, Seen, arrivals_of};
use crate::account::KeyName;
use crate::error_code::ErrorCode;
use crate::event::Source;
use crate::intake::{Ignored, Position, Receipt};
use crate::level::Level;
use crate::metrics::SeriesLabels;
use crate::metrics::{Admission, AdmittedCode, CounterRow, Gains, SeriesGain, Touched};
use crate::quarantine::QuarantineReason;
use crate::sid::AccountSid;

/// Everything that decides what an arrival changes.
#[derive(Debug)]
pub(super) struct State {
    pub(super) numbers: Numbers,
    /// The fingerprints of what is remembered.
    pub(super) seen: Seen,
    /// How many arrivals are remembered.
    pub(super) remembered: u64,
    /// The most that are, `dedupe_events_max`: the oldest are forgotten first.
    pub(super) remembered_max: u64,
    /// Which codes have a series of their own.
    pub(super) admission: Admission,
    /// What is known of the feeds that bring events.
    pub(super) feeds: Feeds,
}

/// The one row of table `state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Numbers {
    /// Events in the store.
    pub(super) events: u64,
    /// The number of the last event ever stored.
    pub(super) last_seq: u64,
    /// The number of the last event that the collector has.
    pub(super) cursor: u64,
}

/// What a group changes. Nothing has been changed yet.
#[derive(Debug, PartialEq)]
pub(super) struct Change<'a> {
    /// When it was taken: the time of every row it makes.
    pub(super) at: Timestamp,
    /// What became of each arrival, in their order.
    pub(super) receipts: Vec<Receipt>,
    /// The documents of the new events, one a line.
    pub(super) documents: String,
    /// How many these are.
    pub(super) events: u64,
    /// The documents of the new entries of the quarantine.
    pub(super) quarantined: Vec<&'a str>,
    /// What is to be remembered: a row of table `seen_groups`.
    pub(super) fingerprints: Vec<Fingerprints>,
    /// How many of the oldest arrivals are remembered beyond the limit now.
    pub(super) forgets: u64,
    /// Feeds that have been read further.
    pub(super) positions: Vec<&'a Position>,
    /// What becomes known of feeds.
    pub(super) feeds: FeedsChange,
    /// Codes that are admitted now.
    pub(super) admits: Vec<AdmittedCode>,
    /// What is added to the metrics.
    pub(super) gains: Gains,
}

/// Says what `intakes`, taken together `at` one moment, change in `state`.
///
/// `documents` is an empty buffer, for example that of an earlier group.
pub(super) fn fold<'a>(
    state: &State,
    at: Timestamp,
    intakes: impl Iterator<Item = &'a Prepared>,
    documents: String,
) -> Change<'a> {
    let mut change = Change::new(at, documents);
    let mut fresh = Fresh::default();
    let mut tally = Tally::default();
    let mut feeds = state.feeds.fold();
    for Prepared { items, ignored, source, key, position, conflict } in intakes {
        let mut holds_back = false;
        for item in items {
            let known = state.seen.knows_with(item.fingerprints, &fresh);
            let elsewhere = || state.seen.knows_elsewhere(item.fingerprints, *source, &fresh);
            let (receipt, missed) = judge(item, *source, at, known, elsewhere, &mut feeds);
            tally.count(item, *source, receipt, missed);
            if receipt == Receipt::Stored {
                fresh.add(item.fingerprints);
                change.keep(item);
            }
            holds_back |= receipt == Receipt::Held;
            change.receipts.push(receipt);
        }
        for reason in ignored {
            tally.ignore(*reason, *source);
        }
        if let Some(key) = key {
            *tally.keys.entry(key).or_default() += 1;
        }
        if let Some(account) = conflict {
            feeds.refute(account);
        }
        change.positions.extend(position.as_ref().filter(|_| !holds_back));
    }
    change.feeds = feeds.finish();
    let remembered = state.remembered + change.fingerprints.len() as u64;
    change.forgets = remembered.saturating_sub(state.remembered_max);
    change.gains = tally.into_gains(&state.admission, &mut change.admits);
    change
}

/// What becomes of one arrival, and whether push has missed it.
fn judge(
    item: &Item,
    source: Source,
    at: Timestamp,
    known: bool,
    elsewhere: impl FnOnce() -> bool,
    feeds: &mut Folding<'_>,
) -> (Receipt, bool) {
    let (Kind::Event { account_sid, level, occurred, .. }, Some(sid)) = (&item.kind, item.fingerprints.sid()) else {
        return (if known { Receipt::Duplicate } else { Receipt::Stored }, false);
    };
    if known {
        feeds.repeats(source, account_sid, sid, elsewhere);
        return (Receipt::Duplicate, false);
    }
    let mut missed = false;
    if !source.is_push() {
        let event = Awaited { sid, level: *level, due: at + REPEATED_FOR };
        match feeds.finds(account_sid, event, *occurred) {
            Found::Held => return (Receipt::Held, false),
            found => missed = found == Found::Missed,
        }
    }
    feeds.brings(source, account_sid, at);
    (Receipt::Stored, missed)
}

impl<'a> Change<'a> {
    fn new(at: Timestamp, documents: String) -> Self {
        Self {
            at,
            receipts: Vec::new(),
            documents,
            events: 0,
            quarantined: Vec::new(),
            fingerprints: Vec::new(),
            forgets: 0,
            positions: Vec::new(),
            feeds: FeedsChange::default(),
            admits: Vec::new(),
            gains: Gains::default(),
        }
    }

    fn keep(&mut self, item: &'a Item) {
        self.fingerprints.push(item.fingerprints);
        match item.kind {
            Kind::Event { .. } => {
                if self.events > 0 {
                    self.documents.push('\n');
                }
                self.documents.push_str(&item.document);
                self.events += 1;
            }
            Kind::Quarantined(_) => self.quarantined.push(&item.document),
        }
    }

    /// Whether there is anything to write. Duplicates are counted in memory, and written down with the next scrape.
    pub(super) fn is_to_be_written(&self) -> bool {
        !self.fingerprints.is_empty() || !self.positions.is_empty() || !self.feeds.is_empty()
    }

    /// Bytes of what goes to quarantine.
    pub(super) fn quarantined_bytes(&self) -> usize {
        self.quarantined.iter().map(|document| document.len()).sum()
    }
}

impl State {
    /// Whether every arrival of `intakes` is known, and nothing else moves.
    pub(super) fn knows_all<'a>(&self, mut intakes: impl Iterator<Item = &'a Prepared>) -> bool {
        intakes.all(|intake| {
            intake.position.is_none()
                && intake.conflict.is_none()
                && intake
                    .items
                    .iter()
                    .all(|item| self.seen.knows(item.fingerprints) && !self.learns_from(item, intake.source))
        })
    }

    /// Whether an event that is known says something of the feeds.
    fn learns_from(&self, item: &Item, source: Source) -> bool {
        let (Kind::Event { account_sid, .. }, Some(sid)) = (&item.kind, item.fingerprints.sid()) else { return false };
        let elsewhere = || self.seen.knows_elsewhere(item.fingerprints, source, &Fresh::default());
        self.feeds.would_change(source, account_sid, sid, elsewhere)
    }

    /// Makes `change` true. `forgotten` are the rows that the store has let go for it.
    pub(super) fn apply(&mut self, change: &mut Change<'_>, forgotten: &[Vec<u8>]) {
        self.numbers.events += change.events;
        self.numbers.last_seq += change.events;
        self.remembered += change.fingerprints.len() as u64;
        for fingerprints in &change.fingerprints {
            self.seen.remember(*fingerprints);
        }
        self.admission.admit(change.admits.drain(..));
        self.feeds.apply(std::mem::take(&mut change.feeds), change.positions.iter().copied());
        self.forget(forgotten);
    }

    /// Forgets rows that the store has let go.
    pub(super) fn forget(&mut self, rows: &[Vec<u8>]) {
        for row in rows {
            self.remembered = self.remembered.saturating_sub(arrivals_of(row));
            self.seen.forget(row);
        }
    }
}

/// What a group counts, gathered by what is cheap to compare: many events are of few kinds.
#[derive(Debug, Default)]
struct Tally<'a> {
    received: BTreeMap<Source, u64>,
    duplicates: BTreeMap<Source, u64>,
    accepted: BTreeMap<(Level, Source), u64>,
    quarantined: BTreeMap<(QuarantineReason, Source), u64>,
    ignored: BTreeMap<(Ignored, Source), u64>,
    missed: BTreeMap<Level, u64>,
    keys: BTreeMap<&'a KeyName, u64>,
    /// In the order in which they came: that decides which codes are admitted when there is no place for all.
    kinds: Vec<(KindOfEvent<'a>, KindGain)>,
    places: HashMap<KindOfEvent<'a>, usize>,
    delays: Vec<f64>,
}

type KindOfEvent<'a> = (Level, ErrorCode, &'a AccountSid);

#[derive(Debug, Default)]
struct KindGain {
    events: u64,
    late: u64,
    newest: f64,
    touched: Vec<Touched>,
}

impl<'a> Tally<'a> {
    fn count(&mut self, item: &'a Item, source: Source, receipt: Receipt, missed: bool) {
        if receipt == Receipt::Held {
            // It comes again.
            return;
        }
        *self.received.entry(source).or_default() += 1;
        match &item.kind {
            _ if receipt == Receipt::Duplicate => *self.duplicates.entry(source).or_default() += 1,
            Kind::Quarantined(reason) => *self.quarantined.entry((*reason, source)).or_default() += 1,
            Kind::Event { level, error_code, account_sid, occurred, late, resource, delay } => {
                *self.accepted.entry((*level, source)).or_default() += 1;
                self.delays.extend(delay);
                if missed {
                    *self.missed.entry(*level).or_default() += 1;
                }
                let kind = (*level, *error_code, account_sid);
                let place = *self.places.entry(kind).or_insert_with(|| {
                    self.kinds.push((kind, KindGain::default()));
                    self.kinds.len() - 1
                });
                let gain = &mut self.kinds[place].1;
                gain.events += 1;
                gain.late += u64::from(*late);
                gain.newest = gain.newest.max(*occurred);
                gain.touched.extend(resource.map(|resource| Touched { resource, occurred: *occurred }));
            }
        }
    }

    fn ignore(&mut self, reason: Ignored, source: Source) {
        *self.received.entry(source).or_default() += 1;
        *self.ignored.entry((reason, source)).or_default() += 1;
    }

    fn into_gains(self, admission: &Admission, admits: &mut Vec<AdmittedCode>) -> Gains {
        let mut series: Vec<SeriesGain> = Vec::new();
        let mut places: HashMap<SeriesLabels, usize> = HashMap::new();
        for ((level, code, account), gain) in self.kinds {
            let labels = admission.labels(level, code, account, admits);
            // Several kinds share a series beyond the limit, and where accounts are not told apart.
            let place = *places.entry(labels).or_insert_with_key(|labels| {
                series.push(SeriesGain {
                    labels: labels.clone(),
                    events: 0,
                    late: 0,
                    newest: 0.0,
                    touched: Vec::new(),
                });
                series.len() - 1
            });
            series[place].events += gain.events;
            series[place].late += gain.late;
            series[place].newest = series[place].newest.max(gain.newest);
            series[place].touched.extend(gain.touched);
        }
        let overflowed = series.iter().filter(|gain| gain.labels.is_overflow()).map(|gain| gain.events).sum();
        let received = self.received.into_iter().map(|(source, count)| CounterRow::received(source, count));
        let duplicates = self.duplicates.into_iter().map(|(source, count)| CounterRow::duplicates(source, count));
        let accepted =
            self.accepted.into_iter().map(|((level, source), count)| CounterRow::accepted(level, source, count));
        let quarantined = self
            .quarantined
            .into_iter()
            .map(|((reason, source), count)| CounterRow::quarantined(reason, source, count));
        let ignored =
            self.ignored.into_iter().map(|((reason, source), count)| CounterRow::ignored(reason, source, count));
        let missed = self.missed.into_iter().map(|(level, count)| CounterRow::missed(level, count));
        let keys = self.keys.into_iter().map(|(key, count)| CounterRow::signing_key_used(key, count));
        let overflow = (overflowed > 0).then(|| CounterRow::series_overflow(overflowed));
        let counters = received
            .chain(duplicates)
            .chain(accepted)
            .chain(quarantined)
            .chain(ignored)
            .chain(missed)
            .chain(keys)
            .chain(overflow);
        Gains { series, counters: counters.collect(), delays: self.delays }
    }
}

#[cfg(test)]
mod tests;
