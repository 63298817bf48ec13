//! `events`: what is in the store, newest first, beside a running `serve` or without one.

mod table;

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use self::table::Row;
use super::flags::{Directory, SettingFlags};
use super::{CommandError, block_on};
use crate::app::stop_signal;
use crate::causes::with_causes;
use crate::config::{Sources, load_store};
use crate::event::DebuggerEvent;
use crate::quarantine::Quarantined;
use crate::store::{Archive, ArchiveError, ListedQuarantine, StoredEvent};

/// How often `--follow` looks.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// The most events read at once while following.
const POLL_EVENTS_MAX: usize = 1_000;

/// Something that is listed.
#[derive(Debug)]
enum Entry {
    Event(Box<StoredEvent>),
    Quarantined(ListedQuarantine),
}

/// What `events` is told.
#[derive(Debug, clap::Args)]
#[command(after_help = "Works beside a running serve.

Examples:
  twilio-debugger-exporter events --store.dir ./data --limit 10
  twilio-debugger-exporter events --quarantined --json
  twilio-debugger-exporter events --follow")]
pub struct Args {
    /// One JSON document a line
    #[arg(long)]
    json: bool,
    /// Wait for new events and list them as they come
    #[arg(long)]
    follow: bool,
    /// The most events that are listed
    #[arg(long, value_name = "COUNT", default_value_t = 50)]
    limit: usize,
    /// Those that were signed but not understood, or that the collector refused
    #[arg(long)]
    quarantined: bool,
    #[command(flatten)]
    pub(super) flags: SettingFlags<Directory>,
}

/// Lists, and follows if asked to.
pub(super) fn run(events: &Args, sources: &Sources, out: &mut impl Write) -> Result<ExitCode, CommandError> {
    let dir = load_store(sources)?.dir;
    let archive = Archive::open(&dir).map_err(|error| unreadable(&error))?;
    let mut tail = Tail { stored: archive.last_seq().map_err(|error| unreadable(&error))?, quarantined: 0 };
    let mut listed = newest(&archive, events).map_err(|error| unreadable(&error))?;
    tail.quarantined = archive.quarantine(1).map_err(|error| unreadable(&error))?.first().map_or(0, |newest| newest.id);
    if events.follow {
        // The list goes on downwards, so the newest stands where the next will be.
        listed.reverse();
    }
    if !events.json {
        writeln!(out, "{}", table::HEADER)?;
    }
    for entry in &listed {
        write_entry(entry, events.json, out)?;
    }
    out.flush()?;
    if events.follow {
        block_on(follow(&archive, tail, events, out))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The newest entries, newest first.
fn newest(archive: &Archive, events: &Args) -> Result<Vec<Entry>, ArchiveError> {
    let stored = if events.quarantined { Vec::new() } else { archive.newest_events(events.limit)? };
    let quarantined = archive.quarantine(events.limit)?;
    let mut entries: Vec<Entry> = stored
        .into_iter()
        .map(Box::new)
        .map(Entry::Event)
        .chain(quarantined.into_iter().map(Entry::Quarantined))
        .collect();
    // Stable: events of one moment stay in the order of the store.
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.arrived_at()));
    entries.truncate(events.limit);
    Ok(entries)
}

/// What has been listed already.
#[derive(Debug, Clone, Copy)]
struct Tail {
    stored: u64,
    quarantined: u64,
}

async fn follow(archive: &Archive, mut tail: Tail, events: &Args, out: &mut impl Write) -> Result<(), CommandError> {
    let mut stop = std::pin::pin!(stop_signal());
    let mut ticks = tokio::time::interval(POLL_INTERVAL);
    loop {
        tokio::select! {
            () = &mut stop => return Ok(()),
            _ = ticks.tick() => {}
        }
        for entry in tail.advance(archive, events.quarantined).map_err(|error| unreadable(&error))? {
            write_entry(&entry, events.json, out)?;
        }
        out.flush()?;
    }
}

impl Tail {
    /// What has come since, oldest first.
    fn advance(&mut self, archive: &Archive, only_quarantined: bool) -> Result<Vec<Entry>, ArchiveError> {
        let mut entries = Vec::new();
        if !only_quarantined {
            entries.extend(
                archive.events_after(self.stored, POLL_EVENTS_MAX)?.into_iter().map(Box::new).map(Entry::Event),
            );
        }
        if let Some(Entry::Event(last)) = entries.last() {
            self.stored = last.seq;
        }
        let newer = archive.quarantine(POLL_EVENTS_MAX)?.into_iter().filter(|entry| entry.id > self.quarantined);
        let newer: Vec<_> = newer.collect();
        self.quarantined = newer.first().map_or(self.quarantined, |newest| newest.id);
        entries.extend(newer.into_iter().map(Entry::Quarantined));
        entries.sort_by_key(Entry::arrived_at);
        Ok(entries)
    }
}

/// One line of `--json`.
#[derive(Serialize)]
#[serde(untagged)]
enum Line<'a> {
    Event {
        kind: &'static str,
        seq: u64,
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
    fn arrived_at(&self) -> Timestamp {
        match self {
            Self::Event(stored) => stored.event.received_at,
            Self::Quarantined(listed) => listed.entry.at,
        }
    }

    fn line(&self) -> Line<'_> {
        match self {
            Self::Event(stored) => Line::Event { kind: "event", seq: stored.seq, event: &stored.event },
            Self::Quarantined(listed) => Line::Quarantined { kind: "quarantined", id: listed.id, entry: &listed.entry },
        }
    }

    fn row(&self) -> Row {
        match self {
            Self::Event(stored) => Row::of_event(&stored.event),
            Self::Quarantined(listed) => Row::of_quarantined(&listed.entry),
        }
    }
}

fn write_entry(entry: &Entry, json: bool, out: &mut impl Write) -> Result<(), CommandError> {
    if json {
        serde_json::to_writer(&mut *out, &entry.line()).map_err(std::io::Error::from)?;
        writeln!(out)?;
    } else {
        writeln!(out, "{}", entry.row())?;
    }
    Ok(())
}

fn unreadable(error: &ArchiveError) -> CommandError {
    CommandError::Failed(with_causes(error))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::{Entry, write_entry};
    use crate::event::Source;
    use crate::quarantine::{QuarantineReason, Quarantined};
    use crate::store::{ListedQuarantine, StoredEvent};

    fn json_of(entry: &Entry) -> serde_json::Value {
        let mut out = Vec::new();
        write_entry(entry, true, &mut out).expect("a vector");
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
