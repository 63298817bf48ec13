//! The metrics page: families put together, sorted by name, in Prometheus' text format.

use prometheus::TextEncoder;
use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};

use super::event_series::Sample;
use super::series_labels::SeriesLabels;

/// The families of events by code, as one viewer is shown them; none of a family without a series.
pub(super) fn event_families(samples: &[Sample<'_>], account_label: bool) -> Vec<MetricFamily> {
    let mut samples: Vec<_> = samples.iter().collect();
    samples.sort_unstable_by(|a, b| {
        (&a.labels.error_code, a.labels.level, &a.labels.account_sid).cmp(&(
            &b.labels.error_code,
            b.labels.level,
            &b.labels.account_sid,
        ))
    });
    let counter = |labels: &SeriesLabels, value: u64| {
        let mut counter = Counter::default();
        #[allow(clippy::cast_precision_loss, reason = "Prometheus' values are f64")]
        counter.set_value(value as f64);
        let mut metric = Metric::from_label(label_pairs(labels, account_label));
        metric.set_counter(counter);
        metric
    };
    let totals = family(
        "twilio_debugger_events_total",
        "Debugging Events, each Sid counted once.",
        MetricType::COUNTER,
        samples.iter().map(|sample| counter(sample.labels, sample.value)).collect(),
    );
    let late = family(
        "twilio_debugger_late_events_total",
        "Of twilio_debugger_events_total, those that were older than late_after when they arrived.",
        MetricType::COUNTER,
        samples.iter().map(|sample| counter(sample.labels, sample.late)).collect(),
    );
    let gauges = samples.iter().filter_map(|sample| {
        let mut gauge = Gauge::default();
        gauge.set_value(sample.last_event?);
        let mut metric = Metric::from_label(label_pairs(sample.labels, account_label));
        metric.set_gauge(gauge);
        Some(metric)
    });
    let times = family(
        "twilio_debugger_last_event_timestamp_seconds",
        "Time of the newest Debugging Event, by Twilio's Timestamp.",
        MetricType::GAUGE,
        gauges.collect(),
    );
    [totals, late, times].into_iter().filter(|family| !family.get_metric().is_empty()).collect()
}

fn family(name: &str, help: &str, field_type: MetricType, metrics: Vec<Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(name.to_owned());
    family.set_help(help.to_owned());
    family.set_field_type(field_type);
    family.set_metric(metrics);
    family
}

fn label_pairs(labels: &SeriesLabels, account_label: bool) -> Vec<LabelPair> {
    let pair = |name: &str, value: &str| {
        let mut pair = LabelPair::default();
        pair.set_name(name.to_owned());
        pair.set_value(value.to_owned());
        pair
    };
    let account = account_label.then(|| pair("account_sid", &labels.account_sid));
    let rest = [pair("error_code", &labels.error_code), pair("level", labels.level.as_str())];
    account.into_iter().chain(rest).collect()
}

/// Encodes families in the order of their names.
pub(super) fn text(families: impl Iterator<Item = MetricFamily>) -> String {
    let mut families: Vec<_> = families.collect();
    families.sort_by(|a, b| a.name().cmp(b.name()));
    for family in families.iter_mut().filter(|family| family.get_field_type() != MetricType::HISTOGRAM) {
        let values =
            |metric: &Metric| metric.get_label().iter().map(|pair| pair.value().to_owned()).collect::<Vec<_>>();
        family.mut_metric().sort_by_cached_key(values);
    }
    TextEncoder::new().encode_to_string(&families).expect("names, labels and types are fixed at compile time")
}
