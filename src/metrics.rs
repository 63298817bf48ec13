//! Every metric, registered once and passed in; nothing here is global.
//!
//! Counters come in two kinds. `twilio_debugger_events_total` has labels nobody knows in advance and lives in
//! [`event_series`], with the first-event rule. All others have their series from the start and live in the `prometheus`
//! crate. Both survive restarts: the store keeps them, and a scrape is shown no value that is not on disk.
//!
//! received = accepted + duplicates + quarantined (but for `otlp_rejected`, which were accepted before) + ignored, for each input and in
//! every scrape: one lock holds the counters of one group of events together. Requests are counted apart, by the status that was sent: one
//! may carry many events.

mod admission;
mod affected;
pub mod durable;
pub mod event_series;
mod exposition;
pub mod families;
mod labels;
mod series_labels;

use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use prometheus::proto::MetricFamily;

pub use self::admission::{Admission, AdmittedCode};
pub use self::affected::Touched;
use self::affected::{Affected, ESTIMATES_MAX};
use self::durable::DurableCounter;
pub use self::durable::{CounterRow, Gains, SeriesGain};
use self::event_series::{EventSeries, StoredSeries, Viewer};
use self::families::Families;
pub use self::labels::{BackfillFailure, OtlpFailure, RejectionReason, STATUS_CODES};
pub use self::series_labels::SeriesLabels;
use crate::account::{Account, KeyName};
use crate::catalogue::Catalogue;
use crate::error_code::ErrorCode;
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

/// The labels of a counter that has none.
const NO_LABELS: &[&str] = &[];

/// Every metric of the exporter.
#[derive(Debug)]
pub struct Metrics {
    families: Families,
    events: Mutex<EventSeries>,
    affected: Mutex<Affected>,
    /// Shared by whoever counts, exclusive to whoever reads all: so a request's counters are seen together or not at all.
    together: RwLock<()>,
    zero_first: bool,
    account_label: bool,
    started: Instant,
}

/// The counters that survived the last process.
#[derive(Debug, Clone, Default)]
pub struct Restored {
    /// `twilio_debugger_events_total`.
    pub series: Vec<StoredSeries>,
    /// All others.
    pub counters: Vec<CounterRow>,
}

impl Metrics {
    /// Registers everything, at the values the store kept. Which codes are admitted is for whoever stores events to decide from here on.
    #[must_use]
    pub fn new(
        settings: &Settings,
        accounts: &[Account],
        has_collector: bool,
        restored: Restored,
    ) -> (Self, Admission) {
        let Settings { error_codes_max, account_label, zero_first, ref codes } = *settings;
        let families = Families::new(has_collector);
        for row in families.add(&restored.counters) {
            let (metric, labels, value) = (&row.metric, &row.labels, row.value);
            tracing::error!(metric, labels, value, "a stored counter fits no metric: it stays in the store, unshown");
        }
        let mut admission = Admission::new(error_codes_max, account_label);
        let mut events = EventSeries::new(restored.series, &mut admission);
        for account in accounts.iter().take(if account_label { usize::MAX } else { 1 }) {
            for code in codes {
                events.create(ErrorCode::Code(*code), &account.sid, &mut admission);
            }
        }
        families.series_limit.set(error_codes_max as u64);
        families.series.set(admission.len() as u64);
        let metrics = Self {
            families,
            events: Mutex::new(events),
            affected: Mutex::new(Affected::new(ESTIMATES_MAX)),
            together: RwLock::new(()),
            zero_first,
            account_label,
            started: Instant::now(),
        };
        metrics.know_keys(accounts);
        (metrics, admission)
    }

    /// Creates the series of every configured key at 0; again after a reload.
    pub fn know_keys(&self, accounts: &[Account]) {
        for account in accounts {
            for position in 0..account.auth_tokens.len() {
                let key = KeyName { account_sid: account.sid.clone(), position };
                self.families.add(&[CounterRow::signing_key_used(&key, 0)]);
            }
        }
    }

    /// The families, for gauges and histograms that stand alone.
    #[must_use]
    pub fn families(&self) -> &Families {
        &self.families
    }

    /// Counts a group of events that is on disk. `admitted` is how many codes have been admitted by now.
    pub fn count(&self, gains: Gains, admitted: usize) {
        let _together = self.together.read().unwrap_or_else(PoisonError::into_inner);
        let mut events = self.events();
        let (mut affected, now) = (self.affected(), seconds(Timestamp::now()));
        for gain in gains.series {
            affected.note(gain.labels.level, &gain.labels.error_code, &gain.touched, now);
            events.count(gain);
        }
        drop((events, affected));
        self.families.series.set(admitted as u64);
        let misfits = self.families.add(&gains.counters);
        debug_assert!(misfits.is_empty(), "{misfits:?}");
        for delay in gains.delays {
            self.families.event_delay.observe(delay);
        }
    }

    /// Counts a request by the status that is sent (three digits), and by its reason if it was refused.
    pub fn answered(&self, status: &str, refused: Option<RejectionReason>) {
        let _together = self.together.read().unwrap_or_else(PoisonError::into_inner);
        self.families.counter(DurableCounter::Requests).with_label_values(&[status]).inc();
        if let Some(reason) = refused {
            self.families.counter(DurableCounter::Rejected).with_label_values(&[reason.as_str()]).inc();
        }
    }

    /// Counts records the collector took, once the cursor is synced.
    pub fn otlp_delivered(&self, records: u64) {
        self.families.counter(DurableCounter::OtlpRecords).with_label_values(NO_LABELS).inc_by(records);
        self.families.otlp_last_success.set(seconds(Timestamp::now()));
    }

    /// Counts failed requests; for [`OtlpFailure::PartialSuccess`], records.
    pub fn otlp_failed(&self, class: OtlpFailure, count: u64) {
        self.families.counter(DurableCounter::OtlpFailures).with_label_values(&[class.as_str()]).inc_by(count);
    }

    /// Creates the series of every account's backfill at 0; again after a reload.
    pub fn know_backfilled(&self, accounts: &[Account]) {
        for account in accounts {
            for class in BackfillFailure::ALL {
                self.families.add(&[CounterRow::backfill_failures(&account.sid, *class, 0)]);
            }
        }
    }

    /// Counts a failure of an account's backfill.
    pub fn backfill_failed(&self, account: &AccountSid, class: BackfillFailure) {
        self.families.add(&[CounterRow::backfill_failures(account, class, 1)]);
    }

    /// Notes that an account's alerts have been read as far as they should be.
    pub fn backfill_succeeded(&self, account: &AccountSid, at: Timestamp) {
        self.families.backfill_last_success.with_label_values(&[account.as_str()]).set(seconds(at));
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

    /// The metrics page for `viewer`, in the text format 0.0.4; `counters` come from [`Self::durable_counters`], names of codes from
    /// `catalogue`.
    #[must_use]
    pub fn render(&self, viewer: Viewer, counters: &[MetricFamily], catalogue: &Catalogue) -> String {
        let (events, info) = {
            let mut events = self.events();
            let samples = events.view(viewer);
            (exposition::event_families(&samples, self.account_label), exposition::code_info(&samples, catalogue))
        };
        let affected = self.affected().estimates(seconds(Timestamp::now()));
        let affected = exposition::affected_family(&affected);
        exposition::text(
            events
                .into_iter()
                .chain(info)
                .chain(affected)
                .chain(counters.iter().cloned())
                .chain(self.families.fleeting()),
        )
    }

    fn affected(&self) -> MutexGuard<'_, Affected> {
        self.affected.lock().unwrap_or_else(PoisonError::into_inner)
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
