//! Every metric, label and label value that a query names, against what an exporter serves.
//!
//! A misspelt name is no error to Prometheus: the query has no series, and the alert never fires. The queries are taken apart by
//! Prometheus itself, whose parser is the only one that is right by definition.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use regex::Regex;
use serde_json::Value;

use super::metrics_table::{backfill, backfilled, collector};
use test_support::exporter::binary;
use test_support::{Event, Exporter, Monitor, Prometheus, Release, Scrape};

/// The labels that a target has, whatever it serves.
const TARGET_LABELS: [&str; 2] = ["job", "instance"];

/// The labels whose values nobody knows in advance.
const OPEN_LABELS: [&str; 4] = ["job", "instance", "error_code", "account_sid"];

/// What is served: the labels of every series, by metric.
type Served = BTreeMap<String, Vec<BTreeMap<String, String>>>;

/// A metric that a query selects, with its matchers: label, operator, value.
struct Selector {
    metric: String,
    matchers: Vec<(String, String, String)>,
}

/// Panics unless every query, given with the place where it stands, parses and names only what is served.
pub(crate) async fn assert_served(queries: &[(String, String)]) {
    let faults = faults(queries).await;
    assert!(faults.is_empty(), "{faults:#?}");
}

/// What is wrong with the queries, a sentence each.
async fn faults(queries: &[(String, String)]) -> Vec<String> {
    assert!(!queries.is_empty(), "no queries");
    let exporter = exporter_with_everything().await;
    let served = served(&exporter.metrics().await);
    let prometheus = Prometheus::of(Release::Three).scraping(&exporter).await;
    let mut faults = Vec::new();
    for (place, query) in queries {
        let found = match prometheus.parse(query).await {
            Ok(tree) => faults_of(&tree, &served),
            Err(error) => vec![error],
        };
        faults.extend(found.into_iter().map(|fault| format!("{place}: {fault} in {query}")));
    }
    faults
}

/// An exporter that serves each of its metrics, with the opt-in label and both levels.
async fn exporter_with_everything() -> Exporter {
    let collector = collector().await;
    let monitor = Monitor::start();
    let yaml = format!(
        "metrics: {{account_label: true}}\n{}\notlp: {{endpoint: \"{collector}\", protocol: http/protobuf}}",
        backfill(&monitor)
    );
    let exporter = Exporter::with(&yaml).start().await;
    let events = [Event::new(1, "11200"), Event::new(2, "30007").with("Level", "WARNING")];
    for event in &events {
        assert_eq!(exporter.post(event).await, Some(204));
    }
    exporter.metric_is("twilio_debugger_exporter_otlp_records_total", 2.0).await;
    backfilled(&exporter).await;
    exporter
}

