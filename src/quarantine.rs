//! What was kept although nobody can use it: signed by Twilio and not understood, or refused by the collector for good.
//!
//! Quarantine is the alternative to losing something silently. Every entry is on disk, counted by reason, and listed by
//! `twilio-debugger-exporter events`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

use crate::event::Source;

/// Why something stands in quarantine: the `reason` label.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, VariantArray, IntoStaticStr, Serialize, Deserialize,
)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum QuarantineReason {
    /// The fields are not those of a Debugging Event, or not each of them once.
    BadGrammar,
    /// `Payload`, or the body of a batch, is not the JSON that it should be.
    BadPayload,
    /// The key that signed the batch does not open the account that the event names.
    ForeignAccount,
    /// The collector refused the log record for good. The event had been accepted and counted before.
    OtlpRejected,
}

impl QuarantineReason {
    /// Every reason, in the order of the metrics page.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The value of the `reason` label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// One entry of the quarantine. Serialised as the JSON document that the store keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantined {
    /// Why it stands here.
    pub reason: QuarantineReason,
    /// The reason in a sentence.
    pub detail: String,
    /// The input it came through; version 0.1.0 had one, and did not say.
    #[serde(default = "webhook")]
    pub source: Source,
    /// The event's Sid, as far as one could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// When it arrived here, or was refused by the collector.
    pub at: Timestamp,
    /// What arrived, redacted and cut to [`CONTENT_BYTES_MAX`]: names and values of the form, or the refused event.
    pub content: serde_json::Value,
}

fn webhook() -> Source {
    Source::Webhook
}

/// The most bytes of one value that quarantine keeps.
pub const CONTENT_BYTES_MAX: usize = 16 * 1024;

/// The most bytes of what may be a Sid that quarantine keeps.
pub const SID_BYTES_MAX: usize = 64;

/// The longest start of `text` that fits into `bytes_max` bytes.
#[must_use]
pub fn cut(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::QuarantineReason;

    #[test]
    fn the_store_spells_a_reason_as_its_label() {
        for reason in QuarantineReason::ALL {
            assert_eq!(json!(reason), reason.as_str());
        }
    }
}
