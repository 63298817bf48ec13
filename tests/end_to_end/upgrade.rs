//! A store that a released version has written, and this one takes over: `tests/stores/`.

use std::path::{Path, PathBuf};
use std::process::Command;

use test_support::exporter::{Setup, binary};
use test_support::scripted::{Protocol, Reply, Scripted};
use test_support::{Event, Exporter, Scrape, wait};

/// Long enough for a store that grows older with the repository, and the number of codes that it was filled with.
const SETTINGS: &str = "store: {retention: 3650d, dedupe_window: 3650d}\nmetrics: {error_codes_max: 6}";

/// The folder of a version's store.
fn stored(version: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stores").join(version)
}

fn upgraded(version: &str) -> Setup {
    Exporter::with(SETTINGS).store(&stored(version).join("events.db"))
}

/// The last page that a Prometheus was shown of it.
fn shown(version: &str) -> Scrape {
    Scrape::parse(&std::fs::read_to_string(stored(version).join("metrics.txt")).expect("it is committed"))
}

/// The series as this version names it: 0.1.0 had one input, and quarantine did not say which.
fn renamed(series: &str) -> String {
    if series.starts_with("twilio_debugger_exporter_quarantined_total{") && !series.contains("source=") {
        series.replace("\"}", "\",source=\"webhook\"}")
    } else {
        series.to_owned()
    }
}

#[tokio::test]
async fn no_counter_of_0_1_0_falls() {
    let mut exporter = upgraded("0.1.0").start().await;
    for restart in [false, true] {
        if restart {
            assert_eq!(exporter.terminate().await.code(), Some(0));
            exporter.start_again().await;
        }
        let now = exporter.metrics().await;
        now.assert_adds_up();
        let counters = shown("0.1.0").samples.into_iter().filter(|(series, _)| {
            let name = series.split('{').next().unwrap_or_default();
            name.starts_with("twilio_") && name.ends_with("_total")
        });
        for (series, value) in counters {
            assert_eq!(now.get(&renamed(&series)), Some(value), "{series}, restart {restart}");
        }
        let received = "twilio_debugger_exporter_received_total{source=\"webhook\"}";
        assert_eq!(now.get(received), Some(88.0), "81 accepted, 5 duplicates and 2 in quarantine");
    }
    assert!(!exporter.process.output().contains("fits no metric"), "{}", exporter.process.output());
}

/// A counter that a later version knows, and this one does not: it must not vanish silently, nor from the store.
#[tokio::test]
async fn a_stored_counter_that_fits_no_metric_is_said() {
    let mut exporter = upgraded("0.1.0").start().await;
    assert_eq!(exporter.terminate().await.code(), Some(0));
    let database = exporter.data().join("events.db");
    let row = "twilio_debugger_of_another_version_total";
    let store = rusqlite::Connection::open(&database).expect("a database");
    store.execute("INSERT INTO counters VALUES (?1, 'a', 7)", [row]).expect("writes");
    store.close().expect("closes");
    exporter.start_again().await;
    let line = exporter.process.output();
    assert!(line.contains("ERROR") && line.contains("fits no metric") && line.contains(row), "{line}");
    assert_eq!(exporter.terminate().await.code(), Some(0));
    let store = rusqlite::Connection::open(&database).expect("a database");
    let kept = store.query_row("SELECT value FROM counters WHERE metric = ?1", [row], |row| row.get::<_, i64>(0));
    assert_eq!(kept, Ok(7));
}

#[tokio::test]
async fn what_0_1_0_has_seen_is_still_known() {
    let exporter = upgraded("0.1.0").start().await;
    let counted = exporter.metrics().await.sum("twilio_debugger_events_total");
    for number in 1..=81 {
        assert_eq!(exporter.post(&Event::new(number, "11200")).await, Some(204));
    }
    let now = exporter.metrics().await;
    assert_eq!(now.sum("twilio_debugger_events_total"), counted);
    assert_eq!(now.sum("twilio_debugger_exporter_duplicates_total"), 5.0 + 81.0);
    assert_eq!(exporter.post(&Event::new(82, "20002")).await, Some(204));
    let now = exporter.metrics().await;
    let overflow = "twilio_debugger_events_total{error_code=\"overflow\",level=\"error\"}";
    assert_eq!(now.get(overflow), Some(3.0), "the admitted codes stay admitted, and no other");
    now.assert_adds_up();
}

#[tokio::test]
async fn what_0_1_0_has_not_delivered_is_delivered_once() {
    let collector = Scripted::start(Protocol::Http, |_| Reply::Ok);
    let endpoint = format!("otlp: {{endpoint: \"{}\", protocol: http/protobuf}}", collector.endpoint());
    let exporter = upgraded("0.1.0").yaml(&endpoint).start().await;
    wait::until("the seven that were left", || async { (collector.taken().len() >= 7).then_some(()) }).await;
    assert_eq!(exporter.post(&Event::new(100, "11200")).await, Some(204));
    wait::until("the one that is new", || async { (collector.taken().len() >= 8).then_some(()) }).await;
    let taken = collector.taken();
    let expected = (75..=81).chain([100]).map(|number| (format!("NO{number:032x}"), 1));
    assert_eq!(taken, expected.collect());
}

#[tokio::test]
async fn what_0_1_0_has_kept_is_listed() {
    let exporter = upgraded("0.1.0").start().await;
    let listed = |arguments: &[&str]| {
        let output = Command::new(binary())
            .args(["events", "--json", "--store.dir"])
            .arg(exporter.data())
            .args(arguments)
            .output()
            .expect("it starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("JSON is text")
    };
    assert_eq!(listed(&["--limit", "1000"]).matches("\"kind\":\"event\"").count(), 81);
    let quarantined = listed(&["--quarantined"]);
    assert_eq!(quarantined.matches("otlp_rejected").count(), 2, "{quarantined}");
    assert!(quarantined.contains("bad_grammar") && quarantined.contains("bad_payload"), "{quarantined}");
    assert!(quarantined.matches("\"source\":\"webhook\"").count() >= 4, "{quarantined}");
}
