//! The metric families that the `prometheus` crate keeps: their names, their help, their labels.
//!
//! The README's table is checked against a live scrape, so a metric added here must be added there.

use prometheus::core::Collector;
use prometheus::process_collector::ProcessCollector;
use prometheus::proto::{MetricFamily, MetricType};
use prometheus::{Gauge, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

use super::CounterRow;
use super::labels::{OtlpFailure, RejectionReason, STATUS_CODES};
use crate::event::Source;
use crate::level::Level;
use crate::quarantine::QuarantineReason;

/// Every family but the two of events by code.
#[derive(Debug)]
#[allow(missing_docs, reason = "each is documented by its help text below")]
pub struct Families {
    pub accepted: IntCounterVec,
    pub requests: IntCounterVec,
    pub rejected: IntCounterVec,
    pub duplicates: IntCounterVec,
    pub quarantined: IntCounterVec,
    pub signing_key_used: IntCounterVec,
    pub series_overflow: IntCounter,
    pub otlp_records: IntCounter,
    pub otlp_failures: IntCounterVec,
    pub event_delay: Histogram,
    pub request_duration: Histogram,
    pub requests_in_flight: IntGauge,
    pub series: IntGauge,
    pub series_limit: IntGauge,
    pub store_events: IntGauge,
    pub store_bytes: IntGauge,
    pub store_bytes_max: IntGauge,
    pub store_oldest_event: Gauge,
    pub otlp_last_success: Gauge,
    pub otlp_up: IntGauge,
    pub reload_successful: IntGauge,
    pub reload_success_time: Gauge,
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
        let counter = |name: &str, help: &str| IntCounter::new(exporter(name), help).expect("a constant, valid name");
        let counters = |name: String, help: &str, labels: &[&str]| {
            IntCounterVec::new(Opts::new(name, help), labels).expect("constant, valid names")
        };
        let gauge = |name: &str, help: &str| IntGauge::new(exporter(name), help).expect("a constant, valid name");
        let time = |name: &str, help: &str| Gauge::new(exporter(name), help).expect("a constant, valid name");
        let histogram = |name: String, help: &str, buckets: &[f64]| {
            Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets.to_vec())).expect("constant buckets")
        };
        let families = Self {
            accepted: counters(
                "twilio_debugger_accepted_events_total".into(),
                "Debugging Events stored for the first time, by input.",
                &["level", "source"],
            ),
            requests: counters(exporter("requests_total"), "Requests to the webhook listener, by status.", &["code"]),
            rejected: counters(exporter("rejected_total"), "Requests refused, by reason.", &["reason"]),
            duplicates: counters(
                exporter("duplicates_total"),
                "Deliveries of an event that was stored before, by input.",
                &["source"],
            ),
            quarantined: counters(
                exporter("quarantined_total"),
                "Entries put into quarantine, by reason; otlp_rejected ones had been accepted before.",
                &["reason"],
            ),
            signing_key_used: counters(
                exporter("signing_key_used_total"),
                "Deliveries whose signature a key has matched, by account and place in the configuration.",
                &["account_sid", "key"],
            ),
            series_overflow: counter("series_overflow_total", "Events counted under error_code=\"overflow\"."),
            otlp_records: counter("otlp_records_total", "Log records that the OTLP endpoint has taken."),
            otlp_failures: counters(
                exporter("otlp_failures_total"),
                "Failed OTLP requests, by class; for partial_success, records that the endpoint says it dropped.",
                &["class"],
            ),
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
            series: gauge("series", "Distinct error_code values in use, with account_label pairs of code and account."),
            series_limit: gauge("series_limit", "The most distinct values, metrics.error_codes_max."),
            store_events: gauge("store_events", "Events in the store, delivered ones included."),
            store_bytes: gauge("store_bytes", "Bytes the store uses."),
            store_bytes_max: gauge("store_bytes_max", "The most bytes the store may use, store.bytes_max."),
            store_oldest_event: time(
                "store_oldest_event_timestamp_seconds",
                "Time of receipt of the oldest event in the store; absent when there is none.",
            ),
            otlp_last_success: time(
                "otlp_last_success_timestamp_seconds",
                "Time the endpoint last took records; absent before the first.",
            ),
            otlp_up: gauge("otlp_up", "Whether the OTLP endpoint took or answered the last request well."),
            reload_successful: gauge("config_last_reload_successful", "Whether the last configuration load succeeded."),
            reload_success_time: time(
                "config_last_reload_success_timestamp_seconds",
                "Time of the last successful configuration load.",
            ),
            fleeting: Registry::new(),
        };
        families.create_known_series();
        families.register_fleeting(otlp_configured);
        families
    }

    /// The counters that survive a restart.
    pub(super) fn durable(&self) -> impl Iterator<Item = &dyn Collector> {
        let (vectors, plain) = self.durable_counters();
        let vectors = vectors.into_iter().map(|vector| vector as &dyn Collector);
        vectors.chain(plain.into_iter().map(|counter| counter as &dyn Collector))
    }

    /// The one list of them: those with labels, and those without.
    fn durable_counters(&self) -> ([&IntCounterVec; 7], [&IntCounter; 2]) {
        let vectors = [
            &self.accepted,
            &self.requests,
            &self.rejected,
            &self.duplicates,
            &self.quarantined,
            &self.signing_key_used,
            &self.otlp_failures,
        ];
        (vectors, [&self.series_overflow, &self.otlp_records])
    }

    /// Everything that starts anew with the process.
    pub(super) fn fleeting(&self) -> Vec<MetricFamily> {
        // A time that has not come yet is absent: `time() - 0` would be half a century of silence.
        let has_come = |family: &MetricFamily| {
            !family.name().ends_with("_timestamp_seconds")
                || family.get_metric().iter().any(|m| m.get_gauge().get_value() > 0.0)
        };
        self.fleeting.gather().into_iter().filter(has_come).collect()
    }

    /// Sets the durable counters to what the store kept; a row that fits none of them is of another version and is left.
    pub(super) fn restore(&self, rows: &[CounterRow]) {
        let (vectors, plain) = self.durable_counters();
        let name_of = |collector: &dyn Collector| collector.desc()[0].fq_name.clone();
        for row in rows {
            let labels: Vec<_> = row.labels.split('\n').collect();
            for vector in vectors.into_iter().filter(|vector| name_of(*vector) == row.metric) {
                if let Ok(counter) = vector.get_metric_with_label_values(&labels) {
                    counter.inc_by(row.value);
                }
            }
            for counter in plain.into_iter().filter(|counter| name_of(*counter) == row.metric) {
                counter.inc_by(row.value);
            }
        }
    }

    fn create_known_series(&self) {
        for source in Source::ALL {
            self.duplicates.with_label_values(&[source.as_str()]);
            for level in Level::ALL {
                self.accepted.with_label_values(&[level.as_str(), source.as_str()]);
            }
        }
        for code in STATUS_CODES {
            self.requests.with_label_values(&[code.to_string()]);
        }
        for reason in RejectionReason::ALL {
            self.rejected.with_label_values(&[reason.as_str()]);
        }
        for reason in QuarantineReason::ALL {
            self.quarantined.with_label_values(&[reason.as_str()]);
        }
        for class in OtlpFailure::ALL {
            self.otlp_failures.with_label_values(&[class.as_str()]);
        }
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
        register(Box::new(self.store_oldest_event.clone()));
        register(Box::new(self.reload_successful.clone()));
        register(Box::new(self.reload_success_time.clone()));
        if otlp_configured {
            register(Box::new(self.otlp_last_success.clone()));
            register(Box::new(self.otlp_up.clone()));
        }
        let opts = Opts::new("twilio_debugger_exporter_build_info", "Which build this is; always 1.");
        let build_info = IntGaugeVec::new(opts, &["version", "revision", "rustc"]).expect("constant, valid names");
        build_info.with_label_values(&[env!("CARGO_PKG_VERSION"), crate::BUILD_REVISION, crate::BUILD_RUSTC]).set(1);
        register(Box::new(build_info));
        register(Box::new(ProcessCollector::for_self()));
    }
}

/// The rows in which the store keeps a family of counters.
pub(super) fn rows_of(family: &MetricFamily) -> impl Iterator<Item = CounterRow> {
    debug_assert_eq!(family.get_field_type(), MetricType::COUNTER);
    family.get_metric().iter().map(|metric| {
        // The library sorts labels by name; the store keeps them in the order in which the family declares them, which is
        // the same for every family here.
        let labels: Vec<_> = metric.get_label().iter().map(prometheus::proto::LabelPair::value).collect();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count, exact up to 2^53")]
        let value = metric.get_counter().get_value() as u64;
        CounterRow { metric: family.name().to_owned(), labels: labels.join("\n"), value }
    })
}
