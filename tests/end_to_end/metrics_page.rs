//! The metrics page as a whole: every metric is there, from the first scrape, well-formed, and no counter ever falls.

use std::io::Write as _;
use std::process::{Command, Stdio};

use test_support::process::tool;
use test_support::{ACCOUNT, Event, Exporter, Scrape};

/// Metrics that exist before anything has happened, with how many series each.
const FROM_THE_START: [(&str, usize); 27] = [
    ("twilio_debugger_accepted_events_total", 15),
    ("twilio_debugger_event_delay_seconds_count", 1),
    ("twilio_debugger_exporter_received_total", 3),
    ("twilio_debugger_exporter_requests_total", 10),
    ("twilio_debugger_exporter_rejected_total", 13),
    ("twilio_debugger_exporter_duplicates_total", 3),
    ("twilio_debugger_exporter_quarantined_total", 12),
    ("twilio_debugger_exporter_ignored_total", 9),
    ("twilio_debugger_exporter_request_duration_seconds_count", 1),
    ("twilio_debugger_exporter_requests_in_flight", 1),
    ("twilio_debugger_exporter_signing_key_used_total", 1),
    ("twilio_debugger_exporter_series", 1),
    ("twilio_debugger_exporter_series_limit", 1),
    ("twilio_debugger_exporter_series_overflow_total", 1),
    ("twilio_debugger_exporter_store_events", 1),
    ("twilio_debugger_exporter_store_bytes", 1),
    ("twilio_debugger_exporter_store_bytes_max", 1),
    ("twilio_debugger_exporter_otlp_records_total", 1),
    ("twilio_debugger_exporter_otlp_failures_total", 7),
    ("twilio_debugger_exporter_otlp_up", 1),
    ("twilio_debugger_exporter_config_last_reload_successful", 1),
    ("twilio_debugger_exporter_config_last_reload_success_timestamp_seconds", 1),
    ("twilio_debugger_exporter_build_info", 1),
    ("process_cpu_seconds_total", 1),
    ("process_resident_memory_bytes", 1),
    ("process_open_fds", 1),
    ("process_start_time_seconds", 1),
];

/// Metrics of something that has to happen first: a time that has not come is absent, for `time() - 0` is half a century.
const FROM_THE_FIRST_EVENT: [&str; 4] = [
    "twilio_debugger_events_total",
    "twilio_debugger_late_events_total",
    "twilio_debugger_last_event_timestamp_seconds",
    "twilio_debugger_exporter_store_oldest_event_timestamp_seconds",
];

/// An endpoint that nobody listens on: log export is on, and all of its metrics are there.
const OTLP: &str = "otlp: {endpoint: \"http://127.0.0.1:9\"}";

/// What `promtool check metrics` says of a page; nothing when it is clean.
pub(crate) fn lint(page: &Scrape) -> String {
    let mut promtool = Command::new(tool("promtool"))
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool, which `make tools` installs");
    promtool.stdin.take().expect("piped").write_all(page.text.as_bytes()).expect("promtool reads");
    let output = promtool.wait_with_output().expect("promtool ends");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    if output.status.success() { said } else { format!("{}: {said}", output.status) }
}

fn series_of<'a>(page: &'a Scrape, name: &'a str) -> impl Iterator<Item = (&'a String, f64)> {
    let of_name = move |series: &str| series.split('{').next() == Some(name);
    page.samples.iter().filter(move |(series, _)| of_name(series)).map(|(series, value)| (series, *value))
}

/// Posts one of everything that the store has a say in: accepted, a duplicate, two quarantined, three refused.
async fn one_of_everything(exporter: &Exporter, number: u64) {
    let event = Event::new(number, "11200");
    for _ in 0..2 {
        assert_eq!(exporter.post(&event).await, Some(204));
    }
    let bad_payload = Event::new(number + 1, "11200").with("Payload", "no JSON");
    let bad_grammar = Event::new(number + 2, "11200").without("Sid");
    for quarantined in [bad_payload, bad_grammar] {
        assert_eq!(exporter.post(&quarantined).await, Some(204));
    }
    assert_eq!(exporter.post_signed(&event, "bm9uc2Vuc2U=").await, Some(403));
    let stranger = Event::new(number + 3, "11200").with("AccountSid", "AC99999999999999999999999999999999");
    assert_eq!(exporter.post(&stranger).await, Some(403));
    let elsewhere = exporter.client.get(format!("http://{}/robots.txt", exporter.webhook)).send().await;
    assert_eq!(elsewhere.expect("an answer").status(), 404);
}

