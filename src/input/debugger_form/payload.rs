//! Twilio's `Payload`: a JSON object whose shape is documented loosely and varies more than that.
//!
//! Keys come in two spellings (`Msg` and `msg`, `webhook` and `Webhook`), values as strings, numbers or null, and whole parts
//! are missing from most events. Once it is a JSON object nothing here fails: what is absent, or of another type, is `None`.
//!
//! Read by name and borrowed from the body: a tree of the whole payload costs more than the signature.

mod loose;

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::de::{Deserializer, MapAccess};
use serde_json::Value;
use serde_json::value::RawValue;

use self::loose::{Loose, Object, Part, part, pass_over};
use crate::error_code::ErrorCode;
use crate::event::{FailedExchange, TraceContext};
use crate::redact::{Masks, Redaction, redact_json};

/// The most bytes of payload that one stored event may carry.
const PAYLOAD_BYTES_MAX: usize = 64 * 1024;

/// The most bytes of a message or a URL.
const TEXT_BYTES_MAX: usize = 4096;

/// The parts of a payload that an event is made of.
#[derive(Debug, Default)]
pub(super) struct Payload<'a> {
    text: &'a str,
    error_code: Option<Value>,
    error_code_repeated: bool,
    resource_sid: Loose<'a>,
    service_sid: Loose<'a>,
    more_info: MoreInfo<'a>,
    webhook: Webhook<'a>,
}

#[derive(Debug, Default)]
struct MoreInfo<'a> {
    parser_message: Loose<'a>,
    capital_message: Loose<'a>,
    message: Loose<'a>,
    log_level: Loose<'a>,
    http_response: Loose<'a>,
    url: Loose<'a>,
}

#[derive(Debug, Default)]
struct Webhook<'a> {
    request: Request<'a>,
    response: Response<'a>,
}

#[derive(Debug, Default)]
struct Request<'a> {
    url: Loose<'a>,
    method: Loose<'a>,
    headers: Headers<'a>,
    parameters: Headers<'a>,
}

#[derive(Debug, Default)]
struct Response<'a> {
    status_code: Loose<'a>,
    headers: Headers<'a>,
}

/// Header fields, or request parameters, which may carry the same.
#[derive(Debug, Default)]
struct Headers<'a> {
    traceparent: Loose<'a>,
    webhook_error: Loose<'a>,
}

impl<'a> Payload<'a> {
    /// Reads a JSON object; the error says what is wrong without quoting what was sent.
    pub(super) fn parse(text: &'a str) -> Result<Self, String> {
        let mut parser = serde_json::Deserializer::from_str(text);
        let read = parser.deserialize_map(Object::<Self>::new());
        let payload =
            read.and_then(|payload| parser.end().map(|()| payload)).map_err(|error| match error.classify() {
                serde_json::error::Category::Data => "Payload is not a JSON object".to_owned(),
                _ => format!("Payload is not JSON (column {} of line {})", error.column(), error.line()),
            })?;
        Ok(Self { text, ..payload })
    }

    /// The code, from nowhere but `error_code`: `more_info.ErrorCode` holds whole sentences at times.
    pub(super) fn error_code(&self) -> ErrorCode {
        if self.error_code_repeated {
            return ErrorCode::Invalid;
        }
        ErrorCode::from_json(self.error_code.as_ref())
    }

    pub(super) fn log_level(&self) -> Option<&str> {
        self.more_info.log_level.text()
    }

    /// The trace that the failing exchange belongs to.
    pub(super) fn trace(&self) -> Option<TraceContext> {
        let Webhook { request, response } = &self.webhook;
        let parts = [&request.headers, &request.parameters, &response.headers];
        parts.into_iter().find_map(|part| TraceContext::parse(part.traceparent.text()?))
    }

