//! The counters that survive a restart, but for `twilio_debugger_events_total`: what they are called, and what is added to them.
//!
//! One list of [`CounterRow`]s says what a group of events adds: the store writes it in the transaction that holds the events, and
//! the metrics count it after the commit. So what stands on disk and what is shown cannot drift apart.

use strum::VariantArray;

use super::affected::Touched;
use super::labels::BackfillFailure;
use super::series_labels::SeriesLabels;
use crate::account::KeyName;
use crate::event::Source;
use crate::intake::Ignored;
use crate::level::Level;
use crate::quarantine::QuarantineReason;
use crate::sid::AccountSid;

/// A counter that the store keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, VariantArray)]
pub enum DurableCounter {
    /// Events that were verified, by input.
    Received,
    /// Events stored for the first time, by level and input.
    Accepted,
    /// Events that were stored before, by input.
    Duplicates,
    /// What went to quarantine, by reason and input.
    Quarantined,
    /// What was not for keeping, by reason and input.
    Ignored,
    /// Events that push has not brought, by level.
    Missed,
    /// What has gone wrong with backfill, by account and class.
    BackfillFailures,
    /// Requests by status.
    Requests,
    /// Requests refused, by reason.
    Rejected,
    /// Signatures matched, by key.
    SigningKeyUsed,
    /// Events counted under `overflow`.
    SeriesOverflow,
    /// Log records taken by the collector.
    OtlpRecords,
    /// Failed exports, by class.
    OtlpFailures,
}

impl DurableCounter {
    /// Every one of them.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The metric's name, on the page and in the store.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Received => "twilio_debugger_exporter_received_total",
            Self::Accepted => "twilio_debugger_accepted_events_total",
            Self::Duplicates => "twilio_debugger_exporter_duplicates_total",
            Self::Quarantined => "twilio_debugger_exporter_quarantined_total",
            Self::Ignored => "twilio_debugger_exporter_ignored_total",
            Self::Missed => "twilio_debugger_missed_events_total",
            Self::BackfillFailures => "twilio_debugger_exporter_backfill_failures_total",
            Self::Requests => "twilio_debugger_exporter_requests_total",
            Self::Rejected => "twilio_debugger_exporter_rejected_total",
            Self::SigningKeyUsed => "twilio_debugger_exporter_signing_key_used_total",
            Self::SeriesOverflow => "twilio_debugger_exporter_series_overflow_total",
            Self::OtlpRecords => "twilio_debugger_exporter_otlp_records_total",
            Self::OtlpFailures => "twilio_debugger_exporter_otlp_failures_total",
        }
    }

    /// What it counts, in a sentence for the page.
    #[must_use]
    pub fn help(self) -> &'static str {
        match self {
            Self::Received => {
                "Debugging Events received and verified, by input: accepted, duplicates, quarantined and ignored together."
            }
            Self::Accepted => "Debugging Events stored for the first time, by input.",
            Self::Duplicates => "Debugging Events that were stored before, by input.",
            Self::Quarantined => {
                "Entries put into quarantine, by reason and input; otlp_rejected ones had been accepted before."
            }
            Self::Ignored => "Genuine events that are not for keeping, by reason and input.",
            Self::Missed => {
                "Debugging Events that only backfill has found although push had brought some of the account before."
            }
            Self::BackfillFailures => "What has gone wrong with backfill, by account and class.",
            Self::Requests => "Requests to the webhook listener, by the status that was sent.",
            Self::Rejected => "Requests refused, by reason.",
            Self::SigningKeyUsed => {
                "Deliveries whose signature a key has matched, by account and place in the configuration."
            }
            Self::SeriesOverflow => "Events counted under error_code=\"overflow\".",
            Self::OtlpRecords => "Log records that the OTLP endpoint has taken.",
            Self::OtlpFailures => {
                "Failed OTLP requests, by class; for partial_success, records that the endpoint says it dropped."
            }
        }
    }

    /// The names of its labels, in the order of the alphabet: the client library gives them in that order, and the store keeps their
    /// values in it.
    #[must_use]
    pub fn label_names(self) -> &'static [&'static str] {
        match self {
            Self::Received | Self::Duplicates => &["source"],
            Self::Accepted => &["level", "source"],
            Self::Quarantined | Self::Ignored => &["reason", "source"],
            Self::Missed => &["level"],
            Self::BackfillFailures => &["account_sid", "class"],
            Self::Requests => &["code"],
            Self::Rejected => &["reason"],
            Self::SigningKeyUsed => &["account_sid", "key"],
            Self::SeriesOverflow | Self::OtlpRecords => &[],
            Self::OtlpFailures => &["class"],
        }
    }
}

