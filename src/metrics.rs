//! Every metric, registered once and passed in; nothing here is global.
//!
//! Counters come in two kinds. `twilio_debugger_events_total` has labels nobody knows in advance and lives in
//! [`event_series`], with the first-event rule. All others have their series from the start and live in the `prometheus`
//! crate. Both survive restarts: the store keeps them, and a scrape is shown no value that is not on disk.
//!
//! received = accepted + duplicates + quarantined (but for `otlp_rejected`, which were accepted before) + rejected, in every
//! scrape: one lock holds the counters of one request together.

pub mod event_series;
mod exposition;
pub mod families;
mod labels;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use prometheus::proto::MetricFamily;

use self::event_series::{EventSeries, SeriesLabels, StoredSeries, Viewer};
use self::families::Families;
pub use self::labels::{OtlpFailure, RejectionReason, STATUS_CODES};
use crate::account::{Account, KeyName};
use crate::error_code::ErrorCode;
use crate::event::Source;
use crate::level::Level;
use crate::quarantine::QuarantineReason;
use crate::sid::AccountSid;

/// How long after its start the process takes an unknown scraper for one that knew its predecessor.
pub const YOUNG_PROCESS: Duration = Duration::from_mins(5);

/// `metrics`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The most distinct `error_code` values.
    pub error_codes_max: usize,
    /// Whether `twilio_debugger_events_total` has an `account_sid` label.
    pub account_label: bool,
    /// Whether a new series is shown to each scraper at 0 first.
    pub zero_first: bool,
    /// Codes that exist at 0 from the start.
    pub codes: Vec<u32>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { error_codes_max: 1_000, account_label: false, zero_first: true, codes: Vec::new() }
    }
}

/// Every metric of the exporter.
#[derive(Debug)]
pub struct Metrics {
    families: Families,
    events: Mutex<EventSeries>,
    /// Shared by whoever counts, exclusive to whoever reads all: so a request's counters are seen together or not at all.
    together: RwLock<()>,
    zero_first: bool,
    account_label: bool,
    started: Instant,
}

/// The value of one counter as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CounterRow {
    /// The metric's name.
    pub metric: String,
    /// Its label values, joined by a line feed, which is in none of them.
    pub labels: String,
    /// Its value.
    pub value: u64,
}

/// The counters that survived the last process.
#[derive(Debug, Clone, Default)]
pub struct Restored {
    /// `twilio_debugger_events_total`.
    pub series: Vec<StoredSeries>,
    /// All others.
    pub counters: Vec<CounterRow>,
}

/// What one group of stored events adds to the counters, known before the group is written and counted after.
#[derive(Debug, Default)]
pub struct GroupCounts {
    /// Events by series, with the time of the newest in seconds since 1970.
    pub series: HashMap<SeriesLabels, (u64, f64)>,
    /// Accepted events.
    pub accepted: HashMap<(Level, Source), u64>,
    /// Quarantine entries.
    pub quarantined: HashMap<QuarantineReason, u64>,
    /// Duplicates, of which nothing is written.
    pub duplicates: HashMap<Source, u64>,
    /// Matches by key.
    pub keys: HashMap<KeyName, u64>,
    /// Requests that get their 204 for all this.
    pub answered: u64,
    /// Events counted under `overflow`.
    pub overflowed: u64,
    /// Seconds from Twilio's time to ours, one for each accepted event whose time is known.
    pub delays: Vec<f64>,
}

impl Metrics {
    /// Registers everything, at the values the store kept; those of log export's state only when there is a collector.
    #[must_use]
    pub fn new(settings: &Settings, accounts: &[Account], has_collector: bool, restored: Restored) -> Self {
        let Settings { error_codes_max, account_label, zero_first, ref codes } = *settings;
        let families = Families::new(has_collector);
        families.restore(&restored.counters);
        families.series_limit.set(i64::try_from(error_codes_max).unwrap_or(i64::MAX));
        let mut events = EventSeries::new(restored.series, error_codes_max, account_label);
        for account in accounts.iter().take(if account_label { usize::MAX } else { 1 }) {
            for code in codes {
                events.create(ErrorCode::Code(*code), &account.sid);
            }
        }
        families.series.set(i64::try_from(events.admitted()).unwrap_or(i64::MAX));
        let metrics = Self {
            families,
            events: Mutex::new(events),
            together: RwLock::new(()),
            zero_first,
            account_label,
            started: Instant::now(),
        };
        metrics.know_keys(accounts);
        metrics
    }

    /// Creates the series of every configured key at 0; again after a reload.
    pub fn know_keys(&self, accounts: &[Account]) {
        for account in accounts {
            for position in 0..account.auth_tokens.len() {
                let name = KeyName { account_sid: account.sid.clone(), position };
                self.families.signing_key_used.with_label_values(&key_labels(&name));
            }
        }
    }

