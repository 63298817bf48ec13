//! The same rules on VictoriaMetrics, whose `increase()` differs: it counts the first sample of a series too.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use jiff::Timestamp;

use crate::bench::{Bench, tool_path, unit_tests};
use test_support::Port;
use test_support::process::Process;

#[test]
fn vmalert_reads_every_rule_file() {
    let bench = Bench::new();
    for file in bench.rule_files() {
        bench.passes("vmalert", &["-dryRun", &format!("-rule={file}")]);
    }
}

/// The files are those of promtool: what Prometheus does, VictoriaMetrics does.
#[test]
fn every_unit_test_passes_in_victoriametrics() {
    let bench = Bench::new();
    for test in unit_tests() {
        let said = bench.passes("vmalert-tool", &["unittest", "-disableAlertgroupLabel", "--files", &test]);
        assert!(said.contains("SUCCESS"), "{test}: {said}");
    }
}

/// A running VictoriaMetrics.
struct VictoriaMetrics {
    address: SocketAddr,
    client: reqwest::Client,
    _process: Process,
    _port: Port,
    _dir: tempfile::TempDir,
}

impl VictoriaMetrics {
    async fn start() -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let port = Port::reserve();
        let address = port.address();
        let mut command = Command::new(tool_path("victoria-metrics"));
        command
            .arg(format!("-storageDataPath={}", dir.path().display()))
            .arg(format!("-httpListenAddr={address}"))
            // What it would keep for itself on a machine of its own.
            .arg("-memory.allowedBytes=64MiB");
        let mut process = Process::start(&mut command);
        process.line_with("started VictoriaMetrics in").await;
        // Another test may have done so already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        Self { address, client, _process: process, _port: port, _dir: dir }
    }

    /// Stores samples in Prometheus' text format, with their times in milliseconds.
    async fn import(&self, samples: String) {
        let url = format!("http://{}/api/v1/import/prometheus", self.address);
        let answer = self.client.post(url).body(samples).send().await.expect("an answer");
        assert_eq!(answer.status(), 204);
        self.flush().await;
    }

    /// Makes what was stored visible to queries.
    async fn flush(&self) {
        let url = format!("http://{}/internal/force_flush", self.address);
        assert!(self.client.get(url).send().await.expect("an answer").status().is_success());
    }

    /// The error codes for which an alert has fired at any time of these hours; empty for one that is about none.
    async fn fired(&self, alert: &str, from: Timestamp, to: Timestamp) -> BTreeSet<String> {
        let selector = format!("ALERTS{{alertname=\"{alert}\",alertstate=\"firing\"}}");
        let selector = percent_encoding::utf8_percent_encode(&selector, percent_encoding::NON_ALPHANUMERIC);
        let (from, to) = (from.as_second(), to.as_second());
        let url = format!("http://{}/api/v1/series?match[]={selector}&start={from}&end={to}", self.address);
        let answer = self.client.get(url).send().await.expect("an answer").text().await.expect("a body");
        let answer: serde_json::Value = serde_json::from_str(&answer).expect("JSON");
        let series = answer["data"].as_array().unwrap_or_else(|| panic!("no list: {answer}"));
        series.iter().map(|labels| labels["error_code"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

/// One sample every fifteen seconds of an hour. `value` gives it by the minute, and nothing where there was no scrape.
fn hour(from: Timestamp, series: &str, value: impl Fn(u32) -> Option<u32>) -> String {
    let mut samples = String::new();
    for scrape in 0..240_u32 {
        if let Some(value) = value(scrape / 4) {
            let at = from.as_millisecond() + i64::from(scrape) * 15_000;
            writeln!(samples, "{series} {value} {at}").expect("a string");
        }
    }
    samples
}

/// An hour of an exporter's life that is over, through the real vmalert: it asks a real VictoriaMetrics as it does every minute,
/// and writes there what fires.
#[tokio::test]
async fn of_an_hour_of_first_events_and_old_counters_the_first_events_alone_fire() {
    let database = VictoriaMetrics::start().await;
    let to = Timestamp::now() - Duration::from_mins(10);
    let from = to - Duration::from_hours(1);
    let counter = |instance: &str, code: &str| {
        let labels =
            format!("job=\"twilio-debugger-exporter\",instance=\"{instance}\",level=\"error\",error_code=\"{code}\"");
        format!("twilio_debugger_events_total{{{labels}}}")
    };
    let late = |code: &str| counter("a", code).replace("_events_total", "_late_events_total");
    let process = |instance: &str| {
        format!("process_start_time_seconds{{job=\"twilio-debugger-exporter\",instance=\"{instance}\"}}")
    };
    let always = |value| move |_| Some(value);
    let since = |start, value| move |minute| (minute >= start).then_some(value);
    // From the eleventh minute to the twentieth nobody scrapes.
    let gap = |value| move |minute: u32| (!(11..=20).contains(&minute)).then_some(value);
    let samples = [
        hour(from, &process("a"), always(1000)),
        // A first event that is shown at 0 first, and one that is not.
        hour(from, &counter("a", "11200"), |minute| (minute >= 30).then_some(u32::from(minute > 30))),
        hour(from, &counter("a", "13224"), since(30, 1)),
        // One more of a code that is old.
        hour(from, &counter("a", "30007"), |minute| Some(if minute < 30 { 500 } else { 501 })),
        // Old counters: unmoved; after a gap; at a Prometheus that joins late; kept over a restart; under a new instance label.
        hour(from, &counter("a", "50001"), always(500)),
        hour(from, &process("gap"), gap(1000)),
        hour(from, &counter("gap", "50002"), gap(7)),
        hour(from, &process("late"), since(30, 1000)),
        hour(from, &counter("late", "50003"), since(30, 500)),
        hour(from, &counter("late", "50004"), since(30, 3)),
        hour(from, &process("restart"), |minute| (minute != 30).then_some(if minute < 30 { 1000 } else { 2000 })),
        hour(from, &counter("restart", "50005"), |minute| (minute != 30).then_some(500)),
        hour(from, &process("new"), since(30, 2000)),
        hour(from, &counter("new", "50001"), since(30, 9)),
        // What comes late: of a code that is old, and of one that is not.
        hour(from, &counter("a", "50006"), |minute| Some(if minute < 30 { 500 } else { 900 })),
        hour(from, &late("50006"), |minute| Some(if minute < 30 { 0 } else { 400 })),
        hour(from, &counter("a", "50007"), |minute| (minute >= 30).then_some(if minute > 30 { 400 } else { 0 })),
        hour(from, &late("50007"), |minute| (minute >= 30).then_some(if minute > 30 { 400 } else { 0 })),
    ];
    database.import(samples.concat()).await;

    let bench = Bench::new();
    let url = format!("http://{}", database.address);
    for rules in ["events.rules.yaml", "insights.rules.yaml", "thresholds.rules.yaml"] {
        let output = bench.passes(
            "vmalert",
            &[
                &format!("-rule={rules}"),
                &format!("-datasource.url={url}"),
                &format!("-remoteWrite.url={url}"),
                "-notifier.blackhole",
                &format!("-replay.timeFrom={from:.0}"),
                &format!("-replay.timeTo={to:.0}"),
                "-replay.rulesDelay=0s",
                "-replay.disableProgressBar",
            ],
        );
        assert!(output.contains("replay evaluation finished"), "{output}");
    }
    database.flush().await;
    let codes = |codes: &[&str]| codes.iter().map(|code| (*code).to_owned()).collect::<BTreeSet<_>>();
    let events = database.fired("TwilioDebuggerErrorEvent", from, to).await;
    assert_eq!(events, codes(&["11200", "13224", "30007"]));
    let new = database.fired("TwilioDebuggerNewErrorCode", from, to).await;
    assert_eq!(new, codes(&["11200", "13224"]));
    // No threshold of three is reached by one event each, but that of all codes together by these three.
    let thresholds = database.fired("TwilioDebuggerEventsAboveThreshold", from, to).await;
    assert_eq!(thresholds, codes(&[""]));
    let late = database.fired("TwilioDebuggerLateEvents", from, to).await;
    assert_eq!(late, codes(&["", "50007"]));
}
