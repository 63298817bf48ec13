//! Twilio's `Payload`: a JSON object whose shape is documented loosely and varies more than that.
//!
//! Keys come in two spellings (`Msg` and `msg`, `webhook` and `Webhook`), values as strings, numbers or null, and whole parts
//! are missing from most events. Once it is a JSON object nothing here fails: what is absent, or of another type, is `None`.
//!
//! Read by name and borrowed from the body: a tree of the whole payload costs more than the signature.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::error_code::ErrorCode;
use crate::event::{FailedExchange, TraceContext};
use crate::redact::{Redaction, mask, masked_url, redact_json};

/// The most bytes of payload that one stored event may carry.
const PAYLOAD_BYTES_MAX: usize = 64 * 1024;

/// The most bytes of a message or a URL.
const TEXT_BYTES_MAX: usize = 4096;

/// The parts of a payload that an event is made of.
#[derive(Debug, Default)]
pub(super) struct Payload<'a> {
    text: &'a [u8],
    error_code: Option<Value>,
    error_code_repeated: bool,
    resource_sid: Loose<'a>,
    service_sid: Loose<'a>,
    more_info: MoreInfo<'a>,
    request: Request<'a>,
    response: Response<'a>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct MoreInfo<'a> {
    #[serde(borrow, rename = "parserMessage")]
    parser_message: Loose<'a>,
    #[serde(borrow, rename = "Msg")]
    capital_message: Loose<'a>,
    #[serde(borrow, rename = "msg")]
    message: Loose<'a>,
    #[serde(borrow, rename = "LogLevel")]
    log_level: Loose<'a>,
    #[serde(borrow, rename = "httpResponse")]
    http_response: Loose<'a>,
    #[serde(borrow)]
    url: Loose<'a>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Webhook<'a> {
    #[serde(borrow)]
    request: Option<&'a RawValue>,
    #[serde(borrow)]
    response: Option<&'a RawValue>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Request<'a> {
    #[serde(borrow)]
    url: Loose<'a>,
    #[serde(borrow)]
    method: Loose<'a>,
    #[serde(borrow)]
    headers: Option<&'a RawValue>,
    #[serde(borrow)]
    parameters: Option<&'a RawValue>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Response<'a> {
    #[serde(borrow)]
    status_code: Loose<'a>,
    #[serde(borrow)]
    headers: Option<&'a RawValue>,
}

impl<'a> Payload<'a> {
    /// Reads a JSON object; the error says what is wrong without quoting what was sent.
    pub(super) fn parse(text: &'a [u8]) -> Result<Self, String> {
        let payload: Self = serde_json::from_slice(text).map_err(|error| match error.classify() {
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
        let parts = [self.request.headers, self.request.parameters, self.response.headers];
        parts
            .into_iter()
            .flatten()
            .find_map(|part| TraceContext::parse(find_ignoring_case(part, "traceparent")?.text()?))
    }

    /// Twilio's words: the TwiML parser's where there are any, they say more.
    pub(super) fn message(&self, redaction: Redaction) -> Option<String> {
        let MoreInfo { parser_message, capital_message, message, .. } = &self.more_info;
        [parser_message, capital_message, message].into_iter().find_map(|text| text.kept(redaction))
    }

    pub(super) fn resource_sid(&self, redaction: Redaction) -> Option<String> {
        self.resource_sid.kept(redaction)
    }

    pub(super) fn service_sid(&self, redaction: Redaction) -> Option<String> {
        self.service_sid.kept(redaction)
    }

    /// The failing HTTP or SIP exchange. `status_code` is null in nearly every real event, so two other places are asked.
    pub(super) fn exchange(&self, redaction: Redaction) -> Option<FailedExchange> {
        let error_header = || find_ignoring_case(self.response.headers?, "x-twilio-webhookerror");
        let exchange = FailedExchange {
            method: self.request.method.kept(redaction),
            url: self.request.url.kept_url(redaction).or_else(|| self.more_info.url.kept_url(redaction)),
            status: self
                .response
                .status_code
                .status()
                .or_else(|| self.more_info.http_response.status())
                .or_else(|| error_header()?.status()),
        };
        (exchange != FailedExchange::default()).then_some(exchange)
    }

    /// The payload as the store keeps it, and whether something had to go because it was too big.
    pub(super) fn into_raw(self, redaction: Redaction) -> (Option<Box<RawValue>>, bool) {
        let kept = match redaction {
            Redaction::Strict => return (None, false),
            Redaction::None => String::from_utf8(self.text.to_vec()).ok(),
            Redaction::Standard => redact_json(self.text).ok(),
        };
        // A line feed would end the event's line in the store; JSON may hold one between its tokens.
        let one_line = kept.map(|text| if text.contains(['\n', '\r']) { without_line_ends(&text) } else { text });
        let fits = |text: String| RawValue::from_string(text).ok().filter(|raw| raw.get().len() <= PAYLOAD_BYTES_MAX);
        match one_line {
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

impl<'de> Deserialize<'de> for Payload<'de> {
    /// Reads an object and notices a repeated `error_code`: which of the two counts would be for the sender to choose.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Payload<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Payload<'de>, A::Error> {
                let mut payload = Payload::default();
                while let Some(key) = entries.next_key::<Cow<'de, str>>()? {
                    match &*key {
                        "error_code" => {
                            payload.error_code_repeated |= payload.error_code.is_some();
                            payload.error_code = Some(entries.next_value()?);
                        }
                        "resource_sid" => payload.resource_sid = entries.next_value()?,
                        "service_sid" => payload.service_sid = entries.next_value()?,
                        "more_info" => payload.more_info = part(entries.next_value()?),
                        "webhook" | "Webhook" => {
                            let webhook: Webhook<'_> = part(entries.next_value()?);
                            payload.request = webhook.request.map(part).unwrap_or_default();
                            payload.response = webhook.response.map(part).unwrap_or_default();
                        }
                        _ => {
                            entries.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(payload)
            }
        }

        deserializer.deserialize_map(Object)
    }
}

/// A part of the payload, or nothing of it where it is no object.
fn part<'a, T: Deserialize<'a> + Default>(raw: &'a RawValue) -> T {
    if raw.get().starts_with('{') { serde_json::from_str(raw.get()).unwrap_or_default() } else { T::default() }
}

fn find_ignoring_case<'a>(object: &'a RawValue, key: &str) -> Option<Loose<'a>> {
    // Nearly always it is not there, and a look costs less than a map.
    let mut places = object.get().as_bytes().windows(key.len());
    if !places.any(|place| place.eq_ignore_ascii_case(key.as_bytes())) {
        return None;
    }
    let object: BTreeMap<Cow<'_, str>, Loose<'a>> = part(object);
    object.into_iter().find(|(found, _)| found.eq_ignore_ascii_case(key)).map(|(_, value)| value)
}

/// A value of any type, of which texts and numbers are of interest.
#[derive(Debug, Default)]
enum Loose<'a> {
    Text(Cow<'a, str>),
    Number(u64),
    #[default]
    Other,
}

impl Loose<'_> {
    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Number(_) | Self::Other => None,
        }
    }

    /// A non-empty text as it may be stored: masked, and cut to [`TEXT_BYTES_MAX`].
    fn kept(&self, redaction: Redaction) -> Option<String> {
        let text = self.text().filter(|text| !text.is_empty())?;
        let masked = if redaction == Redaction::None { Cow::Borrowed(text) } else { mask(text) };
        Some(super::cut(&masked, TEXT_BYTES_MAX).to_owned())
    }

    /// As [`Self::kept`], for a text that is a URL as a whole.
    fn kept_url(&self, redaction: Redaction) -> Option<String> {
        let text = self.text().filter(|text| !text.is_empty())?;
        let masked = if redaction == Redaction::None { text.to_owned() } else { masked_url(text) };
        Some(super::cut(&masked, TEXT_BYTES_MAX).to_owned())
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

impl<'de: 'a, 'a> Deserialize<'de> for Loose<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Loose<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Loose::Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Loose::Text(Cow::Owned(text.to_owned())))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
                Ok(Loose::Number(number))
            }

            fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
                Ok(Loose::Other)
            }

            fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
                Ok(Loose::Other)
            }

            fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
                Ok(Loose::Other)
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Loose::Other)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Self::Value, A::Error> {
                while values.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Loose::Other)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
                while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Loose::Other)
            }
        }

        deserializer.deserialize_any(Any)
    }
}
