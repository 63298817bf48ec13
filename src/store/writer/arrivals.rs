//! What waits for the writer, and how a group of it is put together, counted and answered.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use serde::Serialize;
use tokio::sync::oneshot;

use super::super::documents::BUFFER_BYTES_MAX;
use super::super::seen::{Fingerprints, Seen};
use super::super::{AcceptError, Arrival, Receipt};
use crate::account::{KeyName, Mac};
use crate::error_code::ErrorCode;
use crate::event::{DebuggerEvent, Source};
use crate::level::Level;
use crate::metrics::{GroupCounts, Metrics, seconds};
use crate::quarantine::QuarantineReason;
use crate::sid::AccountSid;

type Answer = Result<Receipt, AcceptError>;

/// One request in the queue, serialised by the request's own task.
#[derive(Debug)]
pub(in crate::store) struct Waiting {
    document: String,
    fingerprints: Fingerprints,
    key: KeyName,
    kind: Kind,
    claim: Claim,
    answer: oneshot::Sender<Answer>,
}

#[derive(Debug)]
enum Kind {
    Event {
        level: Level,
        error_code: ErrorCode,
        account_sid: AccountSid,
        source: Source,
        occurred: f64,
        delay: Option<f64>,
    },
    Quarantined(QuarantineReason),
}

/// Whose the request is: the writer's once it is in a group, the sender's once it has given up. Never both.
#[derive(Debug, Clone, Default)]
pub(in crate::store) struct Claim(Arc<AtomicU8>);

const FREE: u8 = 0;
const TAKEN: u8 = 1;
const GIVEN_UP: u8 = 2;