    /// The families, for gauges and histograms that stand alone.
    #[must_use]
    pub fn families(&self) -> &Families {
        &self.families
    }

    /// The labels under which an event will be counted.
    pub fn series_labels(&self, level: Level, code: ErrorCode, account: &AccountSid) -> (SeriesLabels, bool) {
        self.events().labels(level, code, account)
    }

    /// Counts a group that is on disk.
    pub fn count_group(&self, group: GroupCounts) {
        let _together = self.together.read().unwrap_or_else(PoisonError::into_inner);
        let families = &self.families;
        let mut events = self.events();
        for (labels, (count, last_event)) in group.series {
            events.count(labels, count, last_event);
        }
        families.series.set(i64::try_from(events.admitted()).unwrap_or(i64::MAX));
        drop(events);
        for ((level, source), count) in group.accepted {
            families.accepted.with_label_values(&[level.as_str(), source.as_str()]).inc_by(count);
        }
        for (reason, count) in group.quarantined {
            families.quarantined.with_label_values(&[reason.as_str()]).inc_by(count);
        }
        for (source, count) in group.duplicates {
            families.duplicates.with_label_values(&[source.as_str()]).inc_by(count);
        }
        for (key, count) in group.keys {
            families.signing_key_used.with_label_values(&key_labels(&key)).inc_by(count);
        }
        families.requests.with_label_values(&["204"]).inc_by(group.answered);
        families.series_overflow.inc_by(group.overflowed);
        for delay in group.delays {
            families.event_delay.observe(delay);
        }
    }

    /// Counts a request that was refused: its status and its reason.
    pub fn refused(&self, status: u16, reason: RejectionReason) {
        let _together = self.together.read().unwrap_or_else(PoisonError::into_inner);
        self.families.requests.with_label_values(&[&status.to_string()]).inc();
        self.families.rejected.with_label_values(&[reason.as_str()]).inc();
    }

    /// Counts records the collector took, once the cursor is synced.
    pub fn otlp_delivered(&self, records: u64) {
        self.families.otlp_records.inc_by(records);
        self.families.otlp_last_success.set(seconds(Timestamp::now()));
    }

    /// Counts failed requests; for [`OtlpFailure::PartialSuccess`], records.
    pub fn otlp_failed(&self, class: OtlpFailure, count: u64) {
        self.families.otlp_failures.with_label_values(&[class.as_str()]).inc_by(count);
    }

    /// Counts accepted events that the collector refused for good.
    pub fn otlp_quarantined(&self, records: u64) {
        self.families.quarantined.with_label_values(&[QuarantineReason::OtlpRejected.as_str()]).inc_by(records);
    }

    /// Notes whether the destination takes records.
    pub fn otlp_up(&self, up: bool) {
        self.families.otlp_up.set(i64::from(up));
    }

    /// The counters other than events, at one moment: what the store is to keep, and what a scrape shows of them.
    #[must_use]
    pub fn durable_counters(&self) -> (Vec<CounterRow>, Vec<MetricFamily>) {
        let _together = self.together.write().unwrap_or_else(PoisonError::into_inner);
        let families: Vec<_> = self.families.durable().flat_map(prometheus::core::Collector::collect).collect();
        (families.iter().flat_map(families::rows_of).collect(), families)
    }

    /// Who asks: Prometheus says how long it waits for a scrape, nobody else does.
    #[must_use]
    pub fn viewer(&self, peer: std::net::IpAddr, sends_scrape_timeout: bool) -> Viewer {
        if self.zero_first && sends_scrape_timeout {
            Viewer::Scraper { peer, young_process: self.started.elapsed() < YOUNG_PROCESS }
        } else {
            Viewer::Anyone
        }
    }

    /// The series to be marked in the store before `viewer` is answered.
    #[must_use]
    pub fn about_to_be_shown(&self, viewer: Viewer) -> Vec<SeriesLabels> {
        self.events().about_to_be_shown(viewer)
    }

    /// Notes that these series are marked in the store.
    pub fn mark_shown(&self, labels: &[SeriesLabels]) {
        self.events().mark_shown(labels);
    }

    /// The metrics page for `viewer`, in the text format 0.0.4; `counters` come from [`Self::durable_counters`].
    #[must_use]
    pub fn render(&self, viewer: Viewer, counters: &[MetricFamily]) -> String {
        let events = exposition::event_families(&self.events().view(viewer), self.account_label);
        exposition::text(events.into_iter().chain(counters.iter().cloned()).chain(self.families.fleeting()))
    }

    fn events(&self) -> MutexGuard<'_, EventSeries> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Seconds since 1970.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "an f64 holds microseconds of this century exactly")]
pub fn seconds(time: Timestamp) -> f64 {
    time.as_microsecond() as f64 / 1e6
}

fn key_labels(key: &KeyName) -> [String; 2] {
    [key.account_sid.to_string(), key.position.to_string()]
}
