//! `events show`: everything that is kept of one event, for people to read.

use std::fmt::{self, Write as _};
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use jiff::Timestamp;

use super::entry::{Entry, write_entry};
use super::unreadable;
use crate::catalogue::{Catalogue, page_of_code, page_of_event};
use crate::commands::CommandError;
use crate::event::{DebuggerEvent, FailedExchange};
use crate::sid::{EventSid, resource_type};
use crate::store::{Archive, ListedQuarantine, PartialDelivery, StoredEvent};

/// Shows the event, and what the quarantine has of it; 1 if there is neither.
pub(super) fn run(
    archive: &Archive,
    sid: &EventSid,
    catalogue: &Catalogue,
    json: bool,
    out: &mut impl Write,
) -> Result<ExitCode, CommandError> {
    let events = archive.events_of(sid).map_err(|error| unreadable(&error))?;
    let quarantined = archive.quarantine_of(sid).map_err(|error| unreadable(&error))?;
    if events.is_empty() && quarantined.is_empty() {
        return Err(CommandError::Failed(format!(
            "nothing is kept of {sid}: it never came, or store.retention or store.bytes_max has let it go"
        )));
    }
    if json {
        for entry in
            events.into_iter().map(Box::new).map(Entry::Event).chain(quarantined.into_iter().map(Entry::Quarantined))
        {
            write_entry(&entry, catalogue, true, out)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let partial = archive.partial_deliveries_of(sid).map_err(|error| unreadable(&error))?;
    let events = events.iter().map(|stored| of_event(stored, catalogue));
    let texts = events.chain(quarantined.iter().map(of_quarantined)).chain(partial.iter().map(of_partial_delivery));
    let texts: Vec<_> = texts.map(|text| text.0).collect();
    out.write_all(texts.join("\n").as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// Lines: a head, then names with what they stand for. No character of Twilio's or of a stranger's moves a terminal's cursor.
#[derive(Debug, Default)]
struct Text(String);

impl Text {
    fn head(line: impl fmt::Display) -> Self {
        let mut text = Self::default();
        text.line(line);
        text
    }

    fn line(&mut self, line: impl fmt::Display) {
        let line = line.to_string();
        self.0.extend(line.chars().map(|c| if c.is_control() { ' ' } else { c }));
        self.0.push('\n');
    }

    fn field(&mut self, name: &str, value: impl fmt::Display) {
        self.line(format_args!("  {name:<10} {value}"));
    }

    fn optional(&mut self, name: &str, value: Option<impl fmt::Display>) {
        if let Some(value) = value {
            self.field(name, value);
        }
    }

    fn json(&mut self, name: &str, json: &str) {
        self.line(format_args!("  {name}"));
        for line in json.lines() {
            self.line(format_args!("    {line}"));
        }
    }
}

fn of_event(stored: &StoredEvent, catalogue: &Catalogue) -> Text {
    // Taken apart, so that a field added later cannot be forgotten here.
    let DebuggerEvent {
        sid,
        account_sid,
        parent_account_sid,
        level,
        error_code,
        occurred_at,
        occurred_at_assumed,
        received_at,
        source,
        product,
        late,
        message,
        resource_sid,
        service_sid,
        exchange,
        trace,
        payload,
        payload_trimmed,
    } = &stored.event;
    let about = catalogue.about(*error_code);
    let product = product.as_deref().or(about.product);
    let product = product.map(|product| format!(", {product}")).unwrap_or_default();
    let mut text = Text::head(format_args!("{sid}: {} {error_code}{product}", level.as_str()));
    text.optional("title", about.title);
    text.optional("message", message.as_ref());
    let assumed = if *occurred_at_assumed { " (not said by Twilio: when it arrived)" } else { "" };
    text.field("happened", format_args!("{occurred_at}{assumed}"));
    let after = later(*occurred_at, *received_at);
    let late = if *late { ", late" } else { "" };
    text.field("arrived", format_args!("{received_at}, {after} later{late}, by {}", source.as_str()));
    text.field("account", account_sid);
    text.optional("parent", parent_account_sid.as_ref());
    let kind = resource_sid.as_deref().and_then(resource_type).map(|kind| format!(" ({kind})")).unwrap_or_default();
    text.optional("resource", resource_sid.as_ref().map(|sid| format!("{sid}{kind}")));
    text.optional("service", service_sid.as_ref());
    text.optional("exchange", exchange.as_ref().map(exchange_of));
    text.optional("trace", trace.as_ref());
    text.field("number", format_args!("{} in the store", stored.seq));
    text.field("console", page_of_event(sid));
    text.optional("code", page_of_code(*error_code));
    match payload {
        Some(payload) => text.json("payload", &pretty(payload.get())),
        None if *payload_trimmed => text.field("payload", "dropped: the store was filling, or it was too large"),
        None => text.field("payload", "not kept"),
    }
    text
}

fn of_quarantined(listed: &ListedQuarantine) -> Text {
    let ListedQuarantine { id, entry } = listed;
    let sid = entry.sid.as_deref().unwrap_or("-");
    let mut text = Text::head(format_args!("{sid}: in quarantine, {}", entry.reason.as_str()));
    text.field("detail", &entry.detail);
    text.field("since", format_args!("{}, from {}", entry.at, entry.source.as_str()));
    text.field("number", format_args!("{id} in the quarantine"));
    text.json("content", &pretty(&entry.content.to_string()));
    text
}

fn of_partial_delivery(partial: &PartialDelivery) -> Text {
    let PartialDelivery { at, rejected, message, sids } = partial;
    let records = sids.len();
    let mut text = Text::head(format_args!(
        "sent to the collector, which dropped {rejected} of {records} records and did not say which"
    ));
    text.field("when", at);
    text.field("message", message);
    text
}

fn exchange_of(exchange: &FailedExchange) -> String {
    let FailedExchange { method, url, status } = exchange;
    let mut text = [method.as_deref(), url.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(" ");
    if let Some(status) = status {
        let _ = write!(text, "{}answered {status}", if text.is_empty() { "" } else { ", " });
    }
    text
}

/// From one time to another, to the second; nothing if the other is not later.
fn later(from: Timestamp, to: Timestamp) -> humantime::FormattedDuration {
    let seconds = to.duration_since(from).as_secs();
    humantime::format_duration(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

/// JSON with a line a value; as it is where it is more than a tree of values can hold.
fn pretty(json: &str) -> String {
    let tree = serde_json::from_str::<serde_json::Value>(json);
    tree.and_then(|tree| serde_json::to_string_pretty(&tree)).unwrap_or_else(|_| json.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{of_event, of_quarantined};
    use crate::catalogue::Catalogue;
    use crate::event::Source;
    use crate::quarantine::{QuarantineReason, Quarantined};
    use crate::store::{ListedQuarantine, StoredEvent};

    fn stored(document: serde_json::Value) -> StoredEvent {
        StoredEvent { seq: 7, event: serde_json::from_value(document).expect("an event") }
    }

    fn shown(stored: &StoredEvent) -> super::Text {
        let list = r#"[{"code": 11200, "message": "HTTP retrieval failure"}]"#;
        of_event(stored, &Catalogue::parse(list).expect("a list"))
    }

    #[test]
    fn everything_kept_of_an_event_is_shown() {
        let text = shown(&stored(json!({
            "sid": "NO1", "account_sid": "AC1", "parent_account_sid": "AC2", "level": "error", "error_code": "11200",
            "occurred_at": "2026-01-02T03:04:05.678Z", "received_at": "2026-01-02T03:05:06Z", "source": "webhook",
            "message": "Bad Gateway", "resource_sid": "SM1", "service_sid": "MG1",
            "exchange": {"method": "POST", "url": "https://h/p", "status": 502},
            "trace": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "payload": {"more_info": {"Msg": "Bad"}},
        })));
        assert_eq!(
            text.0,
            "NO1: error 11200, Webhooks
  title      HTTP retrieval failure
  message    Bad Gateway
  happened   2026-01-02T03:04:05.678Z
  arrived    2026-01-02T03:05:06Z, 1m later, by webhook
  account    AC1
  parent     AC2
  resource   SM1 (message)
  service    MG1
  exchange   POST https://h/p, answered 502
  trace      00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
  number     7 in the store
  console    https://www.twilio.com/console/debugger/NO1
  code       https://www.twilio.com/docs/api/errors/11200
  payload
    {
      \"more_info\": {
        \"Msg\": \"Bad\"
      }
    }
"
        );
    }

    #[test]
    fn what_an_event_lacks_is_left_out_or_said() {
        let text = shown(&stored(json!({
            "sid": "NO1", "account_sid": "AC1", "level": "other", "error_code": "none", "occurred_at_assumed": true,
            "occurred_at": "2026-01-02T03:05:06Z", "received_at": "2026-01-02T03:05:06Z", "source": "webhook",
            "payload_trimmed": true,
        })));
        assert_eq!(
            text.0,
            "NO1: other none
  happened   2026-01-02T03:05:06Z (not said by Twilio: when it arrived)
  arrived    2026-01-02T03:05:06Z, 0s later, by webhook
  account    AC1
  number     7 in the store
  console    https://www.twilio.com/console/debugger/NO1
  payload    dropped: the store was filling, or it was too large
"
        );
    }

    /// What was sent is somebody's choice, and a terminal obeys.
    #[test]
    fn nothing_shown_moves_the_cursor() {
        let entry = Quarantined {
            reason: QuarantineReason::BadPayload,
            source: Source::Webhook,
            detail: "Payload is \u{1b}[2Jno JSON".into(),
            sid: Some("NO1".into()),
            at: jiff::Timestamp::UNIX_EPOCH,
            content: json!([["Payload", "\u{1b}[2J\u{9b}2J\r"]]),
        };
        let text = of_quarantined(&ListedQuarantine { id: 3, entry }).0;
        assert!(
            text.starts_with("NO1: in quarantine, bad_payload\n") && text.contains("3 in the quarantine"),
            "{text}"
        );
        assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text}");
    }
}