    /// Twilio's words: the TwiML parser's where there are any, they say more.
    pub(super) fn message<'p>(&'p self, masks: &mut Masks<'p>) -> Option<String> {
        let MoreInfo { parser_message, capital_message, message, .. } = &self.more_info;
        [parser_message, capital_message, message].into_iter().find_map(|text| text.kept(masks))
    }

    pub(super) fn resource_sid<'p>(&'p self, masks: &mut Masks<'p>) -> Option<String> {
        self.resource_sid.kept(masks)
    }

    pub(super) fn service_sid<'p>(&'p self, masks: &mut Masks<'p>) -> Option<String> {
        self.service_sid.kept(masks)
    }

    /// The failing HTTP or SIP exchange. `status_code` is null in nearly every real event, so two other places are asked.
    pub(super) fn exchange<'p>(&'p self, masks: &mut Masks<'p>) -> Option<FailedExchange> {
        let Webhook { request, response } = &self.webhook;
        let status = response.status_code.status().or_else(|| self.more_info.http_response.status());
        let exchange = FailedExchange {
            method: request.method.kept(masks),
            url: request.url.kept_url(masks).or_else(|| self.more_info.url.kept_url(masks)),
            status: status.or_else(|| response.headers.webhook_error.status()),
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

impl<'de> Part<'de> for Payload<'de> {
    fn take<A: MapAccess<'de>>(&mut self, key: &str, entries: &mut A) -> Result<(), A::Error> {
        match key {
            "error_code" => {
                // Which of two counts would be for the sender to choose.
                self.error_code_repeated |= self.error_code.is_some();
                self.error_code = Some(entries.next_value()?);
            }
            "resource_sid" => self.resource_sid = entries.next_value()?,
            "service_sid" => self.service_sid = entries.next_value()?,
            "more_info" => self.more_info = part(entries)?,
            "webhook" | "Webhook" => self.webhook = part(entries)?,
            _ => pass_over(entries)?,
        }
        Ok(())
    }
}

impl<'de> Part<'de> for MoreInfo<'de> {
    fn take<A: MapAccess<'de>>(&mut self, key: &str, entries: &mut A) -> Result<(), A::Error> {
        match key {
            "parserMessage" => self.parser_message = entries.next_value()?,
            "Msg" => self.capital_message = entries.next_value()?,
            "msg" => self.message = entries.next_value()?,
            "LogLevel" => self.log_level = entries.next_value()?,
            "httpResponse" => self.http_response = entries.next_value()?,
            "url" => self.url = entries.next_value()?,
            _ => pass_over(entries)?,
        }
        Ok(())
    }
}

impl<'de> Part<'de> for Webhook<'de> {
    fn take<A: MapAccess<'de>>(&mut self, key: &str, entries: &mut A) -> Result<(), A::Error> {
        match key {
            "request" => self.request = part(entries)?,
            "response" => self.response = part(entries)?,
            _ => pass_over(entries)?,
        }
        Ok(())
    }
}

impl<'de> Part<'de> for Request<'de> {
    fn take<A: MapAccess<'de>>(&mut self, key: &str, entries: &mut A) -> Result<(), A::Error> {
        match key {
            "url" => self.url = entries.next_value()?,
            "method" => self.method = entries.next_value()?,
            "headers" => self.headers = part(entries)?,
            "parameters" => self.parameters = part(entries)?,
            _ => pass_over(entries)?,
        }
        Ok(())
    }
}

impl<'de> Part<'de> for Response<'de> {
    fn take<A: MapAccess<'de>>(&mut self, key: &str, entries: &mut A) -> Result<(), A::Error> {
        match key {
            "status_code" => self.status_code = entries.next_value()?,
            "headers" => self.headers = part(entries)?,
            _ => pass_over(entries)?,
        }
        Ok(())
    }
}

impl<'de> Part<'de> for Headers<'de> {
    fn take<A: MapAccess<'de>>(&mut self, key: &str, entries: &mut A) -> Result<(), A::Error> {
        if key.eq_ignore_ascii_case("traceparent") {
            self.traceparent = entries.next_value()?;
        } else if key.eq_ignore_ascii_case("x-twilio-webhookerror") {
            self.webhook_error = entries.next_value()?;
        } else {
            pass_over(entries)?;
        }
        Ok(())
    }
}

impl Loose<'_> {
    /// A non-empty text as it may be stored, cut to [`TEXT_BYTES_MAX`].
    fn kept<'p>(&'p self, masks: &mut Masks<'p>) -> Option<String> {
        let text = self.text().filter(|text| !text.is_empty())?;
        Some(super::cut(masks.of_text(text), TEXT_BYTES_MAX).to_owned())
    }

    /// As [`Self::kept`], for a text that is a URL as a whole.
    fn kept_url<'p>(&'p self, masks: &mut Masks<'p>) -> Option<String> {
        let text = self.text().filter(|text| !text.is_empty())?;
        Some(super::cut(masks.of_url(text), TEXT_BYTES_MAX).to_owned())
    }

    /// An HTTP status from a number, or from the digits at the start of a text.
    fn status(&self) -> Option<u16> {
        let number = match self {
            Self::Number(number) => u16::try_from(*number).ok(),
            Self::Text(text) => text.split(|c: char| !c.is_ascii_digit()).next().and_then(|digits| digits.parse().ok()),
            Self::Other => None,
        };
        number.filter(|status| (100..=599).contains(status))
    }
}
