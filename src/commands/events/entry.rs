//! Something that is listed, as a row or as a line of JSON.

use std::io::Write;

use jiff::Timestamp;
use serde::Serialize;

use super::table::Row;
use crate::catalogue::{Catalogue, page_of_code, page_of_event};
use crate::commands::CommandError;
use crate::event::DebuggerEvent;
use crate::quarantine::Quarantined;
use crate::store::{ListedQuarantine, StoredEvent};

/// An event, or an entry of the quarantine.
#[derive(Debug)]
pub(super) enum Entry {
    Event(Box<StoredEvent>),
    Quarantined(ListedQuarantine),
}

/// One line of `--json`.
#[derive(Serialize)]
#[serde(untagged)]
enum Line<'a> {
    Event {
        kind: &'static str,
        seq: u64,
        /// Where the event does not name its own.
        #[serde(skip_serializing_if = "Option::is_none")]
        product: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        title: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        docs_url: Option<String>,
        console_url: String,
        #[serde(flatten)]
        event: &'a DebuggerEvent,
    },
    Quarantined {
        kind: &'static str,
        id: u64,
        #[serde(flatten)]
        entry: &'a Quarantined,
    },
}

impl Entry {
    /// When it arrived here, or was refused by the collector.
    pub(super) fn arrived_at(&self) -> Timestamp {
        match self {
            Self::Event(stored) => stored.event.received_at,
            Self::Quarantined(listed) => listed.entry.at,
        }
    }

    fn line<'a>(&'a self, catalogue: &'a Catalogue) -> Line<'a> {
        match self {
            Self::Event(stored) => {
                let StoredEvent { seq, event } = stored.as_ref();
                let about = catalogue.about(event.error_code);
                Line::Event {
                    kind: "event",
                    seq: *seq,
                    product: about.product.filter(|_| event.product.is_none()),
                    title: about.title,
                    docs_url: page_of_code(event.error_code),
                    console_url: page_of_event(&event.sid),
                    event,
                }
            }
            Self::Quarantined(listed) => Line::Quarantined { kind: "quarantined", id: listed.id, entry: &listed.entry },
        }
    }

    fn row(&self, catalogue: &Catalogue) -> Row {
        match self {
            Self::Event(stored) => Row::of_event(&stored.event, catalogue),
            Self::Quarantined(listed) => Row::of_quarantined(&listed.entry),
        }
    }
}

/// Writes one line.
pub(super) fn write_entry(
    entry: &Entry,
    catalogue: &Catalogue,
    json: bool,
    out: &mut impl Write,
) -> Result<(), CommandError> {
    if json {
        serde_json::to_writer(&mut *out, &entry.line(catalogue)).map_err(std::io::Error::from)?;
        writeln!(out)?;
    } else {
        writeln!(out, "{}", entry.row(catalogue))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::{Entry, write_entry};
    use crate::catalogue::Catalogue;
    use crate::event::Source;
    use crate::quarantine::{QuarantineReason, Quarantined};
    use crate::store::{ListedQuarantine, StoredEvent};

    fn json_of(entry: &Entry) -> serde_json::Value {
        let list = r#"[{"code": 11200, "message": "HTTP retrieval failure"}]"#;
        let (catalogue, mut out) = (Catalogue::parse(list).expect("a list"), Vec::new());
        write_entry(entry, &catalogue, true, &mut out).expect("a vector");
        assert_eq!(out.split(|byte| *byte == b'\n').count(), 2, "one line an entry");
        serde_json::from_slice(&out).expect("JSON")
    }

    #[test]
    fn a_json_line_says_what_it_is() {
        let event = serde_json::from_str(
            r#"{"sid":"NO1","account_sid":"AC1","level":"error","error_code":"11200","occurred_at":"2026-01-02T03:04:05Z",
                "received_at":"2026-01-02T03:04:06Z","source":"webhook","payload":{"a": [1]}}"#,
        );
        let event = json_of(&Entry::Event(Box::new(StoredEvent { seq: 7, event: event.expect("an event") })));
        assert_eq!((&event["kind"], &event["seq"], &event["sid"]), (&"event".into(), &7.into(), &"NO1".into()));
        assert_eq!(event["payload"]["a"][0], 1);
        assert_eq!((&event["product"], &event["title"]), (&"Webhooks".into(), &"HTTP retrieval failure".into()));
        assert_eq!(event["docs_url"], "https://www.twilio.com/docs/api/errors/11200");
        assert_eq!(event["console_url"], "https://www.twilio.com/console/debugger/NO1");
        let entry = Quarantined {
            reason: QuarantineReason::BadPayload,
            source: Source::Webhook,
            detail: "Payload is no JSON".into(),
            sid: None,
            at: Timestamp::UNIX_EPOCH,
            content: serde_json::Value::Null,
        };
        let entry = json_of(&Entry::Quarantined(ListedQuarantine { id: 3, entry }));
        assert_eq!((&entry["kind"], &entry["id"]), (&"quarantined".into(), &3.into()));
        assert_eq!(entry["reason"], "bad_payload");
    }
}
