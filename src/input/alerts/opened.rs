//! What is stored of a row: its JSON, laid open and redacted.
//!
//! Fields of a query string hide behind its escapes, from a reader and from redaction. So they become an object, whose keys say what
//! its values are, and the exchange that failed stands where a webhook's payload has it, so that the same rules are met by the same
//! names.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::alert_text::AlertText;
use crate::redact::{Masks, Redaction, redact_json};

/// The most bytes of a row that one stored event may carry.
const PAYLOAD_BYTES_MAX: usize = 64 * 1024;

/// What of a row is kept as an event's payload, and whether something had to go because it was too big.
pub(super) fn payload(text: &str, redaction: Redaction, masks: &Masks<'_>) -> (Option<Box<RawValue>>, bool) {
    let kept = match redaction {
        Redaction::Strict => return (None, false),
        // A line feed would end the event's line in the store; JSON may hold one between its tokens.
        Redaction::None => Some(text.replace(['\n', '\r'], " ")),
        Redaction::Standard => redacted(text, masks),
    };
    let fits = |text: String| RawValue::from_string(text).ok().filter(|raw| raw.get().len() <= PAYLOAD_BYTES_MAX);
    let payload = kept.and_then(fits);
    let trimmed = payload.is_none();
    (payload, trimmed)
}

/// The row, laid open and redacted; none if it is no JSON.
pub(super) fn redacted(text: &str, masks: &Masks<'_>) -> Option<String> {
    let opened = opened(text);
    redact_json(opened.as_deref().unwrap_or(text), masks).ok()
}

/// The row with what it hides in the open; none if it is no object.
fn opened(text: &str) -> Option<String> {
    let mut row: BTreeMap<Cow<'_, str>, Cow<'_, RawValue>> = {
        let row: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_str(text).ok()?;
        row.into_iter().map(|(key, value)| (key, Cow::Borrowed(value))).collect()
    };
    let mut take = |key: &str| Some(serde_json::from_str::<Value>(row.remove(key)?.get()).unwrap_or_default());
    let alert_text = take("alert_text").map(fields_of);
    let mut request = Map::new();
    request.extend(take("request_method").map(|method| ("method".to_owned(), method)));
    request.extend(take("request_url").map(|url| ("url".to_owned(), url)));
    request.extend(take("request_headers").map(|headers| ("headers".to_owned(), fields_of(headers))));
    request.extend(take("request_variables").map(|fields| ("parameters".to_owned(), fields_of(fields))));
    let mut response = Map::new();
    response.extend(take("response_headers").map(|headers| ("headers".to_owned(), fields_of(headers))));
    response.extend(take("response_body").map(|body| ("body".to_owned(), body)));
    let mut put = |key: &'static str, value: Value| {
        if let Ok(raw) = serde_json::value::to_raw_value(&value) {
            row.insert(Cow::Borrowed(key), Cow::Owned(raw));
        }
    };
    if let Some(fields) = alert_text {
        put("alert_text", fields);
    }
    put("webhook", json!({ "request": request, "response": response }));
    serde_json::to_string(&row).ok()
}

/// The fields of a text that is a query string; anything else as it is.
fn fields_of(value: Value) -> Value {
    match value.as_str().map(AlertText::parse) {
        // Of a name that comes twice the last value stays, as in any object.
        Some(AlertText::Fields(fields)) => fields.into_iter().map(|(name, text)| (name, Value::String(text))).collect(),
        _ => value,
    }
}