/// An alert on `increase(…) > 0` of a series that appears with its first value never fires.
#[tokio::test]
async fn every_series_known_in_advance_is_there_from_the_first_scrape() {
    let page = Exporter::with(OTLP).start().await.metrics().await;
    for (name, series) in FROM_THE_START {
        assert_eq!(series_of(&page, name).count(), series, "{name}");
        let starts_at_zero = name.ends_with("_total") && !name.starts_with("process_") || name.ends_with("_count");
        // The endpoint that nobody listens on may have been tried already.
        if starts_at_zero && !name.contains("otlp_failures") {
            assert!(series_of(&page, name).all(|(_, value)| value == 0.0), "{name} starts at 0");
        }
    }
    for name in FROM_THE_FIRST_EVENT {
        assert_eq!(series_of(&page, name).count(), 0, "{name} has not come yet");
    }
    assert_eq!(page.get("twilio_debugger_exporter_series_limit"), Some(1000.0));
    assert_eq!(page.get("twilio_debugger_exporter_config_last_reload_successful"), Some(1.0));
    let key = format!("twilio_debugger_exporter_signing_key_used_total{{account_sid=\"{ACCOUNT}\",key=\"0\"}}");
    assert_eq!(page.get(&key), Some(0.0));
    assert_eq!(lint(&page), "");
}

/// The page is read by tools that refuse all of it for one bad line.
#[tokio::test]
async fn the_page_of_an_exporter_that_has_seen_everything_is_clean() {
    let exporter = Exporter::with(OTLP).start().await;
    one_of_everything(&exporter, 1).await;
    exporter.metric_is("twilio_debugger_exporter_store_events", 1.0).await;
    let page = exporter.metrics().await;
    assert_eq!(lint(&page), "");
    page.assert_adds_up();
    for name in FROM_THE_FIRST_EVENT.into_iter().chain(FROM_THE_START.map(|(name, _)| name)) {
        assert!(series_of(&page, name).next().is_some(), "{name}");
    }
    assert_eq!(page.sum("twilio_debugger_exporter_received_total"), 4.0);
    assert_eq!(page.sum("twilio_debugger_exporter_requests_total"), 7.0);
    assert_eq!(page.sum("twilio_debugger_accepted_events_total"), 1.0);
    assert_eq!(page.sum("twilio_debugger_exporter_duplicates_total"), 1.0);
    assert_eq!(page.sum("twilio_debugger_exporter_quarantined_total"), 2.0);
    assert_eq!(page.sum("twilio_debugger_exporter_rejected_total"), 3.0);
    assert_eq!(page.sum("twilio_debugger_event_delay_seconds_count"), 1.0);
    // 2026-01-02T03:04:05.678Z, which is when Twilio says it happened.
    let last = "twilio_debugger_last_event_timestamp_seconds{error_code=\"11200\",level=\"error\"}";
    assert_eq!(page.get(last), Some(1_767_323_045.678));
}

/// What a scrape has shown must be on disk: a counter that falls at a crash is a reset, and counts everything twice.
#[tokio::test]
async fn no_counter_falls_at_a_crash() {
    let mut exporter = Exporter::start().await;
    let mut before = exporter.metrics().await;
    for round in 0..5 {
        one_of_everything(&exporter, round * 10).await;
        let shown = exporter.metrics().await;
        exporter.process.kill();
        exporter.start_again().await;
        let after = exporter.metrics().await;
        for (earlier, later) in [(&before, &shown), (&shown, &after)] {
            let counters = earlier.samples.iter().filter(|(series, _)| {
                let name = series.split('{').next().unwrap_or_default();
                name.starts_with("twilio_") && name.ends_with("_total")
            });
            for (series, value) in counters {
                let now = later.get(series).unwrap_or_else(|| panic!("{series} has gone"));
                assert!(now >= *value, "{series} fell from {value} to {now}");
            }
        }
        after.assert_adds_up();
        assert_eq!(lint(&after), "");
        before = after;
    }
    assert_eq!(before.sum("twilio_debugger_events_total"), 5.0);
}