/// One counter of such a family, and a number: its value, or what is added to it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CounterRow {
    /// The metric's name.
    pub metric: String,
    /// Its label values, joined by a line feed, which is in none of them.
    pub labels: String,
    /// The number.
    pub value: u64,
}

impl CounterRow {
    fn of(counter: DurableCounter, labels: String, value: u64) -> Self {
        Self { metric: counter.name().to_owned(), labels, value }
    }

    /// Verified events of an input.
    #[must_use]
    pub fn received(source: Source, events: u64) -> Self {
        Self::of(DurableCounter::Received, source.as_str().to_owned(), events)
    }

    /// Events stored for the first time.
    #[must_use]
    pub fn accepted(level: Level, source: Source, events: u64) -> Self {
        Self::of(DurableCounter::Accepted, format!("{}\n{}", level.as_str(), source.as_str()), events)
    }

    /// Events that were known.
    #[must_use]
    pub fn duplicates(source: Source, events: u64) -> Self {
        Self::of(DurableCounter::Duplicates, source.as_str().to_owned(), events)
    }

    /// Entries of the quarantine.
    #[must_use]
    pub fn quarantined(reason: QuarantineReason, source: Source, entries: u64) -> Self {
        Self::of(DurableCounter::Quarantined, format!("{}\n{}", reason.as_str(), source.as_str()), entries)
    }

    /// Events that are not for keeping.
    #[must_use]
    pub fn ignored(reason: Ignored, source: Source, events: u64) -> Self {
        Self::of(DurableCounter::Ignored, format!("{}\n{}", reason.as_str(), source.as_str()), events)
    }

    /// Events that push has not brought.
    #[must_use]
    pub fn missed(level: Level, events: u64) -> Self {
        Self::of(DurableCounter::Missed, level.as_str().to_owned(), events)
    }

    /// Failures of one account's backfill.
    #[must_use]
    pub fn backfill_failures(account: &AccountSid, class: BackfillFailure, failures: u64) -> Self {
        Self::of(DurableCounter::BackfillFailures, format!("{account}\n{}", class.as_str()), failures)
    }

    /// Signatures that a key has matched.
    #[must_use]
    pub fn signing_key_used(key: &KeyName, deliveries: u64) -> Self {
        Self::of(DurableCounter::SigningKeyUsed, format!("{}\n{}", key.account_sid, key.position), deliveries)
    }

    /// Events beyond the limit of codes.
    #[must_use]
    pub fn series_overflow(events: u64) -> Self {
        Self::of(DurableCounter::SeriesOverflow, String::new(), events)
    }

    /// The label values, in the order of [`DurableCounter::label_names`].
    #[must_use]
    pub fn label_values(&self) -> Vec<&str> {
        // A family without labels keeps an empty text, which is no value.
        if self.labels.is_empty() { Vec::new() } else { self.labels.split('\n').collect() }
    }
}

/// What a series of `twilio_debugger_events_total` gains, and with it its sister of `twilio_debugger_late_events_total`.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesGain {
    /// The series.
    pub labels: SeriesLabels,
    /// How many events.
    pub events: u64,
    /// How many of these were late.
    pub late: u64,
    /// When the newest of them happened, in seconds since 1970.
    pub newest: f64,
    /// What they were about, as far as they say. It is in memory alone.
    pub touched: Vec<Touched>,
}

/// What a group of events adds to the metrics, known before it is written and counted after.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Gains {
    /// `twilio_debugger_events_total`, each series once.
    pub series: Vec<SeriesGain>,
    /// The other counters, each once.
    pub counters: Vec<CounterRow>,
    /// Seconds from Twilio's time to ours, one for each new event whose time is known. They are in memory alone.
    pub delays: Vec<f64>,
}

#[cfg(test)]
mod tests {
    use super::DurableCounter;

    #[test]
    fn label_names_stand_in_the_order_in_which_the_client_library_gives_them() {
        for counter in DurableCounter::ALL {
            assert!(counter.label_names().is_sorted(), "{counter:?}");
        }
    }
}