fn served(page: &Scrape) -> Served {
    let label = Regex::new(r#"([a-z_]+)="([^"]*)""#).expect("a pattern");
    let mut served = Served::new();
    // What Prometheus itself notes of a target.
    served.insert("up".to_owned(), vec![BTreeMap::new()]);
    for series in page.samples.keys() {
        let (metric, labels) = series.split_once('{').unwrap_or((series, ""));
        let labels = label.captures_iter(labels).map(|found| (found[1].to_owned(), found[2].to_owned()));
        served.entry(metric.to_owned()).or_default().push(labels.collect());
    }
    served
}

fn faults_of(tree: &Value, served: &Served) -> Vec<String> {
    let mut faults = Vec::new();
    let mut selectors = Vec::new();
    collect(tree, served, &mut selectors, &mut faults);
    if selectors.is_empty() {
        faults.push("no metric".to_owned());
    }
    faults.extend(selectors.iter().flat_map(|selector| faults_of_selector(selector, served)));
    faults
}

/// Walks the tree, checks the labels of aggregations and joins against the metrics below them, and gives all selectors.
fn collect(tree: &Value, served: &Served, selectors: &mut Vec<Selector>, faults: &mut Vec<String>) -> BTreeSet<String> {
    let mut labels = BTreeSet::new();
    let children: Vec<&Value> = match tree {
        Value::Array(list) => list.iter().collect(),
        Value::Object(node) => node.values().collect(),
        _ => return labels,
    };
    if let Some(matchers) = tree["matchers"].as_array() {
        let selector = selector(tree["name"].as_str().unwrap_or_default(), matchers);
        labels.extend(TARGET_LABELS.map(str::to_owned));
        labels.extend(served.get(&selector.metric).into_iter().flatten().flat_map(|series| series.keys().cloned()));
        selectors.push(selector);
        return labels;
    }
    for child in children {
        labels.extend(collect(child, served, selectors, faults));
    }
    if let Some("label_replace" | "label_join") = tree["func"]["name"].as_str() {
        labels.extend(tree["args"][1]["val"].as_str().map(str::to_owned));
    }
    let lists = [&tree["grouping"], &tree["matching"]["labels"], &tree["matching"]["include"]];
    for label in lists.into_iter().filter_map(Value::as_array).flatten().filter_map(Value::as_str) {
        if !labels.contains(label) {
            faults.push(format!("no metric below has the label {label}"));
        }
    }
    labels
}

fn selector(name: &str, matchers: &[Value]) -> Selector {
    let text = |matcher: &Value, key: &str| matcher[key].as_str().unwrap_or_default().to_owned();
    let matchers =
        matchers.iter().map(|matcher| (text(matcher, "name"), text(matcher, "type"), text(matcher, "value")));
    let (names, matchers): (Vec<_>, Vec<_>) = matchers.partition(|(label, ..)| label == "__name__");
    let metric = if name.is_empty() {
        names.first().map(|(.., value)| value.clone()).unwrap_or_default()
    } else {
        name.to_owned()
    };
    Selector { metric, matchers }
}

fn faults_of_selector(selector: &Selector, served: &Served) -> Vec<String> {
    let metric = &selector.metric;
    let Some(series) = served.get(metric) else { return vec![format!("{metric} is not served")] };
    let mut faults = Vec::new();
    for (label, operator, value) in &selector.matchers {
        let values: Vec<_> = series.iter().filter_map(|labels| labels.get(label)).collect();
        if values.is_empty() && !TARGET_LABELS.contains(&label.as_str()) {
            faults.push(format!("{metric} has no label {label}"));
        } else if !OPEN_LABELS.contains(&label.as_str()) && !operator.starts_with('!') {
            faults.extend(
                missing(value, operator == "=~", &values).map(|value| format!("{metric} has no {label}={value:?}")),
            );
        }
    }
    faults
}

/// The first part of a matcher's value that no series has: of an alternative of words each must be there.
fn missing(wanted: &str, is_pattern: bool, values: &[&String]) -> Option<String> {
    let is_words = wanted.chars().all(|c| c.is_ascii_alphanumeric() || "_|".contains(c));
    if is_pattern && !is_words {
        let pattern = Regex::new(&format!("^(?:{wanted})$")).expect("a pattern of RE2");
        return (!values.iter().any(|value| pattern.is_match(value))).then(|| wanted.to_owned());
    }
    let mut words = if is_pattern { wanted.split('|').collect() } else { vec![wanted] }.into_iter();
    words.find(|word| !values.iter().any(|value| value == word)).map(str::to_owned)
}

/// The rules as a user gets them, with every group and every form of a threshold.
fn rules() -> Vec<(String, String)> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let list = folder.path().join("thresholds.yaml");
    let entries = "- {level: any, window: 5m, threshold: 1, severity: critical}\n\
                   - {code: \"11200\", level: error, window: 15m, threshold: 5, severity: warning}\n\
                   - {code: each, level: warning, window: 1h, threshold: 5, severity: warning}\n";
    std::fs::write(&list, entries).expect("writable");
    let mut command = Command::new(binary());
    let output = command.args(["rules", "--with", "events,silence", "--thresholds"]).arg(list).output();
    let text = String::from_utf8(output.expect("the binary starts").stdout).expect("text");
    let file: Value = serde_saphyr::from_str(&text).expect("YAML");
    let groups = file["groups"].as_array().expect("groups").iter();
    let rules = groups.flat_map(|group| group["rules"].as_array().expect("rules"));
    let text = |rule: &Value, key: &str| rule[key].as_str().expect("text").to_owned();
    rules.map(|rule| (text(rule, "alert"), text(rule, "expr"))).collect()
}

#[tokio::test]
async fn every_rule_names_only_what_is_served() {
    let rules = rules();
    assert_eq!(rules.len(), 24);
    assert_served(&rules).await;
}

/// A check that finds nothing would agree with everything.
#[tokio::test]
async fn a_name_that_is_not_served_is_found() {
    let wrong = [
        ("rate(twilio_debugger_event_total[5m])", "twilio_debugger_event_total is not served"),
        ("up{job=\"x\"} and {__name__=\"upp\"}", "upp is not served"),
        ("twilio_debugger_events_total{code=\"11200\"}", "twilio_debugger_events_total has no label code"),
        ("sum by (job, reason) (twilio_debugger_events_total)", "no metric below has the label reason"),
        ("up * on (host) group_left () up", "no metric below has the label host"),
        (
            "twilio_debugger_exporter_rejected_total{reason=~\"bad_signature|unknown_acount\"}",
            "twilio_debugger_exporter_rejected_total has no reason=\"unknown_acount\"",
        ),
        ("twilio_debugger_events_total{level=\"ERROR\"}", "twilio_debugger_events_total has no level=\"ERROR\""),
        ("twilio_debugger_exporter_requests_total{code=~\"6..\"}", "has no code=\"6..\""),
        ("vector(1)", "no metric"),
        ("sum(", "parse error"),
    ];
    let queries = wrong.map(|(query, _)| (query.to_owned(), query.to_owned()));
    let faults = faults(&queries).await;
    assert_eq!(faults.len(), wrong.len(), "{faults:#?}");
    for (fault, (query, said)) in faults.iter().zip(wrong) {
        assert!(fault.starts_with(query) && fault.contains(said), "{said}: {fault}");
    }
    let right = "label_replace(up, \"host\", \"$1\", \"instance\", \"(.*):.*\")";
    let right = format!(
        "sum by (host) ({right}) > 0 or sum by (host) (rate(twilio_debugger_exporter_requests_total{{code=~\"2..\"}}[5m]) * on (instance) group_left (host) {right})"
    );
    assert_served(&[("a label that the query makes".to_owned(), right)]).await;
}
