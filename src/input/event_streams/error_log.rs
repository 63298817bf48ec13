//! One error log to one event.
//!
//! Its `payload`, a JSON text, is another one than the Debugger's (`message` in the place of `more_info`, a numeric code), and is read by
//! the same reader, which knows both.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::value::RawValue;

use super::Fault;
use super::envelope::{Data, Envelope, unwrapped};
use crate::error_code::ErrorCode;
use crate::event::{DebuggerEvent, Source};
use crate::input::loose::Loose;
use crate::input::payload::Payload;
use crate::input::reception::Reception;
use crate::level::Level;
use crate::redact::{Masks, Redaction, mask};
use crate::sid::{AccountSid, EventSid};

/// Reads the event.
pub(super) fn event_of(
    envelope: &Envelope<'_>,
    data: &Data<'_>,
    reception: &Reception,
) -> Result<DebuggerEvent, Fault> {
    let sid = data.sid().or(envelope.id()).ok_or_else(|| Fault::grammar("sid is not there, or no text"))?;
    let sid = EventSid::parse(sid).map_err(|error| Fault::grammar(format!("sid is {error}")))?;
    let account_sid = data.account_sid().ok_or_else(|| Fault::grammar("account_sid is not there, or no text"))?;
    let account_sid =
        AccountSid::parse(account_sid).map_err(|error| Fault::grammar(format!("account_sid is {error}")))?;
    let occurred_at = occurred_at(envelope, data);

    let payload_text = payload_text(data);
    // What is no object is told all the same: its own words are the message then.
    let payload = Payload::parse(&payload_text).ok();
    let words = payload.is_none().then(|| Loose::Text(Cow::Borrowed(&payload_text)));
    let payload = payload.unwrap_or_default();
    let level = data.level.text().or_else(|| payload.log_level()).map_or(Level::Other, Level::parse);
    let error_code = match &data.error_code {
        None | Some(serde_json::Value::Null) => payload.error_code(),
        code => ErrorCode::from_json(code.as_ref()),
    };

    let redaction = reception.redaction;
    let mut masks = Masks::new(redaction);
    let message = match &words {
        Some(words) => words.kept(&mut masks),
        None => payload.message(&mut masks),
    };
    let exchange = payload.exchange(&mut masks);
    let resource_sid = data.resource_sid.kept(&mut masks).or_else(|| payload.resource_sid(&mut masks));
    let resource_sid = resource_sid.or_else(|| data.correlation_sid.kept(&mut masks));
    let service_sid = data.service_sid.kept(&mut masks).or_else(|| payload.service_sid(&mut masks));
    let product = data.product_name.kept(&mut masks);
    let (kept, payload_trimmed) = match &words {
        None => payload.raw(redaction, &masks),
        Some(_) => (kept_words(&payload_text, redaction), false),
    };
    Ok(DebuggerEvent {
        sid,
        account_sid,
        parent_account_sid: data.parent_account_sid.text().and_then(|sid| AccountSid::parse(sid).ok()),
        level,
        error_code,
        occurred_at: occurred_at.unwrap_or(reception.at),
        occurred_at_assumed: occurred_at.is_none(),
        received_at: reception.at,
        source: Source::EventStreams,
        product,
        late: reception.is_late(occurred_at),
        message: message.filter(|_| redaction != Redaction::Strict),
        resource_sid,
        service_sid,
        exchange,
        trace: payload.trace().or(reception.request_trace),
        payload: kept,
        payload_trimmed,
    })
}

/// When it happened: by the event, or else by its envelope.
fn occurred_at(envelope: &Envelope<'_>, data: &Data<'_>) -> Option<Timestamp> {
    [data.date_created.text(), envelope.time()].into_iter().flatten().find_map(|time| time.trim().parse().ok())
}

/// The JSON of `payload`, which is an empty object where there is none.
fn payload_text<'a>(data: &Data<'a>) -> Cow<'a, str> {
    // A text that is no JSON text cannot have been read as part of `data`.
    let text = data.payload.map(unwrapped).and_then(Result::ok);
    text.filter(|text| text != "null").unwrap_or(Cow::Borrowed("{}"))
}

/// A payload that is no object, as a JSON text.
fn kept_words(text: &str, redaction: Redaction) -> Option<Box<RawValue>> {
    let kept = match redaction {
        Redaction::Strict => return None,
        Redaction::None => Cow::Borrowed(text),
        Redaction::Standard => mask(text),
    };
    serde_json::value::to_raw_value(&kept).ok()
}
