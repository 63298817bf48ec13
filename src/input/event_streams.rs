//! Reads Debugging Events from the batches that Twilio's Event Streams posts.
//!
//! Pure: a signed body in, a [`Batch`] out. Twilio repeats a batch for four hours until it is answered 2xx, and gives it up at a 400, so
//! whatever is signed is taken: each event of a batch on its own, what is not understood into quarantine, and what is understood and is
//! no Debugging Event (the sink is subscribed to other types as well, or is being tested) ignored and counted.
//!
//! Source: <https://www.twilio.com/docs/events/event-types/errors/error-logs>

mod content;
mod envelope;
mod error_log;

use bytes::Bytes;
use serde_json::value::RawValue;

use self::content::content_of;
use self::envelope::{Data, Envelope};
use super::reception::Reception;
use super::signature::{Verified, Verifier};
use crate::event::{DebuggerEvent, Source};
use crate::intake::{Arrival, Ignored, Intake, Origin};
use crate::level::Level;
use crate::quarantine::{QuarantineReason, Quarantined, SID_BYTES_MAX, cut};

/// The most events of one request that are told apart; Twilio's batches end at 64 kB, which is about a hundred.
pub const EVENTS_MAX: usize = 4096;

/// The longest id of a sink's test event that is shown.
const TEST_ID_BYTES_MAX: usize = 64;

/// `event_streams`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The levels that are kept. One that this program does not know is always kept: nobody can have chosen it away.
    pub levels: Vec<Level>,
}

impl Default for Settings {
    /// Errors and warnings. Not `INFO`: each line that a Twilio Function logs is one, so a Function that logs what it is sent would feed
    /// itself for ever.
    fn default() -> Self {
        Self { levels: vec![Level::Error, Level::Warning] }
    }
}

impl Settings {
    fn keep(&self, level: Level) -> bool {
        level == Level::Other || self.levels.contains(&level)
    }
}

/// What a request brings.
#[derive(Debug)]
pub struct Batch {
    /// What is to be kept and counted.
    pub intake: Intake,
    /// The id of a sink's test event, which Twilio wants to be told; empty where the event has none that can be shown.
    pub test_id: Option<String>,
}

/// Reads what `signed` brings. Which accounts its key opens is for the `verifier` to say that has believed it.
#[must_use]
pub fn read(signed: &Verified<Bytes>, verifier: &Verifier, settings: &Settings, reception: &Reception) -> Batch {
    let origin = Origin::Batch { source: Source::EventStreams, key: signed.key().clone() };
    let mut batch = Batch { intake: Intake { arrivals: Vec::new(), ignored: Vec::new(), origin }, test_id: None };
    match elements_of(signed.body()) {
        Ok(elements) => {
            for element in elements.into_iter().map(RawValue::get) {
                match understand(element, signed, verifier, settings, reception) {
                    Ok(Understood::Event(event)) => batch.intake.arrivals.push(Arrival::Event(event)),
                    Ok(Understood::Ignored(reason)) => batch.intake.ignored.push(reason),
                    Ok(Understood::Test(id)) => {
                        batch.intake.ignored.push(Ignored::TestEvent);
                        batch.test_id = Some(id);
                    }
                    Err(fault) => batch.quarantine(fault, element, reception),
                }
            }
        }
        Err(fault) => batch.quarantine(fault, &String::from_utf8_lossy(signed.body()), reception),
    }
    batch
}

impl Batch {
    fn quarantine(&mut self, Fault { reason, detail, sid }: Fault, text: &str, reception: &Reception) {
        let content = content_of(text, reception.redaction);
        let (source, at) = (Source::EventStreams, reception.at);
        let entry = Quarantined { reason, detail, source, sid, at, content };
        self.intake.arrivals.push(Arrival::Quarantined(Box::new(entry)));
    }
}

/// Why something signed is no event; says what is wrong without quoting what was sent.
#[derive(Debug)]
struct Fault {
    reason: QuarantineReason,
    detail: String,
    sid: Option<String>,
}

impl Fault {
    fn new(reason: QuarantineReason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into(), sid: None }
    }

    fn grammar(detail: impl Into<String>) -> Self {
        Self::new(QuarantineReason::BadGrammar, detail)
    }

    fn not_json(what: &str, error: &serde_json::Error) -> Self {
        let detail = format!("{what} is not JSON (column {} of line {})", error.column(), error.line());
        Self::new(QuarantineReason::BadPayload, detail)
    }
}

/// The events of a body, one or an array of them, each as it stands there.
fn elements_of(body: &[u8]) -> Result<Vec<&RawValue>, Fault> {
    let text =
        std::str::from_utf8(body).map_err(|_| Fault::new(QuarantineReason::BadPayload, "the body is not UTF-8"))?;
    let elements: Vec<&RawValue> = if text.trim_ascii_start().starts_with('[') {
        serde_json::from_str(text)
    } else {
        serde_json::from_str(text).map(|element| vec![element])
    }
    .map_err(|error| Fault::not_json("the body", &error))?;
    if elements.len() > EVENTS_MAX {
        return Err(Fault::grammar(format!("more than {EVENTS_MAX} events in one batch")));
    }
    Ok(elements)
}

/// What an event of a batch is.
enum Understood {
    Event(Box<DebuggerEvent>),
    Ignored(Ignored),
    Test(String),
}

fn understand(
    element: &str,
    signed: &Verified<Bytes>,
    verifier: &Verifier,
    settings: &Settings,
    reception: &Reception,
) -> Result<Understood, Fault> {
    let envelope = Envelope::read(element)?;
    let is_error_log = envelope.is_error_log()?;
    let data_text = envelope.data()?;
    let data = match Data::read(&data_text) {
        Err(_) if !is_error_log => return Ok(Understood::Ignored(Ignored::EventType)),
        data => data?,
    };
    if !is_error_log {
        return Ok(match data.test_id() {
            Some(id) => Understood::Test(shown_id(id).to_owned()),
            None => Understood::Ignored(Ignored::EventType),
        });
    }
    let event = error_log::event_of(&envelope, &data, reception).map_err(|fault| Fault {
        sid: data.sid().or(envelope.id()).map(|sid| cut(sid, SID_BYTES_MAX).to_owned()),
        ..fault
    })?;
    if !verifier.opens(signed.key(), &event.account_sid, event.parent_account_sid.as_ref()) {
        let detail = format!("a key of {} signed the batch", signed.key().account_sid);
        let sid = Some(event.sid.to_string());
        return Err(Fault { reason: QuarantineReason::ForeignAccount, detail, sid });
    }
    if settings.keep(event.level) {
        Ok(Understood::Event(Box::new(event)))
    } else {
        Ok(Understood::Ignored(Ignored::Level))
    }
}

/// A test's id as it may stand in a log and on a page.
fn shown_id(id: &str) -> &str {
    let harmless = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if id.len() <= TEST_ID_BYTES_MAX && id.bytes().all(harmless) { id } else { "" }
}

#[cfg(test)]
mod tests;
