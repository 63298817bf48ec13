//! The dashboards over real data: every query of every panel, variable and annotation runs in a real Prometheus that scraped the
//! real binary, or, as it is in LogsQL, in a real VictoriaLogs that has its log records, and finds what was fed.

mod answers;
mod feed;

use std::collections::{BTreeMap, BTreeSet};

use answers::{Range, Row};
use feed::{SUBACCOUNT, World, now};
use test_support::logsql::{Finds, equivalents};
use test_support::loki;
use test_support::queries::{self, Kind, Language, Query, dashboards};

/// What finds nothing in these few seconds, and when it would: so many seconds later, the feed being the past then.
const OF_THE_PAST: [(&str, Later); 4] = [
    // Wants events both in the range and before it: see `the_range_before_is_told_apart`.
    ("twilio-debugger-overview / What fails / B", Later::Never),
    ("twilio-debugger-code / Before / A", Later::ByTheRange),
    ("twilio-debugger-code / Now, a day ago, a week ago / B", Later::By(24 * 3600)),
    ("twilio-debugger-code / Now, a day ago, a week ago / C", Later::By(7 * 24 * 3600)),
];

/// What is empty without `metrics.account_label`.
const OF_THE_LABEL: [&str; 2] =
    ["twilio-debugger-overview / variable / account_sid", "twilio-debugger-code / variable / account_sid"];

#[derive(Debug, Clone, Copy)]
enum Later {
    By(u64),
    ByTheRange,
    Never,
}

fn all_queries() -> Vec<Query> {
    dashboards().values().flat_map(queries::of).collect()
}

fn query(place: &str) -> Query {
    all_queries().into_iter().find(|query| query.place == place).unwrap_or_else(|| panic!("there is no {place}"))
}

/// The rows' values by a label; 0 is not kept, as a panel does not draw it.
fn by(label: &str, rows: &[Row]) -> BTreeMap<String, f64> {
    rows.iter().filter(|row| row.value != 0.0).map(|row| (row.label(label).to_owned(), row.value)).collect()
}

