//! From an event to the engineer: the binary, its rules, a real Prometheus, a real Alertmanager, and a webhook that is told.
//!
//! What takes hours (windows, holds, gaps) is in `tests/grafana/promtool/`; here is what only running programs can show.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::{Duration, SystemTime};

use test_support::exporter::{Setup, binary};
use test_support::prometheus::with_each_release;
use test_support::{Alertmanager, Event, Exporter, Prometheus, Release, VictoriaMetrics, wait};

with_each_release!(
    a_first_ever_event_is_a_notification_within_two_scrapes_and_an_evaluation,
    what_is_over_is_told_as_resolved_and_a_crash_tells_nothing_again,
    a_prometheus_that_joins_late_fires_nothing,
    a_late_event_is_told_as_late_and_is_no_incident,
);

const ALERT: &str = "TwilioDebuggerErrorEvent";

/// Every rule there is, as the binary prints them for the job of the harness.
pub(crate) fn rules() -> String {
    rules_with(&[])
}

fn rules_with(arguments: &[&str]) -> String {
    let mut command = Command::new(binary());
    command.args(["rules", "--job", "exporter", "--with", "events,silence"]).args(arguments);
    let output = command.output().expect("the binary runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// An error that happens now.
fn event(number: u64, error_code: &str) -> Event {
    Event::new(number, error_code).with("Timestamp", &jiff::Timestamp::now().to_string())
}

fn seconds_since_1970(time: SystemTime) -> f64 {
    time.duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_secs_f64()
}

/// A code that nobody has ever seen comes once and never again, and somebody is told.
async fn a_first_ever_event_is_a_notification_within_two_scrapes_and_an_evaluation(release: Release) {
    const INTERVAL: Duration = Duration::from_secs(3);
    let exporter = Exporter::start().await;
    let alertmanager = Alertmanager::start().await;
    let prometheus = Prometheus::of(release).every(INTERVAL).evaluating(&rules()).notifying(&alertmanager);
    let prometheus = prometheus.scraping(&exporter).await;
    prometheus.scrapes(2).await;
    // Half-way between two scrapes: a moment of any kind, and one that leaves a busy machine half an interval.
    let age = "time() - timestamp(up)";
    prometheus.until(age, |age| age > INTERVAL.as_secs_f64() / 2.0).await;

    assert_eq!(exporter.post(&event(1, "11200")).await, Some(204));
    let posted = SystemTime::now();
    let notified = alertmanager.tells("firing", ALERT, "11200").await;

    // Exactly: of the scrapes since, the second shows the event.
    let posted_at = seconds_since_1970(posted);
    let scrapes: Vec<_> = prometheus.samples("up[1m]").await.into_iter().filter(|(at, _)| *at > posted_at).collect();
    let shown = prometheus.samples("twilio_debugger_events_total{error_code=\"11200\"}[1m]").await;
    let (shown_at, _) = shown.iter().find(|(_, count)| *count == 1.0).expect("the event is counted");
    assert!(*shown_at <= scrapes[1].0, "{scrapes:?} {shown:?}");
    // By the clock, the way through Alertmanager included.
    let took = notified.at.duration_since(posted).expect("after the event");
    assert!(took <= 3 * INTERVAL, "took {took:?}");

    let labels = &notified.alert["labels"];
    assert_eq!((&labels["severity"], &labels["priority"]), (&"warning".into(), &"high".into()), "{labels}");
    assert_eq!(labels["job"], "exporter");
    let annotations = &notified.alert["annotations"];
    assert!(annotations["description"].as_str().is_some_and(|text| text.contains("11200")), "{annotations}");
    let runbook = annotations["runbook_url"].as_str().expect("a runbook");
    assert!(runbook.ends_with(&format!("/{ALERT}.md")), "{runbook}");
    // It is new too, and nothing else is said of one event.
    alertmanager.tells("firing", "TwilioDebuggerNewErrorCode", "11200").await;
    prometheus.evaluations(2).await;
    let told = alertmanager.heard();
    assert_eq!(told.len(), 2, "{told:?}");
}

/// With seconds for the minutes of window and hold, whose real lengths `tests/grafana/promtool/` has.
async fn what_is_over_is_told_as_resolved_and_a_crash_tells_nothing_again(release: Release) {
    let mut exporter = Exporter::start().await;
    let alertmanager = Alertmanager::start().await;
    let hasty = rules().replace("5m]", "6s]").replace("offset 5m", "offset 6s").replace(": 10m", ": 3s");
    let hasty = hasty.replace("15m]", "6s]").replace("offset 15m", "offset 6s").replace(": 5m", ": 3s");
    let prometheus = Prometheus::of(release).evaluating(&hasty).notifying(&alertmanager).scraping(&exporter).await;
    prometheus.scrapes(2).await;
    assert_eq!(exporter.post(&event(1, "11200")).await, Some(204));
    let fired = alertmanager.tells("firing", ALERT, "11200").await;
    let resolved = alertmanager.tells("resolved", ALERT, "11200").await;
    let lasted = resolved.at.duration_since(fired.at).expect("after it fired");
    assert!(lasted >= Duration::from_secs(3), "held for {lasted:?}");

    alertmanager.tells("resolved", "TwilioDebuggerNewErrorCode", "11200").await;
    wait::until("everything to be over", || async { prometheus.alerts().await.is_empty().then_some(()) }).await;
    let told = || alertmanager.heard().iter().filter(|told| told.alert["labels"]["error_code"] == "11200").count();
    let told_before = told();
    exporter.process.kill();
    prometheus.until("up", |up| up == 0.0).await;
    exporter.start_again().await;
    prometheus.until("up", |up| up == 1.0).await;
    prometheus.scrapes(3).await;
    prometheus.evaluations(5).await;
    let alerts: Vec<_> = prometheus.alerts().await;
    assert!(alerts.is_empty(), "{alerts:?}");
    assert_eq!(told(), told_before);
}

/// A Prometheus is added, or comes back with an empty disk, when the counter stands at 500: history is no news.
async fn a_prometheus_that_joins_late_fires_nothing(release: Release) {
    let mut exporter = Setup::default().telemetry_everywhere().start().await;
    let joins = async |replica, exporter: &Exporter| {
        let prometheus = Prometheus::of(release).replica(replica).evaluating(&rules()).at_its_own_address();
        prometheus.scraping(exporter).await
    };
    let first = joins("a", &exporter).await;
    for number in 1..=500 {
        assert_eq!(exporter.post(&event(number, "11200")).await, Some(204));
    }
    first.sees("twilio_debugger_events_total{error_code=\"11200\"}", 500).await;
    first.until(&format!("ALERTS{{alertname=\"{ALERT}\",alertstate=\"firing\"}}"), |firing| firing == 1.0).await;
    // A series born in a process younger than five minutes starts at 0 for everybody; one from before does not.
    exporter.process.kill();
    exporter.start_again().await;

    let second = joins("b", &exporter).await;
    second.sees("twilio_debugger_events_total{error_code=\"11200\"}", 500).await;
    second.evaluations(6).await;
    let alerts = second.alerts().await;
    assert!(alerts.is_empty(), "{alerts:?}");
    // It is a full member from now on.
    assert_eq!(exporter.post(&event(501, "11200")).await, Some(204));
    second.until(&format!("ALERTS{{alertname=\"{ALERT}\",alertstate=\"firing\"}}"), |firing| firing == 1.0).await;
}

/// The name and the code of every alert that a Prometheus has.
async fn told(prometheus: &Prometheus) -> BTreeSet<(String, String)> {
    let label = |alert: &serde_json::Value, name: &str| alert["labels"][name].as_str().unwrap_or_default().to_owned();
    let alerts = prometheus.alerts().await;
    alerts.iter().map(|alert| (label(alert, "alertname"), label(alert, "error_code"))).collect()
}

/// Backfill finds what an outage has cost, of a code that everybody knows and of one that nobody has ever seen: both Prometheus of a
/// pair must see the late event beside the event, or one of them pages for what happened yesterday.
async fn a_late_event_is_told_as_late_and_is_no_incident(release: Release) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let thresholds = folder.path().join("thresholds.yaml");
    let entries = "- {level: error, window: 5m, threshold: 1, severity: critical}\n\
                   - {level: any, window: 24h, threshold: 1, severity: critical}\n\
                   - {code: each, level: error, window: 15m, threshold: 1, severity: critical}\n";
    std::fs::write(&thresholds, entries).expect("writable");
    let rules = rules_with(&["--thresholds", thresholds.to_str().expect("UTF-8")]);
    let mut exporter = Setup::default().telemetry_everywhere().start().await;
    let joins = async |replica, exporter: &Exporter| {
        let prometheus = Prometheus::of(release).replica(replica).evaluating(&rules).at_its_own_address();
        prometheus.scraping(exporter).await
    };
    // A code that is known when the pair begins: shown to somebody, and left behind by an earlier process.
    let before = joins("a", &exporter).await;
    for number in 1..=3 {
        assert_eq!(exporter.post(&event(number, "30007")).await, Some(204));
    }
    before.sees("twilio_debugger_events_total{error_code=\"30007\"}", 3).await;
    exporter.process.kill();
    exporter.start_again().await;
    let pair = [joins("b", &exporter).await, joins("c", &exporter).await];
    for replica in &pair {
        replica.sees("twilio_debugger_events_total{error_code=\"30007\"}", 3).await;
        replica.scrapes(2).await;
    }

    // Their Timestamp is months ago.
    assert_eq!(exporter.post(&Event::new(4, "30007")).await, Some(204));
    assert_eq!(exporter.post(&Event::new(5, "11200")).await, Some(204));
    let late = |code: &str| ("TwilioDebuggerLateEvents".to_owned(), code.to_owned());
    for replica in &pair {
        replica.sees("twilio_debugger_late_events_total{error_code=\"30007\"}", 1).await;
        replica.sees("twilio_debugger_late_events_total{error_code=\"11200\"}", 1).await;
        // What fires for one evaluation is held for minutes, and would be seen after these.
        replica.evaluations(4).await;
        assert_eq!(told(replica).await, [late(""), late("11200")].into());
    }

    // The next that is not late is an incident, and counted as one.
    assert_eq!(exporter.post(&event(6, "30007")).await, Some(204));
    for replica in &pair {
        let firing = format!("ALERTS{{alertname=\"{ALERT}\",alertstate=\"firing\"}}");
        replica.until(&firing, |firing| firing == 1.0).await;
        replica.evaluations(2).await;
        assert!(told(replica).await.contains(&("TwilioDebuggerEventsAboveThreshold".to_owned(), "30007".to_owned())));
    }
}

/// VictoriaMetrics counts the first sample of a series that it has not seen before, unless that is large: 3 would be a burst.
#[tokio::test]
async fn on_victoriametrics_the_first_event_is_a_notification_and_history_is_none() {
    let mut exporter = Exporter::start().await;
    let alertmanager = Alertmanager::start().await;
    for number in 1..=3 {
        assert_eq!(exporter.post(&event(number, "30007")).await, Some(204));
    }
    // Shown to somebody, and left behind by an earlier process: history.
    let prometheus = Prometheus::of(Release::Three).scraping(&exporter).await;
    prometheus.sees("twilio_debugger_events_total{error_code=\"30007\"}", 3).await;
    // It has VictoriaMetrics' address: the zero of a newborn series would go to one of the two.
    drop(prometheus);
    exporter.process.kill();
    exporter.start_again().await;

    let database = VictoriaMetrics::scraping(&exporter, &rules(), &alertmanager).await;
    database.evaluations(5).await;
    let alerts = database.alerts().await;
    assert!(alerts.is_empty(), "{alerts:?}");
    assert_eq!(exporter.post(&event(4, "11200")).await, Some(204));
    alertmanager.tells("firing", ALERT, "11200").await;
    alertmanager.tells("firing", "TwilioDebuggerNewErrorCode", "11200").await;
    let told = alertmanager.heard();
    assert_eq!(told.len(), 2, "{told:?}");
}
