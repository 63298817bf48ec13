//! Twilio's `Payload`: a JSON object whose shape is documented loosely and varies more than that.
//!
//! Keys come in two spellings (`Msg` and `msg`, `webhook` and `Webhook`), values as strings, numbers or null, and whole parts
//! are missing from most events. Nothing here fails: what is absent is `None`.

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};

use crate::error_code::ErrorCode;
use crate::event::{FailedExchange, TraceContext};
use crate::redact::redact_payload;

/// The most bytes of payload that one stored event may carry.
const PAYLOAD_BYTES_MAX: usize = 64 * 1024;

/// The most bytes of a message or a URL.
const TEXT_BYTES_MAX: usize = 4096;

pub(super) struct Payload {
    object: Map<String, Value>,
    error_code_repeated: bool,
}

impl Payload {
    /// Reads a JSON object; the error says what is wrong without quoting what was sent.
    pub(super) fn parse(text: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(text).map_err(|error| match error.classify() {
            serde_json::error::Category::Data => "Payload is not a JSON object".to_owned(),
            _ => format!("Payload is not JSON (column {} of line {})", error.column(), error.line()),
        })
    }

    /// The code, from nowhere but `error_code`: `more_info.ErrorCode` holds whole sentences at times.
    pub(super) fn error_code(&self) -> ErrorCode {
        if self.error_code_repeated {
            return ErrorCode::Invalid;
        }
        ErrorCode::from_json(self.object.get("error_code"))
    }

    pub(super) fn log_level(&self) -> Option<&str> {
        self.more_info()?.get("LogLevel")?.as_str()
    }

    /// The trace that the failing exchange belongs to.
    pub(super) fn trace(&self) -> Option<TraceContext> {
        let webhook = self.webhook()?;
        [("request", "headers"), ("request", "parameters"), ("response", "headers")].into_iter().find_map(
            |(side, part)| {
                let value = find_ignoring_case(webhook.get(side)?.get(part)?.as_object()?, "traceparent")?;
                TraceContext::parse(value.as_str()?)
            },
        )
    }

    pub(super) fn redact(&mut self) {
        redact_payload(&mut self.object);
    }

    /// Twilio's words: the TwiML parser's where there are any, they say more.
    pub(super) fn message(&self) -> Option<String> {
        let more_info = self.more_info()?;
        ["parserMessage", "Msg", "msg"].into_iter().find_map(|key| non_empty(more_info.get(key)))
    }

    pub(super) fn text(&self, key: &str) -> Option<String> {
        non_empty(self.object.get(key))
    }

    /// The failing HTTP or SIP exchange. `status_code` is null in nearly every real event, so two other places are asked.
    pub(super) fn exchange(&self) -> Option<FailedExchange> {
        let (webhook, more_info) = (self.webhook(), self.more_info());
        let request = webhook.and_then(|webhook| webhook.get("request")?.as_object());
        let response = webhook.and_then(|webhook| webhook.get("response")?.as_object());
        let error_header = || find_ignoring_case(response?.get("headers")?.as_object()?, "x-twilio-webhookerror");
        let exchange = FailedExchange {
            method: request.and_then(|request| non_empty(request.get("method"))),
            url: request.and_then(|request| non_empty(request.get("url"))).or_else(|| non_empty(more_info?.get("url"))),
            status: response
                .and_then(|response| status(response.get("status_code")))
                .or_else(|| status(more_info?.get("httpResponse")))
                .or_else(|| status(error_header())),
        };
        (exchange != FailedExchange::default()).then_some(exchange)
    }

    /// The payload as the store keeps it, and whether something had to go because it was too big.
    pub(super) fn into_raw(mut self) -> (Option<Box<RawValue>>, bool) {
        let fits =
            |object: &Map<String, Value>| to_raw_value(object).ok().filter(|raw| raw.get().len() <= PAYLOAD_BYTES_MAX);
        if let Some(whole) = fits(&self.object) {
            return (Some(whole), false);
        }
        self.object.remove("webhook");
        self.object.remove("Webhook");
        (fits(&self.object), true)
    }

    fn more_info(&self) -> Option<&Map<String, Value>> {
        self.object.get("more_info")?.as_object()
    }

    fn webhook(&self) -> Option<&Map<String, Value>> {
        self.object.get("webhook").or_else(|| self.object.get("Webhook"))?.as_object()
    }
}

impl<'de> Deserialize<'de> for Payload {
    /// Reads an object and notices a repeated `error_code`: which of the two counts would be for the sender to choose.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Payload;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Payload, A::Error> {
                let mut payload = Payload { object: Map::new(), error_code_repeated: false };
                while let Some((key, value)) = entries.next_entry::<String, Value>()? {
                    let is_code = key == "error_code";
                    payload.error_code_repeated |= payload.object.insert(key, value).is_some() && is_code;
                }
                Ok(payload)
            }
        }

        deserializer.deserialize_map(Object)
    }
}

/// A non-empty text, cut to [`TEXT_BYTES_MAX`].
fn non_empty(value: Option<&Value>) -> Option<String> {
    let text = value?.as_str()?;
    (!text.is_empty()).then(|| super::cut(text, TEXT_BYTES_MAX).to_owned())
}

/// An HTTP status from a number, or from the digits at the start of a text.
fn status(value: Option<&Value>) -> Option<u16> {
    let number = match value? {
        Value::Number(number) => number.as_u64().and_then(|number| u16::try_from(number).ok()),
        Value::String(text) => text.split(|c: char| !c.is_ascii_digit()).next().and_then(|digits| digits.parse().ok()),
        _ => None,
    };
    number.filter(|status| (100..=599).contains(status))
}

fn find_ignoring_case<'a>(object: &'a Map<String, Value>, key: &str) -> Option<&'a Value> {
    object.iter().find(|(found, _)| found.eq_ignore_ascii_case(key)).map(|(_, value)| value)
}
