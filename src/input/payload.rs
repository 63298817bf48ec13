//! Twilio's `Payload`: a JSON object whose shape is documented loosely and varies more than that, in each feed in its own way.
//!
//! Keys come in two spellings (`Msg` and `msg`, `webhook` and `Webhook`), values as strings, numbers or null, and whole parts
//! are missing from most events. Once it is a JSON object nothing here fails: what is absent, or of another type, is `None`.
//!
//! Read by name and borrowed from the body: a tree of the whole payload costs more than the signature.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::de::MapAccess;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::error_code::ErrorCode;
use crate::event::{FailedExchange, TraceContext};
use crate::input::loose::{Loose, Pick, pass_over, pick_from, pick_from_object};
use crate::redact::{Masks, Redaction, redact_json};

/// The most bytes of payload that one stored event may carry.
const PAYLOAD_BYTES_MAX: usize = 64 * 1024;

/// The parts of a payload that an event is made of. Where there are several places for one, they stand in the order in which
/// they are asked.
#[derive(Debug, Default)]
pub(super) struct Payload<'a> {
    text: &'a str,
    error_code: Option<Value>,
    error_code_repeated: bool,
    log_level: Loose<'a>,
    resource_sid: Loose<'a>,
    service_sid: Loose<'a>,
    messages: [Loose<'a>; 4],
    method: Loose<'a>,
    urls: [Loose<'a>; 2],
    statuses: [Loose<'a>; 3],
    traceparents: [Loose<'a>; 3],
}

/// The objects of a payload that hold something of interest.
#[derive(Debug, Clone, Copy)]
pub(super) enum Object {
    Root,
    MoreInfo,
    Webhook,
    Request,
    RequestHeaders,
    RequestParameters,
    Response,
    ResponseHeaders,
}

impl<'de> Pick<'de> for Payload<'de> {
    type Object = Object;

    fn take<A: MapAccess<'de>>(&mut self, object: Object, key: &str, entries: &mut A) -> Result<(), A::Error> {
        let is = |name| key.eq_ignore_ascii_case(name);
        let place = match (object, key) {
            (Object::Root, "error_code") => {
                // Which of two counts would be for the sender to choose.
                self.error_code_repeated |= self.error_code.is_some();
                self.error_code = Some(entries.next_value()?);
                return Ok(());
            }
            (Object::Root, "resource_sid") => &mut self.resource_sid,
            (Object::Root, "service_sid") => &mut self.service_sid,
            (Object::Root, "more_info") => return pick_from(self, Object::MoreInfo, entries),
            (Object::Root, "webhook" | "Webhook") => return pick_from(self, Object::Webhook, entries),
            // The TwiML parser's words, where there are any, say more than Twilio's.
            (Object::MoreInfo, "parserMessage") => &mut self.messages[0],
            (Object::MoreInfo, "Msg") => &mut self.messages[1],
            (Object::MoreInfo, "msg") => &mut self.messages[2],
            // Event Streams has no more_info.
            (Object::Root, "message") => &mut self.messages[3],
            (Object::MoreInfo, "LogLevel") => &mut self.log_level,
            (Object::MoreInfo, "url") => &mut self.urls[1],
            (Object::MoreInfo, "httpResponse") => &mut self.statuses[1],
            (Object::Webhook, "request") => return pick_from(self, Object::Request, entries),
            (Object::Webhook, "response") => return pick_from(self, Object::Response, entries),
            (Object::Request, "method") => &mut self.method,
            (Object::Request, "url") => &mut self.urls[0],
            (Object::Request, "headers") => return pick_from(self, Object::RequestHeaders, entries),
            (Object::Request, "parameters") => return pick_from(self, Object::RequestParameters, entries),
            // Null in nearly every real event.
            (Object::Response, "status_code") => &mut self.statuses[0],
            (Object::Response, "headers") => return pick_from(self, Object::ResponseHeaders, entries),
            (Object::ResponseHeaders, _) if is("x-twilio-webhookerror") => &mut self.statuses[2],
            (Object::RequestHeaders, _) if is("traceparent") => &mut self.traceparents[0],
            (Object::RequestParameters, _) if is("traceparent") => &mut self.traceparents[1],
            (Object::ResponseHeaders, _) if is("traceparent") => &mut self.traceparents[2],
            _ => return pass_over(entries),
        };
        // Of a repeated key the last one stays.
        *place = entries.next_value()?;
        Ok(())
    }
}

/// A text that is no payload; says what is wrong without quoting what was sent.
#[derive(Debug, thiserror::Error)]
pub(super) enum InvalidPayload {
    #[error("Payload is not a JSON object")]
    NotAnObject,
    #[error("Payload is not JSON (column {column} of line {line})")]
    NotJson { line: usize, column: usize },
}

impl From<serde_json::Error> for InvalidPayload {
    fn from(error: serde_json::Error) -> Self {
        match error.classify() {
            serde_json::error::Category::Data => Self::NotAnObject,
            _ => Self::NotJson { line: error.line(), column: error.column() },
        }
    }
}

impl<'a> Payload<'a> {
    /// Reads a JSON object.
    pub(super) fn parse(text: &'a str) -> Result<Self, InvalidPayload> {
        let mut payload = Self { text, ..Self::default() };
        pick_from_object(&mut payload, Object::Root, text)?;
        Ok(payload)
    }

    /// The code, from nowhere but `error_code`: `more_info.ErrorCode` holds whole sentences at times.
    pub(super) fn error_code(&self) -> ErrorCode {
        if self.error_code_repeated {
            return ErrorCode::Invalid;
        }
        ErrorCode::from_json(self.error_code.as_ref())
    }

    pub(super) fn log_level(&self) -> Option<&str> {
        self.log_level.text()
    }

    /// The trace that the failing exchange belongs to.
    pub(super) fn trace(&self) -> Option<TraceContext> {
        self.traceparents.iter().find_map(|traceparent| TraceContext::parse(traceparent.text()?))
    }

    /// What went wrong, in words.
    pub(super) fn message<'p>(&'p self, masks: &mut Masks<'p>) -> Option<String> {
        self.messages.iter().find_map(|message| message.kept(masks))
    }

    pub(super) fn resource_sid<'p>(&'p self, masks: &mut Masks<'p>) -> Option<String> {
        self.resource_sid.kept(masks)
    }

    pub(super) fn service_sid<'p>(&'p self, masks: &mut Masks<'p>) -> Option<String> {
        self.service_sid.kept(masks)
    }

    /// The failing HTTP or SIP exchange.
    pub(super) fn exchange<'p>(&'p self, masks: &mut Masks<'p>) -> Option<FailedExchange> {
        let exchange = FailedExchange {
            method: self.method.kept(masks),
            url: self.urls.iter().find_map(|url| url.kept_url(masks)),
            status: self.statuses.iter().find_map(Loose::status),
        };
        (exchange != FailedExchange::default()).then_some(exchange)
    }

    /// The payload as the store keeps it, and whether something had to go because it was too big.
    pub(super) fn raw(&self, redaction: Redaction, masks: &Masks<'_>) -> (Option<Box<RawValue>>, bool) {
        let kept = match redaction {
            Redaction::Strict => return (None, false),
            // A line feed would end the event's line in the store; JSON may hold one between its tokens.
            Redaction::None => Some(without_line_ends(self.text)),
            Redaction::Standard => redact_json(self.text, masks).ok(),
        };
        let fits = |text: String| RawValue::from_string(text).ok().filter(|raw| raw.get().len() <= PAYLOAD_BYTES_MAX);
        match kept {
            Some(text) if text.len() <= PAYLOAD_BYTES_MAX => (fits(text), false),
            Some(text) => (without_webhook(&text).and_then(fits), true),
            None => (None, true),
        }
    }
}

/// The same JSON on one line: inside its texts line ends are escaped, so those that are left stand between tokens.
fn without_line_ends(json: &str) -> String {
    json.replace(['\n', '\r'], " ")
}

/// The same object without its biggest part.
fn without_webhook(json: &str) -> Option<String> {
    let mut object: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_str(json).ok()?;
    object.remove("webhook");
    object.remove("Webhook");
    serde_json::to_string(&object).ok()
}