impl Claim {
    fn take(&self) -> bool {
        self.0.compare_exchange(FREE, TAKEN, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// The sender stops waiting: true if the request is withdrawn, false if the writer has it and will count it.
    pub(in crate::store) fn give_up(&self) -> bool {
        self.0.compare_exchange(FREE, GIVEN_UP, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

impl Waiting {
    pub(in crate::store) fn new(arrival: Arrival, mac: Mac, key: KeyName) -> (Self, oneshot::Receiver<Answer>) {
        let (answer, answered) = oneshot::channel();
        let (document, fingerprints, kind) = match arrival {
            Arrival::Event(event) => {
                let fingerprints = Fingerprints::of_event(event.sid.as_str(), &mac);
                (document_of(&event), fingerprints, Kind::of_event(*event))
            }
            Arrival::Quarantined(entry) => {
                (document_of(&entry), Fingerprints::of_quarantined(&mac), Kind::Quarantined(entry.reason))
            }
        };
        (Self { document, fingerprints, key, kind, claim: Claim::default(), answer }, answered)
    }

    pub(in crate::store) fn claim(&self) -> Claim {
        self.claim.clone()
    }
}

impl Kind {
    fn of_event(event: DebuggerEvent) -> Self {
        let (occurred, received) = (seconds(event.occurred_at), seconds(event.received_at));
        Self::Event {
            level: event.level,
            error_code: event.error_code,
            account_sid: event.account_sid,
            source: event.source,
            // A clock that runs ahead must not hide later events behind a newer time.
            occurred: occurred.min(received),
            delay: (!event.occurred_at_assumed).then(|| (received - occurred).max(0.0)),
        }
    }
}

/// The JSON text of an event or an entry; one line, because JSON writes line feeds as `\n`.
pub(super) fn document_of(value: &impl Serialize) -> String {
    let mut document = Vec::with_capacity(DOCUMENT_BYTES);
    serde_json::to_writer(&mut document, value).expect("strings, numbers and JSON values become JSON");
    String::from_utf8(document).expect("JSON is text")
}

/// What most documents fit into, so that they need not grow while they are written.
const DOCUMENT_BYTES: usize = 2048;

/// What is committed together.
#[derive(Debug, Default)]
pub(super) struct Group {
    fresh: Vec<Waiting>,
    duplicates: Vec<Waiting>,
    documents: String,
    events: u64,
    fingerprints: Vec<u8>,
    quarantined_bytes: usize,
}

/// What a group adds to the counters: as the metrics take it, and as rows of the store.
#[derive(Debug)]
pub(super) struct Tally {
    pub(super) counts: GroupCounts,
    pub(super) rows: Vec<(&'static str, String, u64)>,
}

impl Group {
    /// Starts with the buffer of an earlier group, see [`Self::take_documents`].
    pub(super) fn new(mut documents: String) -> Self {
        documents.clear();
        Self { documents, ..Self::default() }
    }

    /// Gives the buffer of the documents, which are in the store now; a new one after a group of giants.
    pub(super) fn take_documents(&mut self) -> String {
        let documents = std::mem::take(&mut self.documents);
        if documents.capacity() <= BUFFER_BYTES_MAX { documents } else { String::new() }
    }

    /// Adds a request, unless its sender has stopped waiting.
    pub(super) fn take(&mut self, waiting: Waiting, seen: &mut Seen) {
        if !waiting.claim.take() {
            return;
        }
        if !seen.insert(waiting.fingerprints) {
            self.duplicates.push(waiting);
            return;
        }
        self.fingerprints.extend(waiting.fingerprints.to_bytes());
        match waiting.kind {
            Kind::Event { .. } => {
                if self.events > 0 {
                    self.documents.push('\n');
                }
                self.documents.push_str(&waiting.document);
                self.events += 1;
            }
            Kind::Quarantined(_) => self.quarantined_bytes += waiting.document.len(),
        }
        self.fresh.push(waiting);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.fresh.is_empty() && self.duplicates.is_empty()
    }

    pub(super) fn events(&self) -> u64 {
        self.events
    }

    /// Everything new, events or not.
    pub(super) fn arrivals(&self) -> u64 {
        self.fresh.len() as u64
    }

    pub(super) fn documents(&self) -> &str {
        &self.documents
    }

    pub(super) fn quarantined_bytes(&self) -> usize {
        self.quarantined_bytes
    }

    /// Whether all of it is stored already.
    pub(super) fn has_nothing_new(&self) -> bool {
        self.fresh.is_empty()
    }

    pub(super) fn fingerprints(&self) -> &[u8] {
        &self.fingerprints
    }

    pub(super) fn quarantined(&self) -> impl Iterator<Item = &str> {
        let quarantined = self.fresh.iter().filter(|waiting| matches!(waiting.kind, Kind::Quarantined(_)));
        quarantined.map(|waiting| waiting.document.as_str())
    }

    /// Counts what is new in the group; duplicates are counted when they are answered.
    pub(super) fn tally(&self, metrics: &Metrics) -> Tally {
        let mut counts = GroupCounts::default();
        // Gathered first by what is cheap to compare: a group of many events has few kinds of them.
        let mut kinds: HashMap<(Level, ErrorCode, &AccountSid), (u64, f64)> = HashMap::new();
        let mut keys: HashMap<&KeyName, u64> = HashMap::new();
        for waiting in &self.fresh {
            *keys.entry(&waiting.key).or_default() += 1;
            counts.answered += 1;
            match &waiting.kind {
                Kind::Event { level, error_code, account_sid, source, occurred, delay } => {
                    let kind = kinds.entry((*level, *error_code, account_sid)).or_insert((0, 0.0));
                    *kind = (kind.0 + 1, kind.1.max(*occurred));
                    *counts.accepted.entry((*level, *source)).or_default() += 1;
                    counts.delays.extend(delay);
                }
                Kind::Quarantined(reason) => *counts.quarantined.entry(*reason).or_default() += 1,
            }
        }
        for ((level, error_code, account_sid), (events, newest)) in kinds {
            let (labels, overflows) = metrics.series_labels(level, error_code, account_sid);
            let series = counts.series.entry(labels).or_insert((0, 0.0));
            *series = (series.0 + events, series.1.max(newest));
            counts.overflowed += if overflows { events } else { 0 };
        }
        counts.keys = keys.into_iter().map(|(key, count)| (key.clone(), count)).collect();
        let rows = rows_of(&counts);
        Tally { counts, rows }
    }

    /// Answers every request of the group and gives the counts of its duplicates.
    ///
    /// If the group failed its duplicates fail with it: some of them were duplicates of what is now not stored.
    pub(super) fn answer(self, outcome: Answer) -> GroupCounts {
        let mut counts = GroupCounts::default();
        for waiting in self.duplicates {
            if outcome.is_ok() {
                *counts.keys.entry(waiting.key).or_default() += 1;
                *counts.duplicates.entry(Source::Webhook).or_default() += 1;
                counts.answered += 1;
            }
            // A sender that has gone needs no answer.
            let _ = waiting.answer.send(outcome.map(|_| Receipt::Duplicate));
        }
        for waiting in self.fresh {
            let _ = waiting.answer.send(outcome);
        }
        counts
    }
}

/// The counter of everything that went to quarantine, whoever sent it there.
pub(super) const QUARANTINED: &str = "twilio_debugger_exporter_quarantined_total";

/// The same counts as rows of table `counters`.
fn rows_of(counts: &GroupCounts) -> Vec<(&'static str, String, u64)> {
    let mut rows = Vec::new();
    for ((level, source), count) in &counts.accepted {
        rows.push((
            "twilio_debugger_accepted_events_total",
            format!("{}\n{}", level.as_str(), source.as_str()),
            *count,
        ));
    }
    for (reason, count) in &counts.quarantined {
        rows.push((QUARANTINED, reason.as_str().to_owned(), *count));
    }
    for (key, count) in &counts.keys {
        let labels = format!("{}\n{}", key.account_sid, key.position);
        rows.push(("twilio_debugger_exporter_signing_key_used_total", labels, *count));
    }
    rows.push(("twilio_debugger_exporter_requests_total", "204".to_owned(), counts.answered));
    if counts.overflowed > 0 {
        rows.push(("twilio_debugger_exporter_series_overflow_total", String::new(), counts.overflowed));
    }
    rows
}