fn map<const N: usize>(entries: [(&str, f64); N]) -> BTreeMap<String, f64> {
    entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

#[tokio::test]
async fn every_query_finds_what_was_fed() {
    let world = World::new(false).await;
    let range = Range { from: world.from, to: now() };
    every_query_answers(&world, range, false).await;
    the_counts_are_right(&world, range).await;
    the_times_are_right(&world, range).await;
    the_range_before_is_told_apart(&world, range).await;
    the_logs_are_right(&world, range).await;
    the_records_are_as_log_stores_want_them(&world, range).await;
}

#[tokio::test]
async fn with_the_account_label_every_name_is_in_a_scrape() {
    let world = World::new(true).await;
    let range = Range { from: world.from, to: now() };
    every_query_answers(&world, range, true).await;
    every_name_is_in_a_scrape(&world, range).await;
    // One account chosen.
    let chosen = range.variables().with("account_sid", SUBACCOUNT);
    let codes = world.run(&query("twilio-debugger-overview / What fails / A"), range, &chosen).await;
    assert_eq!(by("error_code", &codes), map([("11200", 1.0), ("32009", 1.0)]));
    let accounts = world.run(&query("twilio-debugger-overview / For whom: accounts / A"), range, &chosen).await;
    assert_eq!(by("twilio_account_sid", &accounts), map([(SUBACCOUNT, 2.0)]));
}

async fn every_query_answers(world: &World, range: Range, account_label: bool) {
    for query in all_queries() {
        // The drill-down has one code.
        let code = if query.place.starts_with("twilio-debugger-code") { "11200" } else { ".*" };
        let of = |range: Range| range.variables().with("error_code", code);
        let rows = world.run(&query, range, &of(range)).await;
        let later = OF_THE_PAST.iter().find(|(place, _)| *place == query.place).map(|(_, later)| *later);
        if let Some(later) = later {
            assert!(rows.is_empty(), "{} finds {rows:?}: it need not be an exception", query.place);
            let later = match later {
                Later::By(seconds) => range.later(seconds),
                Later::ByTheRange => range.later(range.to - range.from),
                Later::Never => continue,
            };
            assert!(!world.run(&query, later, &of(later)).await.is_empty(), "{} finds nothing later", query.place);
        } else {
            let is_empty = !account_label && OF_THE_LABEL.contains(&query.place.as_str());
            assert_eq!(rows.is_empty(), is_empty, "{} finds {rows:?}\n{}", query.place, of(range).fill(&query));
        }
    }
}

async fn the_counts_are_right(world: &World, range: Range) {
    let all = range.variables();
    let one_code = range.variables().with("error_code", "11200");
    for (place, expected) in [
        ("twilio-debugger-overview / Errors / A", 7.0),
        ("twilio-debugger-overview / Warnings / A", 3.0),
        ("twilio-debugger-overview / Codes failing / A", 4.0),
        ("twilio-debugger-overview / Are we seeing everything? / A", 1.0),
        ("twilio-debugger-overview / Are we seeing everything? / B", 1.0),
        ("twilio-debugger-exporter / Configuration / A", 1.0),
        ("twilio-debugger-exporter / Refused / A", 3.0),
        ("twilio-debugger-exporter / Quarantined / A", 1.0),
        ("twilio-debugger-exporter / Restarts / A", 1.0),
    ] {
        let rows = world.run(&query(place), range, &all).await;
        assert_eq!(rows.iter().map(|row| row.value).collect::<Vec<_>>(), [expected], "{place}");
    }
    let codes = world.run(&query("twilio-debugger-overview / What fails / A"), range, &all).await;
    let expected = map([("11200", 6.0), ("30007", 2.0), ("32009", 1.0), ("none", 1.0)]);
    assert_eq!(by("error_code", &codes), expected);
    assert_eq!(by("title", &codes)["HTTP retrieval failure"], 6.0, "where it is known: {codes:?}");
    assert_eq!(by("product", &codes).into_keys().collect::<Vec<_>>(), ["", "Messaging", "SIP", "Webhooks"]);
    let levels = world.run(&query("twilio-debugger-code / Events / A"), range, &one_code).await;
    assert_eq!(by("level", &levels), map([("error", 6.0)]));
    let share = world.run(&query("twilio-debugger-code / Share of all events / A"), range, &one_code).await;
    assert_eq!(share[0].value, 0.6);
    let late = world.run(&query("twilio-debugger-overview / Late events by code, top 10 / A"), range, &all).await;
    assert_eq!(late.iter().map(|row| row.label("error_code")).collect::<Vec<_>>(), ["32009"]);
    // Levels and codes can be chosen.
    let warnings = range.variables().with("level", "warning|info");
    let codes = world.run(&query("twilio-debugger-overview / What fails / A"), range, &warnings).await;
    assert_eq!(by("error_code", &codes), map([("30007", 2.0), ("32009", 1.0)]));
    let errors = world.run(&query("twilio-debugger-overview / Errors / A"), range, &warnings).await;
    assert_eq!(by("", &errors), map([]), "0, and not nothing: {errors:?}");
    assert_eq!(errors.len(), 1);
}

/// "Since when" and "last" are of the range, by Twilio's clock.
async fn the_times_are_right(world: &World, range: Range) {
    let (from, to) = (range.from as f64 * 1000.0, range.to as f64 * 1000.0);
    for [first, last] in [
        ["twilio-debugger-overview / First error in range / A", "twilio-debugger-overview / Last error / A"],
        ["twilio-debugger-overview / What fails / C", "twilio-debugger-overview / What fails / D"],
        ["twilio-debugger-code / First in range / A", "twilio-debugger-code / Last / A"],
    ] {
        let variables = range.variables().with("error_code", "11200");
        let first = world.run(&query(first), range, &variables).await[0].value;
        let last = world.run(&query(last), range, &variables).await[0].value;
        // The last one came after a restart.
        assert!(from < first && first + 1000.0 < last && last < to, "{from} < {first} < {last} < {to}");
    }
    // What failed before the range alone is not in it.
    let last_second = Range { from: range.to - 1, ..range };
    let table =
        world.run(&query("twilio-debugger-overview / What fails / C"), last_second, &last_second.variables()).await;
    assert!(table.is_empty(), "nothing happened in the last second: {table:?}");
}

/// Whether a code is new is seen from the range before.
async fn the_range_before_is_told_apart(world: &World, range: Range) {
    let second_half = Range { from: world.midway, ..range };
    let codes = async |query_of_table: &str| {
        let place = format!("twilio-debugger-overview / What fails / {query_of_table}");
        by("error_code", &world.run(&query(&place), second_half, &second_half.variables()).await)
    };
    assert_eq!(codes("A").await, map([("11200", 1.0)]));
    assert_eq!(codes("B").await, map([("11200", 5.0)]), "and nothing of codes that have not failed since");
}

async fn the_logs_are_right(world: &World, range: Range) {
    for entry in equivalents() {
        for place in &entry.places {
            let code = if place.starts_with("twilio-debugger-code") { "11200" } else { ".*" };
            let rows = world.run(&query(place), range, &range.variables().with("error_code", code)).await;
            let found = match &entry.finds {
                Finds::InAll(_) => Finds::InAll(rows.iter().map(|row| row.value).sum()),
                Finds::Each(_) => Finds::Each(rows.iter().map(|row| (row.only_label(), row.value)).collect()),
            };
            assert_eq!(found, entry.finds, "{place}: {rows:?}");
        }
    }
    let overview = |panel: &str| query(&format!("twilio-debugger-overview / {panel} / A"));
    let code = |panel: &str| query(&format!("twilio-debugger-code / {panel} / A"));
    let lines = async |query: &Query, name: &'static str, value: &str| {
        world.run(query, range, &range.variables().with(name, value)).await.len()
    };
    let logs = overview("Latest events");
    assert_eq!(lines(&logs, "search", "").await, 10);
    assert_eq!(lines(&logs, "level", "error").await, 7);
    assert_eq!(lines(&logs, "error_code", "30007|32009").await, 3);
    assert_eq!(lines(&logs, "error_code", "none").await, 1, "an event without a code is found under the metric's name");
    assert_eq!(lines(&logs, "account_sid", SUBACCOUNT).await, 2);
    assert_eq!(lines(&logs, "service_name", "another").await, 0);
    // The search is for whatever a line shows.
    for (search, found) in [("number 3", 1), ("example.com/voice", 1), ("30007", 2), ("CA0000", 2), ("nowhere", 0)] {
        assert_eq!(lines(&logs, "search", search).await, found, "{search}");
    }
    assert_eq!(lines(&code("Events of this code"), "error_code", "11200").await, 6);
}

