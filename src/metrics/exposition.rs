//! The metrics page: families put together, sorted by name, in Prometheus' text format.

use std::collections::BTreeSet;

use prometheus::TextEncoder;
use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};

use super::affected::Estimated;
use super::event_series::Sample;
use super::series_labels::SeriesLabels;
use crate::catalogue::{About, Catalogue};
use crate::error_code::ErrorCode;

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

/// What is known of the codes that have series, so that a dashboard can have a name beside a number: one series for each `error_code`
/// there is, also for those that stand for no code, so that a join loses nothing. None without a series.
pub(super) fn code_info(samples: &[Sample<'_>], catalogue: &Catalogue) -> Option<MetricFamily> {
    let codes: BTreeSet<&str> = samples.iter().map(|sample| sample.labels.error_code.as_str()).collect();
    let info = |code: &str| {
        let About { title, product, docs_url } = catalogue.about(ErrorCode::from_label(code));
        let mut gauge = Gauge::default();
        gauge.set_value(1.0);
        let mut metric = Metric::from_label(vec![
            pair("docs_url", docs_url.as_deref().unwrap_or_default()),
            pair("error_code", code),
            pair("product", product.unwrap_or_default()),
            pair("title", title.unwrap_or_default()),
        ]);
        metric.set_gauge(gauge);
        metric
    };
    let series: Vec<_> = codes.into_iter().map(info).collect();
    let help = "What is known of each error code that has been seen, empty where nothing is; always 1.";
    (!series.is_empty()).then(|| family("twilio_debugger_error_code_info", help, MetricType::GAUGE, series))
}

/// How many things are affected, by level and code; none while nothing is.
pub(super) fn affected_family(estimates: &[Estimated]) -> Option<MetricFamily> {
    let series = estimates.iter().map(|Estimated { level, error_code, resources }| {
        let mut gauge = Gauge::default();
        gauge.set_value(*resources);
        let mut metric = Metric::from_label(vec![pair("error_code", error_code), pair("level", level.as_str())]);
        metric.set_gauge(gauge);
        metric
    });
    let series: Vec<_> = series.collect();
    let help =
        "Estimate of the distinct resources that the events of the last hour are about; starts empty with the process.";
    (!series.is_empty()).then(|| family("twilio_debugger_affected_resources", help, MetricType::GAUGE, series))
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
    let account = account_label.then(|| pair("account_sid", &labels.account_sid));
    let rest = [pair("error_code", &labels.error_code), pair("level", labels.level.as_str())];
    account.into_iter().chain(rest).collect()
}

fn pair(name: &str, value: &str) -> LabelPair {
    let mut pair = LabelPair::default();
    pair.set_name(name.to_owned());
    pair.set_value(value.to_owned());
    pair
}

/// Encodes families in the order of their names. One without series, of a part that is not in use, is left out: the encoder has none.
pub(super) fn text(families: impl Iterator<Item = MetricFamily>) -> String {
    let mut families: Vec<_> = families.filter(|family| !family.get_metric().is_empty()).collect();
    families.sort_by(|a, b| a.name().cmp(b.name()));
    for family in families.iter_mut().filter(|family| family.get_field_type() != MetricType::HISTOGRAM) {
        let values =
            |metric: &Metric| metric.get_label().iter().map(|pair| pair.value().to_owned()).collect::<Vec<_>>();
        family.mut_metric().sort_by_cached_key(values);
    }
    TextEncoder::new().encode_to_string(&families).expect("names, labels and types are fixed at compile time")
}

#[cfg(test)]
mod tests {
    use super::{Sample, code_info, text};
    use crate::catalogue::Catalogue;
    use crate::level::Level;
    use crate::metrics::SeriesLabels;

    /// A dashboard multiplies with this family: what has no partner there would vanish from it.
    #[test]
    fn every_code_with_a_series_has_one_partner() {
        let list = r#"[{"code": 13224, "message": "say \"hello\"", "product": "Programmable Voice"}]"#;
        let catalogue = Catalogue::parse(list).expect("a list");
        let labels = |level, code: &str| SeriesLabels { level, error_code: code.into(), account_sid: String::new() };
        let series: Vec<_> = ["13224", "30007", "90001", "none", "invalid", "overflow"]
            .iter()
            .flat_map(|code| [labels(Level::Error, code), labels(Level::Warning, code)])
            .collect();
        let samples: Vec<_> =
            series.iter().map(|labels| Sample { labels, value: 0, late: 0, last_event: None }).collect();
        let page = text(code_info(&samples, &catalogue).into_iter());
        for line in [
            r#"{docs_url="https://www.twilio.com/docs/api/errors/13224",error_code="13224",product="Programmable Voice",title="say \"hello\""} 1"#,
            r#"{docs_url="",error_code="30007",product="Messaging",title=""} 1"#,
            r#"{docs_url="",error_code="90001",product="",title=""} 1"#,
            r#"{docs_url="",error_code="none",product="",title=""} 1"#,
            r#"{docs_url="",error_code="invalid",product="",title=""} 1"#,
            r#"{docs_url="",error_code="overflow",product="",title=""} 1"#,
        ] {
            assert!(page.contains(line), "{line} in:\n{page}");
        }
        assert_eq!(page.lines().filter(|line| !line.starts_with('#')).count(), 6, "{page}");
        assert!(code_info(&[], &catalogue).is_none());
    }
}
