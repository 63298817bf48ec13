//! Reads an event from one row of the list of alerts, or from the answer to a request for one alert, which has a few keys more.
//!
//! Pure. Only what an event cannot be without is asked for strictly, its Sid and its account; all else is taken as it is found, and a row
//! that is no event goes to quarantine by itself.
//!
//! Source: <https://www.twilio.com/docs/usage/monitor-alert>

use jiff::Timestamp;
use serde::de::MapAccess;
use serde_json::Value;

use super::alert_text::AlertText;
use super::opened;
use crate::error_code::ErrorCode;
use crate::event::{DebuggerEvent, FailedExchange, Source};
use crate::input::loose::{Loose, Pick, pass_over, pick_from_object};
use crate::input::reception::Reception;
use crate::intake::Arrival;
use crate::level::Level;
use crate::quarantine::{CONTENT_BYTES_MAX, QuarantineReason, Quarantined, SID_BYTES_MAX, cut};
use crate::redact::{Masks, Redaction};
use crate::sid::{AccountSid, EventSid};

/// The parts of a row that an event is made of.
#[derive(Debug, Default)]
struct Row<'a> {
    sid: Loose<'a>,
    account_sid: Loose<'a>,
    log_level: Loose<'a>,
    alert_text: Loose<'a>,
    error_code: Option<Value>,
    generated: Loose<'a>,
    created: Loose<'a>,
    request_method: Loose<'a>,
    request_url: Loose<'a>,
    resource_sid: Loose<'a>,
    service_sid: Loose<'a>,
}

impl<'de> Pick<'de> for Row<'de> {
    type Object = ();

    fn take<A: MapAccess<'de>>(&mut self, (): (), key: &str, entries: &mut A) -> Result<(), A::Error> {
        let place = match key {
            "error_code" => {
                self.error_code = Some(entries.next_value()?);
                return Ok(());
            }
            "sid" => &mut self.sid,
            "account_sid" => &mut self.account_sid,
            "log_level" => &mut self.log_level,
            "alert_text" => &mut self.alert_text,
            "date_generated" => &mut self.generated,
            "date_created" => &mut self.created,
            "request_method" => &mut self.request_method,
            "request_url" => &mut self.request_url,
            "resource_sid" => &mut self.resource_sid,
            "service_sid" => &mut self.service_sid,
            _ => return pass_over(entries),
        };
        *place = entries.next_value()?;
        Ok(())
    }
}

/// The Sid of a row, where it has one: a look that costs little beside reading all of it.
pub(super) fn sid_of(text: &str) -> Option<EventSid> {
    let mut row = Row::default();
    pick_from_object(&mut row, (), text).ok()?;
    EventSid::parse(row.sid.text()?).ok()
}

/// What a row brings: an event, or an entry of the quarantine.
pub(super) fn arrival(text: &str, reception: &Reception) -> Arrival {
    let mut row = Row::default();
    let read = pick_from_object(&mut row, (), text).map_err(|_| "is no JSON object".to_owned());
    match read.and_then(|()| event_of(&row, text, reception)) {
        Ok(event) => Arrival::Event(Box::new(event)),
        Err(fault) => Arrival::Quarantined(Box::new(Quarantined {
            reason: QuarantineReason::BadGrammar,
            detail: format!("the row {fault}"),
            source: Source::AlertsApi,
            sid: row.sid.text().map(|sid| cut(sid, SID_BYTES_MAX).to_owned()),
            at: reception.at,
            content: content_of(text, reception.redaction),
        })),
    }
}

fn event_of(row: &Row<'_>, text: &str, reception: &Reception) -> Result<DebuggerEvent, String> {
    let required = |value: &Loose<'_>, name: &str| value.text().map(str::to_owned).ok_or(format!("has no {name}"));
    let sid = EventSid::parse(&required(&row.sid, "sid")?).map_err(|error| format!("has a sid that is {error}"))?;
    let account_sid = AccountSid::parse(&required(&row.account_sid, "account_sid")?)
        .map_err(|error| format!("has an account_sid that is {error}"))?;
    let (redaction, occurred_at) = (reception.redaction, time_of(row));
    let alert = AlertText::parse(row.alert_text.text().unwrap_or_default());
    let level = row.log_level.text().filter(|level| !level.trim().is_empty()).or_else(|| alert.field("LogLevel"));
    let (message, url) = (alert.message().map(Loose::of), alert.field("url").map(Loose::of));
    let mut masks = Masks::new(redaction);
    let exchange = FailedExchange {
        method: row.request_method.kept(&mut masks),
        url: row.request_url.kept_url(&mut masks).or_else(|| url.as_ref()?.kept_url(&mut masks)),
        status: alert.field("httpResponse").and_then(|status| Loose::of(status).status()),
    };
    let message = message.as_ref().and_then(|message| message.kept(&mut masks));
    let (resource_sid, service_sid) = (row.resource_sid.kept(&mut masks), row.service_sid.kept(&mut masks));
    let (payload, payload_trimmed) = opened::payload(text, redaction, &masks);
    Ok(DebuggerEvent {
        sid,
        account_sid,
        parent_account_sid: None,
        level: level.map_or(Level::Other, Level::parse),
        error_code: ErrorCode::from_json(row.error_code.as_ref()),
        occurred_at: occurred_at.unwrap_or(reception.at),
        occurred_at_assumed: occurred_at.is_none(),
        received_at: reception.at,
        source: Source::AlertsApi,
        product: None,
        late: reception.is_late(occurred_at),
        message: message.filter(|_| redaction != Redaction::Strict),
        resource_sid,
        service_sid,
        exchange: (exchange != FailedExchange::default()).then_some(exchange),
        trace: None,
        payload,
        payload_trimmed,
    })
}

/// When it happened. The two may differ by a second or two: alerts are buffered between the one and the other.
fn time_of(row: &Row<'_>) -> Option<Timestamp> {
    [&row.generated, &row.created].into_iter().find_map(|time| time.text()?.trim().parse().ok())
}

/// What quarantine keeps of a row: as JSON as far as redaction allows, or else its size.
fn content_of(text: &str, redaction: Redaction) -> Value {
    let kept = match redaction {
        Redaction::None => Some(text.to_owned()),
        Redaction::Strict => None,
        Redaction::Standard => opened::redacted(text, &Masks::new(redaction)),
    };
    let fits = kept.filter(|text| text.len() <= CONTENT_BYTES_MAX).and_then(|text| serde_json::from_str(&text).ok());
    fits.unwrap_or_else(|| Value::String(format!("{} bytes", text.len())))
}

#[cfg(test)]
mod tests;
