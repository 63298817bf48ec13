//! The metric families that the `prometheus` crate keeps: their names, their help, their labels.
//!
//! The README's table is checked against a live scrape, so a metric added here must be added there.

use prometheus::core::{AtomicU64, Collector, Desc, GenericGauge};
use prometheus::process_collector::ProcessCollector;
use prometheus::proto::{MetricFamily, MetricType};
use prometheus::{Gauge, GaugeVec, Histogram, HistogramOpts, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

use super::durable::{CounterRow, DurableCounter};
use super::labels::{OtlpFailure, RejectionReason, STATUS_CODES};
use crate::event::Source;
use crate::intake::Ignored;
use crate::level::Level;
use crate::quarantine::QuarantineReason;

/// A gauge of what cannot be negative.
type UIntGauge = GenericGauge<AtomicU64>;

/// Every family but the two of events by code.
#[derive(Debug)]
#[allow(missing_docs, reason = "each is documented by its help text below")]
pub struct Families {
    pub event_delay: Histogram,
    pub request_duration: Histogram,
    pub requests_in_flight: IntGauge,
    pub series: UIntGauge,
    pub series_limit: UIntGauge,
    pub store_events: UIntGauge,
    pub store_bytes: UIntGauge,
    pub store_bytes_max: UIntGauge,
    pub store_oldest_event: Gauge,
    pub otlp_last_success: Gauge,
    pub otlp_up: IntGauge,
    pub backfill_last_success: GaugeVec,
    pub reload_successful: IntGauge,
    pub reload_success_time: Gauge,
    /// In the order of [`DurableCounter::ALL`].
    durable: Vec<IntCounterVec>,
    fleeting: Registry,
}

/// Upper bounds of the delay between Twilio's time and ours, in seconds.
const DELAY_BUCKETS: [f64; 11] = [0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 86400.0];

/// Upper bounds of the time a webhook request takes, in seconds.
const DURATION_BUCKETS: [f64; 11] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0];

