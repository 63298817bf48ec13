//! What Event Streams wraps an event in: a `CloudEvent`, and inside it `data`.
//!
//! Read as found and not as documented: `data` is an object or a JSON text of one, `datacontenttype` says anything, `time` may be
//! missing. What is absent, or of another type, is none.
//!
//! Source: <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md>

use std::borrow::Cow;

use serde::de::MapAccess;
use serde_json::Value;
use serde_json::value::RawValue;

use super::Fault;
use crate::input::loose::{Loose, Pick, pass_over, pick_from_object};
use crate::redact::Borrowed;

/// The one type that carries Debugging Events, in schemas 1 and 2.
const ERROR_LOGGED: &str = "com.twilio.error-logs.error.logged";

/// A `CloudEvent`.
#[derive(Debug, Default)]
pub(super) struct Envelope<'a> {
    kind: Loose<'a>,
    id: Loose<'a>,
    time: Loose<'a>,
    data: Option<&'a RawValue>,
}

impl<'de> Pick<'de> for Envelope<'de> {
    type Object = ();

    fn take<A: MapAccess<'de>>(&mut self, (): (), key: &str, entries: &mut A) -> Result<(), A::Error> {
        let place = match key {
            "type" => &mut self.kind,
            "id" => &mut self.id,
            "time" => &mut self.time,
            "data" => {
                self.data = Some(entries.next_value()?);
                return Ok(());
            }
            _ => return pass_over(entries),
        };
        *place = entries.next_value()?;
        Ok(())
    }
}

impl<'a> Envelope<'a> {
    pub(super) fn read(text: &'a str) -> Result<Self, Fault> {
        let mut envelope = Self::default();
        pick_from_object(&mut envelope, (), text).map_err(|_| Fault::grammar("an event is not a JSON object"))?;
        Ok(envelope)
    }

    pub(super) fn is_error_log(&self) -> Result<bool, Fault> {
        self.kind.text().map(|kind| kind == ERROR_LOGGED).ok_or_else(|| Fault::grammar("type is not there, or no text"))
    }

    pub(super) fn id(&self) -> Option<&str> {
        self.id.text()
    }

    pub(super) fn time(&self) -> Option<&str> {
        self.time.text()
    }

    /// The JSON of `data`; `null` where there is none.
    pub(super) fn data(&self) -> Result<Cow<'a, str>, Fault> {
        self.data
            .map_or(Ok(Cow::Borrowed("null")), |data| unwrapped(data).map_err(|error| Fault::not_json("data", &error)))
    }
}

/// The JSON of a value, or the JSON that stands in it as a text.
pub(super) fn unwrapped(value: &RawValue) -> Result<Cow<'_, str>, serde_json::Error> {
    if value.get().starts_with('"') {
        return serde_json::from_str(value.get()).map(|Borrowed(text)| text);
    }
    Ok(Cow::Borrowed(value.get()))
}

/// `data` of an error log, or of a sink's test.
#[derive(Debug, Default)]
pub(super) struct Data<'a> {
    sid: Loose<'a>,
    account_sid: Loose<'a>,
    pub(super) parent_account_sid: Loose<'a>,
    pub(super) date_created: Loose<'a>,
    pub(super) level: Loose<'a>,
    pub(super) service_sid: Loose<'a>,
    pub(super) correlation_sid: Loose<'a>,
    pub(super) resource_sid: Loose<'a>,
    pub(super) product_name: Loose<'a>,
    pub(super) error_code: Option<Value>,
    pub(super) payload: Option<&'a RawValue>,
    test_id: Loose<'a>,
}

impl<'de> Pick<'de> for Data<'de> {
    type Object = ();

    fn take<A: MapAccess<'de>>(&mut self, (): (), key: &str, entries: &mut A) -> Result<(), A::Error> {
        let place = match key {
            "sid" => &mut self.sid,
            "account_sid" => &mut self.account_sid,
            "master_account_sid" => &mut self.parent_account_sid,
            "date_created" => &mut self.date_created,
            "level" => &mut self.level,
            "service_sid" => &mut self.service_sid,
            "correlation_sid" => &mut self.correlation_sid,
            "resource_sid" => &mut self.resource_sid,
            "product_name" => &mut self.product_name,
            "test_id" => &mut self.test_id,
            "error_code" => {
                self.error_code = Some(entries.next_value()?);
                return Ok(());
            }
            "payload" => {
                self.payload = Some(entries.next_value()?);
                return Ok(());
            }
            _ => return pass_over(entries),
        };
        *place = entries.next_value()?;
        Ok(())
    }
}

impl<'a> Data<'a> {
    pub(super) fn read(text: &'a str) -> Result<Self, Fault> {
        let mut data = Self::default();
        pick_from_object(&mut data, (), text).map_err(|_| Fault::grammar("data is not a JSON object"))?;
        Ok(data)
    }

    pub(super) fn sid(&self) -> Option<&str> {
        self.sid.text()
    }

    pub(super) fn account_sid(&self) -> Option<&str> {
        self.account_sid.text()
    }

    pub(super) fn test_id(&self) -> Option<&str> {
        self.test_id.text()
    }
}
