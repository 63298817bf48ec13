//! The rules themselves: the style they share, and what each of them must have.

use std::collections::BTreeSet;

use crate::prometheus;
use crate::rendered::{EVERY_FORM, file, text, with_thresholds};

/// Every alert there is. One that goes away takes its runbook, its tests and people's routes with it: that is a decision.
const ALERTS: [&str; 22] = [
    "TwilioDebuggerErrorCodeDominant",
    "TwilioDebuggerErrorEvent",
    "TwilioDebuggerErrorsAnomalous",
    "TwilioDebuggerEventsAboveThreshold",
    "TwilioDebuggerExporterBackfillFailing",
    "TwilioDebuggerExporterDeliveryDelayed",
    "TwilioDebuggerExporterDown",
    "TwilioDebuggerExporterEventsMissed",
    "TwilioDebuggerExporterEventsQuarantined",
    "TwilioDebuggerExporterEventsRefused",
    "TwilioDebuggerExporterLogExportFailing",
    "TwilioDebuggerExporterLogExportHeld",
    "TwilioDebuggerExporterLogRecordsDropped",
    "TwilioDebuggerExporterReloadFailed",
    "TwilioDebuggerExporterRestarting",
    "TwilioDebuggerExporterSeriesLimitReached",
    "TwilioDebuggerExporterSignatureFailures",
    "TwilioDebuggerExporterSilent",
    "TwilioDebuggerExporterStoreNearlyFull",
    "TwilioDebuggerLateEvents",
    "TwilioDebuggerNewErrorCode",
    "TwilioDebuggerWarningEvent",
];

#[test]
fn every_alert_is_there() {
    let file = prometheus::parse(&with_thresholds("prometheus", EVERY_FORM));
    let found: BTreeSet<_> = file.rules().map(|(_, rule)| rule.alert.as_str()).collect();
    assert_eq!(found, ALERTS.into());
}

#[test]
fn every_alert_has_what_alerts_have() {
    let file = prometheus::parse(&with_thresholds("prometheus", EVERY_FORM));
    let mut identities = BTreeSet::new();
    for (group, rule) in file.rules() {
        let name = &rule.alert;
        assert!(["critical", "warning", "info"].contains(&rule.labels["severity"].as_str()), "{name}");
        let priority = rule.labels.get("priority").map(String::as_str);
        let expected = match name.as_str() {
            "TwilioDebuggerErrorEvent" => Some("high"),
            "TwilioDebuggerWarningEvent" => Some("medium"),
            _ => None,
        };
        assert_eq!(priority, expected, "{name}");
        let annotations: Vec<_> = rule.annotations.keys().map(String::as_str).collect();
        assert_eq!(annotations, ["description", "runbook_url", "summary"], "{name}");
        let summary = &rule.annotations["summary"];
        assert!(!summary.contains("{{") && summary.ends_with('.'), "{name}: a summary is a static sentence: {summary}");
        assert!(rule.annotations["description"].contains("{{ $labels."), "{name}: a description says which");
        assert!(rule.annotations.values().all(|text| !text.contains('\n')), "{name}");
        // What Prometheus tells alerts apart by.
        assert!(identities.insert((name.clone(), rule.labels.clone())), "{name} stands twice with the same labels");
        assert!(group.starts_with("twilio-debugger-"), "{group}");
    }
}

/// The expression of a rule on one line, without the space inside parentheses.
fn on_one_line(expr: &str) -> String {
    let space = regex::Regex::new(r"\s+").expect("a pattern");
    space.replace_all(expr, " ").replace("( ", "(").replace(" )", ")")
}

/// How many events of a selector were not late, in a window: `grafana/rules/events.yaml` says how.
fn on_time(selector: &str, window: &str) -> String {
    let (all, late) =
        (format!("twilio_debugger_events_total{selector}"), format!("twilio_debugger_late_events_total{selector}"));
    let start = "process_start_time_seconds{job=\"twilio-debugger-exporter\"}";
    format!(
        "(last_over_time({all}[{window}]) - (last_over_time({late}[{window}]) or 0 * last_over_time({all}[{window}])) \
         - (min_over_time({all}[{window}]) - (min_over_time({late}[{window}]) \
         unless ({all} offset {window} unless {late} offset {window}) or 0 * min_over_time({all}[{window}])) \
         unless (resets({all}[{window}]) > 0 or (({all} unless {all} offset {window}) \
         and on (job, instance) ({start} == {start} offset {window}))) or 0 * min_over_time({all}[{window}])))"
    )
}

/// The unit tests of `tests/grafana/promtool/` hold how events are counted, in one rule; this holds that every rule counts them so, by
/// one selector in one window.
#[test]
fn events_are_counted_the_same_way_everywhere() {
    let counted = regex::Regex::new(r"\(last_over_time\(twilio_debugger_events_total(\{[^}]*\})\[(\w+)\]\) -")
        .expect("a pattern");
    let file = prometheus::parse(&with_thresholds("prometheus", EVERY_FORM));
    let mut places = 0;
    for (_, rule) in file.rules() {
        let expr = on_one_line(&rule.expr);
        for found in counted.captures_iter(&expr) {
            let wanted = on_time(&found[1], &found[2]);
            assert!(expr.contains(&wanted), "{}: {expr}\n{wanted}", rule.alert);
            places += 1;
        }
    }
    // Single errors and warnings, five thresholds, the anomaly, and both sides of the dominant code.
    assert_eq!(places, 10);
}

/// The same of the exporter's own counters.
#[test]
fn every_rise_of_a_counter_is_taken_the_same_way() {
    let selector = regex::Regex::new(r"max_over_time\((\w+_total\{[^}]*\})\[(\w+)\]\) -").expect("a pattern");
    let file = prometheus::parse(&with_thresholds("prometheus", EVERY_FORM));
    let mut rises = 0;
    for (_, rule) in file.rules() {
        let expr = on_one_line(&rule.expr);
        for found in selector.captures_iter(&expr) {
            let range = format!("{}[{}]", &found[1], &found[2]);
            let rise = format!(
                "(max_over_time({range}) - min_over_time({range}) unless resets({range}) > 0) or increase({range}))"
            );
            assert!(expr.contains(&rise), "{}: {expr}", rule.alert);
            rises += 1;
        }
    }
    assert!(rises > 5, "{rises}");
}

/// One Prometheus watches many jobs; a rule of ours must not meet another's `up`.
#[test]
fn every_selector_names_the_job() {
    let selector = regex::Regex::new(r"\b(?:twilio_debugger_\w+|process_\w+|up)\b(\{[^}]*\})?").expect("a pattern");
    for name in ["events", "thresholds", "insights", "health", "silence"] {
        let source = text(&format!("grafana/rules/{name}.yaml"));
        let mut found = 0;
        for line in source.lines().filter(|line| !line.trim_start().starts_with('#') && !line.contains("summary:")) {
            for selector in selector.captures_iter(line) {
                let matchers = selector.get(1).map_or("", |matchers| matchers.as_str());
                assert!(matchers.starts_with("{job=\"@job@\""), "{name}: {}", &selector[0]);
                found += 1;
            }
        }
        assert!(found >= 3, "{name}: {found} selectors");
    }
}

#[test]
fn the_folder_of_sources_holds_the_sources_alone() {
    let entries = std::fs::read_dir(file("grafana/rules")).expect("the folder");
    let names: BTreeSet<_> =
        entries.map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned()).collect();
    let known = ["default-thresholds", "events", "health", "insights", "silence", "thresholds"];
    assert_eq!(names, known.map(|name| format!("{name}.yaml")).into());
}
