//! The README's table of metrics against what is served: names, types and labels, in both directions.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use axum::Router;
use axum::http::header;
use regex::Regex;

use test_support::{Event, Exporter, Monitor, Scrape};

/// A metric's type and labels.
type Metrics = BTreeMap<String, (String, BTreeSet<String>)>;

/// What the README says, with or without the labels that are opt-in, which stand in brackets.
fn documented(readme: &str, opt_in: bool) -> Metrics {
    let name = Regex::new("`([a-zA-Z0-9_*]+)`").expect("a pattern");
    let brackets = Regex::new(r"\([^)]*\)").expect("a pattern");
    let rows = readme.lines().skip_while(|line| *line != "## Metrics").skip(1);
    let rows = rows.take_while(|line| !line.starts_with("## ")).filter(|line| line.starts_with('|'));
    let mut metrics = Metrics::new();
    for row in rows {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let [_, names, kind, labels, ..] = cells[..] else { panic!("a row of three cells or more: {row}") };
        let labels = if opt_in { labels.into() } else { brackets.replace_all(labels, "") };
        let labels: BTreeSet<_> = name.captures_iter(&labels).map(|found| found[1].to_owned()).collect();
        // `gauge, 1` is a gauge.
        let kind = kind.split([',', ' ']).next().unwrap_or_default().to_owned();
        for found in name.captures_iter(names) {
            let known = metrics.insert(found[1].to_owned(), (kind.clone(), labels.clone()));
            assert!(known.is_none(), "{} stands in two rows", &found[1]);
        }
    }
    metrics
}

/// What is served. The standard `process_` metrics are the client library's, and one row.
fn served(page: &Scrape) -> Metrics {
    let label = Regex::new(r#"([a-z_]+)=""#).expect("a pattern");
    let types = page.text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let mut metrics: Metrics =
        types.map(|(name, kind)| (name.to_owned(), (kind.to_owned(), BTreeSet::new()))).collect();
    for series in page.samples.keys() {
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let of_histogram = || ["_bucket", "_sum", "_count"].iter().find_map(|part| name.strip_suffix(part));
        let family = if metrics.contains_key(name) { name } else { of_histogram().expect("a sample of a family") };
        let (kind, known) = metrics.get_mut(family).expect("a family");
        let labels = label.captures_iter(labels).map(|found| found[1].to_owned());
        known.extend(labels.filter(|label| kind != "histogram" || label != "le"));
    }
    let (process, mut ours): (Metrics, Metrics) =
        metrics.into_iter().partition(|(name, _)| name.starts_with("process_"));
    assert!(!process.is_empty(), "the standard process metrics");
    ours.insert("process_*".to_owned(), (String::new(), BTreeSet::new()));
    ours
}

/// A collector that takes everything: an empty answer is a full success.
pub(crate) async fn collector() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let take = || async { ([(header::CONTENT_TYPE, "application/x-protobuf")], "") };
    let router = Router::new().fallback(take);
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

async fn page_with_everything(metrics: &str) -> Scrape {
    let collector = collector().await;
    let monitor = Monitor::start();
    let yaml =
        format!("{metrics}\n{}\notlp: {{endpoint: \"{collector}\", protocol: http/protobuf}}", backfill(&monitor));
    let exporter = Exporter::with(&yaml).start().await;
    assert_eq!(exporter.post(&Event::new(1, "11200")).await, Some(204));
    // Some of it is about the last hour alone.
    let now = Event::new(2, "11200").with("Timestamp", &jiff::Timestamp::now().to_string());
    assert_eq!(exporter.post(&now).await, Some(204));
    exporter.metric_is("twilio_debugger_exporter_otlp_records_total", 2.0).await;
    backfilled(&exporter).await
}

/// Turns backfill on.
pub(crate) fn backfill(monitor: &Monitor) -> String {
    format!("backfill: {{enabled: true, url: '{}', interval: 1s}}", monitor.url())
}

/// The page once that round is over.
pub(crate) async fn backfilled(exporter: &Exporter) -> Scrape {
    test_support::wait::until("the first round of backfill", || async {
        let page = exporter.try_metrics().await?;
        (page.sum("twilio_debugger_exporter_backfill_last_success_timestamp_seconds") > 0.0).then_some(page)
    })
    .await
}

fn assert_same(documented: &Metrics, served: &Metrics) {
    let process = |(name, _): &(&String, _)| name.as_str() != "process_*";
    for (name, found) in served.iter().filter(process) {
        assert_eq!(documented.get(name), Some(found), "{name}: the README against the page");
    }
    let only_documented: Vec<_> = documented.keys().filter(|name| !served.contains_key(*name)).collect();
    assert!(only_documented.is_empty(), "in the README and not on the page: {only_documented:?}");
    assert!(documented.contains_key("process_*"), "the README names the standard process metrics");
}

/// People write alerts from the README: a name that is not served there is an alert that never fires.
#[tokio::test]
async fn the_readmes_table_is_what_is_served() {
    let readme = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(&readme).expect("README.md");
    assert_same(&documented(&readme, false), &served(&page_with_everything("").await));
    let labelled = page_with_everything("metrics: {account_label: true}").await;
    assert_same(&documented(&readme, true), &served(&labelled));
}

/// A reader of tables that reads nothing would agree with everything.
#[test]
fn the_table_is_read() {
    let readme = "## Metrics\n\nText.\n\n| metric | type | labels | meaning |\n| --- | --- | --- | --- |\n\
                  | `a_total` | counter | `x`, `y` (opt-in: `z`) | `not_this` |\n| `b`, `c` | gauge, 1 | – | |\n\n## Next\n\n\
                  | `d` | gauge | | |\n";
    let metric = |kind: &str, labels: &[&str]| {
        (kind.to_owned(), labels.iter().map(|label| (*label).to_owned()).collect::<BTreeSet<_>>())
    };
    let expected =
        [("a_total", metric("counter", &["x", "y"])), ("b", metric("gauge", &[])), ("c", metric("gauge", &[]))];
    assert_eq!(documented(readme, false), expected.map(|(name, metric)| (name.to_owned(), metric)).into());
    assert_eq!(documented(readme, true)["a_total"], metric("counter", &["x", "y", "z"]));
}
