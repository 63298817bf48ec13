//! What of an event is kept, decided before it is stored.
//!
//! A Debugging Event carries what the customer's webhook carried: phone numbers, message texts, cookies, whatever the failing
//! page answered. None of it is needed to see what fails, and all of it would otherwise end up in a log store. So the default
//! keeps the shape of the payload and drops its people and secrets; what was dropped is shown as `[redacted]`.
//!
//! Pure: a JSON value in, a JSON value out. Redacting twice changes nothing.

mod text;

use serde_json::{Map, Value};

pub use text::{mask, mask_url};

/// How much of an event is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Redaction {
    /// All of it.
    None,
    /// Numbers and addresses masked; credentials, cookies, URL query values, free-text parameters and bodies dropped.
    #[default]
    Standard,
    /// Only what the log record lists as attributes: no message, no payload.
    Strict,
}

/// What stands in place of a dropped value.
pub const REDACTED: &str = "[redacted]";

/// Request parameters whose values name no person and say nothing free: kept. Those that end in `Sid` are kept too.
const HARMLESS_PARAMETERS: [&str; 25] = [
    "ApiVersion",
    "AnsweredBy",
    "CallDuration",
    "CallStatus",
    "CallbackSource",
    "CallerCountry",
    "CalledCountry",
    "ConferenceStatus",
    "Direction",
    "Duration",
    "ErrorCode",
    "EventType",
    "FromCountry",
    "MessageStatus",
    "NumMedia",
    "NumSegments",
    "QueueTime",
    "RecordingStatus",
    "SequenceNumber",
    "SipResponseCode",
    "SmsStatus",
    "StatusCallbackEvent",
    "ToCountry",
    "error",
    "provider",
];

/// Keys, in lower case, whose value is a person's address.
const ADDRESS_KEYS: [&str; 13] = [
    "author",
    "called",
    "caller",
    "channeltoaddress",
    "channelfromaddress",
    "forwardedfrom",
    "from",
    "identity",
    "phonenumber",
    "recipient",
    "to",
    "waid",
    "username",
];

/// Keys, in lower case, whose value opens something.
const CREDENTIAL_KEYS: [&str; 9] = [
    "authorization",
    "cookie",
    "proxy-authorization",
    "set-cookie",
    "x-api-key",
    "api_key",
    "apikey",
    "x-twilio-signature",
    "x-forwarded-for",
];

/// Parts of a key, in lower case, that give a credential away.
const CREDENTIAL_PARTS: [&str; 4] = ["token", "secret", "password", "passwd"];

/// Redacts Twilio's `Payload` in place, as [`Redaction::Standard`] has it.
pub fn redact_payload(payload: &mut Map<String, Value>) {
    redact_object(payload, Place::Anywhere);
}

/// Where in the payload a value stands, as far as it decides what is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Anywhere,
    Parameters,
}

fn redact_object(object: &mut Map<String, Value>, place: Place) {
    if object.keys().any(|key| matches!(mask(key), std::borrow::Cow::Owned(_))) {
        *object = std::mem::take(object).into_iter().map(|(key, value)| (mask(&key).into_owned(), value)).collect();
    }
    for (key, value) in object {
        let lower = key.to_ascii_lowercase();
        let inside = if lower == "parameters" { Place::Parameters } else { place };
        if is_credential(&lower) || is_free_text(key, &lower, place) {
            drop_value(value);
        } else if ADDRESS_KEYS.contains(&lower.as_str()) {
            mask_address(value);
        } else {
            redact_value(value, inside);
        }
    }
}

fn redact_value(value: &mut Value, place: Place) {
    match value {
        Value::Object(object) => redact_object(object, place),
        Value::Array(values) => values.iter_mut().for_each(|value| redact_value(value, place)),
        Value::String(text) => {
            if let std::borrow::Cow::Owned(masked) = mask(text) {
                *text = masked;
            }
        }
        Value::Number(number) => {
            // Ten digits and more may be a telephone number that somebody wrote as a number.
            let digits = number.to_string();
            if let std::borrow::Cow::Owned(masked) = mask(&digits) {
                *value = Value::String(masked);
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
}

fn is_credential(lower: &str) -> bool {
    CREDENTIAL_KEYS.contains(&lower) || CREDENTIAL_PARTS.iter().any(|part| lower.contains(part))
}

fn is_free_text(key: &str, lower: &str, place: Place) -> bool {
    let harmless = || lower.ends_with("sid") || HARMLESS_PARAMETERS.contains(&key) || ADDRESS_KEYS.contains(&lower);
    lower == "body" || (place == Place::Parameters && !harmless())
}

/// Replaces whatever says something; null and an empty text say nothing.
fn drop_value(value: &mut Value) {
    if !value.is_null() && value.as_str() != Some("") {
        *value = Value::String(REDACTED.to_owned());
    }
}

/// Keeps of an address only what [`mask`] leaves of a telephone number.
fn mask_address(value: &mut Value) {
    match value.as_str().map(mask) {
        Some(masked) if text::is_masked_number(&masked) => *value = Value::String(masked.into_owned()),
        _ => drop_value(value),
    }
}

#[cfg(test)]
mod tests;
