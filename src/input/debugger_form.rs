//! Reads a Debugging Event from the form that Twilio's Debugger posts, today's and the beta's.
//!
//! Pure: signed fields in, an event or a quarantine entry out. The grammar of the known fields is strict, because the
//! signature does not say where a field ends: each required field exactly once, each value of a shape that its neighbour's
//! text cannot be part of. What is signed and does not fit is kept, never refused: it may be genuine, and Twilio does not
//! send it again.
//!
//! Source: <https://www.twilio.com/docs/usage/troubleshooting/debugging-event-webhooks>

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::form::Form;
use super::payload::{InvalidPayload, Payload};
use super::reception::Reception;
use super::signature::Verified;
use crate::event::{DebuggerEvent, Source};
use crate::intake::{Arrival, Intake, Origin};
use crate::level::Level;
use crate::quarantine::{CONTENT_BYTES_MAX, QuarantineReason, Quarantined, SID_BYTES_MAX, cut};
use crate::redact::{Masks, Redaction, mask, redact_json};
use crate::sid::{AccountSid, EventSid};

/// The longest `Level` that is one; a longer one has swallowed its neighbour.
const LEVEL_BYTES_MAX: usize = 16;

/// The most bytes of a field's name that quarantine keeps.
const NAME_BYTES_MAX: usize = 128;

/// What `verified` brings: one event, or one entry of the quarantine.
#[must_use]
pub fn intake(verified: &Verified<Form>, reception: &Reception) -> Intake {
    let arrival = match read(verified.body(), reception) {
        Ok(event) => Arrival::Event(Box::new(event)),
        Err(entry) => Arrival::Quarantined(entry),
    };
    Intake {
        arrivals: vec![arrival],
        ignored: Vec::new(),
        origin: Origin::Form { mac: verified.mac(), key: verified.key().clone() },
    }
}

/// Reads the event that signed fields carry.
///
/// # Errors
///
/// A [`Quarantined`] entry to store instead, for fields that are no Debugging Event.
fn read(form: &Form, reception: &Reception) -> Result<DebuggerEvent, Box<Quarantined>> {
    event_of(form, reception).map_err(|fault| {
        Box::new(Quarantined {
            reason: fault.reason,
            detail: fault.detail,
            source: Source::Webhook,
            sid: form.values("Sid").next().map(|sid| cut(&String::from_utf8_lossy(sid), SID_BYTES_MAX).to_owned()),
            at: reception.at,
            content: content_of(form, reception.redaction),
        })
    })
}

/// Why the fields are no event.
struct Fault {
    reason: QuarantineReason,
    detail: String,
}

impl Fault {
    fn grammar(detail: impl Into<String>) -> Self {
        Self { reason: QuarantineReason::BadGrammar, detail: detail.into() }
    }
}

impl From<InvalidPayload> for Fault {
    fn from(error: InvalidPayload) -> Self {
        Self { reason: QuarantineReason::BadPayload, detail: error.to_string() }
    }
}

