//! An intake as the writer wants it: serialised and fingerprinted by the task that brings it, so that the one thread that writes need not.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use serde::Serialize;

use super::seen::Fingerprints;
use crate::account::KeyName;
use crate::error_code::ErrorCode;
use crate::event::{DebuggerEvent, Source};
use crate::intake::{Arrival, Ignored, Intake, Position};
use crate::level::Level;
use crate::metrics::seconds;
use crate::quarantine::{QuarantineReason, Quarantined};
use crate::sid::AccountSid;

/// What most documents fit into, so that they need not grow while they are written.
const DOCUMENT_BYTES: usize = 2048;

/// An intake, ready to be folded into the state.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) items: Vec<Item>,
    pub(super) ignored: Vec<Ignored>,
    pub(super) source: Source,
    pub(super) key: Option<KeyName>,
    pub(super) position: Option<Position>,
    pub(super) conflict: Option<AccountSid>,
}

/// One arrival.
#[derive(Debug)]
pub(super) struct Item {
    /// One line of JSON.
    pub(super) document: String,
    pub(super) fingerprints: Fingerprints,
    pub(super) kind: Kind,
}

/// What is counted of an arrival.
#[derive(Debug)]
pub(super) enum Kind {
    Event {
        level: Level,
        error_code: ErrorCode,
        account_sid: AccountSid,
        /// Seconds since 1970.
        occurred: f64,
        late: bool,
        /// A hash of the Sid of what it is about.
        resource: Option<u64>,
        /// Seconds from Twilio's time to ours; none where Twilio's is not known, and for what Twilio has not sent.
        delay: Option<f64>,
    },
    Quarantined(QuarantineReason),
}

impl Prepared {
    pub(super) fn new(Intake { arrivals, ignored, origin }: Intake) -> Self {
        let (mac, source) = (origin.mac(), origin.source());
        let item = |arrival| match arrival {
            Arrival::Event(event) => Item {
                document: document_of(&event),
                fingerprints: Fingerprints::of_event(event.sid.as_str(), mac, source),
                kind: Kind::of_event(*event, origin.is_request()),
            },
            Arrival::Quarantined(entry) => Item {
                document: document_of(&entry),
                fingerprints: Fingerprints::of_quarantined(mac, || document_of(&entry.content)),
                kind: Kind::Quarantined(entry.reason),
            },
        };
        Self {
            items: arrivals.into_iter().map(item).collect(),
            ignored,
            source,
            key: origin.key().cloned(),
            position: origin.position().cloned(),
            conflict: origin.conflict().cloned(),
        }
    }

    /// Bytes of its documents.
    pub(super) fn bytes(&self) -> usize {
        self.items.iter().map(|item| item.document.len()).sum()
    }
}

impl Kind {
    fn of_event(event: DebuggerEvent, was_sent: bool) -> Self {
        let (occurred, received) = (seconds(event.occurred_at), seconds(event.received_at));
        Self::Event {
            level: event.level,
            error_code: event.error_code,
            account_sid: event.account_sid,
            late: event.late,
            resource: event.resource_sid.as_deref().map(hash_of),
            // A clock that runs ahead must not hide later events behind a newer time.
            occurred: occurred.min(received),
            // What we have asked for has waited for us, not for Twilio.
            delay: (was_sent && !event.occurred_at_assumed).then(|| (received - occurred).max(0.0)),
        }
    }
}

fn hash_of(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// The JSON text of an event or an entry; one line, because JSON writes line feeds as `\n`.
fn document_of(value: &impl Serialize) -> String {
    let mut document = Vec::with_capacity(DOCUMENT_BYTES);
    serde_json::to_writer(&mut document, value).expect("strings, numbers and JSON values become JSON");
    String::from_utf8(document).expect("JSON is text")
}

/// The entry of an event that the collector has refused for good, as the store keeps it.
pub(super) fn document_of_refused(event: &DebuggerEvent, detail: &str, at: jiff::Timestamp) -> String {
    // A payload may be JSON and yet more than a tree of values can hold.
    let content = serde_json::to_value(event).unwrap_or_else(|_| {
        let mut event = event.clone();
        event.trim();
        serde_json::to_value(&event).unwrap_or_default()
    });
    document_of(&Quarantined {
        reason: QuarantineReason::OtlpRejected,
        detail: detail.to_owned(),
        source: event.source,
        sid: Some(event.sid.to_string()),
        at,
        content,
    })
}
