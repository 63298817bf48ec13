//! The rules in Prometheus' own words: promtool reads them, lints them and runs their unit tests, that of release 2 and that of 3.
//!
//! The two differ in what a range holds: release 2 counts the sample on its left edge, release 3 does not.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::bench::{Bench, everything, said, unit_tests};
use crate::prometheus;
use crate::rendered::text;

const PROMTOOLS: [&str; 2] = ["promtool", "promtool3"];

/// A file of unit tests, as far as it says what is expected.
#[derive(Debug, Deserialize)]
struct UnitTests {
    tests: Vec<UnitTest>,
}

#[derive(Debug, Deserialize)]
struct UnitTest {
    alert_rule_test: Vec<Expectation>,
}

#[derive(Debug, Deserialize)]
struct Expectation {
    alertname: String,
    exp_alerts: Vec<ExpectedAlert>,
}

#[derive(Debug, Deserialize)]
struct ExpectedAlert {
    exp_labels: BTreeMap<String, String>,
}

fn expectations() -> Vec<Expectation> {
    let files = unit_tests().into_iter().map(|name| {
        let content = text(&format!("tests/grafana/promtool/{name}"));
        let file: UnitTests = serde_saphyr::from_str(&content).unwrap_or_else(|error| panic!("{name}: {error}"));
        file.tests
    });
    files.flatten().flat_map(|test| test.alert_rule_test).collect()
}

#[test]
fn every_rule_file_is_read_and_has_nothing_to_lint() {
    let bench = Bench::new();
    let files = bench.rule_files();
    assert_eq!(files.len(), 6, "{files:?}");
    let files: Vec<_> = files.iter().map(String::as_str).collect();
    for promtool in PROMTOOLS {
        let said = bench.passes(promtool, &[&["check", "rules", "--lint=all", "--lint-fatal"], &files[..]].concat());
        assert_eq!(said.matches("SUCCESS").count(), files.len(), "{said}");
    }
}

#[test]
fn every_unit_test_passes_in_prometheus_2_and_3() {
    let bench = Bench::new();
    let tests = unit_tests();
    for promtool in PROMTOOLS {
        for test in &tests {
            bench.passes(promtool, &["test", "rules", test]);
        }
    }
}

#[test]
fn every_alert_is_seen_to_fire_and_not_to_fire() {
    let expectations = expectations();
    let names = |fires: bool| -> BTreeSet<&str> {
        let found = expectations.iter().filter(|expectation| expectation.exp_alerts.is_empty() != fires);
        found.map(|expectation| expectation.alertname.as_str()).collect()
    };
    let everything = prometheus::parse(&everything());
    let alerts: BTreeSet<_> = everything.rules().map(|(_, rule)| rule.alert.as_str()).collect();
    assert_eq!(names(true), alerts, "fires");
    assert_eq!(names(false), alerts, "does not fire");
}

/// The alert of a threshold has as many rules as the list has entries, which only their labels tell apart.
#[test]
fn every_threshold_of_the_list_is_seen_to_fire() {
    let expectations = expectations();
    let seen: Vec<_> = expectations.iter().flat_map(|expectation| &expectation.exp_alerts).collect();
    let everything = prometheus::parse(&everything());
    let thresholds = everything.rules().filter(|(group, _)| *group == "twilio-debugger-thresholds");
    for (_, rule) in thresholds {
        let fires =
            |alert: &&ExpectedAlert| rule.labels.iter().all(|label| alert.exp_labels.get(label.0) == Some(label.1));
        assert!(seen.iter().any(fires), "{:?}", rule.labels);
    }
}

/// So what the unit tests say of errors holds of warnings.
#[test]
fn a_warning_is_counted_as_an_error_is() {
    let everything = prometheus::parse(&everything());
    let rule = |name: &str| everything.rules().find(|(_, rule)| rule.alert == name).expect("a rule").1;
    let (error, warning) = (rule("TwilioDebuggerErrorEvent"), rule("TwilioDebuggerWarningEvent"));
    assert_eq!(warning.expr, error.expr.replace("level=\"error\"", "level=\"warning\""));
    assert_eq!((&warning.pending, &warning.keep_firing_for), (&error.pending, &error.keep_firing_for));
}

/// A part of a rule that could go without a test noticing would be one that nobody needs, or that nobody has tested.
#[test]
fn without_any_part_of_how_events_are_counted_a_unit_test_fails() {
    const GUARD: &str = r#"
                  and on (job, instance)
                  (process_start_time_seconds{job="twilio-debugger-exporter"} == process_start_time_seconds{job="twilio-debugger-exporter"} offset 5m)"#;
    const RESETS: &str = r#"                resets(twilio_debugger_events_total{job="twilio-debugger-exporter", level="error"}[5m]) > 0
                or
"#;
    const BIRTH: &str = "                    unless\n";
    const REPLACED: &str = r#"                unless
                (
                  twilio_debugger_events_total{job="twilio-debugger-exporter", level="error"} offset 5m
                  unless
                  twilio_debugger_late_events_total{job="twilio-debugger-exporter", level="error"} offset 5m
                )
"#;
    const NO_LATE_NOW: &str = r#"              or
              0 * last_over_time(twilio_debugger_events_total{job="twilio-debugger-exporter", level="error"}[5m])
"#;
    const NO_LATE_THEN: &str = r#"                or
                0 * min_over_time(twilio_debugger_events_total{job="twilio-debugger-exporter", level="error"}[5m])
"#;
    const NOTHING_THEN: &str = r#"              or
              0 * min_over_time(twilio_debugger_events_total{job="twilio-debugger-exporter", level="error"}[5m])
"#;
    let bench = Bench::new();
    let rules = bench.read("events.rules.yaml");
    for (part, instead) in [
        (GUARD, ""),
        (RESETS, ""),
        (BIRTH, "                    and\n"),
        (REPLACED, ""),
        (NO_LATE_NOW, ""),
        (NO_LATE_THEN, ""),
        (NOTHING_THEN, ""),
        ("twilio_debugger_late_events_total", "twilio_debugger_no_events_total"),
        ("        keep_firing_for: 10m\n", ""),
        ("level=\"error\"", "level=~\".+\""),
        ("sum by (job, error_code) (", "sum by (job, error_code, instance) ("),
        ("[5m]", "[30m]"),
        ("job=\"twilio-debugger-exporter\"", "job=~\".+\""),
    ] {
        assert!(rules.contains(part), "{part}");
        bench.write("events.rules.yaml", &rules.replace(part, instead));
        for promtool in PROMTOOLS {
            let is_caught = ["events.yaml", "late-exporters.yaml"].iter().any(|test| {
                let output = bench.run(promtool, &["test", "rules", test]);
                !output.status.success() && said(&output).contains("exp:[")
            });
            assert!(is_caught, "{promtool} does not miss {part}");
        }
    }
}