impl Families {
    /// Creates every family; those of log export's state only when `otlp_configured`.
    pub(super) fn new(otlp_configured: bool) -> Self {
        let exporter = |name: &str| format!("twilio_debugger_exporter_{name}");
        let counters = |counter: DurableCounter| {
            IntCounterVec::new(Opts::new(counter.name(), counter.help()), counter.label_names())
                .expect("constant, valid names")
        };
        let gauge = |name: &str, help: &str| IntGauge::new(exporter(name), help).expect("a constant, valid name");
        let size = |name: &str, help: &str| UIntGauge::new(exporter(name), help).expect("a constant, valid name");
        let time = |name: &str, help: &str| Gauge::new(exporter(name), help).expect("a constant, valid name");
        let histogram = |name: String, help: &str, buckets: &[f64]| {
            Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets.to_vec())).expect("constant buckets")
        };
        let families = Self {
            event_delay: histogram(
                "twilio_debugger_event_delay_seconds".into(),
                "Time from Twilio's Timestamp of an event to its receipt.",
                &DELAY_BUCKETS,
            ),
            request_duration: histogram(
                exporter("request_duration_seconds"),
                "Time from a request's header to its answer.",
                &DURATION_BUCKETS,
            ),
            requests_in_flight: gauge("requests_in_flight", "Requests to the webhook listener being answered."),
            series: size("series", "Distinct error_code values in use, with account_label pairs of code and account."),
            series_limit: size("series_limit", "The most distinct values, metrics.error_codes_max."),
            store_events: size("store_events", "Events in the store, delivered ones included."),
            store_bytes: size("store_bytes", "Bytes the store uses."),
            store_bytes_max: size("store_bytes_max", "The most bytes the store may use, store.bytes_max."),
            store_oldest_event: time(
                "store_oldest_event_timestamp_seconds",
                "Time of receipt of the oldest event in the store; absent when there is none.",
            ),
            otlp_last_success: time(
                "otlp_last_success_timestamp_seconds",
                "Time the endpoint last took records; absent before the first.",
            ),
            otlp_up: gauge("otlp_up", "Whether the OTLP endpoint took or answered the last request well."),
            backfill_last_success: GaugeVec::new(
                Opts::new(
                    exporter("backfill_last_success_timestamp_seconds"),
                    "Time an account's alerts were last read as far as they should be; absent before the first.",
                ),
                &["account_sid"],
            )
            .expect("constant, valid names"),
            reload_successful: gauge("config_last_reload_successful", "Whether the last configuration load succeeded."),
            reload_success_time: time(
                "config_last_reload_success_timestamp_seconds",
                "Time of the last successful configuration load.",
            ),
            durable: DurableCounter::ALL.iter().copied().map(counters).collect(),
            fleeting: Registry::new(),
        };
        families.create_known_series();
        families.register_fleeting(otlp_configured);
        families
    }

    /// A family of counters that survives a restart.
    pub(super) fn counter(&self, counter: DurableCounter) -> &IntCounterVec {
        &self.durable[counter as usize]
    }

    /// All of them.
    pub(super) fn durable(&self) -> impl Iterator<Item = &IntCounterVec> {
        self.durable.iter()
    }

    /// Everything that starts anew with the process.
    pub(super) fn fleeting(&self) -> Vec<MetricFamily> {
        self.fleeting.gather()
    }

    /// Adds to the counters that survive a restart, or sets new ones to what the store kept; gives the rows that fit no family.
    pub(super) fn add<'a>(&self, rows: &'a [CounterRow]) -> Vec<&'a CounterRow> {
        let counter_of = |row: &CounterRow| {
            let counter = DurableCounter::ALL.iter().find(|counter| counter.name() == row.metric)?;
            self.counter(*counter).get_metric_with_label_values(&row.label_values()).ok()
        };
        let misfit = |row: &&CounterRow| match counter_of(row) {
            Some(counter) => {
                counter.inc_by(row.value);
                false
            }
            None => true,
        };
        rows.iter().filter(misfit).collect()
    }

    fn create_known_series(&self) {
        let create = |counter, labels: &[&str]| drop(self.counter(counter).with_label_values(labels));
        for source in Source::ALL.iter().map(|source| source.as_str()) {
            create(DurableCounter::Received, &[source]);
            create(DurableCounter::Duplicates, &[source]);
            for level in Level::ALL {
                create(DurableCounter::Accepted, &[level.as_str(), source]);
            }
            for reason in QuarantineReason::ALL {
                create(DurableCounter::Quarantined, &[reason.as_str(), source]);
            }
            for reason in Ignored::ALL {
                create(DurableCounter::Ignored, &[reason.as_str(), source]);
            }
        }
        for code in STATUS_CODES {
            create(DurableCounter::Requests, &[&code.to_string()]);
        }
        for reason in RejectionReason::ALL {
            create(DurableCounter::Rejected, &[reason.as_str()]);
        }
        for class in OtlpFailure::ALL {
            create(DurableCounter::OtlpFailures, &[class.as_str()]);
        }
        for level in Level::ALL {
            create(DurableCounter::Missed, &[level.as_str()]);
        }
        create(DurableCounter::SeriesOverflow, &[]);
        create(DurableCounter::OtlpRecords, &[]);
    }

    fn register_fleeting(&self, otlp_configured: bool) {
        let register = |collector: Box<dyn Collector>| self.fleeting.register(collector).expect("each name once");
        register(Box::new(self.event_delay.clone()));
        register(Box::new(self.request_duration.clone()));
        register(Box::new(self.requests_in_flight.clone()));
        register(Box::new(self.series.clone()));
        register(Box::new(self.series_limit.clone()));
        register(Box::new(self.store_events.clone()));
        register(Box::new(self.store_bytes.clone()));
        register(Box::new(self.store_bytes_max.clone()));
        register(Box::new(OnceKnown(self.store_oldest_event.clone())));
        register(Box::new(self.backfill_last_success.clone()));
        register(Box::new(self.reload_successful.clone()));
        register(Box::new(OnceKnown(self.reload_success_time.clone())));
        if otlp_configured {
            register(Box::new(OnceKnown(self.otlp_last_success.clone())));
            register(Box::new(self.otlp_up.clone()));
        }
        let opts = Opts::new("twilio_debugger_exporter_build_info", "Which build this is; always 1.");
        let build_info = IntGaugeVec::new(opts, &["version", "revision", "rustc"]).expect("constant, valid names");
        build_info.with_label_values(&[env!("CARGO_PKG_VERSION"), crate::BUILD_REVISION, crate::BUILD_RUSTC]).set(1);
        register(Box::new(build_info));
        register(Box::new(ProcessCollector::for_self()));
    }
}

/// A time that is absent until it has come: `time() - 0` would be half a century of silence.
struct OnceKnown(Gauge);

impl Collector for OnceKnown {
    fn desc(&self) -> Vec<&Desc> {
        self.0.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        if self.0.get() > 0.0 { self.0.collect() } else { Vec::new() }
    }
}

/// The rows in which the store keeps a family of counters.
pub(super) fn rows_of(family: &MetricFamily) -> impl Iterator<Item = CounterRow> {
    debug_assert_eq!(family.get_field_type(), MetricType::COUNTER);
    family.get_metric().iter().map(|metric| {
        // Sorted by name, as the family declares them.
        let labels: Vec<_> = metric.get_label().iter().map(prometheus::proto::LabelPair::value).collect();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count, exact up to 2^53")]
        let value = metric.get_counter().get_value() as u64;
        CounterRow { metric: family.name().to_owned(), labels: labels.join("\n"), value }
    })
}