/// A log store tells the level by the severity, shows the text, and keeps few streams: an attribute that made streams would make one
/// for each of its values.
async fn the_records_are_as_log_stores_want_them(world: &World, range: Range) {
    let rows = world.records("{service.name=\"twilio-debugger-exporter\"}", range).await;
    assert_eq!(rows.len(), 10);
    for row in &rows {
        // Loki takes so many, and makes its `detected_level` of the number.
        assert!(row.labels.len() < loki::ATTRIBUTES_MAX, "{row:?}");
        let (number, text) = if row.label("twilio_level") == "error" { ("17", "ERROR") } else { ("13", "WARN") };
        assert_eq!((row.label("severity_number"), row.label("severity_text")), (number, text), "{row:?}");
        assert!(row.label("log_record_uid").starts_with("NO"), "{row:?}");
        assert!(row.line.starts_with("Something failed, number "), "{row:?}");
    }
    let codes = world.records("* | stats count_uniq(service.name, twilio.error_code) as hits", range).await;
    assert_eq!(codes[0].value, 4.0, "the code is an attribute of each record");
    let streams = world.records("* | uniq by (_stream)", range).await;
    let version = env!("CARGO_PKG_VERSION");
    let stream = format!(
        "{{event_name=\"twilio.debugger.event\",service.name=\"twilio-debugger-exporter\",service.version=\"{version}\"}}"
    );
    assert_eq!(
        streams.iter().map(|row| row.label("_stream")).collect::<Vec<_>>(),
        [stream],
        "and no label of the stream"
    );
}

/// A panel over a metric or a label that has been renamed is empty, and looks like peace.
async fn every_name_is_in_a_scrape(world: &World, range: Range) {
    let variables = range.variables();
    let queries: Vec<_> = all_queries().into_iter().filter(|query| query.language == Language::PromQl).collect();
    let texts: Vec<_> = queries.iter().map(|query| (query.language, variables.fill(query))).collect();
    let mut names = BTreeSet::new();
    for (query, mut parsed) in queries.iter().zip(queries::parse(&texts)) {
        if let Kind::LabelValues(label) = &query.kind {
            parsed.labels.push(label.clone());
        }
        assert!(!parsed.metrics.is_empty() && !parsed.labels.is_empty(), "{}", query.place);
        let metrics = parsed.metrics.join("|");
        names.extend(parsed.metrics.iter().map(|metric| (metric.clone(), "job".to_owned())));
        names.extend(parsed.labels.into_iter().map(|label| (metrics.clone(), label)));
    }
    for (metrics, label) in names {
        let selector = format!("last_over_time({{__name__=~\"{metrics}\", {label}!=\"\"}}[1h])");
        let rows = world.instant(&format!("count({selector})"), range).await;
        assert!(!rows.is_empty(), "no scrape has had {metrics} with the label {label}");
    }
}