fn event_of(form: &Form, reception: &Reception) -> Result<DebuggerEvent, Fault> {
    let Reception { redaction, at: received_at, request_trace, .. } = *reception;
    let sid = EventSid::parse(&once(form, "Sid")?).map_err(|error| Fault::grammar(format!("Sid is {error}")))?;
    let account_sid = AccountSid::parse(&once(form, "AccountSid")?)
        .map_err(|error| Fault::grammar(format!("AccountSid is {error}")))?;
    let parent_account_sid = match at_most_once(form, "ParentAccountSid")?.as_deref() {
        None | Some("") => None,
        Some(parent) => {
            Some(AccountSid::parse(parent).map_err(|error| Fault::grammar(format!("ParentAccountSid is {error}")))?)
        }
    };
    let level = at_most_once(form, "Level")?.filter(|level| !level.trim().is_empty());
    if level.as_ref().is_some_and(|level| level.len() > LEVEL_BYTES_MAX) {
        return Err(Fault::grammar(format!("Level is longer than {LEVEL_BYTES_MAX} bytes")));
    }
    let payload_type = once(form, "PayloadType")?;
    if payload_type != "application/json" {
        return Err(Fault::grammar("PayloadType is not application/json"));
    }
    let occurred_at = timestamp(form)?;
    // Bytes that are no text become the character that says so: the event is told all the same.
    let payload = once(form, "Payload")?;
    let payload = Payload::parse(&payload)?;

    let error_code = payload.error_code();
    let level = level.as_deref().or_else(|| payload.log_level()).map_or(Level::Other, Level::parse);
    let trace = payload.trace().or(request_trace);
    let mut masks = Masks::new(redaction);
    let (message, exchange) = (payload.message(&mut masks), payload.exchange(&mut masks));
    let (resource_sid, service_sid) = (payload.resource_sid(&mut masks), payload.service_sid(&mut masks));
    let (payload, payload_trimmed) = payload.raw(redaction, &masks);
    Ok(DebuggerEvent {
        sid,
        account_sid,
        parent_account_sid,
        level,
        error_code,
        occurred_at: occurred_at.unwrap_or(received_at),
        occurred_at_assumed: occurred_at.is_none(),
        received_at,
        source: Source::Webhook,
        product: None,
        late: reception.is_late(occurred_at),
        message: message.filter(|_| redaction != Redaction::Strict),
        resource_sid,
        service_sid,
        exchange,
        trace,
        payload,
        payload_trimmed,
    })
}

/// The event's time: the field is required, under one of its two names, and may be unreadable.
fn timestamp(form: &Form) -> Result<Option<Timestamp>, Fault> {
    match (at_most_once(form, "Timestamp")?, at_most_once(form, "TimeStamp")?) {
        (Some(time), None) | (None, Some(time)) => Ok(time.trim().parse().ok()),
        (None, None) => Err(Fault::grammar("neither Timestamp nor TimeStamp is there")),
        (Some(_), Some(_)) => Err(Fault::grammar("both Timestamp and TimeStamp are there")),
    }
}

fn at_most_once<'a>(form: &'a Form, name: &'a str) -> Result<Option<Cow<'a, str>>, Fault> {
    Ok(at_most_once_bytes(form, name)?.map(text_of))
}

fn once<'a>(form: &'a Form, name: &'a str) -> Result<Cow<'a, str>, Fault> {
    Ok(text_of(once_bytes(form, name)?))
}

/// Bytes as text. The check alone is many times faster than the repair, and hardly any field needs that.
fn text_of(bytes: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

fn once_bytes<'a>(form: &'a Form, name: &'a str) -> Result<&'a [u8], Fault> {
    at_most_once_bytes(form, name)?.ok_or_else(|| Fault::grammar(format!("{name} is not there")))
}

fn at_most_once_bytes<'a>(form: &'a Form, name: &'a str) -> Result<Option<&'a [u8]>, Fault> {
    let mut values = form.values(name);
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        _ => Err(Fault::grammar(format!("{name} is there more than once"))),
    }
}

/// What quarantine keeps of the fields: names and values as far as redaction allows.
fn content_of(form: &Form, redaction: Redaction) -> Value {
    let lossy = |bytes: &[u8]| cut(&String::from_utf8_lossy(bytes), CONTENT_BYTES_MAX).to_owned();
    let size = |bytes: &[u8]| format!("{} bytes", bytes.len());
    let shown = |name: &[u8], value: &[u8]| match redaction {
        Redaction::None => lossy(value),
        Redaction::Strict => size(value),
        // What JSON holds is only known where it can be read; elsewhere its masks would miss what its escapes hide.
        Redaction::Standard if name == b"Payload" => {
            redact_json(&String::from_utf8_lossy(value), &Masks::new(redaction))
                .map_or_else(|_| size(value), |text| cut(&text, CONTENT_BYTES_MAX).to_owned())
        }
        Redaction::Standard => mask(&lossy(value)).into_owned(),
    };
    let name_of = |name: &[u8]| mask(cut(&String::from_utf8_lossy(name), NAME_BYTES_MAX)).into_owned();
    form.fields().map(|(name, value)| json!([name_of(name), shown(name, value)])).collect()
}

#[cfg(test)]
mod tests;
