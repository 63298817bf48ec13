//! A Debugging Event as the rest of the program knows it, whatever input it came through.
//!
//! This is the one value between bytes and meaning: inputs make it, the store keeps it, outputs read it. It is redacted
//! when it is made, so nothing behind the input ever holds what the operator asked to have dropped.

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use strum::{IntoStaticStr, VariantArray};

use crate::error_code::ErrorCode;
use crate::level::Level;
use crate::sid::{AccountSid, EventSid};

/// One error or warning of a Twilio account.
///
/// Serialised as the JSON document that the store keeps, one line an event.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DebuggerEvent {
    /// Twilio's id of the event, the key of deduplication.
    pub sid: EventSid,
    /// The account in which it happened.
    pub account_sid: AccountSid,
    /// The parent, when that account is a subaccount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_account_sid: Option<AccountSid>,
    /// How serious it is.
    pub level: Level,
    /// What it is.
    pub error_code: ErrorCode,
    /// When it happened, by Twilio's clock.
    pub occurred_at: Timestamp,
    /// Twilio's time was absent or unreadable, and `occurred_at` is the time of receipt.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub occurred_at_assumed: bool,
    /// When it arrived here, by our clock.
    pub received_at: Timestamp,
    /// The input it came through.
    pub source: Source,
    /// Which of Twilio's products it happened in, in Twilio's words, where the feed says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// It was older than `late_after` when it arrived: counted like any other, and no incident of now.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub late: bool,
    /// What went wrong, in Twilio's words, redacted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The call, message or other thing it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_sid: Option<String>,
    /// The service that thing belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_sid: Option<String>,
    /// The HTTP or SIP exchange that failed, when one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exchange: Option<FailedExchange>,
    /// The trace that the failing exchange belongs to, or else our own request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceContext>,
    /// Twilio's `Payload`, redacted; none when redaction or a full store dropped it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Box<RawValue>>,
    /// The payload was dropped or cut because of its size or of a filling store.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub payload_trimmed: bool,
}

impl DebuggerEvent {
    /// Drops the bulk: what is left says what failed, for whom, and where to look.
    pub fn trim(&mut self) {
        self.payload_trimmed |= self.payload.take().is_some();
    }
}

/// The exchange between Twilio and the customer's application that failed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedExchange {
    /// `POST`, `GET`, or a SIP method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The URL, redacted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The HTTP status, when Twilio reports one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
}

/// The input an event came through: the `source` label.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, VariantArray, IntoStaticStr, Serialize, Deserialize,
)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The Debugger webhook, today's form and the beta's.
    Webhook,
    /// Event Streams, a signed batch.
    EventStreams,
    /// The Monitor Alerts API, read by backfill.
    AlertsApi,
}

impl Source {
    /// Every source, in the order of the metrics page.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// Whether Twilio brings it by itself, once something has happened.
    #[must_use]
    pub fn is_push(self) -> bool {
        match self {
            Self::Webhook | Self::EventStreams => true,
            Self::AlertsApi => false,
        }
    }

    /// The value of the `source` label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A W3C trace context: which trace and which span.
///
/// Source: <https://www.w3.org/TR/trace-context/#traceparent-header>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    /// 16 bytes, not all zero.
    pub trace_id: [u8; 16],
    /// 8 bytes, not all zero.
    pub span_id: [u8; 8],
    /// Bit 0: sampled.
    pub flags: u8,
}

impl TraceContext {
    /// Reads a `traceparent` value, `00-<trace>-<span>-<flags>`; none if it is not one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let version: [u8; 1] = from_hex(version)?;
        // Version ff is forbidden, and version 00 has exactly four parts; later ones may have more.
        if version == [0xff] || (version == [0] && parts.next().is_some()) {
            return None;
        }
        let [flags] = from_hex(flags)?;
        let context = Self { trace_id: from_hex(trace)?, span_id: from_hex(span)?, flags };
        (context.trace_id != [0; 16] && context.span_id != [0; 8]).then_some(context)
    }
}

impl std::fmt::Display for TraceContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (trace, span) = (u128::from_be_bytes(self.trace_id), u64::from_be_bytes(self.span_id));
        write!(f, "00-{trace:032x}-{span:016x}-{:02x}", self.flags)
    }
}

impl Serialize for TraceContext {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TraceContext {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not a traceparent"))
    }
}

/// Decodes exactly `N` bytes of lower-case hexadecimal.
fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let decoded = text.len() == 2 * N && HEXLOWER.decode_mut(text.as_bytes(), &mut bytes).is_ok();
    decoded.then_some(bytes)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Source, TraceContext};

    #[test]
    fn the_store_spells_a_source_as_its_label() {
        for source in Source::ALL {
            assert_eq!(json!(source), source.as_str());
        }
    }

    #[test]
    fn a_traceparent_is_read_and_written_back() {
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(TraceContext::parse(text).expect("valid").to_string(), text);
    }

    #[test]
    fn what_is_no_traceparent_is_none() {
        for text in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(TraceContext::parse(text), None, "{text:?}");
        }
    }
}
